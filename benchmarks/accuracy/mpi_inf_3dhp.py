"""Protocol `3dhp`: the test set of MPI-INF-3DHP, on P-STMO's file.

Six sequences, TS1 to TS6, true keypoints; windows see all frames, and errors are the mean over the
valid ones. The true poses are those of the data set's universal skeleton, scaled to one size, as
in published figures. The predicted hip is set to the origin and the other joints stay where they
are, as in P-STMO.

MPJPE is of all 17 joints. PCK and AUC are of 14, as published ones: the data set's own evaluation
(`mpii_get_pck_auc_joint_groups.m`) leaves out its pelvis, spine and head, which here are hip, spine
and neck.

Sources: P-STMO (Shan et al., ECCV 2022), `common/load_data_3dhp_mae.py` and `run_3dhp.py`: keys,
millimetres, image sizes, root and sides; MMHuman3D, `mpi_inf_3dhp.py`: names of the joints. What
could not be established: the frame rate of the test sequences, which the file does not say.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import unknown
from h2ot_edge.benchmarks.accuracy.protocols import Protocol, ProtocolOptions
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.pickled_npz import read_pickled_npz
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS

__all__ = ["FILE_JOINTS", "IMAGE_SIZES", "MPI_INF_3DHP", "PCK_JOINTS", "mpi_inf_3dhp_clips"]

_SQUARE, _WIDE = (2048, 2048), (1920, 1080)

IMAGE_SIZES = {
    **{f"TS{number}": _SQUARE for number in (1, 2, 3, 4)},
    **{f"TS{number}": _WIDE for number in (5, 6)},
}
"""The test sequences and (width, height) of their pictures, in pixels."""

FILE_JOINTS = (
    *("head", "thorax", "rshoulder", "relbow", "rwrist", "lshoulder", "lelbow", "lwrist"),
    *("rhip", "rknee", "rankle", "lhip", "lknee", "lankle", "hip", "spine", "neck"),
)
"""The file's joints, in its order, by the names of `h2ot_edge.skeleton`.

The data set calls head, thorax, hip and neck here: head top, neck, pelvis and head.
"""

PCK_JOINTS = tuple(
    number for number, joint in enumerate(JOINTS) if joint not in ("hip", "spine", "neck")
)
"""The joints, in the order of `h2ot_edge.skeleton`, that count for PCK and AUC."""

_ORDER = tuple(FILE_JOINTS.index(joint) for joint in JOINTS)
_ARRAYS = {"data_2d": (17, 2), "data_3d": (17, 3), "valid": ()}


def mpi_inf_3dhp_clips(
    path: Path, sequences: Sequence[str] = tuple(IMAGE_SIZES)
) -> Iterator[LabelledClip]:
    """These test sequences, of which the valid frames count.

    Args:
        path: `data_test_3dhp.npz`: under `data` a dict of sequences, each a dict of `data_2d`
            (t, 17, 2) pixels, `data_3d` (t, 17, 3) millimetres in the camera's frame, and `valid`
            (t,), 1 where the frame counts.
        sequences: keys of `IMAGE_SIZES`.

    Yields:
        A clip for each with keypoints (t, 17, 2) in pixels; its subject and action are the
        sequence's name, and its frame rate, which nobody states, is NaN.

    Raises:
        UnknownName: no such sequence in the test set.
        InputError: not such a file, or without valid frames.
    """
    for name in sequences:
        if name not in IMAGE_SIZES:
            raise unknown("subject", name, IMAGE_SIZES)
    data = read_pickled_npz(path).get("data")
    found = list(data) if isinstance(data, dict) else []
    missing = [name for name in sequences if name not in found]
    if not isinstance(data, dict) or missing:
        raise InputError(
            f"{path}: expected P-STMO's data_test_3dhp.npz with the sequences "
            f"{', '.join(sequences)} under 'data', {', '.join(missing)} not found (found "
            f"{', '.join(map(str, found)) or 'no dict'})"
        )
    for name in sequences:
        yield _clip(f"{path}: {name}", name, data[name])


def _clip(where: str, name: str, sequence: Any) -> LabelledClip:
    points, poses, valid = _checked(where, sequence)
    truth = poses[:, _ORDER] / 1000
    return LabelledClip(
        name=name,
        subject=name,
        action=name,
        keypoints=points[:, _ORDER].astype(np.float32),
        truth=(truth - truth[:, :1]).astype(np.float32),
        fps=float("nan"),
        image_size=IMAGE_SIZES[name],
        counted=valid,
    )


def _checked(
    where: str, sequence: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Keypoints, poses, and which frames are valid."""
    found = sequence if isinstance(sequence, dict) else {}
    points, poses, valid = (_array(where, found, name, shape) for name, shape in _ARRAYS.items())
    if not len(points) == len(poses) == len(valid):
        raise InputError(
            f"{where}: expected as many frames in {', '.join(_ARRAYS)}, got {len(points)}, "
            f"{len(poses)} and {len(valid)}"
        )
    if not np.isin(valid, (0, 1)).all() or not valid.any():
        raise InputError(
            f"{where}: expected valid to be 0 or 1 and 1 somewhere, got {np.unique(valid)[:5]}"
        )
    counted = valid.astype(np.bool_)
    for what, broken in (
        ("frames of keypoints", ~np.isfinite(points).all(axis=(1, 2))),
        ("valid frames", ~np.isfinite(poses).all(axis=(1, 2)) & counted),
    ):
        if broken.any():
            raise InputError(
                f"{where}: NaN or infinity in {broken.sum()} {what}, first in frame "
                f"{broken.argmax()}; make the file again"
            )
    return points, poses, counted


def _array(
    where: str, found: Mapping[str, Any], name: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    array = found.get(name)
    is_numbers = isinstance(array, np.ndarray) and array.dtype.kind in "fiub"
    if array is None or not is_numbers or (array.ndim, array.shape[1:]) != (1 + len(shape), shape):
        got = f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else repr(array)
        wanted = str(("t", *shape)).replace("'", "")
        raise InputError(f"{where}: expected {name} {wanted} of numbers, got {got}")
    exact: NDArray[np.float64] = array.astype(np.float64)
    return exact


def _clips(paths: Sequence[Path], options: ProtocolOptions) -> Iterator[LabelledClip]:
    if len(paths) != 1:
        raise InputError(
            f"{', '.join(map(str, paths)) or 'no files'}: expected one file, P-STMO's "
            "data_test_3dhp.npz"
        )
    return mpi_inf_3dhp_clips(paths[0], options.subjects or tuple(IMAGE_SIZES))


MPI_INF_3DHP = Protocol(
    name="3dhp",
    title="MPI-INF-3DHP",
    source="TS1 to TS6 of the test set, true keypoints, universal skeleton, on the file of P-STMO "
    "(Shan et al., ECCV 2022); PCK and AUC are of 14 joints, without hip, spine and neck",
    clips=_clips,
    defaults=ProtocolOptions(subjects=tuple(IMAGE_SIZES)),
    metrics=("mpjpe", "pck", "auc"),
    flip=True,
    root="zeroed",
    joints={"pck": PCK_JOINTS, "auc": PCK_JOINTS},
)
