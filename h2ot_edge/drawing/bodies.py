"""People on a 3-D panel: how they are painted.

Letters: n people.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.drawing.colours import Paints
from h2ot_edge.drawing.images import Image
from h2ot_edge.drawing.labels import put_labels
from h2ot_edge.drawing.limbs import (
    CHILDREN,
    HEADS,
    bones_of,
    boxes_of,
    dots_of,
    fill,
    finite,
    radii_of,
    sides_of,
)

__all__ = ["Bodies"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NEARER = 0.6
"""By this share of itself is a bone thicker that is the person's size nearer."""

_BEHIND = 1e9
"""Pixels; so much farther away is painted what is faint."""


class Bodies:
    """Polygons of people.

    Args:
        names: of the n people, or None.
        points: (n, 17, 3) pixels of the panel, x right, y down, z away from the viewer; NaN is not
            drawn.
        valid: (n, 17), what is not is faint.
        size: (width, height) of the panel.

    Attributes:
        extents: (n,) pixels, of the longest side in all three dimensions.
    """

    def __init__(
        self, names: Sequence[Hashable | None], points: Array, valid: Flags, size: tuple[int, int]
    ) -> None:
        self._names, self._paints = names, Paints(names)
        self._known = finite(points)
        points = np.where(self._known[..., None], points, 0.0)
        flat, away = points[..., :2], points[..., 2]
        self._first, self._last = boxes_of(points, self._known)
        self.extents: Array = (self._last - self._first).max(axis=1)
        thin, self._large = radii_of(self.extents, size)
        nearer = -away / np.maximum(self.extents, 1.0)[:, None]
        radii = thin * np.clip(1 + _NEARER * nearer, 0.5, 1.5)
        self._bones = bones_of(flat, radii)
        big, thick = flat[self._large], radii[self._large]
        self._dots = dots_of(big, 1.4 * thick)
        self._edges = sides_of(big, thick + np.maximum(1.2, 0.5 * thick), 3 * thick)
        self._rank = np.cumsum(self._large) - 1
        self._whole = self._known[:, HEADS] & self._known[:, CHILDREN]
        sure = valid[:, HEADS] & valid[:, CHILDREN]
        joints = self._paints.joints
        self._dot_paints = joints + self._paints.faint * ~valid
        self._bone_paints = joints[:, CHILDREN] + self._paints.faint * ~sure
        far = away[:, HEADS] + away[:, CHILDREN] + np.where(sure, 0.0, _BEHIND)
        self._order = np.argsort(-far, axis=1, kind="stable")

    def paint(self, cv2: Any, panel: Image) -> None:
        """Paint everybody, the smallest first; of each what is faint, then from far to near."""
        people = np.argsort(self.extents)
        small = people[~self._large[people]][:, None]
        bones = self._order[small[:, 0]]
        whole = self._whole[small, bones]
        colours = self._paints(self._bone_paints[small, bones][whole])
        fill(cv2, panel, self._bones[small, bones][whole], colours)
        for one in people[self._large[people]].tolist():
            self._paint_large(cv2, panel, one)

    def _paint_large(self, cv2: Any, panel: Image, one: int) -> None:
        """With white edges along bones, so that one can see which one is in front, and joints."""
        bones = self._order[one][self._whole[one][self._order[one]]]
        ends = np.stack([HEADS[bones], CHILDREN[bones]], axis=1)
        rank = self._rank[one]
        sides, lines, dots = self._edges[rank], self._bones[one], self._dots[rank]
        polygons = [
            polygon
            for bone, (head, child) in zip(bones.tolist(), ends.tolist(), strict=True)
            for polygon in (sides[bone], lines[bone], dots[head], dots[child])
        ]
        paints = [np.zeros_like(bones), self._bone_paints[one, bones], self._dot_paints[one, ends]]
        fill(cv2, panel, polygons, self._paints(np.column_stack(paints)))

    def label(self, cv2: Any, panel: Image) -> None:
        """Write names over people."""
        feet = (self._first + self._last)[:, :2] / 2
        feet[:, 1] = self._first[:, 1] - 0.04 * self.extents - 2
        boxes = self._first[:, :2], self._last[:, :2]
        put_labels(cv2, panel, self._names, feet, boxes)
