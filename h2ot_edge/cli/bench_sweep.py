"""`h2ot bench sweep`: what each way to prune saves in time, and what it costs in accuracy."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2ot_edge._bars import named_progress
from h2ot_edge.backends import BACKENDS
from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.clips import read_clip
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.benchmarks.bench.results import Result
    from h2ot_edge.benchmarks.sweep_plans import SweepOptions
    from h2ot_edge.export import ExportOptions

__all__ = ["SUMMARY", "add_arguments", "curve_rows", "run"]

SUMMARY = "export a backbone with every way to prune, and measure latency, FLOPs and accuracy"

RESULT = "result.json"
_SAMPLE = Path(__file__).parents[1] / "data" / "walk.npz"


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
    group.add_argument("--backend", default="auto", help=f"auto, {', '.join(BACKENDS)}")
    group.add_argument("-d", "--device", default="auto", help="cpu, cuda or cuda:N")
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all)")
    group.add_argument("--seconds", type=float, default=2.0, metavar="S", help="of each point")
    group.add_argument("--clips", metavar="FILE", help="keypoints to run on (default: a walk)")
    group.add_argument(
        "--data", nargs="+", type=Path, default=[], metavar="FILE",
        help="with the truth, for MPJPE, as for h2ot-eval; without it, drift from the unpruned "
        "network is measured",
    )  # fmt: skip
    group.add_argument("--protocol", default="cmu", metavar="NAME", help="of --data")
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out", type=Path, default=Path("sweep"), metavar="DIR",
        help=f"folder for {RESULT}, which grows as points are measured, the models and report.html",
    )  # fmt: skip
    group.add_argument(
        "--resume", action="store_true", help="keep what is there, and do what is missing"
    )
    group.add_argument("--no-report", action="store_true", help="write no page")


def run(args: argparse.Namespace) -> int:
    """Export, measure, write down, show."""
    options = _options(args)  # says what is missing without torch
    from h2ot_edge.benchmarks.sweep import Sweep

    clip = read_clip(args.clips or _SAMPLE)
    result = _result(args, options)
    with named_progress("step", shown=not (args.json or args.quiet)) as progress:
        Sweep(options, clip, result).run(progress)
    pages = [] if args.no_report else _report(args.out, result.document)
    if args.json:
        write_json({**result.document, "files": [str(result.path), *pages]})
        return 0
    write_rows(curve_rows(result.document))
    sys.stdout.write("\n")
    write_rows([("result", str(result.path)), *(("report", page) for page in pages)])
    return 0


def curve_rows(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A line for each point, and what to know of them."""
    from h2ot_edge.benchmarks.budget import points_of

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
    from h2ot_edge.benchmarks.sweep_plans import SweepOptions, parse_keeps, usual_keeps

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
    from h2ot_edge.benchmarks.bench.provenance import command_words, machine_of
    from h2ot_edge.benchmarks.bench.results import Result

    if args.out.exists() and not args.out.is_dir():
        raise UsageError(f"--out {args.out}: expected the name of a folder, this is a file")
    clip = None if args.clips is None else Path(args.clips).name
    # Its points are ONNX files.
    backend = "onnxruntime" if args.backend == "auto" else args.backend
    return Result.open(
        args.out / RESULT,
        command=command_words(["h2ot-bench", *sys.argv[1:]]),
        settings={**options.to_settings(), "clips": clip},
        machine=machine_of(device_of(backend, options.running.device)),
        resume=args.resume,
    )


def _report(folder: Path, document: dict[str, Any]) -> list[str]:
    from h2ot_edge.benchmarks.report import write_report

    return [str(path) for path in write_report([document], folder / "report.html", None)]
