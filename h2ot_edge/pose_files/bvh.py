"""Poses as BVH: a skeleton of constant bones, and its rotations; centimetres, y up.

x is to the camera's right, y up, z towards the camera. Joints, also those without length, are named
as those of the CMU database in BVH: Hips (our hip), LeftUpLeg, LeftLeg, LeftFoot, Spine, Spine1
(thorax), Head (neck), the end of Head (head), LeftArm, LeftForeArm, LeftHand, and Right instead of
Left. At rest the arms are out and the person looks along z.

Lengths
    Each bone has its median length over the frames in which both its ends are valid. It keeps its
    direction, so joints move by what lengths differ, which is logged. For lengths that are known,
    write `poses.replace(positions=with_lengths(poses.positions, lengths))`, see `h2ot_edge.bones`.
Twist
    17 points do not say how a limb is turned about itself. Hips and Spine1 are whole: their x goes
    from the right to the left hip or shoulder, and their y leans towards the lower spine, or the
    upper. All others take the shortest turn from how their parent stands, so none turns about its
    own bone; feet and hands do not turn at all.
Feet and hands
    End in stubs of 0.4 of the shank and the forearm, forward and along the arm, to be drawn; no
    point is there. Of an end without length Blender makes a second shank, through the floor.
Gaps
    BVH has none. What is not finite holds the last direction that was, or else the first to come;
    what is finite but not valid is written as it is.
Translation
    Hips has that of the poses' hip; about the root, the person stays at the origin.
Rotations
    Degrees: Hips Z X Y, the others Z Y X; of the two triples that make a rotation, the one nearer
    to the frame before.
"""

import logging
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.bones import BONES, median_lengths, with_lengths
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError
from h2ot_edge.pose_files.conventions import check_even, positions_y_up
from h2ot_edge.pose_files.rotations import angles_of, frames_of, shortest_turns
from h2ot_edge.poses import Poses
from h2ot_edge.skeleton import JOINTS, PARENTS

__all__ = ["write"]

Array = NDArray[np.float64]

_logger = logging.getLogger(__name__)

_CM = 100.0
_STUB = 0.4
_ROOT_ORDER, _ORDER = "ZXY", "ZYX"

# Joint, parent, the bone that ends in it, the bone that it turns, and where that points at rest.
_LEFT, _RIGHT, _UP, _DOWN, _AHEAD = (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1)
_Row = tuple[str, str, str, str, tuple[int, int, int]]


def _limbs(side: str, letter: str, out: tuple[int, int, int]) -> dict[str, tuple[_Row, ...]]:
    leg, arm = f"{letter}thigh", f"{letter}upper_arm"
    return {
        "leg": (
            (f"{letter.upper()}HipJoint", "Hips", "", f"{letter}pelvis", out),
            (f"{side}UpLeg", f"{letter.upper()}HipJoint", f"{letter}pelvis", leg, _DOWN),
            (f"{side}Leg", f"{side}UpLeg", leg, f"{letter}shank", _DOWN),
            (f"{side}Foot", f"{side}Leg", f"{letter}shank", "", _AHEAD),
        ),
        "arm": (
            (f"{side}Shoulder", "Spine1", "", f"{letter}clavicle", out),
            (f"{side}Arm", f"{side}Shoulder", f"{letter}clavicle", arm, out),
            (f"{side}ForeArm", f"{side}Arm", arm, f"{letter}forearm", out),
            (f"{side}Hand", f"{side}ForeArm", f"{letter}forearm", "", out),
        ),
    }


_L, _R = _limbs("Left", "l", _LEFT), _limbs("Right", "r", _RIGHT)
_ROWS: tuple[_Row, ...] = (
    ("Hips", "", "", "", _UP),
    *_L["leg"],
    *_R["leg"],
    ("LowerBack", "Hips", "", "lower_spine", _UP),
    ("Spine", "LowerBack", "lower_spine", "upper_spine", _UP),
    ("Spine1", "Spine", "upper_spine", "", _UP),
    ("Neck", "Spine1", "", "neck", _UP),
    ("Head", "Neck", "neck", "head", _UP),
    *_L["arm"],
    *_R["arm"],
)
"""Parents before children, and depth first, as the numbers of a frame stand."""


def write(file: BinaryIO, poses: Poses, card: ModelCard, name: str) -> None:
    """Write one clip in metres, whose frame rate is known.

    Raises:
        InputError: the frames are not at even times, or a bone is in no frame or has no length.
    """
    check_even(poses, name)
    positions = _CM * positions_y_up(poses)
    lengths = _lengths(poses, name)
    _tell(positions, lengths, name)
    rotations = _rotations(positions)
    assert poses.fps is not None
    lines = [
        "HIERARCHY",
        *_joint(_ROWS[0], lengths, 0),
        "MOTION",
        f"Frames: {len(poses)}",
        f"Frame Time: {1 / poses.fps:.9f}",
        *_frames(_held(positions[:, 0]), rotations),
    ]
    file.write(("\n".join(lines) + "\n").encode())


