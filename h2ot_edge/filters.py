"""Filters that smooth poses in time without looking ahead."""

import math

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["one_euro"]

Array = NDArray[np.float64]


def one_euro(
    poses: NDArray[np.floating],
    fps: float,
    *,
    min_cutoff_hz: float,
    beta: float,
    d_cutoff_hz: float = 1.0,
) -> FloatArray:
    """The One-Euro filter over a clip: a low pass whose cutoff rises with the speed.

    Each coordinate of each joint is filtered by itself. Who stands still is smoothed with
    `min_cutoff_hz`, who moves fast lags less. The function keeps nothing between calls.

    Source: Casiez, Roussel, Vogel, 1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy
    Input in Interactive Systems, CHI 2012, algorithm 1; so the speed is taken from the last
    filtered value, not from the last one that came in as some implementations do.

    Args:
        poses: (t, 17, 3), any float type, in metres.
        fps: frames a second.
        min_cutoff_hz: cutoff frequency at rest; less of it is less jitter and more lag.
        beta: by how many Hz the cutoff rises for each m/s, so its unit is 1/m.
        d_cutoff_hz: cutoff frequency of the low pass on the speed.

    Returns:
        (t, 17, 3) float32; the first frame is as it came.

    Raises:
        InputError: poses of another shape, or NaN or infinity.
        UsageError: a parameter out of its range.
    """
    for name, value, least in (
        ("fps", fps, "above 0"),
        ("min_cutoff_hz", min_cutoff_hz, "above 0"),
        ("d_cutoff_hz", d_cutoff_hz, "above 0"),
        ("beta", beta, "0 or above"),
    ):
        _check_parameter(name, value, least)
    exact = _checked(poses)
    filtered = np.empty_like(exact)
    filtered[0], speed = exact[0], np.zeros(exact.shape[1:])
    follow = _follow(d_cutoff_hz, fps)
    for now in range(1, len(exact)):
        change = exact[now] - filtered[now - 1]
        speed += follow * (change * fps - speed)
        cutoff = min_cutoff_hz + beta * np.abs(speed)
        filtered[now] = filtered[now - 1] + _follow(cutoff, fps) * change
    return filtered.astype(np.float32)


def _follow(cutoff_hz: float | Array, fps: float) -> Array:
    """Weight of the new value in an exponential low pass, alpha in the paper."""
    return np.asarray(1 / (1 + fps / (2 * np.pi * cutoff_hz)))


def _check_parameter(name: str, value: float, least: str) -> None:
    fits = value >= 0 if least == "0 or above" else value > 0
    if not (fits and math.isfinite(value)):
        raise UsageError(f"{name}: expected a finite number {least}, got {value:g}")


def _checked(poses: NDArray[np.floating]) -> Array:
    if poses.ndim != 3 or poses.shape[1:] != (len(JOINTS), 3) or not len(poses):
        raise InputError(f"poses: expected (t, 17, 3) with t >= 1, got {poses.shape}")
    finite = np.isfinite(poses).all(axis=(1, 2))
    if not finite.all():
        raise InputError(
            f"poses: hold NaN or infinity in {(~finite).sum()} of {len(poses)} frames, first in "
            f"frame {finite.argmin()}; a filter would carry them through the rest of the clip"
        )
    return poses.astype(np.float64)
