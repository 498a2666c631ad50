"""Files of poses, by the end of their names; docs/files.md has the conventions of each.

| name | holds | for |
| --- | --- | --- |
| .npz | everything, of one clip or n | Python; `read_poses` reads it |
| .json | everything, of one clip or n | other languages; `read_poses` reads it |
| .csv | everything but the card, of one clip or n | tables |
| .trc | what is valid, of one clip, mm, y up | OpenSim |
| .c3d | what is valid, of one clip, mm, z up | motion capture; needs the extra `files` |
| .bvh | rotations of constant bones, of one clip, cm, y up | animation |

`write_people` writes several people to one file each where a format holds one clip.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._files import checked_name, make_folder_of, replacing
from h2ot_edge._names import require
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import H2OTError, InputError
from h2ot_edge.pose_files.formats import FORMATS
from h2ot_edge.pose_files.people import PersonFile, names_of_files, stay_of
from h2ot_edge.poses import Poses, check_axes

if TYPE_CHECKING:
    from h2ot_edge.clips import Clip

__all__ = [
    "PersonFile",
    "check_fits",
    "check_poses_path",
    "read_poses",
    "write_people",
    "write_poses",
]

_logger = logging.getLogger(__name__)

_READABLE = " or ".join(suffix for suffix, each in FORMATS.items() if each.read)
_HOLD_ALL = ", ".join(suffix for suffix, each in FORMATS.items() if not each.motion)


def check_poses_path(path: str | Path) -> Path:
    """The path, if poses can be written to it here; to be asked before the work is done.

    Raises:
        UsageError: the name ends in no format, or is that of a folder.
        MissingExtra: the library that writes the format is not installed.
    """
    path = checked_name(path, FORMATS, "poses are")
    library = FORMATS[path.suffix.lower()].library
    if library:
        require(*library)
    return path


def check_fits(path: Path, *, unit: str, fps: float | None, clips: int = 1) -> None:
    """Raise unless poses of that kind fit the file's format; may be asked before there are any.

    Raises:
        InputError: the format is one for motion capture, and these are several clips, not metres,
            or of no known frame rate.
    """
    suffix = path.suffix.lower()
    if not FORMATS[suffix].motion:
        return
    if clips != 1:
        raise InputError(
            f"{path}: a {suffix} file holds one clip, got {clips}; write_people writes one file a "
            f"person, or write all of them to one of {_HOLD_ALL}"
        )
    if unit != "m":
        raise InputError(
            f"{path}: a {suffix} file is in metric units, got poses of unit {unit!r}; call "
            f"to_metric first, or write one of {_HOLD_ALL}"
        )
    if fps is None:
        raise InputError(
            f"{path}: a {suffix} file has a frame rate, and that of these poses is not known; give "
            f"--fps HZ on the command line, poses.replace(fps=HZ) in Python"
        )


def write_poses(
    path: str | Path, poses: Poses | ArrayLike, card: ModelCard, clip: "Clip | None" = None
) -> Path:
    """Write poses in the format that the name ends in.

    A folder that is not there is made; an old file is replaced as a whole, or stays as it was.

    Args:
        path: of the file, ends in one of the names of this module.
        poses: of one clip or of n clips. A bare array (t, 17, 3) or (n, t, 17, 3) is taken to be
            what the model of `card` gave, in its unit and about the root.
        card: of the model.
        clip: what the poses were lifted from; its frame rate is that of poses that know none.

    Returns:
        The path.

    Raises:
        UsageError: the folder cannot be made, or the name ends in no format.
        InputError: an array of another shape, no frames, or poses that the format cannot hold.
        MissingExtra: the library that writes the format is not installed.
    """
    path = check_poses_path(path)
    poses = _known(path, poses, card, clip)
    check_fits(path, unit=poses.unit, fps=poses.fps, clips=_clips(poses))
    if FORMATS[path.suffix.lower()].motion:
        check_axes(str(path), poses.frame, poses.axes)
        poses = poses.clips()[0]  # also of (1, t, 17, 3)
    make_folder_of(path)
    with replacing(path) as file:
        FORMATS[path.suffix.lower()].write(file, poses, card, path.name)
    return path


def write_people(
    path: str | Path, poses: Poses | ArrayLike, card: ModelCard, clip: "Clip | None" = None
) -> tuple[PersonFile, ...]:
    """Write poses of any number of people: to one file, or to one each if the format holds one.

    Those are `POSES.NAME.bvh` of `POSES.bvh`, with the names of `poses.people`, or 1 to n. What
    file systems do not take in a name becomes `_`. One person is written to `POSES.bvh`.

    A TRC or C3D begins with the recording and is blank where the person is not there. A BVH cannot
    be: it goes from the first to the last frame in which there is a joint, also of one person.

    Who is in no frame, or does not fit the format, is left out with a warning.

    Args:
        path: of the file, or what those of people are named after.
        poses: as for `write_poses`.
        card: of the model.
        clip: as for `write_poses`.

    Returns:
        What was written, with who is in it and when it begins.

    Raises:
        UsageError, InputError, MissingExtra: as `write_poses`; nobody could be written.
    """
    path = check_poses_path(path)
    poses = _known(path, poses, card, clip)
    if not FORMATS[path.suffix.lower()].motion:
        write_poses(path, poses, card)
        return (_told(path, None, poses, range(poses.shape[-3])),)
    if _clips(poses) == 1:
        return (_write_person(path, None, poses.clips()[0], card),)
    people = poses.people or tuple(map(str, range(1, len(poses) + 1)))
    paths = names_of_files(path, people)
    written: list[PersonFile] = []
    refused: list[InputError] = []
    for file, person, each in zip(paths, people, poses.clips(), strict=True):
        try:
            written.append(_write_person(file, person, each, card))
        except InputError as error:
            refused.append(error)
    if not written:
        raise refused[0]
    for trouble in refused:
        _logger.warning("%s; this person is left out", trouble)
    return tuple(written)


def _write_person(path: Path, person: str | None, poses: Poses, card: ModelCard) -> PersonFile:
    stay = stay_of(poses)
    if not stay:
        raise InputError(
            f"{path}: expected a joint in some frame, got none; see whether anybody was detected"
        )
    if FORMATS[path.suffix.lower()].gaps:
        stay = range(len(poses))
    write_poses(path, poses[stay.start : stay.stop], card)
    return _told(path, person, poses, stay)


def _told(path: Path, person: str | None, poses: Poses, stay: range) -> PersonFile:
    start = None if poses.fps is None else stay.start / poses.fps
    if poses.timestamps is not None:
        start = float(poses.timestamps[stay.start])
    return PersonFile(path=path, person=person, first=stay.start, frames=len(stay), start_s=start)


def read_poses(path: str | Path) -> Poses:
    """Read poses that `write_poses` or `h2ot-infer` wrote, also those of version 0.1.0.

    Those have no validity, confidence, timestamps and filters: all is valid, with confidence 1.

    Args:
        path: of the .npz or .json. The other formats do not hold all that `Poses` do.

    Returns:
        `Poses` equal to those that were written; in JSON infinity becomes NaN.

    Raises:
        InputError: no such file, damaged, pickled, of another format, or not as it should be.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            f"{path}: no such file; expected poses, {_READABLE}, as h2ot-infer writes them"
        )
    read = FORMATS[path.suffix.lower()].read if path.suffix.lower() in FORMATS else None
    if read is None:
        raise InputError(
            f"{path}: poses are read from {_READABLE}, which hold all that there is; write them as "
            "one of these too"
        )
    try:
        return read(path)
    except H2OTError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise InputError(f"{path}: {error}; the file is damaged, write it again") from error


def _known(path: Path, poses: Poses | ArrayLike, card: ModelCard, clip: "Clip | None") -> Poses:
    """What is to be written, with all that is known of it."""
    if not isinstance(poses, Poses):
        poses = Poses(positions=_plain(poses), unit=card.output.unit, axes=card.output.axes)
    if not poses.positions.size:
        raise InputError(f"{path}: expected poses of one frame or more, got {poses.shape}")
    if poses.fps is None and clip is not None:
        poses = poses.replace(fps=clip.fps)
    return poses


def _clips(poses: Poses) -> int:
    return len(poses) if poses.ndim == 4 else 1


def _plain(poses: ArrayLike) -> NDArray[Any]:
    array = np.asarray(poses)
    if array.dtype.kind not in "fiu":
        raise InputError(f"poses: expected an array of real numbers, got dtype {array.dtype}")
    return array
