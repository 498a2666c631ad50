"""Where the person is: the root's track in the camera's frame, from poses and their 2-D keypoints.

Joint j at x, y, z from an unknown root X, Y, Z, seen along the ray (u, v, 1), gives two equations
that are linear in the root:

    (x + X) - u (z + Z) = 0        (y + Y) - v (z + Z) = 0

whose errors are metres across the picture, at the depth of the joint. All joints of all frames
together give the track T that makes least

    mean over joints of  w |error|^2  +  T''^2 / (2 pi cutoff)^4      summed over time,

w the confidence over its median, since detectors disagree on its range. The second term, on the
acceleration, keeps the track smooth, bridges what was not seen with a straight line, and makes one
linear system of the whole clip. Where the joints say little the smoothing is strong. Across the
picture it is a low pass of about `ACROSS_HZ`; in depth only the person's angular size tells, whose
square is about 0.01 at 5 m, which makes of `IN_DEPTH_HZ` a low pass of a third of it, and a lower
one farther away. Joints that fit badly count less (Huber's weights, by iterated least squares).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["root_track"]

Array = NDArray[np.float64]

ACROSS_HZ = 4.0
IN_DEPTH_HZ = 2.5
"""Cutoff of the smoothing if every joint told that coordinate by itself; tuned on training data."""

_ROUNDS = 5
_HUBER = 1.345 * 1.4826
"""Times the median error: Huber's constant for 95 % efficiency, and the median's for a Gaussian."""
_LEAST_M = 0.01
"""Errors below are never called large."""
_STILL_HZ = 1e-3
"""Holds a track of which too little is seen to say how it moves."""


def root_track(relative: Array, rays: Array, weights: Array, times: Array) -> Array:
    """The place that each frame's pose is moved by.

    Args:
        relative: (t, 17, 3) metres, in the camera's orientation.
        rays: (t, 17, 2) u and v.
        weights: (t, 17), 0 or above, some above 0; where they are 0 the others may be anything.
        times: (t,) seconds, rising.

    Returns:
        (t, 3) metres in the camera's frame.
    """
    known = weights > 0
    weights = weights / np.median(weights[known])
    rays = np.where(known[..., None], rays, 0.0)
    relative = np.where(known[..., None], relative, 0.0)
    aside = rays * relative[..., 2:] - relative[..., :2]
    spans = _spans(times)
    smooth = _smoothness(times, spans)
    robust = weights
    for _ in range(_ROUNDS):
        matrices, sums = _normal_equations(rays, aside, robust * spans[:, None] / rays.shape[1])
        track = _solve(matrices, sums, smooth)
        errors = np.linalg.norm(track[:, None, :2] - rays * track[:, None, 2:] - aside, axis=-1)
        bound = max(_HUBER * float(np.median(errors[known])), _LEAST_M)
        robust = weights * bound / np.maximum(errors, bound)
    return track


def _spans(times: Array) -> Array:
    """(t,) seconds that each frame stands for."""
    if len(times) == 1:
        return np.ones(1)
    middles = (times[1:] + times[:-1]) / 2
    return np.diff(np.concatenate([times[:1], middles, times[-1:]]))


def _normal_equations(rays: Array, aside: Array, weights: Array) -> tuple[Array, Array]:
    """(t, 3, 3) and (t, 3) of the equations of each frame's joints."""
    total, mean = weights.sum(axis=1), np.einsum("tj,tjc->tc", weights, rays)
    matrices = np.zeros((len(rays), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = total
    matrices[:, :2, 2] = matrices[:, 2, :2] = -mean
    matrices[:, 2, 2] = np.einsum("tj,tjc,tjc->t", weights, rays, rays)
    sums = np.zeros((len(rays), 3))
    sums[:, :2] = np.einsum("tj,tjc->tc", weights, aside)
    sums[:, 2] = -np.einsum("tj,tjc,tjc->t", weights, rays, aside)
    return matrices, sums


def _smoothness(times: Array, spans: Array) -> Array:
    """(3, t, 3) of the smoothing's matrix its diagonals 0, 1 and 2, for X, Y and Z.

    [offset, row] is the element of that row and of column row + offset.
    """
    count = len(times)
    bands = np.zeros((3, count, 3))
    cutoffs = 2 * np.pi * np.array([ACROSS_HZ, ACROSS_HZ, IN_DEPTH_HZ])
    steps = np.diff(times)
    if count > 2:
        before, after = steps[:-1], steps[1:]
        second = np.stack(
            [2 / (before * (before + after)), -2 / (before * after), 2 / (after * (before + after))]
        )
        _add(bands, second, np.multiply.outer(spans[1:-1], cutoffs**-4.0))
    if count > 1:
        first = np.stack([-1 / steps, 1 / steps])
        _add(bands, first, np.multiply.outer(steps, cutoffs**-4.0 * (2 * np.pi * _STILL_HZ) ** 2))
    return bands


def _add(bands: Array, stencil: Array, strength: Array) -> None:
    """Add strength * (sum of stencil[i] T[row + i])^2 for every row."""
    rows = stencil.shape[1]
    for i in range(len(stencil)):
        for j in range(i, len(stencil)):
            bands[j - i, i : i + rows] += strength * (stencil[i] * stencil[j])[:, None]


def _solve(matrices: Array, sums: Array, bands: Array) -> Array:
    """Solve the symmetric system of all frames.

    In pairs of frames it is block tridiagonal, because the smoothing reaches two frames far.
    """
    count = len(sums)
    even = count + count % 2
    size = ((0, even - count), (0, 0))
    padded = np.pad(bands, ((0, 0), *size))
    blocks = np.pad(matrices, (*size, (0, 0)))
    blocks[count:] = np.eye(3)  # an odd clip gets a frame more, which nothing ties to the others
    blocks[:, range(3), range(3)] += padded[0]
    same, next_, far = blocks.reshape(-1, 2, 3, 3), _diagonals(padded[1]), _diagonals(padded[2])
    diagonal = np.block([[same[:, 0], next_[:, 0]], [next_[:, 0], same[:, 1]]])
    beside = np.block([[far[:, 0], np.zeros_like(far[:, 0])], [next_[:, 1], far[:, 1]]])
    solved = _eliminate(diagonal, beside, np.pad(sums, size).reshape(-1, 6))
    return solved.reshape(-1, 3)[:count]


def _diagonals(numbers: Array) -> Array:
    """(2 n, 3) -> (n, 2, 3, 3) diagonal matrices."""
    return (numbers[:, :, None] * np.eye(3)).reshape(-1, 2, 3, 3)


def _eliminate(diagonal: Array, beside: Array, wanted: Array) -> Array:
    """Block tridiagonal elimination; `beside` are the blocks right of the diagonal."""
    carried, found = np.zeros_like(beside), np.zeros_like(wanted)
    for row in range(len(diagonal)):
        block, right = diagonal[row], wanted[row]
        if row:
            block = block - beside[row - 1].T @ carried[row - 1]
            right = right - beside[row - 1].T @ found[row - 1]
        solved = np.linalg.solve(block, np.column_stack([beside[row], right]))
        carried[row], found[row] = solved[:, :6], solved[:, 6]
    for row in range(len(diagonal) - 2, -1, -1):
        found[row] -= carried[row] @ found[row + 1]
    return found
