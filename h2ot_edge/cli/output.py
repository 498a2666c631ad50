"""Writing results to stdout, for people and for machines."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import H2OTError

__all__ = [
    "Trying",
    "in_words",
    "listed",
    "precision_rows",
    "status_of",
    "tokens_in_words",
    "write_error",
    "write_json",
    "write_rows",
]

_logger = logging.getLogger(__name__)

T = TypeVar("T")


class Trying:
    """Does one thing after the other, also if one of them fails.

    Attributes:
        error: the first one, for who called; later ones are logged. None if all went well.
    """

    def __init__(self) -> None:
        self.error: H2OTError | OSError | None = None

    def __call__(self, do: Callable[[], T]) -> T | None:
        """What it gives; None if it failed."""
        try:
            return do()
        except (H2OTError, OSError) as error:
            if self.error is None:
                self.error = error
            else:
                _logger.error("%s", error)
            return None


def write_json(document: Any) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_error(error: Exception, report: Any = None) -> None:
    """Write the one JSON document of a command that failed.

    Args:
        error: why.
        report: what was measured or done all the same.
    """
    told = {"type": type(error).__name__, "message": str(error)}
    with suppress(OSError):  # stdout may be what failed
        write_json({"error": told if report is None else {**told, "report": report}})


def status_of(error: Exception) -> int:
    """What a command that failed returns to the shell."""
    return error.exit_status if isinstance(error, H2OTError) else H2OTError.exit_status


def write_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Write `name  value` lines, the values below each other."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        sys.stdout.write(f"{name:{width}}  {value}\n")


def tokens_in_words(card: ModelCard) -> str:
    """How many frames stay where, who chooses them and who brings the others back."""
    if not card.schedule:
        return f"all {card.frames} frames kept"
    kept = ", ".join(
        f"{count} from block {block}" for block, count in sorted(card.schedule.items())
    )
    return f"{kept} ({card.preset}: pruned by {card.prune}, recovered by {card.recover})"


def listed(values: Mapping[str, Any]) -> str:
    """Names and values in one line."""
    return (
        ", ".join(f"{name} {in_words(value)}" for name, value in values.items()) or "not recorded"
    )


def in_words(value: Any) -> str:
    """A value of the card in one line."""
    if isinstance(value, Mapping):
        return listed(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def precision_rows(card: ModelCard) -> Iterator[tuple[str, str]]:
    """What was done, how far it drifts and what is thought of it."""
    report = card.precision
    yield "precision", card.precision_name
    if "verdict" not in report:
        return
    yield "islands", f"{listed(report['islands'])} nodes stay as they are"
    if "calibration" in report:
        yield "calibration", listed(report["calibration"])
    for name, figures in report.items():
        if name.startswith("drift"):
            yield name.replace("_", " "), _drift_in_words(figures)
    if "time" in report:
        yield "time", listed(report["time"])
    yield "verdict", report["verdict"]


def _drift_in_words(figures: Mapping[str, Any]) -> str:
    numbers = ", ".join(
        f"{name} {figures[name]:.3g}"
        for name in ("mean", "p95", "worst", "velocity")
        if figures[name] is not None
    )
    kept = ""
    if figures["kept"]:
        kept = f"; {figures['kept_differ']} of {figures['kept']} kept frames differ"
    return f"{numbers} {figures['unit']} on {figures['windows']} windows{kept}"
