"""Motions from BVH files, as the CMU motion capture database and Mixamo name their joints.

The files are read, and turned into positions of joints, by pybvh: MIT, no more than numpy to do it
(it also brings matplotlib), vectorised over frames, 13 releases so far. The other candidate, bvhio,
makes objects of every joint and frame, on two more libraries, and says itself that it does not aim
at speed.

Acclaim's ASF/AMC, the CMU database's own format, is refused. Of the libraries for it asfamc-parser
parses files and leaves the kinematics to the caller, and AMCParser says itself that it ignores
robustness. The database has been converted to BVH as a whole.

A BVH file says neither its unit nor which axis is up. Both are asked for, or taken to be what the
format's description says (y up), and checked against the person's size and posture.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import require
from h2ot_edge.benchmarks.motion.motions import Motion, MotionSet, bone_lengths, stature
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS

__all__ = ["CONVENTIONS", "UNITS", "motions_from_bvh"]

Array = NDArray[np.float64]
Table = Mapping[str, tuple[str, ...]]

UNITS = {
    "m": 1.0,
    "cm": 0.01,
    "mm": 0.001,
    "inch": 0.0254,
    "inch / 0.45": 0.0254 / 0.45,
}
"""Metres in the units that BVH files come in.

The last is that of the CMU database, whose skeletons say `length 0.45` and mean inches times 0.45;
the BVH conversions of cgspeed keep it.
"""

_STATURE_M = (1.2, 2.2)
_END = "end of "
"""What stands before a joint's name for the end of the bone that starts there."""

_NAMED_LIMBS = {
    "hip": ("RightUpLeg", "LeftUpLeg"),
    "rhip": ("RightUpLeg",),
    "rknee": ("RightLeg",),
    "rankle": ("RightFoot",),
    "lhip": ("LeftUpLeg",),
    "lknee": ("LeftLeg",),
    "lankle": ("LeftFoot",),
    "lshoulder": ("LeftArm",),
    "lelbow": ("LeftForeArm",),
    "lwrist": ("LeftHand",),
    "rshoulder": ("RightArm",),
    "relbow": ("RightForeArm",),
    "rwrist": ("RightHand",),
}

CONVENTIONS: Mapping[str, Table] = {
    "Mixamo": {
        **_NAMED_LIMBS,
        "spine": ("Spine1",),
        "thorax": ("Neck",),
        "neck": ("Head",),
        "head": ("HeadTop_End",),
    },
    "CMU in BVH": {
        **_NAMED_LIMBS,
        "spine": ("Spine",),
        "thorax": ("Neck",),
        "neck": ("Head",),
        "head": (f"{_END}Head",),
    },
    "CMU in ASF": {
        "hip": ("rfemur", "lfemur"),
        "rhip": ("rfemur",),
        "rknee": ("rtibia",),
        "rankle": ("rfoot",),
        "lhip": ("lfemur",),
        "lknee": ("ltibia",),
        "lankle": ("lfoot",),
        "spine": ("upperback",),
        "thorax": ("lowerneck",),
        "neck": ("head",),
        "head": (f"{_END}head",),
        "lshoulder": ("lhumerus",),
        "lelbow": ("lradius",),
        "lwrist": ("lwrist",),
        "rshoulder": ("rhumerus",),
        "relbow": ("rradius",),
        "rwrist": ("rwrist",),
    },
}
"""Our joints -> a file's joints, of which the middle is taken; the first that fits a file counts.

A joint of a BVH file is where its bone begins: LeftUpLeg (lfemur) is the left hip. Human3.6M's hip
is the middle between the hips and its thorax the root of the neck. Its spine, nose and crown have
no counterpart; the nearest joints are taken, which lie a few centimetres off.
"""


