"""`h2ot infer`: lift the keypoints of a clip to poses."""

import argparse
import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge._bars import progress_bar
from h2ot_edge._files import make_folder_of
from h2ot_edge._names import require
from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.cli.running import add_running, load_engine
from h2ot_edge.clips import Clip, read_clip
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.joint_angles import ANGLES, check_angles_path, write_angles
from h2ot_edge.layouts import LAYOUTS, check_orientation
from h2ot_edge.missing import POLICIES, Gaps
from h2ot_edge.pose_files import check_fits, check_poses_path, write_poses
from h2ot_edge.pose_files.formats import FORMATS as FILES
from h2ot_edge.poses import Poses
from h2ot_edge.readers import FORMATS
from h2ot_edge.spec import FloatArray
from h2ot_edge.viewer import check_page_path, write_page

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
        help="size of the image in pixels; goes before what the clip says",
    )
    group.add_argument(
        "--clip", dest="index", type=int, metavar="N", help="which clip of an .npz with several"
    )
    group.add_argument("--format", default="auto", help=f"auto, {', '.join(FORMATS)}")
    group.add_argument("--layout", default="auto", help=f"auto, {', '.join(LAYOUTS)}")
    group.add_argument("--person", metavar="ID", help="whom to lift (default: the strongest track)")
    group.add_argument("--fps", type=float, metavar="HZ", help="goes before what the clip says")
    group.add_argument(
        "--on-missing",
        default="interpolate",
        metavar="NAME",
        help=f"what becomes of missing joints and frames: {', '.join(POLICIES)} "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--max-gap-s",
        type=float,
        metavar="S",
        help="what is farther from an observation is not valid; needs the frame rate "
        "(half a second where that is known)",
    )
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o",
        "--output",
        required=True,
        action="append",
        metavar="POSES.npz",
        help=f"where to, by the end of the name: {', '.join(FILES)}; may be given several times",
    )
    group.add_argument(
        "--angles", metavar="FILE.csv", help="write the angles of knees, hips, elbows, ... as well"
    )
    group.add_argument("--plot", metavar="FILE.png", help="draw the poses as well")
    group.add_argument(
        "--html", metavar="FILE.html", help="write a page as well in which a browser shows them"
    )
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    """Lift, write, draw, report."""
    outputs = [check_poses_path(path) for path in args.output]
    _check_apart([path for path in (*args.output, args.angles, args.plot, args.html) if path])
    angles = check_angles_path(args.angles) if args.angles else None
    page = check_page_path(args.html) if args.html else None
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
        allow_missing=args.on_missing != "raise",
    )
    _check_somebody(args.clip, clip)
    for finding in check_orientation(clip.keypoints, clip.image_size):
        _logger.warning("%s: %s", args.clip, finding)
    with load_engine(args.model, args) as engine:
        for output in outputs:  # now, not after the work is done
            check_fits(output, unit=engine.card.output.unit, fps=clip.fps)
        _make_folders([path for path in (*outputs, angles, page) if path], args.plot)
        lifted = _timed(engine, clip, args)
        # First those that hold everything: one for motion capture may refuse these poses.
        for output in sorted(outputs, key=lambda path: FILES[path.suffix.lower()].motion):
            write_poses(output, lifted.poses, engine.card)
        if angles:
            write_angles(angles, lifted.poses)
        if args.plot:
            _plot(args.plot, lifted.poses.positions, clip, engine)
        if page:
            write_page(page, lifted.poses, title=f"{Path(args.clip).name}, {_title(engine)}")
        report = _report(engine, lifted, args)
    write_json(report) if args.json else write_rows(_rows(engine, report))
    return 0


def _check_apart(paths: Sequence[str]) -> None:
    """Raise if two results would have one name."""
    seen: set[Path] = set()
    for path in paths:
        if Path(path).resolve() in seen:
            raise UsageError(f"{path}: two results would have this name; give each its own")
        seen.add(Path(path).resolve())


def _check_somebody(path: str, clip: Clip) -> None:
    """Raise if there is nothing to go by in the whole clip."""
    seen = np.isfinite(clip.keypoints).all(axis=-1)
    if clip.keypoints.shape[-1] == 3:
        seen &= clip.keypoints[..., 2] != 0
    if not seen.any():
        frames = len(clip.keypoints)
        raise InputError(
            f"{path}: nobody is in view in any of its {frames} frames; see what the detector "
            "wrote, or name somebody else with --person"
        )


