"""One frame of keypoints, whatever it holds, to what a network takes."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.keypoints import (
    NORMALISED_LIMIT,
    PIXEL_LIMIT,
    as_float32,
    checked_size,
    normalise_by_width,
)
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["Intake"]

_CONFIDENCE_LIMIT = 1000.0
"""Detectors disagree on the range of a confidence, but networks overflow somewhere."""

_NOBODY = np.empty(0, np.float32)

_logger = logging.getLogger(__name__)

Seen = NDArray[np.bool_]


class Intake:
    """Reads the frames of one camera and person.

    A joint is missing as in `h2ot_edge.missing`, or if it lies where no person is, or has a
    confidence beyond 1000. A frame never raises for what is in it.
    """

    def __init__(self, image_size: Sequence[float] | None) -> None:
        self._size = None if image_size is None else checked_size(image_size)
        self._warned = False

    def read(self, keypoints: ArrayLike | None) -> tuple[FloatArray, Seen]:
        """Read a frame.

        Args:
            keypoints: (17, 2|3); None, or anything empty, if nobody was seen.

        Returns:
            (17, 3) float32 normalised x, y and confidence, NaN where a joint is missing; and (17,)
            which joints are not.

        Raises:
            InputError: an array of another shape or type.
        """
        array = _NOBODY if keypoints is None else as_float32(keypoints)
        if not array.size:
            return np.full((len(JOINTS), 3), np.nan, np.float32), np.zeros(len(JOINTS), bool)
        frame, seen = self._normalised(_checked(array))
        seen &= _plausible(frame)
        frame[~seen] = np.nan
        return frame, seen

    def _normalised(self, given: FloatArray) -> tuple[FloatArray, Seen]:
        present = np.isfinite(given).all(axis=1) & (given[:, 2] != 0)
        peak = np.abs(given[present, :2]).max(initial=0)
        if self._size is None:
            if peak > NORMALISED_LIMIT:
                self._warn("look like pixels, and no image_size was given")
            return given, present
        if present.any() and peak <= PIXEL_LIMIT < self._size[0]:
            self._warn("look normalised, and image_size was given for pixels")
            present[:] = False
        with np.errstate(invalid="ignore", over="ignore"):
            return normalise_by_width(given, *self._size), present

    def _warn(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            _logger.warning(
                "live stream: keypoints %s; such joints count as missing (said once)", what
            )


def _checked(array: FloatArray) -> FloatArray:
    """A new (17, 3) array with confidence 1 where there is none."""
    if array.shape not in ((len(JOINTS), 2), (len(JOINTS), 3)):
        raise InputError(
            f"keypoints: expected (17, 2|3), one frame of one person, or None, got {array.shape}"
        )
    frame = np.ones((len(JOINTS), 3), np.float32)
    frame[:, : array.shape[1]] = array
    return frame


def _plausible(frame: FloatArray) -> Seen:
    inside: Seen = np.asarray((np.abs(frame[:, :2]) <= NORMALISED_LIMIT).all(axis=1))
    return inside & (np.abs(frame[:, 2]) <= _CONFIDENCE_LIMIT)
