"""What pruning costs in accuracy, and what it saves in arithmetic and in time."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h2ot_edge.benchmarks.accuracy.bars import COLOURS
from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.study.figures import difference, kept, overall
from h2ot_edge.benchmarks.accuracy.study.pieces import Document, Piece
from h2ot_edge.benchmarks.accuracy.study.setting import METRICS_SHOWN, Model, Study
from h2ot_edge.benchmarks.accuracy.tables import cells, labels, table
from h2ot_edge.benchmarks.accuracy.window_latency import window_latencies
from h2ot_edge.cli.output import tokens_in_words
from h2ot_edge.plot import new_figure, save_png

__all__ = ["THREADS", "accuracy_name", "pieces", "plan_in_words", "plot", "section"]

THREADS = (1, 2)

PICTURE = "pruning.png"


def accuracy_name(model: str) -> str:
    """Name of the piece that has a model's accuracy on the protocol's clips."""
    return f"accuracy/{model}"


def pieces(study: Study) -> list[Piece]:
    """Each model's accuracy, and all their latencies in one."""
    accuracies = [
        Piece(
            name=accuracy_name(name),
            inputs=study.inputs(name, metrics=METRICS_SHOWN),
            measure=lambda name=name: kept(  # type: ignore[misc]
                evaluate(study.engine(name), study.clips, metrics=METRICS_SHOWN)
            ),
        )
        for name in study.models
    ]
    how = {"rounds": study.rounds, "threads": THREADS, "cpus": os.cpu_count()}
    inputs = study.inputs(*study.models, **how)
    return [*accuracies, Piece(name="latency", inputs=inputs, measure=lambda: _latencies(study))]


def plan_in_words(model: Model) -> str:
    """What is pruned, and whether the weights were trained that way."""
    words = [tokens_in_words(model.card)]
    if model.card.weights.get("source") == "random":
        words.append("random weights")
    elif not model.retrained:
        words.append("not retrained")
    return "; ".join(words)


def section(study: Study, found: Mapping[str, Document]) -> str:
    """The text."""
    return "\n".join(
        [
            "## Pruned and unpruned\n",
            _prose(study),
            _accuracies(study, found),
            _plans(study),
            f"![MPJPE over GFLOPs a window]({PICTURE})\n",
            "One window through the bare model, milliseconds, median (p99): all models in turns in "
            f"one run, {study.rounds} rounds after a warm-up; prepared keypoints in, poses out, "
            "nothing else inside the clock. Compare rows, not machines.\n",
            _times(study, found["latency"]),
        ]
    )


def plot(study: Study, found: Mapping[str, Document], folder: Path) -> None:
    """Draw MPJPE over GFLOPs of every model whose GFLOPs are known."""
    figure = new_figure(10, 6)
    axes = figure.add_subplot()
    for retrained, colour in ((True, COLOURS[0]), (False, COLOURS[5])):
        label = "trained with its pruning" if retrained else "not retrained"
        points = [
            (gflops, overall(found[accuracy_name(name)])["mpjpe"], name)
            for name, model in study.models.items()
            if model.retrained is retrained and (gflops := _gflops(model)) is not None
        ]
        if points:
            axes.scatter(*list(zip(*points, strict=True))[:2], color=colour, label=label)
        for gflops, error, name in points:
            axes.annotate(
                name, (gflops, error), (4, 4), textcoords="offset points", size=8, color=colour
            )
    axes.set_xlabel("GFLOPs a window")
    axes.set_ylabel(labels(["mpjpe"])[0])
    axes.margins(x=0.25, y=0.1)  # names stand to the right of their points
    axes.set_xlim(left=0, right=axes.get_xlim()[1])
    axes.grid(alpha=0.3)
    if axes.collections:
        axes.legend(loc="upper right")
    save_png(figure, folder / PICTURE)


def _prose(study: Study) -> str:
    text = (
        "Accuracy of every model on the same clips, through `Engine.infer`. GFLOPs count "
        "2 x multiply-adds of everything in the graph, for one window of the model's length; "
        "shares compare models of one window length only. 'Not retrained' are weights of the "
        "unpruned model under a pruning they have not seen. What FP16 and INT8 do is on a page of "
        "its own, [precision](../precision/README.md)."
    )
    if study.dense is not None:
        text += f" Differences and shares are to {study.dense}."
    return text + "\n"


def _gflops(model: Model) -> float | None:
    """Of a window; None if the card does not tell."""
    flops = model.card.flops.get("graph", {}).get("total")
    return None if flops is None else float(flops) / 1e9


def _accuracies(study: Study, found: Mapping[str, Document]) -> str:
    twin = study.models[study.dense] if study.dense is not None else None
    rows = [_row(model, twin, found) for model in study.models.values()]
    costs = ["GFLOPs", "share, %"]
    head = ["model", "frames", *labels(METRICS_SHOWN), "difference of MPJPE, %", *costs]
    return table(head, rows, words=1)


def _row(model: Model, twin: Model | None, found: Mapping[str, Document]) -> list[str]:
    values = overall(found[accuracy_name(model.name)])
    apart = "-"
    if twin is not None:
        apart = difference(values["mpjpe"], overall(found[accuracy_name(twin.name)])["mpjpe"])
    gflops, whole = _gflops(model), _gflops(twin) if twin is not None else None
    share = f"{100 * gflops / whole:.0f}" if gflops is not None and whole else "-"
    cost = "-" if gflops is None else f"{gflops:.2f}"
    window = str(model.card.frames)
    return [model.name, window, *cells(values, METRICS_SHOWN), apart, cost, share]


def _plans(study: Study) -> str:
    rows = [[name, plan_in_words(model)] for name, model in study.models.items()]
    return table(["model", "tokens"], rows, words=2)


def _times(study: Study, latency: Document) -> str:
    head = ["model", *(f"{n} thread{'s' * (n > 1)}" for n in THREADS)]
    rows = [[name, *(_time(latency[name][str(n)]) for n in THREADS)] for name in study.models]
    return table(head, rows, words=1)


def _time(latency: Mapping[str, float]) -> str:
    return f"{latency['median_ms']:.1f} ({latency['p99_ms']:.1f})"


def _latencies(study: Study) -> dict[str, dict[str, Any]]:
    """Model -> threads -> times."""
    found = window_latencies(
        {name: model.path for name, model in study.models.items()},
        study.clips[0],
        threads=THREADS,
        rounds=study.rounds,
        backend=study.running.backend,
        device=study.running.device,
    )
    return {
        name: {str(threads): vars(times) for threads, times in part.items()}
        for name, part in found.items()
    }
