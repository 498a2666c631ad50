"""One pass through a video: frames with numbers, times and images."""

import functools
import itertools
import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from h2ot_edge._closing import Closing
from h2ot_edge.errors import InputError
from h2ot_edge.video.clock import Clock
from h2ot_edge.video.decoding import Decoder
from h2ot_edge.video.image_maker import ImageMaker
from h2ot_edge.video.source import Frame, was_closed
from h2ot_edge.video.span import Span

__all__ = ["Pass", "Video"]

_logger = logging.getLogger(__name__)

_SHORT_FRAMES = 3
"""A file that ends by more than this before it should has been cut short."""
_SHORT_S = 1.0
"""The same, where it is known only how long pictures and sound last: either may last longer."""


class Pass:
    """Reads ahead as far as the first frame that is wanted, so that errors come at once.

    Args:
        open_decoder: opens the video at its beginning.
        name: what to call it in messages.
        span: what is wanted.
        seeks: whether to go to the beginning of `span` instead of decoding all that is before.

    Attributes:
        decoder: where the frames come from.
        images: what makes images of them.

    Raises:
        InputError: no frame can be decoded, or none is in `span`.
    """

    def __init__(
        self, open_decoder: Callable[[], Decoder], name: str, span: Span, *, seeks: bool
    ) -> None:
        self._open = open_decoder
        self._name = name
        self._span = span
        self._closed = self._started = self._stopped = False
        first, frames = self._begin()
        self.images = ImageMaker(first, self.decoder.pixel_aspect, name)
        origin = self.decoder.seconds(first)
        self._origin = origin or Fraction(0)
        self._clock = Clock(origin, self.decoder.fps)
        self._number, self._sought = 0, False
        if seeks and span.start_s and origin is not None:
            frames = self._from(origin)
        self._frames = self._wanted(frames)
        self._first = self._first_wanted()

    def frames(self) -> Iterator[Frame]:
        """What is wanted, once; lets go of the video at the end."""
        if self._closed:
            return
        self._started = True
        try:
            yield self._first
            yield from self._frames
            self._tell_end()
        finally:
            self.decoder.close()
            self._tell_left_out()

    def close(self) -> None:
        """Let `frames` end with the next one; if nobody asked yet, let go of the video at once."""
        self._closed = True
        if not self._started:
            self.decoder.close()

    def _begin(self) -> tuple[Any, Iterator[Any]]:
        """The first frame; and all, with it."""
        self.decoder = self._open()
        frames = self.decoder.frames()
        for frame in frames:
            if frame is not None:
                return frame, itertools.chain([frame], frames)
        self.decoder.close()
        raise InputError(
            f"{self._name}: none of its frames can be decoded ({self.decoder.damaged} are "
            "damaged); copy or record it again"
        )

    def _from(self, origin: Fraction) -> Iterator[Any]:
        """Frames from a keyframe on that is before all that is wanted.

        Where a file cannot be gone about in, or not well enough, that is the first.
        """
        moment = origin + self._span.first
        number = self.decoder.frames_before(origin, moment)
        if number is not None and self.decoder.seek(moment):
            frames = self.decoder.frames()
            first = next((frame for frame in frames if frame is not None), None)
            landed = None if first is None else self.decoder.seconds(first)
            if landed is not None and landed <= moment:
                self._number, self._sought = number, True
                return itertools.chain([first], frames)
        self.decoder.close()
        return self._begin()[1]

    def _wanted(self, frames: Iterator[Any]) -> Iterator[Frame]:
        for frame in frames:
            timestamp = None if frame is None else self._clock(self.decoder.seconds(frame))
            early = timestamp is not None and self._span.before(timestamp)
            if early and self._sought:
                continue  # `number` has them already
            if timestamp is not None and not early:
                self._stopped = self._closed or self._span.after(timestamp)
                if self._stopped:
                    return
                image = self.images(frame)
                yield Frame(number=self._number, timestamp=timestamp, image=image)
            self._number += 1

    def _first_wanted(self) -> Frame:
        span, first = self._span, next(self._frames, None)
        if first is not None:
            return first
        self.decoder.close()
        if self._stopped:
            raise InputError(
                f"{self._name}: no frame is shown from {span.start_s:g} to before {span.stop_s:g} s"
            )
        raise InputError(
            f"{self._name}: ends at {self._clock.end:.3f} s; there is nothing from "
            f"{span.start_s:g} s on"
        )

    def _tell_end(self) -> None:
        """Warn if there should have been more."""
        duration, end = self.decoder.duration_s, self._clock.end
        read = max(end, float(self.decoder.until - self._origin))
        exact = self.decoder.times_pictures
        allowed = _SHORT_FRAMES * self._clock.step if exact else _SHORT_S
        short = duration is not None and not self._stopped and duration - read > allowed
        if short or self.decoder.broken:
            _logger.warning(
                "%s: ends at %.1f s%s%s; the frames up to there are used",
                self._name,
                end,
                f" of {duration:.1f} s" if short else "",
                f" ({self.decoder.broken})" if self.decoder.broken else "",
            )

    def _tell_left_out(self) -> None:
        for count, why in (
            (self.decoder.damaged, "damaged"),
            (self._clock.left_out, "not shown after the frame before"),
        ):
            if count:
                frames = "1 frame was" if count == 1 else f"{count} frames were"
                _logger.warning("%s: %s left out: %s", self._name, frames, why)


class Video(Closing):
    """A `Source` that PyAV decodes.

    Args:
        open_decoder: opens the video at its beginning.
        name: what to call it in messages.
        span: what is wanted.
        local: whether it is a file, in which one can go about. Others are live unless they say how
            long they last.

    Raises:
        InputError: as `Pass`.
    """

    def __init__(
        self, open_decoder: Callable[[], Decoder], name: str, span: Span, *, local: bool
    ) -> None:
        self.name = name
        self._new_pass = functools.partial(Pass, open_decoder, name, span, seeks=local)
        self._pass = self._new_pass()
        self._closed = False
        self._fresh = True
        duration = self._pass.decoder.duration_s
        self.size = self._pass.images.size
        self.fps = self._pass.decoder.fps
        self.live = not local and duration is None
        self.frames = span.frames(duration, self.fps) if duration and self.fps else None

    def __iter__(self) -> Iterator[Frame]:
        if self._closed:
            raise was_closed(self.name)
        if self.live and not self._fresh:
            raise InputError(f"{self.name}: is live and comes once; open it again")
        if not self._fresh:
            self._pass = self._new_pass()
        self._fresh = False
        return self._pass.frames()

    def close(self) -> None:
        """Let go of it; who goes through it gets no frame more."""
        self._closed = True
        self._pass.close()
