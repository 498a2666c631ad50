"""The converters of `Poses`: to metres, to the camera's place, to a world with a floor."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.bones import median_lengths
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.poses.axes import WORLD_AXES, check_axes
from h2ot_edge.poses.root import root_track
from h2ot_edge.poses.size import scale_from_bones, scale_from_height, statures
from h2ot_edge.poses.upright import floor_height, world_axes
from h2ot_edge.poses.viewing import seen_from

if TYPE_CHECKING:
    from h2ot_edge.poses import Poses

__all__ = ["to_camera", "to_metric", "to_world"]

Array = NDArray[np.float64]

_LEAST_JOINTS = 4
"""Two would do if they were exact."""
_LEAST_SPREAD = 1e-3
"""A person a mile away."""


def to_metric(
    poses: "Poses",
    height_m: float | Sequence[float] | None,
    bones: Mapping[str, float] | None,
) -> "Poses":
    """See `Poses.to_metric`."""
    clips = poses.clips()
    lengths = [median_lengths(clip.positions, clip.valid) for clip in clips]
    if height_m is not None and bones is None:
        heights = statures(height_m, len(clips))
        scales = [scale_from_height(*pair) for pair in zip(lengths, heights, strict=True)]
        note = f"to_metric(height_m={_words(heights if np.ndim(height_m) else heights[:1])})"
    elif bones is not None and height_m is None:
        scales = [scale_from_bones(sizes, bones) for sizes in lengths]
        known = ", ".join(f"{name} {length:g}" for name, length in bones.items())
        note = f"to_metric(bones: {known})"
    else:
        raise UsageError("to_metric: expected height_m or bones, got both or neither")
    moved = [clip.positions * scale for clip, scale in zip(clips, scales, strict=True)]
    return _changed(poses, moved, note, unit="m")


def to_camera(poses: "Poses", keypoints: ArrayLike, camera: Array) -> "Poses":
    """See `Poses.to_camera`."""
    check_axes("to_camera", poses.frame, poses.axes)
    times = _times(poses)
    finite = np.isfinite(poses.positions).all(axis=-1)
    counted = np.where(poses.valid & finite, poses.confidence, 0.0)
    rays, weights = seen_from(camera, keypoints, counted)
    moved = [
        _placed(clip.positions, rays_, weights_, times)
        for clip, rays_, weights_ in zip(
            poses.clips(), _clips(rays, 4), _clips(weights, 3), strict=True
        )
    ]
    return _changed(poses, moved, f"to_camera(focal {camera[0, 0]:.6g} px)", frame="camera")


def to_world(poses: "Poses", up: str | ArrayLike, floor: bool) -> "Poses":
    """See `Poses.to_world`."""
    check_axes("to_world", poses.frame, poses.axes)
    axes = world_axes(up)
    moved = []
    for clip in poses.clips():
        turned = clip.positions @ axes.T
        if floor:
            turned[..., 2] -= floor_height(turned, clip.valid)
        moved.append(turned)
    note = f"to_world(up {_words(axes[2])}{', floor at z = 0' if floor else ''})"
    if poses.frame == "root":
        note = f"{note[:-1]}, root at the origin)"
    return _changed(poses, moved, note, frame="world", axes=WORLD_AXES)


def _placed(positions: NDArray[np.floating], rays: Array, weights: Array, times: Array) -> Array:
    """One clip, at its place."""
    seen = int((weights > 0).sum(axis=1).max())
    if seen < _LEAST_JOINTS:
        raise InputError(
            f"to_camera: expected at least {_LEAST_JOINTS} joints seen in some frame of every "
            f"clip, to tell the distance by, got {seen} at most; leave that clip out"
        )
    if _spread(rays, weights) < _LEAST_SPREAD:
        raise InputError(
            "to_camera: the keypoints of every frame are one point, which tells no distance; "
            "expected those that the poses were lifted from"
        )
    relative = positions.astype(np.float64)
    placed: Array = relative + root_track(relative, rays, weights, times)[:, None]
    behind = (placed[..., 2] <= 0).any(axis=1)
    if behind.any():
        raise InputError(
            f"to_camera: the person comes out behind the camera in {behind.sum()} of {len(placed)} "
            f"frames, first in frame {behind.argmax()}; expected the keypoints that the poses were "
            "lifted from, in pixels, and the focal length of the same picture"
        )
    return placed


def _spread(rays: Array, weights: Array) -> float:
    """How wide the widest frame is, x / z or y / z."""
    known = (weights > 0)[..., None]
    high, low = np.where(known, rays, -np.inf), np.where(known, rays, np.inf)
    return float((high.max(axis=1) - low.min(axis=1)).max())


def _times(poses: "Poses") -> Array:
    """Seconds of the frames."""
    if poses.timestamps is not None:
        return poses.timestamps
    frames = poses.shape[-3]
    if poses.fps is None and frames > 1:
        raise InputError(
            "to_camera: expected poses with fps or timestamps, to know how fast the person can "
            "move from frame to frame; poses.replace(fps=...)"
        )
    return np.arange(frames) / (poses.fps or 1.0)


def _clips(array: Array, axes: int) -> Array:
    """With the axis of clips."""
    return array if array.ndim == axes else array[None]


def _changed(
    poses: "Poses", moved: Sequence[NDArray[np.floating]], note: str, **changes: object
) -> "Poses":
    positions = np.asarray(moved, np.float32).reshape(poses.shape)
    return poses.replace(positions=positions, filters=(*poses.filters, note), **changes)


def _words(numbers: Array) -> str:
    return " ".join(f"{number:.4g}" for number in numbers)
