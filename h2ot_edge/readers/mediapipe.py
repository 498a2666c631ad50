"""What people save of MediaPipe's 33 pose landmarks; it has no file format of its own.

Read: JSON with a list of frames, or an object that has the list under `frames` and perhaps `fps`,
`width` and `height`. A frame is a list of 33 landmarks, or a list of people with 33 each, or an
object that has it under `landmarks`, `pose_landmarks` or `poseLandmarks`, perhaps with `frame`, its
number. An object with `landmark`, which protobuf's `MessageToDict` makes of landmarks, is taken for
the list in it. A landmark is an object with x, y and visibility (z and presence are left out), or a
list x, y, z, visibility. x and y are shares of the image's width and height, so that the image's
size is needed. `pose_world_landmarks` are metres about the hips, which no camera saw: they are
refused.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.found import Found
from h2ot_edge.readers.parsing import layout_of, named, numbers
from h2ot_edge.spec import FloatArray

__all__ = ["is_mediapipe", "read_mediapipe"]

_KEYS = ("landmarks", "pose_landmarks", "poseLandmarks")
_JOINTS = 33
_HIPS = [LAYOUTS["mediapipe33"].joints.index(f"{side}_hip") for side in ("left", "right")]


def is_mediapipe(document: Any) -> bool:
    """Whether parsed JSON looks like it."""
    frames = document.get("frames") if isinstance(document, dict) else document
    if not isinstance(frames, list):
        return False
    return any(_people(frame) for frame in frames)


def read_mediapipe(document: Any, path: Path, layout: str | None) -> Found:
    """Read parsed JSON.

    Raises:
        InputError: not as the module says, or world landmarks.
    """
    frames = document.get("frames") if isinstance(document, dict) else document
    if not isinstance(frames, list) or not frames:
        raise InputError(
            f"{path}: expected a list of frames with 33 landmarks, got {named(document)}"
        )
    rows, where = [], []
    for at, frame in enumerate(frames):
        people = _people(frame)
        if people is None:
            raise InputError(
                f"{path}: frame {at}: expected 33 landmarks with x, y and visibility, got "
                f"{named(frame)}"
            )
        rows += people
        where += [at] * len(people)
    points = np.array(rows, np.float32) if rows else np.empty((0, _JOINTS, 3), np.float32)
    _refuse_metres(points, path)
    return Found(
        layout=layout_of(_JOINTS, ("mediapipe33",), layout, str(path)),
        frames=[_name(frame, at) for at, frame in enumerate(frames)],
        frame=np.array(where, np.intp),
        keypoints=points,
        scores=points[..., 2].mean(axis=1, dtype=np.float64),
        shares=True,
        image_size=_size(document),
        fps=_positive(document, "fps"),
    )


def _people(frame: Any) -> list[FloatArray] | None:
    """Everybody in a frame; None if it is not one."""
    for keys in (_KEYS, ("landmark",)):
        if isinstance(frame, dict):
            frame = next((frame[key] for key in keys if key in frame), frame)
    if frame is None or frame == []:
        return []
    if not isinstance(frame, list):
        return None
    several = [_unwrapped(person) for person in frame]
    people = [frame] if len(frame) == _JOINTS and not _is_person(several[0]) else several
    found = [_landmarks(person) for person in people]
    return None if any(person is None for person in found) else found  # type: ignore[return-value]


def _unwrapped(person: Any) -> Any:
    return person.get("landmark", person) if isinstance(person, dict) else person


def _is_person(value: Any) -> bool:
    return isinstance(value, list) and len(value) == _JOINTS


def _landmarks(person: Any) -> FloatArray | None:
    """(33, 3): x, y, visibility."""
    if not _is_person(person):
        return None
    if all(isinstance(mark, dict) and {"x", "y"} <= mark.keys() for mark in person):
        array = numbers([(mark["x"], mark["y"], mark.get("visibility", 1.0)) for mark in person])
        return array if array is not None and array.ndim == 2 else None
    array = numbers(person)
    if array is None or array.ndim != 2 or array.shape[1] not in (4, 5):
        return None
    return np.ascontiguousarray(array[:, [0, 1, 3]])


def _refuse_metres(points: FloatArray, path: Path) -> None:
    """World landmarks have their origin between the hips, in every frame."""
    middle = points[:, _HIPS, :2].mean(axis=1)
    if len(points) and np.abs(middle).max() < 0.02:
        raise InputError(
            f"{path}: the hips are at (0, 0) in every frame, so these are world landmarks, metres "
            "about the hips; save pose_landmarks, which are shares of the image"
        )


def _name(frame: Any, at: int) -> str:
    number = frame.get("frame") if isinstance(frame, dict) else None
    return str(number) if isinstance(number, int) else str(at)


def _size(document: Any) -> tuple[float, float] | None:
    width, height = _positive(document, "width"), _positive(document, "height")
    return None if width is None or height is None else (width, height)


def _positive(document: Mapping[str, Any] | Sequence[Any], key: str) -> float | None:
    value = document.get(key) if isinstance(document, dict) else None
    return float(value) if isinstance(value, int | float) and value > 0 else None
