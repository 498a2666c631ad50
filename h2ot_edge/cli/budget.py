"""`h2ot export --budget-ms`: the point of the token-budget curve that is best in that time."""

import argparse
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2ot_edge._bars import named_progress
from h2ot_edge.backends import BACKENDS, checked_device, device_of
from h2ot_edge.cli.bench_options import WALK
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.benchmarks.bench.subject import Running
    from h2ot_edge.benchmarks.sweep.budget import Choice
    from h2ot_edge.export import ExportOptions

__all__ = ["Budgeted", "add_budget", "budgeted", "check_budget"]

_WITH_BUDGET = ("curve", "backend", "device", "threads")
_WITHOUT_BUDGET = {
    "preset": "it chooses the tokens",
    "prune": "it chooses the tokens",
    "keep": "it chooses the tokens",
    "recover": "it chooses the tokens",
    "with_kept": "models are measured without that output",
    "random_weights": "it weighs accuracy",
}
_NAMES = {"slower": "better", "faster": "faster", "unpruned": "to compare"}


@dataclass(frozen=True, kw_only=True)
class Budgeted:
    """What was chosen.

    Attributes:
        options: what to export.
        choice: the point, and those beside it.
        way: backend, device and threads that ran it.
        noisy: why the times are not quite to be believed.
    """

    options: "ExportOptions"
    choice: "Choice"
    way: str
    noisy: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**self.choice.to_dict(), "way": self.way, "noisy": list(self.noisy)}

    def rows(self) -> Iterator[tuple[str, str]]:
        """In lines."""
        choice = self.choice
        yield (
            "budget",
            f"{choice.budget_ms:g} ms for the median of one window, host array in to host array "
            f"out, {self.way}",
        )
        yield "chosen", f"{choice.point.words}: {choice.point.figures}"
        shown = [choice.point]
        for name in ("slower", "faster", "unpruned"):
            point = getattr(choice, name)
            if point is not None and point not in shown:
                shown.append(point)
                yield _NAMES[name], f"{point.words}: {point.figures}"
        for reason in self.noisy:
            yield "noisy", reason


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add what `check_budget` and `budgeted` read."""
    group = parser.add_argument_group("budget, instead of naming tokens")
    group.add_argument(
        "--budget-ms", type=float, metavar="MS",
        help="the most accurate way to prune whose median for one window is at most this, on this "
        "machine",
    )  # fmt: skip
    group.add_argument(
        "--curve", type=Path, metavar="RESULT.json",
        help="of h2ot-bench sweep on this machine (default: a few points are timed; their "
        "accuracies are known for motionbert s, and else drift from the unpruned network)",
    )  # fmt: skip
    group.add_argument("--backend", help=f"to be measured with: auto, {', '.join(BACKENDS)}")
    group.add_argument("-d", "--device", help="to be measured on: auto, cpu, cuda or cuda:N")
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all)")


def check_budget(args: argparse.Namespace) -> None:
    """Raise for options that do not belong together.

    Raises:
        UsageError: they do not, or the budget is no time.
    """
    if args.budget_ms is None:
        for name in _WITH_BUDGET:
            if vars(args)[name] is not None:
                raise UsageError(
                    f"--{name}: is for --budget-ms, which is not given; leave it out, or add that"
                )
        return
    if not 0 < args.budget_ms < math.inf:
        raise UsageError(f"--budget-ms: expected a finite number above 0, got {args.budget_ms:g}")
    for name, why in _WITHOUT_BUDGET.items():
        if vars(args)[name] not in (None, False):
            option = name.replace("_", "-")
            raise UsageError(f"--budget-ms and --{option} exclude each other: {why}")
    if args.batch != "1":
        raise UsageError(
            f"--budget-ms and --batch {args.batch} exclude each other: it is the time of a call "
            "with one window"
        )
    if args.precision != "fp32":
        raise UsageError(
            f"--budget-ms and --precision {args.precision} exclude each other: float32 models are "
            "measured; lower the one that is chosen with h2ot-build"
        )


def budgeted(args: argparse.Namespace, options: "ExportOptions", *, shown: bool) -> Budgeted:
    """Choose, and measure what there is to choose from unless a curve is given.

    Args:
        args: as `check_budget` lets them through.
        options: of the export, whatever its tokens.
        shown: whether progress is.

    Raises:
        UsageError: no weights, or the curve is of something else.
        CheckFailed: nothing meets the budget.
    """
    from h2ot_edge.benchmarks.bench.subject import Running
    from h2ot_edge.benchmarks.sweep.budget import choose, plan_of, points_of, way_of
    from h2ot_edge.benchmarks.sweep.plans import unpruned

    base = unpruned(options)
    if base.checkpoint is None and base.shipped is None:
        raise UsageError(
            f"--budget-ms weighs accuracy, and no weights of {base.backbone} {base.variant} with "
            f"{base.plan.frames} frames ship; give --checkpoint"
        )
    running = Running(
        backend=args.backend or "auto",
        device=checked_device(args.device or "auto", auto="auto"),
        threads=args.threads,
    )
    document = _curve(args.curve, base, running) if args.curve else _swept(base, running, shown)
    choice = choose(points_of(document), args.budget_ms)
    return Budgeted(
        options=replace(options, plan=plan_of(choice.point, base.plan)),
        choice=choice,
        way=way_of(document),
        noisy=tuple(document["noise"]["reasons"]),
    )


def _curve(path: Path, base: "ExportOptions", running: "Running") -> dict[str, Any]:
    """A curve that was measured before."""
    from h2ot_edge.benchmarks.bench.provenance import machine_of
    from h2ot_edge.benchmarks.bench.results import read_result
    from h2ot_edge.benchmarks.sweep.budget import check_curve

    document = read_result(path)
    devices = sorted({row["device"] for row in document["rows"]})
    check_curve(document, path, base, running, machine_of(devices[-1] if devices else "cpu"))
    return document


def _swept(base: "ExportOptions", running: "Running", shown: bool) -> dict[str, Any]:
    """A short sweep, of which nothing stays."""
    from h2ot_edge.benchmarks.bench.provenance import machine_of
    from h2ot_edge.benchmarks.bench.results import Result
    from h2ot_edge.benchmarks.sweep.known_accuracies import known_accuracies
    from h2ot_edge.benchmarks.sweep.plans import SweepOptions, usual_keeps
    from h2ot_edge.benchmarks.sweep.run import Sweep
    from h2ot_edge.clips import read_clip

    options = SweepOptions(
        base=base, prune=("tps",), keep=usual_keeps(base), running=running, seconds=1.0
    )
    backend = "onnxruntime" if running.backend == "auto" else running.backend
    with tempfile.TemporaryDirectory() as folder:
        result = Result.open(
            Path(folder) / "result.json",
            command=[],
            settings=options.to_settings(),
            machine=machine_of(device_of(backend, running.device)),
        )
        with named_progress("step", shown=shown) as progress:
            Sweep(options, read_clip(WALK), result, known_accuracies(base)).run(progress)
        return result.document
