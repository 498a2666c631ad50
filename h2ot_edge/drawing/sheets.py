"""Evenly spaced pictures of a video on one sheet."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge._files import write_whole
from h2ot_edge.drawing.colours import QUIET
from h2ot_edge.drawing.images import Image, blank, check_picture_path, checked_image
from h2ot_edge.drawing.labels import plain, put_text, text_size
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.video.opencv import require_cv2

__all__ = ["ContactSheet", "contact_sheet"]

_WIDTH, _FORMAT = 1600, 1.5
"""Pixels across a sheet, and about how many times wider than high it is."""

_GAP, _LETTERS = 8, 11
"""Pixels between pictures, and that capital letters of captions are high."""

_SPARE = 4
"""So many times more pictures are kept than a sheet has, so that they can be evenly spaced."""


class ContactSheet:
    """Takes pictures while a video of unknown length goes by, and keeps evenly spaced small ones.

    Memory does not grow with the video: when there are four times as many as the sheet has, every
    second one is dropped, and from then on every second one is not kept.

    Args:
        pictures: on the sheet, at most.

    Raises:
        UsageError: fewer than one picture.
        MissingExtra: if OpenCV is not installed.
    """

    def __init__(self, pictures: int = 12) -> None:
        if pictures < 1:
            raise UsageError(f"pictures: expected at least 1, got {pictures}")
        self._cv2 = require_cv2()
        self._pictures = pictures
        self._step, self._seen = 1, 0
        self._kept: list[tuple[Image, str]] = []

    def __len__(self) -> int:
        """How many pictures the sheet would have now."""
        return min(len(self._kept), self._pictures)

    def add(self, image: Image | Callable[[], Image], caption: str = "") -> None:
        """Look at the next picture.

        Args:
            image: (h, w, 3) uint8, blue green red; is not changed, and not held. Or what draws it,
                which is called only if the picture is kept.
            caption: written below it, such as its time.

        Raises:
            InputError: not an image.
        """
        if self._seen % self._step == 0:
            image = checked_image(image() if callable(image) else image)
            size = _cell(image, _columns(image, self._pictures))
            self._kept.append((_fitted(self._cv2, image, size), caption))
        self._seen += 1
        if len(self._kept) >= _SPARE * self._pictures:
            self._kept = self._kept[::2]
            self._step *= 2

    def write(self, path: str | Path) -> Path:
        """Write the sheet, whole or not at all.

        Args:
            path: ends in .png; a folder that is not there is made.

        Raises:
            InputError: no picture was added.
            UsageError: the name does not end in .png, or the folder cannot be made.
        """
        chosen = self.chosen()
        return contact_sheet(path, [image for image, _ in chosen], [text for _, text in chosen])

    def chosen(self) -> list[tuple[Image, str]]:
        """Pictures as they would be on the sheet now, and their captions."""
        places = np.linspace(0, max(len(self._kept) - 1, 0), len(self)).round().astype(int)
        return [self._kept[place] for place in places]


def contact_sheet(path: str | Path, images: Sequence[Image], captions: Sequence[str] = ()) -> Path:
    """Write pictures row by row, each above its caption; whole or not at all.

    Args:
        path: ends in .png; a folder that is not there is made.
        images: (h, w, 3) uint8, blue green red. All cells have the format of the first.
        captions: one for each, or none.

    Returns:
        `path`.

    Raises:
        InputError: no image, or another number of captions.
        UsageError: the name does not end in .png, or the folder cannot be made.
        MissingExtra: if OpenCV is not installed.
    """
    cv2, path = require_cv2(), check_picture_path(path)
    if not images:
        raise InputError("contact sheet: no picture came; there is nothing to write")
    if len(captions) not in (0, len(images)):
        raise InputError(
            f"captions: expected one for each of {len(images)} pictures, got {len(captions)}"
        )
    columns = _columns(checked_image(images[0]), len(images))
    wide, high = size = _cell(images[0], columns)
    strip = 2 * _LETTERS if any(captions) else 0
    rows = -(-len(images) // columns)
    sheet = blank((columns * (wide + _GAP) + _GAP, rows * (high + strip + _GAP) + _GAP))
    for number, image in enumerate(images):
        left = _GAP + number % columns * (wide + _GAP)
        top = _GAP + number // columns * (high + strip + _GAP)
        sheet[top : top + high, left : left + wide] = _fitted(cv2, checked_image(image), size)
        if captions:
            _caption(cv2, sheet, captions[number], (left, top + high), wide)
    write_whole(path, cv2.imencode(".png", sheet)[1].tobytes())
    return path


def _columns(image: Image, pictures: int) -> int:
    """How many make the sheet's format."""
    height, width = image.shape[:2]

    def off(columns: int) -> float:
        rows = -(-pictures // columns)
        return abs(float(np.log(columns * width / (rows * height) / _FORMAT)))

    return min(range(1, pictures + 1), key=off)


def _cell(image: Image, columns: int) -> tuple[int, int]:
    """(width, height) of a picture on the sheet; small ones are not made larger."""
    height, width = image.shape[:2]
    wide = max(1, min(width, (_WIDTH - _GAP) // columns - _GAP))
    return wide, max(1, round(wide * height / width))


def _fitted(cv2: Any, image: Image, size: tuple[int, int]) -> Image:
    """A copy as large as fits, in the middle of white."""
    height, width = image.shape[:2]
    zoom = min(size[0] / width, size[1] / height)
    wide, high = (max(1, round(zoom * side)) for side in (width, height))
    cell = blank(size)
    left, top = (size[0] - wide) // 2, (size[1] - high) // 2
    cell[top : top + high, left : left + wide] = cv2.resize(
        image, (wide, high), interpolation=cv2.INTER_AREA
    )
    return cell


def _caption(cv2: Any, sheet: Image, text: str, corner: tuple[int, int], width: int) -> None:
    text = plain(text)
    letters = _LETTERS * min(1.0, width / max(text_size(cv2, text, _LETTERS), 1))
    foot = (corner[0], corner[1] + round(1.5 * _LETTERS))
    put_text(cv2, sheet, text, foot, letters, QUIET)
