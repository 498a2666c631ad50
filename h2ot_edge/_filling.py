"""What is put in the place of missing joints, and how far it is from an observation.

Letters: t frames of a clip; `observed` is (..., t, 17, 3), `seen` (..., t, 17).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._gaps import BoolArray
from h2ot_edge.spec import FloatArray

__all__ = ["SLACK_S", "Times", "finished", "held", "interpolated", "within"]

Times = NDArray[np.float64]

SLACK_S = 1e-6
"""0.1 s is five frames of 0.02 s, though their float64 differences add up to a little more."""


def held(observed: FloatArray, seen: BoolArray, times: Times) -> tuple[FloatArray, Times]:
    """Observations, and how many seconds ago each was; infinite if there is none."""
    last = _last(seen)
    return _at(observed, last), np.where(last < 0, np.inf, times[:, None] - times[last])


def interpolated(observed: FloatArray, seen: BoolArray, times: Times) -> tuple[FloatArray, Times]:
    """As `held`, with seconds from the nearer of the two observations."""
    count = len(times)
    last, following = _last(seen), count - 1 - np.flip(_last(np.flip(seen, -2)), -2)
    none_before, none_after = last < 0, following == count
    before = np.where(none_before, following, last) % count
    after = np.where(none_after, last, following) % count
    since, until = times[:, None] - times[before], times[after] - times[:, None]
    span = np.where(after > before, times[after] - times[before], 1.0)
    share = np.where(after > before, since / span, 0.0).astype(np.float32)[..., None]
    start = _at(observed, before)
    filled = start + (_at(observed, after) - start) * share
    nearer = np.minimum(np.abs(since), np.abs(until))
    return filled, np.where(none_before & none_after, np.inf, nearer)


def _last(seen: BoolArray) -> NDArray[np.int64]:
    """Number of the last frame up to each in which each joint was seen, -1 if in none."""
    frames = np.arange(seen.shape[-2])[:, None]
    last: NDArray[np.int64] = np.maximum.accumulate(np.where(seen, frames, -1), axis=-2)
    return last


def _at(observed: FloatArray, frames: NDArray[np.int64]) -> FloatArray:
    taken: FloatArray = np.take_along_axis(observed, np.maximum(frames, 0)[..., None], axis=-3)
    return taken


def finished(
    filled: FloatArray, seen: BoolArray, since: Times, fade_s: float, centre: Sequence[float]
) -> FloatArray:
    """A copy with faded confidences, and with places for joints that have none."""
    known = np.isfinite(since)
    # np.clip takes three times as long for a frame.
    fade = np.minimum(np.maximum(1 - since / fade_s, 0), 1) if fade_s else np.zeros(since.shape)
    done = filled.copy()
    done[..., 2] *= np.where(seen, 1, np.where(known, fade, 0)).astype(np.float32)
    if known.all():
        return done
    done[..., :2] = np.where(
        known[..., None], filled[..., :2], _neutral(filled[..., :2], known, centre)[..., None, :]
    )
    return done


def _neutral(places: FloatArray, known: BoolArray, centre: Sequence[float]) -> FloatArray:
    """(..., 2) mean of the known ones of (..., 17, 2), `centre` if there are none."""
    total = np.where(known[..., None], places, 0).sum(axis=-2, dtype=np.float64)
    count = known.sum(axis=-1)[..., None]
    mean = np.where(count, total / np.maximum(count, 1), np.asarray(centre, np.float64))
    return mean.astype(np.float32)


def within(since: Times, max_gap_s: float | None) -> BoolArray:
    """Whether an observation is near enough."""
    if max_gap_s is None:
        return np.isfinite(since)
    near: BoolArray = np.isfinite(since) & (since <= max_gap_s + SLACK_S * (max_gap_s > 0))
    return near
