"""Writing results to stdout, for people and for machines."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from h2ot_edge.card import ModelCard

__all__ = ["in_words", "listed", "precision_rows", "tokens_in_words", "write_json", "write_rows"]


def write_json(document: Any) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


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
