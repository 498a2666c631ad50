"""Which point of a token-budget curve is the best one in the time that there is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from h2ot_edge.benchmarks.bench.subject import Running
from h2ot_edge.benchmarks.compare.machines import other_hardware
from h2ot_edge.benchmarks.sweep.plans import identity, in_words
from h2ot_edge.errors import CheckFailed, UsageError
from h2ot_edge.export import ExportOptions, TokenPlan, parse_schedule

__all__ = ["Choice", "Point", "check_curve", "choose", "plan_of", "points_of", "way_of"]

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a curve.

    Attributes:
        model: its id in the document.
        prune, keep, recover: its plan, as options have it.
        median_ms, p99_ms: of one window, host array in to host array out.
        gflop: of a window, everything in the graph.
        accuracy_mm: None if it is not known.
        accuracy: `mpjpe` or `drift`.
        retrained: whether its weights are known to have been trained with its plan.
    """

    model: str
    prune: str
    keep: str
    recover: str
    median_ms: float
    p99_ms: float
    gflop: float
    accuracy_mm: float | None
    accuracy: str
    retrained: bool = False

    @property
    def words(self) -> str:
        """Its plan."""
        return in_words(self.prune, self.keep, self.recover)

    @property
    def figures(self) -> str:
        """Its figures, in words."""
        told = " (retrained)" if self.retrained else ""
        return (
            f"{self.median_ms:.2f} ms (p99 {self.p99_ms:.2f}), {self.gflop:.3g} GFLOP, "
            f"{self.worth}{told}"
        )

    @property
    def worth(self) -> str:
        """Its accuracy, in words."""
        name = {"mpjpe": "MPJPE", "drift": "drift"}[self.accuracy]
        return f"{name} {'not known' if self.accuracy_mm is None else f'{self.accuracy_mm:.1f} mm'}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What came of choosing.

    Attributes:
        budget_ms: for the median of one window.
        point: the most accurate that meets it.
        unpruned: what it is compared with; None if the curve has it not.
        slower: the fastest that is more accurate; None if there is none.
        faster: the most accurate that is faster; None if there is none.
    """

    budget_ms: float
    point: Point
    unpruned: Point | None
    slower: Point | None
    faster: Point | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        points = {name: getattr(self, name) for name in ("point", "unpruned", "slower", "faster")}
        return {
            "budget_ms": self.budget_ms,
            **{name: None if point is None else vars(point) for name, point in points.items()},
        }


def points_of(document: Document) -> list[Point]:
    """The curve with its times; points whose times are not valid are not in it."""
    times = {
        row["model"]: row["figures"]
        for row in document["rows"]
        if (row["kind"], row["scenario"], row["boundary"]) == ("latency", "single", "host")
        if row["valid"]
    }
    names = ("model", "prune", "keep", "recover", "accuracy_mm", "accuracy")
    return [
        Point(
            **{name: point[name] for name in names},
            median_ms=times[point["model"]]["median_ms"],
            p99_ms=times[point["model"]]["p99_ms"],
            gflop=document["models"][point["model"]]["cost"]["total_gflop"],
            retrained=_retrained(document["models"][point["model"]]["card"]),
        )
        for point in document["curve"]
        if point["model"] in times
    ]


def way_of(document: Document) -> str:
    """What ran a curve's points, in words."""
    row = _row_of(document)
    threads = row["threads"]
    on = "all threads" if threads is None else f"{threads} thread{'s' * (threads != 1)}"
    on = on if row["device"] == "cpu" else row["device"]
    return f"{row['backend']}, {on}, {document['machine']['name']}"


def plan_of(point: Point, blank: TokenPlan) -> TokenPlan:
    """Its plan.

    Args:
        point: of a curve.
        blank: window and mode.
    """
    schedule = parse_schedule(point.keep) if point.keep else {}
    return replace(blank, prune=point.prune, schedule=schedule, recover=point.recover)


