"""Images as a player shows them: what a container says of turning them."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from h2ot_edge.video.opencv import require_cv2
from h2ot_edge.video.source import Image

__all__ = ["AS_IT_IS", "Turn", "turn_from_frame", "turn_from_matrix"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """Rows and columns change places, then the image is mirrored; any of the eight orientations.

    Attributes:
        transposed: whether they change places.
        mirrored: whether left and right do, after that.
        flipped: whether top and bottom do, after that.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) afterwards."""
        return (size[1], size[0]) if self.transposed else size

    def __call__(self, image: Image) -> Image:
        """Turn an image; a contiguous one comes back."""
        if self.transposed:
            image = require_cv2().transpose(image)
        if self.mirrored or self.flipped:
            code = -1 if self.mirrored and self.flipped else int(self.mirrored)
            image = require_cv2().flip(image, code)
        return np.ascontiguousarray(image)


AS_IT_IS = Turn()


def turn_from_matrix(matrix: Any) -> Turn | None:
    """What a display matrix asks for.

    It is that of ISO/IEC 14496-12, 8.3.2 (track header): (x, y, 1) times the matrix is where a
    pixel is shown.

    Args:
        matrix: (3, 3) numbers, of any scale.

    Returns:
        None if it turns by something else than quarters.
    """
    (a, b), (c, d) = np.asarray(matrix, np.float64)[:2, :2]
    size = max(abs(a), abs(b), abs(c), abs(d))
    if size > 0 and max(abs(b), abs(c)) < 1e-3 * size:
        return Turn(False, a < 0, d < 0)
    if size > 0 and max(abs(a), abs(d)) < 1e-3 * size:
        return Turn(True, c < 0, b < 0)
    return None


def turn_from_frame(frame: Any, name: str) -> Turn:
    """What a decoded frame's display matrix asks for; without one nothing."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return AS_IT_IS
    turn = turn_from_matrix(np.frombuffer(data, np.int32).reshape(3, 3))
    if turn is None:
        _logger.warning(
            "%s: the file asks to be turned by something else than quarters, which is not done",
            name,
        )
    return turn or AS_IT_IS
