"""Files of poses: what `Poses` holds, and the card of the model they are of, as one .npz.

| array | shape | |
| --- | --- | --- |
| `poses` | (t, 17, 3) or (n, t, 17, 3) float32 | `Poses.positions` |
| `joints`, `axes`, `filters` | (17,), (3,), (k,) text | as in `Poses` |
| `frame`, `unit` | text | as in `Poses` |
| `frame_of_reference` | text | the frame in words |
| `fps`, `timestamps` | one number, (t,) float64 seconds | only if they are known |
| `valid`, `confidence` | (..., t, 17) bool, float32 | as in `Poses` |
| `card` | text | the model's card, JSON; `ModelCard.from_json` reads it |

Those of version 0.1.0 have neither `frame`, `timestamps`, `valid`, `confidence` nor `filters`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._files import Archive, make_folder_of, read_npz, replacing
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import H2OTError, InputError, UsageError
from h2ot_edge.poses import Poses

if TYPE_CHECKING:
    from h2ot_edge.clips import Clip

__all__ = ["check_poses_path", "read_poses", "write_poses"]

_NEEDED = ("poses", "joints", "unit", "axes")
"""Without these nobody knows what the numbers mean."""

_IN_WORDS = {
    "camera": "camera orientation, origin at the camera",
    "world": "z up, x to the camera's right, origin below the camera, or below the hip",
}
"""Of the frames that no network gives; a card has the words for `root`."""


def check_poses_path(path: str | Path) -> Path:
    """The path, if poses can have that name; to be asked before the work is done.

    Raises:
        UsageError: the name does not end in .npz.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise UsageError(f"{path}: poses are written as .npz; end the name in .npz")
    return path


def write_poses(
    path: str | Path, poses: Poses | ArrayLike, card: ModelCard, clip: "Clip | None" = None
) -> Path:
    """Write poses and what is needed to read them rightly; `read_poses` reads them.

    A folder that is not there is made; an old file is replaced as a whole. The file is an .npz of
    the arrays that this module lists.

    Args:
        path: of the file, ends in .npz.
        poses: of one clip or of n clips. A bare array (t, 17, 3) or (n, t, 17, 3) is taken to be
            what the model of `card` gave, in its unit and about the root.
        card: of the model.
        clip: what the poses were lifted from; its frame rate is that of poses that know none.

    Returns:
        The path.

    Raises:
        UsageError: the folder cannot be made, or the name does not end in .npz.
        InputError: an array of another shape.
    """
    path = check_poses_path(path)
    if not isinstance(poses, Poses):
        poses = Poses(positions=_plain(poses), unit=card.output.unit, axes=card.output.axes)
    if poses.fps is None and clip is not None:
        poses = poses.replace(fps=clip.fps)
    make_folder_of(path)
    with replacing(path) as file:
        np.savez(file, **_arrays(poses, card))
    return path


def read_poses(path: str | Path) -> Poses:
    """Read poses that `write_poses` or `h2ot-infer` wrote, also those of version 0.1.0.

    Those have no validity, confidence, timestamps and filters: all is valid, with confidence 1.

    Args:
        path: of the .npz.

    Returns:
        `Poses` equal to those that were written.

    Raises:
        InputError: no such file, damaged, pickled, or not as this module says.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; expected poses, .npz, as h2ot-infer writes them")
    archive = read_npz(path)
    missing = [name for name in _NEEDED if name not in archive]
    if missing:
        raise InputError(
            f"{path}: no poses of h2ot-infer or write_poses: {', '.join(missing)} not found among "
            f"its arrays ({', '.join(sorted(archive)) or 'none'}); read_clip reads keypoints"
        )
    try:
        return _poses_of(archive)
    except H2OTError as error:
        raise InputError(f"{path}: {error}; the file is damaged, write it again") from error


def _plain(poses: ArrayLike) -> NDArray[Any]:
    array = np.asarray(poses)
    if array.dtype.kind not in "fiu":
        raise InputError(f"poses: expected an array of real numbers, got dtype {array.dtype}")
    return array


def _arrays(poses: Poses, card: ModelCard) -> dict[str, Any]:
    arrays: dict[str, Any] = {
        "poses": poses.positions,
        "joints": poses.joints,
        "unit": poses.unit,
        "frame": poses.frame,
        "frame_of_reference": _IN_WORDS.get(poses.frame, card.output.frame_of_reference),
        "axes": poses.axes,
        "valid": poses.valid,
        "confidence": poses.confidence,
        "filters": np.array(poses.filters, np.str_),  # text even if there are none
        "card": card.to_json(),
        "fps": poses.fps,
        "timestamps": poses.timestamps,
    }
    return {name: value for name, value in arrays.items() if value is not None}


def _poses_of(archive: Archive) -> Poses:
    """The value that the arrays describe; it checks what fits what."""
    valid: Any = archive.get("valid")
    return Poses(
        positions=_numbers(archive, "poses"),
        joints=_words(archive, "joints"),
        unit=_word(archive, "unit"),
        frame=_word(archive, "frame", "root"),
        axes=_words(archive, "axes"),
        fps=_number(archive, "fps"),
        timestamps=_numbers(archive, "timestamps"),
        valid=valid,
        confidence=_numbers(archive, "confidence"),
        filters=_words(archive, "filters"),
    )


def _numbers(archive: Archive, name: str) -> Any:
    """An array of real numbers; None if there is none."""
    array = archive.get(name)
    if array is not None and array.dtype.kind not in "fiu":
        raise InputError(f"{name}: expected real numbers, got dtype {array.dtype}")
    return array


def _number(archive: Archive, name: str) -> float | None:
    array = _numbers(archive, name)
    if array is None:
        return None
    if array.shape != ():
        raise InputError(f"{name}: expected one number, got an array of {array.shape}")
    return float(array)


def _words(archive: Archive, name: str) -> Any:
    """A tuple of text; empty if there is no such array."""
    array = archive.get(name, np.empty(0, np.str_))
    if array.dtype.kind != "U" or array.ndim != 1:
        raise InputError(f"{name}: expected a list of texts, got {array.dtype} {array.shape}")
    return tuple(array.tolist())


def _word(archive: Archive, name: str, default: str = "") -> Any:
    array = archive.get(name, np.array(default))
    if array.dtype.kind != "U" or array.shape != ():
        raise InputError(f"{name}: expected one text, got {array.dtype} {array.shape}")
    return str(array)
