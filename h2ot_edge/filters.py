"""Filters that smooth poses in time without looking ahead."""

import math

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["OneEuro", "one_euro"]

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
    euro = OneEuro(min_cutoff_hz=min_cutoff_hz, beta=beta, d_cutoff_hz=d_cutoff_hz)
    _check_parameter("fps", fps, "above 0")
    return np.stack([euro.follow(pose, fps) for pose in _checked(poses)]).astype(np.float32)


class OneEuro:
    """The same filter a pose at a time, for a stream.

        euro = OneEuro(min_cutoff_hz=1.2, beta=4.0)
        smooth = [euro.step(pose, fps=50) for pose in poses]  # equals one_euro(poses, 50, ...)

    Threads: one at a time.

    Args:
        min_cutoff_hz: as `one_euro`.
        beta: as `one_euro`.
        d_cutoff_hz: as `one_euro`.

    Raises:
        UsageError: a parameter out of its range.
    """

    def __init__(self, *, min_cutoff_hz: float, beta: float, d_cutoff_hz: float = 1.0) -> None:
        _check_parameter("min_cutoff_hz", min_cutoff_hz, "above 0")
        _check_parameter("d_cutoff_hz", d_cutoff_hz, "above 0")
        _check_parameter("beta", beta, "0 or above")
        self._min_cutoff_hz, self._beta, self._d_cutoff_hz = min_cutoff_hz, beta, d_cutoff_hz
        self._filtered: Array | None = None
        self._speed: Array = np.zeros((len(JOINTS), 3))

    @property
    def description(self) -> str:
        """What it does to a pose, in words."""
        return (
            f"One-Euro, cutoff {self._min_cutoff_hz:g} Hz and {self._beta:g} Hz more for each m/s, "
            f"cutoff of the speed {self._d_cutoff_hz:g} Hz"
        )

    def step(self, pose: NDArray[np.floating], fps: float) -> FloatArray:
        """Filter the next pose.

        Args:
            pose: (17, 3), any float type, in metres.
            fps: 1 over the seconds since the pose before.

        Returns:
            (17, 3) float32; the first pose is as it came.

        Raises:
            InputError: a pose of another shape, or NaN or infinity.
            UsageError: fps out of its range.
        """
        _check_parameter("fps", fps, "above 0")
        if pose.shape != (len(JOINTS), 3):
            raise InputError(f"pose: expected (17, 3), got {pose.shape}")
        return self.follow(_checked(pose[None])[0], fps).astype(np.float32)

    def follow(self, exact: Array, fps: float) -> Array:
        """As `step` in float64 and without checks."""
        if self._filtered is None:
            self._filtered = exact
            return exact
        change = exact - self._filtered
        self._speed = self._speed + _follow(self._d_cutoff_hz, fps) * (change * fps - self._speed)
        cutoff = self._min_cutoff_hz + self._beta * np.abs(self._speed)
        self._filtered = self._filtered + _follow(cutoff, fps) * change
        return self._filtered

    def reset(self) -> None:
        """Forget the poses that came."""
        self._filtered = None
        self._speed = np.zeros((len(JOINTS), 3))

    def fresh(self) -> "OneEuro":
        """Another one of the same parameters that has seen nothing."""
        return OneEuro(
            min_cutoff_hz=self._min_cutoff_hz, beta=self._beta, d_cutoff_hz=self._d_cutoff_hz
        )


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
