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
import io
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

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
    people = [line[person].strip() for line in lines] if person >= 0 else []
    frame = np.array([number[name] for name in names or frames], np.intp)
    there = [at for at, name in enumerate(people or frame) if name != "" or points[at, :, 2].any()]
    return Found(
        layout=chosen,
        frames=frames,
        frame=frame[there],
        keypoints=points[there],
        people=[people[at] for at in there] if people else (),
        scores=points[there, :, 2].sum(axis=1, dtype=np.float64),
        image_size=_image_size(header, lines, path),
        times=_times(header, lines, frame, path),
    )


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (csv.Error, ValueError) as error:
        raise InputError(f"{path}: not readable as CSV ({error}); write it again") from error
    if rows and not text.endswith(("\n", "\r")) and _is_cut(rows[0], rows[-1]):
        _logger.warning(
            "%s: line %d is cut off, whoever wrote it was stopped; read up to there",
            path,
            len(rows),
        )
        rows.pop()
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


def _is_cut(header: Sequence[str], last: Sequence[str]) -> bool:
    """Whether a last line without an end is not all there.

    Others' last lines may have no end; ours have one, and without it the last number may be cut.
    """
    return len(last) < len(header) or set(header) >= _OURS


def _times(
    header: Sequence[str], lines: Sequence[Sequence[str]], frame: NDArray[np.intp], path: Path
) -> NDArray[np.float64] | None:
    """Seconds of each frame; None if the column is not there, or empty."""
    at = _place(header, ("time_s",))
    if at < 0 or not any(line[at].strip() for line in lines):
        return None
    first = np.unique(frame, return_index=True)[1]
    return _column([lines[row] for row in first], at, path)


def _image_size(
    header: Sequence[str], lines: Sequence[Sequence[str]], path: Path
) -> tuple[float, float] | None:
    width, height = (_place(header, (name,)) for name in ("image_width", "image_height"))
    if width < 0 or height < 0:
        return None
    sizes = np.unique(
        np.stack([_column(lines, at, path) for at in (width, height)], axis=-1), axis=0
    )
    if len(sizes) > 1 or not (sizes > 0).all():
        raise InputError(
            f"{path}: expected one image_width and image_height above 0 in all lines, got "
            f"{' and '.join(f'{w:g} x {h:g}' for w, h in sizes[:3])}"
        )
    return float(sizes[0, 0]), float(sizes[0, 1])


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
                    with np.errstate(over="ignore"):  # the engine refuses infinity, says where
                        points[:, joint, channel] = _column(lines, where[kind], path)
    points[np.isnan(points).any(axis=-1)] = 0
    return points


def _column(lines: Sequence[Sequence[str]], at: int, path: Path) -> NDArray[np.float64]:
    try:
        return np.array([float(line[at].strip() or "nan") for line in lines])
    except ValueError as error:
        raise InputError(f"{path}: column {at + 1}: expected numbers ({error})") from error
