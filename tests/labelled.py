"""Clips whose poses are what the tiny models give, or nearly so."""

import numpy as np
from tiny_models import answer

from h2ot_edge.benchmarks.motion.labelled import LabelledClip


def labelled(name="one", frames=20, *, action="walk", subject="a", off_m=0.0, seed=0, channels=3):
    """A clip that a tiny model with flat bias lifts with all joints but the hip off by `off_m`."""
    rng = np.random.default_rng(seed)
    keypoints = rng.uniform(-0.5, 0.5, (frames, 17, channels)).astype(np.float32)
    poses = answer(keypoints[None], bias=0)[0]
    truth = poses - poses[:, :1]
    truth[:, 1:, 2] += off_m
    return LabelledClip(
        name=name,
        subject=subject,
        action=action,
        keypoints=keypoints,
        truth=truth.astype(np.float32),
        fps=50.0,
    )
