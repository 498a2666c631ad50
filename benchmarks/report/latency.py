"""How long windows take: distributions, what the runtime adds, every row, cold starts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from h2ot_edge.benchmarks.latency import BLOCKS
from h2ot_edge.benchmarks.peers.ratios import ratio_of
from h2ot_edge.benchmarks.report.bars import grouped, height_of, stacked
from h2ot_edge.benchmarks.report.content import (
    Cell,
    Column,
    Notes,
    Part,
    Picture,
    Section,
    Table,
)
from h2ot_edge.benchmarks.report.drawing import SMALL, Theme, log_axis, plain_axes
from h2ot_edge.benchmarks.report.ways import BOUNDARIES, Row, Way, look_of
from h2ot_edge.benchmarks.report.words import DASH, number, per_cent, times

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["cold_section", "latency_section"]

SCENARIOS: Mapping[str | None, str] = {
    "single": "SingleStream",
    "multi": "MultiStream",
    "offline": "Offline",
    "stream": "camera",
    None: DASH,
}
"""MLPerf's names, for the same way of asking."""

MOST_LINES = 8
"""Drawn in one plot, which is as many as there are colours."""

_STEPS = 160

_LEAST = 2 * BLOCKS
"""Samples of a row whose blocks can be compared."""


def latency_section(ways: Sequence[Way]) -> Section | None:
    """Latencies; None without any."""
    measured = [way for way in ways if way.of("latency")]
    if not measured:
        return None
    parts = [*_boundaries(measured), *_distribution(measured), *_added(measured)]
    parts += [*_side_by_side(measured), *_tables(measured)]
    return Section("latency", "Latency", parts)


def cold_section(ways: Sequence[Way]) -> Section | None:
    """From a new process to the first poses; None without any."""
    rows = [(way, row) for way in ways for row in way.of("cold")]
    if not rows:
        return None
    columns = [Column("Model"), *(Column(t, "ms") for t in ("Import", "Load", "First call", "Sum"))]
    table = Table(
        "Cold start: a new process imports the library, opens the model and runs one window.",
        columns,
        [_cold_cells(way, row) for way, row in rows],
    )
    good = [(way, row["figures"]) for way, row in rows if row["valid"]]
    parts: list[Part] = [table]
    if good:
        values = {
            title: [figures[name] for _, figures in good]
            for title, name in (
                ("import", "import_ms"),
                ("load", "load_ms"),
                ("first call", "first_call_ms"),
            )
        }
        draw = stacked([way.short for way, _ in good], values, "ms from a new process")
        title = "Cold start by step"
        caption = "Steps of a cold start; valid rows, one new process each."
        parts.insert(0, Picture("cold", title, caption, height_of(len(good)) + 0.2, draw))
    return Section("cold", "Cold start", parts)


def _cold_cells(way: Way, row: Row) -> list[Cell]:
    values = [row["figures"][name] for name in ("import_ms", "load_ms", "first_call_ms")]
    return [
        Cell(way.label),
        *(Cell(number(value), look_of(row)) for value in [*values, sum(values)]),
    ]


def _boundaries(ways: Sequence[Way]) -> Iterator[Part]:
    """Single windows at each boundary, so that one sees what the runtime adds."""
    shown = [way for way in ways if any(_single(way, name) for name in BOUNDARIES)]
    if not shown:
        return
    bars, ends = (
        {words: [_figure(way, name, of) for way in shown] for name, words in BOUNDARIES.items()}
        for of in ("median_ms", "p99_ms")
    )
    count = sum(value is not None for values in bars.values() for value in values)
    caption = (
        "Single windows: bars to the median, lines to p99, at each boundary of the clock "
        "(scenario single, valid rows)."
    )
    height = height_of(count) + 0.15 * len(shown)
    draw = grouped([way.short for way in shown], bars, "ms a call", ends=ends)
    yield Picture("boundaries", "Latency at each boundary", caption, height, draw)


