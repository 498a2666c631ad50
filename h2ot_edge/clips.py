"""Clips of 2-D keypoints from files, and poses to files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import Archive, make_folder_of, read_npz, replacing
from h2ot_edge.card import ModelCard
from h2ot_edge.detections import keypoints_from_detections
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["Clip", "check_poses_path", "read_clip", "read_clips", "write_poses"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """Keypoints of one person, frame by frame.

    Attributes:
        keypoints: (t, 17, 2|3) float32: x right, y down, and a confidence if there are three;
            the joints of `h2ot_edge.skeleton`.
        image_size: (width, height) in pixels, in which case x and y are pixels; None if unknown.
        fps: frames a second; None if unknown.
    """

    keypoints: FloatArray
    image_size: tuple[float, float] | None = None
    fps: float | None = None


def read_clip(path: str | Path, *, index: int | None = None) -> Clip:
    """Read a clip.

    `.npz`: `keypoints` or `kp2d` (t, 17, 2|3) in the joint order of `h2ot_edge.skeleton`;
    `image_size` or `size` (2,) and `fps` if there are such. Several clips one after the other have
    `offsets` (n + 1,), and `size` may then be (n, 2) and `fps` (n,).

    `.json`: what AlphaPose writes, or COCO keypoint results, in the joint order of COCO; see
    `h2ot_edge.detections`. Neither says the image size or the frame rate.

    Args:
        path: the file.
        index: which clip of a file that holds several.

    Raises:
        InputError: no such file, another format, or not as above.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a clip, .npz or .json")
    if path.suffix.lower() == ".npz":
        return _clip_of_archive(path, read_npz(path), index)
    if path.suffix.lower() != ".json":
        raise InputError(f"{path}: expected a clip, .npz or .json, got {path.suffix!r}")
    if index is not None:
        raise InputError(f"{path}: a .json file holds one clip; leave out the clip's number")
    return Clip(keypoints=keypoints_from_detections(_read_json(path), str(path)))


def read_clips(path: str | Path) -> list[Clip]:
    """Read all clips of a file; otherwise as `read_clip`."""
    path = Path(path)
    if path.suffix.lower() != ".npz" or not path.is_file():
        return [read_clip(path)]
    archive = read_npz(path)
    count = np.size(archive.get("offsets", [0, 0])) - 1
    numbers = range(count) if count > 1 else [None]
    return [_clip_of_archive(path, archive, number) for number in numbers]


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


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); write or copy it again") from error


def _clip_of_archive(path: Path, archive: Archive, index: int | None) -> Clip:
    keypoints = _first(archive, "keypoints", "kp2d")
    if keypoints is None:
        raise InputError(
            f"{path}: expected an array 'keypoints' or 'kp2d', found {', '.join(sorted(archive))}"
        )
    shape = keypoints.shape
    if len(shape) != 3 or shape[1] != len(JOINTS) or shape[2] not in (2, 3):
        raise InputError(f"{path}: expected keypoints (t, 17, 2|3), got {shape}")
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
    return Clip(
        keypoints=_as_float32(path, keypoints), image_size=_size(path, size), fps=_fps(path, fps)
    )


def _first(archive: Archive, *names: str) -> NDArray[Any] | None:
    return next((archive[name] for name in names if name in archive), None)


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


def _size(path: Path, size: NDArray[Any] | None) -> tuple[float, float] | None:
    if size is None:
        return None
    if size.shape != (2,) or size.dtype.kind not in "fiu" or not (size > 0).all():
        raise InputError(
            f"{path}: expected image_size as two positive numbers (width, height), got "
            f"{size.tolist()}"
        )
    return float(size[0]), float(size[1])


def _fps(path: Path, fps: NDArray[Any] | None) -> float | None:
    if fps is None:
        return None
    if fps.size != 1 or fps.dtype.kind not in "fiu" or not (fps > 0).all():
        raise InputError(f"{path}: expected fps as one positive number, got {fps.tolist()}")
    return float(fps.reshape(()))
