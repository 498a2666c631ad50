"""What is compared: this project's tracker, and those of the library `trackers` (Apache-2.0)."""

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from h2ot_edge.benchmarks.tracking.scenes import Seen
from h2ot_edge.errors import MissingExtra
from h2ot_edge.tracking import NOBODY, Tracker

__all__ = ["LIBRARIES", "Run", "libraries", "ours"]

Run = Callable[[Sequence[Seen], float], list[list[int]]]
"""A scene and its frame rate -> the ids of each frame's detections."""

LIBRARIES = ("SORT", "ByteTrack", "OC-SORT", "C-BIoU")

_MARGIN = 0.1
"""By which boxes are wider than the joints they are made of, on each side."""


def ours(scene: Sequence[Seen], fps: float) -> list[list[int]]:
    """This project's; it goes by timestamps."""
    tracker = Tracker()
    return [tracker.update(frame.keypoints, frame.scores, frame.time) for frame in scene]


def libraries() -> Mapping[str, Run]:
    """Those of `trackers`, as they come but for the frame rate.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        trackers, supervision = map(importlib.import_module, ("trackers", "supervision"))
    except ImportError as error:
        raise MissingExtra(f"{error.name} cannot be imported; pip install trackers") from error
    return {name: _library(trackers, supervision, name) for name in LIBRARIES}


def _library(trackers: Any, supervision: Any, name: str) -> Run:
    make = getattr(trackers, f"{name.replace('-', '')}Tracker")

    def run(scene: Sequence[Seen], fps: float) -> list[list[int]]:
        tracker = make(frame_rate=fps)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [_ids(tracker, supervision.Detections, frame) for frame in scene]

    return run


def _ids(tracker: Any, detections: Any, frame: Seen) -> list[int]:
    ids = [NOBODY] * len(frame.who)
    found = tracker.update(_boxes(detections, frame) if len(ids) else detections.empty())
    if len(found):
        for place, name in zip(found.data["place"].tolist(), found.tracker_id, strict=True):
            ids[place] = NOBODY if name is None or name < 0 else int(name) + 1
    return ids


def _boxes(detections: Any, frame: Seen) -> Any:
    seen = (frame.keypoints[..., 2] > 0)[..., None]
    low = np.where(seen, frame.keypoints[..., :2], np.inf).min(axis=1)
    high = np.where(seen, frame.keypoints[..., :2], -np.inf).max(axis=1)
    margin = _MARGIN * (high - low)
    return detections(
        xyxy=np.concatenate([low - margin, high + margin], axis=1),
        confidence=frame.scores.astype(np.float32),
        class_id=np.zeros(len(frame.who), int),
        data={"place": np.arange(len(frame.who))},
    )
