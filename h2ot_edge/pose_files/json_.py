"""Poses as JSON: everything that `Poses` holds; `poses.schema.json` beside this file is its schema.

What is not finite is null. Numbers are the shortest that are read back as the same float32.
"""

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError
from h2ot_edge.pose_files.conventions import frame_in_words, texts
from h2ot_edge.poses import Poses
from h2ot_edge.skeleton import PARENTS

__all__ = ["read", "write"]

_NAME = "h2ot-edge/poses"
_VERSION = 1
_TYPES: dict[str, tuple[type, ...]] = {
    "joints": (list,),
    "unit": (str,),
    "frame": (str,),
    "axes": (list,),
    "fps": (int, float, type(None)),
    "timestamps": (list, type(None)),
    "filters": (list,),
    "people": (list,),
    "several": (bool,),
    "clips": (list,),
}
_ALONG = ("positions", "valid", "confidence")
_MAY_LACK: dict[str, Any] = {"people": []}
"""What a file without it, as some are, stands for."""


def write(file: BinaryIO, poses: Poses, card: ModelCard, name: str) -> None:
    """Write one clip or n."""
    document = {
        "schema": _NAME,
        "schema_version": _VERSION,
        "joints": poses.joints,
        "parents": PARENTS,
        "unit": poses.unit,
        "frame": poses.frame,
        "frame_of_reference": frame_in_words(poses, card),
        "axes": poses.axes,
        "fps": poses.fps,
        "timestamps": None if poses.timestamps is None else poses.timestamps.tolist(),
        "filters": poses.filters,
        "people": poses.people,
        "card": card.to_dict(),
        "several": poses.ndim == 4,
        "clips": [_clip(clip) for clip in poses.clips()],
    }
    file.write(json.dumps(document, ensure_ascii=True).encode())


def read(path: Path) -> Poses:
    """Read what `write` wrote."""
    document = {**_MAY_LACK, **_document(path)}
    for key, types in _TYPES.items():
        if key not in document:
            raise InputError(f"{key} is missing")
        if not isinstance(document[key], types) or (
            bool not in types and isinstance(document[key], bool)
        ):
            raise InputError(f"{key}: expected {_in_words(types)}, got {document[key]!r}")
    clips = document["clips"]
    if not document["several"] and len(clips) != 1:
        raise InputError(f"clips: expected 1 where several is false, got {len(clips)}")
    parts: dict[str, Any] = {name: _array(clips, name) for name in _ALONG}
    parts["kept"] = _kept(clips)
    if not document["several"]:
        parts = {key: None if array is None else array[0] for key, array in parts.items()}
    return Poses(
        **parts,
        unit=document["unit"],
        frame=document["frame"],
        fps=document["fps"],
        timestamps=_times(document["timestamps"]),
        joints=_words(document, "joints"),
        axes=_words(document, "axes"),  # type: ignore[arg-type]  # checked there
        filters=_words(document, "filters"),
        people=_words(document, "people"),
    )


def _clip(clip: Poses) -> dict[str, Any]:
    return {
        "positions": _nested(clip.positions),
        "valid": clip.valid.tolist(),
        "confidence": _nested(clip.confidence),
        "kept": None if clip.kept is None else clip.kept.tolist(),
    }


def _nested(numbers: NDArray[np.floating]) -> Any:
    """Lists of Python's floats, of which json writes no digits that float32 has not."""
    values: list[Any] = [float(text) if text else None for text in texts(numbers).ravel().tolist()]
    for size in numbers.shape[:0:-1]:
        values = [values[start : start + size] for start in range(0, len(values), size)]
    return values


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"not readable as JSON ({error})") from error
    except RecursionError as error:
        raise InputError("not readable as JSON (too many lists in lists)") from error
    if not isinstance(document, dict) or document.get("schema") != _NAME:
        raise InputError(f"no poses of h2ot-infer or write_poses: 'schema' is not {_NAME!r}")
    if document.get("schema_version") != _VERSION:
        raise InputError(
            f"expected schema_version {_VERSION}, got {document.get('schema_version')!r}; this "
            "h2ot-edge may be too old for it"
        )
    return document


def _array(clips: list[Any], key: str) -> NDArray[Any]:
    """(n, t, 17, ...) of all clips."""
    flags = key in ("valid", "kept")
    try:
        lists = [clip[key] for clip in clips]
        array = np.array(lists, None if flags else np.float32)  # null becomes NaN
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{key}: expected lists of one length in every clip") from error
    if flags and array.dtype != np.bool_:
        raise InputError(f"{key}: expected true and false, got {array.dtype}")
    return array


def _kept(clips: list[dict[str, Any]]) -> NDArray[Any] | None:
    """(n, t); None unless every clip has it."""
    told = [clip.get("kept") is not None for clip in clips]
    if not any(told):
        return None
    if not all(told):
        raise InputError(f"kept: expected it of all clips or of none, got {sum(told)}")
    return _array(clips, "kept")


def _times(times: list[Any] | None) -> NDArray[np.float64] | None:
    try:
        return None if times is None else np.array(times, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("timestamps: expected seconds") from error


def _words(document: dict[str, Any], key: str) -> tuple[str, ...]:
    words = document[key]
    if not all(isinstance(word, str) for word in words):
        raise InputError(f"{key}: expected a list of texts, got {words!r}")
    return tuple(words)


def _in_words(types: tuple[type, ...]) -> str:
    names = {list: "a list", str: "text", bool: "true or false", float: "a number", int: "a number"}
    return " or ".join(dict.fromkeys(names.get(each, "null") for each in types))