def motions_from_bvh(path: Path, *, metres_per_unit: float = 1.0) -> MotionSet:
    """Read a .bvh file, or all of them in a folder and its folders.

    A motion's name and action are the file's name; its subject is what stands in it before the
    first `_`, as in 01_02.bvh, or else the name of the folder.

    Args:
        path: the file or folder.
        metres_per_unit: size of the file's unit, see `UNITS`.

    Raises:
        InputError: no such files, damaged, with other joints, another axis up, or a person who is
            not 1.2 to 2.2 m tall.
        MissingExtra: pybvh is not installed.
    """
    files = sorted(path.rglob("*.bvh")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: {_nothing_in(path)}")
    motions = tuple(_motion(file, metres_per_unit) for file in files)
    _check_up(path, motions)
    return MotionSet(motions=motions)


def _nothing_in(folder: Path) -> str:
    if any(folder.rglob("*.amc")):
        return (
            "holds ASF/AMC files and no .bvh; no well-kept library gives the positions of their "
            "joints; take the BVH conversion of the database"
        )
    return "expected .bvh files in this folder, found none"


def _motion(file: Path, metres_per_unit: float) -> Motion:
    bvh = _read(file)
    poses = _joints(file, bvh) * metres_per_unit
    broken = ~np.isfinite(poses).all(axis=(1, 2))
    if broken.any():
        raise InputError(
            f"{file}: NaN or infinity in {broken.sum()} of {len(poses)} frames, first in frame "
            f"{broken.argmax()}; convert it again"
        )
    _check_stature(file, poses, metres_per_unit)
    before, underscore, _after = file.stem.partition("_")
    return Motion(
        poses=_z_up(poses).astype(np.float32),
        fps=float(bvh.fps),
        name=file.stem,
        subject=before if underscore else file.parent.name,
        action=file.stem,
        source="bvh",
    )


def _read(file: Path) -> Any:
    pybvh = require("pybvh", "train")
    try:
        # y is up by the format's description; pybvh would guess, and warn.
        return pybvh.read_bvh_file(file, world_up="+y")
    except Exception as error:  # broken files make it raise all sorts: ValueError, IndexError, ...
        raise InputError(
            f"{file}: not a readable BVH file ({type(error).__name__}: {error}); convert it again"
        ) from error


def _joints(file: Path, bvh: Any) -> Array:
    """Our 17 joints (t, 17, 3), in the file's unit and axes."""
    plain = {name: name.rpartition(":")[2] for name in bvh.joint_names}
    places = {plain[name]: bvh.node_index[name] for name in plain}
    tips = bvh.joint_tips.items()
    places |= {_END + plain[name]: tip for name, tip in tips if tip is not None}
    table = _convention(file, places)
    positions = bvh.node_positions()
    means = [positions[:, [places[name] for name in table[joint]]].mean(axis=1) for joint in JOINTS]
    joints: Array = np.stack(means, axis=1)
    return joints


def _convention(file: Path, places: Mapping[str, int]) -> Table:
    missing = {
        name: sorted({part for parts in table.values() for part in parts} - places.keys())
        for name, table in CONVENTIONS.items()
    }
    best = min(missing, key=lambda name: len(missing[name]))
    if missing[best]:
        raise InputError(
            f"{file}: expected joints named as in {' or '.join(CONVENTIONS)}; of {best} there is "
            f"no {', '.join(missing[best])}; rename the joints"
        )
    return CONVENTIONS[best]


def _check_stature(file: Path, poses: Array, metres_per_unit: float) -> None:
    """The unit is nowhere in the file, but nobody is 30 m tall."""
    tall = float(stature(bone_lengths(poses.astype(np.float32))))
    low, high = _STATURE_M
    if low <= tall <= high:
        return
    fitting = [
        f"{size:.5g} ({name}) would make it {tall / metres_per_unit * size:.2f} m"
        for name, size in UNITS.items()
        if low <= tall / metres_per_unit * size <= high
    ]
    raise InputError(
        f"{file}: expected a person {low} to {high} m tall, got {tall:.4g} m with metres_per_unit "
        f"{metres_per_unit:g}; give the file's unit, --metres-per-unit"
        f"{': ' if fitting else ''}{', '.join(fitting)}"
    )


def _check_up(path: Path, motions: tuple[Motion, ...]) -> None:
    """People are upright on the whole, so that a file with another axis up is told."""
    head, ankles = JOINTS.index("head"), [JOINTS.index("rankle"), JOINTS.index("lankle")]
    up = sum(
        (motion.poses[:, head] - motion.poses[:, ankles].mean(axis=1)).sum(axis=0)
        for motion in motions
    )
    if not up[2] > np.abs(up[:2]).max():
        raise InputError(
            f"{path}: expected y to be up, as in BVH, but heads are not above ankles in it; turn "
            "the files so that y is up"
        )


def _z_up(poses: Array) -> Array:
    """From x right, y up, z to the viewer to x right, y away, z up; both right-handed."""
    return np.stack([poses[..., 0], -poses[..., 2], poses[..., 1]], axis=-1)
