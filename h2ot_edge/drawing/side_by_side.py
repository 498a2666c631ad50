"""The frame with its keypoints, and beside it the poses in 3-D."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.drawing.colours import bgr
from h2ot_edge.drawing.following import Part, follow
from h2ot_edge.drawing.images import (
    Image,
    blank,
    checked_image,
    checked_people,
    checked_size,
    resized,
)
from h2ot_edge.drawing.labels import draw_caption
from h2ot_edge.drawing.overlay import LEAST_CONFIDENCE, draw_keypoints
from h2ot_edge.drawing.places import Places
from h2ot_edge.drawing.skeleton_view import SkeletonView
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.video.opencv import require_cv2

__all__ = ["SideBySide"]

_RULE = bgr("#c9ced4")

_LEAST, _MOST, _WIDEST = 480, 1080, 3840
"""Pixels of height and of width, unless told."""


class SideBySide:
    """Pictures of one size, for a file or a window: the frame with its keypoints, and panels.

    A frame in portrait format has its panels beside it in a row, one in landscape format beside
    and below it, in two columns. All are of the frame's size.

    Args:
        source_size: (width, height) of the frames that will come.
        height: of the pictures in pixels, to a few; None: that of the frames in their rows, within
            480 to 1080, and less where the picture would be wider than 3840.
        views: a panel for each, see `SkeletonView`; None: turned, side and, of landscape format,
            top. Without any there is the frame alone.
        turn_deg: as in `SkeletonView`.
        least_confidence: as in `draw_keypoints`.
        follow: whether panels show the part of the picture that people are in, up to three times
            as large, and go with them smoothly; else they show all of it.
        steady: as in `SkeletonView`; else panels go with people at once, too.

    Attributes:
        size: (width, height) of the pictures, both even.

    Raises:
        UnknownName: no such view.
        UsageError: sizes that cannot be.
        MissingExtra: if OpenCV is not installed.
    """

    def __init__(
        self,
        source_size: Sequence[int],
        height: int | None = None,
        *,
        views: Sequence[str] | None = None,
        turn_deg: float = 20.0,
        least_confidence: float = LEAST_CONFIDENCE,
        follow: bool = True,
        steady: bool = True,
    ) -> None:
        self._cv2 = require_cv2()
        self._source = checked_size("source_size", source_size)
        if height is not None and height < 2:
            raise UsageError(f"height: expected at least 2 pixels, got {height}")
        portrait = self._source[0] < self._source[1]
        if views is None:
            views = ("turned", "side") if portrait else ("turned", "side", "top")
        columns = 1 + len(views) if portrait else min(2, 1 + len(views))
        rows = -(-(1 + len(views)) // columns)
        zoom = self._zoom(height, columns, rows)
        wide, high = (max(1, round(zoom * side)) for side in self._source)
        self._frame, cell = (wide, high), (_even(wide), _even(high))
        self.size = (columns * cell[0], rows * cell[1])
        places = range(1, 1 + len(views))
        self._corners = [(cell[0] * (n % columns), cell[1] * (n // columns)) for n in places]
        self._views = [
            SkeletonView(cell, self._source, view, turn_deg=turn_deg, sides=number == 0)
            for number, view in enumerate(views)
        ]
        self._least_confidence = least_confidence
        self._places = Places(steady=steady)
        self._follow, self._steady = follow, steady
        self._part: Part | None = None
        self._several = False

    @classmethod
    def for_sheet(
        cls, source_size: Sequence[int], *, least_confidence: float = LEAST_CONFIDENCE
    ) -> "SideBySide":
        """Pictures for a `ContactSheet`: small ones, of landscape format with one panel only."""
        portrait = source_size[0] < source_size[1]
        return cls(
            source_size,
            540 if portrait else 300,
            views=None if portrait else ("turned",),
            least_confidence=least_confidence,
            steady=False,
        )

    def draw(
        self,
        image: Image,
        keypoints: ArrayLike,
        poses: ArrayLike,
        ids: Sequence[Hashable] = (),
        caption: str = "",
        *,
        valid: ArrayLike | None = None,
    ) -> Image:
        """A picture of a frame.

        Once two people were in one frame, everybody has an id and a colour.

        Args:
            image: (h, w, 3) uint8, blue green red, of the size of the source; is not changed.
            keypoints: (n, 17, 2|3) pixels of it, as in `draw_keypoints`.
            poses: (n, 17, 3) of the same people, as in `SkeletonView.draw`.
            ids: of the n people.
            caption: written into the corner of the frame, see `draw_caption`.
            valid: (n, 17), as in `SkeletonView.draw`.

        Returns:
            (height, width, 3) uint8, a new one, of `size`.

        Raises:
            InputError: an image of another size, arrays of other shapes, another number of ids.
        """
        height, width = checked_image(image).shape[:2]
        if (width, height) != self._source:
            raise InputError(
                f"image: expected {self._source[0]} x {self._source[1]} pixels as the source said, "
                f"got {width} x {height}"
            )
        people, seen, flags = checked_people(poses, keypoints, valid, ids)
        self._several |= len(ids) > 1
        picture = blank(self.size)
        frame = picture[: self._frame[1], : self._frame[0]]
        frame[...] = resized(self._cv2, image, self._frame)
        self._draw_on(frame, seen, ids)
        draw_caption(frame, caption)
        placed = self._places.look(people, seen, flags, ids)
        if self._follow:
            self._part = follow(self._part if self._steady else None, seen, self._source)
        for (left, top), view in zip(self._corners, self._views, strict=True):
            panel = picture[top : top + view.size[1], left : left + view.size[0]]
            view.draw_into(
                panel,
                people,
                seen,
                ids,
                valid=flags,
                labels=self._several,
                part=self._part,
                placed=placed,
            )
            panel[:, :1] = panel[:1, :] = _RULE
        return picture

    def _draw_on(self, frame: Image, seen: NDArray[np.float64], ids: Sequence[Hashable]) -> None:
        """Draw the keypoints of the source's frame on the smaller one."""
        zoom = np.array(self._frame) / self._source
        on_frame = seen.copy()
        on_frame[..., :2] = (seen[..., :2] + 0.5) * zoom - 0.5
        draw_keypoints(
            frame, on_frame, ids, least_confidence=self._least_confidence, labels=self._several
        )

    def _zoom(self, height: int | None, columns: int, rows: int) -> float:
        """Pixels of the picture to one of the source."""
        width, own = columns * self._source[0], rows * self._source[1]
        if height is not None:
            return height / own
        return min(min(max(own, _LEAST), _MOST) / own, _WIDEST / width)


def _even(side: int) -> int:
    """The next even number, as videos need."""
    return 2 * -(-side // 2)
