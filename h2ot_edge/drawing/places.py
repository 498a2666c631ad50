"""Where people stand in the picture, and how large they are there.

Letters: n people.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.drawing.limbs import finite

__all__ = ["Places", "places_of"]

Array = NDArray[np.float64]

_AT_ONCE = 0.2
"""Share of a change of somebody's size that is made in a frame; the rest comes later. A detector's
noise moves it by one to five percent a frame, which is seen."""


class Places:
    """Places of people from frame to frame.

    Args:
        steady: sizes of people with an id change smoothly, and who is not observed for some frames
            stays, as long as a joint is valid.
    """

    def __init__(self, *, steady: bool = True) -> None:
        self._steady = steady
        self._before: Mapping[Hashable, tuple[Array, float]] = {}

    def look(
        self, poses: Array, keypoints: Array, valid: NDArray[np.bool_], ids: Sequence[Hashable]
    ) -> tuple[Array, Array]:
        """What `places_of` gives for the next frame, but steady; ids may be empty."""
        hips, scales = places_of(poses, keypoints)
        for number, person in enumerate(ids):
            before = self._before.get(person)
            if before is None or not self._steady:
                continue
            if not np.isnan(scales[number]):
                scales[number] = before[1] * (scales[number] / before[1]) ** _AT_ONCE
            elif valid[number].any():
                hips[number], scales[number] = before
        known = np.flatnonzero(~np.isnan(scales)).tolist() if len(ids) else []
        self._before = {ids[number]: (hips[number], scales[number]) for number in known}
        return hips, scales


def places_of(poses: Array, keypoints: Array) -> tuple[Array, Array]:
    """Where keypoints show people, and how large.

    The size is that at which joints are spread as far as the keypoints that were observed, each
    counting as much as it is certain.

    Args:
        poses: (n, 17, 3) about the hip.
        keypoints: (n, 17, 2|3) pixels.

    Returns:
        (n, 2) pixels of the hip, and (n,) pixels to a unit of the pose; NaN for people of whom too
        few joints were observed.
    """
    sure = keypoints[..., 2] if keypoints.shape[2] == 3 else np.ones(keypoints.shape[:2])
    both = finite(poses) & finite(keypoints) & (sure > 0)
    weights = np.where(both, sure, 0.0)[..., None]
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    (mean, flat), (centre, seen) = (
        _spread(np.where(both[..., None], points[..., :2], 0.0), weights)
        for points in (poses, keypoints)
    )
    known = (flat > 0) & (seen > 0)
    scales = np.where(known, np.sqrt(seen / np.where(known, flat, 1.0)), np.nan)
    hips = np.where(both[:, :1], keypoints[:, 0, :2], centre - scales[:, None] * mean)
    return hips, scales


def _spread(points: Array, weights: Array) -> tuple[Array, Array]:
    """(n, 2) mean of (n, 17, 2), and (n,) mean square of the distance from it."""
    mean = (weights * points).sum(axis=1)
    return mean, (weights * (points - mean[:, None]) ** 2).sum(axis=(1, 2))
