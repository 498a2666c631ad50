"""The picture of docs/coordinates.md: `python -m h2ot_edge.benchmarks.studies.coordinates_picture`.

The sample walk in the three frames of reference, from its own keypoints: lifted by the default
model, placed, and set on the floor.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.camera import Camera
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.plot import LEFT, MIDDLE, RIGHT, new_figure, save_png
from h2ot_edge.poses import Poses
from h2ot_edge.sample import sample_clip
from h2ot_edge.skeleton import JOINTS, PARENTS

__all__ = ["draw", "lifted_walk", "main"]

Array = NDArray[np.float64]

_COLOURS = [{"r": RIGHT, "l": LEFT}.get(name[0], MIDDLE) for name in JOINTS]
_AXES = ("#8C2D04", "#238B45", "#6A51A3")
_TO_PLOT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Rows of the camera's axes in matplotlib's, whose z is up: right, down and away."""
_SHOWN = (20, 120, 220)


def lifted_walk() -> Poses:
    """The sample walk, lifted by the default model and seen from the camera."""
    clip, focal = sample_clip(), Camera().focal_px
    with Engine.load("motionbert-s") as engine:
        positions = engine.infer(clip.keypoints, image_size=clip.image_size, on_missing=None)
    poses = Poses(positions=np.asarray(positions), fps=clip.fps, confidence=clip.keypoints[..., 2])
    return poses.to_camera(clip.keypoints, focal_px=focal, image_size=clip.image_size)


def draw(camera: Poses, path: Path) -> Path:
    """Draw the three frames of reference side by side.

    Args:
        camera: poses of a clip of more than 220 frames, in the camera's frame.
        path: of the PNG.
    """
    about = np.asarray(camera, np.float64) - camera["hip"][:, None]
    world = np.asarray(camera.to_world(_up()), np.float64)
    figure = new_figure(16.0, 5.6, dpi=80)
    root = _panel(figure, 1, "'root': from the hip")
    _person(root, about[_SHOWN[1]] @ _TO_PLOT)
    _triad(root, np.zeros(3), _TO_PLOT, 0.5, ("x", "y", "z"))
    _limits(root, about[_SHOWN[1]] @ _TO_PLOT)
    seen = _panel(figure, 2, "'camera': from the camera")
    places = np.asarray(camera, np.float64) @ _TO_PLOT
    _people(seen, places)
    _triad(seen, np.zeros(3), _TO_PLOT, 1.2, ("x right", "y down", "z away"))
    _limits(seen, np.concatenate([places.reshape(-1, 3), np.zeros((1, 3))]))
    floor = _panel(figure, 3, "'world': from the floor below the camera")
    _people(floor, world)
    _triad(floor, np.zeros(3), np.eye(3), 0.8, ("x right", "y ahead", "z up"))
    height = float(-np.median(np.asarray(camera, np.float64) @ _up() - world[..., 2]))
    floor.plot([0], [0], [height], "s", color="black")
    floor.text(0.2, 0, height + 0.1, "camera", fontsize=12)
    _ground(floor, world)
    _limits(floor, np.concatenate([world.reshape(-1, 3), np.zeros((1, 3))]))
    return save_png(figure, path)


def _up() -> Array:
    """Up in the frame of the sample's camera, which looks down a little."""
    below, above = Camera().to_camera(np.array([[0.0, 0, 0], [0, 0, 1]]))
    up: Array = above - below
    return up


def _panel(figure: Any, number: int, title: str) -> Any:
    axes = figure.add_subplot(1, 3, number, projection="3d", proj_type="persp")
    axes.view_init(elev=18, azim=-62)
    figure.text((number - 0.5) / 3, 0.94, title, fontsize=14, ha="center")
    axes.tick_params(labelsize=8)
    return axes


def _people(axes: Any, places: Array) -> None:
    for number in _SHOWN:
        _person(axes, places[number])
    axes.plot(*places[:, 0].T, color="#999999", linewidth=1.2)


def _person(axes: Any, points: Array) -> None:
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            axes.plot(*points[[parent, joint]].T, color=_COLOURS[joint], linewidth=2.2)


def _triad(
    axes: Any, origin: Array, directions: Array, length: float, names: Sequence[str]
) -> None:
    for direction, colour, name in zip(directions, _AXES, names, strict=True):
        tip = origin + length * direction
        axes.quiver(*origin, *(tip - origin), color=colour, linewidth=2.4, arrow_length_ratio=0.2)
        axes.text(*(origin + 1.25 * length * direction), name, color=colour, fontsize=12)


def _ground(axes: Any, world: Array) -> None:
    low, high = world.min(axis=(0, 1)), world.max(axis=(0, 1))
    x, y = np.meshgrid([min(low[0], 0), high[0]], [min(low[1], 0), high[1]])
    axes.plot_surface(x, y, 0 * x, color="#BBBBBB", alpha=0.35)


def _limits(axes: Any, points: Array) -> None:
    low, high = points.min(axis=0) - 0.2, points.max(axis=0) + 0.2
    for name, ends in zip("xyz", zip(low, high, strict=True), strict=True):
        getattr(axes, f"set_{name}lim")(*ends)
    axes.set_box_aspect(high - low, zoom=0.95 if high[0] - low[0] < 2 else 1.25)
    axes.set(xticks=_ticks(low[0], high[0]), yticks=_ticks(low[1], high[1]))
    axes.set_zticks(_ticks(low[2], high[2]))
    axes.set(xticklabels=[], yticklabels=[], zticklabels=[])


def _ticks(low: float, high: float) -> Array:
    """Every metre."""
    return np.arange(np.ceil(low), high)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, lift, draw; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("docs/coordinates.png"), metavar="OUT.png"
    )
    args = parser.parse_args(argv)
    try:
        draw(lifted_walk(), args.out)
    except H2OTError as error:
        sys.stderr.write(f"coordinates-picture: error: {error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
