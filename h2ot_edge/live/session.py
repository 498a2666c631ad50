"""`LiveSession`: streams that any thread may push to, and an event loop may read."""

import asyncio
import threading
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from h2ot_edge.errors import UsageError
from h2ot_edge.live.hub import Hub, LiveCounts, LiveLimits
from h2ot_edge.live.options import LiveOptions
from h2ot_edge.live.pose import LivePose
from h2ot_edge.live.reader import PoseReader

if TYPE_CHECKING:
    from h2ot_edge._inference import Inference

__all__ = ["LiveSession"]


class LiveSession:
    """Streams by id, run by a thread of their own.

        with engine.session(lookahead=4, on_pose=show) as session:
            session.push("left camera", keypoints, seconds)  # from any thread, never waits long

        async with engine.session(lookahead=4) as session:
            async for pose in session: ...

    `push` checks and stores a frame and leaves the network to the thread. If frames come faster
    than it can run them, the oldest window of a stream is dropped and counted.

    What goes wrong in the thread (OutputError, DeviceError, EngineClosed, or what `on_pose` raised)
    ends it, and is raised by every later call, by `async for`, and by `close`.

    Args:
        engine: runs the windows; is not closed with the session.
        options: of each stream.
        limits: of all of them.
        on_pose: called in the thread with every pose; poses of one stream come in order. It must
            be quick, as the network waits for it.
    """

    def __init__(
        self,
        engine: "Inference",
        options: LiveOptions,
        limits: LiveLimits,
        on_pose: Callable[[LivePose], object] | None = None,
    ) -> None:
        self._hub = Hub(engine, options, limits)
        self._on_pose = on_pose
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        # Weak, so that a loop that was left is forgotten.
        self._readers: weakref.WeakSet[PoseReader] = weakref.WeakSet()
        self._thread = threading.Thread(target=self._work, name="h2ot-edge-live", daemon=True)
        self._thread.start()

    def push(
        self,
        id: Hashable,
        keypoints: ArrayLike | None,
        timestamp: float | None = None,
        *,
        image_size: Sequence[float] | None = None,
        layout: str | None = None,
    ) -> None:
        """Take the next frame of a stream; the arguments are those of `Streams.push`.

        Raises:
            InputError: keypoints of another shape or type, or a timestamp not after the last one.
            UsageError: timestamps with some frames and not with others, or after `close`.
        """
        with self._changed:
            self._check_open()
            self._hub.add(id, keypoints, timestamp, image_size=image_size, layout=layout)
            self._changed.notify_all()

    def push_many(
        self,
        frames: Mapping[Hashable, ArrayLike | None],
        timestamp: float | None = None,
        *,
        image_size: Sequence[float] | None = None,
        layout: str | None = None,
    ) -> None:
        """Take the people of one frame of a camera, as `Streams.push_many`.

        Raises:
            As `push`; the frames before the one at fault have been taken.
        """
        own = {"image_size": image_size, "layout": layout}
        with self._changed:
            self._check_open()
            camera = self._hub.camera_of(frames)
            try:
                for owner, keypoints in frames.items():
                    self._hub.add(owner, keypoints, timestamp, camera, **own)
            finally:
                self._changed.notify_all()

    def latest(self, id: Hashable) -> LivePose | None:
        """The newest pose of a stream; None if there is none yet, or no such stream."""
        with self._changed:
            self._check_failed()
            return self._hub.latest(id)

    def drop(self, id: Hashable) -> bool:
        """Forget a stream, with the poses it still waits for; whether there was one."""
        with self._changed:
            return self._hub.drop(id)

    @property
    def ids(self) -> list[Hashable]:
        """Of the streams there are."""
        with self._changed:
            return self._hub.ids

    @property
    def counts(self) -> LiveCounts:
        """What happened so far."""
        with self._changed:
            return self._hub.counts

    def close(self) -> None:
        """Run what is due, hand it out, and end the thread; not from `on_pose`.

        Raises:
            What went wrong in the thread.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._check_failed()

    def __enter__(self) -> "LiveSession":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except BaseException:
            # The first error tells more.
            if error is None:
                raise

    def __aiter__(self) -> PoseReader:
        """Read every pose from now on until the session is closed; any number may read.

        Who reads too slowly misses the oldest; `PoseReader.missed` counts them.
        """
        reader = PoseReader(asyncio.get_running_loop(), self._hub.limits.max_unread)
        with self._changed:
            self._check_failed()
            if self._closed:
                reader.end(None)
            else:
                self._readers.add(reader)
        return reader

    async def __aenter__(self) -> "LiveSession":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, traceback)

    def _check_open(self) -> None:
        self._check_failed()
        if self._closed:
            raise UsageError("this live session was closed; make another one")

    def _check_failed(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while self._step():
                pass
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._closed = True
                readers = list(self._readers)
            for reader in readers:
                reader.end(self._error)

    def _step(self) -> bool:
        """Run a batch if one is due and hand out what is ready; False when all is done."""
        with self._changed:
            self._wait()
            batch = self._hub.take_batch() if self._due() else []
            done = self._closed and not batch
        if batch:
            poses = self._hub.run(batch)
            with self._changed:
                self._hub.deliver(batch, poses)
        self._publish()
        return not done

    def _wait(self) -> None:
        while not (self._closed or self._hub.has_ready or self._due()):
            self._changed.wait(self._hub.due_in())

    def _due(self) -> bool:
        due_in = self._hub.due_in()
        return due_in is not None and (self._closed or due_in == 0)

    def _publish(self) -> None:
        with self._changed:
            poses, readers = self._hub.collect(), list(self._readers)
        for pose in poses:
            if self._on_pose is not None:
                self._on_pose(pose)
            for reader in readers:
                reader.put(pose)
