"""Angles of joints, in degrees, from the 17 joints of `Poses` in any frame of reference.

They depend neither on the camera nor on which way is up: everything is measured against the person.

Axes of the trunk
    Up goes from the hip to the thorax. Left, for the legs, goes from the right to the left hip, and
    for the arms from the right to the left shoulder, less its part along up. Forward is at right
    angles to both, to where the person looks.

| angle (with r or l before it) | between | 0 | range |
| --- | --- | --- | --- |
| `knee_flexion` | thigh (hip to knee), shank (knee to ankle) | straight | 0 to 180 |
| `elbow_flexion` | upper arm, forearm | straight | 0 to 180 |
| `hip_flexion` | down, the thigh seen from the side | along the trunk | -90 to 270 |
| `hip_abduction` | the plane of up and forward, the thigh | in the plane | -90 to 90 |
| `shoulder_flexion` | down, the upper arm seen from the side | along the trunk | -90 to 270 |
| `shoulder_abduction` | the plane of up and forward, the upper arm | in the plane | -90 to 90 |
| `shoulder_elevation` | down, the upper arm | along the trunk | 0 to 180 |
| `trunk_rotation` (one) | the hips' left, the shoulders' left | parallel | -180 to 180 |

Flexion is positive forward, abduction outward, rotation towards the person's left.

What three points cannot know
    A knee or an elbow that is overextended counts as bent by as much, since nothing tells the two
    sides of a straight limb apart. Noise, too, only ever bends what is straight.
What 17 points cannot know
    Turns of a limb about itself (of hip, shoulder and forearm), ankles and wrists, whose far sides
    are not there, and the tilt of the pelvis: two hips and a midpoint are one line. So hip flexion
    is against the trunk. Clinics measure it against the pelvis, which in walking leans forward by
    some 12 degrees and gives that much more; and they see the bending of the spine apart.

An angle is NaN where a joint that it needs is not valid, where a bone has no length, and where it
is not defined: flexion within 10 degrees of straight out to the side, where the least movement
turns it through any angle.
"""

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import checked_name, write_whole
from h2ot_edge.pose_files.conventions import known_joints, texts
from h2ot_edge.pose_files.csv_ import name_of, times_in_text
from h2ot_edge.poses import Poses, check_axes
from h2ot_edge.skeleton import JOINTS

__all__ = ["ANGLES", "check_angles_path", "joint_angles", "write_angles"]

Array = NDArray[np.float64]

_OF_SIDES = (
    "knee_flexion",
    "hip_flexion",
    "hip_abduction",
    "elbow_flexion",
    "shoulder_flexion",
    "shoulder_abduction",
    "shoulder_elevation",
)
ANGLES = (*(f"{side}{name}" for name in _OF_SIDES for side in "rl"), "trunk_rotation")
"""Names of the angles: those of the right side (r) and the left (l), and of the trunk."""

_SIDEWAYS = float(np.sin(np.radians(10)))
"""Share of a limb's length that must be seen from the side for it to have a flexion."""


def joint_angles(poses: Poses) -> dict[str, Array]:
    """The angles that this module defines.

    Args:
        poses: (t, 17, 3) or (n, t, 17, 3) of any frame of reference and unit.

    Returns:
        Of each of `ANGLES` (t,) or (n, t) degrees, NaN where it is not known.

    Raises:
        InputError: axes that are not those of the frame: of left-handed ones what is forward would
            come out as backward.
    """
    check_axes("joint angles", poses.frame, poses.axes)
    places = np.where(known_joints(poses)[..., None], poses.positions, np.nan).astype(np.float64)
    joint = {name: places[..., number, :] for number, name in enumerate(JOINTS)}
    up = _unit(joint["thorax"] - joint["hip"])
    found: dict[str, Array] = {}
    for side, outward in (("r", -1), ("l", 1)):
        thigh = _unit(joint[f"{side}knee"] - joint[f"{side}hip"])
        shank = _unit(joint[f"{side}ankle"] - joint[f"{side}knee"])
        arm = _unit(joint[f"{side}elbow"] - joint[f"{side}shoulder"])
        forearm = _unit(joint[f"{side}wrist"] - joint[f"{side}elbow"])
        hips, shoulders = _across(joint, "hip", up), _across(joint, "shoulder", up)
        found |= {
            f"{side}knee_flexion": _between(thigh, shank),
            f"{side}hip_flexion": _flexion(thigh, hips, up),
            f"{side}hip_abduction": _abduction(thigh, outward * hips),
            f"{side}elbow_flexion": _between(arm, forearm),
            f"{side}shoulder_flexion": _flexion(arm, shoulders, up),
            f"{side}shoulder_abduction": _abduction(arm, outward * shoulders),
            f"{side}shoulder_elevation": _between(arm, -up),
        }
    found["trunk_rotation"] = _rotation(joint, up)
    return {name: found[name] for name in ANGLES}


