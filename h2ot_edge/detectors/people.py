"""What detectors give -> `Detections`, by the same rules for all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.detectors.detection import Detections
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.parsing import layout_of
from h2ot_edge.spec import FloatArray

__all__ = ["layout_by_number", "nobody", "people_of", "strongest"]

_USUAL = tuple(name for name in LAYOUTS if name != "h36m")


def layout_by_number(joints: int, source: str) -> str:
    """The layout that detectors with so many joints have; 17 are COCO's, Human3.6M's are lifted.

    Args:
        joints: of a person.
        source: what to call the detector in errors.

    Raises:
        InputError: no layout has so many, or several have.
    """
    return layout_of(joints, _USUAL, None, source)


def nobody(layout: str) -> Detections:
    """What is found where nobody is in view."""
    joints = len(LAYOUTS[layout].joints)
    return Detections(
        layout=layout,
        keypoints=np.empty((0, joints, 3), np.float32),
        scores=np.empty(0, np.float64),
    )


def people_of(
    layout: str,
    places: NDArray[Any],
    confidence: NDArray[Any],
    scores: NDArray[Any] | None = None,
    people: Sequence[str] = (),
) -> Detections:
    """Detections from arrays of any real type.

    A joint without a place (NaN) or with a confidence that is not above 0 becomes (0, 0, 0), which
    is what missing joints are everywhere here. A confidence above 1 becomes 1: those of RTMPose are
    peaks of a curve, not probabilities.

    Args:
        layout: a key of `LAYOUTS`.
        places: (n, j, 2) pixels.
        confidence: (n, j).
        scores: (n,), how certain each person is; None for the mean of the person's confidences.
        people: the detector's names of the people.
    """
    points: FloatArray = np.concatenate([places, confidence[..., None]], axis=-1, dtype=np.float32)
    there = np.isfinite(points).all(axis=-1) & (points[..., 2] > 0)
    points = np.where(there[..., None], points, np.float32(0))
    points[..., 2] = np.minimum(points[..., 2], 1)
    if scores is None:
        scores = points[..., 2].mean(axis=1, dtype=np.float64)
    return Detections(
        layout=layout,
        keypoints=np.ascontiguousarray(points),
        scores=np.clip(np.nan_to_num(scores.astype(np.float64)), 0, 1),
        people=tuple(people),
    )


def strongest(found: Detections, people: int | None) -> Detections:
    """The `people` most certain, in the order in which they were found; None for all."""
    if people is None or len(found) <= people:
        return found
    kept = np.sort(np.argsort(-found.scores, kind="stable")[:people])
    return Detections(
        layout=found.layout,
        keypoints=found.keypoints[kept],
        scores=found.scores[kept],
        people=tuple(found.people[number] for number in kept) if found.people else (),
    )
