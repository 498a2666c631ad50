"""The 16 bones between the 17 joints: their names, their lengths, and poses that keep them.

Where the factor from bones to stature comes from
    Thigh and shank of a standing person are 0.245 and 0.246 of the stature (Drillis R, Contini R
    (1966), Body Segment Parameters, as in Winter DA, Biomechanics and Motor Control of Human
    Movement, figure 4.1). The legs of the 13 bodies of the CMU motion capture database that come
    with this project's training data so say how tall these people are, and their stature is 1.074
    of ankle to knee to hip to spine to thorax to neck to head, with a standard deviation of 0.012
    between the bodies. What is not in that chain is the foot below the ankle and the head above
    joint 10, less what the chain has of bends. How tall somebody is with legs of a given length
    varies by 3 to 5 cm, 2 to 3 % (Trotter M, Gleser GC, Am J Phys Anthropol 10, 1952, and 16,
    1958), which is the error if the lengths are right. Where spine, neck and head are put matters
    as much: the factor of `h2ot_edge.gait`, whose stature is given, is 1.031.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.skeleton import PARENTS

if TYPE_CHECKING:
    from h2ot_edge.poses import Poses

__all__ = [
    "BONES",
    "STATURE_IN_BONES",
    "bone_lengths",
    "median_lengths",
    "stabilise_bones",
    "upright_length",
    "with_lengths",
]

Array = NDArray[np.float64]

BONES = (
    "rpelvis",
    "rthigh",
    "rshank",
    "lpelvis",
    "lthigh",
    "lshank",
    "lower_spine",
    "upper_spine",
    "neck",
    "head",
    "lclavicle",
    "lupper_arm",
    "lforearm",
    "rclavicle",
    "rupper_arm",
    "rforearm",
)
"""Names of bones; BONES[i] ends at JOINTS[i + 1] and begins at that joint's parent."""

STATURE_IN_BONES = 1.074
"""Stature over shank, thigh, lower and upper spine, neck and head end to end."""

_CHAIN: tuple[tuple[str, ...], ...] = (
    ("rshank", "lshank"),
    ("rthigh", "lthigh"),
    ("lower_spine",),
    ("upper_spine",),
    ("neck",),
    ("head",),
)
_POINT = 1e-9
"""What is shorter has no direction."""


def bone_lengths(positions: NDArray[np.floating]) -> Array:
    """Lengths of the bones in every frame.

    Args:
        positions: (..., 17, 3).

    Returns:
        (..., 16) in the same unit, in the order of `BONES`.
    """
    lengths: Array = np.linalg.norm(_vectors(positions), axis=-1)
    return lengths


def median_lengths(positions: NDArray[np.floating], valid: NDArray[np.bool_]) -> Array:
    """The median length of each bone over the frames in which both its ends are valid.

    Args:
        positions: (t, 17, 3).
        valid: (t, 17).

    Returns:
        (16,); NaN for a bone that is valid in no frame.
    """
    lengths = bone_lengths(positions)
    lengths[~(valid[:, 1:] & valid[:, PARENTS[1:]])] = np.nan
    return _medians(lengths)


def upright_length(lengths: Array) -> float:
    """Ankle to knee to hip to spine to thorax to neck to head; legs are the mean of both sides.

    Args:
        lengths: (16,); of the two sides of a bone one may be NaN.

    Returns:
        The sum, which `STATURE_IN_BONES` makes a stature; NaN if a bone is not known.
    """
    total = 0.0
    for sides in _CHAIN:
        found = lengths[[BONES.index(name) for name in sides]]
        found = found[np.isfinite(found)]
        total += float(found.mean()) if len(found) else np.nan
    return total


def with_lengths(positions: NDArray[np.floating], lengths: Array) -> Array:
    """Poses whose bones point as before and have given lengths; the root stays.

    One pass from the root outward. A bone of no length has no direction and stays so. It looks at
    every frame by itself, so it also serves a live stream.

    Args:
        positions: (..., 17, 3).
        lengths: (16,) in the same unit.

    Returns:
        (..., 17, 3).
    """
    vectors = _vectors(positions)
    sizes = np.linalg.norm(vectors, axis=-1)
    vectors *= (lengths / np.maximum(sizes, _POINT))[..., None]
    moved = np.empty(positions.shape)
    moved[..., 0, :] = positions[..., 0, :]
    for joint, parent in enumerate(PARENTS[1:], start=1):
        moved[..., joint, :] = moved[..., parent, :] + vectors[..., joint - 1, :]
    return moved


def stabilise_bones(poses: "Poses") -> "Poses":
    """Poses of a clip in which no bone changes its length.

    Each bone gets its median length over the frames in which both its ends are valid (over all
    frames if there is none), and keeps its direction; the root stays. Of several clips each has its
    own lengths. The result says so in `filters`.

    Args:
        poses: any frame of reference and unit.
    """
    moved = [_stabilised(clip.positions, clip.valid) for clip in poses.clips()]
    positions = np.asarray(moved, np.float32).reshape(poses.shape)
    return poses.replace(positions=positions, filters=(*poses.filters, "stabilise_bones()"))


def _stabilised(positions: NDArray[np.floating], valid: NDArray[np.bool_]) -> Array:
    lengths = median_lengths(positions, valid)
    lengths = np.where(np.isnan(lengths), _medians(bone_lengths(positions)), lengths)
    return with_lengths(positions, lengths)


def _medians(lengths: Array) -> Array:
    """Over frames, of (t, 16) in which NaN does not count."""
    found = [column[np.isfinite(column)] for column in lengths.T]
    return np.array([np.median(column) if len(column) else np.nan for column in found])


def _vectors(positions: NDArray[np.floating]) -> Array:
    exact = np.asarray(positions, np.float64)
    vectors: Array = exact[..., 1:, :] - exact[..., PARENTS[1:], :]
    return vectors
