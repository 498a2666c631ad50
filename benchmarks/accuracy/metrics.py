"""Errors of poses, as the literature defines them, in float64.

Each takes predicted and true poses (t, 17, 3), any float type, in metres about the root (joint 0 is
at the origin; `root_relative` puts it there), and gives a figure for every joint of every frame;
a published figure is the mean of them all, the root among them. All raise `InputError` for another
shape, no frames, or NaN and infinity.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS

__all__ = [
    "AUC_THRESHOLDS_MM",
    "METRICS",
    "PCK_THRESHOLD_MM",
    "Metric",
    "Root",
    "auc",
    "mpjpe",
    "mpjve",
    "n_mpjpe",
    "p_mpjpe",
    "pck",
    "root_relative",
    "rooted",
]

Array = NDArray[np.float64]
Poses = NDArray[np.floating[Any]]

PCK_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM = tuple(range(0, 151, 5))
"""The 31 thresholds of the evaluation that comes with MPI-INF-3DHP."""

Root = Literal["subtracted", "zeroed"]
"""What is done with a predicted root that is not at the origin.

`subtracted` from all joints, so that only the pose counts; `zeroed`, as published code often has
it: the root counts as found and the other joints stay where they are, so its offset is theirs.
"""

_POINT = 1e-6
"""Joints that are nearer to each other than this, in metres or half images, are one point."""


def root_relative(poses: Poses) -> Array:
    """Poses (..., 17, 3) about their joint 0, float64."""
    exact = poses.astype(np.float64)
    moved: Array = exact - exact[..., :1, :]
    return moved


def rooted(poses: Poses, root: Root) -> Array:
    """Predicted poses (..., 17, 3) with joint 0 at the origin, float64, as `Root` tells."""
    if root == "subtracted":
        return root_relative(poses)
    exact = poses.astype(np.float64)
    exact[..., 0, :] = 0
    return exact


def mpjpe(predicted: Poses, truth: Poses) -> Array:
    """Distances between joints: the mean per joint position error, protocol 1 of Human3.6M.

    Source: Ionescu et al., Human3.6M, TPAMI 2014; both poses about the root.

    Returns:
        (t, 17) millimetres.
    """
    return _distances_mm(*_checked("MPJPE", predicted, truth))


def p_mpjpe(predicted: Poses, truth: Poses) -> Array:
    """Distances after Procrustes alignment, "protocol 2".

    Each predicted pose is turned, scaled and moved to the true one as the least squares of all 17
    joints ask; it is never mirrored. Source: Martinez et al., A Simple Yet Effective Baseline for
    3D Human Pose Estimation, ICCV 2017; the solution is that of Umeyama, TPAMI 1991.

    A predicted pose whose joints all are one point has no rotation or scale to find, but a least
    squares solution all the same: the point at the truth's centroid. Its errors are the distances
    to that.

    Returns:
        (t, 17) millimetres.

    Raises:
        InputError: also if all joints of a true pose are one point.
    """
    predicted, truth = _checked("P-MPJPE", predicted, truth)
    centre = truth.mean(axis=1, keepdims=True)
    moved, wanted = predicted - predicted.mean(axis=1, keepdims=True), truth - centre
    _refuse_points("P-MPJPE", wanted)
    u, sizes, v = np.linalg.svd(np.einsum("tji,tjk->tik", moved, wanted))
    # The last axis is the least important one: turned round if u v would mirror the pose.
    hand = np.sign(np.linalg.det(u) * np.linalg.det(v))
    u[..., -1] *= hand[:, None]
    sizes[..., -1] *= hand
    scale = _scale(sizes.sum(axis=-1), moved)
    return _distances_mm(scale[:, None, None] * (moved @ u @ v) + centre, truth)


def n_mpjpe(predicted: Poses, truth: Poses) -> Array:
    """Distances after each predicted pose is scaled about the root as the least squares ask.

    Source: Rhodin et al., Learning Monocular 3D Human Pose Estimation from Multi-view Images,
    CVPR 2018.

    A predicted pose whose joints all are one point, the root, stays there at every scale: its
    errors are the true joints' distances to the root.

    Returns:
        (t, 17) millimetres.

    Raises:
        InputError: also if all joints of a true pose are one point.
    """
    predicted, truth = _checked("N-MPJPE", predicted, truth)
    _refuse_points("N-MPJPE", truth)
    scale = _scale((predicted * truth).sum(axis=(1, 2)), predicted)
    return _distances_mm(scale[:, None, None] * predicted, truth)


def mpjve(predicted: Poses, truth: Poses) -> Array:
    """Distances between velocities: the MPJPE of the differences of neighbouring frames.

    It depends on the frame rate: twice the frames a second halve it. Source: Pavllo et al., 3D
    Human Pose Estimation in Video with Temporal Convolutions and Semi-supervised Training,
    CVPR 2019.

    Returns:
        (t - 1, 17) millimetres a frame.

    Raises:
        InputError: also for one frame.
    """
    predicted, truth = _checked("MPJVE", predicted, truth)
    if len(truth) < 2:
        raise InputError("MPJVE: expected at least 2 frames, got 1; one frame has no velocity")
    return _distances_mm(np.diff(predicted, axis=0), np.diff(truth, axis=0))


def pck(predicted: Poses, truth: Poses) -> Array:
    """Whether joints are nearer than 150 mm: the share of correct keypoints in 3-D (3DPCK).

    Source: Mehta et al., Monocular 3D Human Pose Estimation in the Wild Using Improved CNN
    Supervision, 3DV 2017. Which joints count for the mean, a protocol says.

    Returns:
        (t, 17), 0 or 100 percent.
    """
    distances = _distances_mm(*_checked("PCK", predicted, truth))
    return np.where(distances < PCK_THRESHOLD_MM, 100.0, 0.0)


def auc(predicted: Poses, truth: Poses) -> Array:
    """The area under the curve of PCK over the threshold, its mean at 0, 5, ... 150 mm.

    Nothing is nearer than 0 mm, so a perfect pose has 30/31. Source: as `pck`.

    Returns:
        (t, 17) percent.
    """
    distances = _distances_mm(*_checked("AUC", predicted, truth))
    shares: Array = (distances[..., None] < np.array(AUC_THRESHOLDS_MM)).mean(axis=-1)
    return 100.0 * shares


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric and what must be known to show it.

    Attributes:
        label: its name in tables.
        unit: of its figures.
        errors: the function.
        needs_metres: whether poses of another unit cannot be measured with it.
        lost_frames: by how many its figures are fewer than the frames.
        digits: after the point, in tables.
    """

    label: str
    unit: str
    errors: Callable[[Poses, Poses], Array]
    needs_metres: bool = True
    lost_frames: int = 0
    digits: int = 1


