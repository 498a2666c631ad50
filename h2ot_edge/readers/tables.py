"""CSV: a header with the names of joints, a line for each frame, or for each person in a frame.

Columns are NAME_x, NAME_y and perhaps NAME_score (or confidence, conf, c, visibility, v,
likelihood), with `_`, `.`, `-` or a space between; `frame`, and `person` (or id, track_id) if there
are several people. What other columns say is left out. Names are those of a layout, in any of the
usual spellings: left_shoulder, LShoulder, l-shoulder. An empty cell is a missing joint.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.found import Found
from h2ot_edge.spec import FloatArray

__all__ = ["read_csv"]

_SCORES = ("score", "confidence", "conf", "c", "visibility", "visible", "v", "likelihood")
_COLUMN = re.compile(rf"(.+?)[_.\- ](x|y|{'|'.join(_SCORES)})", re.IGNORECASE)
_PERSON = ("person", "id", "track_id", "person_id")

Columns = Mapping[str, Mapping[str, int]]
"""By joint: where x, y and score are."""


def read_csv(path: Path, layout: str | None) -> Found:
    """Read a file.

    Raises:
        InputError: not as the module says.
    """
    header, lines = _read(path)
    columns = _columns(header)
    chosen = layout or _layout(columns, header, path)
    needed = [columns.get(_spelt(joint), {}) for joint in LAYOUTS[chosen].joints]
    missing = [
        joint
        for joint, where in zip(LAYOUTS[chosen].joints, needed, strict=True)
        if joint in LAYOUTS[chosen].used and not {"x", "y"} <= where.keys()
    ]
    if missing:
        raise InputError(
            f"{path}: expected the columns of layout {chosen}; x or y of {', '.join(missing)} not "
            "found"
        )
    points = _points(lines, needed, path)
    names = [line[at] for line in lines] if (at := _place(header, ("frame",))) >= 0 else []
    frames = list(dict.fromkeys(names)) or [str(number) for number in range(len(lines))]
    number = {name: place for place, name in enumerate(frames)}
    person = _place(header, _PERSON)
    return Found(
        layout=chosen,
        frames=frames,
        frame=np.array([number[name] for name in names or frames], np.intp),
        keypoints=points,
        people=[line[person] for line in lines] if person >= 0 else (),
        scores=points[..., 2].sum(axis=1, dtype=np.float64),
    )


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (csv.Error, ValueError) as error:
        raise InputError(f"{path}: not readable as CSV ({error}); write it again") from error
    if len(rows) < 2:
        raise InputError(f"{path}: expected a header and lines of numbers, got {len(rows)} lines")
    header = [cell.strip() for cell in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InputError(
                f"{path}: line {number}: expected {len(header)} cells as in the header, got "
                f"{len(row)}"
            )
    return header, rows[1:]


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


def _points(
    lines: Sequence[Sequence[str]], columns: Sequence[Mapping[str, int]], path: Path
) -> FloatArray:
    points = np.zeros((len(lines), len(columns), 3), np.float32)
    for joint, where in enumerate(columns):
        if {"x", "y"} <= where.keys():
            points[:, joint, 2] = 1
            for channel, kind in enumerate(("x", "y", "score")):
                if kind in where:
                    points[:, joint, channel] = _column(lines, where[kind], path)
    points[np.isnan(points).any(axis=-1)] = 0
    return points


def _column(lines: Sequence[Sequence[str]], at: int, path: Path) -> FloatArray:
    cells = [line[at].strip() or "nan" for line in lines]
    try:
        with np.errstate(over="ignore"):  # the engine refuses infinity, and says where it is
            return np.array([float(cell) for cell in cells]).astype(np.float32)
    except ValueError as error:
        raise InputError(f"{path}: column {at + 1}: expected numbers ({error})") from error