def choose(points: Sequence[Point], budget_ms: float) -> Choice:
    """The most accurate point that meets a budget; of equals the fastest.

    Args:
        points: of one curve.
        budget_ms: most milliseconds that the median of one window may take.

    Raises:
        UsageError: no accuracy is known.
        CheckFailed: nothing meets the budget.
    """
    known = [point for point in points if point.accuracy_mm is not None]
    if not known:
        raise UsageError(
            f"--budget-ms {budget_ms:g}: nothing is known of how accurate the points are, so none "
            "is the best; give --checkpoint with trained weights, or --curve with known accuracies"
        )
    meeting = [point for point in known if point.median_ms <= budget_ms]
    if not meeting:
        fastest = min(known, key=_speed)
        raise CheckFailed(
            f"--budget-ms {budget_ms:g}: no point meets it; the fastest is {fastest.words} with "
            f"{fastest.figures}: allow more time, or take a smaller network",
            {"budget_ms": budget_ms, "points": [vars(point) for point in points]},
        )
    point = min(meeting, key=_goodness)
    better = [other for other in known if _goodness(other)[0] < _goodness(point)[0]]
    quicker = [other for other in known if other.median_ms < point.median_ms]
    return Choice(
        budget_ms=budget_ms,
        point=point,
        unpruned=next((other for other in points if other.prune == "none"), None),
        slower=min(better, key=_speed, default=None),
        faster=min(quicker, key=_goodness, default=None),
    )


def check_curve(
    document: Document, path: Path, base: ExportOptions, running: Running, machine: Document
) -> None:
    """Raise unless a curve tells what it is asked here.

    Args:
        document: a result of `h2ot-bench sweep`.
        path: of it.
        base: the unpruned network that is asked for.
        running: how it will run; `auto` and None are as the curve was measured.
        machine: this one.

    Raises:
        UsageError: it is of something else, or there is no curve in it.
    """
    if not points_of(document):
        raise UsageError(
            f"--curve {path}: there is no curve in it; measure one with h2ot-bench sweep"
        )
    if document["ended"] is None:
        raise UsageError(
            f"--curve {path}: its sweep was interrupted; finish it with h2ot-bench sweep --resume"
        )
    others = list(other_hardware(document["machine"], machine))
    if others:
        raise UsageError(
            f"--curve {path}: was measured on another machine: {', '.join(others)}; measure one "
            "here with h2ot-bench sweep, or leave --curve out"
        )
    differences = [*_other_network(document, base), *_other_running(document, running)]
    if differences:
        raise UsageError(
            f"--curve {path}: is of something else: {', '.join(differences)}; measure one with "
            "h2ot-bench sweep, or leave --curve out"
        )


def _other_network(document: Document, base: ExportOptions) -> list[str]:
    found, wanted = document["settings"].get("network", {}), identity(base)
    return [
        f"{name} {found.get(name)} there, {value} asked for"
        for name, value in wanted.items()
        if found.get(name) != value
    ]


def _other_running(document: Document, running: Running) -> list[str]:
    row = _row_of(document)
    return [
        f"{name} {row[name]} there, {value} asked for"
        for name, value in vars(running).items()
        if value not in (None, "auto", row[name])
    ]


def _row_of(document: Document) -> Document:
    """A row of the curve's times."""
    names = {point["model"] for point in document["curve"]}
    found: Document = next(
        row for row in document["rows"] if row["model"] in names and row["kind"] == "latency"
    )
    return found


def _retrained(card: Document | None) -> bool:
    """Of weights that ship it is told if they were not; of checkpoints nothing is known."""
    if card is None or card["prune"] == "none":
        return False
    weights = card["weights"]
    return bool(weights.get("source") == "shipped" and weights.get("trained_with_plan", True))


def _goodness(point: Point) -> tuple[float, float]:
    assert point.accuracy_mm is not None
    return point.accuracy_mm, point.median_ms


def _speed(point: Point) -> float:
    return point.median_ms
