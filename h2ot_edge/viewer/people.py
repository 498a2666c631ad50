"""What the page is told of people: positions as 16-bit numbers, the rest as JSON.

A frame is the mean of its joints and a step, float32, and (17, 3) int16 steps from that mean. So
nobody loses accuracy by walking far, and one joint far off spoils one frame only. -32768 stands for
what is not finite. `error` is the largest difference between what was given and what is read.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.poses import Poses
from h2ot_edge.skeleton import JOINTS, PARENTS

__all__ = ["document_of"]

Array = NDArray[Any]

_MISSING = -32768
_MOST = 32767
_LEAST_STEP = np.float32(1e-30)
"""For who is a point; a float32 that is not 0."""


def document_of(
    clips: Sequence[Poses], names: Sequence[str], kept: Sequence[int] | None
) -> dict[str, Any]:
    """Everything that the page shows, ready for JSON.

    Args:
        clips: (t, 17, 3) each; alike in all but what people do.
        names: of the people.
        kept: frame numbers for all of them; None for those that `Poses.kept` flags.
    """
    first = clips[0]
    return {
        "frames": len(first),
        "frame": first.frame,
        "unit": first.unit,
        "axes": list(first.axes),
        "joints": list(JOINTS),
        "parents": list(PARENTS),
        "fps": first.fps,
        "times": None if first.timestamps is None else _text(first.timestamps, "<f8"),
        "kept": None if kept is None else list(kept),
        "people": [
            _person(clip, name, clip.kept if kept is None else None)
            for clip, name in zip(clips, names, strict=True)
        ],
    }


def _person(clip: Poses, name: str, kept: Array | None) -> dict[str, Any]:
    positions = np.asarray(clip.positions, np.float64)
    seen = np.asarray(np.isfinite(positions).all(axis=-1))
    heads = _heads(positions, seen)
    centres, steps = heads[:, None, :3].astype(np.float64), heads[:, 3, None, None]
    exact = np.where(seen[..., None], positions - centres, 0) / steps
    words = np.rint(exact).clip(-_MOST, _MOST)
    wrong = np.where(seen[..., None], centres + words * steps - positions, 0)
    words[~seen] = _MISSING
    return {
        "name": name,
        "heads": _text(heads, "<f4"),
        "steps": _text(words, "<i2"),
        "valid": None if clip.valid.all() else _bits(clip.valid),
        "kept": None if kept is None else _bits(kept),
        "error": float(f"{np.abs(wrong).max():.2g}"),
        "filters": list(clip.filters),
    }


def _heads(positions: Array, seen: Array) -> Array:
    """(t, 4) float32: where a frame's joints are on average, and the step around that."""
    weights = seen[..., None] / np.maximum(seen.sum(axis=1), 1)[:, None, None]
    centres = (np.where(seen[..., None], positions, 0) * weights).sum(axis=1).astype(np.float32)
    apart = np.where(seen[..., None], positions - centres[:, None].astype(np.float64), 0)
    steps = np.maximum(np.abs(apart).max(axis=(1, 2)) / _MOST, _LEAST_STEP)
    return np.column_stack([centres, steps.astype(np.float32)])


def _bits(flags: Array) -> str:
    return _text(np.packbits(flags.reshape(-1), bitorder="little"), "u1")


def _text(array: Array, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode("ascii")
