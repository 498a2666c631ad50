"""Cameras of this machine, by OpenCV."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from h2ot_edge._closing import Closing
from h2ot_edge.errors import DeviceError, DeviceUnavailable, InputError
from h2ot_edge.video.opencv import require_cv2
from h2ot_edge.video.source import Frame, Image, was_closed
from h2ot_edge.video.span import Span

__all__ = ["Camera", "open_camera"]

_logger = logging.getLogger(__name__)


def open_camera(number: int, span: Span, fps: float | None = None) -> "Camera":
    """Open a camera by its number, that of /dev/videoN.

    Args:
        number: from 0.
        span: what is wanted, counted from the first image.
        fps: images a second to ask it for; it may give another number.

    Raises:
        DeviceUnavailable: there is no such camera.
        DeviceError: it gives no image.
    """
    cv2 = require_cv2()
    with _quiet(cv2):
        capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*")))
        raise DeviceUnavailable(
            f"camera:{number}: cannot be opened; this machine has {there or 'no /dev/video*'}"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # else what is seen is some frames old
    if fps is not None:
        capture.set(cv2.CAP_PROP_FPS, fps)
    return Camera(capture, f"camera:{number}", span)


class Camera(Closing):
    """A `Source` of what an opened `cv2.VideoCapture` gives, timed by when it comes.

    Args:
        capture: is closed with this.
        name: what to call it.
        span: what is wanted, counted from the first image.

    Raises:
        DeviceError: it gives no image.
    """

    live = True
    frames = None

    def __init__(self, capture: Any, name: str, span: Span) -> None:
        self._capture = capture
        self.name = name
        self._span = span
        self._closed = self._started = False
        first = self._grabbed()
        if first is None:
            capture.release()
            raise DeviceError(f"{name}: is there and gives no image; another program may hold it")
        height, width, _ = first.shape
        self.size = (width, height)
        rate = float(capture.get(require_cv2().CAP_PROP_FPS))
        self.fps = rate if rate > 0 else None

    def __iter__(self) -> Iterator[Frame]:
        if self._closed:
            raise was_closed(self.name)
        if self._started:
            raise InputError(f"{self.name}: is live and comes once; open it again")
        self._started = True
        return self._frames()

    def close(self) -> None:
        """Let go of the camera; who goes through it gets no frame more."""
        self._closed = True
        if not self._started:
            self._capture.release()

    def _frames(self) -> Iterator[Frame]:
        number, begin = 0, None
        try:
            while not self._closed:
                image = self._grabbed()
                now = time.monotonic()
                # Not since it was opened: a model may have been loaded in between.
                begin = now if begin is None else begin
                timestamp = now - begin
                if image is None:
                    _logger.warning("%s: gives no more images after %.1f s", self.name, timestamp)
                    return
                if self._span.after(timestamp):
                    return
                if not self._span.before(timestamp):
                    yield Frame(number=number, timestamp=timestamp, image=image)
                number += 1
        finally:
            self._capture.release()

    def _grabbed(self) -> Image | None:
        there, image = self._capture.read()
        return image if there else None


@contextmanager
def _quiet(cv2: Any) -> Iterator[None]:
    """Have OpenCV print nothing; what is wrong is told by an error."""
    log = cv2.utils.logging
    before = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(before)
