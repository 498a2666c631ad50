"""Poses to be written to files, for tests."""

import numpy as np

from h2ot_edge import Poses


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def full(*shape, frames=6):
    """Poses in which nothing is left out; `shape` comes before the frames."""
    places = (*shape, frames, 17)
    positions = numbers(*places, 3)
    positions[..., 0, 4, :] = np.nan
    valid = numbers(*places, seed=1) > -1
    return Poses(
        positions=positions,
        frame="camera",
        unit="m",
        fps=29.97,
        timestamps=100 + np.arange(frames) / 29.97,
        valid=valid,
        confidence=np.abs(numbers(*places, seed=2)) * valid,
        filters=("lifted at 50 fps", "one_euro(min_cutoff_hz=1, beta=5)"),
    )
