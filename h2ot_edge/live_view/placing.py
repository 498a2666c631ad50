"""Where people are before the camera, roughly, so that they can be shown together."""

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.live import LivePose
from h2ot_edge.spec import FloatArray

__all__ = ["Placer"]

Array = NDArray[np.float64]

_SMOOTH_S = 0.5
"""Somebody's size in the picture, which tells the depth, follows within about this time."""
_FORGET_S = 10.0


@dataclass
class _Place:
    log_scale: float
    hip: Array
    seen: float


class Placer:
    """Moves poses about the hip to where their keypoints are, a frame at a time.

    Under weak perspective keypoints are scale * (x, y) of the pose + the hip's pixel. Scale and hip
    are those of the least squares over the joints that were seen. With a focal length of the
    picture's longer side (a guess: 53 degrees) the depth is focal / scale. `Poses.to_camera` is
    exact where the focal length is known, but looks ahead.

    Args:
        size: (width, height) of the picture in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._centre = np.array(size, np.float64) / 2
        self._focal = float(max(size))
        self._places: dict[Hashable, _Place] = {}

    def place(self, pose: LivePose, keypoints: FloatArray | None) -> FloatArray | None:
        """Move a pose.

        Args:
            pose: with its id and timestamp.
            keypoints: (17, 3) pixels of the same frame; None if the detector missed the person.

        Returns:
            (17, 3) float32 from the camera, x right, y down, z away, in the pose's unit; None while
            nothing tells where.
        """
        now = pose.timestamp
        for id in [id for id, old in self._places.items() if now - old.seen > _FORGET_S]:
            del self._places[id]
        fit = None if keypoints is None else _fit(pose, keypoints)
        if fit is not None:
            self._places[pose.id] = self._smooth(self._places.get(pose.id), *fit, now)
        place = self._places.get(pose.id)
        if place is None:
            return None
        scale = math.exp(place.log_scale)
        root = np.append((place.hip - self._centre) / scale, self._focal / scale)
        placed: FloatArray = pose.positions + root.astype(np.float32)
        return placed

    def _smooth(self, old: _Place | None, log_scale: float, hip: Array, now: float) -> _Place:
        if old is not None:
            share = 1 - math.exp(-max(now - old.seen, 0.0) / _SMOOTH_S)
            log_scale = old.log_scale + share * (log_scale - old.log_scale)
        return _Place(log_scale, hip, now)


def _fit(pose: LivePose, keypoints: FloatArray) -> tuple[float, Array] | None:
    """Logarithm of the scale, pixels for one of the pose's unit, and the hip's pixel."""
    points = keypoints.astype(np.float64)
    weights = np.where(np.isfinite(points).all(axis=1) & pose.valid, points[:, 2], 0).clip(0)
    if np.count_nonzero(weights) < 2:
        return None
    weights /= weights.sum()
    seen = np.where(weights[:, None] > 0, points[:, :2], 0)
    flat = pose.positions[:, :2].astype(np.float64)
    middle, about = weights @ seen, weights @ flat
    spread = weights @ ((flat - about) ** 2).sum(axis=1)
    along = weights @ ((flat - about) * (seen - middle)).sum(axis=1)
    if not (spread > 0 and along > 0):
        return None
    scale = along / spread
    return math.log(scale), middle - scale * about
