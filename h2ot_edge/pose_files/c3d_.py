"""Poses as C3D: points in millimetres, z up, one for each joint, named as it is.

x is to the camera's right, y away from it, z up; POINT:X_SCREEN is +X and POINT:Y_SCREEN +Z. What
is not valid is (0, 0, 0) with residual -1, which is how C3D says that a point was not seen. The
frame of reference is in H2OT:FRAME, in words in H2OT:ORIGIN.

Written with `c3d`, which is kept, pure Python, and so also there for a Jetson; ezc3d, the other
candidate, has no wheels for ARM.
"""

import io
import warnings
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from h2ot_edge._names import require
from h2ot_edge.card import ModelCard
from h2ot_edge.pose_files.conventions import (
    check_even,
    known_joints,
    origin_in_words,
    positions_z_up,
)
from h2ot_edge.poses import Poses

__all__ = ["write"]

_BLOCK = 512
"""Bytes; a C3D file is made of such, and counts them from 1."""


def write(file: BinaryIO, poses: Poses, card: ModelCard, name: str) -> None:
    """Write one clip in metres, whose frame rate is known.

    Raises:
        InputError: the frames are not at even times.
        MissingExtra: `c3d` is not installed.
    """
    check_even(poses, name)
    writer = _described(require("c3d", "files"), poses)
    points = np.zeros((len(poses), len(poses.joints), 5), np.float32)
    known = known_joints(poses)
    points[known, :3] = 1e3 * positions_z_up(poses)[known]
    points[~known, 3] = -1
    for frame in points:
        writer.add_frames((frame, np.zeros((0, 1))))
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No analog data found in file")
        writer.write(written)
    _blank(written, _BLOCK * (int(writer.header.data_block) - 1), len(poses))
    file.write(written.getbuffer())


def _described(c3d: ModuleType, poses: Poses) -> Any:
    """A writer that knows all but the points."""
    writer = c3d.Writer(point_rate=poses.fps)
    writer.set_point_labels(poses.joints)
    writer.set_screen_axis("+X", "+Z")
    group = writer.get_create("H2OT")
    words = {
        "FRAME": ("frame of reference", poses.frame),
        "ORIGIN": ("where the origin is", origin_in_words(poses)),
        "AXES": ("directions of x, y, z", "camera's right, away from camera, up"),
    }
    for key, (about, text) in words.items():
        group.add_str(key, about, text, len(text))
    return writer


def _blank(written: io.BytesIO, start: int, frames: int) -> None:
    """Put what has residual -1 at the origin; c3d 0.6 leaves it where it was a frame ago."""
    points = np.frombuffer(written.getbuffer(), "<f4", frames * 17 * 4, start).reshape(-1, 4)
    points[points[:, 3] == -1, :3] = 0
