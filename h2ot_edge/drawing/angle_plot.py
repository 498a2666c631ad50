"""Curves of joint angles over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import make_folder_of
from h2ot_edge.drawing.images import check_picture_path
from h2ot_edge.errors import InputError
from h2ot_edge.joint_angles import ANGLES, joint_angles
from h2ot_edge.plot import LEFT, MIDDLE, RIGHT, finished, new_figure
from h2ot_edge.poses import Poses

__all__ = ["plot_angles"]

Array = NDArray[np.float64]

_JOINTS = tuple(dict.fromkeys(name[1:] if name[0] in "rl" else name for name in ANGLES))
"""An angle of both sides is one."""

_MOST = 8
"""People on a picture."""

_ROW, _COLUMN, _HEADING = 2.4, 4.0, 0.7  # inches, at 100 dots per inch


def plot_angles(path: str | Path, poses: Poses, *, title: str = "") -> Path:
    """Draw the joint angles of one person or several over time, left blue and right vermilion.

    An angle of both sides has one pair of axes, in degrees, over seconds, or frames if nothing is
    known of time. Of several people each has a column, and all have one scale. Where an angle is
    NaN, or leaps from one end of its range to the other, there is a gap. Of more than eight
    people those are drawn who have the most angles, and the picture says so.

    Args:
        path: of the PNG, 1600 pixels wide for up to four people; a folder that is not there is
            made.
        poses: (t, 17, 3) or (n, t, 17, 3) of any frame of reference and unit.
        title: printed above.

    Returns:
        `path`.

    Raises:
        InputError: no frame, or no angle is known in any.
        UsageError: the name does not end in .png, or the folder cannot be made.
        MissingExtra: if matplotlib is not installed.
    """
    path = check_picture_path(path)
    people = [joint_angles(clip) for clip in poses.clips()]
    chosen = _best(people)
    if len(chosen) < len(people):
        title = f"{title}   {len(chosen)} of {len(people)} people, those seen longest".strip()
    names = poses.people or tuple(str(number) for number in range(1, len(people) + 1))
    make_folder_of(path)
    figure = _figure(len(chosen))
    time, unit = _time(poses)
    for place, axes in enumerate(_axes(figure, len(chosen))):
        joint, person = divmod(place, len(chosen))
        _draw(axes, _JOINTS[joint], people[chosen[person]], time)
        axes.set_ylabel(f"{_JOINTS[joint].replace('_', ' ')}, °", fontsize=11)
        axes.set_xlabel(unit, fontsize=10)
        if len(people) > 1 and joint == 0:
            name = names[chosen[person]]
            axes.set_title(f"person {name}" if name.isdigit() else name, fontsize=14)
    return finished(figure, title, path)


def _best(people: Sequence[dict[str, Array]]) -> list[int]:
    """Numbers of those people with the most angles who fit on a picture."""
    known = [sum(int(np.isfinite(curve).sum()) for curve in angles.values()) for angles in people]
    if not any(known):
        raise InputError("angles: none is known in any frame; there is nothing to draw")
    best = np.argsort([-count for count in known], kind="stable")[:_MOST]
    return sorted(best.tolist())


def _figure(people: int) -> Any:
    columns, rows = (2, -(-len(_JOINTS) // 2)) if people == 1 else (people, len(_JOINTS))
    height = rows * _ROW + _HEADING
    figure = new_figure(max(4, columns) * _COLUMN, height)
    # The title stands in the heading, which tight layouts do not keep free for it.
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - _HEADING / height))
    return figure


def _axes(figure: Any, people: int) -> list[Any]:
    """By angle, then by person; those of an angle have one scale."""
    if people == 1:
        grid = figure.subplots(-(-len(_JOINTS) // 2), 2, sharex=True)
        return list(grid.ravel())
    return list(figure.subplots(len(_JOINTS), people, sharex=True, sharey="row").ravel())


def _draw(axes: Any, joint: str, angles: dict[str, Array], time: Array) -> None:
    sides = [(f"r{joint}", RIGHT), (f"l{joint}", LEFT), (joint, MIDDLE)]
    for name, colour in sides:
        if name in angles:
            axes.plot(*_with_gaps(time, angles[name]), color=colour, linewidth=1.8)
            lone = _alone(angles[name])
            axes.plot(time[lone], angles[name][lone], ".", color=colour, markersize=4)
    axes.set_xlim(time[0], time[-1] if len(time) > 1 else time[0] + 1)
    axes.grid(visible=True, color="#e4e7ea")
    axes.tick_params(labelsize=10, labelbottom=True)
    axes.spines[["top", "right"]].set_visible(False)


def _with_gaps(time: Array, curve: Array) -> tuple[Array, Array]:
    """With NaN where an angle leaps through more than half a turn: 269 and -90 are neighbours."""
    with np.errstate(invalid="ignore"):
        leaps = np.flatnonzero(np.abs(np.diff(curve)) > 180) + 1
    return np.insert(time, leaps, np.nan), np.insert(curve, leaps, np.nan)


def _alone(curve: Array) -> NDArray[np.bool_]:
    """What no line goes to."""
    known = np.concatenate([[False], np.isfinite(curve), [False]])
    alone: NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def _time(poses: Poses) -> tuple[Array, str]:
    """Of each frame, and in what."""
    frames = np.arange(poses.shape[-3], dtype=np.float64)
    if poses.timestamps is not None:
        return np.asarray(poses.timestamps), "seconds"
    return (frames, "frame") if poses.fps is None else (frames / poses.fps, "seconds")
