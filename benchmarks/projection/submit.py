"""A result stripped to what the table of devices needs, as a file that its owner may send.

Only a file is written. It is public once it is sent, so the schema beside the table says of each
text what it may be: nothing that names a user, a host or a folder fits.
"""

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from h2ot_edge._files import sha256_of, write_whole
from h2ot_edge._names import require
from h2ot_edge.benchmarks.bench.results import read_result
from h2ot_edge.errors import InputError, UsageError

__all__ = [
    "read_submission",
    "read_submissions",
    "submission_of",
    "workload_of",
    "write_submission",
]

_SCHEMA = Path(__file__).with_name("submission.schema.json")
_MACHINE = ("platform", "memory_mib", "gpu", "jetson", "power_mode")
_WORK = ("backbone", "variant", "frames", "mode", "prune", "recover", "schedule", "flip_tta")
_FIGURES = ("windows_per_call", "calls", "median_ms", "p90_ms", "p99_ms", "spread")
_ENERGY = ("source", "mj_per_window", "idle_w", "mean_w")


def write_submission(result: Path, out: Path) -> str:
    """Write what may be sent of a result.

    Args:
        result: a file of `h2ot-bench`.
        out: the file to write.

    Returns:
        What was written and how to send it, in words.

    Raises:
        InputError: no such file or no result, nothing in it to send, or a text in it that should
            not be made public.
        UsageError: the file cannot be written, or is the result itself.
        MissingExtra: jsonschema is not installed.
    """
    if out.resolve() == result.resolve():
        raise UsageError(f"{out}: is the result itself; give another name with -o")
    document = read_result(result)
    submission = submission_of(document, sha256_of(result), source=str(result))
    content = (json.dumps(submission, indent=1, ensure_ascii=False) + "\n").encode()
    try:
        write_whole(out, content)
    except OSError as error:
        raise UsageError(
            f"{out}: cannot be written ({error.strerror}); give another name with -o"
        ) from error
    return _words(out, submission)


def submission_of(document: Mapping[str, Any], digest: str, *, source: str) -> dict[str, Any]:
    """What may be sent of a result.

    Args:
        document: a valid result.
        digest: SHA-256 of its file.
        source: its name, for errors.

    Raises:
        InputError: nothing to send, or a text that should not be made public.
        MissingExtra: jsonschema is not installed.
    """
    models = document["models"]
    rows = [_row(row, models[row["model"]]) for row in document["rows"] if _sent(row, models)]
    if not rows:
        raise InputError(
            f"{source}: nothing to send; expected valid rows of scenario single with the boundary "
            "model or host on a GPU, which the table of devices is of; measure with --device cuda"
        )
    versions = _schema()["properties"]["versions"]["propertyNames"]["enum"]
    submission = {
        "schema": "h2ot-edge/bench-submission",
        "schema_version": 1,
        "measured_on": document["begun"][:10],
        "result_sha256": digest,
        "machine": _machine(document["machine"]),
        "versions": {
            name: text for name, text in document["machine"]["versions"].items() if name in versions
        },
        "noise": {name: document["noise"][name] for name in ("spread", "noisy")},
        "rows": rows,
    }
    found = _first_error(submission)
    if found is not None:
        raise InputError(
            f"{source}: {found} is not of the kind that a submission may hold; it would be public, "
            "so nothing was written: correct the value in a copy of the result, or leave it"
        )
    return submission


def workload_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """What a model computes, whatever its weights: by its card, or by its file if it has none.

    Args:
        model: of a result.
    """
    card = model["card"]
    if card is None or not isinstance(card.get("schedule"), Mapping):
        return {"sha256": model["sha256"]}
    work = {name: card.get(name) for name in _WORK}
    return {**work, "schedule": {str(block): kept for block, kept in card["schedule"].items()}}


def read_submission(path: Path) -> dict[str, Any]:
    """Read a file that `write_submission` wrote, here or elsewhere.

    Raises:
        InputError: it is none.
        MissingExtra: jsonschema is not installed.
    """
    try:
        submission: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); expected a file of h2ot-bench submit"
        ) from error
    found = _first_error(submission)
    if found is not None:
        raise InputError(
            f"{path}: not a file of h2ot-bench submit, {found} is not as its schema says; write it "
            "again from the result"
        )
    return submission


def read_submissions(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Read files; of folders, every `.json` in them.

    Raises:
        InputError: one is no submission.
        MissingExtra: jsonschema is not installed.
    """
    files = [file for path in paths for file in _files_of(path)]
    return [read_submission(file) for file in files]


def _files_of(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _sent(row: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> bool:
    return bool(
        models.get(row["model"], {}).get("kind") in ("onnx", "engine")
        and row["kind"] == "latency"
        and row["scenario"] == "single"
        and row["boundary"] in ("model", "host")
        and row["valid"]
        and row["device"].startswith("cuda")
    )


def _row(row: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    figures, energy = row["figures"], row["figures"]["energy"]
    return {
        "workload": workload_of(model),
        "precision": model["precision"],
        **{name: row[name] for name in ("backend", "boundary")},
        **{name: figures[name] for name in _FIGURES},
        "energy": energy and {name: energy[name] for name in _ENERGY},
    }


def _machine(machine: Mapping[str, Any]) -> dict[str, Any]:
    """Its name anew, because that of the result may have been given by hand."""
    jetson, gpu = machine["jetson"] or {}, machine["gpu"] or {}
    return {
        "name": jetson.get("module") or gpu.get("name") or "unknown GPU",
        "cpu": {name: machine["cpu"][name] for name in ("model", "cores")},
        **{name: machine[name] for name in _MACHINE},
    }


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return schema


def _first_error(submission: Any) -> str | None:
    """Where a document is not as the schema says."""
    validator = require("jsonschema", "bench").Draft202012Validator(_schema())
    error = next(iter(validator.iter_errors(submission)), None)
    if error is not None:
        return str(error.json_path)
    rows = enumerate(submission["rows"])  # a schema lets NaN and infinity through
    return next((f"$.rows[{at}]" for at, row in rows if not _is_finite(row)), None)


def _is_finite(row: Mapping[str, Any]) -> bool:
    numbers = [*row.values(), *(row["energy"] or {}).values()]
    return all(math.isfinite(value) for value in numbers if isinstance(value, float))


def _words(out: Path, submission: Mapping[str, Any]) -> str:
    machine = submission["machine"]["name"]
    noisy = ", of a noisy machine: measure again when it is idle" * submission["noise"]["noisy"]
    return (
        f"{out}: {len(submission['rows'])} rows of {machine}{noisy}. Nothing was sent. Read the "
        "file; to send it, attach it to an issue of the project with the title "
        f"'Bench result: {machine}', or add it to benchmarks/results/submitted/ in a pull request."
    )