METRICS = {
    "mpjpe": Metric(label="MPJPE", unit="mm", errors=mpjpe),
    "p_mpjpe": Metric(label="P-MPJPE", unit="mm", errors=p_mpjpe, needs_metres=False),
    "n_mpjpe": Metric(label="N-MPJPE", unit="mm", errors=n_mpjpe, needs_metres=False),
    "mpjve": Metric(label="MPJVE", unit="mm/frame", errors=mpjve, lost_frames=1, digits=2),
    "pck": Metric(label="PCK@150", unit="%", errors=pck),
    "auc": Metric(label="AUC", unit="%", errors=auc),
}
"""Every metric, by the name it has in JSON."""


def _checked(name: str, predicted: Poses, truth: Poses) -> tuple[Array, Array]:
    """Both in float64, if they can be compared."""
    for what, poses in (("predicted", predicted), ("true", truth)):
        if poses.ndim != 3 or poses.shape[1:] != (len(JOINTS), 3):
            raise InputError(f"{name}: expected {what} poses (t, 17, 3), got {poses.shape}")
    if len(predicted) != len(truth):
        raise InputError(
            f"{name}: expected as many predicted as true poses ({len(truth)}), got {len(predicted)}"
        )
    if not len(truth):
        raise InputError(f"{name}: expected at least 1 frame, got none; nothing can be compared")
    for what, poses in (("predicted", predicted), ("true", truth)):
        finite = np.isfinite(poses).all(axis=(1, 2))
        if not finite.all():
            raise InputError(
                f"{name}: {what} poses hold NaN or infinity in {(~finite).sum()} of {len(truth)} "
                f"frames, first in frame {finite.argmin()}; a mean would hide or spread them"
            )
    return predicted.astype(np.float64), truth.astype(np.float64)


def _refuse_points(name: str, truth: Array) -> None:
    """Raise if a true pose has no size, so that the best scale of every other is 0."""
    wide = _wide(truth)
    if not wide.all():
        raise InputError(
            f"{name}: all joints of the true pose are one point in {(~wide).sum()} of "
            f"{len(truth)} frames, first in frame {wide.argmin()}; it has no scale to align to"
        )


def _scale(product: Array, poses: Array) -> Array:
    """The least squares' scale of each pose: `product` over its square, 0 for a point."""
    wide = _wide(poses)
    squares = np.where(wide, (poses**2).sum(axis=(1, 2)), 1.0)
    scale: Array = np.where(wide, product / squares, 0.0)
    return scale


def _wide(poses: Array) -> NDArray[np.bool_]:
    """(t,) whether a pose is more than one point."""
    wide: NDArray[np.bool_] = np.abs(poses).max(axis=(1, 2)) > _POINT
    return wide


def _distances_mm(predicted: Array, truth: Array) -> Array:
    distances: Array = 1e3 * np.linalg.norm(predicted - truth, axis=-1)
    return distances
