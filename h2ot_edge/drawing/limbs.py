"""Bones and joints of people as polygons with fractions of pixels in place and width.

OpenCV's own lines have whole widths, which makes people who come nearer twitch.
Letters: n people.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.drawing.colours import Colour
from h2ot_edge.drawing.images import Image
from h2ot_edge.skeleton import PARENTS

__all__ = [
    "CHILDREN",
    "HEADS",
    "bones_of",
    "boxes_of",
    "dots_of",
    "fill",
    "finite",
    "radii_of",
    "sides_of",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Polygons = NDArray[np.int32]

CHILDREN = np.array([child for child, parent in enumerate(PARENTS) if parent >= 0])
"""The joint at the far end of each of the 16 bones; a bone has its colour."""

HEADS = np.array([parent for parent in PARENTS if parent >= 0])
"""The joint at the near end of each bone."""

_SHIFT = 4
_PARTS = 1 << _SHIFT
"""To a pixel; OpenCV takes whole numbers of them."""

_FAR = 1e5
"""Pixels; whoever is farther out is drawn here. More would overflow."""

_SOFT = 0.5
"""OpenCV draws soft edges outside of polygons; so much wider are they."""

_CIRCLE = np.exp(1j * np.radians(np.arange(0, 360, 30)))
_CIRCLE_POINTS = np.stack([_CIRCLE.real, _CIRCLE.imag], axis=-1)


def finite(points: Array) -> Flags:
    """(n, 17) of (n, 17, channels)."""
    known: Flags = np.asarray(np.isfinite(points).all(axis=-1))
    return known


def boxes_of(points: Array, known: Flags) -> tuple[Array, Array]:
    """(n, c) first and last corner of the (n, 17, c) joints that are known; 0 without any."""
    first = np.where(known[..., None], points, np.inf).min(axis=1)
    last = np.where(known[..., None], points, -np.inf).max(axis=1)
    return np.where(first < np.inf, first, 0.0), np.where(last > -np.inf, last, 0.0)


def radii_of(extents: Array, image_size: tuple[int, int]) -> tuple[Array, Flags]:
    """Half the thickness of bones, of people of (n,) pixels in such an image.

    Returns:
        (n, 1) pixels, and (n,) whether somebody is large enough for dots and edges to be seen.
    """
    shorter = min(image_size)
    least, most = max(1.0, shorter / 540), max(1.5, shorter / 180)
    wanted = extents / 110
    return np.clip(wanted, least, most)[:, None], wanted > least


def bones_of(points: Array, radii: Array) -> Polygons:
    """(n, 16, 6, 2) of (n, 17, 2) pixels and the (n, 17) radii there; pointed at both ends."""
    starts, ends, along, across = _frames(points)
    near, far = (np.maximum(radii[:, side] - _SOFT, 0)[..., None] for side in (HEADS, CHILDREN))
    corners = [
        *(starts - along * near, starts + across * near, ends + across * far),
        *(ends + along * far, ends - across * far, starts - across * near),
    ]
    return _fixed(np.stack(corners, axis=-2))


def sides_of(points: Array, radii: Array, gaps: Array) -> Polygons:
    """(n, 16, 4, 2), bones without their ends: what is within the (n, 17) gaps of joints."""
    starts, ends, along, across = _frames(points)
    half = np.linalg.norm(ends - starts, axis=-1, keepdims=True) / 2
    starts = starts + along * np.minimum(gaps[:, HEADS, None], half)
    ends = ends - along * np.minimum(gaps[:, CHILDREN, None], half)
    near, far = (np.maximum(radii[:, side] - _SOFT, 0)[..., None] for side in (HEADS, CHILDREN))
    corners = [starts + across * near, ends + across * far]
    corners += [ends - across * far, starts - across * near]
    return _fixed(np.stack(corners, axis=-2))


def dots_of(points: Array, radii: Array) -> Polygons:
    """(n, 17, 12, 2) of (n, 17, 2) pixels and (n, 17) radii."""
    return _fixed(
        points[..., None, :] + _CIRCLE_POINTS * np.maximum(radii - _SOFT, 0)[..., None, None]
    )


def fill(cv2: Any, image: Image, polygons: Iterable[Polygons], colours: Iterable[Colour]) -> None:
    """Paint polygons, one over the other."""
    paint, soft = cv2.fillConvexPoly, cv2.LINE_AA
    for polygon, colour in zip(polygons, colours, strict=False):
        paint(image, polygon, colour, soft, _SHIFT)


def _frames(points: Array) -> tuple[Array, Array, Array, Array]:
    """Start and end of bones (n, 16, 2), and directions of length 1 along and across."""
    starts, ends = points[:, HEADS], points[:, CHILDREN]
    along = ends - starts
    lengths = np.linalg.norm(along, axis=-1, keepdims=True)
    along = np.where(lengths > 0, along / np.where(lengths > 0, lengths, 1), [1.0, 0.0])
    return starts, ends, along, np.stack([-along[..., 1], along[..., 0]], axis=-1)


def _fixed(points: Array) -> Polygons:
    return np.rint(np.clip(points, -_FAR, _FAR) * _PARTS).astype(np.int32)
