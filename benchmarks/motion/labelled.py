"""Clips whose true poses are known: what accuracy is measured on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.spec import FloatArray

__all__ = ["LabelledClip"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledClip:
    """Keypoints of one person in one camera, and the truth.

    Attributes:
        name: unique in its set, e.g. recording and camera.
        subject: who moves.
        action: the group it counts for.
        keypoints: (t, 17, 2|3) float32; x, y and perhaps a confidence.
        truth: (t, 17, 3) float32 metres, root-relative, in the camera's orientation (x right,
            y down, z away from the camera).
        fps: frames a second.
        image_size: (width, height) if the keypoints are pixels; None if they are normalised by
            the image width.
        counted: (t,) bool, the frames whose truth is known and whose errors count; the others
            are only seen. None if all are.
    """

    name: str
    subject: str
    action: str
    keypoints: FloatArray
    truth: FloatArray
    fps: float
    image_size: tuple[float, float] | None = None
    counted: NDArray[np.bool_] | None = None
