"""Measuring piece by piece, so that an interrupted study goes on where it stopped."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2ot_edge._files import replacing
from h2ot_edge.engine import Progress
from h2ot_edge.errors import InputError

__all__ = ["Document", "Piece", "measured"]

_logger = logging.getLogger(__name__)

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Something to measure.

    Attributes:
        name: unique, `section/what`.
        inputs: everything that the figures depend on besides the code, JSON-ready.
        measure: gives the figures, JSON-ready.
    """

    name: str
    inputs: Document
    measure: Callable[[], Document]


def measured(
    path: Path, about: Document, pieces: Sequence[Piece], *, progress: Progress | None = None
) -> dict[str, Document]:
    """Measure what the file does not have yet.

    The file is written after every piece. In the end it holds these pieces and no others.

    Args:
        path: of the JSON file, in a folder that exists.
        about: to be kept with the figures.
        pieces: of distinct names.
        progress: called with the pieces done and the pieces in all.

    Returns:
        Figures by the pieces' names.

    Raises:
        InputError: the file is there and not one of these.
    """
    known = _read(path)
    done: dict[str, Document] = {}
    for number, piece in enumerate(pieces, start=1):
        entry = known.get(piece.name, {})
        inputs = json.loads(json.dumps(piece.inputs))
        if entry.get("inputs") == inputs:
            _logger.info("%s: unchanged", piece.name)
            done[piece.name] = entry
        else:
            _logger.info("%s: measuring", piece.name)
            figures = json.loads(json.dumps(piece.measure(), allow_nan=False))
            done[piece.name] = {"inputs": inputs, "figures": figures}
            _write(path, about, {**known, **done})
        if progress is not None:
            progress(number, len(pieces))
    _write(path, about, done)
    return {name: entry["figures"] for name, entry in done.items()}


def _read(path: Path) -> dict[str, Document]:
    if not path.exists():
        return {}
    try:
        pieces = json.loads(path.read_bytes())["pieces"]
        if not all({"inputs", "figures"} == set(entry) for entry in pieces.values()):
            raise ValueError("a piece without inputs or figures")
        return dict(pieces)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not the results of a study ({type(error).__name__}: {error}); remove the "
            "file, or choose another folder with -o"
        ) from error


def _write(path: Path, about: Document, pieces: Document) -> None:
    text = json.dumps({**about, "pieces": pieces}, indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(path) as file:
        file.write(text.encode() + b"\n")
