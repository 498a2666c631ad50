"""Poses that were never recorded, from bones that were: other limbs, bent trunks, tilted bodies.

A small set of motions holds few actions; a network that only ever saw those does badly on others.
Recombining limbs of two people (in the spirit of Gong et al., PoseAug, CVPR 2021, and of Li et al.,
Cascaded deep monocular 3D pose estimation, CVPR 2020) keeps every limb's movement real.

Bones are vectors (b, f, 16, 3) from parent to child; bone i ends at joint i + 1. z is up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.spec import FloatArray

__all__ = ["Variation"]

Array = NDArray[np.float32]

_LEGS = (0, 1, 2, 3, 4, 5)
_ARMS = ((11, 12), (14, 15))
_UPPER = (6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_HIP_LINE, _SHOULDER_LINE = (0, 3), (13, 10)  # right and left bone of each

# Bones that turn together, and how far, in radians (standard deviation).
_JOINTS = (
    ((11, 12), 0.35),
    ((12,), 0.35),
    ((14, 15), 0.35),
    ((15,), 0.35),
    ((1, 2), 0.25),
    ((2,), 0.2),
    ((4, 5), 0.25),
    ((5,), 0.2),
    ((8, 9), 0.15),
    (_UPPER, 0.2),
)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How bones are varied.

    Attributes:
        share: of windows that are varied at all; all other shares are of these.
        legs: share of windows with another window's legs.
        arms: share of windows whose left arm is another's, and of those whose right arm is.
        turned: share of windows whose joints are turned by an angle of their own each.
        tilt: standard deviation of a tilt of the whole body, radians.
        fallen: share of windows that are tilted by any angle instead, up to upside down.
    """

    share: float = 0.7
    legs: float = 0.3
    arms: float = 0.3
    turned: float = 0.4
    tilt: float = 0.08
    fallen: float = 0.05

    def __call__(self, bones: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Varied bones, of the same lengths but for exchanged limbs."""
        varied = bones.copy()
        chosen = rng.random(len(bones)) < self.share
        varied[chosen] = self._varied(bones[chosen], rng)
        return varied

    def _varied(self, bones: FloatArray, rng: np.random.Generator) -> FloatArray:
        count = len(bones)
        varied = bones.copy()
        other = rng.permutation(count)
        changed = rng.random((3, count))
        _take(varied, bones, other, changed[0] < self.legs, _LEGS, _HIP_LINE)
        for side, arm in enumerate(_ARMS):
            _take(varied, bones, other, changed[1 + side] < self.arms, arm, _SHOULDER_LINE)
        turned = rng.random(count) < self.turned
        for together, spread in _JOINTS:
            turns = rotations(rng.normal(0.0, spread, (count, 3)) * turned[:, None])
            varied[:, :, together] = np.einsum("bij,bfkj->bfki", turns, varied[:, :, together])
        tilted: FloatArray = np.einsum("bij,bfkj->bfki", self._tilts(count, rng), varied)
        return tilted

    def _tilts(self, count: int, rng: np.random.Generator) -> Array:
        """Rotations about a horizontal axis, (b, 3, 3)."""
        fallen = rng.random(count) < self.fallen
        angle = np.where(fallen, rng.uniform(0, np.pi, count), rng.normal(0.0, self.tilt, count))
        direction = rng.uniform(0, 2 * np.pi, count)
        axis = np.stack([np.cos(direction), np.sin(direction), np.zeros(count)], axis=-1)
        return rotations(axis * angle[:, None])


def rotations(vectors: NDArray[np.floating]) -> Array:
    """Rotation vectors (b, 3), radians, to matrices (b, 3, 3): Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=-1)[:, None, None]
    x, y, z = (vectors / np.maximum(angle[:, 0], 1e-12)).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    matrices = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    single: Array = matrices.astype(np.float32)
    return single


def _take(
    varied: FloatArray,
    bones: FloatArray,
    other: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    limb: tuple[int, ...],
    line: tuple[int, int],
) -> None:
    """Give the chosen windows a limb of another window, turned to their own heading.

    The heading is that of the line between hips or shoulders, frame by frame, so that a limb
    keeps its place beside the body when one of the two people turns round.
    """
    mine, theirs = np.flatnonzero(chosen), other[chosen]
    turn = _heading(bones[mine], line) - _heading(bones[theirs], line)
    cos, sin = np.cos(turn)[..., None], np.sin(turn)[..., None]
    taken = bones[theirs][:, :, limb]
    x, y = taken[..., 0], taken[..., 1]
    turned = np.stack([cos * x - sin * y, sin * x + cos * y, taken[..., 2]], axis=-1)
    varied[mine[:, None], :, limb] = turned.transpose(0, 2, 1, 3)


def _heading(bones: FloatArray, line: tuple[int, int]) -> FloatArray:
    """Angle of the line from right to left in the floor, (b, f) radians."""
    right, left = line
    across = bones[:, :, left] - bones[:, :, right]
    angle: FloatArray = np.arctan2(across[..., 1], across[..., 0])
    return angle
