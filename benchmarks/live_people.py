"""How late poses are when people come at cameras' rates, through `LiveSession` as an app has it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from h2ot_edge.clips import Clip
from h2ot_edge.engine import Engine
from h2ot_edge.errors import UsageError
from h2ot_edge.live import LivePose, session
from h2ot_edge.sample import SampleWalk
from h2ot_edge.spec import FloatArray

__all__ = ["Cameras", "Filmed", "endless", "people_at_a_rate"]

Filmed = SampleWalk | Clip


@dataclass(frozen=True, kw_only=True)
class Cameras:
    """People at a rate.

    Attributes:
        late_ms: p50, p99, p99.9 of the time from a frame's push to the pose that it completes;
            infinite if none came.
        missed: share of poses that were later than the next frame, or never came.
        dropped: windows that were never run.
        poses: that came.
    """

    late_ms: tuple[float, float, float]
    missed: float
    dropped: int
    poses: int


def people_at_a_rate(
    engine: Engine,
    clip: Filmed,
    *,
    people: int,
    rate: float,
    seconds: float,
    lookahead: int,
    hop: int,
) -> Cameras:
    """Push people at a camera's rate, whether or not the network keeps up, and see when poses come.

    Raises:
        H2OTError: as `session` and `LiveSession.push`.
    """
    late: list[float] = []
    delay = lookahead + hop - 1
    if int(seconds * rate) <= delay:
        raise UsageError(
            f"{seconds:g} s at {rate:g} Hz: no pose can come, its look-ahead and hop wait for "
            f"{delay} frames; measure for longer"
        )

    def on_pose(pose: LivePose) -> None:
        # What it waited for by choice is not late.
        late.append(pose.latency_s - delay / rate)

    frames, count = endless(clip), int(seconds * rate)
    options: dict[str, Any] = {"lookahead": lookahead, "hop": hop, "image_size": clip.image_size}
    with session(engine, on_pose=on_pose, **options) as live:
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(start + number / rate - time.monotonic(), 0))
            live.push_many(dict.fromkeys(range(people), frames()), number / rate)
    wanted = people * (count - delay)
    ms = np.array(late or [math.inf]) * 1e3
    in_time = int((ms <= 1e3 / rate).sum())
    p50, p99, p999 = np.percentile(ms, [50, 99, 99.9]).tolist()
    return Cameras(
        late_ms=(p50, p99, p999),
        missed=1 - in_time / wanted,
        dropped=live.counts.dropped,
        poses=len(late),
    )


def endless(clip: Filmed) -> Callable[[], FloatArray]:
    """Its next frame at every call, over and over."""
    number = -1

    def following() -> FloatArray:
        nonlocal number
        number = (number + 1) % len(clip.keypoints)
        frame: FloatArray = clip.keypoints[number]
        return frame

    return following
