"""Keypoints on the frame that they were found in."""

from collections.abc import Hashable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.drawing.colours import PAPER, Paints
from h2ot_edge.drawing.images import Image, checked_image, checked_joints, names_of
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
)
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.video.opencv import require_cv2

__all__ = ["LEAST_CONFIDENCE", "draw_keypoints"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int_]

LEAST_CONFIDENCE = 0.3
"""What detectors call a guess is below it."""

_OVER = [JOINTS.index(name) for name in ("thorax", "neck", "head")]
"""A label is over the last of them that was observed."""

_FAINT = 0.4
"""Share of paint in what is faint."""


def draw_keypoints(
    image: Image,
    keypoints: ArrayLike,
    ids: Sequence[Hashable] = (),
    *,
    least_confidence: float = LEAST_CONFIDENCE,
    labels: bool | None = None,
) -> None:
    """Draw people into an image, in place.

    Right limbs are vermilion, left ones blue, all with a white edge, so that they can be seen on
    light and on dark. The trunk of somebody alone is grey. Of several people each has a colour for
    it, and their id over the head. Joints that were not observed (NaN, or confidence 0) are left
    out, with their bones. How thick bones are goes by the size of person and image.

    Args:
        image: (h, w, 3) uint8, blue green red.
        keypoints: (n, 17, 2|3) pixels of the image, x right, y down; a third channel is confidence.
        ids: of the n people; an id has one colour always. None: no labels.
        least_confidence: joints below it are faint, and their bones.
        labels: whether there are ids and colours of people; None: if there are several people.

    Raises:
        InputError: arrays of other shapes, or another number of ids.
        MissingExtra: if OpenCV is not installed.
    """
    cv2, image = require_cv2(), checked_image(image)
    joints = checked_joints("keypoints", keypoints, (2, 3), ids)
    names = names_of(ids, len(joints), labels)
    people = _People(joints, names, least_confidence, image)
    people.paint_faint(cv2, image)
    nobody = np.zeros_like(people.sure)
    people.paint(cv2, image, np.arange(len(joints)), people.sure, nobody)
    put_labels(cv2, image, names, people.feet(), people.boxes)


class _People:
    """Polygons of (n, 17, 2|3) keypoints; what is `sure` is drawn with all paint."""

    def __init__(
        self, joints: Array, names: Sequence[Hashable | None], least: float, image: Image
    ) -> None:
        self.paints = Paints(names)
        confidence = joints[..., 2] if joints.shape[2] == 3 else np.ones(joints.shape[:2])
        self.seen = finite(joints) & (confidence > 0)
        self.sure = self.seen & (confidence >= least)
        self.points = np.where(self.seen[..., None], joints[..., :2], 0.0)
        first, last = boxes_of(self.points, self.seen)
        self.extents = (last - first).max(axis=1)
        thin, self.large = radii_of(self.extents, image.shape[:2])
        radii = np.broadcast_to(thin, self.seen.shape)
        edge = np.maximum(1.5, 0.45 * radii)
        dot = 1.45 * radii
        self.boxes, self.margin = (first, last), 4 * thin + 4
        self.bones, self.bone_edges = (bones_of(self.points, r) for r in (radii, radii + edge))
        big = self.points[self.large]
        self.dots, self.dot_edges = (dots_of(big, r[self.large]) for r in (dot, dot + edge))
        self.rank = np.cumsum(self.large) - 1

    def feet(self) -> Array:
        """(n, 2) pixels over heads, for labels."""
        heights = np.where(self.seen, self.points[..., 1], np.inf)
        tops = np.argmin(heights, axis=1)
        for joint in _OVER:
            tops = np.where(self.seen[:, joint], joint, tops)
        feet: Array = self.points[np.arange(len(tops)), tops]
        feet[:, 1] -= 0.07 * self.extents + 2
        return feet

    def paint(self, cv2: Any, image: Image, people: Numbers, joints: Flags, but: Flags) -> None:
        """Paint bones between these (n, 17) joints, except those between others, and the joints.

        First the edge of all, so that it goes round a person and not through.
        """
        small, large = people[~self.large[people]], people[self.large[people]]
        bones = _between(joints[small]) & ~_between(but[small])
        colours = self.paints.joints[small][:, CHILDREN]
        both = np.stack([bones, bones], axis=1)
        layers = np.stack([np.full_like(colours, Paints.paper), colours], axis=1)
        polygons = np.stack([self.bone_edges[small], self.bones[small]], axis=1)
        fill(cv2, image, polygons[both], self.paints(layers[both]))
        for one in large.tolist():
            self._paint_large(cv2, image, one, joints[one], but[one])

    def _paint_large(self, cv2: Any, image: Image, one: int, joints: Flags, but: Flags) -> None:
        """With joints that stand out."""
        bones, dots = _between(joints) & ~_between(but), joints & ~but
        colours = self.paints.joints[one]
        fill(cv2, image, self.bone_edges[one, bones], repeat(PAPER))
        fill(cv2, image, self.dot_edges[self.rank[one], dots], repeat(PAPER))
        fill(cv2, image, self.bones[one, bones], self.paints(colours[CHILDREN][bones]))
        fill(cv2, image, self.dots[self.rank[one], dots], self.paints(colours[dots]))

    def paint_faint(self, cv2: Any, image: Image) -> None:
        """Paint what is not sure, those who are small together."""
        some = np.flatnonzero((self.seen & ~self.sure).any(axis=1))
        self._mix(cv2, image, some[~self.large[some]])
        for one in some[self.large[some]].tolist():
            self._mix(cv2, image, np.array([one]))

    def _mix(self, cv2: Any, image: Image, people: Numbers) -> None:
        """Paint what is not sure of people, then mix it with what was there."""
        size = image.shape[1::-1]
        corners = (self.boxes[0] - self.margin)[people], (self.boxes[1] + self.margin)[people]
        first, last = (np.clip(corner, 0, size).astype(int).tolist() for corner in corners)
        parts = [
            image[top:below, left:right]
            for (left, top), (right, below) in zip(first, last, strict=True)
            if left < right and top < below
        ]
        before = [part.copy() for part in parts]
        self.paint(cv2, image, people, self.seen, self.sure)
        after = [part.copy() for part in parts] if len(parts) > 1 else parts  # they may overlap
        for part, old, new in zip(parts, before, after, strict=True):
            part[...] = cv2.addWeighted(new, _FAINT, old, 1 - _FAINT, 0)


def _between(joints: Flags) -> Flags:
    """(..., 16) bones with both ends among (..., 17) joints."""
    both: Flags = joints[..., HEADS] & joints[..., CHILDREN]
    return both
