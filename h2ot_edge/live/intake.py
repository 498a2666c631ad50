"""One frame of keypoints, whatever it holds, to what a network takes."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from h2ot_edge._gaps import BoolArray, seen_in
from h2ot_edge.errors import InputError
from h2ot_edge.keypoints import (
    NORMALISED_LIMIT,
    PIXEL_LIMIT,
    as_float32,
    checked_size,
)
from h2ot_edge.live.convert import converter_of
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["Intake", "Read"]

_CONFIDENCE_LIMIT = 1000.0
"""Detectors disagree on the range of a confidence, but networks overflow somewhere."""

_ROUNDING = 0.1
"""Normalised; nearer to the limit a joint is looked at by itself."""

_COUNT = len(JOINTS)
_ALL = np.ones(_COUNT, bool)

_logger = logging.getLogger(__name__)


class Read(NamedTuple):
    """A frame that was read.

    Attributes:
        frame: (17, 3) float32 normalised x, y and confidence, NaN where a joint is missing.
        seen: (17,), which joints are not.
        whole: whether none is missing.
    """

    frame: FloatArray
    seen: BoolArray
    whole: bool


class Intake:
    """Reads the frames of one camera and person.

    A joint is missing as in `h2ot_edge.missing`, or if it lies where no person is, or has a
    confidence beyond 1000. A frame never raises for what is in it.
    """

    def __init__(self, image_size: Sequence[float] | None, layout: str | None = None) -> None:
        """Read from now on.

        Args:
            image_size: (width, height) if the keypoints are pixels.
            layout: of their joints, a key in `h2ot_edge.layouts.LAYOUTS`.

        Raises:
            InputError: `image_size` is not one.
            UnknownName: no such layout.
        """
        self._convert = converter_of(layout)
        self._size = None if image_size is None else checked_size(image_size)
        self._warned = False
        self._low, self._high = -1.0, NORMALISED_LIMIT
        if self._size is not None:
            width, height = self._size
            # As large as a frame, which numpy is quicker with than with one row.
            self._scale = np.tile(np.array([2 / width, 2 / width, 1], np.float32), (_COUNT, 1))
            self._centre = np.tile(np.array([1, height / width, 0], np.float32), (_COUNT, 1))
            self._low = PIXEL_LIMIT if width > PIXEL_LIMIT else -1.0
            most = NORMALISED_LIMIT - max(1.0, height / width) - _ROUNDING
            self._high = most * width / 2

    def read(self, keypoints: ArrayLike | None) -> Read:
        """Read a frame.

        Args:
            keypoints: (n, 2|3), the n joints of the layout; None, or anything empty, if nobody was
                seen.

        Raises:
            InputError: an array of another shape or type.
        """
        array = None if keypoints is None else _as_array(keypoints)
        if array is None or not array.size:
            return Read(np.full((_COUNT, 3), np.nan, np.float32), np.zeros(_COUNT, bool), False)
        frame = self._own(array)
        size = np.abs(frame)
        # Most frames are whole and beyond doubt, which is soon told.
        if self._is_clear(size) and np.minimum.reduce(frame[:, 2]) > 0:
            return Read(self._normalised(frame), _ALL.copy(), True)
        seen = seen_in(frame)
        frame[~seen] = 0
        if not self._is_clear(np.abs(frame)):
            seen &= self._fitting(frame, seen)
            frame[~seen] = 0  # so that nothing overflows
        frame = self._normalised(frame)
        frame[~seen] = np.nan
        return Read(frame, seen, bool(seen.all()))

    def _own(self, array: FloatArray) -> FloatArray:
        """A new (17, 3) array with confidence 1 where there is none."""
        count = _COUNT if self._convert is None else len(self._convert.layout.joints)
        if array.shape not in ((count, 2), (count, 3)):
            raise self._bad_shape(count, array)
        joints = array if self._convert is None else self._convert(array)
        if joints.shape[1] == 3:
            return array.copy() if joints is array else joints
        frame = np.ones((_COUNT, 3), np.float32)
        frame[:, :2] = joints
        return frame

    def _is_clear(self, size: FloatArray) -> bool:
        """Whether joints of absolute values (17, 3) surely are where a person may be."""
        # Where there is NaN no comparison holds.
        x, y, confidence = np.maximum.reduce(size).tolist()
        return bool(
            x <= self._high
            and y <= self._high
            and (x > self._low or y > self._low)
            and confidence <= _CONFIDENCE_LIMIT
        )

    def _fitting(self, frame: FloatArray, seen: BoolArray) -> BoolArray:
        """Which joints are where a person may be; (17, 3) is finite, 0 where nothing was seen."""
        peak = np.abs(frame[:, :2]).max()
        if self._size is None:
            if peak > NORMALISED_LIMIT:
                self._warn("look like pixels, and no image_size was given")
            return _plausible(frame)
        if seen.any() and peak <= PIXEL_LIMIT < self._size[0]:
            self._warn("look normalised, and image_size was given for pixels")
            return np.zeros(_COUNT, bool)
        with np.errstate(over="ignore"):
            return _plausible(self._normalised(frame.copy()))

    def _normalised(self, frame: FloatArray) -> FloatArray:
        """As `h2ot_edge.keypoints.normalise_by_width`, in place."""
        if self._size is not None:
            frame *= self._scale
            frame -= self._centre
        return frame

    def _bad_shape(self, count: int, array: FloatArray) -> InputError:
        whose = "" if self._convert is None else f"the joints of {self._convert.layout.name} in "
        hint = "push people one by one" if array.ndim == 3 else "for other joints name their layout"
        return InputError(
            f"keypoints: expected ({count}, 2|3), {whose}one frame of one person, or None, got "
            f"{array.shape}; {hint}"
        )

    def _warn(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            _logger.warning(
                "live stream: keypoints %s; such joints count as missing (said once)", what
            )


def _as_array(keypoints: ArrayLike) -> FloatArray:
    if type(keypoints) is np.ndarray and keypoints.dtype == np.float32:
        return keypoints
    return as_float32(keypoints)


def _plausible(frame: FloatArray) -> BoolArray:
    inside: BoolArray = np.asarray((np.abs(frame[:, :2]) <= NORMALISED_LIMIT).all(axis=1))
    return inside & (frame[:, 2] <= _CONFIDENCE_LIMIT)
