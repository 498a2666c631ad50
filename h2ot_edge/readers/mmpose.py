"""MMPose's predictions: what the inferencer's `pred_out_dir` gets for a video, or a demo script.

A list with an object for each frame: `frame_id` and `instances`, each of which has `keypoints`
(j, 2) in pixels, `keypoint_scores` (j,), and perhaps `bbox_score` and `track_id`. Written by
mmpose/apis/inferencers/base_mmpose_inferencer.py and mmpose/structures/utils.py. The demo scripts
put the list under `instance_info` and the data set's name under `meta_info`. Of a folder of images
the inferencer makes a folder of files, one for each image: the list of its instances.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.readers.found import Found, natural
from h2ot_edge.readers.parsing import layout_of, named, numbers, parsed
from h2ot_edge.spec import FloatArray

__all__ = ["is_mmpose", "is_mmpose_image", "read_mmpose", "read_mmpose_folder"]

_USUAL = ("coco17", "coco133", "halpe26", "halpe136", "mpii16")
_DATA_SETS = {
    "coco": "coco17",
    "coco_wholebody": "coco133",
    "halpe26": "halpe26",
    "halpe": "halpe136",
    "mpii": "mpii16",
    "h36m": "h36m",
}


def is_mmpose(document: Any) -> bool:
    """Whether parsed JSON looks like it."""
    if isinstance(document, dict):
        return "instance_info" in document
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and "instances" in first


def is_mmpose_image(document: Any) -> bool:
    """Whether parsed JSON looks like the instances of one image."""
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and "keypoint_scores" in first


def read_mmpose_folder(files: Mapping[str, Path], layout: str | None) -> Found:
    """Read a folder of files, by name.

    Raises:
        InputError: a file is not as the module says.
    """
    names = sorted(files, key=natural)
    frames = [{"frame_id": Path(name).stem, "instances": parsed(files[name])} for name in names]
    return read_mmpose(frames, files[names[0]].parent, layout)


def read_mmpose(document: Any, path: Path, layout: str | None) -> Found:
    """Read parsed JSON.

    Raises:
        InputError: not as the module says.
    """
    source = str(path)
    frames = document.get("instance_info") if isinstance(document, dict) else document
    if not isinstance(frames, list) or not frames:
        raise InputError(
            f"{source}: expected a list of frames with frame_id and instances, as MMPose writes "
            f"it, got {named(document)}"
        )
    asked = layout or _data_set(document)
    rows: list[FloatArray] = []
    where, people, scores = [], [], []
    for at, frame in enumerate(frames):
        for points, person, score in _instances(frame, at, source):
            if rows and len(points) != len(rows[0]):
                raise InputError(
                    f"{source}: frame {at}: expected {len(rows[0])} joints as in the frames "
                    f"before, got {len(points)}"
                )
            rows.append(points)
            where.append(at)
            people.append(person)
            scores.append(score)
    tracked = None not in people
    return Found(
        layout=layout_of(len(rows[0]), _USUAL, asked, source) if rows else asked or "coco17",
        frames=[str(frame.get("frame_id", at)) for at, frame in enumerate(frames)],
        frame=np.array(where, np.intp),
        keypoints=np.array(rows, np.float32) if rows else np.empty((0, 17, 3), np.float32),
        people=[str(person) for person in people] if tracked else (),
        scores=np.array(scores, np.float64),
    )


def _data_set(document: Any) -> str | None:
    meta = document.get("meta_info") if isinstance(document, dict) else None
    name = meta.get("dataset_name") if isinstance(meta, dict) else None
    return _DATA_SETS.get(name) if isinstance(name, str) else None


def _instances(frame: Any, at: int, source: str) -> Iterator[tuple[FloatArray, Any, float]]:
    instances = frame.get("instances") if isinstance(frame, dict) else None
    if not isinstance(instances, list):
        raise InputError(
            f"{source}: frame {at}: expected an object with frame_id and instances, got "
            f"{named(frame)}"
        )
    for number, instance in enumerate(instances):
        points = _points(instance)
        if points is None:
            raise InputError(
                f"{source}: frame {at}, instance {number}: expected keypoints (j, 2) and "
                f"keypoint_scores (j,), got {named(instance)}"
            )
        yield points, instance.get("track_id"), _score(instance, points)


def _points(instance: Any) -> FloatArray | None:
    if not isinstance(instance, Mapping):
        return None
    points = numbers(instance.get("keypoints", ()))
    scores = numbers(instance.get("keypoint_scores", ()))
    if points is None or scores is None or points.ndim != 2 or points.shape[1] != 2:
        return None
    if not len(points) or scores.shape != points.shape[:1]:
        return None
    return np.concatenate([points, scores[:, None]], axis=1)


def _score(instance: Mapping[str, Any], points: FloatArray) -> float:
    score = instance.get("bbox_score")
    return float(score) if isinstance(score, int | float) else float(points[:, 2].mean())
