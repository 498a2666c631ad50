"""The people whom a tracker follows, as arrays: where they are, and where they are going.

Letters: m people who are followed, n detections.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.skeleton import JOINTS
from h2ot_edge.tracking.similarity import SPREAD, Bodies, oks

__all__ = ["KNOWN", "LOST", "NEW", "NOT", "Followed"]

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_TRUNK = ("hip", "rhip", "lhip", "spine", "thorax", "lshoulder", "rshoulder")
_WEIGHT = np.where(np.isin(JOINTS, _TRUNK), 1.0, 0.05)
"""Of a joint for how somebody moves; arms and legs swing."""

_COAST_S = 0.5
"""Time in which somebody who is not seen is expected to slow down to 1/e."""

_SMOOTH_S = 0.1
"""Memory of speeds."""

_DOUBT = 0.7
"""By which an expected place may be off, in sizes a second: people change their speed."""

_DOUBT_AT_FIRST = 4.5
"""The same of people who were seen once, whose speed is unknown."""

_STRAIGHT_S = 0.25
"""Between frames; in more people turn round, and their speed tells as little as if unknown."""

_MOST_DOUBT = 3.0
"""The most, in sizes: frames may be far apart, and it is still somebody."""

_CAUTION = 0.25
"""How much less a joint counts whose place is in doubt: the power of the share of the spread."""

_NEW_S = 0.25
"""Who is followed for no longer may be a second detection of somebody else."""

_SHRINK = 0.2
"""Share of a loss of size that is believed: who is half hidden is no smaller."""

NOT, NEW, LOST, KNOWN = range(4)
"""How sure it is that a detection is a person who is followed; `Followed.standing`."""


@dataclass(frozen=True, eq=False)
class Followed:
    """People who are followed, in order of their ids.

    Attributes:
        ids: (m,) whole numbers.
        places: (m, 17, 2) pixels, when last seen.
        known: (m, 17) joints that were ever seen.
        sizes: (m,) as in `Bodies`.
        speeds: (m, 2) pixels a second.
        times: (m,) seconds, when last seen.
        births: (m,) seconds, when first seen.
    """

    ids: NDArray[np.int64]
    places: Array
    known: BoolArray
    sizes: Array
    speeds: Array
    times: Array
    births: Array

    @classmethod
    def new(cls, ids: NDArray[np.int64], bodies: Bodies, timestamp: float) -> "Followed":
        """People who are seen for the first time."""
        times = np.full(len(ids), timestamp)
        speeds = np.zeros((len(ids), 2))
        return cls(ids, bodies.places, bodies.seen, bodies.sizes, speeds, times, times.copy())

    def __getitem__(self, which: NDArray[np.generic]) -> "Followed":
        return Followed(*(array[which] for array in self._arrays()))

    def __add__(self, others: "Followed") -> "Followed":
        both = zip(self._arrays(), others._arrays(), strict=True)
        return Followed(*(np.concatenate(arrays) for arrays in both))

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        state = (self.ids, self.places, self.known, self.sizes)
        return (*state, self.speeds, self.times, self.births)

    def similarity(self, found: Bodies, timestamp: float, before: float) -> Array:
        """(m, n) how likely it is that n detections are the people, 0 to 1.

        OKS to where they are expected; the longer they were not seen, the less it matters how far
        off that is, and the less it counts. `before` is the time of the frame before.
        """
        passed = timestamp - self.times
        doubt = np.where(self._fresh(), _DOUBT_AT_FIRST, _DOUBT) * passed
        turned = _DOUBT_AT_FIRST * max(timestamp - before - _STRAIGHT_S, 0.0)
        doubt = np.minimum(np.maximum(doubt, turned), _MOST_DOUBT)
        spread = np.sqrt(SPREAD**2 + doubt[:, None] ** 2)
        way = self.speeds * (_COAST_S * (1 - np.exp(-passed / _COAST_S)))[:, None]
        expected = Bodies(self.places + way[:, None], self.known, self.sizes)
        sure = (SPREAD / spread).mean(axis=1) ** (2 * _CAUTION)
        similar: Array = oks(expected, found, spread, 2 * doubt) * sure[:, None]
        return similar

    def standing(self, places: NDArray[np.intp], before: float) -> NDArray[np.int64]:
        """How sure it is that somebody is there whom a detection is taken for.

        Args:
            places: of the people in `ids`.
            before: timestamp of the frame before.

        Returns:
            `NEW`: followed for a short time; `LOST`: for longer, but not seen in the frame before;
            else `KNOWN`.
        """
        new = self.times[places] - self.births[places] < _NEW_S
        return np.where(new, NEW, np.where(self.times[places] < before, LOST, KNOWN))

    def move(self, who: NDArray[np.intp], found: Bodies, timestamp: float) -> None:
        """Take detections for the people at these places in `ids`."""
        passed = (timestamp - self.times[who])[:, None]
        weight: Array = np.where(found.seen & self.known[who], _WEIGHT, 0.0)
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
        shift = ((found.places - self.places[who]) * weight[..., None]).sum(axis=1)
        believed = np.where(self._fresh()[who, None], 1.0, 1 - np.exp(-passed / _SMOOTH_S))
        self.speeds[who] += believed * (shift / passed - self.speeds[who])
        moved = self.places[who] + shift[:, None]
        self.places[who] = np.where(found.seen[..., None], found.places, moved)
        self.known[who] |= found.seen
        change = found.sizes - self.sizes[who]
        self.sizes[who] += np.where(change > 0, 1.0, _SHRINK * believed[:, 0]) * change
        self.times[who] = timestamp

    def _fresh(self) -> BoolArray:
        """(m,) who was seen once."""
        return np.asarray(self.times == self.births)
