"""Figures as they are kept and as they are shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from h2ot_edge._names import require
from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.benchmarks.accuracy.results import Accuracy

__all__ = ["difference", "kept", "labels", "new_figure", "overall", "save"]


def kept(accuracy: Accuracy) -> dict[str, Any]:
    """An accuracy as a document, without settings, which are the piece's inputs."""
    document = accuracy.to_dict()
    del document["settings"]
    return document


def overall(figures: Mapping[str, Any]) -> Mapping[str, float]:
    """By metric, the means over everything of what `kept` gave."""
    metrics: Mapping[str, float] = figures["overall"]["metrics"]
    return metrics


def labels(metrics: Sequence[str]) -> list[str]:
    """Names and units, as heads of columns."""
    return [f"{METRICS[name].label}, {METRICS[name].unit}" for name in metrics]


def difference(value: float, base: float) -> str:
    """In per cent of the base, with a sign."""
    return f"{100 * (value / base - 1):+.1f}" if base else "-"


def new_figure(width: float, height: float) -> Any:
    """An empty picture, in inches of 100 pixels.

    Raises:
        MissingExtra: if matplotlib is not installed.
    """
    figures = require("matplotlib.figure", "viz")
    return figures.Figure(figsize=(width, height), dpi=100, layout="tight")


def save(figure: Any, path: Path) -> None:
    """Write a picture as PNG."""
    canvas = require("matplotlib.backends.backend_agg", "viz").FigureCanvasAgg(figure)
    canvas.print_png(str(path))
