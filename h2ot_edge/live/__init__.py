"""Live streams: frames in as they are taken, poses out a declared number of frames later.

* `stream`: one person, a frame in and a pose out.
* `streams`: many people and cameras by id; windows that are due run in one call of the model.
* `session`: the same with a thread of its own, for threads and for asyncio.

They are `Engine.stream`, `Engine.streams` and `Engine.session`. `poses_of` makes a clip of what
they answered, `SteadyBones` is a filter for them.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from h2ot_edge._names import unknown
from h2ot_edge.live.bones import SteadyBones
from h2ot_edge.live.collect import poses_of
from h2ot_edge.live.hub import LiveCounts, LiveLimits
from h2ot_edge.live.options import LiveOptions, PoseFilter
from h2ot_edge.live.pose import LivePose
from h2ot_edge.live.reader import PoseReader
from h2ot_edge.live.session import LiveSession
from h2ot_edge.live.stream import Stream
from h2ot_edge.live.streams import Streams

if TYPE_CHECKING:
    from h2ot_edge._inference import Inference

__all__ = [
    "LiveCounts",
    "LiveLimits",
    "LiveOptions",
    "LivePose",
    "LiveSession",
    "PoseFilter",
    "PoseReader",
    "SteadyBones",
    "Stream",
    "Streams",
    "poses_of",
    "session",
    "stream",
    "streams",
]


def stream(engine: "Inference", *, lookahead: int, **options: Any) -> Stream:
    """A stream of one person's poses.

    Args:
        engine: runs the windows; it may serve others too.
        lookahead: k, the fewest frames after its own that the network sees for a pose.
        options: other fields of `LiveOptions`: `hop`, `fps`, `image_size`, `startup`, `max_gap_s`,
            `smooth`, `layout`, `clock`.

    Raises:
        UsageError: an option out of its range.
        UnknownName: no such option or layout.
        InputError: `image_size` is not one.
    """
    _check_names(options, LiveOptions)
    return Stream(engine, LiveOptions(lookahead=lookahead, **options))


def streams(engine: "Inference", *, lookahead: int, **options: Any) -> Streams:
    """Streams of many people and cameras, in one thread.

    Args:
        engine: as `stream`.
        lookahead: as `stream`.
        options: as `stream`, and the fields of `LiveLimits`: `max_wait_ms`, `max_queue`,
            `max_streams`, `idle_timeout_s`, `unseen_timeout_s`.

    Raises:
        As `stream`.
    """
    return Streams(engine, *_split(lookahead, options))


def session(
    engine: "Inference",
    *,
    lookahead: int,
    on_pose: Callable[[LivePose], object] | None = None,
    **options: Any,
) -> LiveSession:
    """Streams of many people and cameras, with a thread that runs them.

    Args:
        engine: as `stream`.
        lookahead: as `stream`.
        on_pose: called in that thread with every pose.
        options: as `streams`.

    Raises:
        As `stream`.
    """
    return LiveSession(engine, *_split(lookahead, options), on_pose)


def _split(lookahead: int, options: Mapping[str, Any]) -> tuple[LiveOptions, LiveLimits]:
    _check_names(options, LiveOptions, LiveLimits)
    names = {field.name for field in dataclasses.fields(LiveLimits)}
    limits = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    return LiveOptions(lookahead=lookahead, **others), LiveLimits(**limits)


def _check_names(options: Mapping[str, Any], *kinds: type[Any]) -> None:
    known = [field.name for kind in kinds for field in dataclasses.fields(kind)]
    for name in options:
        if name not in known:
            raise unknown("option of a live stream", name, known)
