"""Frame rates: from the source's to the one that a model was trained at, and back.

Keypoints go straight from frame to frame in time, and so do the poses on the way back, so that
there is one pose for each frame that came in. Letters: t frames that came, u frames at the model's
rate.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError, ModelFileError, UsageError
from h2ot_edge.missing import FADE_S
from h2ot_edge.spec import FloatArray

__all__ = ["Resampling", "frame_times", "rate_of", "same_rate", "trained_fps", "warn_of_span"]

Times = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_logger = logging.getLogger(__name__)

_SAME = 0.01
"""Rates that differ by less are one rate."""

_UNEVEN = 0.5
"""Of a frame's time: clocks jitter by less, a frame that was dropped is more."""

_TORN = 2.5
"""Frames' times without a frame, behind which the source is taken to have stopped for a while."""

_SLOWEST_S = 2.0
"""No camera has this much between frames; milliseconds look as if."""


def trained_fps(card: ModelCard) -> float | None:
    """Frames a second that a model was trained at, as its card says; None if it does not.

    Raises:
        ModelFileError: it is no positive number.
    """
    fps = card.training.get("fps")
    if fps is None:
        return None
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < math.inf:
        raise ModelFileError(
            f"card: training.fps: expected a positive number, got {fps!r}; release the model again"
        )
    return float(fps)


def frame_times(
    frames: int, *, fps: float | None = None, timestamps: ArrayLike | None = None
) -> Times | None:
    """When each frame was taken.

    Args:
        frames: t.
        fps: frames a second, if they are evenly spaced.
        timestamps: (t,) ascending seconds on any clock.

    Returns:
        (t,) seconds; None if neither is given.

    Raises:
        UsageError: both are given, or fps is no positive number.
        InputError: timestamps of another shape, NaN, not ascending, or hardly seconds.
    """
    if timestamps is None:
        return None if fps is None else np.arange(frames) / _checked_fps(fps)
    if fps is not None:
        raise UsageError("fps and timestamps: expected one of them, got both; leave out fps")
    times = np.asarray(timestamps)
    if times.shape != (frames,) or times.dtype.kind not in "fiu":
        raise InputError(
            f"timestamps: expected {frames} numbers, one for each frame, got an array of "
            f"{times.shape}, dtype {times.dtype}; give seconds as floats"
        )
    seconds = times.astype(np.float64)
    _check_ascending(seconds)
    return seconds


def rate_of(times: Times) -> float:
    """Frames a second, from the median of the time between frames, which dropped ones leave alone.

    Raises:
        InputError: fewer than two frames.
    """
    if len(times) < 2:
        raise InputError(
            f"timestamps: expected at least 2 frames to tell a frame rate, got {len(times)}; "
            "pass fps instead"
        )
    return float(1 / np.median(np.diff(times)))


def same_rate(fps: float, other: float) -> bool:
    """Whether two rates are within 1 %, and so are one."""
    return abs(fps / other - 1) <= _SAME


def warn_of_span(card: ModelCard, fps: float) -> bool:
    """Log a warning if a window at this rate spans a time that costs accuracy or adds jitter.

    Measured on a model that ships (docs/missing.md): below half the rate of the training poses get
    worse, and at twice the rate velocities err by 40 % more.

    Args:
        card: of the model; one that does not tell its rate is not warned of.
        fps: frames a second of the keypoints that the model gets.

    Returns:
        Whether there was anything to warn of.
    """
    trained = trained_fps(card)
    if trained is None or 0.5 <= fps / trained <= 2:
        return False
    _logger.warning(
        "a window of %d frames spans %.2g s at %g frames a second and spanned %.2g s in training "
        "(%g frames a second); poses will be worse or jitter, resample the keypoints",
        card.frames,
        card.frames / fps,
        fps,
        card.frames / trained,
        trained,
    )
    return True