def _make_folders(outputs: Sequence[Path], plot: str | None) -> None:
    """Make where the results go, before the work is done."""
    for output in outputs:
        make_folder_of(output)
    if plot is None:
        return
    if Path(plot).is_dir():
        raise UsageError(f"--plot {plot}: expected the name of a file, this is a folder")
    make_folder_of(Path(plot))


@dataclass(frozen=True)
class _Lifted:
    poses: Poses
    windows: int
    seconds: float


def _timed(engine: Engine, clip: Clip, args: argparse.Namespace) -> _Lifted:
    windows = 0

    def count(done: int, total: int) -> None:
        nonlocal windows
        windows = total  # of the frames at the training's rate; the engine alone knows how many
        if bar is not None:
            bar(done, total)

    with progress_bar("window", shown=not (args.json or args.quiet)) as bar:
        start = time.perf_counter()
        poses = engine.infer(
            clip.keypoints,
            image_size=clip.image_size,
            fps=clip.fps,
            on_missing=args.on_missing,
            max_gap_s=args.max_gap_s,
            progress=count,
        )
        return _Lifted(poses, windows, time.perf_counter() - start)


def _plot(path: str, poses: FloatArray, clip: Clip, engine: Engine) -> None:
    from h2ot_edge.plot import plot_sequence  # brings matplotlib

    plot_sequence(poses, path, keypoints=clip.keypoints, title=_title(engine))


def _title(engine: Engine) -> str:
    random = engine.card.weights.get("source") == "random"
    meaning = ", random weights: the poses mean nothing" if random else ""
    return f"{engine.card.backbone} {engine.card.variant}{meaning}"


def _report(engine: Engine, lifted: _Lifted, args: argparse.Namespace) -> dict[str, Any]:
    convention = engine.card.output
    return {
        "output": args.output[0],
        "outputs": args.output,
        "angles": args.angles,
        "plot": args.plot,
        "html": args.html,
        "frames": len(lifted.poses),
        "gaps": _gaps(lifted.poses, args.on_missing),
        "windows": lifted.windows,
        "overlap": engine.overlap,
        "ms_per_window": round(lifted.seconds / lifted.windows * 1e3, 3),
        "backend": engine.backend,
        "device": engine.device,
        "unit": convention.unit,
        "frame_of_reference": convention.frame_of_reference,
        "axes": list(convention.axes),
        "weights": engine.card.weights.get("source"),
    }


def _gaps(poses: Poses, on_missing: str) -> dict[str, Any]:
    """How much was missing, and what became of it; what was filled in has confidence 0."""
    gaps = Gaps.of(poses.confidence != 0, poses.valid)
    return {"on_missing": on_missing, **dataclasses.asdict(gaps)}


def _gaps_in_words(gaps: Mapping[str, Any]) -> str:
    if not gaps["missing"]:
        return "none, every joint was seen"
    frames = gaps["empty_frames"]
    return (
        f"{gaps['missing']} of {gaps['joints']} joints were missing, "
        f"{frames} frame{'' if frames == 1 else 's'} as a whole; filled in by "
        f"{gaps['on_missing']}, {gaps['invalid'] or 'none'} of them not valid"
    )


def _rows(engine: Engine, report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    card = engine.card
    windows = "1 window" if report["windows"] == 1 else f"{report['windows']} windows"
    for output in report["outputs"]:
        yield "poses", f"{output} ({report['frames']} frames, {len(card.joints)} joints)"
    if report["angles"]:
        yield "angles", f"{report['angles']} ({len(ANGLES)} angles)"
    if report["plot"]:
        yield "plot", str(Path(report["plot"]))
    if report["html"]:
        yield "page", str(Path(report["html"]))
    yield "gaps", _gaps_in_words(report["gaps"])
    yield "model", f"{card.backbone} {card.variant}, {card.frames} frames, {card.mode}"
    on = f"{report['backend']} on {report['device']}"
    yield "time", f"{windows}, {report['ms_per_window']:.1f} ms a window, {on}"
    yield "unit", report["unit"]
    yield "frame", f"{report['frame_of_reference']}; {', '.join(report['axes'])}"
