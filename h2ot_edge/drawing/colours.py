"""Colours of limbs and of people, blue green red as OpenCV has them."""

import zlib
from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.plot import LEFT, MIDDLE, RIGHT
from h2ot_edge.skeleton import JOINTS

__all__ = ["PAPER", "QUIET", "Colour", "Paints", "bgr", "faint", "person_colour"]

Colour = tuple[int, int, int]


@lru_cache(maxsize=64)
def bgr(text: str) -> Colour:
    """Of `#rrggbb`."""
    red, green, blue = (int(text[place : place + 2], 16) for place in (1, 3, 5))
    return blue, green, red


PAPER, QUIET = bgr("#ffffff"), bgr("#5b636c")
"""Of panels, and of what is written on them."""

_BODIES = tuple(map(bgr, ("#008a66", "#b05a8c", "#a87700", "#5a5a5a")))
"""The same as on the page of `h2ot_edge.viewer`."""

_SIDES = np.array([{"r": 1, "l": 2}.get(name[0], 3) for name in JOINTS])


class Paints:
    """Colours of the joints of n people, by number.

    Args:
        names: of people, whose trunks have colours of their own; of None it is grey.

    Attributes:
        of: colour of a number.
        joints: (n, 17) numbers; those of faint ones are `faint` more.
        paper: the number of white.
    """

    paper = 0

    def __init__(self, names: Sequence[Hashable | None]) -> None:
        trunks = [bgr(MIDDLE) if name is None else person_colour(name) for name in names]
        solid = [PAPER, bgr(RIGHT), bgr(LEFT), *trunks]
        self.of = [*solid, *map(faint, solid)]
        self.faint = len(solid)
        self.joints = _SIDES + (_SIDES == 3) * np.arange(len(names))[:, None]

    def __call__(self, numbers: NDArray[np.int_]) -> list[Colour]:
        """The colours of any number of numbers."""
        return [self.of[number] for number in numbers.ravel().tolist()]


@lru_cache(maxsize=256)
def person_colour(person: Hashable) -> Colour:
    """The same for the same id, in every frame and every run."""
    text = str(person)
    number = int(text) - 1 if text.isascii() and text.isdigit() else zlib.crc32(text.encode())
    return _BODIES[number % len(_BODIES)]


@lru_cache(maxsize=256)
def faint(colour: Colour) -> Colour:
    """As of a quarter of the paint on paper."""
    blue, green, red = (round(0.25 * c + 0.75 * p) for c, p in zip(colour, PAPER, strict=True))
    return blue, green, red
