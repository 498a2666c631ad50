"""What every source of energy has in common: rails, and readings that become joules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_W", "Meter", "Unmeasured", "believed"]

FloatArray = NDArray[np.float64]

MOST_W = 1000.0
"""No rail of a machine that these networks run on draws more."""

FEWEST = 10
"""Samples of power from which a mean is taken."""

_LAG_S = 0.2  # at most, of a counter behind what it counts


class Unmeasured(Exception):
    """Why there is no energy; the text goes into the result."""


def _nothing() -> list[str]:
    return []


@dataclass(frozen=True, kw_only=True)
class Meter:
    """A source of energy.

    Attributes:
        source: what is read, and what of it is added up, in words.
        rails: names of what is added up.
        read: their readings now, in watts or, if `counts`, the joules counted so far. Raises
            `Unmeasured` if there are none.
        hz: readings a second; the sensor has no news more often.
        shortest_s: seconds that a run must take for the sensor to see it well.
        counts: whether readings are counters.
        ranges: joules at which each counter begins again; 0 where it never does.
        throttled: why the device is slowed down now, as far as the source knows.
        close: gives back what was opened.
    """

    source: str
    rails: tuple[str, ...]
    read: Callable[[], Sequence[float]]
    hz: float
    shortest_s: float
    counts: bool = False
    ranges: tuple[float, ...] = ()
    throttled: Callable[[], list[str]] = _nothing
    close: Callable[[], object] = _nothing

    def joules(self, times: FloatArray, readings: FloatArray) -> FloatArray:
        """Energy since the first reading.

        Args:
            times: (n,) float64, s.
            readings: (n, rails) float64, as `read` gives them.

        Returns:
            (n, rails) float64, J.

        Raises:
            Unmeasured: the readings cannot be.
        """
        steps = self._counted(times, readings) if self.counts else _integrated(times, readings)
        total: FloatArray = np.vstack([np.zeros(len(self.rails)), np.cumsum(steps, axis=0)])
        return total

    def _counted(self, times: FloatArray, readings: FloatArray) -> FloatArray:
        steps = np.diff(readings, axis=0)
        steps = np.where(steps < 0, steps + np.array(self.ranges), steps)
        back = (steps < 0).any(axis=0)
        if back.any():
            rail = self.rails[int(np.flatnonzero(back)[0])]
            raise Unmeasured(f"{rail}: its counter went back during the run; measure again")
        # A counter that was set back looks as one that began again, but moves too far.
        watts = steps / (np.diff(times)[:, None] + _LAG_S)
        for rail, most in zip(self.rails, watts.max(axis=0), strict=True):
            believed(rail, float(most))
        result: FloatArray = steps
        return result


def believed(rail: str, watts: float, *, least: float = 0.0) -> float:
    """The power of a rail, if it can be.

    Raises:
        Unmeasured: less than `least`, more than `MOST_W`, or not a number.
    """
    if not least <= watts <= MOST_W:
        raise Unmeasured(f"{rail}: {watts:.4g} W was read, which cannot be (0 to {MOST_W:g} W)")
    return watts


def _integrated(times: FloatArray, watts: FloatArray) -> FloatArray:
    means = (watts[1:] + watts[:-1]) / 2
    result: FloatArray = means * np.diff(times)[:, None]
    return result