def check_angles_path(path: str | Path) -> Path:
    """The path, if angles can have that name; to be asked before the work is done.

    Raises:
        UsageError: the name does not end in .csv, or is that of a folder.
    """
    return checked_name(path, (".csv",), "joint angles are")


def write_angles(path: str | Path, poses: Poses) -> Path:
    """Write the joint angles of poses as CSV, whole or not at all.

    A header, then a row for each frame of each clip: `clip`, `person` (blank if not told), `frame`,
    `time_s` (blank if not known) and a column for each of `ANGLES` with `_deg` behind its name, to
    a thousandth, blank for NaN.

    Args:
        path: of the file, ends in .csv; a folder that is not there is made.
        poses: of one clip or n.

    Returns:
        The path.

    Raises:
        InputError: as `joint_angles`.
        UsageError: the folder cannot be made, or the name does not end in .csv.
    """
    path = check_angles_path(path)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["clip", "person", "frame", "time_s", *(f"{name}_deg" for name in ANGLES)])
    times = times_in_text(poses)
    for number, clip in enumerate(poses.clips()):
        columns = texts(np.round(np.stack(list(joint_angles(clip).values()), axis=-1), 3))
        for frame, (time, row) in enumerate(zip(times, columns.tolist(), strict=True)):
            rows.writerow([number, name_of(clip), frame, time, *row])
    write_whole(path, text.getvalue().encode())
    return path


def _unit(vectors: Array) -> Array:
    """Of length 1; NaN for those without length."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, np.nan)


def _across(joint: dict[str, Array], name: str, up: Array) -> Array:
    """Left, at right angles to up."""
    line = joint[f"l{name}"] - joint[f"r{name}"]
    return _unit(line - _along(line, up)[..., None] * up)


def _along(vectors: Array, directions: Array) -> Array:
    length: Array = np.einsum("...i,...i->...", vectors, directions)
    return length


def _between(first: Array, second: Array) -> Array:
    """Degrees; from sine and cosine, because the cosine alone hardly tells small angles apart."""
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    angle: Array = np.degrees(np.arctan2(sine, _along(first, second)))
    return angle


def _flexion(limb: Array, left: Array, up: Array) -> Array:
    """From down to the limb, about the axis that points left; -90 to 270."""
    forward, down = _along(limb, np.cross(left, up)), -_along(limb, up)
    angle = np.degrees(np.arctan2(forward, down))
    angle = np.where(angle < -90, angle + 360, angle)
    return np.where(np.hypot(forward, down) < _SIDEWAYS, np.nan, angle)


def _abduction(limb: Array, outward: Array) -> Array:
    angle: Array = np.degrees(np.arcsin(np.clip(_along(limb, outward), -1, 1)))
    return angle


def _rotation(joint: dict[str, Array], up: Array) -> Array:
    """From the line of the hips to that of the shoulders, counterclockwise from above."""
    hips, shoulders = _across(joint, "hip", up), _across(joint, "shoulder", up)
    sine, cosine = _along(np.cross(hips, shoulders), up), _along(hips, shoulders)
    angle: Array = np.degrees(np.arctan2(sine, cosine))
    return angle
