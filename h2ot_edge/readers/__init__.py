"""Files and folders that detectors write -> what they found; told apart by their content.

`h2ot_edge.clips.read_clip` is what users call. A format is a file of its own here and a line in
`FORMATS`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from h2ot_edge._files import Archive
from h2ot_edge.errors import InputError
from h2ot_edge.readers.alphapose import is_alphapose, read_alphapose
from h2ot_edge.readers.found import Found, Track
from h2ot_edge.readers.mediapipe import is_mediapipe, read_mediapipe
from h2ot_edge.readers.mmpose import (
    is_mmpose,
    is_mmpose_image,
    read_mmpose,
    read_mmpose_folder,
)
from h2ot_edge.readers.openpose import is_openpose, read_openpose, read_openpose_folder
from h2ot_edge.readers.parsing import named, parsed
from h2ot_edge.readers.rtmlib import is_rtmlib, read_rtmlib, read_rtmlib_archive
from h2ot_edge.readers.tables import read_csv
from h2ot_edge.readers.ultralytics import (
    is_ultralytics,
    read_ultralytics,
    read_ultralytics_folder,
    read_ultralytics_text,
)

__all__ = ["FORMATS", "Found", "Track", "format_of_archive", "read_found"]

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "npz": "this project's .npz of clips",
        "alphapose": "AlphaPose's .json",
        "coco": "COCO keypoint results, .json",
        "openpose": "OpenPose's folder of .json, or a single file",
        "mmpose": "predictions of MMPose, a .json or a folder of them",
        "ultralytics": "Ultralytics' to_json, a .json or a folder of them",
        "ultralytics-txt": "Ultralytics' label files, a folder of .txt",
        "rtmlib": "keypoints and scores as rtmlib gives them, .npz or .json",
        "mediapipe": "MediaPipe's 33 landmarks, .json",
        "csv": "a table with named columns, .csv",
    }
)
"""Every format, and what it is."""

SUFFIXES = "a clip, .npz, .json or .csv, or a folder of OpenPose's or Ultralytics' files"


class _Json(NamedTuple):
    fits: Callable[[Any], bool]
    read: Callable[[Any, Path, str | None], Found]


_JSON: Mapping[str, _Json] = {
    "alphapose": _Json(is_alphapose, read_alphapose),
    "openpose": _Json(is_openpose, read_openpose),
    "mmpose": _Json(is_mmpose, read_mmpose),
    "ultralytics": _Json(is_ultralytics, read_ultralytics),
    "rtmlib": _Json(is_rtmlib, read_rtmlib),
    "mediapipe": _Json(is_mediapipe, read_mediapipe),
}
"""COCO's results are AlphaPose's."""

_FOLDERS: Mapping[str, Callable[[Any], bool]] = {
    "openpose": is_openpose,
    "mmpose": is_mmpose_image,
    "ultralytics": is_ultralytics,
}
"""Formats with a file for each frame, by what fits one of them."""


def format_of_archive(archive: Archive) -> str:
    """`rtmlib` or `npz`, by the arrays of a file."""
    return "rtmlib" if is_rtmlib(archive) and "offsets" not in archive else "npz"


def read_found(
    path: Path, format: str | None, layout: str | None, archive: Archive | None = None
) -> tuple[str, Found]:
    """Read a file or folder of anything but this project's .npz.

    Args:
        path: the file or folder.
        format: a key of `FORMATS`; None to go by the content.
        layout: a key of `LAYOUTS`; None for what files of the format have.
        archive: the arrays of an .npz file.

    Returns:
        The format, and what was found.

    Raises:
        InputError: not of that format, of none that is known, or of several.
    """
    if archive is not None:
        return "rtmlib", read_rtmlib_archive(archive, path, layout)
    if path.is_dir():
        return _read_folder(path, format, layout)
    suffix = path.suffix.lower()
    if suffix not in (".json", ".csv"):
        raise InputError(f"{path}: expected {SUFFIXES}, got {path.suffix!r}")
    if suffix == ".csv":
        _refuse_unless(format in (None, "csv"), path, format, "a .csv")
        return "csv", read_csv(path, layout)
    document = parsed(path)
    chosen = format or _format_of_json(path, document)
    reader = _JSON.get("alphapose" if chosen == "coco" else chosen)
    if reader is None:
        raise _unfit(path, chosen, "a .json")
    return chosen, reader.read(document, path, layout)


def _format_of_json(path: Path, document: Any) -> str:
    fitting = [name for name, kind in _JSON.items() if kind.fits(document)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"{path}: may be {' or '.join(fitting)}; say which (format=, or --format on the "
            "command line)"
        )
    raise InputError(
        f"{path}: expected JSON of {', '.join(_JSON)} or COCO results, got {named(document)}; see "
        "h2ot_edge.readers for what is read of each"
    )


def _read_folder(path: Path, format: str | None, layout: str | None) -> tuple[str, Found]:
    files = {suffix: _files(path, suffix) for suffix in (".json", ".txt")}
    chosen = format or _format_of_folder(path, files)
    if chosen == "ultralytics-txt" and files[".txt"]:
        return chosen, read_ultralytics_text(files[".txt"], layout)
    if chosen == "openpose" and files[".json"]:
        return chosen, read_openpose_folder(files[".json"], layout)
    if chosen == "mmpose" and files[".json"]:
        return chosen, read_mmpose_folder(files[".json"], layout)
    if chosen == "ultralytics" and files[".json"]:
        return chosen, read_ultralytics_folder(files[".json"], layout)
    raise _unfit(path, chosen, f"a folder with {_counted(files)}")


def _files(path: Path, suffix: str) -> dict[str, Path]:
    """Files by name; those that begin with a dot are a system's own."""
    return {
        file.name: file
        for file in path.iterdir()
        if file.suffix.lower() == suffix and not file.name.startswith(".")
    }


def _format_of_folder(path: Path, files: Mapping[str, Mapping[str, Path]]) -> str:
    if files[".txt"] and not files[".json"]:
        return "ultralytics-txt"
    if files[".txt"] or not files[".json"]:
        raise InputError(
            f"{path}: expected a folder with a .json or .txt file for each frame, as OpenPose and "
            f"Ultralytics write them, got {_counted(files)}"
            + ("; say which (format=, or --format on the command line)" if files[".txt"] else "")
        )
    names = sorted(files[".json"])
    documents = (parsed(files[".json"][name]) for name in names)
    first: Any = next((document for document in documents if document not in ([], {})), [])
    for name, fits in _FOLDERS.items():
        if fits(first):
            return name
    raise InputError(
        f"{path}: expected JSON of OpenPose, Ultralytics or MMPose in each file, got "
        f"{named(first)} in {names[0]}"
    )


def _counted(files: Mapping[str, Mapping[str, Path]]) -> str:
    return f"{len(files['.json'])} .json and {len(files['.txt'])} .txt files"


def _refuse_unless(fits: bool, path: Path, format: str | None, what: str) -> None:
    if not fits:
        raise _unfit(path, str(format), what)


def _unfit(path: Path, format: str, what: str) -> InputError:
    return InputError(f"{path}: expected {format} ({FORMATS[format]}), got {what}")
