"""Poses as TRC, the marker files of OpenSim: millimetres, y up, one marker for each joint.

x is to the camera's right, y up, z towards the camera. OpenSim's models face x, so a person who
walks elsewhere is turned about y there. What is not valid is blank, which OpenSim takes for a
marker that was not seen. The frame of reference stands in a fifth field of the first line: programs
that read TRC look there for `PathFileType` only.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from h2ot_edge.card import ModelCard
from h2ot_edge.pose_files.conventions import known_joints, origin_in_words, positions_y_up
from h2ot_edge.pose_files.csv_ import times_in_text
from h2ot_edge.poses import Poses

__all__ = ["write"]

_AXES = "x to the camera's right, y up, z towards the camera"
_KEYS = (
    "DataRate",
    "CameraRate",
    "NumFrames",
    "NumMarkers",
    "Units",
    "OrigDataRate",
    "OrigDataStartFrame",
    "OrigNumFrames",
)


def write(file: BinaryIO, poses: Poses, card: ModelCard, name: str) -> None:
    """Write one clip in metres, whose frame rate is known."""
    lines = [*_header(poses, name), *_rows(poses)]
    file.write(("\n".join(lines) + "\n").encode())


def _header(poses: Poses, name: str) -> Iterator[str]:
    frames, rate = len(poses), f"{poses.fps:.9g}"
    about = f"frame {poses.frame}: origin at {origin_in_words(poses)}; {_AXES}"
    yield "\t".join(["PathFileType", "4", "(X/Y/Z)", name, about])
    yield "\t".join(_KEYS)
    yield "\t".join([rate, rate, str(frames), str(len(poses.joints)), "mm", rate, "1", str(frames)])
    # Ends in a tab as the rows do: pandas takes a first cell too many for an index.
    yield "\t".join(["Frame#", "Time", *(f"{joint}\t\t" for joint in poses.joints), ""])
    numbers = range(1, len(poses.joints) + 1)
    yield "\t".join(["", "", *(f"{axis}{number}" for number in numbers for axis in "XYZ"), ""])
    yield ""


def _rows(poses: Poses) -> Iterator[str]:
    positions = 1e3 * positions_y_up(poses).reshape(len(poses), -1)
    known = np.repeat(known_joints(poses), 3, axis=-1)
    for number, (time, row, there) in enumerate(
        zip(times_in_text(poses), positions.tolist(), known.tolist(), strict=True), start=1
    ):
        cells = [f"{value:.4f}" if seen else "" for value, seen in zip(row, there, strict=True)]
        # OpenSim drops a blank at the end of a line unless a tab follows.
        yield "\t".join([str(number), time, *cells, ""])
