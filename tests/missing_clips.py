"""Keypoints with holes, for tests."""

import numpy as np


def clip(frames=30, people=None, seed=0):
    """Keypoints in pixels, all there."""
    shape = (frames, 17, 3) if people is None else (people, frames, 17, 3)
    keypoints = np.random.default_rng(seed).uniform(10, 1000, shape)
    keypoints[..., 2] = keypoints[..., 2] / 2000 + 0.1
    return keypoints.astype(np.float32)


def holed(keypoints, share=0.4, seed=1):
    """The same without some joints, said in every way there is, and without some frames."""
    rng = np.random.default_rng(seed)
    left = keypoints.copy()
    kind = rng.integers(0, 6, left.shape[:-1])
    gone = rng.random(left.shape[:-1]) < share
    gone |= rng.random(left.shape[:-2])[..., None] < 0.2
    left[gone & (kind == 0)] = 0
    left[gone & (kind == 1)] = np.nan
    left[gone & (kind == 2), 0] = np.nan
    left[gone & (kind == 3), 2] = 0
    left[gone & (kind == 4), 1] = np.inf
    left[gone & (kind == 5), 2] = -0.3
    return left, ~gone
