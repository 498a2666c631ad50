"""Every document against one that was measured before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from h2ot_edge.benchmarks.compare import Change, Comparison, compare
from h2ot_edge.benchmarks.report.bars import height_of
from h2ot_edge.benchmarks.report.content import Cell, Column, Notes, Part, Picture, Section, Table
from h2ot_edge.benchmarks.report.drawing import SMALL, Theme, plain_axes
from h2ot_edge.benchmarks.report.summary import machine_in_words
from h2ot_edge.benchmarks.report.ways import BOUNDARIES, letter_of
from h2ot_edge.benchmarks.report.words import DASH, number, per_cent, shortened, times
from h2ot_edge.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["baseline_section"]

Document = Mapping[str, Any]

_SHOWN = "p50"
"""Metric of the plot."""

_MOST = 30


def baseline_section(documents: Sequence[Document], baseline: Document | None) -> Section | None:
    """Ratios to a baseline; None without one.

    Raises:
        InputError: a document has nothing in common with it.
    """
    if baseline is None:
        return None
    day = baseline["begun"][:10]
    about = (
        f"Baseline: {machine_in_words(baseline['machine'])}, {day}. Ratios are of this report over "
        "the baseline, row by row: below 1 is less than before, which for every figure here is "
        "better."
    )
    parts: list[Part] = [Notes([about])]
    for order, document in enumerate(documents):
        letter = f"{letter_of(order)}: " if len(documents) > 1 else ""
        parts += _parts(order, letter, _compared(baseline, document, letter), _labels(document))
    return Section("baseline", "Against the baseline", parts)


def _compared(baseline: Document, document: Document, letter: str) -> Comparison:
    try:
        return compare(baseline, document)
    except InputError as error:
        raise InputError(f"{letter}the baseline and the result: {error}") from error


def _labels(document: Document) -> dict[str, str]:
    """What rows are called in the plot; the whole id where that does not tell them apart."""
    found = {}
    for row in document["rows"]:
        words = (row["model"], row["scenario"], BOUNDARIES.get(row["boundary"]))
        found[row["id"]] = " \u00b7 ".join(word for word in words if word)
    seen = Counter(found.values())
    return {row: label if seen[label] == 1 else row for row, label in found.items()}


def _parts(
    order: int, letter: str, comparison: Comparison, labels: Mapping[str, str]
) -> list[Part]:
    parts: list[Part] = []
    if comparison.warnings:
        lines = [f"{letter}{warning}." for warning in comparison.warnings]
        parts.append(Notes(lines, "warning"))
    shown = [c for c in comparison.changes if c.metric == _SHOWN and c.ratio is not None][:_MOST]
    if shown:
        parts.append(
            Picture(
                f"baseline-{order}",
                "Median latency over that of the baseline",
                f"{letter}Median over that of the baseline, row by row; the line is what chance "
                "may do (spreads of both).",
                height_of(len(shown)),
                partial(_draw, shown, [labels[change.row] for change in shown]),
            )
        )
    columns = [Column("Row"), Column("Figure", words=True), Column("Before"), Column("Now")]
    columns += [Column("Unit", words=True), Column("Ratio"), Column("by chance"), Column("Verdict")]
    rows = [_cells(change) for change in comparison.changes]
    parts.append(Table(f"{letter}Every figure that both have.", columns, rows, folded=True))
    lacking = [f"{letter}Only in the baseline: {row}." for row in comparison.only_before]
    lacking += [f"{letter}Not in the baseline: {row}." for row in comparison.only_after]
    return [*parts, Notes(lacking)] if lacking else parts


def _cells(change: Change) -> list[Cell | str]:
    if change.ratio is None:
        verdict = DASH
    elif change.in_noise:
        verdict = "within the noise"
    else:
        verdict = "less" if change.ratio < 1 else "more" if change.ratio > 1 else "the same"
    chance = DASH if change.spread is None else f"\u00b1 {per_cent(change.spread)}"
    values = [number(change.before), number(change.after), change.unit, times(change.ratio), chance]
    return [change.row, change.metric, *values, verdict]


def _draw(changes: Sequence[Change], labels: Sequence[str], figure: "Figure", theme: Theme) -> None:
    axes = plain_axes(figure, theme)
    axes.axvline(1, color=theme.text, linewidth=1)
    for place, change in enumerate(changes):
        ratio, by_chance = change.ratio or 0.0, change.spread or 0.0
        colour = theme.muted if change.in_noise else theme.colour(int(ratio > 1))
        spread = [[ratio * by_chance], [ratio * by_chance]]
        axes.errorbar([ratio], [place], xerr=spread, fmt="o", color=colour, capsize=3)
        end = (1.01, place)
        side = axes.get_yaxis_transform()
        axes.annotate(times(ratio), end, xycoords=side, va="center", fontsize=SMALL)
    axes.set_yticks(range(len(changes)), [shortened(label, 34) for label in labels])
    axes.set_ylim(len(changes) - 0.5, -0.8)
    axes.margins(x=0.1)
    axes.set_xlabel("median now over median of the baseline")
