"""People who move in straight lines, as detections (n, 17, 3) in pixels."""

import numpy as np

LEGS = [(-20, 0), (-22, 80), (-24, 160), (20, 0), (22, 80), (24, 160)]
TRUNK = [(0, -50), (0, -100), (5, -130), (0, -170)]
ARMS = [(30, -95), (45, -45), (50, 0), (-30, -95), (-45, -45), (-50, 0)]
BODY = np.array([(0, 0), *LEGS, *TRUNK, *ARMS], np.float32)
"""Somebody who stands, 330 pixels high."""


def person(x, y=400.0, seed=None, score=0.9):
    """(17, 3) with the hip at x, y; with a seed a little noise."""
    noise = 0 if seed is None else np.random.default_rng(seed).normal(0, 2, (17, 2))
    where = BODY + np.array([x, y], np.float32) + noise
    return np.column_stack([where, np.full(17, score)]).astype(np.float32)


def frame(*people):
    """(n, 17, 3)."""
    return np.stack(people) if people else np.empty((0, 17, 3), np.float32)
