"""Pictures of poses: keypoints and skeletons, over time or side by side, in one PNG."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import replacing
from h2ot_edge._names import require
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS, PARENTS

__all__ = ["plot_frame", "plot_sequence"]

Array = NDArray[np.floating[Any]]

RIGHT, LEFT, MIDDLE = "#D55E00", "#0072B2", "#4D4D4D"
"""Vermilion, blue and grey: colours 7 and 6 of Okabe & Ito (2008), told apart by all eyes."""

_NOTHING = "expected finite numbers, but every joint has a NaN or infinity"

_WIDTH, _ROW_HEIGHT = 16.0, 4.2  # inches, at 100 dots per inch
_COLOURS = [{"r": RIGHT, "l": LEFT}.get(name[0], MIDDLE) for name in JOINTS]


def plot_sequence(
    poses: Array,
    path: str | Path,
    *,
    keypoints: Array | None = None,
    frames: int = 8,
    title: str = "",
    first_frame: int = 0,
) -> Path:
    """Draw evenly spaced frames of a clip, keypoints above the skeletons that belong to them.

    Skeletons are turned by 15 degrees about the vertical and seen from 10 degrees above. Right
    limbs are vermilion, left limbs blue. All people of a row have one scale, each is drawn around
    the mean of its joints. Joints that are not finite are left out.

    Args:
        poses: (t, 17, 3) in the camera frame, x right, y down, z away from the camera.
        path: of the PNG, 1600 pixels wide.
        keypoints: (t, 17, 2) or (t, 17, 3) pixels, x right, y down; a third channel is
            confidence and makes joints fainter.
        frames: panels in a row; fewer if the clip is shorter.
        title: printed above.
        first_frame: number of the first frame.

    Returns:
        `path`.

    Raises:
        InputError: for a wrong shape, no finite joint, or `frames` below 1.
        MissingExtra: if matplotlib is not installed.
    """
    _check(poses, keypoints, frames)
    chosen = np.unique(np.linspace(0, len(poses) - 1, frames).round().astype(int))
    rows: list[tuple[Array, Array]] = []
    if keypoints is not None:
        rows.append(_flat(keypoints[chosen]))
    rows.append((_view(_centred(poses[chosen])), np.ones((len(chosen), len(JOINTS)))))
    figure = new_figure(_WIDTH, _ROW_HEIGHT * len(rows) + 0.6)
    for row, (points, sure) in enumerate(rows):
        _draw_row(figure, (row, len(rows)), points, sure, chosen + first_frame)
    return finished(figure, title, path)


def plot_frame(
    keypoints: Array, poses: Mapping[str, Array], path: str | Path, *, title: str = ""
) -> Path:
    """Draw one frame: keypoints, poses as the camera sees them, and the same poses from its left.

    All poses have one scale and one place of the hip. From the left, the camera is on the right,
    and what is wrong in depth shows. Colours are those of `plot_sequence`. Joints that are not
    finite are left out; of the keypoints that may be all.

    Args:
        keypoints: (17, 2) or (17, 3), x right, y down, any unit; a third channel is confidence
            and makes joints fainter.
        poses: one or more (17, 3), all of one unit, by name; x right, y down, z away from the
            camera.
        path: of the PNG, 1024 pixels wide.
        title: printed above.

    Returns:
        `path`.

    Raises:
        InputError: for a wrong shape, no poses, or a pose without a finite joint.
        MissingExtra: if matplotlib is not installed.
    """
    _check_frame(keypoints, poses)
    views = {"": 0.0, " from the left": -90.0}
    drawn = {
        name + view: _view(pose - pose[:1], turn)
        for view, turn in views.items()
        for name, pose in poses.items()
    }
    figure = new_figure(_WIDTH, _ROW_HEIGHT, dpi=64)
    flat, sure = _flat(keypoints[None])
    _draw_panel(figure, (1, len(drawn) + 1), flat[0], sure[0], flat)
    figure.axes[0].set_title("2-D keypoints", fontsize=14)
    for number, (label, points) in enumerate(drawn.items(), start=2):
        opaque, people = np.ones(len(JOINTS)), np.stack(list(drawn.values()))
        _draw_panel(figure, (number, len(drawn) + 1), points, opaque, people)
        figure.axes[-1].set_title(label, fontsize=14)
    return finished(figure, title, path)


def new_figure(width: float, height: float, dpi: int = 100) -> Any:
    """An empty picture, in inches of `dpi` pixels.

    Raises:
        MissingExtra: if matplotlib is not installed.
    """
    size = (width, height)
    return require("matplotlib.figure", "viz").Figure(figsize=size, dpi=dpi, layout="tight")


def save_png(figure: Any, path: str | Path) -> Path:
    """Write a picture, without a screen; returns its path."""
    canvas = require("matplotlib.backends.backend_agg", "viz").FigureCanvasAgg(figure)
    with replacing(Path(path)) as file:
        canvas.print_png(file)
    return Path(path)


def finished(figure: Any, title: str, path: str | Path) -> Path:
    """Write a picture under its title and with the colours of the sides; returns its path."""
    _name(figure, title)
    return save_png(figure, path)


def _name(figure: Any, title: str) -> None:
    """Title, and which colour is which side."""
    figure.suptitle(title or " ", fontsize=16)
    style: dict[str, Any] = {"fontsize": 16, "weight": "bold", "ha": "right", "va": "top"}
    figure.text(0.985, 0.98, "left", color=LEFT, **style)
    figure.text(0.945, 0.98, "right", color=RIGHT, **style)


def _check(poses: Array, keypoints: Array | None, frames: int) -> None:
    if frames < 1:
        raise InputError(f"frames: expected at least 1, got {frames}")
    _check_clip("poses", poses, (3,), poses)
    if keypoints is not None:
        _check_clip("keypoints", keypoints, (2, 3), poses)


def _check_frame(keypoints: Array, poses: Mapping[str, Array]) -> None:
    if not poses:
        raise InputError("poses: expected at least one, got none; there is nothing to draw")
    arrays = [("keypoints", keypoints, (2, 3)), *((n, pose, (3,)) for n, pose in poses.items())]
    for name, array, channels in arrays:
        shape = np.shape(array)
        if len(shape) != 2 or shape[0] != len(JOINTS) or shape[1] not in channels:
            wanted = " or ".join(f"({len(JOINTS)}, {size})" for size in channels)
            raise InputError(f"{name}: expected shape {wanted}, got {shape}")
    for name, pose in poses.items():
        if not np.isfinite(pose).all(axis=-1).any():
            raise InputError(f"{name}: {_NOTHING}")


def _check_clip(name: str, clip: Array, channels: tuple[int, ...], poses: Array) -> None:
    shape = np.shape(clip)
    if len(shape) != 3 or shape[1] != len(JOINTS) or shape[2] not in channels or not shape[0]:
        wanted = " or ".join(f"(t, {len(JOINTS)}, {size})" for size in channels)
        raise InputError(f"{name}: expected shape {wanted} with t > 0, got {shape}")
    if len(clip) != len(poses):
        raise InputError(
            f"{name}: expected as many frames as poses ({len(poses)}), got {len(clip)}"
        )
    if not np.isfinite(clip).all(axis=-1).any():
        raise InputError(f"{name}: {_NOTHING}")


def _view(poses: Array, turn_deg: float = -15.0) -> Array:
    """(..., 17, 2) picture x right, y up of poses turned about the vertical, seen from above."""
    x, up, z = np.moveaxis(poses * [1, -1, 1], -1, 0)
    turn, tilt = np.radians(turn_deg), np.radians(10.0)
    across, away = np.cos(turn) * x + np.sin(turn) * z, np.cos(turn) * z - np.sin(turn) * x
    return np.stack([across, np.cos(tilt) * up + np.sin(tilt) * away], axis=-1)


def _flat(keypoints: Array) -> tuple[Array, Array]:
    """(t, 17, 2) picture x right, y up of keypoints, and their (t, 17) opacity."""
    sure = keypoints[..., 2] if keypoints.shape[-1] == 3 else np.ones(keypoints.shape[:2])
    return _centred(keypoints[..., :2]) * [1, -1], np.clip(np.nan_to_num(sure), 0.2, 1.0)


def _centred(points: Array) -> Array:
    """Points of each frame around their own mean; NaN where a joint is not finite."""
    known = np.isfinite(points).all(axis=-1, keepdims=True)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, points, 0).sum(axis=1, keepdims=True) / count
    return np.where(known, points - mean, np.nan)


def _draw_row(
    figure: Any, row: tuple[int, int], points: Array, sure: Array, labels: NDArray[np.int_]
) -> None:
    """Draw people beside one another in one pair of axes, so that all have one scale."""
    axes = figure.add_subplot(row[1], 1, row[0] + 1)
    known = points[np.isfinite(points).all(axis=-1)]
    low, high = known.min(axis=0), known.max(axis=0)
    margin = 0.05 * max(float((high - low).max()), 1e-6)
    width, height = high - low + 2 * margin
    pitch = max(width, height * _WIDTH / _ROW_HEIGHT / len(labels))
    centre = (low[0] + high[0]) / 2
    for column in range(len(labels)):
        _draw(axes, points[column] + [column * pitch, 0], sure[column])
    axes.set(xlim=(centre - pitch / 2, centre + (len(labels) - 0.5) * pitch), aspect="equal")
    axes.set(ylim=(low[1] - margin, high[1] + margin), yticks=[])
    axes.set_xticks(centre + pitch * np.arange(len(labels)), [f"frame {n}" for n in labels])
    axes.tick_params(length=0, labelsize=14)
    axes.set_ylabel("3-D, turned by 15\u00b0" if row[0] == row[1] - 1 else "2-D keypoints", size=14)


def _draw_panel(
    figure: Any, place: tuple[int, int], points: Array, sure: Array, people: Array
) -> None:
    """Draw one person in axes of their own, with the limits that all of `people` need."""
    axes = figure.add_subplot(1, place[1], place[0], aspect="equal", xticks=[], yticks=[])
    known = people[np.isfinite(people).all(axis=-1)]
    if len(known):
        low, high = known.min(axis=0), known.max(axis=0)
        reach = 0.55 * max(float((high - low).max()), 1e-6)
        for limit, middle in zip((axes.set_xlim, axes.set_ylim), (low + high) / 2, strict=True):
            limit(middle - reach, middle + reach)
    _draw(axes, points, sure)


def _draw(axes: Any, points: Array, sure: Array) -> None:
    for joint, parent in enumerate(PARENTS):
        alpha = float(sure[joint])
        if parent >= 0:
            ends = points[[parent, joint]].T
            axes.plot(*ends, color=_COLOURS[joint], linewidth=3.5, alpha=alpha)
        axes.plot(*points[joint], "o", color=_COLOURS[joint], markersize=5, alpha=alpha)
