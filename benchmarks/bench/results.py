"""What `h2ot-bench` found: one JSON document, written anew with every row, to be gone on with.

Its schema is schema.json in this folder. A value that is not known is null. Nothing in a document
names a user, a host or a folder.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any, Literal

from h2ot_edge._files import write_whole
from h2ot_edge._names import require
from h2ot_edge.errors import InputError, OutputError, UsageError

__all__ = [
    "NOISE_LIMIT",
    "SCHEMA_VERSION",
    "Boundary",
    "Document",
    "Result",
    "Row",
    "Scenario",
    "check_document",
    "read_result",
]

SCHEMA_VERSION = 1
_NAME = "h2ot-edge/bench"

NOISE_LIMIT = 0.05
"""Medians of parts of a run that lie further apart than this make the machine a noisy one."""

Document = Mapping[str, Any]
Scenario = Literal["single", "multi", "offline", "stream"]
Boundary = Literal["model", "host", "end_to_end"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement.

    Attributes:
        id: unique in its document, and the same in that of the next run.
        kind: which figures there are; see schema.json.
        model: id of the model.
        backend, device, threads: what ran it; threads is None for all, or where there are none.
        scenario: `single`, `multi`, `offline` (MLPerf's SingleStream, MultiStream, Offline), or
            `stream`, a camera that does not wait; None where it makes no difference.
        boundary: `model` (the library's call alone), `host` (host array in to host array out) or
            `end_to_end` (`Engine.infer`).
        inside: what is inside the clock, in words.
        valid: whether the figures can be believed.
        problems: why not, or what to think of.
        figures: by name, with the unit in the name.
    """

    id: str
    kind: Literal["cold", "latency", "stream", "accuracy", "operators"]
    model: str
    backend: str
    device: str
    figures: Mapping[str, Any]
    threads: int | None = None
    scenario: Scenario | None = None
    boundary: Boundary | None = None
    inside: str | None = None
    valid: bool = True
    problems: Sequence[str] = field(default=())


class Result:
    """A document that grows row by row; after each the file is whole.

    Attributes:
        path: of the file.
        document: as schema.json says; what is not measured yet is empty.
    """

    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        self.path, self.document = path, document

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        command: Sequence[str],
        settings: Document,
        machine: Document,
        resume: bool = False,
    ) -> "Result":
        """Begin a file, or go on with one.

        Args:
            path: of the file; its folder is made if need be, and a file that is there replaced.
            command: the words of the command line, folders left out.
            settings: everything that rows depend on besides the machine.
            machine: `machine` of the document.
            resume: keep the rows of a file that is there.

        Raises:
            UsageError: with `resume`, it was measured with other settings or on another machine.
            InputError: with `resume`, it is no result.
        """
        if resume and path.exists():
            document = dict(read_result(path))
            _check_same(path, document, json.loads(json.dumps(settings)), machine)
            _logger.info("%s: goes on behind %d rows", path, len(document["rows"]))
            result = cls(path, {**document, "ended": None})
        else:
            # Not written yet: a run that fails at once keeps what was there.
            result = cls(path, _begun(command, settings, machine))
        return result

    def has(self, row: str) -> bool:
        """Whether there is a row of this id."""
        return any(known["id"] == row for known in self.document["rows"])

    def add(self, row: Row) -> None:
        """Write a row down, in the place of one of the same id.

        Raises:
            UsageError: the file cannot be written.
            OutputError: a figure is NaN or infinite.
        """
        _check_finite(row)
        rows = {known["id"]: known for known in self.document["rows"]}
        rows[row.id] = json.loads(json.dumps(asdict(row)))
        self.document["rows"] = list(rows.values())
        self.write()

    def forget(self, model: str) -> None:
        """Remove the rows of a model that became another one, and those that refer to it."""
        self.document["rows"] = [
            row
            for row in self.document["rows"]
            if model not in (row["model"], row["figures"].get("reference"))
        ]

    def finish(self) -> None:
        """Say that nothing is left to be done.

        Raises:
            UsageError: the file cannot be written.
        """
        self.document["ended"] = _now()
        self.write()

    def write(self) -> None:
        """Write the document as it is.

        Raises:
            UsageError: the file cannot be written.
        """
        check_document(self.document, str(self.path))
        text = json.dumps(self.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            write_whole(self.path, text.encode())
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be written ({error.strerror}); rows that were measured "
                "before are kept, choose another folder with --out"
            ) from error


def read_result(path: str | Path) -> dict[str, Any]:
    """Read a document and check it.

    Raises:
        InputError: no such file, or no result of `h2ot-bench` of this schema.
        MissingExtra: jsonschema is not installed.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); expected a result of h2ot-bench"
        ) from error
    try:
        document: Any = json.loads(content, parse_constant=_refuse_constant)
    except ValueError as error:
        raise InputError(f"{path}: not a result of h2ot-bench ({error}); measure again") from error
    check_document(document, str(path))
    result: dict[str, Any] = document
    return result


def check_document(document: Any, source: str) -> None:
    """Raise unless a document is as schema.json says.

    Raises:
        InputError: it is not.
        MissingExtra: jsonschema is not installed.
    """
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            f"{source}: the result has schema {version}, this h2ot-edge reads up to "
            f"{SCHEMA_VERSION}; upgrade h2ot-edge"
        )
    error = next(iter(_validator().iter_errors(document)), None)
    if error is not None:
        raise InputError(
            f"{source}: not a result of h2ot-bench, {error.json_path}: {error.message[:200]}; "
            "measure again"
        )


def _check_finite(row: Row) -> None:
    try:
        json.dumps(row.figures, allow_nan=False)
    except ValueError as error:
        raise OutputError(
            f"{row.id}: a figure is NaN or infinite, so nothing can be said of this row; see what "
            "the model gives with h2ot-infer"
        ) from error


def _begun(command: Sequence[str], settings: Document, machine: Document) -> dict[str, Any]:
    return {
        "schema": _NAME,
        "schema_version": SCHEMA_VERSION,
        "begun": _now(),
        "ended": None,
        "command": list(command),
        "settings": dict(settings),
        "machine": dict(machine),
        "clock": {"overhead_ns": 0.0, "resolution_ns": 0.0},
        "noise": {"spread": None, "limit": NOISE_LIMIT, "noisy": False, "reasons": []},
        "models": {},
        "peaks": [],
        "rows": [],
        "curve": [],
    }


@cache
def _validator() -> Any:
    jsonschema = require("jsonschema", "bench")
    schema = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _check_same(path: Path, found: Document, settings: Document, machine: Document) -> None:
    differences = [
        f"{name} {json.dumps(found['settings'].get(name))} there, "
        f"{json.dumps(settings.get(name))} now"
        for name in sorted({*settings, *found["settings"]})
        if found["settings"].get(name) != settings.get(name)
    ]
    before = found["machine"]
    for name in ("name", "platform", "cpu", "gpu", "power_mode", "versions"):
        then, now = _lasting(before[name]), _lasting(machine[name])
        if then != now:
            differences.append(f"{name} {json.dumps(then)} there, {json.dumps(now)} now")
    if differences:
        raise UsageError(
            f"{path}: holds results of another run ({'; '.join(differences)}); choose another "
            "folder with --out, or remove the file"
        )


def _lasting(value: Any) -> Any:
    """Without what changes from moment to moment."""
    return {k: v for k, v in value.items() if k != "now_mhz"} if isinstance(value, dict) else value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no figure")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
