"""Images -> an .mp4 of H.264, written as it goes."""

import math
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from h2ot_edge._closing import Closing
from h2ot_edge._files import checked_name, make_folder_of
from h2ot_edge.errors import InputError, MissingExtra, UsageError
from h2ot_edge.video.decoding import require_av
from h2ot_edge.video.opencv import require_cv2
from h2ot_edge.video.source import Image

__all__ = ["VideoWriter", "check_video_path"]

T = TypeVar("T")

_TICKS = 90000
"""A second: what the rates of films, screens and phones divide."""
_THREADS = 2
"""One codes a frame while the next is made; each more would hold one frame more."""
_CODEC = "libx264"
_PRESET = "superfast"
_COLOURS = (6, 1)
"""SMPTE 170M, 16 to 235: what cv2.cvtColor makes. Untold, players guess from the height."""
_HYBRID = (62, 0, 0)
"""libavformat of FFmpeg 8, from which on a file can be mended when it is finished."""


def check_video_path(path: str | Path) -> Path:
    """The path, if a video can be written there; asked before the work is done.

    Raises:
        UsageError: the name does not end in .mp4, or is that of a folder.
        MissingExtra: PyAV or OpenCV is not installed, or this PyAV codes no H.264.
    """
    path = checked_name(path, (".mp4",), "a video is")
    av, _ = require_av(), require_cv2()
    try:
        av.Codec(_CODEC, "w")
    except ValueError as error:
        raise MissingExtra(
            f"{path}: a video needs {_CODEC}, which this PyAV ({av.__version__}) has not; pip "
            "install --force-reinstall --only-binary av av brings one that has it"
        ) from error
    return path


