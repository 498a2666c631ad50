"""Which way is up, and where the floor is."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS

__all__ = ["ANKLE_HEIGHT_M", "floor_height", "up_from_tilt", "world_axes"]

Array = NDArray[np.float64]

ANKLE_HEIGHT_M = 0.07
"""Ankle joint over the floor in standing: 0.039 of the stature (Drillis & Contini 1966, as in
Winter), of 1.75 m; between people 1 cm more or less."""

LOW_PERCENTILE = 10.0
"""Of the lower ankle's heights over the frames, where the foot stands."""

_ANKLES = [JOINTS.index("rankle"), JOINTS.index("lankle")]
_LEVEL = {"-y": (0.0, -1.0, 0.0)}
_LEAST_FORWARD = 0.05
"""Sine of the angle between the camera's axis and the vertical, below which there is no ahead."""


def up_from_tilt(pitch_deg: float, roll_deg: float = 0.0) -> Array:
    """Up in the camera's frame, of a camera that is not level.

    Args:
        pitch_deg: by how much it looks up; below 0 it looks down.
        roll_deg: by how much it is turned clockwise, seen from behind it, so that the picture's
            content is turned counterclockwise.

    Returns:
        (3,) of length 1: x right, y down, z away from the camera.
    """
    pitch, roll = np.radians([pitch_deg, roll_deg])
    return np.array([-np.cos(pitch) * np.sin(roll), -np.cos(pitch) * np.cos(roll), np.sin(pitch)])


def world_axes(up: str | ArrayLike) -> Array:
    """Rows x, y, z of the world in the camera's frame, (3, 3): y is ahead, z is up."""
    upward = _direction(up)
    ahead = np.array([0.0, 0.0, 1.0]) - upward[2] * upward
    length = float(np.linalg.norm(ahead))
    if length < _LEAST_FORWARD:
        raise UsageError(
            "up: the camera looks straight up or down, so nothing is ahead of it; expected an "
            f"angle of at least {np.degrees(np.arcsin(_LEAST_FORWARD)):.0f} degrees between them"
        )
    ahead /= length
    return np.stack([np.cross(ahead, upward), ahead, upward])


def floor_height(positions: NDArray[np.floating], valid: NDArray[np.bool_]) -> float:
    """Height of the floor under a clip.

    Args:
        positions: (t, 17, 3) metres, z up.
        valid: (t, 17).

    Raises:
        InputError: no ankle is valid in any frame.
    """
    known = valid[:, _ANKLES] & np.isfinite(positions[:, _ANKLES, 2])
    lower = np.where(known, positions[:, _ANKLES, 2], np.inf).min(axis=1)
    lower = lower[np.isfinite(lower)]
    if not len(lower):
        raise InputError(
            "to_world: no ankle is valid in any frame, so there is nothing to find the floor by; "
            "pass floor=False"
        )
    return float(np.percentile(lower, LOW_PERCENTILE)) - ANKLE_HEIGHT_M


def _direction(up: str | ArrayLike) -> Array:
    given = _LEVEL.get(up) if isinstance(up, str) else up
    try:
        vector = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        vector = np.empty(0)
    length = float(np.linalg.norm(vector)) if vector.shape == (3,) else 0.0
    if not 0 < length < np.inf:
        raise UsageError(
            "up: expected '-y' or three finite numbers, not all 0, in the camera's axes (x right, "
            f"y down, z away from it), got {up!r}"
        )
    direction: Array = vector / length
    return direction
