"""This project's own .npz of clips.

`keypoints` or `kp2d` (t, j, 2|3); `image_size` or `size` (2,) and `fps` if there are such. Several
clips one after the other have `offsets` (n + 1,), and `size` may then be (n, 2) and `fps` (n,).
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import Archive
from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS, layouts_with
from h2ot_edge.spec import FloatArray

__all__ = ["ArchivedClip", "checked_fps", "checked_size", "count_clips", "read_archived_clip"]


class ArchivedClip(NamedTuple):
    """Keypoints (t, 17, 2|3) in Human3.6M's joints, image size and frame rate."""

    keypoints: FloatArray
    image_size: tuple[float, float] | None
    fps: float | None


def count_clips(archive: Archive) -> int:
    """How many clips a file seems to hold."""
    return int(np.size(archive.get("offsets", [0, 0]))) - 1


def read_archived_clip(
    path: Path, archive: Archive, index: int | None, layout: str | None
) -> ArchivedClip:
    """One clip.

    Args:
        path: what to call the file in errors.
        archive: its arrays.
        index: which clip of several.
        layout: of the joints; None for Human3.6M's.

    Raises:
        InputError: not as the module says.
    """
    keypoints = _first(archive, "keypoints", "kp2d")
    if keypoints is None:
        raise InputError(
            f"{path}: expected an array 'keypoints' or 'kp2d', found {', '.join(sorted(archive))}"
        )
    shape = keypoints.shape
    joints = len(LAYOUTS[layout or "h36m"].joints)
    if len(shape) != 3 or shape[1] != joints or shape[2] not in (2, 3):
        raise InputError(
            f"{path}: expected keypoints (t, {joints}, 2|3), got {shape}{_hint(shape, layout)}"
        )
    size, fps = _first(archive, "image_size", "size"), _first(archive, "fps")
    if "offsets" in archive:
        offsets, clip = _offsets(path, archive["offsets"], shape[0], index)
        keypoints = keypoints[offsets[clip] : offsets[clip + 1]]
        size = size[clip] if size is not None and size.ndim == 2 else size
        fps = fps[clip] if fps is not None and fps.ndim == 1 else fps
    elif index is not None:
        raise InputError(f"{path}: holds one clip; leave out the clip's number")
    if len(keypoints) == 0:
        raise InputError(f"{path}: the clip has no frames")
    points = _as_float32(path, keypoints)
    if layout is not None:
        points = LAYOUTS[layout].to_h36m(points)
    return ArchivedClip(points, checked_size(path, size), checked_fps(path, fps))


def _first(archive: Archive, *names: str) -> NDArray[Any] | None:
    return next((archive[name] for name in names if name in archive), None)


def _hint(shape: tuple[int, ...], layout: str | None) -> str:
    others = layouts_with(shape[1]) if len(shape) == 3 else ()
    if not others or (layout or "h36m") in others:
        return ""
    return (
        f"; if the joints are those of {' or '.join(others)}, say so (layout=, or h2ot-infer "
        "--layout)"
    )


def _offsets(
    path: Path, offsets: NDArray[Any], frames: int, index: int | None
) -> tuple[list[int], int]:
    """Checked offsets, and the number of the clip to take."""
    bounds = offsets.tolist() if offsets.ndim == 1 and offsets.dtype.kind in "iu" else []
    if len(bounds) < 2 or bounds != sorted(bounds) or bounds[0] != 0 or bounds[-1] != frames:
        raise InputError(
            f"{path}: expected offsets (n + 1,) whole numbers that rise from 0 to the {frames} "
            f"frames, got {offsets.tolist()}"
        )
    count = len(bounds) - 1
    if index is None and count > 1:
        raise InputError(
            f"{path}: holds {count} clips; say which, 0 to {count - 1} (index=, or --clip on the "
            "command line)"
        )
    if index is not None and not 0 <= index < count:
        raise InputError(f"{path}: expected a clip 0 to {count - 1}, got {index}")
    return bounds, index or 0


def _as_float32(path: Path, keypoints: NDArray[Any]) -> FloatArray:
    if keypoints.dtype.kind not in "fiu":
        raise InputError(f"{path}: expected keypoints of real numbers, got {keypoints.dtype}")
    with np.errstate(over="ignore"):  # the engine refuses infinity, and says where it is
        return keypoints.astype(np.float32)


def checked_size(path: Path, size: NDArray[Any] | None) -> tuple[float, float] | None:
    """An image's width and height.

    Raises:
        InputError: not two positive numbers.
    """
    if size is None:
        return None
    if size.shape != (2,) or size.dtype.kind not in "fiu" or not (size > 0).all():
        raise InputError(
            f"{path}: expected image_size as two positive numbers (width, height), got "
            f"{size.tolist()}"
        )
    return float(size[0]), float(size[1])


def checked_fps(path: Path, fps: NDArray[Any] | None) -> float | None:
    """Frames a second.

    Raises:
        InputError: not one positive number.
    """
    if fps is None:
        return None
    if fps.size != 1 or fps.dtype.kind not in "fiu" or not (fps > 0).all():
        raise InputError(f"{path}: expected fps as one positive number, got {fps.tolist()}")
    return float(fps.reshape(()))
