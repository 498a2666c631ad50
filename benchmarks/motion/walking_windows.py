"""Windows of many people who walk, as many as one likes: to calibrate on, and to measure drift."""

import numpy as np

from h2ot_edge.camera import Camera
from h2ot_edge.gait import Walk
from h2ot_edge.keypoints import normalise_by_width
from h2ot_edge.sample import record
from h2ot_edge.spec import FloatArray

__all__ = ["walking_windows"]

SIZES = ((1280, 720), (1920, 1080), (720, 1280), (640, 480))


def walking_windows(count: int, frames: int, channels: int, *, seed: int) -> FloatArray:
    """People of all sizes and speeds, filmed from all sides, by a detector that misses joints.

    Args:
        count: n, windows.
        frames: f of each, at 50 frames a second.
        channels: 2 or 3; the third is the confidence.
        seed: of everything random.

    Returns:
        (n, f, 17, channels) float32, normalised by the image width.
    """
    rng = np.random.default_rng(seed)
    windows = [_window(frames, rng) for _ in range(count)]
    return np.ascontiguousarray(np.stack(windows)[..., :channels], dtype=np.float32)


def _window(frames: int, rng: np.random.Generator) -> FloatArray:
    """(f, 17, 3) of one walk."""
    walk = Walk(
        stature_m=rng.uniform(1.1, 2.0),
        cadence_steps_per_min=rng.uniform(60.0, 150.0),
        stride=rng.uniform(0.6, 1.0),
        heading_rad=rng.uniform(0.0, 2 * np.pi),
        phase=rng.random(),
    )
    # The camera looks at where the person is halfway, from farther than they walk.
    middle = walk.joints(np.array([frames / 100.0]))[0, 0]
    far = float(np.linalg.norm(middle[:2]))
    angle, distance = rng.uniform(0.0, 2 * np.pi), far + rng.uniform(2.5, 8.0)
    width, height = SIZES[rng.integers(len(SIZES))]
    camera = Camera(
        focal_px=max(width, height) * rng.uniform(0.6, 1.2),
        size=(width, height),
        position=(
            middle[0] + distance * np.cos(angle),
            middle[1] + distance * np.sin(angle),
            rng.uniform(0.4, 2.5),
        ),
        look_at=(float(middle[0]), float(middle[1]), 0.9),
    )
    clip = record(walk, camera, frames=frames, seed=int(rng.integers(2**31)))
    window = normalise_by_width(clip.keypoints, *clip.image_size)
    missing = rng.random(17) < rng.choice([0.0, 0.0, 0.1])
    window[:, missing] = 0.0
    return window
