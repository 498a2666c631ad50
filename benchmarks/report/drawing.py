"""Plots as SVG for a light and a dark page, and as PNG; the same bytes for the same plot."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from h2ot_edge._names import require
from h2ot_edge.benchmarks.report.content import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "Drawn", "Theme", "drawn", "log_axis", "plain_axes", "written"]

WIDTH = 5.2
"""Inches of every plot."""

SMALL = 8.5
"""Points of what is written in a plot."""

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_LONG = re.compile(r"-?\d+\.\d{3,}")
_INK = re.compile(r"#[0-9a-f]{6}\b")
_REFERENCE = re.compile(r"url\(#")


@dataclass(frozen=True)
class Theme:
    """Colours.

    Attributes:
        name: `light` or `dark`.
        surface: what the plot lies on.
        text, muted, grid: of letters, of what is less important, and of lines behind the plot.
        colours: told apart by all eyes and by their lightness; 3:1 or more on the surface.
    """

    name: str
    surface: str
    text: str
    muted: str
    grid: str
    colours: tuple[str, ...]

    @property
    def inks(self) -> tuple[str, ...]:
        """All of them, in an order that themes share."""
        return (self.surface, self.text, self.muted, self.grid, *self.colours)

    def colour(self, number: int) -> str:
        """A colour; after the last one they begin again."""
        return self.colours[number % len(self.colours)]


LIGHT = Theme(
    "light", "#ffffff", "#1b1f24", "#57606a", "#d8dee4",
    ("#0072b2", "#d55e00", "#00795c", "#8a4f9e", "#8c6d00", "#4d4d4d", "#b8326e", "#2f7f9e"),
)  # fmt: skip
DARK = Theme(
    "dark", "#15191e", "#e6edf3", "#9aa4af", "#333b44",
    ("#56b4e9", "#e69f00", "#2fc49b", "#d8a0e8", "#f0e442", "#b0b8c0", "#ff8fb8", "#8fd3e8"),
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A plot, drawn.

    Attributes:
        light, dark: SVG elements without a size of their own, whose ids begin with the name of
            the plot and of the theme.
        png: content of a file, in light colours.
    """

    light: str
    dark: str
    png: bytes


def drawn(picture: Picture) -> Drawn:
    """Draw a plot in every colour.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    svg, png = _images(picture)
    return Drawn(light=_tidied(svg, picture, LIGHT), dark=_tidied(svg, picture, DARK), png=png)


def plain_axes(figure: "Figure", theme: Theme, *, grid: str = "x") -> "Axes":
    """Axes without a frame, with lines across `grid`."""
    axes = figure.add_subplot()
    axes.grid(True, axis=grid, color=theme.grid, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left" if grid == "x" else ""):
        if side:
            axes.spines[side].set_visible(False)
    return axes


def written(
    axes: "Axes",
    text: str,
    place: tuple[float, float],
    offset: tuple[float, float],
    side: Literal["left", "right"] = "left",
) -> None:
    """Write a text beside a place, so many points to the right and up.

    Args:
        axes: to write in.
        text: a few words.
        place: in data.
        offset: points.
        side: of the text that is there; the whole text then lies on the other side of the place.
    """
    axes.annotate(
        text,
        place,
        xytext=offset,
        textcoords="offset points",
        ha=side,
        va="center" if offset[1] == 0 else "baseline",
        fontsize=SMALL,
    )


def log_axis(axes: "Axes", which: str) -> None:
    """Make `x` or `y` logarithmic, with plain numbers at 1, 2 and 5."""
    ticker = require("matplotlib.ticker", "bench")
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    low, high = sorted(axis.get_view_interval())
    steps = (1, 2, 3, 4, 5, 6, 8) if high < 8 * low else (1, 2, 5) if high < 300 * low else (1,)
    axis.set_major_locator(ticker.LogLocator(subs=steps, numticks=12))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _tidied(svg: bytes, picture: Picture, theme: Theme) -> str:
    root = ElementTree.fromstring(svg)
    for unwanted in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
        for parent in list(root.iter()):
            for child in parent.findall(unwanted):
                parent.remove(child)
    prefix = f"{picture.name}-{theme.name}-"
    for element in root.iter():
        _tidy(element, prefix, theme)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": picture.title, "class": theme.name}
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(element: ElementTree.Element, prefix: str, theme: Theme) -> None:
    """Make ids and references unique in a page, coordinates shorter, and give it a theme."""
    inks = dict(zip(LIGHT.inks, theme.inks, strict=True))
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set(name, prefix + value)
        elif name == _LINK:
            del element.attrib[name]
            element.set("href", f"#{prefix}{value[1:]}")
        elif name in ("d", "x", "y"):
            element.set(name, _LONG.sub(_rounded, value))
        else:
            value = _INK.sub(lambda found: inks.get(found[0], found[0]), value)
            element.set(name, _REFERENCE.sub(f"url(#{prefix}", value))


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}"


def _images(picture: Picture) -> list[bytes]:
    """A plot as SVG and PNG."""
    with _style(picture, LIGHT):
        size = (WIDTH, picture.height)
        figure = require("matplotlib.figure", "bench").Figure(figsize=size, layout="constrained")
        picture.draw(figure, LIGHT)
        images = []
        for kind in ("svg", "png"):
            file = io.BytesIO()
            about: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
            clear = kind == "svg"
            figure.savefig(file, format=kind, metadata=about, transparent=clear, dpi=160)
            # What was laid out once lies well.
            figure.set_layout_engine("none")
            images.append(file.getvalue())
    return images


@contextmanager
def _style(picture: Picture, theme: Theme) -> Iterator[None]:
    """Nobody's own settings; names of a document may hold dollars, and letters no font has."""
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": picture.name,
        "text.parse_math": False,
        "font.size": 9.5,
        "axes.formatter.useoffset": False,
        "legend.frameon": False,
        "hatch.linewidth": 0.8,
        "figure.facecolor": theme.surface,
        "axes.facecolor": "none",
        "axes.prop_cycle": require("cycler", "bench").cycler(color=theme.colours),
        **dict.fromkeys(("text.color", "axes.labelcolor"), theme.text),
        **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), theme.text),
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), theme.muted),
    }
    style = require("matplotlib.style", "bench")
    with warnings.catch_warnings(), style.context(["default", settings]):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
