"""What a machine has to give: poses in time for cameras, energy, memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from h2ot_edge.benchmarks.report.content import Cell, Column, Section, Table
from h2ot_edge.benchmarks.report.ways import Way, look_of
from h2ot_edge.benchmarks.report.words import number, per_cent, with_unit

__all__ = ["energy_section", "memory_section", "streams_section"]


def streams_section(ways: Sequence[Way]) -> Section | None:
    """Poses that came late, for each camera that was played; None without any."""
    rows = [(way, row) for way in ways for row in way.of("stream")]
    if not rows:
        return None
    columns = [Column("Model"), Column("Camera", "Hz"), Column("People"), Column("Late")]
    columns += [Column("p50", "ms late"), Column("p99", "ms late"), Column("p99.9", "ms late")]
    columns += [
        Column("Dropped", "frames"),
        Column("Look-ahead", "frames"),
        Column("Hop", "frames"),
    ]
    columns += [Column("Waits", "ms"), Column("Length", "s")]
    caption = (
        "Cameras that do not wait. Late: share of poses that came later than the next one was due; "
        "ms late: behind the time that look-ahead and hop wait by design, which is in the column "
        "Waits and has to be added."
    )
    cells = [_stream(way, row) for way, row in rows]
    return Section("streams", "Camera streams", [Table(caption, columns, cells)])


def energy_section(ways: Sequence[Way]) -> Section | None:
    """Energy of windows and frames; None without any."""
    found = [
        (way, row, row["figures"]["energy"])
        for way in ways
        for row in way.of("latency")
        if row["figures"]["energy"] is not None
    ]
    if not found:
        return None
    columns = [Column("Model"), Column("Energy", "mJ/window"), Column("Energy", "mJ/frame")]
    columns += [Column("Mean", "W"), Column("Idle", "W"), Column("Rails", words=True)]
    columns += [Column("Source", words=True), Column("Read", "Hz"), Column("Windows")]
    rows = [[Cell(way.label), *_energy(row, energy)] for way, row, energy in found]
    caption = "Energy of single windows, less the power when idle where that is known."
    return Section("energy", "Energy", [Table(caption, columns, rows)])


def memory_section(ways: Sequence[Way]) -> Section | None:
    """Memory of processes and size of files; None without any."""
    rows = [(way, next(iter(way.of("cold")), None)) for way in ways]
    if not any(row is not None or way.described["bytes"] for way, row in rows):
        return None
    columns = [Column("Model"), Column("File", "MB"), Column("Peak of the host", "MiB")]
    columns.append(Column("Peak of the device", "MiB"))
    cells = []
    for way, row in rows:
        figures: Mapping[str, Any] = {} if row is None else row["figures"]
        size = way.described["bytes"]
        peaks = [number(figures.get(name)) for name in ("peak_host_mib", "peak_device_mib")]
        file = number(None if size is None else size / 1e6)
        cells.append([Cell(way.label), Cell(file), *(Cell(peak, look_of(row)) for peak in peaks)])
    caption = "Memory: the most that a process of one model took, and the size of the file."
    return Section("memory", "Memory", [Table(caption, columns, cells)])


def _stream(way: Way, row: Mapping[str, Any]) -> list[Cell]:
    figures = row["figures"]
    texts = [
        number(figures["rate_hz"]),
        f"{figures['people']:,}",
        per_cent(figures["missed"]),
        *(number(figures[f"late_{name}_ms"], 2) for name in ("p50", "p99", "p999")),
        *(f"{figures[name]:,}" for name in ("dropped", "lookahead", "hop")),
        number(figures["waits_ms"]),
        number(figures["seconds"]),
    ]
    return [Cell(way.label), *(Cell(text, look_of(row)) for text in texts)]


def _energy(row: Mapping[str, Any], energy: Mapping[str, Any]) -> list[Cell]:
    rails = ", ".join(f"{name} {with_unit(watts, 'W')}" for name, watts in energy["rails"].items())
    texts = [
        *(number(energy[name]) for name in ("mj_per_window", "mj_per_frame", "mean_w", "idle_w")),
        rails,
        energy["source"],
        number(energy["samples_hz"]),
        f"{energy['windows']:,}",
    ]
    return [Cell(text, look_of(row)) for text in texts]
