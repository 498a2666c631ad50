"""What is missing of keypoints, in masks, numbers and words. Letters: t frames of a clip."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["BoolArray", "Gaps", "missing_error", "seen_in"]

BoolArray = NDArray[np.bool_]

_NAMED = 5
"""Gaps that an error names; it counts the others."""


def seen_in(keypoints: FloatArray) -> BoolArray:
    """Which joints a detector found; everything that asks does so here.

    Those whose x and y are finite, and their confidence too and above 0: where nothing is found
    most detectors write 0 and some, such as RTMPose, a score below it.

    Args:
        keypoints: (..., 2|3): x, y and perhaps a confidence.

    Returns:
        (...).
    """
    # Channel by channel: numpy's inner loop would be three numbers long along the last axis.
    seen: BoolArray = np.isfinite(keypoints[..., 0]) & np.isfinite(keypoints[..., 1])
    if keypoints.shape[-1] == 3:
        seen &= np.isfinite(keypoints[..., 2]) & (keypoints[..., 2] > 0)
    return seen


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """How much was missing, in joints of frames.

    Attributes:
        joints: all there are.
        missing: those without an observation.
        invalid: those of the missing ones that `Filled.valid` says are invalid.
        empty_frames: frames of which every joint is missing.
        by_joint: missing ones of each joint that has any, by name.
    """

    joints: int
    missing: int
    invalid: int
    empty_frames: int
    by_joint: dict[str, int]

    @classmethod
    def of(cls, seen: BoolArray, valid: BoolArray) -> "Gaps":
        """Count them in (..., t, 17)."""
        missing = (~seen).reshape(-1, len(JOINTS))
        counts = zip(JOINTS, missing.sum(axis=0).tolist(), strict=True)
        return cls(
            joints=seen.size,
            missing=int(missing.sum()),
            invalid=int((~valid).sum()),
            empty_frames=int(missing.all(axis=1).sum()),
            by_joint={name: count for name, count in counts if count},
        )


def missing_error(seen: BoolArray) -> InputError:
    """The error that names what (..., t, 17) has not been seen."""
    clips = seen.reshape(-1, *seen.shape[-2:])
    found = [
        (f"clip {number}: " if len(clips) > 1 else "") + gap
        for number, clip in enumerate(clips)
        for _, gap in sorted(_gaps_in_words(~clip), key=lambda gap: gap[0])
    ]
    more = f" and {len(found) - _NAMED} more gaps" if len(found) > _NAMED else ""
    return InputError(
        f"keypoints: {(~seen).sum()} of {seen.size} joints are missing (NaN, infinite, or "
        f"confidence 0 or below): {', '.join(found[:_NAMED])}{more}; give them all, or choose "
        "another on_missing: hold, interpolate or nan"
    )


def _gaps_in_words(missing: BoolArray) -> Iterator[tuple[int, str]]:
    """First frame and words of every gap of one clip (t, 17)."""
    empty: BoolArray = np.asarray(missing.all(axis=1))
    for first, last in _runs(empty):
        yield first, f"all joints in {_frames(first, last)}"
    for name, gone in zip(JOINTS, (missing & ~empty[:, None]).T, strict=True):
        for first, last in _runs(gone):
            yield first, f"{name} in {_frames(first, last)}"


def _runs(flags: BoolArray) -> Iterator[tuple[int, int]]:
    """First and last place of each run of True."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return ((int(first), int(stop) - 1) for first, stop in edges.reshape(-1, 2))


def _frames(first: int, last: int) -> str:
    return f"frame {first}" if first == last else f"frames {first} to {last}"
