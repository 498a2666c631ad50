"""What a detector is, and what it finds in an image."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.spec import FloatArray
from h2ot_edge.video.source import Image

__all__ = ["Detections", "Detector", "Image"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Detections:
    """The people in an image; perhaps nobody.

    Attributes:
        layout: whose joints they are, a key of `h2ot_edge.layouts.LAYOUTS`.
        keypoints: (n, j, 3) float32 of n people: x right and y down in pixels of the image, and a
            confidence from 0 (not seen) to 1. A joint may be outside the image.
        scores: (n,) float64, how certain the detector is of each person; at most 1.
        people: the detector's own names of the people, if it tracks them; else empty.
    """

    layout: str
    keypoints: FloatArray
    scores: NDArray[np.float64]
    people: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many people there are."""
        return len(self.keypoints)


class Detector(Protocol):
    """Finds people and their joints in images; one at a time, from one thread."""

    name: str
    """What to call it in errors and summaries: the library, and what of it."""

    def __call__(self, image: Image, timestamp: float) -> Detections:
        """Find the people in an image.

        Args:
            image: (h, w, 3) uint8, BGR, upright; it is not changed.
            timestamp: seconds since the source's first frame, later than the one before.

        Raises:
            InputError: the detector gave something else than people, the image is none, or its
                library raised something, which is told with its name.
        """

    def close(self) -> None:
        """Free the detector; no call follows."""
