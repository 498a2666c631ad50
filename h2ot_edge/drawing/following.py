"""Which part of the picture panels show: as much as all people need, moving smoothly."""

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.drawing.limbs import boxes_of, finite

__all__ = ["Part", "follow"]

Array = NDArray[np.float64]

_MOST = 3.0
"""Noise becomes larger, too."""

_ROOM = 0.65
"""Of somebody's longest side, in all directions from their middle: who is turned may be wider."""

_WIDER, _CLOSER, _ASIDE = 0.25, 0.03, 0.15
"""Shares of the way in a frame: people who come are seen soon, those who lift an arm change
nothing for long."""

Part = tuple[Array, float]
"""Middle of the part, (2,) pixels of the source from its corner, and by how much it is enlarged."""


def follow(before: Part | None, keypoints: Array, size: tuple[int, int]) -> Part:
    """The next part.

    Args:
        before: the last one; None to go straight to where people are.
        keypoints: (n, 17, 2|3) pixels.
        size: (width, height) of the picture; what comes is inside it.
    """
    whole = np.array(size, np.float64)
    wanted = _wanted(keypoints, whole)
    if wanted is None:
        return before or (whole / 2, 1.0)
    middle, zoom = wanted
    if before is not None:
        rate = _WIDER if zoom < before[1] else _CLOSER
        zoom = before[1] + rate * (zoom - before[1])
        middle = before[0] + _ASIDE * (middle - before[0])
    margin = whole / 2 / zoom
    return np.clip(middle, margin, whole - margin), zoom


def _wanted(keypoints: Array, whole: Array) -> Part | None:
    """Of people who were observed inside the picture."""
    seen = finite(keypoints)
    if keypoints.shape[2] == 3:
        seen &= keypoints[..., 2] > 0
    first, last = boxes_of(np.where(seen[..., None], keypoints[..., :2] + 0.5, 0.0), seen)
    there = ((last > first) & (last > 0) & (first < whole)).sum(axis=1) == 2
    if not there.any():
        return None
    middles = (first + last)[there] / 2
    room = _ROOM * (last - first)[there].max(axis=1, keepdims=True)
    low, high = (middles - room).min(axis=0), (middles + room).max(axis=0)
    return (low + high) / 2, float(np.clip((whole / (high - low)).min(), 1.0, _MOST))
