"""Reading motion capture from whatever it is kept in."""

from pathlib import Path

from h2ot_edge.benchmarks.motion.bvh_motions import motions_from_bvh
from h2ot_edge.benchmarks.motion.h36m_files import motions_from_h36m
from h2ot_edge.benchmarks.motion.motions import MotionSet
from h2ot_edge.benchmarks.motion.npz_motions import motions_from_npz
from h2ot_edge.benchmarks.motion.pickled_npz import array_names
from h2ot_edge.errors import InputError, UsageError

__all__ = ["read_motions"]

_KINDS = "this project's .npz, VideoPose3D's data_3d_h36m.npz, a .bvh file or a folder of them"


def read_motions(path: str | Path, *, metres_per_unit: float | None = None) -> MotionSet:
    """Read motions, all in the 17 joints of `h2ot_edge.skeleton`, metres, world frame with z up.

    `.npz`: this project's own format (`npz_motions`), or VideoPose3D's file of Human3.6M's poses
    (`h36m_files`). `.bvh`, or a folder with such files in it or in its folders (`bvh_motions`).

    MPI-INF-3DHP's `data_train_3dhp.npz` is not read: its poses are in the cameras' frames, and
    nothing in it says how the cameras stood, so there is no knowing where up is.

    Args:
        path: file or folder.
        metres_per_unit: size of the unit of BVH files, which do not say it; None for metres.

    Raises:
        InputError: no such file, another format, or not as its format asks.
        UsageError: a unit for a file that is in metres by its format.
        MissingExtra: the library that reads BVH is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; expected {_KINDS}")
    kind = path.suffix.lower()
    if path.is_dir() or path.suffix == ".bvh":  # pybvh takes no other spelling
        return motions_from_bvh(path, metres_per_unit=metres_per_unit or 1.0)
    if kind in (".amc", ".asf"):
        raise InputError(
            f"{path}: ASF/AMC files are not read, for want of a well-kept library that gives the "
            "positions of their joints; take the BVH conversion of the database"
        )
    if kind != ".npz":
        raise InputError(f"{path}: expected {_KINDS}, got {path.suffix!r}")
    if metres_per_unit is not None:
        raise UsageError(f"{path}: is in metres; leave out metres_per_unit")
    return _motions_of_npz(path)


def _motions_of_npz(path: Path) -> MotionSet:
    names = array_names(path)
    if "positions_3d" in names:
        return motions_from_h36m(path)
    if names == {"data"}:
        raise InputError(
            f"{path}: looks like MPI-INF-3DHP, whose poses are in the cameras' frames and do not "
            f"say where up is, so they cannot be filmed anew; expected {_KINDS}"
        )
    return motions_from_npz(path)
