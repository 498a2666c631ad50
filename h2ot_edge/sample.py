"""A filmed walk with its true 3-D poses and the 2-D keypoints of a simulated detector.

`python -m h2ot_edge.sample OUT.npz` writes the clip that is shipped as `data/walk.npz`.

What comes from where
    The walk: see `h2ot_edge.gait`.
    Detector noise: Nakano N et al. (2020), doi:10.3389/fspor.2020.00050, found mean errors of 20
    to 30 mm for most joints of walkers with OpenPose, 1.1 to 1.7 % of a stature.

What is ours
    How noise varies with joint, time and occlusion, and what confidence makes of it.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.camera import Camera
from h2ot_edge.gait import Walk
from h2ot_edge.skeleton import JOINTS, MIRROR
from h2ot_edge.spec import FloatArray

__all__ = ["SampleWalk", "detect", "record", "sample_clip"]

Array = NDArray[np.float64]

_SOURCE = (
    "synthetic: h2ot_edge.gait from published gait kinematics (Schwartz et al. 2008) and segment "
    "lengths (Drillis & Contini 1966); no recording of a person"
)

# Size of the detector's error in statures, for a joint in plain view.
_ERROR = np.full(len(JOINTS), 0.0055)
_ERROR[[2, 5, 12, 15]] = 0.007  # knees and elbows
_ERROR[[3, 6, 13, 16]] = 0.009  # ankles and wrists


@dataclass(frozen=True, kw_only=True)
class SampleWalk:
    """A recorded walk.

    Attributes:
        keypoints: (t, 17, 3) float32: x and y in pixels, confidence.
        poses: (t, 17, 3) float32 metres in the camera frame, not relative to the hip.
        image_size: (width, height) in pixels.
        fps: frames per second.
    """

    keypoints: FloatArray
    poses: FloatArray
    image_size: tuple[int, int]
    fps: float


def detect(
    pixels: Array,
    rng: np.random.Generator,
    *,
    height_px: float | Array,
    depth_m: Array | None = None,
    fps: float = 50.0,
) -> FloatArray:
    """Spoil true pixels as a 2-D detector does, and say how sure it is.

    The error is Gaussian with a memory of 0.15 s. Its size differs by joint, drifts with time
    and grows on the far side of the body; the confidence falls as that size grows.

    Args:
        pixels: (t, 17, 2) true positions.
        rng: source of all chance.
        height_px: stature in the picture, one number or (t,).
        depth_m: (t, 17) distance from the camera, which tells the far side; None if unknown.
        fps: frames per second.

    Returns:
        (t, 17, 3) float32: x and y in pixels, confidence in [0, 1].
    """
    wander = _wander(rng, len(pixels), 0.15 * fps)
    size = _ERROR * np.exp(0.4 * wander[..., 2])
    if depth_m is not None:
        size *= 1 + 0.7 / (1 + np.exp((depth_m[:, MIRROR] - depth_m) / 0.06 + 2))
    height = np.broadcast_to(height_px, len(pixels))[:, None, None]
    noisy = pixels + size[..., None] * height * wander[..., :2]
    doubt = np.exp(-18 * size) + rng.normal(0.0, 0.02, size.shape)
    return np.dstack([noisy, np.clip(doubt, 0.0, 1.0)]).astype(np.float32)


def record(
    walk: Walk, camera: Camera, *, frames: int, fps: float = 50.0, seed: int = 0
) -> SampleWalk:
    """Film `walk` from time 0.

    Args:
        walk: who walks, and how.
        camera: where from.
        frames: length t.
        fps: frames per second.
        seed: of the detector's noise.

    Returns:
        t frames of true poses and noisy keypoints.

    Raises:
        InputError: if the person passes behind the camera.
    """
    poses = camera.to_camera(walk.joints(np.arange(frames) / fps))
    keypoints = detect(
        camera.project(poses),
        np.random.default_rng(seed),
        height_px=camera.focal_px * walk.stature_m / poses[:, 0, 2],
        depth_m=poses[..., 2],
        fps=fps,
    )
    return SampleWalk(
        keypoints=keypoints, poses=poses.astype(np.float32), image_size=camera.size, fps=fps
    )


def sample_clip() -> SampleWalk:
    """The clip that is shipped as `data/walk.npz`: 300 frames, past the camera and nearer."""
    walk = Walk(cadence_steps_per_min=98.0, heading_rad=-0.54, start_m=(-4.05, 1.9))
    return record(walk, Camera(), frames=300, seed=17)


def _wander(rng: np.random.Generator, frames: int, memory: float) -> Array:
    """(frames, 17, 3) unit Gaussian noise whose autocorrelation falls to 1/e in `memory` frames."""
    keep = np.exp(-1 / memory)
    noise = rng.standard_normal((frames, len(JOINTS), 3))
    noise[1:] *= np.sqrt(1 - keep**2)
    for now in range(1, frames):
        noise[now] += keep * noise[now - 1]
    return noise


def _write(path: Path, clip: SampleWalk) -> None:
    np.savez_compressed(
        path,
        keypoints=clip.keypoints,
        poses=clip.poses,
        image_size=np.array(clip.image_size, dtype=np.int64),
        fps=np.float64(clip.fps),
        joints=np.array(JOINTS),
        source=np.array(_SOURCE),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the sample walk.")
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    _write(parser.parse_args().out, sample_clip())
