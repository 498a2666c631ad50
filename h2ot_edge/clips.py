"""Clips of 2-D keypoints from files. Files of poses: `h2ot_edge.pose_files`."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import Archive, read_npz
from h2ot_edge._names import look_up
from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.pose_files import check_poses_path, write_poses
from h2ot_edge.rates import rate_of
from h2ot_edge.readers import FORMATS, SUFFIXES, Found, Track, format_of_archive, read_found
from h2ot_edge.readers.archives import (
    checked_fps,
    checked_size,
    count_clips,
    read_archived_clip,
)
from h2ot_edge.spec import FloatArray
from h2ot_edge.tracking.found import tracked

__all__ = ["Clip", "check_poses_path", "read_clip", "read_clips", "write_poses"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """Keypoints of one person, frame by frame.

    Attributes:
        keypoints: (t, 17, 2|3) float32: x right, y down, and a confidence if there are three;
            the joints of `h2ot_edge.skeleton`. Frames without the person are NaN with confidence 0.
        image_size: (width, height) in pixels, in which case x and y are pixels; None if unknown.
        fps: frames a second, the usual one if there are timestamps; None if unknown.
        person: the tracker's name for the person; None if no tracker ran.
        people: everybody whom the tracker knew.
        timestamps: (t,) seconds of the frames, which go before `fps`; None if unknown.
        numbers: (t,) of the frames in the film, if `KeypointsWriter` wrote them; None if unknown.
    """

    keypoints: FloatArray
    image_size: tuple[float, float] | None = None
    fps: float | None = None
    person: str | None = None
    people: tuple[str, ...] = ()
    timestamps: NDArray[np.float64] | None = None
    numbers: NDArray[np.intp] | None = None


def read_clip(
    path: str | Path,
    *,
    index: int | None = None,
    format: str = "auto",
    layout: str = "auto",
    person: int | str | None = None,
    fps: float | None = None,
    image_size: Sequence[float] | None = None,
    allow_missing: bool = True,
    track: bool = False,
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
        fps: frames a second; goes before what the file says, its timestamps too.
        image_size: (width, height) in pixels; goes before what the file says. Needed where x and y
            are shares of the image, as MediaPipe has them.
        allow_missing: frames without the person are NaN with confidence 0, which `Engine.infer`
            fills in; False makes them an error.
        track: give ids to people who have none (`h2ot_edge.tracking`), and take one of them. Files
            that say who is who stay as they are.

    Raises:
        InputError: no such file, another format, not as above, several formats or layouts fit, or
            the person is missing.
        UnknownName: no such format or layout.
    """
    source = _opened(path, format, layout, fps, image_size, track)
    if source.archive is not None:
        if person is not None:
            raise InputError(f"{source.path}: an .npz of clips has no people; leave person out")
        return source.archived(source.archive, index)
    if index is not None:
        path = source.path
        what = "folder" if path.is_dir() else f"{path.suffix.lower()} file"
        raise InputError(f"{path}: a {what} holds one clip; leave out the clip's number")
    return source.tracked(None if person is None else str(person), allow_missing)


