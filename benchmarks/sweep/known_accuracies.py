"""Accuracies that were measured before: unlike times, they hold on every machine."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from h2ot_edge.benchmarks.bench.results import read_result
from h2ot_edge.benchmarks.sweep.plans import identity
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError
from h2ot_edge.export import ExportOptions
from h2ot_edge.export.tokens import format_schedule

__all__ = ["Known", "key_of", "known_accuracies"]

RESULTS = Path(__file__).parents[1] / "results"
"""Folder of what was measured; that of this project, if it is there."""

Known = Mapping[tuple[str, ...], Mapping[str, Any]]
"""Figures of kind `accuracy`, by what `key_of` gives."""


def known_accuracies(base: ExportOptions) -> Known:
    """MPJPE of a network's points, of one sweep, so that they can be compared.

    Args:
        base: the unpruned network.

    Raises:
        MissingExtra: jsonschema is not installed.
    """
    for path in sorted(RESULTS.glob("*.json")):
        with suppress(InputError):  # other things are kept there too
            document = read_result(path)
            if _same_network(document["settings"].get("network", {}), base):
                return dict(_points(document))
    return {}


def key_of(card: ModelCard) -> tuple[str, ...]:
    """What the accuracy of a network's point depends on: its plan and its weights."""
    schedule = format_schedule(card.schedule)
    return card.prune, schedule, card.recover, card.weights.get("sha256", "")


def _same_network(found: Mapping[str, Any], base: ExportOptions) -> bool:
    """All but the operator set, which is the same computation."""
    names = identity(base).keys() - {"opset"}
    return all(found.get(name) == identity(base)[name] for name in names)


def _points(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    figures = {
        row["model"]: row["figures"] for row in document["rows"] if row["kind"] == "accuracy"
    }
    for point in document["curve"]:
        if point["accuracy"] == "mpjpe" and point["accuracy_mm"] is not None:
            card = document["models"][point["model"]]["card"]
            sha256 = card["weights"].get("sha256", "")
            key = (point["prune"], point["keep"], point["recover"], sha256)
            yield key, figures[point["model"]]