def _added(ways: Sequence[Way]) -> Iterator[Part]:
    shown = [way for way in ways if sum(_single(way, name) is not None for name in BOUNDARIES) > 1]
    columns = [Column("Model"), Column("Model alone", "ms"), Column("Host adds", "ms")]
    columns += [Column("to the model"), Column("End to end adds", "ms"), Column("to the host")]
    if shown:
        yield Table(
            "What is added around the library's call: differences of medians (scenario single).",
            columns,
            [_added_cells(way) for way in shown],
        )


def _added_cells(way: Way) -> list[str]:
    inner, host, outer = (_figure(way, name, "median_ms") for name in BOUNDARIES)
    return [way.label, number(inner), *_more(inner, host), *_more(host, outer)]


def _more(less: float | None, more: float | None) -> tuple[str, str]:
    if less is None or more is None:
        return DASH, DASH
    return number(more - less, 2), per_cent((more - less) / less if less else None)


def _single(way: Way, boundary: str) -> Row | None:
    row = way.latency("single", boundary)
    return row if row is not None and row["valid"] else None


def _figure(way: Way, boundary: str, name: str) -> float | None:
    row = _single(way, boundary)
    return None if row is None else row["figures"][name]


def _distribution(ways: Sequence[Way]) -> Iterator[Part]:
    rows = [(way, way.window()) for way in ways]
    good = [(w, r) for w, r in rows if r is not None and r["valid"] and r["figures"]["samples_ms"]]
    if not good:
        return
    good.sort(key=lambda pair: pair[1]["figures"]["median_ms"])
    shown = good[:MOST_LINES]
    boundaries = list(dict.fromkeys(BOUNDARIES[str(row["boundary"])] for _, row in shown))
    left_out = f"; the {len(shown)} fastest of {len(good)}" if len(good) > len(shown) else ""
    yield Picture(
        "distribution",
        "Distribution of latencies",
        f"How long the slowest calls take: single windows, boundary {', '.join(boundaries)}"
        f"{left_out}. A circle marks p50, a triangle p99; a flat line is a steady model.",
        3.3,
        partial(_draw_distribution, shown),
    )


def _draw_distribution(rows: Sequence[tuple[Way, Row]], figure: "Figure", theme: Theme) -> None:
    """Over the logarithm of the share of slower calls, which shows the tail."""
    axes = plain_axes(figure, theme, grid="both")
    longest = 2.0
    for order, (way, row) in enumerate(rows):
        figures = row["figures"]
        samples = np.asarray(figures["samples_ms"])
        longest = max(longest, float(np.log10(len(samples))))
        places = np.linspace(0, np.log10(len(samples)), _STEPS)
        heights = np.quantile(samples, 1 - 10**-places, method="higher")
        colour = theme.colour(order)
        axes.step(places, heights, where="post", color=colour, linewidth=1.6, label=way.short)
        for place, name, mark in ((np.log10(2), "median_ms", "o"), (2, "p99_ms", "^")):
            # Of fewer than 100 calls p99 is nearly the longest.
            place = min(place, places[-1])
            axes.plot([place], [figures[name]], mark, color=colour, markersize=5)
    ticks: dict[float, str] = {
        0.0: "all",
        float(np.log10(2)): "50 %",
        1: "10 %",
        2: "1 %",
        3: "0.1 %",
    }
    shown = [place for place in ticks if place <= longest]
    axes.set_xticks(shown, [ticks[place] for place in shown])
    axes.set_xlabel("share of calls that take longer")
    axes.set_ylabel("ms a call")
    medians = [row["figures"]["median_ms"] for _, row in rows]
    if min(row["figures"]["best_ms"] for _, row in rows) > 0 and max(medians) > 3 * min(medians):
        log_axis(axes, "y")
    figure.legend(loc="outside upper left", ncols=2, fontsize=SMALL)


