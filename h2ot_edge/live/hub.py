"""Many streams on one engine: which windows are due, and whose poses they become.

The hub does no waiting and knows no threads; `Streams` and `LiveSession` are faces of it.
"""

import dataclasses
import math
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from h2ot_edge.errors import UsageError
from h2ot_edge.live.options import LiveOptions
from h2ot_edge.live.pace import Pace
from h2ot_edge.live.phases import FrameCount, Place, take_turn
from h2ot_edge.live.pose import LivePose
from h2ot_edge.live.runner import Runner
from h2ot_edge.live.track import Due, Track
from h2ot_edge.spec import FloatArray

if TYPE_CHECKING:
    from h2ot_edge._inference import Inference

__all__ = ["Hub", "LiveCounts", "LiveLimits"]

_WITH_1 = {
    "max_queue": "keeps the newest window of a stream",
    "max_unread": "keeps the newest pose",
    "max_streams": "keeps the stream that was pushed to last",
}
"""What a limit of 1 does."""


@dataclass(frozen=True, kw_only=True)
class LiveLimits:
    """How much many streams may take.

    Attributes:
        max_wait_ms: how long a window may wait for others to fill its batch; 0 runs it with those
            that are due already.
        max_queue: most windows of one stream that wait; one more drops its oldest. A stream that
            has so many waiting waits no longer for others.
        max_unread: most poses that wait for an `async for` of a session; one more drops the oldest.
        max_streams: most streams; one more drops that which was not pushed to for longest.
        idle_timeout_s: a stream that is not pushed to for longer is dropped.
        unseen_timeout_s: a stream in whose frames nobody was seen for longer, by their timestamps,
            is dropped, with poses that still wait, so give more than the streams' delay; for ids
            that a tracker gives out and never again.
    """

    max_wait_ms: float = 0.0
    max_queue: int = 4
    max_unread: int = 256
    max_streams: int = 64
    idle_timeout_s: float = 10.0
    unseen_timeout_s: float = math.inf

    def check(self) -> None:
        """Raise `UsageError` for a number out of its range."""
        for name, with_1 in _WITH_1.items():
            if getattr(self, name) < 1:
                raise UsageError(
                    f"{name}: expected at least 1, got {getattr(self, name)}; 1 {with_1}"
                )
        if not self.max_wait_ms >= 0:
            raise UsageError(
                f"max_wait_ms: expected 0 or more, got {self.max_wait_ms:g}; 0 waits for no others"
            )
        for name in ("idle_timeout_s", "unseen_timeout_s"):
            if not getattr(self, name) > 0:
                raise UsageError(
                    f"{name}: expected above 0, got {getattr(self, name):g}; math.inf keeps every "
                    "stream"
                )


@dataclass(kw_only=True)
class LiveCounts:
    """What happened to the streams of a hub so far.

    Attributes:
        frames: that were pushed.
        poses: that were handed out.
        windows: that were run.
        calls: of the model.
        dropped: windows that were never run because too many of their stream waited.
        evicted: streams that were dropped because there were too many.
        idle: streams that were dropped because nobody pushed to them.
        unseen: streams that were dropped because nobody was seen in them.
    """

    frames: int = 0
    poses: int = 0
    windows: int = 0
    calls: int = 0
    dropped: int = 0
    evicted: int = 0
    idle: int = 0
    unseen: int = 0


