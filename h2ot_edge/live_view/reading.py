"""A thread that reads a source at its own pace."""

import logging
import threading
import time
from collections.abc import Iterable

from h2ot_edge.live_view.mailbox import Mailbox
from h2ot_edge.live_view.scene import Taken
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Frame, Source

__all__ = ["Reader"]

_logger = logging.getLogger(__name__)

_LATE_S = 0.25
"""A file that is behind its timestamps by more goes on from where it is."""


class Reader:
    """Puts the frames of a source into a mailbox as they are taken.

    A camera's frames come when they come. Those of a file come by their timestamps; if they cannot
    be decoded so fast, or nobody takes them, it plays slower.

    Args:
        source: is not closed.
        box: ends with the source, or with what went wrong in it.
        times: gets the stage `decode`, unless frames come from a camera, where decoding cannot be
            told from waiting.

    Attributes:
        count: frames that were read.
    """

    def __init__(self, source: Source, box: Mailbox[Taken], times: StageTimes) -> None:
        self._source, self._box, self._times = source, box, times
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="h2ot-edge-reader", daemon=True)
        self.count = 0

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more; waits for the frame that is being read."""
        self._stopped.set()
        self._box.end()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self._box.end(error)
        else:
            self._box.end()

    def _read(self) -> None:
        for frame in self._frames():
            at = time.monotonic() if self._source.live else self._await(frame)
            if self._stopped.is_set() or not self._box.put(Taken(frame=frame, at=at)):
                return
            self.count += 1

    def _frames(self) -> Iterable[Frame]:
        return self._source if self._source.live else self._times.each("decode", self._source)

    def _await(self, frame: Frame) -> float:
        """Wait until a frame of a file is due; when that is."""
        now = time.monotonic()
        if not self.count:
            self._began = now - frame.timestamp
        due = self._began + frame.timestamp
        if now - due > _LATE_S:
            _logger.debug("frame %d is late by %.2f s", frame.number, now - due)
            self._began += now - due
            return now
        self._stopped.wait(max(due - now, 0.0))
        return due
