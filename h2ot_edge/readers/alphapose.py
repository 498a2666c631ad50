"""AlphaPose's results, and COCO keypoint results: one list of detections for the whole clip.

Each is an object with `image_id` (number or file name), `keypoints` (x, y, score of each joint, one
after the other), and perhaps `score` and `idx` (a tracker's number of the person). Written by
AlphaPose, alphapose/utils/pPose_nms.py, write_json; and as COCO's evaluation takes it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.found import Found, natural
from h2ot_edge.readers.parsing import layout_of, named, numbers
from h2ot_edge.spec import FloatArray

__all__ = ["is_alphapose", "read_alphapose"]

_USUAL = ("coco17", "halpe26", "halpe136", "coco133", "mpii16")

Detection = Mapping[str, Any]


def is_alphapose(document: Any) -> bool:
    """Whether parsed JSON looks like it."""
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and bool({"image_id", "category_id"} & first.keys())


def read_alphapose(document: Any, path: Path, layout: str | None) -> Found:
    """Read parsed JSON.

    Raises:
        InputError: not as the module says.
    """
    source = str(path)
    if not isinstance(document, list) or not document:
        raise InputError(
            f"{source}: expected a list of detections with image_id and keypoints, as AlphaPose "
            f"and COCO results have it, got {named(document)}"
        )
    for number, detection in enumerate(document):
        if not isinstance(detection, dict) or not {"image_id", "keypoints"} <= detection.keys():
            raise _refused(
                source,
                number,
                f"expected an object with image_id and keypoints, got {named(detection)}",
            )
    chosen = _layout(document, layout, source)
    points = _points(document, len(LAYOUTS[chosen].joints), chosen, source)
    images = [str(detection["image_id"]) for detection in document]
    frames = sorted(set(images), key=natural)
    place = {name: at for at, name in enumerate(frames)}
    tracked = all("idx" in detection for detection in document)
    return Found(
        layout=chosen,
        frames=frames,
        frame=np.array([place[name] for name in images]),
        keypoints=points,
        people=[_person(detection["idx"]) for detection in document] if tracked else (),
        scores=_scores(document, points, source),
    )


def _layout(document: Sequence[Detection], asked: str | None, source: str) -> str:
    first = document[0]["keypoints"]
    if not isinstance(first, list) or not first or len(first) % 3:
        got = f"{len(first)}" if isinstance(first, list) else named(first)
        raise _refused(source, 0, f"expected keypoints of 3 numbers a joint, got {got}")
    return layout_of(len(first) // 3, _USUAL, asked, source)


def _points(document: Sequence[Detection], joints: int, layout: str, source: str) -> FloatArray:
    """(n, j, 3); all at a time, because one at a time takes seconds for a long clip."""
    for number, detection in enumerate(document):
        keypoints = detection["keypoints"]
        if not isinstance(keypoints, list) or len(keypoints) != 3 * joints:
            got = f"{len(keypoints)}" if isinstance(keypoints, list) else named(keypoints)
            raise _refused(
                source,
                number,
                f"expected keypoints of {3 * joints} numbers, x, y, score of the {joints} joints "
                f"of {layout}, got {got}",
            )
    points = numbers([detection["keypoints"] for detection in document])
    if points is None or points.ndim != 2:
        raise _no_numbers(document, source)
    return points.reshape(len(document), joints, 3)


def _scores(document: Sequence[Detection], points: FloatArray, source: str) -> NDArray[np.float64]:
    sums = points[..., 2].sum(axis=1).tolist()
    values = [
        detection.get("score", total) for detection, total in zip(document, sums, strict=True)
    ]
    scores = numbers(values)
    if scores is None or scores.ndim != 1:
        raise _no_numbers(document, source)
    return scores.astype(np.float64)


def _no_numbers(document: Sequence[Detection], source: str) -> InputError:
    """The error for the first detection whose numbers are none."""
    bad = (
        number
        for number, detection in enumerate(document)
        if numbers([*detection["keypoints"], detection.get("score", 0)]) is None
        or any(isinstance(value, list) for value in detection["keypoints"])
    )
    return _refused(source, next(bad, 0), "expected keypoints and score to be numbers")


def _person(value: Any) -> str:
    """A tracker's number; AlphaPose's NMS writes a list where it merged several boxes."""
    while isinstance(value, list) and value:
        value = value[0]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _refused(source: str, number: int, problem: str) -> InputError:
    return InputError(f"{source}: detection {number}: {problem}")
