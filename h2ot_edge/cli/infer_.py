"""`h2ot infer`: lift the keypoints of a clip to poses."""

import argparse
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from h2ot_edge._bars import progress_bar
from h2ot_edge._files import make_folder_of
from h2ot_edge._names import require
from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.cli.running import add_running, load_engine
from h2ot_edge.clips import Clip, check_poses_path, read_clip, write_poses
from h2ot_edge.engine import Engine
from h2ot_edge.errors import UsageError
from h2ot_edge.layouts import LAYOUTS, check_orientation
from h2ot_edge.missing import POLICIES
from h2ot_edge.readers import FORMATS
from h2ot_edge.spec import FloatArray

__all__ = ["SUMMARY", "add_arguments", "run"]

_logger = logging.getLogger(__name__)

SUMMARY = "lift the 2-D keypoints of a clip to 3-D poses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "model", metavar="MODEL", help="an .onnx file, or a name that h2ot-models lists"
    )
    parser.add_argument("clip", metavar="CLIP", help="a file or folder of keypoints; see --format")
    group = parser.add_argument_group("input")
    group.add_argument(
        "--image-size",
        nargs=2,
        type=float,
        metavar=("W", "H"),
        help="size of the image in pixels, if the clip does not say it",
    )
    group.add_argument(
        "--clip", dest="index", type=int, metavar="N", help="which clip of an .npz with several"
    )
    group.add_argument("--format", default="auto", help=f"auto, {', '.join(FORMATS)}")
    group.add_argument("--layout", default="auto", help=f"auto, {', '.join(LAYOUTS)}")
    group.add_argument("--person", metavar="ID", help="whom to lift (default: the strongest track)")
    group.add_argument("--fps", type=float, metavar="HZ", help="if the clip does not say it")
    group.add_argument(
        "--on-missing", metavar="NAME",
        help=f"what to do about missing joints and frames: {', '.join(POLICIES)} "
        "(default: joints are taken as they are, missing frames are refused)",
    )  # fmt: skip
    group.add_argument(
        "--max-gap-s", type=float, metavar="S", help="with --on-missing: longer gaps are not valid"
    )
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", required=True, metavar="POSES.npz", help="where to")
    group.add_argument("--plot", metavar="FILE.png", help="draw the poses as well")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    """Lift, write, draw, report."""
    output = check_poses_path(args.output)
    if args.plot:
        require("matplotlib", "viz")  # now, not after the work is done
    clip = read_clip(
        args.clip,
        index=args.index,
        format=args.format,
        layout=args.layout,
        person=args.person,
        fps=args.fps,
        image_size=tuple(args.image_size) if args.image_size else None,
        allow_missing=args.on_missing not in (None, "raise"),
    )
    for finding in check_orientation(clip.keypoints, clip.image_size):
        _logger.warning("%s: %s", args.clip, finding)
    with load_engine(args.model, args) as engine:
        _make_folders(output, args.plot)
        poses, seconds = _timed(engine, clip, args)
        write_poses(output, poses, engine.card, clip)
        if args.plot:
            _plot(args.plot, poses, clip, engine)
        report = _report(engine, len(poses), seconds, args)
    write_json(report) if args.json else write_rows(_rows(engine, report))
    return 0


def _make_folders(output: Path, plot: str | None) -> None:
    """Make where the results go, before the work is done."""
    make_folder_of(output)
    if plot is None:
        return
    if Path(plot).is_dir():
        raise UsageError(f"--plot {plot}: expected the name of a file, this is a folder")
    make_folder_of(Path(plot))


def _timed(engine: Engine, clip: Clip, args: argparse.Namespace) -> tuple[FloatArray, float]:
    with progress_bar("window", shown=not (args.json or args.quiet)) as progress:
        start = time.perf_counter()
        poses = engine.infer(
            clip.keypoints,
            image_size=clip.image_size,
            fps=clip.fps,
            on_missing=args.on_missing,
            max_gap_s=args.max_gap_s,
            progress=progress,
        )
        return poses.positions, time.perf_counter() - start


def _plot(path: str, poses: FloatArray, clip: Clip, engine: Engine) -> None:
    from h2ot_edge.plot import plot_sequence  # brings matplotlib

    random = engine.card.weights.get("source") == "random"
    meaning = ", random weights: the poses mean nothing" if random else ""
    title = f"{engine.card.backbone} {engine.card.variant}{meaning}"
    plot_sequence(poses, path, keypoints=clip.keypoints, title=title)


def _report(
    engine: Engine, frames: int, seconds: float, args: argparse.Namespace
) -> dict[str, Any]:
    windows = engine.count_windows(frames)
    convention = engine.card.output
    return {
        "output": args.output,
        "plot": args.plot,
        "frames": frames,
        "windows": windows,
        "overlap": engine.overlap,
        "ms_per_window": round(seconds / windows * 1e3, 3),
        "backend": engine.backend,
        "device": engine.device,
        "unit": convention.unit,
        "frame_of_reference": convention.frame_of_reference,
        "axes": list(convention.axes),
        "weights": engine.card.weights.get("source"),
    }


def _rows(engine: Engine, report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    card = engine.card
    windows = "1 window" if report["windows"] == 1 else f"{report['windows']} windows"
    yield "poses", f"{report['output']} ({report['frames']} frames, {len(card.joints)} joints)"
    if report["plot"]:
        yield "plot", str(Path(report["plot"]))
    yield "model", f"{card.backbone} {card.variant}, {card.frames} frames, {card.mode}"
    on = f"{report['backend']} on {report['device']}"
    yield "time", f"{windows}, {report['ms_per_window']:.1f} ms a window, {on}"
    yield "unit", report["unit"]
    yield "frame", f"{report['frame_of_reference']}; {', '.join(report['axes'])}"
