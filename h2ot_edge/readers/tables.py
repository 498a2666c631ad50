"""CSV: a header with the names of joints, a line for each frame, or for each person in a frame.

Columns are NAME_x, NAME_y and perhaps NAME_score (or confidence, conf, c, visibility, v,
likelihood), with `_`, `.`, `-` or a space between; `frame`, and `person` (or id, track_id) if there
are several people; `time_s`, the frame's time in seconds; `image_width` and `image_height`. What
other columns say is left out. Names are those of a layout, in any of the usual spellings:
left_shoulder, LShoulder, l-shoulder. An empty cell is a missing joint, and a row without a person
and joints is a frame in which nobody was seen. `h2ot_edge.keypoint_files` writes such files; one
whose writer was killed is read up to the line that is cut off.
"""

import csv
import itertools
import logging
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.found import Found
from h2ot_edge.spec import FloatArray

__all__ = ["read_csv"]

_logger = logging.getLogger(__name__)

_SCORES = ("score", "confidence", "conf", "c", "visibility", "visible", "v", "likelihood")
_COLUMN = re.compile(rf"(.+?)[_.\- ](x|y|{'|'.join(_SCORES)})", re.IGNORECASE)
_PERSON = ("person", "id", "track_id", "person_id")
_OURS = {"frame", "time_s", "person", "image_width", "image_height"}
"""Columns of `h2ot_edge.keypoint_files`."""

_CONSTANTS = ["0", "1"]
"""Cells behind those of a row, for what has no column."""

_T = TypeVar("_T")

Columns = Mapping[str, Mapping[str, int]]
"""By joint: where x, y and score are."""


def read_csv(path: Path, layout: str | None) -> Found:
    """Read a file, row by row: three hours of several people have a million.

    Raises:
        InputError: not as the module says.
    """
    rows = _rows(path)
    header, first = [cell.strip() for cell in next(rows)], next(rows)
    columns = _columns(header)
    chosen = layout or _layout(columns, header, path)
    table = _Table(path, header, _cells(columns, chosen, len(header), path))
    for row in itertools.chain([first], rows):
        table.add(row)
    points, people = table.points(), table.people
    there = points[..., 2].any(axis=-1)
    there |= np.fromiter((name != "" for name in people or table.frame), np.bool_, len(points))
    return Found(
        layout=chosen,
        frames=list(table.frames),
        frame=np.array(table.frame, np.intp)[there],
        keypoints=points if there.all() else points[there],
        people=list(itertools.compress(people, there)),
        scores=points[there, :, 2].sum(axis=1, dtype=np.float64),
        image_size=table.image_size(),
        times=table.times(),
        # Others may count from 1, or count something else.
        numbered=set(header) >= _OURS and all(map(str.isdecimal, table.frames)),
    )


def _rows(path: Path) -> Iterator[list[str]]:
    """The header and at least one line, as cells; without a last line that is cut off."""
    header: list[str] = []
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _Lines(file)
            for row, last in _with_last(filter(None, csv.reader(lines))):
                header = header or row
                if last and not lines.ended and _is_cut(header, row):
                    _warn_of_cut(path, number + 1)
                    break
                number += 1
                _check_cells(row, header, number, path)
                yield row
    except (csv.Error, ValueError) as error:
        raise InputError(f"{path}: not readable as CSV ({error}); write it again") from error
    if number < 2:
        raise InputError(f"{path}: expected a header and lines of numbers, got {number} lines")


@dataclass
class _Lines:
    """Lines of a file; after the last one, whether it had an end."""

    file: Iterable[str]
    ended: bool = True

    def __iter__(self) -> Iterator[str]:
        for line in self.file:
            self.ended = line.endswith(("\n", "\r"))
            yield line


def _with_last(items: Iterable[_T]) -> Iterator[tuple[_T, bool]]:
    """Each, and whether it is the last."""
    rest = iter(items)
    for item in rest:
        for following in rest:
            yield item, False
            item = following
        yield item, True


def _warn_of_cut(path: Path, number: int) -> None:
    _logger.warning(
        "%s: line %d is cut off, whoever wrote it was stopped; read up to there", path, number
    )


def _check_cells(row: Sequence[str], header: Sequence[str], number: int, path: Path) -> None:
    if len(row) != len(header):
        raise InputError(
            f"{path}: line {number}: expected {len(header)} cells as in the header, got {len(row)}"
        )


def _is_cut(header: Sequence[str], last: Sequence[str]) -> bool:
    """Whether a last line without an end is not all there.

    Others' last lines may have no end; ours have one, and without it the last number may be cut.
    """
    return len(last) < len(header) or set(header) >= _OURS


