"""The arrays of `Poses`: checked, of their types, and read-only."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = [
    "check_words",
    "confidence_of",
    "flags_of",
    "fps_of",
    "kept_of",
    "people_of",
    "positions_of",
    "timestamps_of",
]


def check_words(axes: Sequence[str], joints: Sequence[str]) -> None:
    """Raise `InputError` unless there are three axes, and the joints of this project."""
    if len(axes) != 3:
        raise InputError(f"axes: expected the directions of x, y and z, got {len(axes)}")
    if tuple(joints) != JOINTS:
        raise InputError(
            f"joints: expected those of h2ot_edge.skeleton in order, got {', '.join(joints)}"
        )


def positions_of(positions: Any) -> FloatArray:
    """(t, 17, 3) or (n, t, 17, 3) float32."""
    array = np.asarray(positions, np.float32)
    if array.ndim not in (3, 4) or array.shape[-2:] != (len(JOINTS), 3):
        raise InputError(
            f"positions: expected (t, 17, 3) or (n, t, 17, 3), got {np.shape(positions)}"
        )
    return _read_only(array)


def flags_of(valid: Any, places: tuple[int, ...]) -> NDArray[np.bool_]:
    """(..., t, 17) bool."""
    if valid is None:
        return np.broadcast_to(np.bool_(True), places)
    array = np.asarray(valid)
    if array.dtype != np.bool_ or array.shape != places:
        raise InputError(f"valid: expected bool {places}, got {array.dtype} {array.shape}")
    return _read_only(array)


def confidence_of(confidence: Any, places: tuple[int, ...]) -> FloatArray:
    """(..., t, 17) float32, finite."""
    if confidence is None:
        return np.broadcast_to(np.float32(1), places)
    array = np.asarray(confidence, np.float32)
    if array.shape != places:
        raise InputError(f"confidence: expected {places}, got {array.shape}")
    if not np.isfinite(array).all():
        raise InputError("confidence: holds NaN or infinity; 0 is that of what was not seen")
    return _read_only(array)


def people_of(people: Any, clips: tuple[int, ...]) -> tuple[str, ...]:
    """Names, one a clip, all distinct; or none.

    Args:
        people: names.
        clips: (n,), or () of one clip.
    """
    if isinstance(people, str):  # whose letters would be names
        raise InputError(f"people: expected a tuple of names, got the text {people!r}")
    names = tuple(people)
    count = clips[0] if clips else 1
    if names and len(names) != count:
        raise InputError(f"people: expected a name for each of {count}, or none, got {len(names)}")
    if not all(isinstance(name, str) and name and name.isprintable() for name in names):
        raise InputError(f"people: expected texts that can be printed, got {names!r}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"people: expected distinct names, got {twice!r} more than once")
    return names


def kept_of(kept: Any, frames: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """(t,) or (n, t) bool, or None."""
    if kept is None:
        return None
    array = np.asarray(kept)
    if array.dtype != np.bool_ or array.shape != frames:
        raise InputError(
            f"kept: expected bool {frames}, a flag for each frame, got {array.dtype} {array.shape}"
        )
    return _read_only(array)


def fps_of(fps: float | None) -> float | None:
    """A finite number above 0, or None."""
    if fps is not None and not 0 < fps < math.inf:
        raise InputError(f"fps: expected a finite number above 0, got {fps:g}")
    return None if fps is None else float(fps)


def timestamps_of(timestamps: Any, frames: int) -> NDArray[np.float64] | None:
    """(t,) float64 that rise, or None."""
    if timestamps is None:
        return None
    array = np.asarray(timestamps, np.float64)
    if array.shape != (frames,):
        raise InputError(f"timestamps: expected {(frames,)} seconds, got {array.shape}")
    if not (np.isfinite(array).all() and (np.diff(array) > 0).all()):
        raise InputError("timestamps: expected finite seconds that rise from frame to frame")
    return _read_only(array)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
