"""Decoded frames -> images."""

import logging
from fractions import Fraction
from typing import Any

from h2ot_edge.video.decoding import require_av
from h2ot_edge.video.source import Image
from h2ot_edge.video.upright import turn_from_frame

__all__ = ["ImageMaker"]

_logger = logging.getLogger(__name__)


class ImageMaker:
    """Decoded frames -> images of one size, upright, with square pixels.

    Args:
        first: the first frame; whatever has another size later is brought to its.
        aspect: width of a pixel by its height.
        name: what to call the video in warnings.
    """

    def __init__(self, first: Any, aspect: Fraction, name: str) -> None:
        self._reformatter = _reformatter()
        self._coded = (first.width, first.height)
        self._shown = (max(1, round(first.width * aspect)), first.height)
        self._turn = turn_from_frame(first, name)
        self._name = name
        self._warned = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the images."""
        return self._turn.size(self._shown)

    def __call__(self, frame: Any) -> Image:
        """The image of a frame; nobody else holds it."""
        if (frame.width, frame.height) != self._coded and not self._warned:
            self._warned = True
            _logger.warning(
                "%s: its images change from %dx%d to %dx%d; all are brought to the first size",
                *(self._name, *self._coded, frame.width, frame.height),
            )
        made = self._reformatter.reformat(frame, *self._shown, format="bgr24")
        image: Image = made.to_ndarray()
        # A frame that had the right form already is the decoder's own.
        return self._turn(image.copy() if made is frame else image)


def _reformatter() -> Any:
    """One for a whole video: it keeps its tables, which take longer to make than an image."""
    require_av()
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()
