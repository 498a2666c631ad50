"""One person before one camera: frames in, windows out; poses in, one after the other out."""

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.live.intake import Intake
from h2ot_edge.live.options import LiveOptions
from h2ot_edge.live.pose import LivePose
from h2ot_edge.live.ring import Ring
from h2ot_edge.missing import SLACK_S, Holder
from h2ot_edge.spec import FloatArray

__all__ = ["Due", "Track"]

_SHORTEST_S = 1e-6
"""Between two frames for a filter; one over less may be infinite."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Frame:
    """What is kept of a frame until its pose is handed out; `start` counts beginnings."""

    number: int
    timestamp: float
    valid: NDArray[np.bool_]
    confidence: FloatArray
    start: int


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

    Attributes:
        owner: the id.
        pushed_at: when the newest frame was pushed, by the clock.
        latest: the pose that was handed out last.
    """

    def __init__(self, card: ModelCard, options: LiveOptions, owner: Hashable = None) -> None:
        self._card, self._options, self.owner = card, options, owner
        self._intake = Intake(options.image_size)
        self._holder = Holder(max_gap_s=options.max_gap_s)
        self._smooth = options.smooth and options.smooth.fresh()
        self._ring = Ring(card.frames, (len(card.joints), card.channels))
        self._frames: deque[_Frame] = deque(maxlen=options.delay + 1)
        self._ready: deque[tuple[_Frame, int, int, FloatArray]] = deque()
        self._first_run = card.frames if options.startup == "wait" else options.delay + 1
        self._stamped: bool | None = None  # whether frames come with timestamps
        self._number = -1
        self._time = self._last_seen = -math.inf
        self._start = self._count = 0  # beginnings, and frames since the last one
        self._smoothed: _Frame | None = None
        self.pushed_at = 0.0
        self.latest: LivePose | None = None

    def add(self, keypoints: ArrayLike | None, timestamp: float | None) -> Due | None:
        """Take the next frame; nothing has changed if it raises.

        Returns:
            The window, if the network is to run now.

        Raises:
            InputError: keypoints of another shape, or a timestamp not after the one before.
            UsageError: a timestamp where there was none before, or none where there was.
        """
        pushed_at = self._options.clock()
        seconds = self._seconds(timestamp, pushed_at)
        frame, seen = self._intake.read(keypoints)
        self._stamped, self.pushed_at = timestamp is not None, pushed_at
        self._number, self._time = self._number + 1, seconds
        return self._add(frame, seen)

    def take(self, due: Due, poses: FloatArray) -> None:
        """Take the poses (n, 17, 3) of a window; windows must come in order."""
        for frame, pose in zip(due.frames, poses, strict=True):
            if frame.valid.any():
                smooth = self._filtered(frame, pose)
                self._ready.append((frame, due.newest - frame.number, due.padded, smooth))

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
                f"{'with' if self._stamped else 'without'}"
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

    def _add(self, frame: FloatArray, seen: NDArray[np.bool_]) -> Due | None:
        away = self._time - self._last_seen > self._options.max_gap_s + SLACK_S
        begins = bool(seen.any()) and away
        if seen.any():
            self._last_seen = self._time
        if begins:
            self._holder.reset()
        elif not self._count:
            return None  # nobody has been seen yet
        filled, valid = self._holder.push(frame, self._time)
        lifted = filled[:, : self._card.channels]
        if begins:
            self._begin(lifted)
        self._ring.add(lifted)
        self._count += 1
        self._frames.append(
            _Frame(
                number=self._number,
                timestamp=self._time,
                valid=valid,
                confidence=np.where(seen, filled[:, 2], np.float32(0)),
                start=self._start,
            )
        )
        return self._due()

    def _begin(self, first: FloatArray) -> None:
        self._ring.fill(first)
        self._frames.clear()
        self._start += 1
        self._count = 0

    def _due(self) -> Due | None:
        behind = self._count - self._first_run
        if behind < 0 or behind % self._options.hop:
            return None
        wanted = tuple(islice(self._frames, self._options.hop))
        if not any(frame.valid.any() for frame in wanted):
            return None
        return Due(
            track=self,
            window=self._ring.window,
            newest=self._number,
            padded=max(self._card.frames - self._count, 0),
            since=self.pushed_at,
            frames=wanted,
        )

    def _filtered(self, frame: _Frame, pose: FloatArray) -> FloatArray:
        before, self._smoothed = self._smoothed, frame
        if self._smooth is None:
            return pose.copy()  # not a view that keeps the window's other poses
        if before is None or before.start != frame.start:
            self._smooth.reset()
            return self._smooth.step(pose, 1.0)  # the first is as it came at any rate
        return self._smooth.step(pose, self._rate(before, frame))

    def _rate(self, before: _Frame, frame: _Frame) -> float:
        if not self._stamped and self._options.fps is not None:
            return self._options.fps / (frame.number - before.number)
        return 1 / max(frame.timestamp - before.timestamp, _SHORTEST_S)

    def _pose(self, frame: _Frame, lookahead: int, padded: int, positions: FloatArray) -> LivePose:
        waited = self._time - frame.timestamp
        return LivePose(
            positions=positions,
            unit=self._card.output.unit,
            number=frame.number,
            timestamp=frame.timestamp,
            latency_s=waited + self._options.clock() - self.pushed_at,
            lookahead=lookahead,
            padded=padded,
            valid=frame.valid,
            confidence=frame.confidence,
            filters=self._descriptions,
            id=self.owner,
        )

    @property
    def _descriptions(self) -> tuple[str, ...]:
        return () if self._smooth is None else (self._smooth.description,)
