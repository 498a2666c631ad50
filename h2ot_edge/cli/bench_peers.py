"""`h2ot bench peers`: the same windows through PyTorch, ONNX Runtime, OpenVINO, and ours."""

import argparse
import logging
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2ot_edge._bars import NamedProgress, named_progress
from h2ot_edge._names import require
from h2ot_edge.cli.bench_options import add_output, check_folder, opened_result, show
from h2ot_edge.cli.output import write_rows
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.benchmarks.bench.results import Result
    from h2ot_edge.export import ExportOptions

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = (
    "time a network in PyTorch (eager, compiled), exported plainly, in OpenVINO, and as this "
    "project exports it, in one run"
)

RESULT = "peers.json"
_STAGES = 4

_logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    group = parser.add_argument_group("network")
    group.add_argument("--model", metavar="NAME", help="one that ships, with its pruning")
    group.add_argument("--backbone", metavar="NAME", help="instead of --model: motionbert")
    group.add_argument("--variant", metavar="NAME", help="s (default), lite, full")
    group.add_argument(
        "--frames", type=int, metavar="N", help="window (default: as the variant was published)"
    )
    group.add_argument("--preset", metavar="NAME", help="how it is pruned: h2ot (default) or hot")
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--threads", type=int, nargs="+", metavar="N",
        help="of every contender, each number a run of its own (default: 1, and all)",
    )  # fmt: skip
    group.add_argument(
        "--seconds", type=float, default=5.0, metavar="S", help="of each contender and number"
    )
    group.add_argument(
        "-d", "--device", default="cpu",
        help="cpu (default), cuda or cuda:N, which has not yet been run on a GPU",
    )  # fmt: skip
    add_output(parser.add_argument_group("output"), "bench", f"{RESULT} and peers.html")


def run(args: argparse.Namespace) -> int:
    """Build, check, time, write down, show."""
    _check(args)
    require("torch", "export")
    from h2ot_edge.backends import checked_device
    from h2ot_edge.benchmarks.peers.networks import build_networks
    from h2ot_edge.benchmarks.peers.suite import Peers

    options, device = _options(args), checked_device(args.device, auto="cpu")
    threads = _threads(args, device)
    result = _result(args, options, device, threads)
    shown = not (args.json or args.quiet)
    with tempfile.TemporaryDirectory() as folder, named_progress("step", shown=shown) as progress:
        networks = build_networks(options, Path(folder), _stages(progress))
        peers = Peers(networks, result, threads=threads, seconds=args.seconds, device=device)
        peers.run(progress)
    show(args, result, "peers.html", partial(_tell, threads))
    return 0


def _check(args: argparse.Namespace) -> None:
    if (args.model is None) == (args.backbone is None):
        raise UsageError("expected --model NAME or --backbone NAME, and not both")
    for option in ("variant", "frames", "preset"):
        if args.model is not None and getattr(args, option) is not None:
            raise UsageError(f"--{option}: --model says that already; give --backbone instead")
    if not 0 < args.seconds < math.inf:
        raise UsageError(f"--seconds: expected a finite number above 0, got {args.seconds:g}")
    if min(args.threads or [1]) < 1:
        raise UsageError(f"--threads: expected at least 1, got {min(args.threads)}")
    check_folder(args)


def _options(args: argparse.Namespace) -> "ExportOptions":
    """The pruned network."""
    from h2ot_edge import zoo
    from h2ot_edge._names import look_up
    from h2ot_edge.export import BACKBONES, ExportOptions, choose_plan
    from h2ot_edge.export.options import options_of_card

    if args.model is not None:
        return options_of_card(look_up("model", args.model, zoo.models()).card)
    family = look_up("backbone", args.backbone, BACKBONES)
    variant = args.variant or family.default_variant
    size = look_up(f"variant of {args.backbone}", variant, family.variants)
    frames = size.frames if args.frames is None else args.frames
    plan = choose_plan(family.for_variant(variant), frames, preset=args.preset or "h2ot")
    return ExportOptions(backbone=args.backbone, variant=variant, plan=plan)


def _threads(args: argparse.Namespace, device: str) -> list[int | None]:
    if device == "cpu":
        return list(args.threads or sorted({1, len(os.sched_getaffinity(0))}))
    if args.threads:
        raise UsageError(f"--threads: on {device} there are none to choose; leave it out")
    return [None]


def _result(
    args: argparse.Namespace, options: "ExportOptions", device: str, threads: list[int | None]
) -> "Result":
    from h2ot_edge.benchmarks.peers.contenders import THREADS_SET_BY

    settings = {
        "suite": "peers",
        "backbone": options.backbone,
        "variant": options.variant,
        "frames": options.plan.frames,
        "preset": options.preset,
        "device": device,
        "threads": threads,
        "threads_set_by": THREADS_SET_BY,
        "seconds": args.seconds,
    }
    return opened_result(args, RESULT, settings, device)


def _stages(progress: NamedProgress) -> Any:
    done = iter(range(_STAGES))
    return lambda doing: progress(doing, next(done), _STAGES)


def _tell(threads: list[int | None], document: Mapping[str, Any]) -> None:
    from h2ot_edge.benchmarks.peers.ratios import between_runtimes, table_of

    for number in threads:
        told = f", threads: {number}" if number else ""
        sys.stdout.write(f"{document['machine']['name']}{told}\n\n{table_of(document, number)}\n")
    rows = [*between_runtimes(document), *_noted(document)]
    write_rows([*rows, ("times", "of which the median and the range over five blocks are given")])


def _noted(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for reason in document["noise"]["reasons"]:
        yield "noisy", reason
    references = {row["figures"].get("reference") for row in document["rows"]}
    for reference in sorted(name for name in references if name and "unpruned" in name):
        yield (
            "drift",
            f"in mm on average, from the same network in PyTorch; 'unpruned': from {reference}",
        )
    for name, model in document["models"].items():
        for what in model["unknown"]:
            yield name, what
