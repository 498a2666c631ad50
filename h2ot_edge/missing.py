"""Joints and frames that the detector did not find: what is put in their place, and which they are.

A joint of a frame is missing if one of its numbers is NaN or infinite, or its confidence is 0 or
below; so (0, 0, 0) is missing, and of two channels only NaN is, as (0, 0) may be the middle of the
picture. `h2ot_edge.live` and `Engine.infer` go by the same rule, with every `on_missing`.

What is filled in gets the confidence of what it was filled in from, fading with the time to it: of
a position with confidence 0 the networks of this project use nothing, and gaps of a few frames cost
them several times as much (docs/missing.md). Which joints were seen, `Filled.seen` tells.

Letters: t frames of a clip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._filling import Times, finished, held, interpolated, within
from h2ot_edge._gaps import BoolArray, Gaps, missing_error, seen_in
from h2ot_edge._names import look_up
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = [
    "FADE_S",
    "MAX_GAP_S",
    "POLICIES",
    "Filled",
    "Gaps",
    "Holder",
    "OnMissing",
    "blanked",
    "check_filling",
    "fill_missing",
]

OnMissing = Literal["hold", "interpolate", "nan", "raise"]

POLICIES: tuple[OnMissing, ...] = get_args(OnMissing)
"""What can be done about missing joints; `fill_missing` says what each does."""

MAX_GAP_S = 0.5
"""From an observation to where engines and live streams call a joint not valid, unless told."""

FADE_S = 0.3
"""Seconds in which a confidence fades to 0; measured, and 0.2 and 0.4 are much the same."""

_UNTOLD_FPS = 30.0
"""For fading where the frame rate is unknown; half or twice of it would do."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Filled:
    """Keypoints without holes.

    Attributes:
        keypoints: (..., t, 17, 3) float32, finite; as they came, or filled in. Two channels have
            got a confidence, 1 where there is an observation.
        seen: (..., t, 17), whether there is an observation.
        valid: (..., t, 17), whether there is one within `max_gap_s`.
    """

    keypoints: FloatArray
    seen: BoolArray
    valid: BoolArray

    @property
    def gaps(self) -> Gaps:
        """How much was missing, counted."""
        return Gaps.of(self.seen, self.valid)


def check_filling(on_missing: str, max_gap_s: float | None) -> None:
    """Raise what `fill_missing` would, before there are keypoints.

    Raises:
        UnknownName: no such policy.
        UsageError: `max_gap_s` below 0.
    """
    look_up("on_missing", on_missing, dict.fromkeys(POLICIES))
    _check_seconds("max_gap_s", max_gap_s)


def fill_missing(
    keypoints: ArrayLike,
    *,
    on_missing: str = "interpolate",
    max_gap_s: float | None = None,
    times: Times | None = None,
    centre: Sequence[float] = (0.0, 0.0),
    fade_s: float = FADE_S,
) -> Filled:
    """Fill in missing joints, each by itself.

    * `hold` repeats the last observation and does not look ahead; a `Holder` does the same frame
      by frame.
    * `interpolate` goes straight in time from the last observation to the next one, and repeats
      the nearest before the first and after the last.
    * `nan` fills as `interpolate` does; what is made of invalid joints is to be `blanked`.
    * `raise` raises if anything is missing.

    A joint with nothing to go by (with `hold` until it is first seen, with the others if it never
    is) is put in the mean of the person's other joints in that frame, and if there are none in
    `centre`, with confidence 0: a place that depends on no future frame and is inside the picture,
    where it is least harmful to networks that look at it all the same. It is invalid.

    A position is filled in however long the gap is; it is `valid` that tells how far to trust it.

    Args:
        keypoints: (..., t, 17, 2|3) real numbers, t >= 1; pixels or normalised.
        on_missing: one of `POLICIES`.
        max_gap_s: a joint is valid up to this many seconds from the observation it was filled in
            from, with `interpolate` and `nan` from the nearer one; 0 makes every missing joint
            invalid, None none that was filled in from an observation.
        times: (t,) ascending seconds of the frames (`h2ot_edge.rates.frame_times`); None if
            unknown, they are then taken to be evenly spaced.
        centre: x, y of the middle of the picture, in the unit of the keypoints.
        fade_s: seconds from the observation at which its confidence has faded to 0, evenly; 0
            gives all that is filled in confidence 0.

    Raises:
        InputError: another shape; with `raise`, anything is missing.
        UnknownName: no such policy.
        UsageError: `max_gap_s` without times, or below 0; `fade_s` below 0.
    """
    check_filling(on_missing, max_gap_s)
    clips = _shaped(np.asarray(keypoints))
    _check_seconds("fade_s", fade_s)
    if times is None:
        _refuse_untimed(max_gap_s)
        times = np.arange(clips.shape[-3]) / _UNTOLD_FPS
    seen = seen_in(clips)
    if seen.all():
        return Filled(keypoints=_observed(clips, seen), seen=seen, valid=seen)
    if on_missing == "raise":
        raise missing_error(seen)
    observed = _observed(clips, seen)
    filled, since = (held if on_missing == "hold" else interpolated)(observed, seen, times)
    keypoints = finished(filled, seen, since, fade_s, centre)
    return Filled(keypoints=keypoints, seen=seen, valid=within(since, max_gap_s))


