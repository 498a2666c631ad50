"""The people whom a tracker follows, as arrays: where they are, and where they are going.

Letters: m people who are followed, n detections.
"""

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

_CAUTION = 0.25
"""How much less a joint counts whose place is in doubt: the power of the share of the spread."""

_NEW_S = 0.25
"""Who is followed for no longer may be a second detection of somebody else."""

_SHRINK = 0.2
"""Share of a loss of size that is believed: who is half hidden is no smaller."""

NOT, NEW, LOST, KNOWN = range(4)
"""How sure it is that a detection is a person who is followed; `Followed.standing`."""


class Followed:
    """People who are followed, in order of their ids.

    Attributes:
        ids: (m,) whole numbers.
    """

    def __init__(self) -> None:
        self.ids = np.empty(0, np.int64)
        self._places = np.empty((0, len(JOINTS), 2))  # pixels, when last seen
        self._known = np.empty((0, len(JOINTS)), np.bool_)  # joints that were ever seen
        self._speeds = np.empty((0, 2))  # pixels a second
        self._sizes = np.empty(0)  # pixels
        self._times = np.empty(0)  # when last seen
        self._births = np.empty(0)  # when first seen

    def forget(self, before: float) -> None:
        """Forget who was last seen before a time, and not as well a microsecond later."""
        self._take(self._times >= before - 1e-6)

    def drop(self, places: NDArray[np.intp]) -> None:
        """Forget those at these places."""
        self._take(~np.isin(np.arange(len(self.ids)), places))

    def add(self, name: int, body: Bodies, timestamp: float) -> None:
        """Follow somebody, the only one of `body`."""
        new: list[tuple[str, object]] = [
            ("ids", [name]),
            ("_places", body.places),
            ("_known", body.seen),
            ("_speeds", np.zeros((1, 2))),
            ("_sizes", body.sizes),
            ("_times", [timestamp]),
            ("_births", [timestamp]),
        ]
        for field, value in new:
            setattr(self, field, np.concatenate([getattr(self, field), np.asarray(value)]))

    def similarity(self, found: Bodies, timestamp: float) -> Array:
        """(m, n) how likely it is that n detections are the people, 0 to 1.

        OKS to where they are expected; the longer they were not seen, the less it matters how far
        off that is, and the less it counts.
        """
        passed = timestamp - self._times
        doubt = np.where(self._fresh(), _DOUBT_AT_FIRST, _DOUBT) * passed
        spread = np.sqrt(SPREAD**2 + doubt[:, None] ** 2)
        way = self._speeds * (_COAST_S * (1 - np.exp(-passed / _COAST_S)))[:, None]
        expected = Bodies(self._places + way[:, None], self._known, self._sizes)
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
        new = self._times[places] - self._births[places] < _NEW_S
        return np.where(new, NEW, np.where(self._times[places] < before, LOST, KNOWN))

    def move(self, who: NDArray[np.intp], found: Bodies, timestamp: float) -> None:
        """Take detections for the people at these places in `ids`."""
        passed = (timestamp - self._times[who])[:, None]
        weight: Array = np.where(found.seen & self._known[who], _WEIGHT, 0.0)
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
        shift = ((found.places - self._places[who]) * weight[..., None]).sum(axis=1)
        believed = np.where(self._fresh()[who, None], 1.0, 1 - np.exp(-passed / _SMOOTH_S))
        self._speeds[who] += believed * (shift / passed - self._speeds[who])
        moved = self._places[who] + shift[:, None]
        self._places[who] = np.where(found.seen[..., None], found.places, moved)
        self._known[who] |= found.seen
        change = found.sizes - self._sizes[who]
        self._sizes[who] += np.where(change > 0, 1.0, _SHRINK * believed[:, 0]) * change
        self._times[who] = timestamp

    def _fresh(self) -> BoolArray:
        """(m,) who was seen once."""
        return np.asarray(self._times == self._births)

    def _take(self, kept: BoolArray) -> None:
        if not kept.all():
            for field, values in vars(self).items():
                setattr(self, field, values[kept])
