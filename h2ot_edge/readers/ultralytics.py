"""Ultralytics' pose results: `results.to_json()` of each frame, or the label files of `save_txt`.

JSON: a frame is a list of objects with `name`, `class`, `confidence`, `box`, `keypoints` (an object
of the lists x, y and visible) and, when tracking, `track_id`; ultralytics/engine/results.py,
summary. A file holds a list of such frames, or one frame; a folder holds a file for each frame.

Text: a folder of NAME_12.txt, a line for each person: class, box (4), x, y and perhaps a
confidence of each joint, the person's confidence with `save_conf`, and the number of a track;
results.py, save_txt. x and y are shares of the image. Frames without anybody have no file.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers.found import Found, natural
from h2ot_edge.readers.parsing import as_points, layout_of, named, numbers, parsed
from h2ot_edge.spec import FloatArray

__all__ = ["is_ultralytics", "read_ultralytics", "read_ultralytics_folder", "read_ultralytics_text"]

_USUAL = ("coco17", "halpe26", "coco133")
_BEFORE = 5
"""Numbers of a line before the keypoints: class and box."""

Person = tuple[FloatArray, str | None, float]


def is_ultralytics(document: Any) -> bool:
    """Whether parsed JSON looks like it."""
    if not isinstance(document, list):
        return False
    first = next((item for item in document if item), None)
    if isinstance(first, list):
        first = first[0]
    return isinstance(first, dict) and {"class", "confidence", "box"} <= first.keys()


def read_ultralytics(document: Any, path: Path, layout: str | None) -> Found:
    """Read parsed JSON: one frame, or a list of frames.

    Raises:
        InputError: not as the module says.
    """
    if not isinstance(document, list) or not document:
        raise InputError(
            f"{path}: expected a list of frames as Ultralytics' to_json gives them, got "
            f"{named(document)}"
        )
    frames = document if isinstance(document[0], list) else [document]
    return _found(
        {
            str(at): list(_people_of_json(frame, f"{path}: frame {at}"))
            for at, frame in enumerate(frames)
        },
        layout,
        str(path),
    )


def read_ultralytics_folder(files: Mapping[str, Path], layout: str | None) -> Found:
    """Read a folder with a JSON file for each frame, by name."""
    frames = {name: list(_people_of_json(parsed(path), str(path))) for name, path in files.items()}
    return _found(frames, layout, str(next(iter(files.values())).parent))


def read_ultralytics_text(files: Mapping[str, Path], layout: str | None) -> Found:
    """Read a folder with label files, by name.

    Raises:
        InputError: not as the module says.
    """
    frames = {name: _lines(path) for name, path in files.items()}
    widths = {len(line) for lines in frames.values() for line in lines}
    source = str(next(iter(files.values())).parent)
    if len(widths) != 1:
        raise InputError(
            f"{source}: expected lines of the same length in all files, got "
            f"{', '.join(map(str, sorted(widths))) or 'no lines'} numbers"
        )
    joints, channels, after = _columns(widths.pop(), layout, source)
    end = _BEFORE + joints * channels
    last = [line[-1] for lines in frames.values() for line in lines]
    tracked = after == 2 or (after == 1 and all(value.is_integer() for value in last))
    people = {
        name: [
            (
                as_points(np.array(line[_BEFORE:end], np.float32).reshape(joints, channels)),
                f"{line[-1]:.0f}" if tracked else None,
                line[end] if after - tracked else 1.0,
            )
            for line in lines
        ]
        for name, lines in frames.items()
    }
    return _found(people, layout, source, shares=True)


def _found(
    frames: Mapping[str, Sequence[Person]], asked: str | None, source: str, shares: bool = False
) -> Found:
    names = sorted(frames, key=natural)
    everybody = [(at, person) for at, name in enumerate(names) for person in frames[name]]
    points = [person[0] for _, person in everybody]
    counts = {len(found) for found in points}
    if len(counts) > 1:
        raise InputError(
            f"{source}: expected people with as many joints in all frames, got "
            f"{' and '.join(map(str, sorted(counts)))}"
        )
    array = np.array(points, np.float32) if points else np.empty((0, 17, 3), np.float32)
    tracked = all(person[1] is not None for _, person in everybody)
    return Found(
        layout=layout_of(array.shape[1], _USUAL, asked, source),
        frames=names,
        frame=np.array([at for at, _ in everybody], np.intp),
        keypoints=array,
        people=[str(person[1]) for _, person in everybody] if tracked else (),
        scores=np.array([person[2] for _, person in everybody], np.float64),
        shares=shares or _normalised(array),
    )


def _people_of_json(frame: Any, source: str) -> Iterator[Person]:
    if not isinstance(frame, list):
        raise InputError(
            f"{source}: expected a list of people as Ultralytics' to_json gives it, got "
            f"{named(frame)}"
        )
    for number, person in enumerate(frame):
        points = _points(person)
        if points is None:
            raise InputError(
                f"{source}: person {number}: expected keypoints with the lists x, y and perhaps "
                f"visible, got {named(person)}"
            )
        track = person.get("track_id")
        score = person.get("confidence")
        strength = float(score) if isinstance(score, int | float) else float(points[:, 2].mean())
        yield points, None if track is None else str(track), strength


def _points(person: Any) -> FloatArray | None:
    keypoints = person.get("keypoints") if isinstance(person, dict) else None
    if not isinstance(keypoints, dict) or not {"x", "y"} <= keypoints.keys():
        return None
    columns = [keypoints[key] for key in ("x", "y", "visible") if key in keypoints]
    array = numbers(columns)
    if array is None or array.ndim != 2 or not array.size:
        return None
    return as_points(array.T)


def _lines(path: Path) -> list[list[float]]:
    try:
        text = path.read_text(encoding="utf-8")
        return [[float(word) for word in line.split()] for line in text.splitlines() if line]
    except ValueError as error:
        raise InputError(f"{path}: expected lines of numbers ({error})") from error


def _columns(width: int, asked: str | None, source: str) -> tuple[int, int, int]:
    """Joints, channels and what follows them: a confidence, a track, or both."""
    joints = len(LAYOUTS[asked or "coco17"].joints)
    fitting = [
        (joints, channels, after)
        for channels in (2, 3)
        if 0 <= (after := width - _BEFORE - joints * channels) <= 2
    ]
    if len(fitting) != 1:
        raise InputError(
            f"{source}: expected lines of {_BEFORE + 3 * joints} numbers (class, box, and x, y, "
            f"confidence of {joints} joints) and perhaps a confidence and a track, got {width}"
        )
    return fitting[0]


def _normalised(points: FloatArray) -> bool:
    """`to_json(normalize=True)`."""
    return bool(points.size) and float(np.abs(points[..., :2]).max()) <= 1.0
