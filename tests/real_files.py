"""Small files of real detections with triangulated poses."""

import numpy as np
from motions import walking


def save_real(path, **changes):
    """Two clips of 12 and 5 frames; what is changed to None is left out."""
    rng = np.random.default_rng(0)
    poses = walking(frames=17).poses + np.float32([0, 0, 4])
    points = 500 * poses[..., :2] / poses[..., 2:] + rng.normal(0, 1, (17, 17, 2))
    arrays = {
        "kp2d": np.concatenate([points, rng.uniform(0.5, 1, (17, 17, 1))], -1).astype(np.float32),
        "cam3d": poses,
        "K": np.repeat(np.diag([500.0, 500.0, 1.0])[None], 2, axis=0),
        "offsets": np.array([0, 12, 17]),
        "size": np.array([[640.0, 480.0], [480.0, 640.0]]),
        "trial": np.array(["balance", "static"]),
        "cam": np.array([1, 2]),
        "fps": np.float64(60),
    }
    kept = {name: value for name, value in {**arrays, **changes}.items() if value is not None}
    np.savez(path, **kept)
    return path