def _lengths(poses: Poses, name: str) -> dict[str, float]:
    """Centimetres of every bone; over all frames of one that is never valid."""
    finite = np.asarray(np.isfinite(poses.positions).all(axis=-1))
    found = median_lengths(poses.positions, poses.valid & finite)
    found = np.where(np.isnan(found), median_lengths(poses.positions, finite), found)
    for trouble, which in (("in no frame", np.isnan(found)), ("of length 0", found == 0)):
        if which.any():
            bones = ", ".join(bone for bone, so in zip(BONES, which, strict=True) if so)
            raise InputError(
                f"{name}: a .bvh file has every bone at a length, and {trouble} is {bones}; write "
                ".npz, .json, .csv, .trc or .c3d, which have points"
            )
    return dict(zip(BONES, (_CM * found).tolist(), strict=True))


def _tell(positions: Array, lengths: dict[str, float], name: str) -> None:
    moved = with_lengths(positions, np.array([lengths[bone] for bone in BONES]))
    millimetres = 10 * np.linalg.norm(moved - positions, axis=-1)
    finite = millimetres[np.isfinite(millimetres)]
    _logger.info(
        "%s: bones of constant length move the joints by %.1f mm on average, %.1f at most",
        name,
        finite.mean(),
        finite.max(),
    )


def _rotations(positions: Array) -> dict[str, Array]:
    """(t, 3, 3) of every joint, from its parent's axes to its own."""
    local: dict[str, Array] = {}
    whole: dict[str, Array] = {"": np.broadcast_to(np.eye(3), (len(positions), 3, 3))}
    for joint, parent, _, bone, rest in _ROWS:
        stands = whole[parent]
        if joint in ("Hips", "Spine1"):
            whole[joint] = _body(positions, joint)
        elif bone:
            whole[joint] = shortest_turns(stands @ np.array(rest), _along(positions, bone)) @ stands
        else:
            whole[joint] = stands
        local[joint] = np.swapaxes(stands, 1, 2) @ whole[joint]
    return local


def _body(positions: Array, joint: str) -> Array:
    """Axes of the pelvis or of the chest, in columns."""
    right, left, low, high = (
        ("rhip", "lhip", "hip", "spine")
        if joint == "Hips"
        else ("rshoulder", "lshoulder", "spine", "thorax")
    )
    across = _between(positions, right, left)
    return frames_of(across, _between(positions, low, high))


def _along(positions: Array, bone: str) -> Array:
    end = BONES.index(bone) + 1
    return _between(positions, JOINTS[PARENTS[end]], JOINTS[end])


def _between(positions: Array, start: str, end: str) -> Array:
    """(t, 3) of length 1; where there is none, that of another frame."""
    vectors = positions[:, JOINTS.index(end)] - positions[:, JOINTS.index(start)]
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _held(vectors / lengths)


def _held(vectors: Array) -> Array:
    """Each that is not finite becomes the last before it that is, or else the first."""
    finite = np.isfinite(vectors).all(axis=-1)
    if not finite.any():
        return np.zeros_like(vectors)
    last = np.maximum.accumulate(np.where(finite, np.arange(len(vectors)), -1))
    return vectors[np.where(last < 0, finite.argmax(), last)]


def _joint(row: _Row, lengths: dict[str, float], depth: int) -> Iterator[str]:
    """The lines of a joint and of all below it."""
    name, parent, bone, turns, rest = row
    ends = next((each[4] for each in _ROWS if bone and each[3] == bone), _UP)
    indent, inner = "\t" * depth, "\t" * (depth + 1)
    place = "Xposition Yposition Zposition " if not parent else ""
    order = _ORDER if parent else _ROOT_ORDER
    channels = place + " ".join(f"{axis}rotation" for axis in order)
    yield f"{indent}{'JOINT' if parent else 'ROOT'} {name}"
    yield f"{indent}{{"
    yield f"{inner}OFFSET {_offset(ends, lengths.get(bone, 0))}"
    yield f"{inner}CHANNELS {len(channels.split())} {channels}"
    below = [each for each in _ROWS if each[1] == name]
    for each in below:
        yield from _joint(each, lengths, depth + 1)
    if not below:
        end = _offset(rest, lengths[turns] if turns else _STUB * lengths[bone])
        yield from (f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {end}", f"{inner}}}")
    yield f"{indent}}}"


def _offset(direction: tuple[int, int, int], length: float) -> str:
    return " ".join(f"{part * length + 0:.5f}" for part in direction)


def _frames(hip: Array, rotations: dict[str, Array]) -> Iterator[str]:
    angles = [
        angles_of(rotation, _ORDER if number else _ROOT_ORDER)
        for number, rotation in enumerate(rotations.values())
    ]
    for row in np.concatenate([hip, *angles], axis=1).tolist():
        yield " ".join(f"{value:.5f}" for value in row)
