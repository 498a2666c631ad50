"""One pass through the pictures of a container, by PyAV."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

from h2ot_edge._names import require
from h2ot_edge.errors import InputError, MissingExtra
from h2ot_edge.video.opencv import require_cv2

__all__ = ["Decoder", "require_av"]

_THREADS = 4
"""At most: each one more holds a frame more."""
_UNTIMED = frozenset({"mpjpeg", "mjpeg"})
"""Formats of cameras that do not say when their images were taken."""
_ATTACHED = 0x400
"""AV_DISPOSITION_ATTACHED_PIC: the cover of a song."""
_FAILURES = 100
"""In a row, of reading a packet, after which a file counts as ended."""
_FASTEST = 10_000
"""Frames a second that are believed."""
_SQUARE = 0.01
"""Pixels whose sides differ by a smaller share are taken as squares, as most programs do."""


def require_av() -> Any:
    """Import PyAV, and OpenCV before it if that is there.

    Raises:
        MissingExtra: not installed.
    """
    # Both bring a libxcb; a window of OpenCV never opens if that of PyAV is there first.
    with suppress(MissingExtra):
        require_cv2()
    return require("av", "video")


class Decoder:
    """Decodes the best video stream of a file or of the network, and goes on behind damage.

    Args:
        url: as FFmpeg takes it.
        name: what to call it in errors.
        options: of FFmpeg's protocols and formats.
        timeout: seconds until it must be open, and until more must come; None for files.
        live: whether frames must come out as soon as they are in.

    Attributes:
        damaged: frames that were left out.
        broken: what ended the stream before its end, if something did.

    Raises:
        InputError: not there, not a video, or without pictures.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        options: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
        live: bool = False,
    ) -> None:
        self._av = require_av()
        self._name = name
        self._container = self._opened(url, options, timeout)
        try:
            self._stream = self._best_stream()
        except InputError:
            self._container.close()
            raise
        context = self._stream.codec_context
        context.thread_type = "SLICE" if live else "AUTO"
        context.thread_count = min(_THREADS, os.cpu_count() or 1)
        self._timeout = timeout
        self._by_arrival = timeout is not None and self._container.format.name in _UNTIMED
        self._tick = Fraction(1, 10**6) if self._by_arrival else Fraction(self._stream.time_base)
        self._until = 0
        self.damaged = 0
        self.broken: str | None = None

    def close(self) -> None:
        """Let go of the file or the connection."""
        self._container.close()

    @property
    def fps(self) -> float | None:
        """Frames a second, the mean where it varies; None if unknown."""
        if self._by_arrival:
            return None
        rate = self._stream.average_rate or self._stream.guessed_rate
        # Files that do not say it may be guessed to have a frame at every tick of their clock.
        return float(rate) if rate and rate <= _FASTEST else None

    @property
    def duration_s(self) -> float | None:
        """How long the pictures last; None if unknown, as of everything that is live."""
        stream = self._stream
        if self.times_pictures:
            return float(stream.duration * self._tick)
        duration = self._container.duration  # of pictures and sound
        return duration / 1e6 if duration and duration > 0 else None

    @property
    def until(self) -> Fraction:
        """When the last frame that was read is no longer shown, on the source's clock."""
        return self._until * self._tick

    @property
    def times_pictures(self) -> bool:
        """Whether it is known how long the pictures last, and not only they and the sound."""
        return bool(self._stream.duration and self._stream.duration > 0)

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel by its height."""
        aspect = self._stream.sample_aspect_ratio
        square = not aspect or abs(aspect - 1) < _SQUARE
        return Fraction(1) if square else Fraction(aspect)

    def seconds(self, frame: Any) -> Fraction | None:
        """When a frame is shown, on the source's clock; None if it does not say it."""
        return None if frame.pts is None else frame.pts * self._tick

    def frames(self) -> Iterator[Any]:
        """Frames in the order in which they are shown; None for one that is damaged."""
        for packet in self._packets():
            yield from self._decoded(packet)
        yield from self._decoded(None)

    def frames_before(self, first: Fraction, moment: Fraction) -> int | None:
        """How many frames are shown from `first` to before `moment`; none is decoded for it.

        None if the file does not say when its frames are shown.
        """
        count = 0
        if not self._seek(first):
            return None
        for packet in self._packets():
            if packet.pts is None or packet.dts is None:
                return None
            count += first <= packet.pts * self._tick < moment
            if packet.dts * self._tick >= moment:  # frames are decoded before they are shown
                break
        return count

    def seek(self, moment: Fraction) -> bool:
        """Go to the keyframe at or before a moment; False if the file cannot be gone about in."""
        if not self._seek(moment):
            return False
        self._stream.codec_context.flush_buffers()
        return True

    def _seek(self, moment: Fraction) -> bool:
        try:
            self._container.seek(int(moment / self._tick), stream=self._stream, backward=True)
        except (self._av.FFmpegError, OSError):
            return False
        return True

    def _opened(
        self, url: str, options: Mapping[str, str] | None, timeout: tuple[float, float] | None
    ) -> Any:
        begin = time.monotonic()
        try:
            return self._av.open(
                url, options=dict(options or {}), timeout=timeout, metadata_errors="replace"
            )
        except (self._av.FFmpegError, OSError, ValueError) as error:
            if timeout is None:
                raise _unreadable(self._name, error) from error
            waited = time.monotonic() - begin >= timeout[0]
            reason = f"nothing came within {timeout[0]:g} s" if waited else _reason(error)
            raise InputError(
                f"{self._name}: cannot be reached, or is not a video ({reason}); see whether a "
                "player shows it"
            ) from error

    def _best_stream(self) -> Any:
        streams = [
            stream
            for stream in self._container.streams.video
            if not int(stream.disposition) & _ATTACHED
        ]
        if not streams:
            kinds = sorted({stream.type for stream in self._container.streams} - {"video"})
            raise InputError(
                f"{self._name}: holds no moving pictures ({', '.join(kinds) or 'nothing'}); give "
                "a video"
            )
        known = [stream for stream in streams if stream.codec_context is not None]
        if not known:
            raise InputError(
                f"{self._name}: FFmpeg as PyAV brings it does not know how its pictures are "
                "coded; convert it to H.264"
            )
        return max(known, key=lambda stream: stream.width * stream.height)

    def _packets(self) -> Iterator[Any]:
        failures = 0
        while failures < _FAILURES:
            try:
                for packet in self._container.demux(self._stream):
                    failures, self.broken = 0, None
                    if packet.size:  # an empty one asks to flush, which comes once, at the end
                        self._until = max(self._until, (packet.pts or 0) + (packet.duration or 0))
                        yield packet
                return
            except self._av.FFmpegError as error:
                failures = failures + 1 if self._timeout is None else _FAILURES
                self.broken = _reason(error)
                if isinstance(error, self._av.error.ExitError) and self._timeout is not None:
                    self.broken = f"nothing came for {self._timeout[1]:g} s"

    def _decoded(self, packet: Any) -> Iterator[Any]:
        frames: list[Any] = [None]
        if packet is None or not packet.is_corrupt:
            with suppress(self._av.FFmpegError):
                frames = self._stream.codec_context.decode(packet)
        for frame in frames:
            if frame is None or frame.is_corrupt:
                self.damaged += 1
                yield None
                continue
            if self._by_arrival:
                frame.pts = round(time.monotonic() / self._tick)
            yield frame


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)


def _unreadable(name: str, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{name}: no such file")
    return InputError(
        f"{name}: cannot be read as a video ({_reason(error)}); if a player shows it, convert it "
        "to an .mp4 of H.264"
    )