@dataclass
class _Table:
    """What is kept of the rows: numbers, and each name once.

    Attributes:
        path: for errors.
        header: names of the columns.
        cells: where x, y and score of each joint are, `_CONSTANTS` behind the row's.
        frames: number of each name.
        frame: of each row.
        people: of each row; empty without such a column.
    """

    path: Path
    header: Sequence[str]
    cells: Sequence[int]
    frames: dict[str, int] = field(default_factory=dict)
    frame: "array[int]" = field(default_factory=lambda: array("q"))
    people: list[str] = field(default_factory=list)
    _numbers: "array[float]" = field(default_factory=lambda: array("f"))
    _times: "array[float]" = field(default_factory=lambda: array("d"))
    _sizes: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, row: list[str]) -> None:
        """Take a row."""
        frame, time, person, *size = self._places
        name = row[frame] if frame >= 0 else str(len(self.frame))
        if name not in self.frames and time >= 0:
            self._times.append(_number(row[time], time, self.path))
        self.frame.append(self.frames.setdefault(name, len(self.frames)))
        if person >= 0:
            self.people.append(sys.intern(row[person].strip()))
        if min(size) >= 0:
            self._sizes.add(tuple(row[at] for at in size))
        row += _CONSTANTS
        try:
            self._numbers.extend([float(row[at] or "nan") for at in self.cells])
        except ValueError:
            self._numbers.extend([_number(row[at], at, self.path) for at in self.cells])

    def points(self) -> FloatArray:
        """(n, j, 3); zeros where x, y or score is missing."""
        points = np.frombuffer(self._numbers, np.float32).reshape(len(self.frame), -1, 3)
        points[np.isnan(points).any(axis=-1)] = 0
        return points

    def times(self) -> NDArray[np.float64] | None:
        """Seconds of each frame; None if the column is not there, or empty."""
        times = np.array(self._times)
        return None if np.isnan(times).all() else times

    def image_size(self) -> tuple[float, float] | None:
        """(width, height); None if a column is not there."""
        if not self._sizes:
            return None
        sizes = np.unique(
            [
                [
                    _number(cell, at, self.path)
                    for cell, at in zip(size, self._places[3:], strict=True)
                ]
                for size in self._sizes
            ],
            axis=0,
        )
        if len(sizes) > 1 or not (sizes > 0).all():
            raise InputError(
                f"{self.path}: expected one image_width and image_height above 0 in all lines, got "
                f"{' and '.join(f'{w:g} x {h:g}' for w, h in sizes[:3])}"
            )
        return float(sizes[0, 0]), float(sizes[0, 1])

    @cached_property
    def _places(self) -> tuple[int, ...]:
        names = (("frame",), ("time_s",), _PERSON, ("image_width",), ("image_height",))
        return tuple(_place(self.header, each) for each in names)


def _columns(header: Sequence[str]) -> Columns:
    columns: dict[str, dict[str, int]] = {}
    for at, cell in enumerate(header):
        match = _COLUMN.fullmatch(cell)
        if match:
            kind = match[2].lower()
            joint = columns.setdefault(_spelt(match[1]), {})
            joint.setdefault("score" if kind in _SCORES else kind, at)
    return columns


def _spelt(joint: str) -> str:
    """One spelling for left_shoulder, LShoulder and l-shoulder."""
    plain = re.sub(r"[^a-z0-9]", "", joint.lower())
    return re.sub(r"^(left|right)(?=.)", lambda side: side[1][0], plain)


def _layout(columns: Columns, header: Sequence[str], path: Path) -> str:
    names = {name: {_spelt(joint) for joint in LAYOUTS[name].joints} for name in LAYOUTS}
    whole = [name for name in LAYOUTS if names[name] <= columns.keys()]
    largest = [a for a in whole if not any(names[a] < names[b] for b in whole)]
    fitting = largest or [
        name
        for name, layout in LAYOUTS.items()
        if {_spelt(joint) for joint in layout.used} <= columns.keys()
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"{path}: the columns may be {' or '.join(fitting)}; say which (layout=, or --layout "
            "on the command line)"
        )
    raise InputError(
        f"{path}: expected columns such as nose_x, nose_y, nose_score for the joints of a layout "
        f"(h2ot_edge.layouts.LAYOUTS), got {', '.join(header[:6])}"
        + (f" and {len(header) - 6} more" if len(header) > 6 else "")
    )


def _place(header: Sequence[str], names: Sequence[str]) -> int:
    plain = [cell.lower() for cell in header]
    return next((plain.index(name) for name in names if name in plain), -1)


def _cells(columns: Columns, layout: str, width: int, path: Path) -> list[int]:
    """Where x, y and score of each joint are; 0 and 1 are behind the cells of a row."""
    zero, one = width, width + 1
    cells, missing = [], []
    for joint in LAYOUTS[layout].joints:
        where = columns.get(_spelt(joint), {})
        known = {"x", "y"} <= where.keys()
        cells += [where["x"], where["y"], where.get("score", one)] if known else [zero] * 3
        if not known and joint in LAYOUTS[layout].used:
            missing.append(joint)
    if missing:
        raise InputError(
            f"{path}: expected the columns of layout {layout}; x or y of {', '.join(missing)} not "
            "found"
        )
    return cells


def _number(cell: str, at: int, path: Path) -> float:
    """Of a cell; NaN if it is empty."""
    try:
        return float(cell.strip() or "nan")
    except ValueError as error:
        raise InputError(f"{path}: column {at + 1}: expected numbers ({error})") from error
