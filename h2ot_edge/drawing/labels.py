"""Text in images that can be read on light and on dark."""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.drawing.colours import Colour, person_colour
from h2ot_edge.drawing.images import Image, checked_image
from h2ot_edge.video.opencv import require_cv2

__all__ = [
    "caption_of",
    "draw_caption",
    "plain",
    "put_labels",
    "put_text",
    "text_size",
]

Array = NDArray[np.float64]

_WHITE = (255, 255, 255)

_CAPITAL = 21.0
"""Pixels that a capital letter is high at scale 1."""


def caption_of(number: int, timestamp: float, *words: str) -> str:
    """What to write on a frame: `frame 123   4.10 s   motionbert-s`."""
    return "   ".join([f"frame {number}", f"{timestamp:.2f} s", *words])


def draw_caption(image: Image, text: str) -> None:
    """Write a line into the upper left corner, in place: white on a darkened strip.

    Letters have a fiftieth of the image's height, within 8 to 24 pixels, and smaller ones
    if the line is too long for its width. What is not ASCII becomes `?`.

    Raises:
        InputError: not an image.
        MissingExtra: if OpenCV is not installed.
    """
    cv2, text = require_cv2(), plain(text)
    height, width = checked_image(image).shape[:2]
    if not text:
        return
    letters = min(max(height / 50, 8.0), 24.0)
    wide = text_size(cv2, text, letters)
    letters *= min(1.0, width / (wide + 2.6 * letters))
    wide, pad = text_size(cv2, text, letters), round(0.8 * letters)
    below, right = round(letters + 2 * pad), min(width, wide + 2 * pad)
    _darken(image[:below, :right])
    put_text(cv2, image, text, (pad, round(letters + pad)), letters, _WHITE)


def put_labels(
    cv2: Any,
    image: Image,
    names: Sequence[Hashable | None],
    feet: Array,
    boxes: tuple[Array, Array],
) -> None:
    """Names of people on their colours, moved into the image if people are in it.

    Args:
        cv2: OpenCV.
        image: is changed.
        names: of n people; None has no label.
        feet: (n, 2) pixels, where the middles of lower edges are.
        boxes: (n, 2) first and last corner of people, both 0 of those who were not observed.
    """
    letters = round(min(max(image.shape[0] / 72, 7.0), 18.0))
    first, last = boxes
    inside = (last > 0) & (first < image.shape[1::-1])
    there = (inside.sum(axis=1) == 2).tolist()
    chosen = [n for n, name in enumerate(names) if name is not None and there[n]]
    labels = [_label(cv2, str(names[n]), letters, person_colour(names[n])) for n in chosen]
    sizes = np.array([label.shape[1::-1] for label in labels]).reshape(-1, 2)
    corners = feet[chosen] - sizes * [0.5, 1.0]
    room = np.maximum(np.array(image.shape[1::-1]) - sizes, 0)
    corners = np.clip(corners, 0, room).round().astype(int)
    for label, (left, top) in zip(labels, corners.tolist(), strict=True):
        place = image[top : top + label.shape[0], left : left + label.shape[1]]
        place[...] = label[: place.shape[0], : place.shape[1]]


@lru_cache(maxsize=256)
def _label(cv2: Any, text: str, letters: int, colour: Colour) -> Image:
    """The picture of a label; writing takes longer than all bones of a person."""
    text, pad = plain(text), round(0.5 * letters)
    label = np.full(
        (letters + 2 * pad, text_size(cv2, text, letters) + 2 * pad, 3), colour, np.uint8
    )
    put_text(cv2, label, text, (pad, letters + pad), letters, _WHITE)
    return label


def text_size(cv2: Any, text: str, letters: float) -> int:
    """How many pixels wide a line is whose capital letters are so high."""
    style = cv2.FONT_HERSHEY_SIMPLEX, letters / _CAPITAL, _strength(letters)
    return int(cv2.getTextSize(text, *style)[0][0])


def put_text(
    cv2: Any, image: Image, text: str, foot: tuple[int, int], letters: float, colour: Colour
) -> None:
    """Write a line whose lower left corner is at `foot`."""
    style = cv2.FONT_HERSHEY_SIMPLEX, letters / _CAPITAL, colour, _strength(letters), cv2.LINE_AA
    cv2.putText(image, text, foot, *style)


def _strength(letters: float) -> int:
    return max(1, round(letters / 12))


def plain(text: str) -> str:
    """OpenCV before 5.0 has no other letters."""
    return text.encode("ascii", "replace").decode("ascii")


def _darken(part: NDArray[np.uint8]) -> None:
    part[...] = part // 4
