"""Detector results in JSON -> keypoints of one person in Human3.6M's joints.

Read: a list of detections, each an object with `image_id` (number or file name), `keypoints` (51
numbers: x, y, score of the 17 COCO joints), and perhaps `score` and `idx` (a tracker's number of
the person). AlphaPose writes this, and so do COCO keypoint results.

Which person, when there are several: with `idx`, the one whose detections have the highest
total score over the clip; without, the detection with the highest score in each frame.
"""

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["h36m_from_coco", "keypoints_from_detections"]

_SIDED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_COCO = ["nose", *(side + part for part in _SIDED for side in "lr")]
"""COCO's joints in order."""

_DERIVED = {
    "hip": ("lhip", "rhip"),
    "thorax": ("lshoulder", "rshoulder"),
    "spine": ("lhip", "rhip", "lshoulder", "rshoulder"),
    "neck": ("nose",),
    "head": ("leye", "reye"),
}
"""Joints that COCO has not, as the mean of some that it has."""

_LONGEST = 1_000_000
"""Frames; numbers further apart than this are timestamps, from which no gap can be told."""

_SOURCES = [[_COCO.index(name) for name in _DERIVED.get(joint, (joint,))] for joint in JOINTS]


def h36m_from_coco(keypoints: FloatArray) -> FloatArray:
    """Human3.6M's 17 joints from COCO's.

    The rule is that of MotionBERT's in-the-wild data (`coco2h36m`): hip and thorax are the middles
    of hips and shoulders, spine the middle of those two, neck (Human3.6M's neck/nose) the nose and
    head the middle of the eyes. The last is lower than Human3.6M's top of the head. A joint from
    several is as certain as the least certain of them.

    Args:
        keypoints: (..., 17, 3): x, y, score, any unit.

    Returns:
        (..., 17, 3), the same unit.
    """
    out = np.empty_like(keypoints)
    for joint, sources in enumerate(_SOURCES):
        out[..., joint, :2] = keypoints[..., sources, :2].mean(axis=-2)
        out[..., joint, 2] = keypoints[..., sources, 2].min(axis=-1)
    return out


def keypoints_from_detections(document: Any, source: str) -> FloatArray:
    """Keypoints of one person from a list of detections, as the module says.

    Args:
        document: the parsed JSON.
        source: what to call it in errors.

    Returns:
        (t, 17, 3) float32 in pixels, one frame for each `image_id`, in their natural order.

    Raises:
        InputError: not such a list, or the person is missing in some frames.
    """
    if not isinstance(document, list) or not document:
        raise InputError(
            f"{source}: expected a list of detections with image_id and keypoints, as AlphaPose "
            f"and COCO results have it, got {_named(document)}"
        )
    frames = _by_frame(document, source)
    names = sorted(frames, key=_natural)
    chosen = _choose(frames)
    missing = sorted({*_gaps(names), *(n for n in names if n not in chosen)}, key=_natural)
    if missing:
        raise InputError(
            f"{source}: the person is missing in {len(missing)} of {len({*names, *missing})} "
            f"frames: {_listed(missing)}; fill them in, or cut the clip there"
        )
    array = np.array([chosen[name]["keypoints"] for name in names], np.float32)
    return h36m_from_coco(array.reshape(len(names), len(_COCO), 3))


Detection = Mapping[str, Any]
Frames = Mapping[str, Sequence[Detection]]


def _by_frame(document: Sequence[Any], source: str) -> Frames:
    frames: dict[str, list[Detection]] = defaultdict(list)
    for number, detection in enumerate(document):
        problem = _problem(detection)
        if problem:
            raise InputError(f"{source}: detection {number}: {problem}")
        frames[str(detection["image_id"])].append(detection)
    return frames


def _problem(detection: Any) -> str:
    """What is wrong with a detection; empty if nothing is."""
    if not isinstance(detection, dict) or not {"image_id", "keypoints"} <= detection.keys():
        return f"expected an object with image_id and keypoints, got {_named(detection)}"
    keypoints = detection["keypoints"]
    if not isinstance(keypoints, list) or len(keypoints) != 3 * len(_COCO):
        got = f"{len(keypoints)}" if isinstance(keypoints, list) else _named(keypoints)
        return f"expected keypoints of 51 numbers, x, y, score of COCO's 17 joints, got {got}"
    if not all(_is_number(value) for value in (*keypoints, detection.get("score", 0))):
        return "expected keypoints and score to be numbers"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _choose(frames: Frames) -> dict[str, Detection]:
    """One detection of a frame: of the strongest track, or else the strongest."""
    everything = [detection for detections in frames.values() for detection in detections]
    if not all("idx" in detection for detection in everything):
        return {name: max(found, key=_score) for name, found in frames.items()}
    totals: dict[str, float] = defaultdict(float)
    for detection in everything:
        totals[str(detection["idx"])] += _score(detection)
    track = max(totals, key=lambda name: totals[name])
    # Twice the same number in a frame is a slip of the tracker; the stronger one is kept.
    return {
        name: max(mine, key=_score)
        for name, found in frames.items()
        if (mine := [detection for detection in found if str(detection["idx"]) == track])
    }


def _score(detection: Detection) -> float:
    if "score" in detection:
        return float(detection["score"])
    return float(sum(detection["keypoints"][2::3]))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts frame 9 before frame 10."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _gaps(names: Sequence[str]) -> list[str]:
    """Frames that the numbering skips: detectors leave out frames in which they found nobody.

    Every second or tenth frame of a video is no gap: the step is what all differences share.
    """
    stems = [re.split(r"(\d+)(?=\D*$)", PurePath(name).stem, maxsplit=1) for name in names]
    if any(len(stem) != 3 for stem in stems) or len({stem[0] for stem in stems}) != 1:
        return []
    numbers = [int(stem[1]) for stem in stems]
    step = math.gcd(*(b - a for a, b in itertools.pairwise(numbers)))
    if step == 0 or numbers[-1] - numbers[0] > _LONGEST:
        return []
    skipped = sorted(set(range(numbers[0], numbers[-1], step)) - set(numbers))
    prefix, first, rest = stems[0]
    suffix = rest + PurePath(names[0]).suffix
    return [f"{prefix}{str(number).zfill(len(first))}{suffix}" for number in skipped]


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with {', '.join(sorted(value)) or 'nothing'}"
    return "an empty list" if value == [] else f"a {type(value).__name__}"
