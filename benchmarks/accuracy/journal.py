"""Results clip by clip in a file, so that an interrupted evaluation goes on where it stopped.

The file is JSON lines: what was measured and how, then a `ClipErrors` a line. Subjects are not part
of how, because they only choose clips.
"""

import dataclasses
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h2ot_edge.benchmarks.accuracy.results import ClipErrors
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS

__all__ = ["Journal"]

_logger = logging.getLogger(__name__)


class Journal:
    """The file of one model."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Open the file, or begin it.

        A last line without an end, left by an interruption, is cut off.

        Args:
            path: of the file, in a folder that exists.
            settings: everything that results depend on besides the clips, JSON-ready.

        Raises:
            UsageError: the file holds results of other settings.
            InputError: it is no such file.
        """
        self.path = path
        self._known: dict[str, ClipErrors] = {}
        lines = self._whole_lines()
        if lines:
            self._check(_document(path, 1, lines[0]), json.loads(json.dumps(settings)))
        else:
            self._write(settings)
        for number, line in enumerate(lines[1:], start=2):
            result = _result(path, number, line)
            self._known[result.name] = result

    def __len__(self) -> int:
        return len(self._known)

    def find(self, name: str, digest: str) -> ClipErrors | None:
        """The result of a clip, if there is one.

        Raises:
            UsageError: there is one, of another clip with this name.
        """
        known = self._known.get(name)
        if known is not None and known.digest != digest:
            raise UsageError(
                f"{self.path}: clip {name} has changed since it was measured "
                f"(digest {known.digest} then, {digest} now); {_ELSEWHERE}"
            )
        return known

    def add(self, result: ClipErrors) -> None:
        """Write a result down."""
        self._write(dataclasses.asdict(result))
        self._known[result.name] = result

    def _write(self, document: Mapping[str, Any]) -> None:
        line = json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line)

    def _whole_lines(self) -> list[bytes]:
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            _logger.info("%s: the last line was not finished; it is measured again", self.path)
            with self.path.open("r+b") as file:
                file.truncate(whole)
        return content[:whole].splitlines()

    def _check(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        names = [*wanted, *(name for name in found if name not in wanted)]
        differences = [
            f"{name} {json.dumps(found.get(name))} there, {json.dumps(wanted.get(name))} now"
            for name in names
            if found.get(name) != wanted.get(name)
        ]
        if differences:
            raise UsageError(
                f"{self.path}: holds results of other settings ({'; '.join(differences)}); "
                f"{_ELSEWHERE}"
            )


_ELSEWHERE = "choose another folder with --out, or remove the file"


def _document(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        return document
    except ValueError as error:
        raise _unreadable(path, number, str(error)) from error


def _result(path: Path, number: int, line: bytes) -> ClipErrors:
    document = _document(path, number, line)
    try:
        result = ClipErrors(**document)
        errors = {str(name): tuple(values) for name, values in result.errors.items()}
        for name, values in errors.items():
            if len(values) != len(JOINTS) or not all(map(math.isfinite, values)):
                raise ValueError(f"{name} has not {len(JOINTS)} finite numbers")
        return dataclasses.replace(result, errors=errors)
    except (TypeError, ValueError, AttributeError) as error:
        raise _unreadable(path, number, str(error)) from error


def _unreadable(path: Path, number: int, reason: str) -> InputError:
    return InputError(
        f"{path}: line {number} is no result of h2ot-eval ({reason}); remove the file, or the line"
    )
