"""The accuracy that goes into a model's card: figures that can be read in a few lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.benchmarks.accuracy.protocols import ProtocolOptions
from h2ot_edge.benchmarks.accuracy.results import Accuracy

__all__ = ["card_accuracy"]

_UNITS = {"mm": "mm", "mm/frame": "mm_per_frame", "%": "percent"}


def card_accuracy(
    accuracies: Mapping[str, Accuracy],
    *,
    title: str,
    options: ProtocolOptions,
    subjects: Sequence[str],
    real: Accuracy | None = None,
) -> dict[str, Any]:
    """What `python -m h2ot_edge.export.release --accuracy` takes.

    Args:
        accuracies: by noise.
        title: what the results are called.
        options: of the protocol, as resolved.
        subjects: whose clips were measured.
        real: on real clips; left out if None.

    Returns:
        A JSON object: title, views, seed, subjects, clips, frames; by noise the means over all
        frames, and the first metric's by action; names end in the unit. Positions are rounded to
        0.1 mm, as in the tables.
    """
    first = next(iter(accuracies.values()))
    document: dict[str, Any] = {
        "protocol": title,
        "subjects": list(subjects),
        "views": options.views,
        "seed": options.seed,
        "clips": first.overall.clips,
        "frames": first.overall.frames,
    }
    for noise, accuracy in accuracies.items():
        document[noise] = _figures(accuracy.overall.metrics)
    for noise, accuracy in accuracies.items():
        document[f"{noise}_{_key(_first(accuracy))}_by_action"] = _by_action(accuracy)
    if real is not None:
        document["real_detections"] = {
            "clips": real.overall.clips,
            "frames": real.overall.frames,
            **_figures(real.overall.metrics),
        }
    return document


def _figures(metrics: Mapping[str, float]) -> dict[str, float]:
    return {_key(name): round(value, METRICS[name].digits) for name, value in metrics.items()}


def _by_action(accuracy: Accuracy) -> dict[str, float]:
    name = _first(accuracy)
    return {
        action: round(figures.metrics[name], METRICS[name].digits)
        for action, figures in accuracy.per_action.items()
        if name in figures.metrics
    }


def _first(accuracy: Accuracy) -> str:
    return next(iter(accuracy.overall.metrics))


def _key(metric: str) -> str:
    return f"{metric}_{_UNITS[METRICS[metric].unit]}"
