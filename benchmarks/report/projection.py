"""Bounds for devices one does not have, apart from what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from h2ot_edge.benchmarks.projection.devices import PRECISIONS, devices
from h2ot_edge.benchmarks.projection.roofline import LABEL, Bound
from h2ot_edge.benchmarks.projection.table import project
from h2ot_edge.benchmarks.report.content import Cell, Column, Notes, Part, Picture, Section, Table
from h2ot_edge.benchmarks.report.drawing import Theme, log_axis, plain_axes
from h2ot_edge.benchmarks.report.ways import Way
from h2ot_edge.benchmarks.report.words import DASH, number, per_cent, with_unit
from h2ot_edge.errors import H2OTError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["projection_section"]

MOST_MODELS = 4
"""With bounds, which are half a hundred lines each."""

_DRAWN = "fp16"


def projection_section(
    ways: Sequence[Way], submissions: Sequence[Mapping[str, Any]] = ()
) -> Section | None:
    """Bounds of the models, and what others measured; None if no model's cost is known.

    Args:
        ways: the models.
        submissions: files of `h2ot-bench submit`.
    """
    models = _models(ways)
    chosen = dict(list(models.items())[:MOST_MODELS])
    if not chosen:
        return None
    found, left_out = _projected(chosen, submissions)
    lines = [_ABOUT, _HOW]
    if len(models) > len(chosen):
        lines.append(
            f"The first {len(chosen)} of {len(models)} models; report others by themselves."
        )
    lines += [f"Left out: {why}." for why in left_out]
    parts: list[Part] = [Notes(lines)]
    for order, (model, bounds) in enumerate(found.items()):
        parts += _pictures(order, model, bounds)
    for model, bounds in found.items():
        parts += _tables(model, bounds)
    parts += _sources()
    return Section("projection", "Bounds for other devices, not measured", parts, "bound")


def _models(ways: Sequence[Way]) -> dict[str, Mapping[str, Any]]:
    """Those that do work, by name; of two documents that name two models alike, by label."""
    models: dict[str, Mapping[str, Any]] = {}
    for way in ways:
        if way.cost and way.cost["total_gflop"]:
            alike = models.setdefault(way.model, way.described) == way.described
            if not alike:
                models[way.label] = way.described
    return models


def _projected(
    models: Mapping[str, Mapping[str, Any]], submissions: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Sequence[Bound]], list[str]]:
    """Bounds by model, and what has none: a model that cannot be projected spoils no page."""
    bounds: dict[str, Sequence[Bound]] = {}
    left_out: list[str] = []
    for name, model in models.items():
        try:
            projection = project({name: model}, submissions)
        except H2OTError as error:
            left_out.append(f"{name} ({error})")
            continue
        bounds |= projection.bounds
        left_out += [why for why in projection.left_out if why not in left_out]
    return bounds, left_out


_ABOUT = (
    "Nothing in this box was measured unless it says so. A window takes no less than this on the "
    "device: its products at the documented dense rate, or its bytes at the documented bandwidth, "
    "whichever takes longer. What is left out makes real times longer, often several times."
)
_HOW = (
    "A measurement can be sent from the device (h2ot-bench submit writes a file); it then stands "
    "in the column Measured."
)


def _pictures(order: int, model: str, bounds: Sequence[Bound]) -> Iterator[Part]:
    drawn = [bound for bound in bounds if bound.precision == _DRAWN]
    names = list(dict.fromkeys(bound.device for bound in drawn))
    if names:
        yield Picture(
            f"projection-{order}",
            f"Bounds of {model} in {_DRAWN.upper()}",
            f"Bounds of {model} in {_DRAWN.upper()}, not measured: {LABEL} the left end in the "
            "fastest power mode, the right end in the slowest. Filled squares were measured.",
            0.9 + 0.26 * len(names),
            partial(_draw, drawn, names),
        )


def _tables(model: str, bounds: Sequence[Bound]) -> Iterator[Part]:
    columns = [Column("Device"), Column("Power mode", words=True)]
    columns += [Column(f"{name.upper()}, {LABEL}", "ms") for name in PRECISIONS]
    columns += [Column("Limited by", words=True), Column("Measured", words=True)]
    by_mode: dict[tuple[str, str], list[Bound]] = {}
    for bound in bounds:
        by_mode.setdefault((bound.device, bound.mode), []).append(bound)
    caption = f"{model}: bounds of a window by device and power mode, not measured."
    rows = [_cells(device, mode, each) for (device, mode), each in by_mode.items()]
    yield Table(caption, columns, rows, folded=True)
    measured = [bound for bound in bounds if bound.measured_ms is not None]
    if measured:
        yield Notes([_measured(bound) for bound in measured])


def _cells(device: str, mode: str, bounds: Sequence[Bound]) -> list[Cell | str]:
    by_precision = {bound.precision: bound for bound in bounds}
    cells: list[Cell | str] = [devices()[device].title, mode]
    for name in PRECISIONS:
        found = by_precision.get(name)
        cells.append(Cell(DASH if found is None else f"\u2265 {number(found.bound_ms)}", "bound"))
    cells.append(" or ".join(dict.fromkeys(bound.limit for bound in bounds)))
    measured = [
        f"{with_unit(bound.measured_ms, 'ms')} in {bound.precision.upper()}"
        for bound in bounds
        if bound.measured_ms is not None
    ]
    cells.append(Cell(", ".join(measured) or DASH, "best" if measured else ""))
    return cells


def _measured(bound: Bound) -> str:
    origin = bound.measured or {}
    noisy = ", on a noisy machine" if origin.get("noisy") else ""
    remark = f" ({bound.remark})" if bound.remark else ""
    return (
        f"Measured on {origin.get('machine', DASH)} ({bound.mode}) on "
        f"{origin.get('measured_on', DASH)}{noisy}: {with_unit(bound.measured_ms, 'ms')} a window "
        f"in {bound.precision.upper()}, {origin.get('backend', DASH)}, boundary "
        f"{origin.get('boundary', DASH)}; the bound is {with_unit(bound.bound_ms, 'ms')}, "
        f"{per_cent(bound.share_of_bound)} of it{remark}."
    )


def _sources() -> Iterator[Table]:
    """Every source once, and by its number which device has which."""
    found = dict.fromkeys(each for device in devices().values() for each in device.sources)
    numbers = {source: str(place) for place, source in enumerate(found, 1)}
    columns = [Column("Device"), Column("Read in", words=True), Column("How", words=True)]
    rows = [
        [
            device.title,
            ", ".join(numbers[source] for source in device.sources),
            "; ".join(device.notes),
        ]
        for device in devices().values()
    ]
    yield Table("Where the ceilings of the devices come from.", columns, rows, folded=True)
    listed = [[place, source] for source, place in numbers.items()]
    columns = [Column("Number"), Column("Source", words=True)]
    yield Table("What they were read in.", columns, listed, folded=True)


def _draw(bounds: Sequence[Bound], names: Sequence[str], figure: "Figure", theme: Theme) -> None:
    axes = plain_axes(figure, theme)
    for place, name in enumerate(names):
        there = [bound for bound in bounds if bound.device == name]
        ends = sorted(bound.bound_ms for bound in there)
        colour = theme.colour(3)
        axes.plot([ends[0], ends[-1]], [place] * 2, ":", color=colour, linewidth=1.4)
        axes.plot([ends[0], ends[-1]], [place] * 2, ">", color=colour, fillstyle="none")
        measured = [bound.measured_ms for bound in there if bound.measured_ms is not None]
        axes.plot(measured, [place] * len(measured), "s", color=theme.colour(0))
    axes.set_yticks(range(len(names)), [devices()[name].title for name in names])
    axes.invert_yaxis()
    log_axis(axes, "x")
    axes.set_xlabel(f"ms a window in {_DRAWN.upper()}, {LABEL}")
