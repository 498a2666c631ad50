"""Small files in the formats that data sets are passed around in, of people who walk."""

import numpy as np
from motions import walking

from h2ot_edge.benchmarks.accuracy.evaluation import mirrored
from h2ot_edge.benchmarks.accuracy.h36m import ACTIONS
from h2ot_edge.benchmarks.accuracy.mpi_inf_3dhp import FILE_JOINTS, IMAGE_SIZES
from h2ot_edge.benchmarks.motion.h36m_files import KEPT_JOINTS
from h2ot_edge.skeleton import JOINTS, MIRROR

SYMMETRY = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]


def h36m_world(frames=4, subjects=("S9", "S11"), seed=0):
    """VideoPose3D's positions_3d: dict of dicts of (t, 32, 3) float32 metres."""
    rng = np.random.default_rng(seed)
    world = {}
    for subject in subjects:
        world[subject] = {}
        for number, action in enumerate(ACTIONS):
            poses = rng.normal(size=(frames + number, 32, 3)).astype(np.float32)
            poses[:, KEPT_JOINTS] = walking(frames=frames + number).poses
            world[subject][f"{action} 1" if number else action] = poses
    return world


def h36m_points(world, extra=0, seed=1):
    """VideoPose3D's positions_2d: for every recording a list of four (t, 17, 2), pixels."""
    rng = np.random.default_rng(seed)
    return {
        subject: {
            name: [
                rng.uniform(0, 1000, (len(poses) + extra, 17, 2)).astype(np.float32)
                for _ in range(4)
            ]
            for name, poses in recordings.items()
        }
        for subject, recordings in world.items()
    }


def save_h36m(folder, world=None, points=None, symmetry=SYMMETRY):
    """Both files, pickled as VideoPose3D's scripts do it."""
    world = h36m_world() if world is None else world
    points = h36m_points(world) if points is None else points
    paths = folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz"
    metadata = {"layout_name": "h36m", "num_joints": 17, "keypoints_symmetry": symmetry}
    np.savez_compressed(paths[0], positions_3d=world)
    np.savez_compressed(paths[1], positions_2d=points, metadata=metadata)
    return paths


def mpi_inf_3dhp(frames=6, seed=0):
    """P-STMO's test set: dict of sequences, millimetres and pixels, every second frame valid."""
    rng = np.random.default_rng(seed)
    order = [JOINTS.index(joint) for joint in FILE_JOINTS]
    data = {}
    for number, name in enumerate(IMAGE_SIZES):
        poses = walking(frames=frames + number).poses[:, order].astype(np.float64)
        data[name] = {
            "data_2d": rng.uniform(0, 1000, (frames + number, 17, 2)),
            "data_3d": 1000 * poses + (100, 200, 3000),
            "valid": (np.arange(frames + number) % 2).astype(np.float64),
        }
    return data


def save_3dhp(folder, data=None):
    """P-STMO's data_test_3dhp.npz."""
    path = folder / "data_test_3dhp.npz"
    np.savez_compressed(path, data=mpi_inf_3dhp() if data is None else data)
    return path


class KnownEngine:
    """Gives the truth, moved, and with all joints but the root `offset_m(keypoints)` too far away.

    All of it stands away from the origin, or, if `hip_m` is given, only the hip by so much.

    It knows clips by their first keypoint, and the mirror images of clips too.
    """

    def __init__(self, card, clips, offset_m, hip_m=None):
        self.card = card
        self.offset_m = offset_m
        self.hip_m = hip_m
        self.answers = {}
        for clip in clips:
            flipped = mirrored(clip.keypoints, clip.image_size)
            self.answers[key(clip.keypoints)] = clip.truth
            self.answers[key(flipped)] = clip.truth[:, MIRROR] * np.float32([-1, 1, 1])

    def infer(self, keypoints, *, image_size=None, on_missing):
        assert on_missing is None
        assert image_size is not None
        if self.hip_m is None:
            poses = self.answers[key(keypoints)] + np.float32(1.5)
        else:
            poses = self.answers[key(keypoints)].copy()
            poses[:, 0, 2] += np.float32(self.hip_m)
        assert len(poses) == len(keypoints)
        poses[:, 1:, 2] += np.float32(self.offset_m(keypoints))
        return poses


def key(keypoints):
    return keypoints[0, :3].tobytes()
