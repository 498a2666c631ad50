"""Rotations of many frames at once, as (t, 3, 3) matrices whose columns are the turned axes."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["angles_of", "frames_of", "shortest_turns"]

Array = NDArray[np.float64]

_ODD = ("XZY", "ZYX", "YXZ")
_OPPOSITE = 1e-9
"""1 + cosine of the angle, below which two directions are opposite."""


def shortest_turns(start: Array, end: Array) -> Array:
    """Rotations that take one direction to another about the axis that is upright to both.

    Args:
        start: (t, 3) of length 1.
        end: (t, 3) of length 1; of opposites the axis is any that is upright to them.

    Returns:
        (t, 3, 3).
    """
    cosine = np.einsum("ti,ti->t", start, end)
    cross = _crossed(np.cross(start, end))
    opposite = 1 + cosine < _OPPOSITE
    share = 1 / np.where(opposite, 1, 1 + cosine)
    turns: Array = np.eye(3) + cross + cross @ cross * share[:, None, None]
    turns[opposite] = _half_turns(start[opposite])
    return turns


def frames_of(x: Array, towards_y: Array) -> Array:
    """Right-handed axes, of which x is given and y leans towards a direction.

    Args:
        x: (t, 3) of length 1.
        towards_y: (t, 3) of length 1; where it lies along x, any y will do.

    Returns:
        (t, 3, 3).
    """
    z = np.cross(x, towards_y)
    lengths = np.linalg.norm(z, axis=-1, keepdims=True)
    z = np.where(lengths > _OPPOSITE, z, _upright_to(x))
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def angles_of(rotations: Array, order: str) -> Array:
    """Angles of three turns about axes that turn along, without leaps if the rotation has none.

    Args:
        rotations: (t, 3, 3).
        order: such as `ZXY`: the rotation is Z X Y, each a matrix about that axis.

    Returns:
        (t, 3) degrees in that order; in the first frame the middle one is from -90 to 90.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = -1 if order in _ODD else 1
    middle = np.arcsin(np.clip(sign * rotations[:, i, k], -1, 1))
    first = np.arctan2(-sign * rotations[:, j, k], rotations[:, k, k])
    last = np.arctan2(-sign * rotations[:, i, j], rotations[:, i, i])
    angles: Array = np.degrees(np.unwrap(_near(np.stack([first, middle, last], axis=-1)), axis=0))
    return angles


def _near(angles: Array) -> Array:
    """Of the two triples (t, 3) that make a rotation, that which is nearer to the frame before."""
    others = np.pi + angles * [1, -1, 1]
    # Each is the other's other, so one comparison does for both.
    stays, swaps = (_turned(angles[1:] - before[:-1]) for before in (angles, others))
    swapped = np.cumsum(np.concatenate([[0], swaps < stays])) % 2 == 1
    return np.where(swapped[:, None], others, angles)


def _turned(angles: Array) -> Array:
    """(t, 3) -> (t,) how far in all, by the shorter ways around."""
    way: Array = np.abs(np.mod(angles + np.pi, 2 * np.pi) - np.pi).sum(axis=-1)
    return way


def _crossed(vectors: Array) -> Array:
    """(t, 3) -> (t, 3, 3) that multiply as the cross product does."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.moveaxis(np.array(rows), -1, 0)


def _half_turns(vectors: Array) -> Array:
    axes = _upright_to(vectors)
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    turns: Array = 2 * axes[:, :, None] * axes[:, None, :] - np.eye(3)
    return turns


def _upright_to(vectors: Array) -> Array:
    """(t, 3) at right angles to others, of any length but 0."""
    axis = np.eye(3)[np.abs(vectors).argmin(axis=-1)]
    return np.cross(vectors, axis)
