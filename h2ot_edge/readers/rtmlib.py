"""What people save of rtmlib, and of anything that gives `keypoints, scores` for a frame.

rtmlib returns keypoints (people, j, 2) in pixels and scores (people, j), and has no file format of
its own. Read: an .npz with `keypoints` and `scores`, (t, people, j, 2) and (t, people, j), or of
one person (t, j, 2) and (t, j); JSON with the same two names, or a list with such an object for
each frame, whose number of people may change. The place of a person in a frame is no identity:
rtmlib does not tell who is who.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge._files import Archive
from h2ot_edge.errors import InputError
from h2ot_edge.readers.found import Found
from h2ot_edge.readers.parsing import layout_of, named, numbers
from h2ot_edge.spec import FloatArray

__all__ = ["is_rtmlib", "read_rtmlib", "read_rtmlib_archive"]

_USUAL = ("coco17", "halpe26", "coco133", "openpose18")
_EXPECTED = "keypoints (people, j, 2) and scores (people, j)"


def is_rtmlib(document: Any) -> bool:
    """Whether parsed JSON, or the arrays of a file, look like it."""
    if isinstance(document, list):
        document = next((frame for frame in document if frame), None)
    return isinstance(document, Mapping) and {"keypoints", "scores"} <= document.keys()


def read_rtmlib(document: Any, path: Path, layout: str | None) -> Found:
    """Read parsed JSON.

    Raises:
        InputError: not as the module says.
    """
    if isinstance(document, dict) and {"keypoints", "scores"} <= document.keys():
        keypoints, scores = document["keypoints"], document["scores"]
        if not isinstance(keypoints, list) or not isinstance(scores, list):
            raise _refused(str(path), keypoints)
        if len(keypoints) != len(scores):
            raise InputError(
                f"{path}: expected keypoints and scores of the same frames, got {len(keypoints)} "
                f"and {len(scores)}"
            )
        frames = [{"keypoints": k, "scores": s} for k, s in zip(keypoints, scores, strict=True)]
    elif isinstance(document, list):
        frames = document
    else:
        raise _refused(str(path), document)
    found = [_frame(frame, f"{path}: frame {at}") for at, frame in enumerate(frames)]
    return _found(found, layout, str(path))


def read_rtmlib_archive(archive: Archive, path: Path, layout: str | None) -> Found:
    """Read the arrays of an .npz file.

    Raises:
        InputError: not as the module says.
    """
    keypoints, scores = archive["keypoints"], archive["scores"]
    shapes = keypoints.shape, scores.shape
    fits = keypoints.ndim in (3, 4) and keypoints.shape == (*scores.shape, 2)
    if not fits or {keypoints.dtype.kind, scores.dtype.kind} - set("fiu"):
        raise InputError(
            f"{path}: expected keypoints (t, people, j, 2) and scores (t, people, j), or both "
            f"without the people, got {shapes[0]} and {shapes[1]}"
        )
    with np.errstate(over="ignore"):  # the engine refuses infinity, and says where it is
        points = np.concatenate([keypoints, scores[..., None]], axis=-1).astype(np.float32)
    return _found(list(points[:, None] if points.ndim == 3 else points), layout, str(path))


def _frame(frame: Any, source: str) -> FloatArray:
    """(people, j, 3), where one person may have come without the axis."""
    if not frame:
        return np.empty((0, 0, 3), np.float32)
    keypoints, scores = (
        numbers(frame.get(key) or ()) if isinstance(frame, dict) else None
        for key in ("keypoints", "scores")
    )
    if keypoints is not None and scores is not None and not keypoints.size and not scores.size:
        return np.empty((0, 0, 3), np.float32)
    if keypoints is None or scores is None or keypoints.shape != (*scores.shape, 2):
        raise _refused(source, frame)
    if keypoints.ndim not in (2, 3):
        raise _refused(source, frame)
    points = np.concatenate([keypoints, scores[..., None]], axis=-1)
    return points[None] if points.ndim == 2 else points


def _found(frames: list[FloatArray], asked: str | None, source: str) -> Found:
    counts = {frame.shape[1] for frame in frames if len(frame)}
    if len(counts) > 1:
        raise InputError(
            f"{source}: expected people with as many joints in all frames, got "
            f"{' and '.join(map(str, sorted(counts)))}"
        )
    joints = counts.pop() if counts else 17
    people = [frame for frame in frames if len(frame)]
    points = np.concatenate(people) if people else np.empty((0, joints, 3), np.float32)
    return Found(
        layout=layout_of(joints, _USUAL, asked, source),
        frames=[str(at) for at in range(len(frames))],
        frame=np.repeat(np.arange(len(frames)), [len(frame) for frame in frames]),
        keypoints=points,
        scores=points[..., 2].mean(axis=1, dtype=np.float64) if joints else np.empty(0),
    )


def _refused(source: str, got: Any) -> InputError:
    return InputError(f"{source}: expected {_EXPECTED} of each frame, got {named(got)}")
