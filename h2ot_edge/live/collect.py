"""From the poses that a live stream answered to `Poses` of a clip."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from h2ot_edge._names import look_up
from h2ot_edge.errors import InputError
from h2ot_edge.live.pose import LivePose
from h2ot_edge.poses import Poses
from h2ot_edge.rates import rate_of

__all__ = ["poses_of"]

_ALIKE = ("id", "unit", "axes", "filters", "stream")

_BEGAN = ", a reset or a dropped id that comes again begins another"


def poses_of(live: Iterable[LivePose | None], *, unanswered: str = "leave-out") -> Poses:
    """The poses of one stream as a clip, for its converters and for files.

    Args:
        live: what the stream answered, in order; None, an answer to a push, is passed over.
        unanswered: what stands for frames between the first and the last pose that were never
            answered (nobody was there, a window was dropped): `leave-out` nothing, and the
            timestamps tell; `invalid` poses that are NaN and not valid, with timestamps in a
            straight line between those around, so that frame i of the clip is frame
            `live[0].number` + i of the stream.

    Returns:
        (t, 17, 3) of frame `root`, with timestamps; the frame rate is that of the median time
        between frames, None if there is only one.

    Raises:
        InputError: no pose; poses of several ids, units, axes or filters, or of both sides of a
            reset; numbers or timestamps that do not rise.
        UnknownName: no such `unanswered`.
    """
    fills = look_up("unanswered", unanswered, {"leave-out": False, "invalid": True})
    poses = [pose for pose in live if pose is not None]
    if not poses:
        raise InputError(
            "poses_of: expected at least one pose, got none; the stream still fills, push on"
        )
    _check_alike(poses)
    numbers = np.array([pose.number for pose in poses])
    _check_rising("numbers", numbers.tolist())
    _check_rising("timestamps", [pose.timestamp for pose in poses])
    places = numbers - numbers[0] if fills else np.arange(len(poses))
    count = int(places[-1]) + 1
    times = np.interp(np.arange(count), places, [pose.timestamp for pose in poses])
    positions = np.full((count, *poses[0].positions.shape), np.nan, np.float32)
    valid, confidence = np.zeros((count, 17), bool), np.zeros((count, 17), np.float32)
    for place, pose in zip(places, poses, strict=True):
        positions[place], valid[place] = pose.positions, pose.valid
        confidence[place] = pose.confidence
    first = poses[0]
    return Poses(
        positions=positions,
        unit=first.unit,  # type: ignore[arg-type]  # `Poses` looks
        axes=first.axes,
        fps=rate_of(times) if count > 1 else None,
        timestamps=times,
        valid=valid,
        confidence=confidence,
        filters=first.filters,
        people=() if first.id is None else (str(first.id),),
    )


def _check_alike(poses: Sequence[LivePose]) -> None:
    for name in _ALIKE:
        for pose in poses:
            if getattr(pose, name) != getattr(poses[0], name):
                raise InputError(
                    f"poses_of: expected poses of one stream, got {name} "
                    f"{getattr(poses[0], name)!r} and {getattr(pose, name)!r}; collect each by "
                    f"itself{_BEGAN if name == 'stream' else ''}"
                )


def _check_rising(what: str, values: Sequence[float]) -> None:
    for before, after in pairwise(values):
        if not before < after:
            raise InputError(
                f"poses_of: expected {what} that rise, got {after:g} after {before:g}; give the "
                "poses of one stream in order, and those after a reset by themselves"
            )
