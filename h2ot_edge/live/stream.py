"""`Stream`: one person before one camera, a frame in and a pose out."""

import asyncio
import threading
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from h2ot_edge.live.options import LiveOptions
from h2ot_edge.live.pace import Pace
from h2ot_edge.live.pose import LivePose
from h2ot_edge.live.runner import Runner
from h2ot_edge.live.track import Track

if TYPE_CHECKING:
    from h2ot_edge._inference import Inference

__all__ = ["Stream"]


class Stream:
    """One person before one camera.

        stream = engine.stream(lookahead=4, image_size=(1920, 1080))
        for keypoints, seconds in camera:
            pose = stream.push(keypoints, seconds)
            if pose is not None:
                show(pose.positions, pose.latency_s)

    Memory is constant. Threads: one push at a time, others wait.
    """

    def __init__(self, engine: "Inference", options: LiveOptions) -> None:
        self._runner = Runner(engine, options)
        self._options, self._card = options, engine.card
        self._track = Track(self._card, options)
        self._one = threading.Lock()
        self._turn = asyncio.Lock()
        self._pace = Pace(self._card, options)

    @property
    def delay(self) -> int:
        """Frames between a pose's own and the one that was pushed last: lookahead + hop - 1."""
        return self._options.delay

    def push(self, keypoints: ArrayLike | None, timestamp: float | None = None) -> LivePose | None:
        """Take the next frame and answer the pose of the one `delay` frames before it.

        Args:
            keypoints: (17, 2|3), or the joints of `layout`, as `Engine.infer`; joints with NaN,
                infinity, no confidence above 0 or far outside the picture are missing, and held
                where they were. None, or an empty array, if nobody was seen.
            timestamp: of the frame in seconds, on any clock; without it the frame's number / fps,
                or the time of this call.

        Returns:
            The pose; None while the stream fills, and when nobody was seen for `max_gap_s`.

        Raises:
            InputError: keypoints of another shape or type, or a timestamp not after the last one.
            UsageError: timestamps with some frames and not with others.
            OutputError: the model gave NaN or infinity.
            DeviceError: the device failed.
            EngineClosed: the engine was closed.
        """
        with self._one:
            due = self._track.add(keypoints, timestamp)
            self._pace.look(self._track)
            if due is not None:
                self._track.take(due, self._runner.run([due.window])[0])
            poses = self._track.hand_out()
        return poses[0] if poses else None

    async def push_async(
        self, keypoints: ArrayLike | None, timestamp: float | None = None
    ) -> LivePose | None:
        """As `push`, while the event loop goes on; frames are taken in the order of the calls."""
        async with self._turn:
            return await asyncio.to_thread(self.push, keypoints, timestamp)

    def reset(self) -> None:
        """Forget all frames, as if the stream was new; numbers begin at 0 again."""
        with self._one:
            self._track = Track(self._card, self._options)
