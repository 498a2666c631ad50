"""`h2ot bench sweep`: what each way to prune saves in time, and what it costs in accuracy."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2ot_edge._bars import named_progress
from h2ot_edge.cli.bench_options import (
    WALK,
    add_clips,
    add_output,
    add_running,
    opened_result,
    show,
)
from h2ot_edge.cli.output import write_rows
from h2ot_edge.clips import read_clip

if TYPE_CHECKING:
    from h2ot_edge.benchmarks.bench.results import Result
    from h2ot_edge.benchmarks.sweep.plans import SweepOptions
    from h2ot_edge.export import ExportOptions

__all__ = ["SUMMARY", "add_arguments", "curve_rows", "run"]

SUMMARY = "export a backbone with every way to prune, and measure latency, FLOPs and accuracy"

RESULT = "result.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--backbone", required=True, metavar="NAME",
        help="motionbert, mixste, mhformer or motionagformer",
    )  # fmt: skip
    group.add_argument("--variant", metavar="NAME", help="as for h2ot-export")
    group.add_argument("--frames", type=int, metavar="N", help="as for h2ot-export")
    group.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="weights of every point that they fit; without them, those that ship",
    )  # fmt: skip
    group = parser.add_argument_group("points; every combination is one, with the unpruned network")
    group.add_argument("--prune", default="tps", metavar="A,B,...", help="tpc, tpa, tpmo, tps")
    group.add_argument(
        "--keep", metavar="BLOCK:K[+BLOCK:K...],...",
        help="schedules with commas between them, their steps with +: 1:27,1:9 are two points, "
        "0:27+1:9 is one (default: a half to a ninth of the window, and a few more)",
    )  # fmt: skip
    group.add_argument(
        "--recover", metavar="A,B,...", help="tra, tri, nearest (default: tri; seq2frame: none)"
    )
    group = parser.add_argument_group("measuring")
    add_running(group)
    group.add_argument("--seconds", type=float, default=2.0, metavar="S", help="of each point")
    add_clips(group, without="; without it, drift from the unpruned network is measured")
    group = parser.add_argument_group("output")
    files = f"{RESULT}, which grows as points are measured, the models and report.html"
    add_output(group, "sweep", files)


def run(args: argparse.Namespace) -> int:
    """Export, measure, write down, show."""
    options = _options(args)  # says what is missing without torch
    from h2ot_edge.benchmarks.sweep.run import Sweep

    clip = read_clip(args.clips or WALK)
    result = _result(args, options)
    with named_progress("step", shown=not (args.json or args.quiet)) as progress:
        Sweep(options, clip, result).run(progress)
    show(args, result, "report.html", _tell)
    return 0


def _tell(document: Mapping[str, Any]) -> None:
    write_rows(curve_rows(document))
    sys.stdout.write("\n")


def curve_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A line for each point, and what to know of them."""
    from h2ot_edge.benchmarks.sweep.budget import points_of

    yield "machine", document["machine"]["name"]
    words = {}
    for point in points_of(document):
        words[point.model] = point.words
        yield point.words, point.figures
    for reason in document["noise"]["reasons"]:
        yield "noisy", reason
    for name, model in document["models"].items():
        for what in model["unknown"]:
            yield words.get(name, name), what


def _options(args: argparse.Namespace) -> "SweepOptions":
    from h2ot_edge.benchmarks.bench.subject import Running
    from h2ot_edge.benchmarks.sweep.plans import SweepOptions, parse_keeps, usual_keeps

    base = _base(args)
    options = SweepOptions(
        base=base,
        prune=tuple(args.prune.split(",")),
        keep=usual_keeps(base) if args.keep is None else parse_keeps(args.keep),
        recover=() if args.recover is None else tuple(args.recover.split(",")),
        running=Running(backend=args.backend, device=args.device, threads=args.threads),
        seconds=args.seconds,
        data=tuple(args.data),
        protocol=args.protocol,
    )
    options.check()
    return options


def _base(args: argparse.Namespace) -> "ExportOptions":
    """The unpruned network."""
    from h2ot_edge._names import look_up
    from h2ot_edge.export import BACKBONES, ExportOptions, choose_plan

    family = look_up("backbone", args.backbone, BACKBONES)
    variant = args.variant or family.default_variant
    size = look_up(f"variant of {args.backbone}", variant, family.variants)
    frames = size.frames if args.frames is None else args.frames
    plan = choose_plan(family.for_variant(variant), frames, preset="none")
    return ExportOptions(
        backbone=args.backbone, variant=variant, plan=plan, checkpoint=args.checkpoint
    )


def _result(args: argparse.Namespace, options: "SweepOptions") -> "Result":
    """The document, begun or gone on with."""
    from h2ot_edge.backends import device_of
    from h2ot_edge.benchmarks.bench.provenance import named_content

    clip = None if args.clips is None else named_content(Path(args.clips))
    # Its points are ONNX files.
    backend = "onnxruntime" if args.backend == "auto" else args.backend
    settings = {**options.to_settings(), "clips": clip}
    return opened_result(args, RESULT, settings, device_of(backend, options.running.device))