@dataclass(frozen=True, eq=False)
class Resampling:
    """From one set of times to another and back.

    Attributes:
        source: (t,) ascending seconds, of the frames that came.
        target: (u,) ascending seconds from the source's first to its last, evenly spaced but for
            the last step, which may be shorter; the source's own if nothing is to be done.
    """

    source: Times
    target: Times

    @classmethod
    def to(cls, times: Times, fps: float) -> "Resampling":
        """The way from frames at `times` to `fps` frames a second.

        Nothing is to be done if the rates are within 1 % and no frame is missing between others,
        or there is one frame only: clocks jitter, and what is worse, they often tell when a frame
        came and not when it was taken.

        Args:
            times: (t,) from `frame_times`.
            fps: of the target.

        Raises:
            UsageError: fps is no positive number.
        """
        steps = np.diff(times) * _checked_fps(fps)
        same = not len(steps) or same_rate(float(np.median(steps)), 1.0)
        if same and (np.abs(steps - 1) <= _UNEVEN).all():
            return cls(times, times)
        # Not one more for what rounding adds; seconds since 1970 are exact to 2e-7.
        count = math.ceil((times[-1] - times[0]) * fps - 1e-4) + 1
        target = times[0] + np.arange(count) / fps
        target[-1] = times[-1]
        return cls(times, target)

    @property
    def identity(self) -> bool:
        """Whether nothing is to be done."""
        return self.target is self.source

    def keypoints(self, keypoints: FloatArray, valid: BoolArray) -> tuple[FloatArray, BoolArray]:
        """Keypoints and their validity at the target's times.

        Positions and confidences go straight from frame to frame: a joint between a frame with it
        and one without has a share of the confidence, one between two without it stays missing.
        Where the source has no frames for more than two and a half frames' time nothing is valid,
        and confidences fade as those of missing joints do (`h2ot_edge.missing`).

        Args:
            keypoints: (..., t, 17, 3) float32 without holes, as `fill_missing` gives.
            valid: (..., t, 17).

        Returns:
            (..., u, 17, 3) float32 and (..., u, 17).
        """
        if self.identity:
            return keypoints, valid
        moved = _straight(keypoints, self.source, self.target)
        before, share = _places(self.source, self.target)
        after = np.minimum(before + 1, len(self.source) - 1)
        since, until = self.target - self.source[before], self.source[after] - self.target
        torn = (share > 0) & (since + until > self._longest)
        fade = np.where(torn, np.clip(1 - np.minimum(since, until) / FADE_S, 0, 1), 1)
        moved[..., 2] *= fade.astype(np.float32)[:, None]
        reached = valid[..., before, :] | ((share > 0)[:, None] & valid[..., after, :])
        return moved, reached & ~torn[:, None]

    def back(self, poses: NDArray[Any]) -> NDArray[Any]:
        """Poses (..., u, 17, 3) at the source's times, (..., t, 17, 3) of the same dtype."""
        return poses if self.identity else _straight(poses, self.target, self.source)

    @property
    def _longest(self) -> float:
        """Seconds between frames over which keypoints are taken to move straight."""
        return _TORN * float(np.median(np.diff(self.source)))


def _checked_fps(fps: float) -> float:
    if not 0 < fps < math.inf:
        raise UsageError(f"fps: expected a positive number of frames a second, got {fps:g}")
    return fps


def _check_ascending(times: Times) -> None:
    finite = np.isfinite(times)
    if not finite.all():
        raise InputError(
            f"timestamps: {(~finite).sum()} of {len(times)} are NaN or infinite, the first of "
            f"frame {finite.argmin()}; leave such frames out, or pass fps"
        )
    steps = np.diff(times)
    if not (steps > 0).all():
        frame = int((steps > 0).argmin()) + 1
        raise InputError(
            f"timestamps: expected every frame later than the one before, got {times[frame]:.6f} s "
            f"for frame {frame} after {times[frame - 1]:.6f} s; sort the frames and leave out "
            "repeated ones"
        )
    if len(steps) and np.median(steps) > _SLOWEST_S:
        raise InputError(
            f"timestamps: frames lie {np.median(steps):g} s apart; expected seconds, these look "
            "like milliseconds or less; divide them"
        )


def _places(times: Times, wanted: Times) -> tuple[NDArray[np.int64], Times]:
    """Number of the frame before each wanted time, and the share of the way to the next one."""
    places = np.interp(wanted, times, np.arange(len(times)))
    before = places.astype(np.int64)
    return before, places - before


def _straight(array: NDArray[Any], times: Times, wanted: Times) -> NDArray[Any]:
    """(..., t, 17, c) at other times, straight between frames; outside them the nearest."""
    before, share = _places(times, wanted)
    after = np.minimum(before + 1, len(times) - 1)
    start = array[..., before, :, :]
    way = (array[..., after, :, :] - start) * share.astype(array.dtype)[:, None, None]
    return np.asarray(start + way)
