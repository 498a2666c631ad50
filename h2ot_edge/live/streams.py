"""`Streams`: many people and cameras, whose due windows run in one call of the model."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from h2ot_edge.live.hub import Hub, LiveCounts, LiveLimits
from h2ot_edge.live.options import LiveOptions
from h2ot_edge.live.pose import LivePose

if TYPE_CHECKING:
    from h2ot_edge._inference import Inference

__all__ = ["Streams"]


class Streams:
    """Streams by id, in one thread.

        streams = engine.streams(lookahead=4)
        for people, seconds in camera:  # people: {id: (17, 3)}
            for pose in streams.push_many(people, seconds):
                show(pose.id, pose.positions)

    A window waits up to `max_wait_ms` for others; what has waited for so long is run by the next
    call of `push`, `push_many` or `poll`. Poses of one stream come in the order of its frames. For
    threads there is `LiveSession`.
    """

    def __init__(self, engine: "Inference", options: LiveOptions, limits: LiveLimits) -> None:
        self._hub = Hub(engine, options, limits)

    def push(
        self,
        id: Hashable,
        keypoints: ArrayLike | None,
        timestamp: float | None = None,
        *,
        image_size: Sequence[float] | None = None,
        layout: str | None = None,
    ) -> list[LivePose]:
        """Take the next frame of a stream, as `Stream.push`; a new id begins one.

        Args:
            id: of the person, or the person and the camera.
            keypoints: as `Stream.push`.
            timestamp: as `Stream.push`; streams do not share their clock.
            image_size: of this stream if not that of the others; looked at with its first frame.
            layout: of its keypoints' joints, as `image_size`.

        Returns:
            The poses that are ready, of any stream.

        Raises:
            As `Stream.push`.
        """
        self._hub.add(id, keypoints, timestamp, image_size=image_size, layout=layout)
        self._run_full()
        return self.poll()

    def push_many(
        self,
        frames: Mapping[Hashable, ArrayLike | None],
        timestamp: float | None = None,
        *,
        image_size: Sequence[float] | None = None,
        layout: str | None = None,
    ) -> list[LivePose]:
        """Take the people of one frame of a camera; else as `push`.

        With a hop, those who are pushed together take turns among themselves, whatever the rates of
        other cameras are. If it raises, the frames before the one at fault have been taken.
        """
        camera = self._hub.camera_of(frames)
        own = {"image_size": image_size, "layout": layout}
        for owner, keypoints in frames.items():
            self._hub.add(owner, keypoints, timestamp, camera, **own)
            self._run_full()
        return self.poll()

    def poll(self) -> list[LivePose]:
        """Run what has waited for long enough.

        Returns:
            The poses that are ready, of any stream.

        Raises:
            OutputError, DeviceError, EngineClosed: as `Stream.push`.
        """
        while self._hub.due_in() == 0:
            self._run()
        self._hub.tidy()
        return self._hub.collect()

    def flush(self) -> list[LivePose]:
        """As `poll`, whether it has waited or not."""
        while self._hub.due_in() is not None:
            self._run()
        return self._hub.collect()

    def drop(self, id: Hashable) -> bool:
        """Forget a stream, with the poses it still waits for; whether there was one.

        Its next frame begins it anew.
        """
        return self._hub.drop(id)

    @property
    def ids(self) -> list[Hashable]:
        """Of the streams there are."""
        return self._hub.ids

    @property
    def counts(self) -> LiveCounts:
        """What happened so far."""
        return self._hub.counts

    def _run_full(self) -> None:
        while self._hub.full:
            self._run()

    def _run(self) -> None:
        batch = self._hub.take_batch()
        self._hub.deliver(batch, self._hub.run(batch))