class Hub:
    """Streams by id, the windows that are due, and the poses that are ready."""

    def __init__(self, engine: "Inference", options: LiveOptions, limits: LiveLimits) -> None:
        limits.check()
        self._runner = Runner(engine, options)
        self._card, self.options, self.limits = engine.card, options, limits
        self._tracks: OrderedDict[Hashable, Track] = OrderedDict()
        self._queue: deque[Due] = deque()
        self._out: list[LivePose] = []
        self._everybody = FrameCount()
        self._counts = LiveCounts()
        self._pace = Pace(self._card, options)

    @property
    def counts(self) -> LiveCounts:
        """A copy."""
        return dataclasses.replace(self._counts)

    @property
    def ids(self) -> list[Hashable]:
        """Of the streams there are, the one that was pushed to last at the end."""
        return list(self._tracks)

    def add(
        self,
        owner: Hashable,
        keypoints: ArrayLike | None,
        timestamp: float | None,
        camera: FrameCount | None = None,
        **own: Any,
    ) -> None:
        """Take a frame of a stream; nothing has changed if it raises.

        A new id begins one, before a camera that `camera_of` gave, if that is known; `own` are the
        options in which it differs from the others, None for those in which it does not.
        """
        track = self._tracks.get(owner) or self._new_track(owner, camera, own)
        due = track.add(keypoints, timestamp)
        self._pace.look(track)
        self._counts.frames += 1
        self._tracks[owner] = track
        self._tracks.move_to_end(owner)
        if due is not None:
            # Its window is a view of what the next frame changes.
            self._enqueue(dataclasses.replace(due, window=due.window.copy()))
        self._hand_out(track)
        if track.unseen_s > self.limits.unseen_timeout_s:
            self.drop(owner)
            self._counts.unseen += 1
        self.tidy()

    def camera_of(self, people: Iterable[Hashable]) -> FrameCount:
        """The camera of people in one frame: that of the first who is known, or a new one."""
        known = (self._tracks[owner].places[0].count for owner in people if owner in self._tracks)
        return next(known, FrameCount())

    @property
    def has_ready(self) -> bool:
        """Whether `collect` would give poses."""
        return bool(self._out)

    @property
    def full(self) -> bool:
        """Whether the windows that wait fill a batch."""
        return len(self._queue) >= self._runner.batch

    def due_in(self) -> float | None:
        """Seconds until a batch is to run, 0 if one is; None if no window waits."""
        if not self._queue:
            return None
        if self.full or any(self._waiting(due) == self.limits.max_queue for due in self._queue):
            return 0.0
        waited = self.options.clock() - self._queue[0].since
        return max(self.limits.max_wait_ms / 1e3 - waited, 0.0)

    def take_batch(self) -> list[Due]:
        """The windows that waited for longest, at most a batch; none if none waits."""
        return [self._queue.popleft() for _ in range(min(self._runner.batch, len(self._queue)))]

    def run(self, batch: Sequence[Due]) -> FloatArray:
        """Their poses; uses nothing of the hub, so it needs no lock."""
        return self._runner.run([due.window for due in batch])

    def deliver(self, batch: Sequence[Due], poses: FloatArray) -> None:
        """Give the poses to whose they are; batches must come in order."""
        self._counts.calls += 1
        self._counts.windows += len(batch)
        for due, of_window in zip(batch, poses, strict=True):
            due.track.take(due, of_window)
            if self._tracks.get(due.track.owner) is due.track:
                self._hand_out(due.track)

    def collect(self) -> list[LivePose]:
        """The poses that were handed out since the last call."""
        out, self._out = self._out, []
        return out

    def latest(self, owner: Hashable) -> LivePose | None:
        """The pose of a stream that was handed out last."""
        track = self._tracks.get(owner)
        return None if track is None else track.latest

    def drop(self, owner: Hashable) -> bool:
        """Forget a stream and its windows; whether there was one."""
        track = self._tracks.pop(owner, None)
        if track is not None:
            self._queue = deque(due for due in self._queue if due.track is not track)
        return track is not None

    def tidy(self) -> None:
        """Drop the streams that are too many or idle."""
        while len(self._tracks) > self.limits.max_streams:
            self.drop(next(iter(self._tracks)))
            self._counts.evicted += 1
        oldest = self.options.clock() - self.limits.idle_timeout_s
        while self._tracks and next(iter(self._tracks.values())).pushed_at < oldest:
            self.drop(next(iter(self._tracks)))
            self._counts.idle += 1

    def _new_track(
        self, owner: Hashable, camera: FrameCount | None, own: Mapping[str, Any]
    ) -> Track:
        changes = {name: value for name, value in own.items() if value is not None}
        options = dataclasses.replace(self.options, **changes)
        track = Track(self._card, options, owner)
        counts = [self._everybody] if camera is None else [camera, self._everybody]
        track.places = tuple(Place(count) for count in dict.fromkeys(counts))
        take_turn(
            track.places,
            (other.places for other in self._tracks.values()),
            first_run=track.first_run,
            hop=options.hop,
            batch=self._runner.batch,
        )
        return track

    def _enqueue(self, due: Due) -> None:
        if self._waiting(due) == self.limits.max_queue:
            self._queue.remove(next(other for other in self._queue if other.track is due.track))
            self._counts.dropped += 1
        self._queue.append(due)

    def _waiting(self, due: Due) -> int:
        """How many windows of its stream wait."""
        return sum(other.track is due.track for other in self._queue)

    def _hand_out(self, track: Track) -> None:
        poses = track.hand_out()
        self._counts.poses += len(poses)
        self._out += poses
