"""From frames to scenes: detect, track, lift; a frame is shown when its poses are known."""

import logging
import math
from collections import deque
from collections.abc import Hashable

from h2ot_edge.detectors import Detector
from h2ot_edge.live import LivePose, Streams
from h2ot_edge.live_view.scene import Scene, Taken
from h2ot_edge.recording.naming import Naming
from h2ot_edge.spec import FloatArray
from h2ot_edge.stages import StageTimes
from h2ot_edge.tracking import Tracker

__all__ = ["Lifter"]

_logger = logging.getLogger(__name__)

_FORGET_S = 2.0
"""Longer than a tracker waits for who is lost."""

_TORN = 4
"""So many gaps in a row are no accident."""


class Lifter:
    """Takes frames, gives scenes `delay` frames later.

    Args:
        detector: finds people; if it names them, these names are their ids.
        tracker: names those of other detectors.
        streams: of the engine, with pixels of the source's size.
        delay: of the streams, in frames.
        max_gap_s: of the streams; frames that are farther apart are warned of, once.
        times: gets the stages `detect`, `track` and `lift`.
    """

    def __init__(
        self,
        detector: Detector,
        tracker: Tracker,
        streams: Streams,
        *,
        delay: int,
        max_gap_s: float,
        times: StageTimes,
    ) -> None:
        self._detector, self._naming, self._streams = detector, Naming(tracker), streams
        self._times = times
        self._waiting: deque[tuple[Taken, dict[str, FloatArray]]] = deque(maxlen=delay + 1)
        self._delay = delay
        self._seen: dict[str, float] = {}
        self._max_gap_s, self._before, self._torn = max_gap_s, math.inf, 0
        self._forget_s = max(_FORGET_S, max_gap_s)

    def step(self, taken: Taken) -> Scene | None:
        """Take the next frame; the scene of an earlier one, None while the streams fill.

        Raises:
            What the detector and `Naming` raise; OutputError, DeviceError: the network failed.
        """
        frame = taken.frame
        with self._times("detect"):
            found = self._detector(frame.image, frame.timestamp)
        with self._times("track"):
            names, points = self._naming(found, frame.timestamp)
            people = dict(zip(names, points, strict=True))
        with self._times("lift"):
            everybody = self._everybody(people, frame.timestamp)
            poses = self._streams.push_many(everybody, frame.timestamp)
        self._look_for_gaps(frame.timestamp)
        self._waiting.append((taken, people))
        return self._scene(poses) if len(self._waiting) > self._delay else None

    def _everybody(
        self, people: dict[str, FloatArray], timestamp: float
    ) -> dict[Hashable, FloatArray | None]:
        """Who is there, and None for who was a moment ago; who is gone for good is forgotten."""
        self._seen.update(dict.fromkeys(people, timestamp))
        gone = {name for name, at in self._seen.items() if timestamp - at > self._forget_s}
        # Their last poses come later than they are seen.
        for name in gone.difference(*(shown for _, shown in self._waiting)):
            self._streams.drop(name)
            del self._seen[name]
        return {name: people.get(name) for name in self._seen}

    def _look_for_gaps(self, timestamp: float) -> None:
        apart, self._before = timestamp - self._before, timestamp
        self._torn = self._torn + 1 if apart > self._max_gap_s else 0
        if self._torn == _TORN:
            _logger.warning(
                "frames are taken %.1f s apart, farther than the %.1f s for which people are "
                "remembered, so nobody has poses: take a faster detector, or raise --max-gap-s",
                apart, self._max_gap_s,
            )  # fmt: skip

    def _scene(self, poses: list[LivePose]) -> Scene:
        taken, people = self._waiting[0]
        mine = {str(pose.id): pose for pose in poses if pose.timestamp == taken.frame.timestamp}
        return Scene(taken=taken, keypoints=people, poses=mine)
