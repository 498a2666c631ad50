"""Ids by similarity of keypoints (OKS) to where everybody is expected. Why: docs/tracking.md.

Letters: m people who are followed, n detections.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._gaps import seen_in
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.tracking.followed import NEW, NOT, Followed
from h2ot_edge.tracking.similarity import Bodies, oks

__all__ = ["NOBODY", "Tracker"]

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NOBODY = 0
"""The id of a detection that is no person of its own: a second one of somebody, or a weak one."""

_SAME = 0.6
"""OKS from which two detections are of one person. Of 40 000 pairs of people in the scenes of the
benchmark 2 are as close."""

_LIKELY = 0.2
"""Similarity from which a detection may be a person who is followed."""


class Tracker:
    """Ids for the detections of a video or a camera, frame by frame.

    A person keeps the id for as long as they are found again in the next frame or within
    `max_lost_s`; ids count from 1 and are never used twice.
    """

    def __init__(self, *, max_lost_s: float = 1.0, birth_score: float = 0.3) -> None:
        """Begin with nobody.

        Args:
            max_lost_s: who is not seen for longer is somebody new afterwards; but for who was in
                the frame before, however long ago that is.
            birth_score: detections with a lower score are nobody new; they may be somebody who is
                followed.

        Raises:
            UsageError: `max_lost_s` is below 0 or no number, or `birth_score` is no number.
        """
        if not 0 <= max_lost_s < math.inf:
            raise UsageError(f"max_lost_s: expected seconds from 0 on, got {max_lost_s}")
        if not math.isfinite(birth_score):
            raise UsageError(f"birth_score: expected a number, got {birth_score}")
        self._max_lost_s, self._birth_score = max_lost_s, birth_score
        self._people = Followed.new(np.empty(0, np.int64), _checked([], [])[0], -math.inf)
        self._last_id, self._time = NOBODY, -math.inf

    def update(self, keypoints: ArrayLike, scores: ArrayLike, timestamp: float) -> list[int]:
        """The ids of a frame's detections.

        Args:
            keypoints: (n, 17, 2|3) pixels, Human3.6M's joints; a joint with NaN or confidence 0 is
                missing. n may be 0.
            scores: (n,) how sure the detector is of each, 0 to 1.
            timestamp: of the frame, seconds on any clock.

        Returns:
            n ids from 1 on; `NOBODY` for those that are to be dropped: a second detection of
            somebody, a weak one of nobody known, one without joints.

        Raises:
            InputError: another shape, or a timestamp that is not after the one before.
        """
        found, strength = _checked(keypoints, scores)
        before = self._advance(timestamp)
        people, matched = _pairs(self._people.similarity(found, timestamp, before))
        standing = np.full(len(found), NOT)
        standing[matched] = self._people.standing(people, before)
        double = _doubles(found, standing, strength)
        ids = np.full(len(found), NOBODY)
        ids[matched] = self._people.ids[people]
        ids[double] = NOBODY
        own = ~double[matched]
        self._people.move(people[own], found[matched[own]], timestamp)
        never = people[~own & (standing[matched] == NEW)]
        self._keep(~np.isin(self._people.ids, self._people.ids[never]))
        new = (standing == NOT) & ~double & (strength >= self._birth_score)
        new &= found.seen.any(axis=1)
        ids[new] = self._follow(found[new], timestamp)
        return [int(name) for name in ids]

    def _advance(self, timestamp: float) -> float:
        """Forget who was last seen too long ago, and give the time of the frame before."""
        before = self._time
        if not before < timestamp < math.inf:
            raise InputError(
                f"timestamp: expected a finite number of seconds after the {before:.6f} s of the "
                f"frame before, got {timestamp:.6f}; give frames in the order they were taken"
            )
        # Who was in the frame before stays, however long ago that was.
        oldest = min(timestamp - self._max_lost_s, before)
        self._keep(self._people.times >= oldest - 1e-6)  # floats: not a microsecond later as well
        self._time = timestamp
        return before

    def _keep(self, kept: BoolArray) -> None:
        if not kept.all():
            self._people = self._people[kept]

    def _follow(self, bodies: Bodies, timestamp: float) -> NDArray[np.int64]:
        """Follow people who are new; their ids."""
        ids = self._last_id + 1 + np.arange(len(bodies))
        if len(bodies):
            self._people += Followed.new(ids, bodies, timestamp)
            self._last_id += len(bodies)
        return ids


def _doubles(found: Bodies, standing: NDArray[np.int64], strength: Array) -> BoolArray:
    """(n,) detections of somebody of whom there is a better one."""
    order = np.argsort(np.lexsort((-strength, -standing)))
    worse = order[:, None] > order
    return np.asarray((worse & (oks(found, found) >= _SAME)).any(axis=1))


def _pairs(similar: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns that are similar enough, the most similar first, each once.

    Not those with the highest sum: it makes no difference (docs/tracking.md).
    """
    rows, columns = np.nonzero(similar >= _LIKELY)
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for at in np.argsort(-similar[rows, columns], kind="stable").tolist():
        row, column = int(rows[at]), int(columns[at])
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    return np.array(list(pairs), np.intp), np.array(list(pairs.values()), np.intp)


def _checked(keypoints: ArrayLike, scores: ArrayLike) -> tuple[Bodies, Array]:
    """The detections, and their scores (n,)."""
    points, strength = np.asarray(keypoints, np.float32), np.asarray(scores, np.float64)
    if not points.size:
        points = np.empty((0, len(JOINTS), 3), np.float32)
    if points.ndim != 3 or points.shape[1] != len(JOINTS) or points.shape[2] not in (2, 3):
        raise InputError(
            f"keypoints: expected (n, {len(JOINTS)}, 2|3) of a frame's n people, got {points.shape}"
        )
    if strength.shape != (len(points),):
        raise InputError(
            f"scores: expected one for each of the {len(points)} people, got {strength.shape}"
        )
    seen = seen_in(points)
    places = np.where(seen[..., None], points[..., :2], 0).astype(np.float64)
    return Bodies.of(places, seen), strength
