"""Windows on which an export is verified."""

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.camera import Camera
from h2ot_edge.gait import Walk
from h2ot_edge.keypoints import normalise_by_width
from h2ot_edge.sample import record
from h2ot_edge.spec import FloatArray

KINDS = (
    "walking past",
    "walking fast, close camera",
    "walking away",
    "still",
    "frames in threes",
    "padded at the start",
    "noisy detector",
    "noise",
)


def probe_windows(frames: int, channels: int) -> FloatArray:
    """Eight windows that together meet what a deployed model meets, one per entry of `KINDS`.

    Returns:
        (8, frames, 17, channels) float32, normalised by the image width.
    """
    walking = _walk(frames, Walk(), Camera(), seed=1)
    fast = _walk(
        frames,
        Walk(cadence_steps_per_min=135.0, stature_m=1.6),
        Camera(position=(0.0, -4.0, 1.4)),
        seed=2,
    )
    away = _walk(frames, Walk(heading_rad=1.2, start_m=(0.0, 1.0)), Camera(), seed=3)
    rng = np.random.default_rng(4)
    windows: list[NDArray[np.floating]] = [
        walking,
        fast,
        away,
        np.repeat(walking[:1], frames, axis=0),
        walking[np.arange(frames) // 3],
        walking[np.maximum(np.arange(frames) - frames // 3, 0)],
        walking + rng.normal(scale=[0.02, 0.02, 0.0], size=walking.shape),
        rng.normal(size=walking.shape),
    ]
    return np.ascontiguousarray(np.stack(windows)[..., :channels], dtype=np.float32)


def _walk(frames: int, walk: Walk, camera: Camera, seed: int) -> FloatArray:
    """(frames, 17, 3) normalised keypoints with confidence."""
    clip = record(walk, camera, frames=frames, seed=seed)
    return normalise_by_width(clip.keypoints, *clip.image_size)
