"""OpenPose's results: a folder of NAME_000000000012_keypoints.json, one for each frame.

Each is an object with `people`, each of whom has `pose_keypoints_2d` (x, y, confidence of each
joint, one after the other) and perhaps `person_id` ([-1] without tracking). Written with
`--write_json`; doc/02_output.md of OpenPose. x and y are pixels unless `--keypoint_scale 3` made
them shares of the image. AlphaPose's `--format open` writes one file, an object with such an object
for each image; that is read too, and so is a single frame.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.readers.found import Found, natural
from h2ot_edge.readers.parsing import layout_of, named, numbers, parsed
from h2ot_edge.spec import FloatArray

__all__ = ["is_openpose", "read_openpose", "read_openpose_folder"]

_USUAL = ("body25", "openpose18", "coco17", "halpe26", "coco133", "halpe136")
_KEYS = ("pose_keypoints_2d", "pose_keypoints")
"""The second is that of versions before 1.2."""


def is_openpose(document: Any) -> bool:
    """Whether parsed JSON looks like it."""
    if not isinstance(document, dict) or not document:
        return False
    return "people" in document or _of_images(document)


def _of_images(document: Mapping[str, Any]) -> bool:
    return all(isinstance(value, dict) and "people" in value for value in document.values())


def read_openpose(document: Any, path: Path, layout: str | None) -> Found:
    """Read parsed JSON: one frame, or an object of frames.

    Raises:
        InputError: not as the module says.
    """
    if not is_openpose(document):
        raise InputError(
            f"{path}: expected an object with people, as OpenPose writes it, got {named(document)}"
        )
    frames = {path.name: document} if "people" in document else document
    return _found({name: (f"{path}: {name}", frame) for name, frame in frames.items()}, layout)


def read_openpose_folder(files: Mapping[str, Path], layout: str | None) -> Found:
    """Read a folder.

    Args:
        files: of the frames, by name.
        layout: as in `read_clip`.

    Raises:
        InputError: a file is not as the module says.
    """
    return _found({name: (str(path), parsed(path)) for name, path in files.items()}, layout)


def _found(documents: Mapping[str, tuple[str, Any]], asked: str | None) -> Found:
    frames = sorted(documents, key=natural)
    rows: list[list[Any]] = []
    where: list[int] = []
    people: list[str] = []
    layout = asked
    for at, name in enumerate(frames):
        source, document = documents[name]
        for number, (points, person) in enumerate(_people(document, source)):
            if not rows:
                layout = layout_of(len(points) // 3, _USUAL, asked, source)
            elif len(points) != len(rows[0]):
                raise InputError(
                    f"{source}: person {number}: expected {len(rows[0])} numbers as in the frames "
                    f"before, got {len(points)}"
                )
            rows.append(points)
            where.append(at)
            people.append(person)
    array = _points(rows, documents)
    return Found(
        layout=layout or "body25",
        frames=frames,
        frame=np.array(where, np.intp),
        keypoints=array,
        people=people if all(name != "-1" for name in people) else (),
        scores=array[..., 2].sum(axis=1, dtype=np.float64),
        shares=_are_shares(array),
    )


def _people(document: Any, source: str) -> Iterator[tuple[list[Any], str]]:
    people = document.get("people") if isinstance(document, dict) else None
    if not isinstance(people, list):
        raise InputError(
            f"{source}: expected an object with people, as OpenPose writes it, got "
            f"{named(document)}"
        )
    for number, person in enumerate(people):
        points = (
            next((person[key] for key in _KEYS if key in person), None)
            if isinstance(person, dict)
            else None
        )
        if not isinstance(points, list) or len(points) % 3:
            raise InputError(
                f"{source}: person {number}: expected pose_keypoints_2d of 3 numbers a joint, got "
                f"{len(points) if isinstance(points, list) else named(person)}"
            )
        if points:  # empty where only a face or a hand was found
            yield points, _name(person.get("person_id"))


def _name(person: Any) -> str:
    if isinstance(person, list):
        person = person[0] if person else -1
    return "-1" if person is None else str(person)


def _points(rows: list[list[Any]], documents: Mapping[str, tuple[str, Any]]) -> FloatArray:
    if not rows:
        return np.empty((0, 25, 3), np.float32)
    points = numbers(rows)
    if points is None or points.ndim != 2:
        bad = (
            source
            for source, document in documents.values()
            for person, _ in _people(document, source)
            if (found := numbers(person)) is None or found.ndim != 1
        )
        raise InputError(
            f"{next(bad, next(iter(documents)))}: expected pose_keypoints_2d to be numbers"
        )
    return points.reshape(len(rows), -1, 3)


def _are_shares(points: FloatArray) -> bool:
    """`--keypoint_scale 3`; nobody is found within a pixel of the corner in every frame."""
    seen = points[points[..., 2] > 0]
    return bool(len(seen)) and float(np.abs(seen[:, :2]).max()) <= 1.0
