"""One file a person, where a format holds one: their names, and the frames that they hold."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from h2ot_edge.poses import Poses

__all__ = ["PersonFile", "names_of_files", "stay_of"]

_LONGEST = 40
"""Letters of a name: file systems take 255 bytes, a letter has up to 4, and others stand beside."""


@dataclass(frozen=True, kw_only=True)
class PersonFile:
    """A file that `write_people` wrote.

    Attributes:
        path: of the file.
        person: who is in it: their name, `1` to `n` of people without; None if all that there are.
        first: the frame of the recording in which it begins.
        frames: how many it has.
        start_s: seconds of the recording at which it begins; None if that is not known.
    """

    path: Path
    person: str | None
    first: int
    frames: int
    start_s: float | None


def names_of_files(path: Path, people: tuple[str, ...]) -> list[Path]:
    """`POSES.NAME.bvh` of `POSES.bvh`, for each of the people.

    What is neither a letter, a digit, `-` nor `_` becomes `_`; names that are then the same, also
    but for capitals, are followed by `-2`, `-3`, ...
    """
    taken: set[str] = set()
    paths = []
    for name in people:
        plain = re.sub(r"[^\w-]", "_", unicodedata.normalize("NFC", name))[:_LONGEST]
        word, number = plain, 1
        while word.casefold() in taken:
            number += 1
            word = f"{plain}-{number}"
        taken.add(word.casefold())
        paths.append(path.with_name(f"{path.stem}.{word}{path.suffix}"))
    return paths


def stay_of(poses: Poses) -> range:
    """Frames of one clip from the first to the last in which some joint has a place."""
    there = np.flatnonzero(np.isfinite(poses.positions).all(axis=-1).any(axis=-1))
    return range(int(there[0]), int(there[-1]) + 1) if len(there) else range(0)
