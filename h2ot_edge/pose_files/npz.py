"""Poses as .npz, without pickles: everything that `Poses` holds, and the card of the model.

| array | shape | |
| --- | --- | --- |
| `poses` | (t, 17, 3) or (n, t, 17, 3) float32 | `Poses.positions` |
| `joints`, `axes`, `filters` | (17,), (3,), (k,) text | as in `Poses` |
| `frame`, `unit` | text | as in `Poses` |
| `frame_of_reference` | text | the frame in words |
| `fps`, `timestamps` | one number, (t,) float64 seconds | only if they are known |
| `valid`, `confidence` | (..., t, 17) bool, float32 | as in `Poses` |
| `people` | (n,) text, of one clip (1,) | their names, only if they are told |
| `kept` | (t,) or (n, t) bool | frames whose tokens were kept, only if they are known |
| `card` | text | the model's card, JSON; `ModelCard.from_json` reads it |

Those of version 0.1.0 have neither `frame`, `timestamps`, `valid`, `confidence`, `filters`,
`people` nor `kept`.
"""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from h2ot_edge._files import Archive, read_npz
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError
from h2ot_edge.pose_files.conventions import frame_in_words
from h2ot_edge.poses import Poses

__all__ = ["read", "write"]

_NEEDED = ("poses", "joints", "unit", "axes")
"""Without these nobody knows what the numbers mean."""


def write(file: BinaryIO, poses: Poses, card: ModelCard, name: str) -> None:
    """Write one clip or n."""
    arrays: dict[str, Any] = {
        "poses": poses.positions,
        "joints": poses.joints,
        "unit": poses.unit,
        "frame": poses.frame,
        "frame_of_reference": frame_in_words(poses, card),
        "axes": poses.axes,
        "valid": poses.valid,
        "confidence": poses.confidence,
        "filters": np.array(poses.filters, np.str_),  # text even if there are none
        "card": card.to_json(),
        "fps": poses.fps,
        "timestamps": poses.timestamps,
        "people": poses.people or None,
        "kept": poses.kept,
    }
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})


def read(path: Path) -> Poses:
    """Read what `write` wrote, here or in version 0.1.0."""
    archive = read_npz(path)
    missing = [name for name in _NEEDED if name not in archive]
    if missing:
        raise InputError(
            f"{path}: no poses of h2ot-infer or write_poses: {', '.join(missing)} not found among "
            f"its arrays ({', '.join(sorted(archive)) or 'none'}); read_clip reads keypoints"
        )
    valid: Any = archive.get("valid")
    kept: Any = archive.get("kept")
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
        people=_words(archive, "people"),
        kept=kept,
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
