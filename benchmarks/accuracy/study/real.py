"""Real detections, whose 3-D is no exact truth."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h2ot_edge.benchmarks.accuracy.evaluation import evaluate, lifted, measure
from h2ot_edge.benchmarks.accuracy.study.figures import kept
from h2ot_edge.benchmarks.accuracy.study.pieces import Document, Piece
from h2ot_edge.benchmarks.accuracy.study.setting import Study, sha256_of
from h2ot_edge.benchmarks.accuracy.tables import cells, labels, table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.real_clips import read_real_clips

__all__ = ["pieces", "real_clips", "section"]

_METRICS = ("mpjpe", "p_mpjpe")


def real_clips(path: Path) -> tuple[LabelledClip, ...]:
    """The clips of a file, as `read_real_clips` reads them, each with an action of its own.

    Results are kept by action, and here every clip is to have its row.

    Raises:
        InputError: as `read_real_clips`.
    """
    return tuple(map(_titled, read_real_clips(path)))


def pieces(study: Study) -> list[Piece]:
    """Each model; none if there is no file."""
    if study.real is None:
        return []
    data = sha256_of(study.real)
    return [
        Piece(
            name=_name(name),
            inputs={
                **study.settings,
                "data": data,
                "models": {
                    other: study.models[other].sha256 for other in (name, study.dense or name)
                },
                "metrics": _METRICS,
            },
            measure=lambda name=name: _figures(study, name),  # type: ignore[misc]
        )
        for name in study.models
    ]


def section(study: Study, found: Mapping[str, Document]) -> str:
    """The text; empty if there is no file."""
    if study.real is None:
        return ""
    prose = (
        f"Real detections with triangulated 3-D ({study.real.name}). **Not an accuracy:** the 3-D "
        "was triangulated from the same detections, so it shares their errors, and its joints are "
        "defined differently from motion capture by 1 to 4 cm. Read it for plausibility, and for "
        "differences between models."
    )
    if study.dense is not None:
        prose += (
            f" The last column is the mean distance between a model's poses and {study.dense}'s."
        )
    rows = [row for name in study.models for row in _rows(study, name, found[_name(name)])]
    head = ["clip", "model", "frames", *labels(_METRICS)]
    head += [f"from {study.dense}, mm"] if study.dense is not None else []
    return "\n".join(["## Real clips\n", prose + "\n", table(head, sorted(rows), words=2)])


def _name(model: str) -> str:
    return f"real/{model}"


def _rows(study: Study, model: str, figures: Document) -> list[list[str]]:
    rows = []
    for clip, values in figures["per_action"].items():
        row = [clip, model, str(values["frames"]), *cells(values["metrics"], _METRICS)]
        if study.dense is not None:
            apart = figures["from_dense_mm"]
            row.append("-" if apart is None else f"{apart[clip]:.1f}")
        rows.append(row)
    return rows


def _figures(study: Study, name: str) -> dict[str, Any]:
    assert study.real is not None
    clips = real_clips(study.real)
    figures = kept(evaluate(study.engine(name), clips, metrics=_METRICS))
    return {**figures, "from_dense_mm": _distances(study, name, clips)}


def _distances(study: Study, name: str, clips: tuple[LabelledClip, ...]) -> dict[str, float] | None:
    """By clip, the mean distance to the twin's poses; None for the twin itself."""
    if study.dense in (None, name):
        return None
    twin = study.engine(study.dense or name)
    answers = [
        dataclasses.replace(clip, truth=lifted(twin, clip).astype("float32")) for clip in clips
    ]
    accuracy = measure(lambda clip: lifted(study.engine(name), clip), answers, metrics=("mpjpe",))
    return {clip: part.metrics["mpjpe"] for clip, part in accuracy.per_action.items()}


def _titled(clip: LabelledClip) -> LabelledClip:
    trial, _, camera = clip.name.rpartition("/")
    return dataclasses.replace(clip, action=f"{trial}, camera {camera}")
