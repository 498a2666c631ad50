"""The formats that poses are written in, by the end of the file's name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from h2ot_edge.card import ModelCard
from h2ot_edge.pose_files import bvh, c3d_, csv_, json_, npz, trc
from h2ot_edge.poses import Poses

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format.

    Attributes:
        write: takes the open file, poses that fit, the card, and the file's name.
        read: takes the file's path; None if poses in it cannot be read back whole.
        motion: it is one for motion capture: one clip, in metres, at a frame rate.
        gaps: it can say that nobody is there.
        library: what writes it, and the extra that brings it.
    """

    write: Callable[[BinaryIO, Poses, ModelCard, str], None]
    read: Callable[[Path], Poses] | None = None
    motion: bool = False
    gaps: bool = True
    library: tuple[str, str] | None = None


FORMATS: Mapping[str, Format] = {
    ".npz": Format(write=npz.write, read=npz.read),
    ".json": Format(write=json_.write, read=json_.read),
    ".csv": Format(write=csv_.write),
    ".trc": Format(write=trc.write, motion=True),
    ".c3d": Format(write=c3d_.write, motion=True, library=("c3d", "files")),
    ".bvh": Format(write=bvh.write, motion=True, gaps=False),
}
"""By suffix."""
