"""What is lost and what is won: accuracy of each model, and the curve of token budgets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from h2ot_edge.benchmarks.report.content import Cell, Column, Notes, Part, Picture, Section, Table
from h2ot_edge.benchmarks.report.drawing import SMALL, Theme, plain_axes, written
from h2ot_edge.benchmarks.report.ways import Way, letter_of, look_of
from h2ot_edge.benchmarks.report.words import DASH, number, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["accuracy_section", "curve_section", "front_of"]

Document = Mapping[str, Any]

_MARKS = "osD^vP*X"
_ACCURACY = {"mpjpe": "MPJPE", "drift": "drift from the dense model"}


def accuracy_section(ways: Sequence[Way]) -> Section | None:
    """How far poses are from the truth, and from those of the reference; None without any."""
    rows = [(way, row) for way in ways for row in way.of("accuracy")]
    if not rows:
        return None
    columns = [Column("Model"), Column("MPJPE", "mm"), Column("P-MPJPE", "mm")]
    columns += [Column("Truth", words=True), Column("Drift, mean", "mm"), Column("worst", "mm")]
    columns += [Column("Kept frames", "that differ"), Column("Windows"), Column("From", words=True)]
    cells = []
    for way, row in rows:
        figures = row["figures"]
        kept = f"{figures['kept_differ']:,} of {figures['kept']:,}" if figures["kept"] else DASH
        numbers = [number(figures[name]) for name in ("mpjpe_mm", "p_mpjpe_mm")]
        drifts = [number(figures[name], 2) for name in ("mean_mm", "worst_mm")]
        values = [*numbers, figures["data"] or DASH, *drifts, kept, f"{figures['windows']:,}"]
        values.append(figures["reference"] or DASH)
        cells.append([Cell(way.label), *(Cell(value, look_of(row)) for value in values)])
    caption = (
        "MPJPE: mean distance of joints to the truth; drift: to the poses of the model named in "
        "the last column, on the same windows."
    )
    return Section("accuracy", "Accuracy", [Table(caption, columns, cells)])


def curve_section(documents: Sequence[Document], ways: Sequence[Way]) -> Section | None:
    """Accuracy over latency, and over FLOPs; None if no document has a curve."""
    parts: list[Part] = []
    for order, document in enumerate(documents):
        here = [way for way in ways if way.document == order]
        groups: dict[tuple[str, str | None], list[Mapping[str, Any]]] = {}
        for point in document["curve"]:
            groups.setdefault((point["accuracy"], point["data"]), []).append(point)
        letter = letter_of(order) if len(documents) > 1 else ""
        for (accuracy, data), points in groups.items():
            title = _ACCURACY[accuracy] + (f" on {data}" if data else "")
            for runs_on, budgets in _budgets(points, here, document["models"]):
                name = f"curve-{len(parts)}"
                parts += _parts(name, budgets, title, runs_on, letter)
    if not parts:
        return None
    note = (
        "Points on the front are ringed and joined: nothing measured here is both faster and more "
        "accurate. Fronts of latency and of FLOPs may differ, because selecting and recovering "
        "frames takes time and next to no FLOPs."
    )
    return Section("curve", "Token budgets: accuracy against cost", [Notes([note]), *parts])


def front_of(points: Sequence[tuple[float, float] | None]) -> list[int]:
    """Which points (cost, error) no other one beats in both, from the cheapest on.

    Args:
        points: None for those that have no place.
    """
    placed = sorted((point, i) for i, point in enumerate(points) if point is not None)
    front: list[int] = []
    best = float("inf")
    for (_, error), i in placed:
        if error < best:
            front.append(i)
            best = error
    return front


@dataclass(frozen=True)
class _Budget:
    """A point of the curve with what it costs."""

    point: Mapping[str, Any]
    ms: float | None
    gflop: float | None

    def place(self, cost: str) -> tuple[float, float] | None:
        value, error = getattr(self, cost), self.point["accuracy_mm"]
        return None if value is None or error is None else (value, error)

    @property
    def kind(self) -> str:
        names = (self.point["prune"], self.point["recover"])
        return "not pruned" if names == ("none", "none") else ", ".join(names)


def _budgets(
    points: Sequence[Mapping[str, Any]], ways: Sequence[Way], models: Mapping[str, Any]
) -> Iterator[tuple[str, list[_Budget]]]:
    """The points, once for each backend, device and number of threads that they ran on."""
    names = {point["model"] for point in points}
    for runs_on in dict.fromkeys(way.runs_on for way in ways if way.model in names) or [""]:
        there = {way.model: way.window() for way in ways if way.runs_on == runs_on}
        budgets = []
        for point in points:
            row = there.get(point["model"])
            cost = models.get(point["model"], {}).get("cost")
            ms = row["figures"]["median_ms"] if row is not None and row["valid"] else None
            budgets.append(_Budget(point, ms, cost and cost["total_gflop"]))
        yield runs_on, budgets


def _parts(
    name: str, budgets: Sequence[_Budget], title: str, runs_on: str, letter: str
) -> Iterator[Part]:
    where = ", ".join(word for word in (letter, runs_on) if word)
    fronts = {}
    for cost, label in (("ms", "ms a window (median)"), ("gflop", "GFLOP a window")):
        places = [budget.place(cost) for budget in budgets]
        fronts[cost] = front_of(places)
        if fronts[cost]:
            shown = sum(place is not None for place in places)
            over = "latency of single windows" if cost == "ms" else "FLOPs"
            yield Picture(
                f"{name}-{cost}",
                f"{title} over {over}",
                f"{title[0].upper()}{title[1:]} over {over}: {shown} of {len(budgets)} points "
                f"({where or 'no rows'}).",
                3.6,
                partial(_draw, budgets, cost, label, title, fronts[cost]),
            )
    columns = [Column("Model"), Column("Pruned by", words=True), Column("Recovered by", words=True)]
    columns += [Column("Keep", "block:frames"), Column("Median", "ms"), Column("Work", "GFLOP")]
    columns += [Column("Error", "mm"), Column("Front of", words=True)]
    caption = f"Points of the curve: {title} ({where or 'no rows'})."
    yield Table(caption, columns, [_cells(i, each, fronts) for i, each in enumerate(budgets)])


def _cells(place: int, budget: _Budget, fronts: Mapping[str, Sequence[int]]) -> list[Cell | str]:
    point = budget.point
    on = [w for cost, w in (("ms", "latency"), ("gflop", "FLOPs")) if place in fronts[cost]]
    numbers = [number(value) for value in (budget.ms, budget.gflop, point["accuracy_mm"])]
    words = [point[name] or DASH for name in ("model", "prune", "recover", "keep")]
    return [*words, *numbers, Cell(" and ".join(on) or DASH, "best" if on else "")]


def _draw(
    budgets: Sequence[_Budget],
    cost: str,
    label: str,
    title: str,
    front: Sequence[int],
    figure: "Figure",
    theme: Theme,
) -> None:
    axes = plain_axes(figure, theme, grid="both")
    kinds = list(dict.fromkeys(budget.kind for budget in budgets))
    for order, kind in enumerate(kinds):
        places = [b.place(cost) for b in budgets if b.kind == kind]
        placed = [place for place in places if place is not None]
        if placed:
            xs, ys = zip(*placed, strict=True)
            mark = _MARKS[order % len(_MARKS)]
            axes.plot(xs, ys, mark, color=theme.colour(order), label=shortened(kind), markersize=6)
    ringed = [place for place in (budgets[i].place(cost) for i in front) if place is not None]
    xs, ys = zip(*ringed, strict=True)
    axes.plot(xs, ys, "-", color=theme.muted, linewidth=1, zorder=1, label="front")
    axes.plot(xs, ys, "o", color=theme.text, markersize=11, fillstyle="none")
    for i, (x, y) in zip(front, ringed, strict=True):
        text = shortened(budgets[i].point["keep"] or "all", 20)
        # Where no other point is, or this one would not be on the front.
        written(axes, text, (x, y), (-6, -12), "right")
    axes.margins(x=0.16, y=0.14)
    axes.set_xlabel(label)
    axes.set_ylabel(f"{title.split(' on ')[0]}, mm")
    figure.legend(loc="outside upper left", ncols=3, fontsize=SMALL)