class VideoWriter(Closing):
    """Writes images as they come, each shown from its time until the next one's.

    What has been written plays at any moment, whatever becomes of the process: the file is made of
    fragments of about a second. When it is closed it becomes an ordinary one.

    A file of that name is lost when the first image is written, and not before.

    A width or height that is odd, which H.264 cannot have, grows by a pixel: the last one again.

    Args:
        path: ends in .mp4; its folder is made if it is not there.
        size: (width, height) of the images.
        fps: about how many come in a second; for how long the last one is shown, and how often one
            can jump to; at least 0.001 and at most 10000 is taken. Timestamps say when frames are
            shown. None for 30.
        crf: quality of x264, from 0, without loss, to 51.

    Attributes:
        frames: how many were written.

    Raises:
        MissingExtra: as `check_video_path`.
        UsageError: the name, the folder, the size, the rate or the quality.
        OSError: the file cannot be written.
    """

    def __init__(
        self, path: str | Path, size: tuple[int, int], *, fps: float | None, crf: int = 23
    ) -> None:
        self._path = check_video_path(path)
        self._av, self._cv2 = require_av(), require_cv2()
        self._size = _checked_size(self._path, size)
        self._fps = _checked_fps(self._path, fps)
        if not 0 <= crf <= 51:
            raise UsageError(f"{self._path}: crf {crf}: expected 0 to 51")
        make_folder_of(self._path)
        _check_writable(self._path)
        self._crf = crf
        self.frames = 0
        self._first_s = 0.0
        self._last_tick = -1
        self._closed = False
        self._container: Any = None  # until the first image

    def write(self, image: Image, timestamp: float) -> None:
        """Append an image.

        Args:
            image: (h, w, 3) uint8, BGR, of the size that was said; it may be changed afterwards.
            timestamp: seconds, rising; the first image is shown at 0, whatever its time.

        Raises:
            InputError: another size or type, or a time that is not after the last one.
            OSError: the file cannot be written; what was written before plays.
        """
        if self._closed:
            raise InputError(f"{self._path}: is closed; nothing can be written to it")
        self._check_image(image)
        tick = self._tick(timestamp)
        # Not from_numpy_buffer: of yuv420p it takes no more than a multiple of 4 rows.
        frame = self._av.VideoFrame.from_ndarray(self._yuv(image), format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, _TICKS)
        if self._container is None:
            self._begin()
        self._guarded(lambda: self._container.mux(self._stream.encode(frame)))
        self._last_tick = tick
        self.frames += 1

    def close(self) -> None:
        """Write what waits and finish the file; a second time nothing happens.

        Without an image there is no file.

        Raises:
            OSError: the file cannot be written; what was written before plays.
        """
        self._closed = True
        if self._container is None:
            return
        if self.frames:  # else FFmpeg's muxer has nothing to finish, and crashes
            self._guarded(lambda: self._container.mux(self._stream.encode(None)))
        container, self._container = self._container, None
        self._guarded(container.close)
        if not self._path.stat().st_size:
            self._path.unlink()

    def _begin(self) -> None:
        """Put the file in the place of one that was there."""
        self._path.open("wb").close()
        container = self._opened()
        self._stream = self._added_stream(container)
        self._container = container

    def _opened(self) -> Any:
        flags = movflags(self._av.library_versions["libavformat"])
        # Without flush_packets a fragment waits in memory for the next one.
        options = {"movflags": flags, "flush_packets": "1"}
        return self._guarded(lambda: self._av.open(f"file:{self._path}", "w", "mp4", options))

    def _added_stream(self, container: Any) -> Any:
        rate = Fraction(self._fps).limit_denominator(100_000)
        options = {"preset": _PRESET, "crf": str(self._crf)}
        stream = container.add_stream(_CODEC, rate=rate, options=options)
        width, height = self._size
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, _TICKS)
        context.thread_type, context.thread_count = "FRAME", _THREADS
        context.gop_size = max(1, round(self._fps))
        context.max_b_frames = 0  # else fragments begin with frames that are shown late
        context.colorspace, context.color_range = _COLOURS
        return stream

    def _yuv(self, image: Image) -> Any:
        width, height = self._size
        if width % 2 or height % 2:
            edges = (0, height % 2, 0, width % 2)
            image = self._cv2.copyMakeBorder(image, *edges, self._cv2.BORDER_REPLICATE)
        return self._cv2.cvtColor(image, self._cv2.COLOR_BGR2YUV_I420)

    def _check_image(self, image: Image) -> None:
        width, height = self._size
        shape = getattr(image, "shape", None)
        dtype = getattr(image, "dtype", None)
        if shape != (height, width, 3) or dtype != np.uint8:
            raise InputError(
                f"{self._path}: image {self.frames}: expected ({height}, {width}, 3) uint8, got "
                f"{shape} {dtype}"
            )

    def _tick(self, timestamp: float) -> int:
        if not math.isfinite(timestamp):
            raise InputError(
                f"{self._path}: image {self.frames}: expected seconds, got {timestamp}"
            )
        if not self.frames:
            self._first_s = timestamp
        tick = round((timestamp - self._first_s) * _TICKS)
        if tick <= self._last_tick:
            raise InputError(
                f"{self._path}: image {self.frames}: its time, {timestamp:.6f} s, is not after "
                "that of the image before; leave out what comes late"
            )
        return tick

    def _guarded(self, step: Callable[[], T]) -> T:
        """Do what writes to the file; if that fails, let go of it and tell how much there is."""
        try:
            return step()
        except (self._av.FFmpegError, OSError) as error:
            self._closed = True
            container, self._container = self._container, None
            with suppress(self._av.FFmpegError, OSError):
                if container is not None:
                    container.close()
            raise OSError(
                error.errno, f"{error.strerror}; {self._kept()}", str(self._path)
            ) from error

    def _kept(self) -> str:
        frames, seconds = _playable(self._av, self._path)
        if not frames:
            return "nothing of it plays"
        return f"its first {frames} frames, {seconds:.1f} s, are there and play"


def movflags(version: tuple[int, int, int]) -> str:
    """Flags of FFmpeg's muxer: fragments, and an ordinary file in the end where it can.

    Args:
        version: of libavformat.
    """
    if version >= _HYBRID:
        return "hybrid_fragmented+frag_keyframe"
    return "frag_keyframe+empty_moov+default_base_moof"


def _playable(av: Any, path: Path) -> tuple[int, float]:
    """How many frames of a file there are to be shown, and how long that takes."""
    frames, end = 0, 0.0
    unreadable = (av.FFmpegError, OSError, IndexError)
    with suppress(*unreadable), av.open(f"file:{path}") as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size and packet.pts is not None and not packet.is_corrupt:
                frames += 1
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
    return frames, end


def _check_writable(path: Path) -> None:
    """Raise OSError if it is not; leaves all as it is."""
    try:
        path.open("xb").close()
    except FileExistsError:
        path.open("ab").close()
    else:
        path.unlink()


def _checked_size(path: Path, size: tuple[int, int]) -> tuple[int, int]:
    width, height = size
    if not (16 <= width <= 16384 and 16 <= height <= 16384):
        raise UsageError(f"{path}: {width}x{height}: expected a width and height of 16 to 16384")
    return int(width), int(height)


def _checked_fps(path: Path, fps: float | None) -> float:
    if fps is None:
        return 30.0
    if not fps > 0:
        raise UsageError(f"{path}: {fps:g} frames a second: expected a number above 0")
    return min(max(float(fps), 0.001), 10_000.0)
