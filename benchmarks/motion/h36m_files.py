"""Human3.6M in the files that VideoPose3D made of it: poses in the world, and keypoints.

`data_3d_h36m.npz` and `data_2d_h36m_{gt,cpn_ft_h36m_dbb,...}.npz` are what the field trains and
tests on. Everybody makes them from the original data, which come with a licence of their own, see
https://github.com/facebookresearch/VideoPose3D/blob/main/DATASETS.md. Facts about them: that
repository, `common/h36m_dataset.py` and `run.py`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.motion.motions import Motion, MotionSet
from h2ot_edge.benchmarks.motion.pickled_npz import read_pickled_npz
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = [
    "FPS",
    "KEPT_JOINTS",
    "action_of",
    "h36m_keypoints",
    "h36m_positions",
    "motions_from_h36m",
]

FPS = 50.0

KEPT_JOINTS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Of Human3.6M's 32 joints those of `h2ot_edge.skeleton`, in its order.

The other 15 (4, 5, 9, 10, 11, 16, 20 to 24, 28 to 31) stand still, are toes and finger tips, or
repeat another joint; without them the shoulders (here 11 and 14) hang on the thorax (8). Source:
VideoPose3D, `Human36mDataset`, `remove_static_joints`.
"""

_CREDIT = (
    "Human3.6M (Ionescu, Papava, Olaru, Sminchisescu: Human3.6M, TPAMI 2014), under its own "
    "licence, for academic use only."
)

_SIDES = tuple([i for i, name in enumerate(JOINTS) if name.startswith(side)] for side in "lr")
"""The joints on the left and on the right."""

Positions = dict[str, dict[str, FloatArray]]
Keypoints = dict[str, dict[str, list[FloatArray]]]


def action_of(name: str) -> str:
    """The action that a recording counts for: 'Directions' for 'Directions 1'."""
    return name.partition(" ")[0]


def h36m_positions(path: Path) -> Positions:
    """Read `data_3d_h36m.npz`.

    Returns:
        By subject ('S1') and recording ('Directions 1'): poses (t, 17, 3) float32, metres, world
        frame with z up.

    Raises:
        InputError: not such a file, or with NaN or infinity.
    """
    positions = _subjects(path, "positions_3d")
    return {
        subject: {
            name: _poses(path, f"{subject} {name}", poses) for name, poses in recordings.items()
        }
        for subject, recordings in positions.items()
    }


def h36m_keypoints(path: Path) -> Keypoints:
    """Read a `data_2d_h36m_*.npz`.

    Returns:
        By subject and recording, one for each camera: keypoints (t, 17, 2) float32, pixels, x
        right and y down.

    Raises:
        InputError: not such a file, of other joints, or with NaN or infinity.
    """
    keypoints = _subjects(path, "positions_2d", "metadata")
    return {
        subject: {
            name: [
                _points(path, f"{subject} {name} camera {camera}", points)
                for camera, points in enumerate(_list_of(path, f"{subject} {name}", cameras))
            ]
            for name, cameras in recordings.items()
        }
        for subject, recordings in keypoints.items()
    }


def motions_from_h36m(path: Path) -> MotionSet:
    """The motions of `data_3d_h36m.npz`, everybody's.

    Raises:
        InputError: as `h36m_positions`.
    """
    return MotionSet(motions=tuple(_motions(h36m_positions(path))), credit=_CREDIT)


def _motions(positions: Positions) -> Iterator[Motion]:
    for subject, recordings in positions.items():
        for name, poses in recordings.items():
            yield Motion(
                poses=poses,
                fps=FPS,
                name=f"{subject} {name}",
                subject=subject,
                action=action_of(name),
                source="h36m",
            )


def _subjects(path: Path, key: str, *others: str) -> dict[str, dict[str, Any]]:
    """The dict of dicts under `key`, if the file is what it should be."""
    archive = read_pickled_npz(path)
    missing = [name for name in (key, *others) if name not in archive]
    if missing:
        raise InputError(
            f"{path}: expected VideoPose3D's file with {' and '.join((key, *others))}, found "
            f"{', '.join(sorted(archive)) or 'nothing'}; see its DATASETS.md"
        )
    if others:
        _check_joints(path, archive[others[0]])
    subjects = archive[key]
    nested = isinstance(subjects, dict) and all(isinstance(s, dict) for s in subjects.values())
    if not nested or not subjects:
        raise InputError(
            f"{path}: expected {key} to be a dict of subjects, each a dict of recordings, got "
            f"{type(subjects).__name__}; see VideoPose3D's DATASETS.md"
        )
    return subjects  # type: ignore[no-any-return]


def _check_joints(path: Path, metadata: Any) -> None:
    """Other detectors give other joints (COCO's), under the same shapes."""
    sides = metadata.get("keypoints_symmetry") if isinstance(metadata, dict) else None
    try:
        found = [sorted(int(joint) for joint in side) for side in sides or ()]
    except (TypeError, ValueError):
        found = []
    if found != list(_SIDES):
        raise InputError(
            f"{path}: expected keypoints of Human3.6M's 17 joints (metadata's keypoints_symmetry "
            f"{_SIDES[0]}, {_SIDES[1]}), got {sides}; take another file of keypoints"
        )


def _list_of(path: Path, what: str, cameras: Any) -> list[Any]:
    if not isinstance(cameras, (list, tuple, np.ndarray)):
        raise InputError(
            f"{path}: {what}: expected a list with the keypoints of each camera, got "
            f"{type(cameras).__name__}"
        )
    return list(cameras)


def _poses(path: Path, what: str, poses: Any) -> FloatArray:
    checked = _numbers(path, what, poses, (32, 3))
    return np.ascontiguousarray(checked[:, KEPT_JOINTS], dtype=np.float32)


def _points(path: Path, what: str, points: Any) -> FloatArray:
    return np.ascontiguousarray(_numbers(path, what, points, (17, 2)), dtype=np.float32)


def _numbers(path: Path, what: str, array: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """The array, if it is one of at least one frame of this shape and finite."""
    fits = isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.ndim == 3
    if not fits or array.shape[1:] != shape or not len(array):
        found = f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else repr(array)
        raise InputError(
            f"{path}: {what}: expected (t, {shape[0]}, {shape[1]}) of floating point, got {found}"
        )
    broken = ~np.isfinite(array).all(axis=(1, 2))
    if broken.any():
        raise InputError(
            f"{path}: {what}: NaN or infinity in {broken.sum()} of {len(array)} frames, first in "
            f"frame {broken.argmax()}; make the file again"
        )
    checked: NDArray[Any] = array
    return checked
