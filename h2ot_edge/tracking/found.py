"""Ids for what a detector found in a whole clip and gave none."""

import dataclasses
import logging

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.found import Found
from h2ot_edge.tracking.tracker import NOBODY, Tracker

__all__ = ["tracked"]

_logger = logging.getLogger(__name__)

_UNTOLD_FPS = 30.0


def tracked(
    found: Found, source: str, *, image_size: tuple[float, float] | None, fps: float | None
) -> Found:
    """The detections with ids, without those that the tracker takes for nobody.

    How sure the detector is of somebody is taken to be the mean confidence of the joints, whatever
    the scores of the file are.

    Args:
        found: without people.
        source: what to call the file in errors.
        image_size: (width, height) in pixels; needed if x and y are shares of it.
        fps: goes before the times of the file; 30 if neither is known.

    Raises:
        InputError: times that do not rise.
    """
    order, times = found.clock(source, None if fps is not None else found.times)
    if times is None:
        times = np.arange(len(order)) / (fps or found.fps or _UNTOLD_FPS)
        if fps is None and found.fps is None:
            _logger.info("%s: tracked as if it had %g frames a second", source, _UNTOLD_FPS)
    ids = _ids(found, order, times, image_size if found.shares else None)
    kept = ids != NOBODY
    _logger.info(
        "%s: tracked %d people; %d of %d detections are second ones of somebody, or weak, and left "
        "out",
        source,
        len(set(ids[kept].tolist())),
        int((~kept).sum()),
        len(kept),
    )
    return dataclasses.replace(
        found,
        frame=found.frame[kept],
        keypoints=found.keypoints[kept],
        people=[str(name) for name in ids[kept].tolist()],
        scores=found.scores[kept],
    )


def _ids(
    found: Found,
    order: NDArray[np.intp],
    times: NDArray[np.float64],
    image_size: tuple[float, float] | None,
) -> NDArray[np.int64]:
    """(n,) of each detection; `image_size` of shares only."""
    joints = LAYOUTS[found.layout].to_h36m(found.keypoints)
    scores = np.clip(joints[..., 2].mean(axis=1, dtype=np.float64), 0, 1)
    if image_size is not None:
        joints = joints * np.array([*image_size, 1], np.float32)
    tracker, ids = Tracker(), np.full(len(joints), NOBODY, np.int64)
    by_frame = np.argsort(found.frame, kind="stable")
    frames = found.frame[by_frame]
    starts, stops = np.searchsorted(frames, order), np.searchsorted(frames, order, side="right")
    for start, stop, time in zip(starts, stops, times.tolist(), strict=True):
        rows = by_frame[start:stop]
        ids[rows] = tracker.update(joints[rows], scores[rows], time)
    return ids