def read_clips(
    path: str | Path,
    *,
    format: str = "auto",
    layout: str = "auto",
    fps: float | None = None,
    image_size: Sequence[float] | None = None,
    allow_missing: bool = True,
    track: bool = False,
) -> list[Clip]:
    """Read all clips of a file: those of an .npz, or one for each person whom a tracker followed.

    The clips of people are in the order of their numbers, and each has all the frames of the file,
    so that a frame has the same place in all. Without a tracker there is one clip, of the strongest
    of each frame; `track` runs one. `Recording.without_short` of `h2ot_edge.recording` leaves out
    who was there for a moment only.

    Args:
        path: the file, or the folder.
        format: as in `read_clip`.
        layout: as in `read_clip`.
        fps: as in `read_clip`; for all clips.
        image_size: as in `read_clip`; for all clips.
        allow_missing: as in `read_clip`; False refuses people who come or go during the clip.
        track: as in `read_clip`.

    Raises:
        InputError: as `read_clip`, for any of the clips.
        UnknownName: no such format or layout.
    """
    source = _opened(path, format, layout, fps, image_size, track)
    if source.archive is not None:
        count = count_clips(source.archive)
        numbers = range(count) if count > 1 else [None]
        return [source.archived(source.archive, number) for number in numbers]
    return [source.tracked(person, allow_missing) for person in source.people()]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Source:
    """A file or folder, and what the caller says of it, which goes before what it says itself.

    `archive` are the arrays of an .npz of clips; anything else is read when it is asked for.
    """

    path: Path
    format: str | None
    layout: str | None
    fps: float | None
    image_size: tuple[float, float] | None
    arrays: Archive | None
    track: bool

    @property
    def archive(self) -> Archive | None:
        of_clips = self.arrays is not None and (
            (self.format or format_of_archive(self.arrays)) == "npz"
        )
        return self.arrays if of_clips else None

    @cached_property
    def _found(self) -> tuple[str, Found]:
        chosen, found = read_found(self.path, self.format, self.layout, self.arrays)
        if self.track and not found.people and len(found.frame):
            size = self._size(found)
            found = tracked(found, str(self.path), image_size=size, fps=self.fps)
        return chosen, found

    def people(self) -> Sequence[str | None]:
        """Everybody whom the tracker knew; None, for whoever is there, if none ran."""
        return self._found[1].everybody or [None]

    def archived(self, archive: Archive, index: int | None) -> Clip:
        own = read_archived_clip(self.path, archive, index, self.layout)
        return self._clip(own.keypoints, own.image_size, own.fps)

    def tracked(self, person: str | None, allow_missing: bool) -> Clip:
        chosen, found = self._found
        track = found.track(str(self.path), person, allow_missing)
        _log(self.path, chosen, found, track)
        size = self._size(found)
        keypoints = _in_pixels(track.keypoints, size, found)
        times = track.times if self.fps is None else None
        fps = found.fps if times is None or len(times) < 2 else round(rate_of(times), 6)
        clip = self._clip(keypoints, found.image_size, fps)
        return dataclasses.replace(
            clip,
            person=track.person,
            people=track.people,
            timestamps=times,
            numbers=track.numbers,
        )

    def _size(self, found: Found) -> tuple[float, float] | None:
        size = self.image_size or found.image_size
        if found.shares and size is None:
            raise InputError(
                f"{self.path}: x and y are shares of the image's width and height; give its size "
                "(image_size=(width, height), or --image-size W H on the command line)"
            )
        return size

    def _clip(
        self, keypoints: FloatArray, image_size: tuple[float, float] | None, fps: float | None
    ) -> Clip:
        return Clip(
            keypoints=keypoints,
            image_size=self.image_size or image_size,
            fps=self.fps or fps,
        )


def _opened(
    path: str | Path,
    format: str,
    layout: str,
    fps: float | None,
    image_size: Sequence[float] | None,
    track: bool,
) -> _Source:
    path = Path(path)
    source = _Source(
        path=path,
        format=_named("format", format, FORMATS),
        layout=_named("layout", layout, LAYOUTS),
        image_size=checked_size(path, _array(image_size)),
        fps=checked_fps(path, _array(fps)),
        arrays=read_npz(path) if path.suffix.lower() == ".npz" and path.is_file() else None,
        track=track,
    )
    if not path.exists():
        raise InputError(f"{path}: no such file; expected {SUFFIXES}")
    return source


def _named(kind: str, name: str, known: Mapping[str, Any]) -> str | None:
    """The name, if there is such; None for auto."""
    if name != "auto":
        look_up(kind, name, known)
        return name
    return None


def _array(value: Any) -> NDArray[Any] | None:
    return None if value is None else np.asarray(value)


def _in_pixels(keypoints: FloatArray, size: tuple[float, float] | None, found: Found) -> FloatArray:
    if not found.shares or size is None:
        return keypoints
    return keypoints * np.array([*size, 1], np.float32)


def _log(path: Path, format: str, found: Found, track: Track) -> None:
    missing = int(np.isnan(track.keypoints[..., 0]).all(axis=1).sum())
    _logger.info(
        "%s: read as %s, layout %s, %d frames%s%s",
        path,
        format,
        found.layout,
        len(track.keypoints),
        f", person {track.person} of {', '.join(track.people)}" if track.people else "",
        f", {missing} of them without the person" if missing else "",
    )
