"""How many frames a second, and how late."""

import time
from collections import deque

import numpy as np

__all__ = ["Clocks"]

_RECENT_S = 2.0
_MOST = 100_000
"""Delays that are kept: an hour of a fast camera."""


class Clocks:
    """Counts what was shown.

    Attributes:
        shown: how many frames.
    """

    def __init__(self) -> None:
        self.shown = 0
        self._delays: deque[float] = deque(maxlen=_MOST)
        self._recent: deque[tuple[float, float]] = deque()

    def tick(self, taken_at: float) -> None:
        """A frame that was taken then, by `time.monotonic`, has just been shown."""
        now = time.monotonic()
        self.shown += 1
        self._delays.append(now - taken_at)
        self._recent.append((now, now - taken_at))
        while now - self._recent[0][0] > _RECENT_S:
            self._recent.popleft()

    @property
    def fps(self) -> float | None:
        """Frames a second, lately; None before there are two."""
        if len(self._recent) < 2:
            return None
        span = self._recent[-1][0] - self._recent[0][0]
        return (len(self._recent) - 1) / span if span > 0 else None

    @property
    def delay_s(self) -> float | None:
        """The median of the latest delays."""
        return float(np.median([late for _, late in self._recent])) if self._recent else None

    def delays_ms(self) -> dict[str, float] | None:
        """`p50` and `p99` of the delays, milliseconds; None if nothing was shown."""
        if not self._delays:
            return None
        middle, worst = np.percentile(self._delays, (50, 99)) * 1e3
        return {"p50": float(middle), "p99": float(worst)}
