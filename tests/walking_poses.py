"""Somebody who walks, as `Poses` of each frame of reference, for tests."""

import numpy as np

from h2ot_edge import Poses
from h2ot_edge.gait import Walk

FRAMES = ("root", "camera", "world")


def walking_poses(frame="world", count=40, **changes):
    """The same walk: the camera is level, 1 m over the floor, and looks along y of the world."""
    world = Walk(heading_rad=2.0).joints(np.arange(count) / 50)
    x, y, z = np.moveaxis(world, -1, 0)
    camera = np.stack([x, 1 - z, y + 4], axis=-1)
    positions = {"world": world, "camera": camera, "root": camera - camera[:, :1]}[frame]
    return Poses(positions=positions, frame=frame, fps=50.0, **changes)


def upright(poses):
    """(t, 17, 3) x to the camera's right, y up, z towards it, written out."""
    exact = np.asarray(poses.positions, np.float64)
    if poses.frame == "world":
        return np.stack([exact[..., 0], exact[..., 2], -exact[..., 1]], axis=-1)
    return exact * [1, -1, -1]


def with_gaps(poses):
    """Frame 3 has no left elbow, and frames 0 to 2 nothing; frame 5's head is a guess."""
    positions = poses.positions.copy()
    positions[3, 12] = np.nan
    positions[:3] = np.nan
    valid = np.ones(positions.shape[:2], bool)
    valid[5, 10] = False
    return poses.replace(positions=positions, valid=valid)
