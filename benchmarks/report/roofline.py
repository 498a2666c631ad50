"""How near models come to what the device can do, by its measured ceilings."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from h2ot_edge.benchmarks.report.content import Column, Notes, Part, Picture, Section, Table
from h2ot_edge.benchmarks.report.drawing import SMALL, Theme, log_axis, plain_axes, written
from h2ot_edge.benchmarks.report.ways import BOUNDARIES, Row, Way, letter_of, place_of
from h2ot_edge.benchmarks.report.words import number, per_cent, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["roofline_section"]

Peak = Mapping[str, Any]
Placed = tuple[Way, Row, float, float]
"""A way, its row, FLOP/byte and GFLOP/s."""

_MARKS = "osD^vP*X"


def roofline_section(documents: Sequence[Mapping[str, Any]], ways: Sequence[Way]) -> Section | None:
    """A plot for each device whose ceilings were measured; None without any."""
    parts: list[Part] = []
    for order, document in enumerate(documents):
        letter = f"{letter_of(order)}, " if len(documents) > 1 else ""
        groups: dict[tuple[str, str, int | None], list[Peak]] = {}
        for peak in document["peaks"]:
            if peak["gflops"]:
                key = (peak["backend"], peak["device"], peak["threads"])
                groups.setdefault(key, []).append(peak)
        for key, peaks in groups.items():
            here = [
                w for w in ways if w.document == order and (w.backend, w.device, w.threads) == key
            ]
            parts += _parts(f"roofline-{len(parts)}", letter, key, peaks, here)
    if not parts:
        return None
    note = (
        "The lines are what this device did in a short calibration: reading memory (slanted) and "
        "multiplying matrices (flat). A model below the flat line waits for something else than "
        "arithmetic."
    )
    return Section("roofline", "Roofline", [Notes([note]), *parts])


def _parts(
    name: str,
    letter: str,
    key: tuple[str, str, int | None],
    peaks: Sequence[Peak],
    ways: Sequence[Way],
) -> Iterator[Part]:
    where = letter + place_of(*key)
    placed = list(_placed(ways))
    if placed:
        clocks = dict.fromkeys(BOUNDARIES[str(row["boundary"])] for _, row, _, _ in placed)
        yield Picture(
            name,
            f"Roofline of {where}",
            f"{where}: ceilings measured here, and single windows at the boundary "
            f"{' or '.join(clocks)} (valid rows).",
            3.6,
            partial(_draw, peaks, placed),
        )
    columns = [Column("Ceiling"), Column("Products", "GFLOP/s"), Column("Memory", "GB/s")]
    cells = [
        [peak["precision"], number(peak["gflops"]), number(peak["gbs"]), peak["how"]]
        for peak in peaks
    ]
    yield Table(f"{where}: measured ceilings.", [*columns, Column("How", words=True)], cells)
    if placed:
        columns = [Column("Model"), Column("Intensity", "FLOP/byte"), Column("Rate", "GFLOP/s")]
        yield Table(
            f"{where}: the models in the plot.",
            [*columns, Column("of the peak")],
            [
                [way.label, number(x), number(y), per_cent(row["figures"]["share_of_peak"])]
                for way, row, x, y in placed
            ],
        )


def _placed(ways: Sequence[Way]) -> Iterator[Placed]:
    for way in ways:
        row = way.latency("single", "model") or way.window()
        intensity = None if way.cost is None else way.cost["intensity"]
        if row is not None and row["valid"] and row["figures"]["gflops"] and intensity:
            yield way, row, intensity, row["figures"]["gflops"]


def _draw(peaks: Sequence[Peak], placed: Sequence[Placed], figure: "Figure", theme: Theme) -> None:
    axes = plain_axes(figure, theme, grid="both")
    knees = [peak["gflops"] / peak["gbs"] for peak in peaks if peak["gbs"]]
    points = [x for _, _, x, _ in placed]
    ends = np.array([min([*knees, *points]) / 4, max([*knees, *points]) * 4])
    for peak, dashes in zip(peaks, ("-", "--", "-.", ":") * len(peaks), strict=False):
        flat, slope = peak["gflops"], peak["gbs"]
        knee = flat / slope if slope else ends[0]
        xs = [ends[0], max(knee, ends[0]), ends[1]]
        ys = [min(flat, slope * x) if slope else flat for x in xs]
        axes.plot(xs, ys, dashes, color=theme.text, linewidth=1.4)
        text = f"{shortened(peak['precision'], 12)}: {number(flat)} GFLOP/s"
        written(axes, text, (ends[1], flat), (-2, 4), "right")
        if slope:
            written(axes, f"{number(slope)} GB/s", (xs[0], ys[0]), (10, 0))
    for order, (way, _, x, y) in enumerate(placed):
        mark, colour = _MARKS[(order + order // 8) % len(_MARKS)], theme.colour(order)
        axes.plot([x], [y], mark, color=colour, markersize=8, label=way.short)
    log_axis(axes, "x")
    log_axis(axes, "y")
    axes.margins(y=0.12)
    axes.set_xlabel("FLOP/byte")
    axes.set_ylabel("GFLOP/s")
    figure.legend(loc="outside upper left", ncols=2, fontsize=SMALL)
