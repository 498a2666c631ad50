"""Axes, validity and frame rates, as the programs expect them that other formats are for."""

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError
from h2ot_edge.poses import Poses

__all__ = [
    "check_even",
    "frame_in_words",
    "known_joints",
    "origin_in_words",
    "positions_y_up",
    "positions_z_up",
    "texts",
]

Array = NDArray[np.float64]

_FRAMES_IN_WORDS = {
    "camera": "camera orientation, origin at the camera",
    "world": "z up, x to the camera's right, origin below the camera, or below the hip",
}
"""Of the frames that no network gives; a card has the words for `root`."""

_ORIGINS = {
    "root": "the hip, in every frame anew",
    "camera": "the camera",
    "world": "the floor below the camera, or below the hip",
}

_RATES_DIFFER = 0.01
"""Share by which timestamps may be off the frame rate on average."""


def frame_in_words(poses: Poses, card: ModelCard) -> str:
    """The frame of reference in words."""
    return _FRAMES_IN_WORDS.get(poses.frame, card.output.frame_of_reference)


def origin_in_words(poses: Poses) -> str:
    """Where the origin is."""
    return _ORIGINS[poses.frame]


def positions_y_up(poses: Poses) -> Array:
    """(..., 17, 3): x to the camera's right, y up, z towards the camera; only turned, not moved.

    Of the frames `root` and `camera` up is that of the camera, whether it was level or not.
    """
    x, y, z = np.moveaxis(np.asarray(poses.positions, np.float64), -1, 0)
    return np.stack([x, z, -y] if poses.frame == "world" else [x, -y, -z], axis=-1)


def positions_z_up(poses: Poses) -> Array:
    """(..., 17, 3): x to the camera's right, y away from it, z up; otherwise as with y up."""
    x, y, z = np.moveaxis(positions_y_up(poses), -1, 0)
    return np.stack([x, -z, y], axis=-1)


def known_joints(poses: Poses) -> NDArray[np.bool_]:
    """(..., 17): valid, and with a place."""
    known: NDArray[np.bool_] = poses.valid & np.isfinite(poses.positions).all(axis=-1)
    return known


def check_even(poses: Poses, name: str) -> None:
    """Raise unless the timestamps, if there are any, are those of the frame rate.

    Raises:
        InputError: one interval is off by half a frame, or all are by 1 % on average.
    """
    if poses.timestamps is None or poses.fps is None or len(poses.timestamps) < 2:
        return
    frames = np.diff(poses.timestamps) * poses.fps
    if np.abs(frames - 1).max() <= 0.5 and abs(frames.mean() - 1) <= _RATES_DIFFER:
        return
    low, mean, high = (
        value / poses.fps * 1e3 for value in (frames.min(), frames.mean(), frames.max())
    )
    raise InputError(
        f"{name}: expected frames at even times, got timestamps {low:.1f} to {high:.1f} ms apart, "
        f"{mean:.1f} ms on average, where frames of {poses.fps:g} fps are {1e3 / poses.fps:.1f}; "
        "write .npz, .json, .csv or .trc, which hold the timestamps"
    )


def texts(numbers: NDArray[np.floating]) -> NDArray[np.str_]:
    """The shortest text of each number that is read back as the same float; '' if not finite."""
    words = numbers.astype(np.str_)
    words[~np.isfinite(numbers)] = ""
    return words
