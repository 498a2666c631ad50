"""Kinds of trouble that a frame can be in, or a pose can show.

A kind is a function from `Lifted` to (t,) bools in this file, and one line in `KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.model_card.lifting import Lifted
from h2ot_edge.skeleton import JOINTS, MIRROR

__all__ = ["KINDS", "Kind"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEARER_MM = 100.0
"""Less than this is no other pose, but an inexact one."""

LYING_DEG, UPSIDE_DOWN_DEG = 60.0, 120.0

MANY_MISSING = 4
"""As many joints as two limbs have besides hip and shoulder."""

_LIMBS = {
    root: [JOINTS.index(side + part) for part in parts]
    for side in "rl"
    for root, parts in (
        (JOINTS.index(f"{side}hip"), ("knee", "ankle")),
        (JOINTS.index(f"{side}shoulder"), ("elbow", "wrist")),
    )
}
"""Hip or shoulder -> the joints that hang on it."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of trouble.

    Attributes:
        title: of the picture.
        means: when a frame is of this kind, in words.
        holds: which frames of a clip are.
    """

    title: str
    means: str
    holds: Callable[[Lifted], Bools]


def _depth_flipped(lifted: Lifted) -> Bools:
    found = np.zeros(len(lifted.poses), np.bool_)
    for root, joints in _LIMBS.items():
        given, true = lifted.poses[:, joints], lifted.truth[:, joints]
        mirrored = given.copy()
        mirrored[..., 2] = 2 * lifted.poses[:, root, 2, None] - given[..., 2]
        found |= _distance_mm(given, true) - _distance_mm(mirrored, true) > NEARER_MM
    return found


def _sides_exchanged(lifted: Lifted) -> Bools:
    sided = [joint for joint in range(len(JOINTS)) if MIRROR[joint] != joint]
    given, exchanged = lifted.poses[:, sided], lifted.poses[:, MIRROR][:, sided]
    true = lifted.truth[:, sided]
    return _distance_mm(given, true) - _distance_mm(exchanged, true) > NEARER_MM


def _distance_mm(poses: Array, truth: Array) -> Array:
    mean: Array = 1e3 * np.linalg.norm(poses - truth, axis=-1).mean(axis=-1)
    return mean


def _tilt_deg(lifted: Lifted) -> Array:
    """Angle between the way from hip to thorax and the picture's way up."""
    trunk = lifted.truth[:, JOINTS.index("thorax")]
    tilt: Array = np.degrees(np.arctan2(np.hypot(trunk[:, 0], trunk[:, 2]), -trunk[:, 1]))
    return tilt


def _lying(lifted: Lifted) -> Bools:
    tilt = _tilt_deg(lifted)
    return (tilt > LYING_DEG) & (tilt <= UPSIDE_DOWN_DEG)


def _upside_down(lifted: Lifted) -> Bools:
    return _tilt_deg(lifted) > UPSIDE_DOWN_DEG


def _missing(lifted: Lifted) -> Bools:
    missing: Bools = lifted.clip.keypoints[..., 2] == 0
    return missing


def _outside(lifted: Lifted) -> Bools:
    beyond = np.abs(lifted.clip.keypoints[..., 0]) > 1
    return np.asarray((beyond & ~_missing(lifted)).any(axis=1))


def _many_missing(lifted: Lifted) -> Bools:
    many: Bools = _missing(lifted).sum(axis=1) >= MANY_MISSING
    return many


KINDS = {
    "depth-flip": Kind(
        title="A limb is mirrored in depth",
        means=f"an arm or a leg of the answer comes nearer to the truth, by {NEARER_MM:.0f} mm on "
        "the mean of its two joints, once it is mirrored in depth about shoulder or hip",
        holds=_depth_flipped,
    ),
    "sides-exchanged": Kind(
        title="Left and right are exchanged",
        means=f"the arms and legs of the answer come nearer to the truth, by {NEARER_MM:.0f} mm on "
        "their mean, once left and right are exchanged",
        holds=_sides_exchanged,
    ),
    "lying": Kind(
        title="The person is bent over or lying",
        means=f"the true trunk is {LYING_DEG:.0f} to {UPSIDE_DOWN_DEG:.0f} degrees from the "
        "picture's way up",
        holds=_lying,
    ),
    "upside-down": Kind(
        title="The person is upside down",
        means=f"the true trunk is more than {UPSIDE_DOWN_DEG:.0f} degrees from the picture's way "
        "up",
        holds=_upside_down,
    ),
    "out-of-picture": Kind(
        title="The person leaves the picture",
        means="a joint was found to the left or to the right of the picture (a real detector would "
        "not find it; the virtual cameras have no upper or lower border)",
        holds=_outside,
    ),
    "missing-joints": Kind(
        title="Joints are missing",
        means=f"{MANY_MISSING} or more joints were not found",
        holds=_many_missing,
    ),
}
"""Every kind, by the name that its picture's file has, in the order of the page."""