def _side_by_side(ways: Sequence[Way]) -> Iterator[Part]:
    """Ways that had their turns in one run, against the first of them."""
    groups: dict[tuple[int, str, int | None, str], list[tuple[Way, Row]]] = {}
    for way, row in ((way, way.window()) for way in ways):
        if row is not None and row["valid"] and _has_blocks(row["figures"]["samples_ms"]):
            key = (way.document, way.device, way.threads, row["boundary"])
            groups.setdefault(key, []).append((way, row))
    for (_, _, _, boundary), pairs in groups.items():
        if len(pairs) > 1:
            yield _ratio_table(pairs, BOUNDARIES[boundary])


def _has_blocks(samples: Sequence[float]) -> bool:
    return len(samples) >= _LEAST and min(samples) > 0


def _ratio_table(pairs: Sequence[tuple[Way, Row]], boundary: str) -> Table:
    (first, reference), *_ = pairs
    columns = [Column("Model"), Column("Median", "ms"), Column("Times as fast")]
    columns += [Column("least", "of the blocks"), Column("most", "of the blocks")]
    rows = []
    for way, row in pairs:
        median, ratio = number(row["figures"]["median_ms"]), ratio_of(row, reference)
        ratios = (ratio.median, ratio.least, ratio.most)
        rows.append([way.label, median, *(times(value) for value in ratios)])
    caption = (
        f"Times as fast as {first.label}, block by block of one run in which they took turns: "
        f"single windows, boundary {boundary}, valid rows."
    )
    return Table(caption, columns, rows)


def _tables(ways: Sequence[Way]) -> Iterator[Part]:
    rows = [(way, row) for way in ways for row in way.of("latency")]
    warmups = [row["figures"]["warmup_calls"] for _, row in rows]
    columns = [Column("Model"), Column("Scenario", words=True), Column("Clock", words=True)]
    columns += [Column("Calls", "\u00d7 windows")]
    columns += [Column(name, "ms") for name in ("Median", "p90", "p99", "p99.9", "Max")]
    columns += [Column("Jitter", "ms"), Column("Drift"), Column("Spread"), Column("Windows/s")]
    columns += [Column("Rate", "GFLOP/s"), Column("of the peak")]
    least, most = min(warmups), max(warmups)
    warm = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    caption = f"Every row of latencies, each after {warm} calls to warm up."
    yield Table(caption, columns, [_cells(way, row) for way, row in rows])
    yield Notes(
        [
            "Scenarios have MLPerf's names and meaning: SingleStream asks for the next window when "
            "the last is done (its figure is p90), MultiStream for 8 at once (p99), Offline for "
            "all at once (windows/s). These are not MLPerf results: runs are shorter and nobody "
            "has reviewed them.",
            "Jitter: p90 less p10. Drift: median of the second half over that of the first, less "
            "1. Spread: longest over shortest median of the blocks of a run, less 1.",
        ],
        "small",
    )
    inside = dict.fromkeys(
        (BOUNDARIES[row["boundary"]], row["inside"])
        for _, row in rows
        if row["boundary"] and row["inside"]
    )
    if inside:
        yield Notes([f"Inside the clock of {name}: {words}." for name, words in inside])
    remarks = [[row["id"], "; ".join(row["problems"])] for _, row in rows if row["problems"]]
    if remarks:
        columns = [Column("Row"), Column("What to think of", words=True)]
        yield Table("Remarks on rows of latencies.", columns, remarks, folded=len(remarks) > 6)


def _cells(way: Way, row: Row) -> list[Cell]:
    figures = row["figures"]
    names = ("median_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms", "jitter_ms")
    numbers = [
        f"{figures['calls']:,} \u00d7 {figures['windows_per_call']:,}",
        *(number(figures[name]) for name in names),
        *(per_cent(figures[name]) for name in ("drift", "spread")),
        number(figures["windows_per_s"]),
        number(figures["gflops"]),
        per_cent(figures["share_of_peak"]),
    ]
    words = (way.label, SCENARIOS[row["scenario"]], BOUNDARIES.get(row["boundary"], DASH))
    return [*(Cell(word) for word in words), *(Cell(text, look_of(row)) for text in numbers)]
