"""What was measured on what, with what, and what is not known."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from h2ot_edge.benchmarks.report.content import Code, Column, Notes, Part, Section, Table
from h2ot_edge.benchmarks.report.ways import letter_of
from h2ot_edge.benchmarks.report.words import DASH, number, with_unit

__all__ = ["provenance_section"]

_OF_CARD = ("backbone", "variant", "frames", "prune", "recover", "schedule", "licence")


def provenance_section(documents: Sequence[Mapping[str, Any]]) -> Section:
    """Everything one needs to measure again, of each document."""
    parts: list[Part] = []
    for order, document in enumerate(documents):
        letter = f"{letter_of(order)}: " if len(documents) > 1 else ""
        columns = [Column("What"), Column("Value", words=True)]
        about = [[name, text] for name, text in _about(document)]
        parts.append(Table(f"{letter}Machine and run.", columns, about))
        parts.append(Notes([f"{letter}Command:"]))
        parts.append(Code(" ".join(document["command"])))
        parts += _models(letter, document["models"])
    parts.append(Notes([_MLPERF]))
    return Section("provenance", "Provenance", parts)


_MLPERF = (
    "MLPerf is a trademark of MLCommons. Scenarios have its names because they ask for windows in "
    "the same way; no figure here is an MLPerf result, nor was any reviewed by MLCommons."
)


def _about(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    machine, clock = document["machine"], document["clock"]
    cpu, gpu, jetson = machine["cpu"], machine["gpu"], machine["jetson"]
    yield "Machine", machine["name"]
    yield "System", ", ".join(word for word in (machine["platform"], machine["os"]) if word)
    yield "CPU", f"{cpu['model'] or DASH}, {cpu['cores']} cores"
    yield "CPU clocks", f"{_clocks(cpu)}, governor {cpu['governor'] or DASH}"
    yield "Memory", with_unit(machine["memory_mib"], "MiB", 5)
    if gpu is not None:
        memory = with_unit(gpu["memory_mib"], "MiB", 5)
        driver = f"driver {gpu['driver'] or DASH}"
        capability = f"compute capability {gpu['compute_capability'] or DASH}"
        yield "GPU", f"{gpu['name']}, {capability}, {memory}, {driver}, {_clocks(gpu)}"
    if jetson is not None:
        names = {"module": "", "l4t": "L4T ", "jetpack": "JetPack "}
        yield "Jetson", ", ".join(f"{word}{jetson[key] or DASH}" for key, word in names.items())
    mode = machine["power_mode"]
    yield "Power mode", DASH if mode is None else f"{mode['name']} ({mode['number']})"
    yield "Load before", number(machine["load_before"], 2)
    degrees = [f"{name} {number(c)} \u00b0C" for name, c in machine["temperatures_c"].items()]
    yield "Temperatures", ", ".join(degrees) or DASH
    versions = [f"{name} {version}" for name, version in machine["versions"].items()]
    yield "Versions", ", ".join(versions) or DASH
    yield "Begun, ended", f"{document['begun']}, {document['ended'] or DASH}"
    resolution = with_unit(clock["resolution_ns"], "ns")
    yield (
        "Clock",
        f"reading it takes {with_unit(clock['overhead_ns'], 'ns')}, ticks of {resolution}",
    )
    settings = json.dumps(document["settings"], sort_keys=True, ensure_ascii=False)
    yield "Settings", settings


def _clocks(processor: Mapping[str, Any]) -> str:
    low, high = number(processor["min_mhz"], 4), number(processor["max_mhz"], 4)
    now = processor.get("now_mhz")
    behind = "" if now is None else f", {number(now, 4)} MHz at the start"
    return f"{low} to {high} MHz{behind}"


def _models(letter: str, models: Mapping[str, Mapping[str, Any]]) -> Iterator[Part]:
    columns = [Column("Model"), Column("File", words=True), Column("Size", "MB")]
    columns += [Column("Precision", words=True), Column("What it is", words=True)]
    columns.append(Column("SHA-256", words=True))
    rows = []
    for name, model in models.items():
        size = None if model["bytes"] is None else model["bytes"] / 1e6
        words = [model["file"] or DASH, number(size), model["precision"] or DASH]
        rows.append([name, *words, _card(model["card"]), model["sha256"] or DASH])
    if rows:
        yield Table(f"{letter}Models.", columns, rows)
    unknown = [f"{name}: {why}." for name, model in models.items() for why in model["unknown"]]
    if unknown:
        yield Notes([f"{letter}Not known of {each}" for each in unknown])


def _card(card: Mapping[str, Any] | None) -> str:
    """Of the fields that a card may have: other versions may have others."""
    if card is None:
        return DASH
    words = []
    for name in _OF_CARD:
        value = card.get(name)
        if isinstance(value, Mapping):
            value = ", ".join(f"{block}:{kept}" for block, kept in value.items())
        if value not in (None, ""):
            words.append(f"{name} {value}")
    return "; ".join(words) or DASH
