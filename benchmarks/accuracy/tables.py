"""Accuracies of several models side by side, in Markdown that can be read as it is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.benchmarks.accuracy.results import Accuracy, Figures
from h2ot_edge.skeleton import JOINTS

__all__ = ["actions_of", "cells", "labels", "table", "tables"]

Accuracies = Mapping[str, Accuracy]


def tables(accuracies: Accuracies) -> str:
    """Tables overall, per action and per joint.

    Args:
        accuracies: by name of the model, one or more; what a model was not measured with, and
            actions it has no clips of, are dashes.
    """
    metrics = [
        name for name in METRICS if any(name in a.overall.metrics for a in accuracies.values())
    ]
    parts = (
        (["model", "clips", "frames"], _overall(accuracies, metrics)),
        (["action", "model", "clips", "frames"], _per_action(accuracies, metrics)),
        (["joint", "model"], _per_joint(accuracies, metrics)),
    )
    return "\n".join(
        table([*head, *labels(metrics)], list(rows), words=head.index("model") + 1)
        for head, rows in parts
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> str:
    """A table in Markdown.

    Args:
        head: names of the columns.
        rows: as many cells each.
        words: how many columns, the first ones, hold words, which go to the left; numbers go to
            the right.
    """
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rules = [
        "-" * width if column < words else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    return "".join(_line(row, widths, words) for row in (head, rules, *rows))


def labels(metrics: Iterable[str]) -> list[str]:
    """Names and units of metrics, as heads of columns."""
    return [f"{METRICS[name].label}, {METRICS[name].unit}" for name in metrics]


def actions_of(accuracies: Accuracies) -> list[str]:
    """Actions that any of the models has clips of, in alphabetical order."""
    return sorted({action for a in accuracies.values() for action in a.per_action})


def _overall(accuracies: Accuracies, metrics: Sequence[str]) -> Iterator[list[str]]:
    for model, accuracy in accuracies.items():
        yield [model, *_figures(accuracy.overall, metrics)]


def _per_action(accuracies: Accuracies, metrics: Sequence[str]) -> Iterator[list[str]]:
    for action in actions_of(accuracies):
        for model, accuracy in accuracies.items():
            none = Figures(clips=0, frames=0, metrics={})
            yield [action, model, *_figures(accuracy.per_action.get(action, none), metrics)]


def _per_joint(accuracies: Accuracies, metrics: Sequence[str]) -> Iterator[list[str]]:
    for joint in JOINTS:
        for model, accuracy in accuracies.items():
            yield [joint, model, *cells(accuracy.per_joint[joint], metrics)]


def _figures(figures: Figures, metrics: Sequence[str]) -> list[str]:
    return [str(figures.clips), str(figures.frames), *cells(figures.metrics, metrics)]


def cells(values: Mapping[str, float], metrics: Iterable[str]) -> list[str]:
    """Figures with their digits; a dash where there is none."""
    return [
        f"{values[name]:.{METRICS[name].digits}f}" if name in values else "-" for name in metrics
    ]


def _line(row: Sequence[str], widths: Sequence[int], words: int) -> str:
    padded = [
        f"{cell:{'<' if column < words else '>'}{widths[column]}}"
        for column, cell in enumerate(row)
    ]
    return f"| {' | '.join(padded)} |\n"
