"""One person before one camera: frames in, windows out; poses in, one after the other out."""

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._filling import SLACK_S
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.live.intake import Intake, Read
from h2ot_edge.live.options import LiveOptions
from h2ot_edge.live.phases import Place
from h2ot_edge.live.pose import LivePose
from h2ot_edge.live.ring import Ring
from h2ot_edge.missing import Holder
from h2ot_edge.spec import FloatArray

__all__ = ["Due", "Track"]

_SHORTEST_S = 1e-6
"""Between two frames for a filter; one over less may be infinite."""

_serials = count()


@dataclass(slots=True, kw_only=True, eq=False)
class _Frame:
    """What is kept of a frame until its pose is handed out; `start` counts beginnings."""

    number: int
    timestamp: float
    valid: NDArray[np.bool_]
    confidence: FloatArray
    start: int
    answered: bool  # whether a joint is valid


@dataclass(frozen=True, kw_only=True, eq=False)
class Due:
    """A window that the network is to run.

    Attributes:
        track: whose it is.
        window: (f, 17, C) float32, a view that the next frame of the track changes.
        newest: number of its last frame.
        padded: frames of it that repeat the first one.
        since: when its last frame was pushed, by the clock.
        frames: those whose poses are wanted.
    """

    track: "Track"
    window: FloatArray
    newest: int
    padded: int
    since: float
    frames: tuple[_Frame, ...]