class Holder:
    """`fill_missing` with `hold`, frame by frame, of one person in a live stream.

    It never raises for what a detector may give: NaN, a frame without anybody, a joint that was
    never seen. The order of the timestamps is the caller's business.
    """

    def __init__(
        self,
        *,
        max_gap_s: float | None = None,
        centre: Sequence[float] = (0.0, 0.0),
        fade_s: float = FADE_S,
    ) -> None:
        """Begin with nobody seen.

        Args:
            max_gap_s: as for `fill_missing`, by the timestamps that `push` gets.
            centre: as for `fill_missing`.
            fade_s: as for `fill_missing`.

        Raises:
            UsageError: `max_gap_s` or `fade_s` below 0.
        """
        _check_seconds("max_gap_s", max_gap_s)
        _check_seconds("fade_s", fade_s)
        self._max_gap_s = max_gap_s
        self._fade_s = fade_s
        self._centre = tuple(centre)
        self.reset()

    def reset(self) -> None:
        """Forget everything that was seen."""
        self._last = np.zeros((len(JOINTS), 3), np.float32)
        self._times = np.full(len(JOINTS), -np.inf)

    def push(self, frame: ArrayLike | None, timestamp: float) -> tuple[FloatArray, BoolArray]:
        """The next frame without holes.

        Args:
            frame: (17, 2|3); None, or an array without elements, if nobody is there.
            timestamp: of the frame, seconds on any clock.

        Returns:
            (17, 3) float32 and (17,) bool, as `Filled.keypoints` and `Filled.valid`; they are the
            caller's.

        Raises:
            InputError: the frame has another shape.
        """
        clip = _shaped(_one_frame(frame))
        seen = seen_in(clip)
        return self.hold(_observed(clip, seen)[0], seen[0], timestamp)

    def hold(
        self, frame: FloatArray, seen: BoolArray, timestamp: float
    ) -> tuple[FloatArray, BoolArray]:
        """As `push` of a frame (17, 3) of which `seen` (17,) are seen, without checks."""
        self._last[seen] = frame[seen]
        self._times[seen] = timestamp
        since = timestamp - self._times
        keypoints = finished(self._last, seen, since, self._fade_s, self._centre)
        return keypoints, within(since, self._max_gap_s)

    def see(self, frame: FloatArray, timestamp: float) -> None:
        """As `push` of a frame (17, 3) in which every joint is seen, without checks.

        Such a frame stays as it is, and every joint is valid.
        """
        self._last[:] = frame
        self._times.fill(timestamp)


def blanked(positions: NDArray[np.floating[Any]], valid: BoolArray) -> NDArray[np.floating[Any]]:
    """Poses (..., t, 17, 3) with NaN for each joint of which `valid` (..., t, 17) is False."""
    return np.where(valid[..., None], positions, positions.dtype.type(np.nan))


def _one_frame(frame: ArrayLike | None) -> NDArray[Any]:
    given = np.empty(0) if frame is None else np.asarray(frame)
    return given[None] if given.size else np.full((1, len(JOINTS), 3), np.nan)


def _shaped(given: NDArray[Any]) -> FloatArray:
    fits = given.ndim >= 3 and given.shape[-2] == len(JOINTS) and given.shape[-1] in (2, 3)
    if not (fits and given.size):
        raise InputError(
            f"keypoints: expected frames of (17, 2|3), at least one, got an array of {given.shape};"
            " give the 17 joints of Human3.6M with x, y and perhaps a confidence"
        )
    # What float32 cannot hold becomes infinite, and so missing.
    with np.errstate(over="ignore"):
        return given.astype(np.float32, copy=False)


def _check_seconds(name: str, seconds: float | None) -> None:
    if seconds is not None and not seconds >= 0:
        raise UsageError(f"{name}: expected 0 or more seconds, got {seconds:g}")


def _refuse_untimed(max_gap_s: float | None) -> None:
    if max_gap_s is not None:
        raise UsageError(
            f"max_gap_s={max_gap_s:g}: expected fps or timestamps with it, got neither; without "
            "them a gap of so many frames may be any time"
        )


def _observed(clips: FloatArray, seen: BoolArray) -> FloatArray:
    """(..., t, 17, 3), 0 where nothing was seen."""
    observed = np.ones((*clips.shape[:-1], 3), np.float32)
    observed[..., : clips.shape[-1]] = clips
    observed[~seen] = 0
    return observed
