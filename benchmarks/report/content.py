"""What a page consists of, whatever it is written in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from h2ot_edge.benchmarks.report.drawing import Theme

__all__ = ["Cell", "Code", "Column", "Draw", "Look", "Notes", "Part", "Picture", "Section", "Table"]

Look = Literal["", "invalid", "best", "bound"]
Draw = Callable[["Figure", "Theme"], None]


@dataclass(frozen=True)
class Column:
    """Of a table.

    Attributes:
        title: above it.
        unit: of its numbers; empty for none, or where each cell has its own.
        words: whether it holds words, which begin at the left, rather than numbers.
    """

    title: str
    unit: str = ""
    words: bool = False


@dataclass(frozen=True)
class Cell:
    """Of a table.

    Attributes:
        text: what is in it.
        look: `invalid` is struck out, `best` is bold, `bound` is set apart from measurements.
    """

    text: str
    look: Look = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows, of which rows.
        columns: from the left; the first one names the row.
        rows: a cell, or its text, for each column.
        folded: whether a reader has to open it.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell | str]]
    folded: bool = False

    def cells(self) -> list[list[Cell]]:
        """The rows, every cell a `Cell`."""
        return [
            [each if isinstance(each, Cell) else Cell(each) for each in row] for row in self.rows
        ]


@dataclass(frozen=True)
class Picture:
    """A plot.

    Attributes:
        name: of its file, behind that of the page; unique, and made of nothing in a document.
        title: what it is, for those who do not see it.
        caption: what it shows, of which rows.
        height: inches; every plot is 5.2 wide.
        draw: draws it on an empty figure with the colours of a theme.
    """

    name: str
    title: str
    caption: str
    height: float
    draw: Draw


@dataclass(frozen=True)
class Notes:
    """Sentences, one below the other.

    Attributes:
        lines: of them.
        look: `warning` stands out, `small` does not.
    """

    lines: Sequence[str]
    look: Literal["", "warning", "small"] = ""


@dataclass(frozen=True)
class Code:
    """What was typed."""

    text: str


Part = Table | Picture | Notes | Code


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading.

    Attributes:
        name: for links; made of nothing in a document.
        title: the heading.
        parts: from the top.
        look: `bound` sets it apart from what was measured.
    """

    name: str
    title: str
    parts: Sequence[Part]
    look: Literal["", "bound"] = ""
