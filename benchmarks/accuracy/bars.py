"""Accuracies of several models in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.benchmarks.accuracy.results import Accuracy
from h2ot_edge.benchmarks.accuracy.tables import actions_of, labels
from h2ot_edge.errors import UsageError
from h2ot_edge.plot import new_figure, save_png
from h2ot_edge.skeleton import JOINTS

__all__ = ["COLOURS", "plot_accuracies"]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Okabe & Ito (2008), told apart by all eyes."""


def plot_accuracies(
    accuracies: Mapping[str, Accuracy], path: str | Path, *, title: str = ""
) -> Path:
    """Draw bars per joint and per action, of the first metric that all models have.

    Args:
        accuracies: by name of the model, one or more.
        path: of the PNG, 1400 pixels wide.
        title: printed above.

    Returns:
        `path`.

    Raises:
        UsageError: the models have no metric in common.
        MissingExtra: if matplotlib is not installed.
    """
    metric = _common_metric(accuracies)
    actions = actions_of(accuracies)
    joints = {
        model: [accuracy.per_joint[joint][metric] for joint in JOINTS]
        for model, accuracy in accuracies.items()
    }
    groups = {
        model: [_of_action(accuracy, action, metric) for action in actions]
        for model, accuracy in accuracies.items()
    }
    figure = new_figure(14, 9)
    _draw(figure.add_subplot(2, 1, 1), JOINTS, joints, metric)
    _draw(figure.add_subplot(2, 1, 2), actions, groups, metric)
    figure.suptitle(title or " ", fontsize=14)
    return save_png(figure, path)


def _common_metric(accuracies: Mapping[str, Accuracy]) -> str:
    for name in METRICS:
        if accuracies and all(name in a.overall.metrics for a in accuracies.values()):
            return name
    raise UsageError("models: expected a metric that all of them were measured with, found none")


def _of_action(accuracy: Accuracy, action: str, metric: str) -> float:
    """NaN, which is not drawn, where there is no figure."""
    figures = accuracy.per_action.get(action)
    return figures.metrics.get(metric, np.nan) if figures is not None else np.nan


def _draw(
    axes: Any, groups: Sequence[str], values: Mapping[str, Sequence[float]], metric: str
) -> None:
    """Groups of bars, one bar a model."""
    width = 0.8 / len(values)
    for number, (model, heights) in enumerate(values.items()):
        places = np.arange(len(groups)) + (number - (len(values) - 1) / 2) * width
        axes.bar(places, heights, width, label=model, color=COLOURS[number % len(COLOURS)])
    axes.set_xticks(np.arange(len(groups)), list(groups))
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(labels([metric])[0], size=12)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend()
