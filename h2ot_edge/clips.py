"""Clips of 2-D keypoints from files, and poses to files."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import make_folder_of, read_npz, replacing
from h2ot_edge._names import look_up
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers import FORMATS, SUFFIXES, Found, Track, format_of_archive, read_found
from h2ot_edge.readers.archives import (
    checked_fps,
    checked_size,
    count_clips,
    read_archived_clip,
)
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["Clip", "check_poses_path", "read_clip", "read_clips", "write_poses"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """Keypoints of one person, frame by frame.

    Attributes:
        keypoints: (t, 17, 2|3) float32: x right, y down, and a confidence if there are three;
            the joints of `h2ot_edge.skeleton`. Frames that the file has not, if such were allowed,
            are NaN with confidence 0.
        image_size: (width, height) in pixels, in which case x and y are pixels; None if unknown.
        fps: frames a second; None if unknown.
        person: the tracker's name for the person; None if no tracker ran.
        people: everybody whom the tracker knew.
    """

    keypoints: FloatArray
    image_size: tuple[float, float] | None = None
    fps: float | None = None
    person: str | None = None
    people: tuple[str, ...] = ()


def read_clip(
    path: str | Path,
    *,
    index: int | None = None,
    format: str = "auto",
    layout: str = "auto",
    person: int | str | None = None,
    fps: float | None = None,
    image_size: Sequence[float] | None = None,
    allow_missing: bool = False,
) -> Clip:
    """Read a clip, whatever wrote it down.

    Formats are told apart by their content, and `logging` (level info) says what was seen; see
    `h2ot_edge.readers.FORMATS` and, for what is read of each, its files. An .npz of this project
    has `keypoints` or `kp2d` (t, 17, 2|3) in the joint order of `h2ot_edge.skeleton`; `image_size`
    or `size` (2,) and `fps` if there are such. Several clips one after the other have `offsets`
    (n + 1,), and `size` may then be (n, 2) and `fps` (n,).

    Args:
        path: the file, or the folder.
        index: which clip of a file that holds several.
        format: a key of `FORMATS`, if the content does not tell.
        layout: a key of `h2ot_edge.layouts.LAYOUTS`, if the number of joints does not tell.
        person: whom to take, by the tracker's number; None for the person with the highest total
            score, or without a tracker for the strongest of each frame.
        fps: frames a second; goes before what the file says.
        image_size: (width, height) in pixels; goes before what the file says. Needed where x and y
            are shares of the image, as MediaPipe has them.
        allow_missing: frames without the person are NaN with confidence 0 instead of an error.

    Raises:
        InputError: no such file, another format, not as above, several formats or layouts fit, or
            the person is missing.
        UnknownName: no such format or layout.
    """
    path = Path(path)
    named_format, named_layout = (
        _named("format", format, FORMATS),
        _named("layout", layout, LAYOUTS),
    )
    known = _Known(image_size=_pair(path, image_size), fps=checked_fps(path, _array(fps)))
    if not path.exists():
        raise InputError(f"{path}: no such file; expected {SUFFIXES}")
    archive = read_npz(path) if path.suffix.lower() == ".npz" and path.is_file() else None
    if archive is not None and (named_format or format_of_archive(archive)) == "npz":
        if person is not None:
            raise InputError(f"{path}: an .npz of clips has no people; leave person out")
        own = read_archived_clip(path, archive, index, named_layout)
        return known.clip(own.keypoints, own.image_size, own.fps)
    if index is not None:
        what = "folder" if path.is_dir() else f"{path.suffix.lower()} file"
        raise InputError(f"{path}: a {what} holds one clip; leave out the clip's number")
    chosen, found = read_found(path, named_format, named_layout, archive)
    track = found.track(str(path), None if person is None else str(person), allow_missing)
    _log(path, chosen, found, track)
    keypoints = _in_pixels(path, track.keypoints, known.image_size or found.image_size, found)
    clip = known.clip(keypoints, found.image_size, found.fps)
    return dataclasses.replace(clip, person=track.person, people=track.people)


def read_clips(path: str | Path) -> list[Clip]:
    """Read all clips of a file; otherwise as `read_clip`."""
    path = Path(path)
    if path.suffix.lower() != ".npz" or not path.is_file():
        return [read_clip(path)]
    archive = read_npz(path)
    count = count_clips(archive)
    if count <= 1:
        return [read_clip(path)]
    own = [read_archived_clip(path, archive, number, None) for number in range(count)]
    return [
        Clip(keypoints=clip.keypoints, image_size=clip.image_size, fps=clip.fps) for clip in own
    ]


def check_poses_path(path: str | Path) -> Path:
    """The path, if poses can have that name; to be asked before the work is done.

    Raises:
        UsageError: the name does not end in .npz.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise UsageError(f"{path}: poses are written as .npz; end the name in .npz")
    return path


def write_poses(path: str | Path, poses: FloatArray, card: ModelCard, clip: Clip) -> Path:
    """Write poses and what is needed to read them rightly.

    A folder that is not there is made; an old file is replaced as a whole.

    The file is an .npz of `poses` (t, 17, 3) float32, `joints` (17,), `unit`,
    `frame_of_reference`, `axes` (3,), `card` (JSON) and, if known, `fps`.

    Raises:
        UsageError: the folder cannot be made, or the name does not end in .npz.
    """
    path = check_poses_path(path)
    make_folder_of(path)
    arrays: dict[str, Any] = {
        "poses": poses,
        "joints": np.array(JOINTS),
        "unit": np.array(card.output.unit),
        "frame_of_reference": np.array(card.output.frame_of_reference),
        "axes": np.array(card.output.axes),
        "card": np.array(card.to_json()),
    }
    if clip.fps is not None:
        arrays["fps"] = np.array(clip.fps)
    with replacing(path) as file:
        np.savez(file, **arrays)
    return path


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the caller knows of a clip, which goes before what the file says."""

    image_size: tuple[float, float] | None
    fps: float | None

    def clip(
        self, keypoints: FloatArray, image_size: tuple[float, float] | None, fps: float | None
    ) -> Clip:
        return Clip(
            keypoints=keypoints,
            image_size=self.image_size or image_size,
            fps=self.fps or fps,
        )


def _named(kind: str, name: str, known: Mapping[str, Any]) -> str | None:
    """The name, if there is such; None for auto."""
    if name != "auto":
        look_up(kind, name, known)
        return name
    return None


def _pair(path: Path, image_size: Sequence[float] | None) -> tuple[float, float] | None:
    return checked_size(path, _array(image_size))


def _array(value: Any) -> NDArray[Any] | None:
    return None if value is None else np.asarray(value)


def _in_pixels(
    path: Path, keypoints: FloatArray, size: tuple[float, float] | None, found: Found
) -> FloatArray:
    if not found.shares:
        return keypoints
    if size is None:
        raise InputError(
            f"{path}: x and y are shares of the image's width and height; give its size "
            "(image_size=(width, height), or --image-size W H on the command line)"
        )
    return keypoints * np.array([*size, 1], np.float32)


def _log(path: Path, format: str, found: Found, track: Track) -> None:
    _logger.info(
        "%s: read as %s, layout %s, %d frames%s",
        path,
        format,
        found.layout,
        len(track.keypoints),
        f", person {track.person} of {', '.join(track.people)}" if track.people else "",
    )