class Track:
    """See `LiveOptions` and `LivePose`.

    Args:
        card: of the model.
        options: of the stream.
        owner: the id.

    Attributes:
        owner: as above.
        serial: another number for every track of this process.
        places: where it has its turn, that among the people of its camera first; none if it is run
            whenever it would be by itself.
        pushed_at: when the newest frame was pushed, by the clock.
        latest: the pose that was handed out last.
        full_after_s: seconds from the first frame to the newest one, if that filled a window.
    """

    def __init__(self, card: ModelCard, options: LiveOptions, owner: Hashable = None) -> None:
        self._card, self._options, self.owner = card, options, owner
        self.serial = next(_serials)
        self.places: tuple[Place, ...] = ()
        self._intake = Intake(options.image_size, options.layout)
        self._holder = Holder(max_gap_s=options.max_gap_s)
        self._filters = tuple(one.fresh() for one in options.filters)
        self._descriptions = tuple(one.description for one in self._filters)
        self._ring = Ring(card.frames, (len(card.joints), card.channels))
        self._frames: deque[_Frame] = deque(maxlen=options.delay + 1)
        self._ready: deque[tuple[_Frame, int, int, FloatArray]] = deque()
        self._stamped: bool | None = None  # whether frames come with timestamps
        self._number = -1
        self._time = self._last_seen = -math.inf
        self._since = math.inf
        self._start = self._count = 0  # beginnings, and frames since the last one
        self._earlier = self._asked = 0  # frames by which runs come earlier; frames that were run
        self._smoothed: _Frame | None = None
        self.pushed_at = 0.0
        self.latest: LivePose | None = None
        self.full_after_s: float | None = None
        self._began = 0.0

    def add(self, keypoints: ArrayLike | None, timestamp: float | None) -> Due | None:
        """Take the next frame; nothing has changed if it raises.

        Args:
            keypoints: as `Stream.push`.
            timestamp: as `Stream.push`.

        Returns:
            The window, if the network is to run now.

        Raises:
            InputError: keypoints of another shape, or a timestamp not after the one before.
            UsageError: a timestamp where there was none before, or none where there was.
        """
        pushed_at = self._options.clock()
        seconds = self._seconds(timestamp, pushed_at)
        read = self._intake.read(keypoints)
        self._stamped, self.pushed_at = timestamp is not None, pushed_at
        self._number, self._time, self.full_after_s = self._number + 1, seconds, None
        self._since = min(self._since, seconds)
        due = self._add(read)
        for place in self.places:
            place.come()
        return due

    def take(self, due: Due, poses: FloatArray) -> None:
        """Take the last poses (hop, 17, 3) that are wanted of a window; they must come in order."""
        for frame, pose in zip(due.frames, poses[len(poses) - len(due.frames) :], strict=True):
            if frame.answered:
                smooth = self._filtered(frame, pose)
                self._ready.append((frame, due.newest - frame.number, due.padded, smooth))

    @property
    def unseen_s(self) -> float:
        """Seconds for which nobody was seen, at most those since the first frame."""
        return self._time - max(self._last_seen, self._since)

    def hand_out(self) -> list[LivePose]:
        """The poses whose turn it is: one for every frame that was added, once all have run."""
        poses = []
        while self._ready and self._ready[0][0].number <= self._number - self._options.delay:
            poses.append(self._pose(*self._ready.popleft()))
            self.latest = poses[-1]
        return poses

    def _seconds(self, timestamp: float | None, pushed_at: float) -> float:
        if self._stamped is not None and self._stamped != (timestamp is not None):
            raise UsageError(
                "timestamp: expected one with every frame or with none, got "
                f"{'none' if timestamp is None else 'one'} after frames "
                f"{'with' if self._stamped else 'without'}; go on as the stream began, or reset it"
            )
        if timestamp is not None:
            self._check_later(timestamp)
            return float(timestamp)
        if self._options.fps is not None:
            return (self._number + 1) / self._options.fps
        # A clock may be too coarse to tell two pushes apart.
        return max(pushed_at, math.nextafter(self._time, math.inf))

    def _check_later(self, timestamp: float) -> None:
        if not self._time < timestamp < math.inf:
            after = "" if self._number < 0 else f" after the {self._time:.6f} s of the frame before"
            raise InputError(
                f"timestamp: expected a finite number of seconds{after}, got {timestamp:.6f}; give "
                "frames in the order they were taken, each once, or reset the stream"
            )

    def _add(self, read: Read) -> Due | None:
        anybody = read.whole or bool(read.seen.any())
        away = self._time - self._last_seen > self._options.max_gap_s + SLACK_S
        if anybody:
            self._last_seen = self._time
        if anybody and away:
            self._holder.reset()
        elif not self._count:
            return None  # nobody has been seen yet
        filled, frame = self._held(read)
        lifted = filled[:, : self._card.channels]
        if anybody and away:
            self._begin(lifted)
            frame.start = self._start
        self._ring.add(lifted)
        self._count += 1
        if self._count == self._card.frames:
            self.full_after_s = self._time - self._began
        self._frames.append(frame)
        return self._due()

    def _held(self, read: Read) -> tuple[FloatArray, _Frame]:
        """The frame (17, 3) without holes, and what is kept of it."""
        frame, seen, whole = read
        if whole:
            self._holder.see(frame, self._time)
            valid, confidence = seen, frame[:, 2].copy()
        else:
            frame, valid = self._holder.hold(frame, seen, self._time)
            confidence = np.where(seen, frame[:, 2], np.float32(0))
        return frame, _Frame(
            number=self._number,
            timestamp=self._time,
            valid=valid,
            confidence=confidence,
            start=self._start,
            answered=whole or bool(valid.any()),
        )

    def _begin(self, first: FloatArray) -> None:
        self._ring.fill(first)
        self._frames.clear()
        self._began = self._time
        self._start += 1
        self._count = self._asked = 0
        for place in self.places[:1]:
            natural = place.following + self.first_run - 1
            self._earlier = (natural - place.turn) % self._options.hop

    @property
    def first_run(self) -> int:
        """Frames that there are when the network first runs, of a stream that has no turn."""
        waits = self._options.startup == "wait"
        return self._card.frames if waits else self._options.delay + 1

    def _due(self) -> Due | None:
        if not self._runs():
            return None
        wanted = self._wanted()
        if not any(frame.answered for frame in wanted):
            return None
        return Due(
            track=self,
            window=self._ring.window,
            newest=self._number,
            padded=max(self._card.frames - self._count, 0),
            since=self.pushed_at,
            frames=wanted,
        )

    def _runs(self) -> bool:
        """Whether the network is to run with this frame."""
        waits = self._options.startup == "wait"
        fewest = self._card.frames if waits else self._options.lookahead + 1
        behind = self._count - self.first_run + self._earlier
        return self._count >= fewest and behind % self._options.hop == 0

    def _wanted(self) -> tuple[_Frame, ...]:
        """The frames that were not asked for yet and have been followed by `lookahead` others."""
        ripe = self._count - self._options.lookahead
        new = min(ripe - self._asked, self._options.hop)
        self._asked = ripe
        end = len(self._frames) - self._options.lookahead
        return tuple(islice(self._frames, end - new, end))

    def _filtered(self, frame: _Frame, pose: FloatArray) -> FloatArray:
        before, self._smoothed = self._smoothed, frame
        if not self._filters:
            return pose.copy()  # not a view that keeps the window's other poses
        begins = before is None or before.start != frame.start
        # The first is as it came at any rate.
        rate = 1.0 if before is None or begins else self._rate(before, frame)
        for one in self._filters:
            if begins:
                one.reset()
            pose = one.step(pose, rate)
        return pose

    def _rate(self, before: _Frame, frame: _Frame) -> float:
        if not self._stamped and self._options.fps is not None:
            return self._options.fps / (frame.number - before.number)
        return 1 / max(frame.timestamp - before.timestamp, _SHORTEST_S)

    def _pose(self, frame: _Frame, lookahead: int, padded: int, positions: FloatArray) -> LivePose:
        waited = self._time - frame.timestamp
        return LivePose(
            positions=positions,
            unit=self._card.output.unit,
            axes=self._card.output.axes,
            number=frame.number,
            timestamp=frame.timestamp,
            latency_s=waited + self._options.clock() - self.pushed_at,
            lookahead=lookahead,
            padded=padded,
            valid=frame.valid,
            confidence=frame.confidence,
            filters=self._descriptions,
            id=self.owner,
            stream=self.serial,
        )
