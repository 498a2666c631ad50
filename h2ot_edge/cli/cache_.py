"""`h2ot cache`: the TensorRT engines that were built on this machine."""

import argparse
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from h2ot_edge.engines.cache import CacheEntry, EngineCache

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "list, verify or clear the TensorRT engines that were built on this machine"

Rows = Iterator[tuple[str, str]]

_ACTIONS = {
    "list": "show which engines there are",
    "verify": "check that they are as they were written",
    "clear": "remove engines, and what killed builds left behind",
}
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in _ACTIONS.items():
        action = actions.add_parser(
            name, help=summary, description=summary, formatter_class=parser.formatter_class
        )
        if name == "clear":
            _add_choice(action)
        _add_talking(action)


def run(args: argparse.Namespace) -> int:
    """List, verify or clear."""
    from h2ot_edge.engines.cache import EngineCache

    cache = EngineCache()
    if args.action == "list":
        _list(cache, as_json=args.json)
    elif args.action == "verify":
        _verify(cache, as_json=args.json)
    else:
        _clear(cache, args)
    return 0


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="only these models or engines (default: all)"
    )
    parser.add_argument("--broken", action="store_true", help="only engines that cannot be used")
    parser.add_argument(
        "--older-than", type=float, metavar="DAYS", help="only what was built longer ago"
    )


def _add_talking(parser: argparse.ArgumentParser) -> None:
    """What is taken before the action is taken after it as well."""
    for names, action in (
        (("--json",), "store_true"),
        (("-v", "--verbose"), "count"),
        (("-q", "--quiet"), "store_true"),
    ):
        # No default: it would be taken instead of what was given before the action.
        parser.add_argument(
            *names, action=action, default=argparse.SUPPRESS, help="as before the action"
        )


def _list(cache: "EngineCache", *, as_json: bool) -> None:
    engines = [_document(entry) for entry in cache.entries()]
    if as_json:
        write_json({"folder": str(cache.folder), "engines": engines})
    elif engines:
        rows = [row for engine in engines for row in _rows(engine)]
        size = _megabytes(sum(engine["bytes"] for engine in engines))
        write_rows([*rows, ("in all", f"{size} in {cache.folder}")])
    else:
        _write_empty(cache)


def _verify(cache: "EngineCache", *, as_json: bool) -> None:
    found = {entry.plan: problem for entry, problem in cache.verify()}
    told = [{"path": str(plan), "problem": problem} for plan, problem in found.items()]
    report = {"folder": str(cache.folder), "engines": told}
    broken = sum(problem is not None for problem in found.values())
    if found and not as_json:
        write_rows((plan.stem, problem or "good") for plan, problem in found.items())
    elif not as_json:
        _write_empty(cache)
    if broken:
        raise CheckFailed(
            f"{broken} of {len(found)} engines cannot be used; h2ot-cache clear --broken removes "
            "such engines, and each is built again when it is next asked for",
            report,
        )
    if as_json:
        write_json(report)


def _clear(cache: "EngineCache", args: argparse.Namespace) -> None:
    days = args.older_than
    if days is not None and not 0 <= days < float("inf"):
        raise UsageError(f"--older-than {days:g}: expected a number of days, 0 or more")
    cleared = cache.clear(args.names, broken=args.broken, older_than_days=days)
    if args.json:
        removed = [{"name": name, "bytes": size} for name, size in cleared.removed.items()]
        told = {"folder": str(cache.folder), "removed": removed, "bytes": cleared.bytes}
        write_json({**told, "being_built": sorted(cleared.busy)})
        return
    rows = [(name, f"{_megabytes(size)} removed") for name, size in cleared.removed.items()]
    rows += [(name, "being built, left alone") for name in sorted(cleared.busy)]
    write_rows([*rows, ("in all", f"{_megabytes(cleared.bytes)} freed in {cache.folder}")])


def _write_empty(cache: "EngineCache") -> None:
    write_rows([("engines", f"none in {cache.folder}")])


def _document(entry: "CacheEntry") -> dict[str, Any]:
    """What is told of an engine, as plain data; None for what its sidecar does not say."""
    told, built = entry.sidecar(), entry.built
    return {
        "name": entry.name,
        "engine": entry.plan.stem,
        "path": str(entry.plan),
        "bytes": entry.bytes,
        "precision": _precision(told),
        **{name: told.get(name) for name in ("target", "tensorrt", "gpu", "build_seconds")},
        "built": built.isoformat(timespec="seconds") if built else None,
        "age_seconds": (datetime.now(timezone.utc) - built).total_seconds() if built else None,
    }


def _precision(sidecar: Mapping[str, Any]) -> str | None:
    try:
        return str(sidecar["card"]["precision"].get("name", "fp32"))
    except (KeyError, TypeError, AttributeError):
        return None


def _rows(engine: Mapping[str, Any]) -> Rows:
    from h2ot_edge.engines.cache import gpu_in_words

    version = f"{engine['target']} {engine['tensorrt']}"
    told = [engine["precision"], version, gpu_in_words(engine["gpu"])]
    if engine["target"] is None:
        told = ["its sidecar cannot be read: h2ot-cache verify tells more"]
    yield engine["engine"], ", ".join(part for part in told if part)
    yield "", f"{_megabytes(engine['bytes'])}, {_built(engine)}"


def _built(engine: Mapping[str, Any]) -> str:
    if engine["built"] is None:
        return "gone meanwhile"
    seconds = engine["build_seconds"]
    took = f" in {seconds:.0f} s" if isinstance(seconds, int | float) else ""
    when = engine["built"][:16].replace("T", " ")
    return f"built {when} UTC{took}, {_ago(engine['age_seconds'])}"


def _ago(seconds: float) -> str:
    for length, unit in _UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
