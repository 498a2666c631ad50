"""Scenes of a source, made by threads of their own."""

import threading
from collections.abc import Iterator
from types import TracebackType

from h2ot_edge.live_view.lifting import Lifter
from h2ot_edge.live_view.mailbox import Mailbox
from h2ot_edge.live_view.reading import Reader
from h2ot_edge.live_view.recording import Recording
from h2ot_edge.live_view.scene import Scene, Taken
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Source

__all__ = ["LiveScenes"]

_BURST = 2
"""Frames that may wait while the network runs, which it does not do in every frame."""


class LiveScenes:
    """One thread reads, one lifts, and who iterates shows.

        with LiveScenes(source, lifter, times) as scenes:
            for scene in scenes:
                show(scene)

    What goes wrong in a thread is raised by the iteration.

    Args:
        source: is not closed.
        lifter: makes scenes of frames.
        times: of all stages.
        recording: gets the poses of every scene, also of those that are not shown.
        every: take and show every frame, however late; otherwise the newest.
    """

    def __init__(
        self,
        source: Source,
        lifter: Lifter,
        times: StageTimes,
        *,
        recording: Recording | None = None,
        every: bool = False,
    ) -> None:
        self._lifter, self._recording = lifter, recording
        self._frames: Mailbox[Taken] = Mailbox(_BURST, every=every)
        self._scenes: Mailbox[Scene] = Mailbox(every=every)
        self._reader = Reader(source, self._frames, times)
        self._thread = threading.Thread(target=self._work, name="h2ot-edge-lifter", daemon=True)

    def __enter__(self) -> "LiveScenes":
        self._thread.start()
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Scene]:
        return iter(self._scenes)

    def stop(self) -> None:
        """End both threads; waits for the frame that they are at."""
        self._scenes.end()
        self._reader.stop()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def read(self) -> int:
        """Frames that were read."""
        return self._reader.count

    @property
    def dropped(self) -> int:
        """Frames that were dropped because detecting and lifting took too long."""
        return self._frames.dropped

    def _work(self) -> None:
        try:
            self._lift()
        except BaseException as error:
            self._scenes.end(error)
        else:
            self._scenes.end()
        finally:
            self._frames.end()

    def _lift(self) -> None:
        for taken in self._frames:
            scene = self._lifter.step(taken)
            if scene is None:
                continue
            if self._recording is not None:
                self._recording.add(scene)
            if not self._scenes.put(scene):
                return
