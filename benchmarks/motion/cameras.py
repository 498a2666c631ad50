"""Virtual cameras: a random one for every window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.spec import FloatArray

__all__ = ["CameraRange", "Filmed", "film", "log_uniform"]

Array = NDArray[np.float64]
Range = tuple[float, float]

NEAREST_M = 0.6
"""No joint comes nearer to the camera than this; the camera is moved back instead."""


@dataclass(frozen=True, kw_only=True)
class CameraRange:
    """What random cameras are drawn from, uniformly unless said otherwise.

    Attributes:
        distance_m: horizontally, from the person's mean place; uniform in its logarithm.
        height_m: above the ground, which is at the lowest ankle.
        half_width: tangent of half the horizontal field of view; uniform in its logarithm.
            0.32 is a phone held upright, 0.9 a wide-angle camera.
        aim: how far off the person's mean place the camera looks, in shares of the half width of
            the picture, to each side and up and down.
        roll_deg: standard deviation of the tilt to the side, degrees.
    """

    distance_m: Range = (2.2, 9.0)
    height_m: Range = (0.3, 2.6)
    half_width: Range = (0.3, 0.9)
    aim: float = 0.4
    roll_deg: float = 2.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Filmed:
    """Windows as cameras see them.

    Attributes:
        poses: (b, f, 17, 3) float32 metres, root-relative, in the camera's orientation (x right,
            y down, z away from the camera).
        points: (b, f, 17, 2) float32, normalised by the image width: x spans [-1, 1].
        roots: (b, f, 3) float32 metres, the hip in the camera's frame.
        focal: (b,) float32 focal lengths in half widths of the image.
    """

    poses: FloatArray
    points: FloatArray
    roots: FloatArray
    focal: FloatArray


def film(poses: FloatArray, rng: np.random.Generator, cameras: CameraRange) -> Filmed:
    """Film every window with a random camera of its own.

    Args:
        poses: (b, f, 17, 3) metres in a world frame with z up.
        rng: source of all chance.
        cameras: what the cameras are drawn from.

    Returns:
        What the cameras see; all joints are in front of them, inside the picture or not.
    """
    count = len(poses)
    where = poses.mean(axis=(1, 2), dtype=np.float64)
    ground = poses[:, :, (3, 6), 2].min(axis=(1, 2))
    distance = log_uniform(rng, cameras.distance_m, count)
    yaw = rng.uniform(0, 2 * np.pi, count)
    half_width = log_uniform(rng, cameras.half_width, count)
    height = ground + rng.uniform(*cameras.height_m, count)
    away = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1) * distance[:, None]
    position = np.concatenate([where[:, :2] + away, height[:, None]], axis=-1)
    axes = _axes(where - position, rng, half_width, cameras)
    seen = np.einsum("bfjk,bik->bfji", poses - position[:, None, None], axes)
    seen[..., 2] += np.maximum(NEAREST_M - seen[..., 2].min(axis=(1, 2)), 0.0)[:, None, None]
    focal = 1 / half_width
    points = seen[..., :2] / seen[..., 2:] * focal[:, None, None, None]
    return Filmed(
        poses=(seen - seen[:, :, :1]).astype(np.float32),
        points=points.astype(np.float32),
        roots=seen[:, :, 0].astype(np.float32),
        focal=focal.astype(np.float32),
    )


def log_uniform(rng: np.random.Generator, between: Range, count: int) -> Array:
    """Numbers (count,) whose logarithms are uniform."""
    low, high = np.log(between)
    return np.exp(rng.uniform(low, high, count))


def _axes(towards: Array, rng: np.random.Generator, half_width: Array, r: CameraRange) -> Array:
    """Rows x, y, z of each camera in the world, (b, 3, 3)."""
    forward = _unit(towards)
    right = _unit(np.cross(forward, (0.0, 0.0, 1.0)))
    down = np.cross(forward, right)
    aside, below = rng.uniform(-r.aim, r.aim, (2, len(towards), 1)) * half_width[:, None]
    forward = _unit(forward + aside * right + below * down)
    right = _unit(np.cross(forward, (0.0, 0.0, 1.0)))
    down = np.cross(forward, right)
    roll = np.radians(rng.normal(0.0, r.roll_deg, (len(towards), 1)))
    tilted = np.cos(roll) * right + np.sin(roll) * down
    return np.stack([tilted, np.cross(forward, tilted), forward], axis=1)


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
