"""Horizontal bars, from the top down."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from h2ot_edge.benchmarks.report.content import Draw
from h2ot_edge.benchmarks.report.drawing import SMALL, Theme, plain_axes, written
from h2ot_edge.benchmarks.report.ways import MOST
from h2ot_edge.benchmarks.report.words import number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["grouped", "height_of", "stacked"]

Values = Sequence[float | None]
Words = Callable[[float], str]


def height_of(bars: int) -> float:
    """Inches of a plot of so many bars."""
    return 0.95 + 0.24 * bars


def stacked(names: Sequence[str], parts: Mapping[str, Values], label: str) -> Draw:
    """One bar a name, made of parts; their sum is written behind it.

    Args:
        names: of the bars.
        parts: a value for each name; None is left out.
        label: of the axis, with the unit.
    """
    return partial(_stacked, names, parts, label)


def grouped(
    names: Sequence[str],
    bars: Mapping[str, Values],
    label: str,
    *,
    ends: Mapping[str, Values] | None = None,
    words: Words = number,
) -> Draw:
    """As many bars a name as there are kinds; what one lacks takes no place.

    Args:
        names: of the groups.
        bars: a value for each name, by kind.
        label: of the axis, with the unit.
        ends: where a line from the bar's end goes to, by kind.
        words: what is written behind a bar.
    """
    return partial(_grouped, names, bars, label, ends or {}, words)


def _stacked(
    names: Sequence[str],
    parts: Mapping[str, Values],
    label: str,
    figure: "Figure",
    theme: Theme,
) -> None:
    axes = plain_axes(figure, theme)
    ends = [0.0] * len(names)
    for order, (part, values) in enumerate(parts.items()):
        widths = [value or 0.0 for value in values]
        colour = theme.colour(order)
        # The edge keeps neighbours apart for those who do not see their colours.
        axes.barh(
            range(len(names)), widths, 0.62, ends, label=part, color=colour, edgecolor=theme.surface
        )
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    for place, end in enumerate(ends):
        written(axes, number(end), (end, place), (5, 0))
    _finished(axes, range(len(names)), names, label, max(ends))
    _legend(figure, axes, parts)


def _grouped(
    names: Sequence[str],
    bars: Mapping[str, Values],
    label: str,
    ends: Mapping[str, Values],
    words: Words,
    figure: "Figure",
    theme: Theme,
) -> None:
    axes = plain_axes(figure, theme)
    middles: list[float] = []
    place, longest, seen = 0.0, 0.0, set()
    for name in range(len(names)):
        kinds = [kind for kind in bars if bars[kind][name] is not None]
        middles.append(place + (len(kinds) - 1) / 2)
        for kind in kinds:
            value, end = bars[kind][name] or 0.0, ends.get(kind, bars[kind])[name] or 0.0
            colour = theme.colour(list(bars).index(kind))
            axes.barh(place, value, 0.8, color=colour, label=None if kind in seen else kind)
            if kind in ends:
                axes.plot([value, end], [place, place], color=theme.text, linewidth=1)
                axes.plot([end], [place], "|", color=theme.text, markersize=6)
            written(axes, words(value), (max(value, end), place), (5, 0))
            longest, place = max(longest, value, end), place + 1
            seen.add(kind)
        place += 0.7
    _finished(axes, middles, names, label, longest)
    if len(bars) > 1:
        _legend(figure, axes, bars)


def _finished(
    axes: "Axes", places: Sequence[float], names: Sequence[str], label: str, longest: float
) -> None:
    axes.set_yticks(list(places), [shortened(name, MOST) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.set_xlim(0, 1.18 * longest or 1.0)


def _legend(figure: "Figure", axes: "Axes", kinds: Iterable[str]) -> None:
    """In the order of the kinds, not in that in which their first bars were drawn."""
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    shown = [kind for kind in kinds if kind in found]
    handles = [found[kind] for kind in shown]
    figure.legend(handles, shown, loc="outside upper left", ncols=3, fontsize=SMALL)
