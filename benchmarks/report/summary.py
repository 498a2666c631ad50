"""What one reads first: a line for each model, and whether the figures can be believed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from h2ot_edge.benchmarks.report.content import Cell, Column, Notes, Part, Section, Table
from h2ot_edge.benchmarks.report.ways import BOUNDARIES, Way, letter_of, look_of
from h2ot_edge.benchmarks.report.words import DASH, number, per_cent

__all__ = ["machine_in_words", "summary_section"]

RATE_HZ = 30.0
"""Of the cameras whose late poses the summary shows."""

_MOST = 10
_COLUMNS = (
    Column("Model"),
    Column("Precision", words=True),
    Column("Runs on", words=True),
    Column("Median", "ms"),
    Column("p99", "ms"),
    Column("Windows/s"),
    Column("Work", "GFLOP"),
    Column("of the peak"),
    Column("Error", "mm"),
    Column("Energy", "mJ/window"),
    Column("Late at 30 Hz"),
)


def summary_section(documents: Sequence[Mapping[str, Any]], ways: Sequence[Way]) -> Section:
    """The table, and in words above it the machines and what is not valid."""
    parts: list[Part] = [Notes([_run(n, each, documents) for n, each in enumerate(documents)])]
    warnings = [*_noise(documents), *_invalid(documents)]
    if warnings:
        parts.append(Notes(warnings, "warning"))
    if ways:
        # What tells ways of one model apart is in the column beside it.
        several = len(documents) > 1
        names = {w.label: f"{letter_of(w.document)} \u00b7 " * several + w.model for w in ways}
        parts.append(Table(_caption(ways), _COLUMNS, [_cells(way, names) for way in ways]))
        parts.append(Notes([_LEGEND], "small"))
    return Section("summary", "Summary", parts)


def machine_in_words(machine: Mapping[str, Any]) -> str:
    """What it is and in which power mode."""
    mode = machine["power_mode"]
    power = "" if mode is None else f", power mode {mode['name']}"
    return f"{machine['name']} ({machine['platform']}){power}"


def _run(number_: int, document: Mapping[str, Any], all_: Sequence[Mapping[str, Any]]) -> str:
    letter = f"{letter_of(number_)}: " if len(all_) > 1 else ""
    noise = document["noise"]
    if noise["noisy"]:
        quiet = "noisy"
    elif noise["spread"] is None:
        quiet = "whether it was quiet is not known"
    else:
        spread, limit = per_cent(noise["spread"]), per_cent(noise["limit"])
        quiet = f"quiet: medians of parts of a run lie {spread} apart, {limit} are allowed"
    ended = "" if document["ended"] else " The run did not end: rows may be missing."
    day = document["begun"][:10]
    return f"{letter}{machine_in_words(document['machine'])}, {day}; {quiet}.{ended}"


def _noise(documents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for order, document in enumerate(documents):
        if document["noise"]["noisy"]:
            which = f" of {letter_of(order)}" if len(documents) > 1 else ""
            why = "; ".join(document["noise"]["reasons"]) or "no reason is given"
            yield (
                f"The machine{which} was noisy: {why}. Differences of a few per cent mean nothing."
            )


def _invalid(documents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    found = [
        f"Not valid, and struck out: {row['id']}: "
        f"{'; '.join(row['problems']) or 'no reason is given'}."
        for document in documents
        for row in document["rows"]
        if not row["valid"]
    ]
    yield from found[:_MOST]
    if len(found) > _MOST:
        yield f"{len(found) - _MOST} more rows are not valid; they are struck out."


def _caption(ways: Sequence[Way]) -> str:
    rows = [row for row in (way.window() for way in ways) if row is not None]
    names = [BOUNDARIES[name] for name in BOUNDARIES if any(r["boundary"] == name for r in rows)]
    clock = f"boundary {' or '.join(names)}" if names else "none measured"
    return f"Median and p99: of single windows ({clock})."


_LEGEND = (
    "Windows/s: of all windows at once where that was measured, else of single ones. Work: of a "
    "window, products of attention and selection included. Error: MPJPE where the truth was "
    "given, else drift from the model named under Accuracy. Late: share of poses that came late, "
    f"with the fewest people measured. {DASH}: not known."
)


def _cells(way: Way, names: Mapping[str, str]) -> list[Cell]:
    row = way.window()
    figures: Mapping[str, Any] = {} if row is None else row["figures"]
    look = look_of(row)
    clock = "" if row is None or row["boundary"] == "host" else f" ({BOUNDARIES[row['boundary']]})"
    energy = figures.get("energy")
    return [
        Cell(names[way.label]),
        Cell(way.described["precision"] or DASH),
        Cell(way.runs_on + clock),
        Cell(number(figures.get("median_ms")), look),
        Cell(number(figures.get("p99_ms")), look),
        _throughput(way),
        Cell(number(None if way.cost is None else way.cost["total_gflop"])),
        Cell(per_cent(figures.get("share_of_peak")), look),
        _error(way),
        Cell(number(None if energy is None else energy["mj_per_window"]), look),
        _late(way),
    ]


def _throughput(way: Way) -> Cell:
    row = way.latency("offline", "host") or way.latency("offline", "model") or way.window()
    return Cell(number(None if row is None else row["figures"]["windows_per_s"]), look_of(row))


def _error(way: Way) -> Cell:
    row = next(iter(way.of("accuracy")), None)
    if row is None:
        return Cell(DASH)
    figures = row["figures"]
    if figures["mpjpe_mm"] is not None:
        return Cell(f"{number(figures['mpjpe_mm'])} MPJPE", look_of(row))
    words = DASH if figures["mean_mm"] is None else f"{number(figures['mean_mm'], 2)} drift"
    return Cell(words, look_of(row))


def _late(way: Way) -> Cell:
    rows = [row for row in way.of("stream") if row["figures"]["rate_hz"] == RATE_HZ]
    row = min(rows, key=lambda row: row["figures"]["people"], default=None)
    if row is None:
        return Cell(DASH)
    people = row["figures"]["people"]
    behind = f" ({people} people)" if people > 1 else ""
    return Cell(per_cent(row["figures"]["missed"]) + behind, look_of(row))
