"""Seconds since a source's first frame."""

import math
from fractions import Fraction

__all__ = ["Clock"]

_JUMP_S = 0.5
"""A clock that goes back by more was set anew: files that were joined."""


class Clock:
    """Seconds since the first frame, rising whatever the file says.

    Args:
        origin: when the first frame is shown, on the file's clock; None if it does not say.
        fps: for frames of which the file does not say when they are shown.

    Attributes:
        step: seconds from a frame to the next, if the file does not say it.
        left_out: frames that were shown at the moment of the one before, or earlier.
    """

    def __init__(self, origin: Fraction | None, fps: float | None) -> None:
        self.step = 1 / (fps or 25)
        self._origin = origin
        self._shift = 0.0
        self._last = -math.inf
        self.left_out = 0

    @property
    def end(self) -> float:
        """When the last frame's time is over."""
        return max(0.0, self._last) + self.step

    def __call__(self, seconds: Fraction | None) -> float | None:
        """The next frame's time; None if it is not after the last one."""
        now = self._now(seconds)
        if now <= self._last:
            self.left_out += 1
            return None
        self._last = now
        return now

    def _now(self, seconds: Fraction | None) -> float:
        if seconds is None or self._origin is None:
            return 0.0 if self._last < 0 else self._last + self.step
        now = float(seconds - self._origin) + self._shift
        if now < self._last - _JUMP_S:
            self._shift += self._last + self.step - now
            now = self._last + self.step
        return now
