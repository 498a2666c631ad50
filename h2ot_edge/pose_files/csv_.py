"""Poses as CSV: a header, then one row for each frame of each clip; UTF-8, comma, point, LF.

| column | |
| --- | --- |
| `clip` | 0 to n - 1; 0 of one clip |
| `person` | the name; blank if not told |
| `frame` | 0 to t - 1 |
| `time_s` | the timestamp, else frame / fps; blank if neither is known |
| `frame_of_reference` | `root`, `camera` or `world`, whose axes are those of `Poses` |
| `kept` | 1, or 0 where token pruning dropped the frame; blank if not known |
| `JOINT_x_m`, `JOINT_y_m`, `JOINT_z_m` | metres; blank if there is no pose |
| `JOINT_valid` | 1, or 0 where the joint rests on no observation |
| `JOINT_confidence` | of the 2-D keypoint |

Of poses that are not in metres the coordinates end in `_normalised` instead of `_m`.
"""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.pose_files.conventions import texts
from h2ot_edge.poses import Poses

__all__ = ["name_of", "times_in_text", "write"]

_FIRST = ("clip", "person", "frame", "time_s", "frame_of_reference", "kept")


def write(file: BinaryIO, poses: Poses, card: ModelCard, name: str) -> None:
    """Write one clip or n."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*_FIRST, *_columns(poses)])
    times = times_in_text(poses)
    for number, clip in enumerate(poses.clips()):
        who, kept = name_of(clip), _flags(clip)
        cells = enumerate(zip(times, kept, _cells(clip), strict=True))
        rows.writerows(
            [number, who, frame, time, poses.frame, flag, *row]
            for frame, (time, flag, row) in cells
        )
    file.write(text.getvalue().encode())


def name_of(clip: Poses) -> str:
    """Who is in one clip, '' if that is not told."""
    return "".join(clip.people)


def times_in_text(poses: Poses) -> list[str]:
    """Seconds of the frames: their timestamps, else from the frame rate, else ''."""
    frames = poses.shape[-3]
    if poses.timestamps is not None:
        return list(texts(poses.timestamps))
    if poses.fps is None:
        return [""] * frames
    return [f"{frame / poses.fps:.9g}" for frame in range(frames)]


def _flags(clip: Poses) -> list[str]:
    if clip.kept is None:
        return [""] * len(clip)
    return [str(int(flag)) for flag in clip.kept]


def _columns(poses: Poses) -> Iterator[str]:
    for joint in poses.joints:
        yield from (f"{joint}_{axis}_{poses.unit}" for axis in "xyz")
        yield from (f"{joint}_valid", f"{joint}_confidence")


def _cells(clip: Poses) -> list[list[str]]:
    """(t, 17 * 5) in the order of the columns."""
    flags: NDArray[np.str_] = clip.valid.astype(np.int8).astype(np.str_)
    parts = [texts(clip.positions), flags[..., None], texts(clip.confidence)[..., None]]
    cells: list[list[str]] = np.concatenate(parts, axis=-1).reshape(len(clip), -1).tolist()
    return cells
