"""Where the work is done and where the time goes: FLOPs by stage, and operators by both."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from h2ot_edge.benchmarks.report.bars import grouped, height_of, stacked
from h2ot_edge.benchmarks.report.content import Cell, Column, Notes, Part, Picture, Section, Table
from h2ot_edge.benchmarks.report.ways import Way, look_of
from h2ot_edge.benchmarks.report.words import DASH, number, per_cent, shortened

__all__ = ["operators_section", "stages_section"]

STAGES = {
    "before_pruning": "before pruning",
    "selection": "selection",
    "pruned": "pruned",
    "recovery": "recovery",
    "whole": "not split",
}
_MOST_TYPES = 10


def stages_section(ways: Sequence[Way]) -> Section | None:
    """FLOPs of every model whose cost is known, by stage; None without any."""
    known = _models(ways)
    if not known:
        return None
    names = list(known)
    values = {
        words: [_stage(cost, stage) for cost in known.values()]
        for stage, words in STAGES.items()
        if any(_stage(cost, stage) for cost in known.values())
    }
    picture = Picture(
        "stages",
        "FLOPs by stage",
        "Where a window's work is done: all FLOPs, products of attention and selection included.",
        height_of(len(names)) + 0.3,
        stacked([shortened(name) for name in names], values, "GFLOP a window"),
    )
    columns = [Column("Model"), Column("Linear and Conv", "GFLOP"), Column("All", "GFLOP")]
    columns += [Column(words, "GFLOP") for words in STAGES.values()]
    columns += [Column("Parameters", "millions"), Column("Bytes at least", "MB")]
    columns += [Column("Intensity", "FLOP/byte")]
    caption = (
        "Work of a window, a multiply-add being two FLOPs. Papers count Linear and Conv only. "
        "Bytes at least: weights, inputs and outputs once."
    )
    rows = [[name, *_numbers(cost)] for name, cost in known.items()]
    return Section("stages", "Work by stage", [picture, Table(caption, columns, rows)])


def operators_section(ways: Sequence[Way]) -> Section | None:
    """Time of each kind of operator beside its FLOPs, and the slowest; None without any."""
    rows = [(way, row) for way in ways for row in way.of("operators")]
    parts: list[Part] = []
    for order, (way, row) in enumerate(rows):
        parts += _operators(order, way, row)
    if not parts:
        return None
    note = (
        "Each operator was timed by itself, which takes longer than all of them together: shares "
        "tell where the time goes, milliseconds only roughly how much."
    )
    return Section("operators", "Operators", [Notes([note]), *parts])


def _models(ways: Sequence[Way]) -> dict[str, Mapping[str, Any]]:
    """Costs, once for each model of each document."""
    known: dict[tuple[int, str], tuple[str, Mapping[str, Any]]] = {}
    for way in ways:
        if way.cost is not None:
            name = way.label if (way.document, way.model) in known else _name(way, ways)
            known.setdefault((way.document, way.model), (name, way.cost))
    return dict(known.values())


def _name(way: Way, ways: Sequence[Way]) -> str:
    """The model; its whole label if another document has a model of this name."""
    alone = len({other.document for other in ways if other.model == way.model}) == 1
    return way.model if alone else way.label


def _stage(cost: Mapping[str, Any], stage: str) -> float | None:
    found = cost["by_stage"].get(stage)
    return None if found is None else found["total_gflop"]


def _numbers(cost: Mapping[str, Any]) -> list[str]:
    million = (cost["parameters"], cost["bytes_least"])
    return [
        *(number(cost[name]) for name in ("linear_gflop", "total_gflop")),
        *(number(_stage(cost, stage)) for stage in STAGES),
        *(number(None if value is None else value / 1e6) for value in million),
        number(cost["intensity"]),
    ]


def _operators(order: int, way: Way, row: Mapping[str, Any]) -> Iterator[Part]:
    figures = row["figures"]
    types = sorted(figures["by_type"], key=lambda each: -each["ms"])[:_MOST_TYPES]
    gemm = per_cent(figures["gemm_share"])
    if row["valid"] and types:
        time = {each["type"]: 100 * each["share"] for each in types}
        work = {} if way.cost is None else way.cost["by_operator"]
        whole = sum(work.values())
        flops = {name: 100 * gflop / whole for name, gflop in work.items() if gflop > 0}
        names = list({**time, **flops})
        shares = {"of the time": time, "of the FLOPs": flops}
        yield Picture(
            f"operators-{order}",
            f"Operators of {way.label}",
            f"{way.label}: shares of the time (the {len(time)} types that take longest) and of the "
            f"FLOPs; products of matrices take {gemm} of the time. What a library has fused goes "
            "by another name there than in the graph.",
            height_of(len(time) + len(flops)) + 0.16 * len(names),
            grouped(
                names,
                {kind: [values.get(name) for name in names] for kind, values in shares.items()},
                "%",
                words=lambda value: f"{value:.1f} %",
            ),
        )
    slowest = figures["slowest"]
    if row["valid"] and slowest:
        yield Picture(
            f"slowest-{order}",
            f"Slowest operators of {way.label}",
            f"{way.label}: the {len(slowest)} slowest single operators or layers.",
            height_of(len(slowest)),
            grouped(
                [each["name"] for each in slowest],
                {"time": [each["ms"] for each in slowest]},
                "ms a call",
            ),
        )
    columns = [Column("Operator"), Column("Type", words=True), Column("Time", "ms")]
    cells = [
        [each["name"], each["type"] or DASH, number(each["ms"]), per_cent(each["share"])]
        for each in slowest
    ]
    if cells:
        caption = f"{way.label}: the slowest operators or layers."
        yield Table(caption, [*columns, Column("of all")], _struck(row, cells), folded=True)


def _struck(row: Mapping[str, Any], cells: Sequence[Sequence[str]]) -> list[list[Cell]]:
    return [
        [Cell(first), *(Cell(text, look_of(row)) for text in others)] for first, *others in cells
    ]
