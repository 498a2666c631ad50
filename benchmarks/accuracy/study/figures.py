"""Figures as the study keeps and compares them."""

from collections.abc import Mapping
from typing import Any

from h2ot_edge.benchmarks.accuracy.results import Accuracy

__all__ = ["difference", "kept", "overall"]


def kept(accuracy: Accuracy) -> dict[str, Any]:
    """An accuracy as a document, without settings, which are the piece's inputs."""
    document = accuracy.to_dict()
    del document["settings"]
    return document


def overall(figures: Mapping[str, Any]) -> Mapping[str, float]:
    """By metric, the means over everything of what `kept` gave."""
    metrics: Mapping[str, float] = figures["overall"]["metrics"]
    return metrics


def difference(value: float, base: float) -> str:
    """In per cent of the base, with a sign."""
    return f"{100 * (value / base - 1):+.1f}" if base else "-"
