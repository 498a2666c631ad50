"""From where to where a source is read."""

import math
from dataclasses import dataclass
from fractions import Fraction

from h2ot_edge.errors import UsageError

__all__ = ["Span"]

_SLACK_S = 5e-7
"""Seconds as people type them have up to six digits."""


@dataclass(frozen=True)
class Span:
    """Frames from `start_s` to before `stop_s`, in seconds since the source's first frame.

    Raises:
        UsageError: a time below 0, or one that is not after the other.
    """

    start_s: float = 0.0
    stop_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < math.inf:
            raise UsageError(f"from {self.start_s:g} s: expected seconds, 0 or more")
        if self.stop_s is not None and not self.start_s < self.stop_s < math.inf:
            raise UsageError(
                f"from {self.start_s:g} to {self.stop_s:g} s: expected an end after the beginning"
            )

    @property
    def first(self) -> Fraction:
        """No frame that is wanted is shown before."""
        return Fraction(max(0.0, self.start_s - _SLACK_S))

    def before(self, timestamp: float) -> bool:
        """Whether a frame comes before the first that is wanted."""
        return timestamp < self.first

    def after(self, timestamp: float) -> bool:
        """Whether a frame comes after the last that is wanted."""
        return self.stop_s is not None and timestamp >= self.stop_s - _SLACK_S

    def frames(self, duration_s: float, fps: float) -> int:
        """How many frames of a source are in it."""
        stop = duration_s if self.stop_s is None else min(self.stop_s, duration_s)
        return max(0, math.ceil(stop * fps - 1e-3) - math.ceil(self.start_s * fps - 1e-3))
