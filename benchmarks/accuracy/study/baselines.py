"""Trivial answers, without which no error is large or small."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.evaluation import lifted, measure
from h2ot_edge.benchmarks.accuracy.metrics import root_relative
from h2ot_edge.benchmarks.accuracy.study.figures import kept, overall
from h2ot_edge.benchmarks.accuracy.study.pieces import Document, Piece
from h2ot_edge.benchmarks.accuracy.study.pruning import accuracy_name
from h2ot_edge.benchmarks.accuracy.study.setting import METRICS_SHOWN, Study
from h2ot_edge.benchmarks.accuracy.tables import cells, labels, table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.engine import Engine

__all__ = ["frame_by_frame", "mean_pose", "pieces", "sampled", "section"]

_STILL = ("mpjpe", "p_mpjpe")
"""Metrics that need no neighbouring frames."""

Array = NDArray[np.floating[Any]]


def mean_pose(clips: Sequence[LabelledClip]) -> Array:
    """(17, 3) metres about the root, the mean of all true poses."""
    mean: Array = np.concatenate([root_relative(clip.truth) for clip in clips]).mean(axis=0)
    return mean


def sampled(clips: Sequence[LabelledClip], stride: int) -> list[LabelledClip]:
    """The same clips, of which only every `stride`-th frame counts."""
    return [
        dataclasses.replace(clip, counted=np.arange(len(clip.truth)) % stride == 0)
        for clip in clips
    ]


def frame_by_frame(engine: Engine, clip: LabelledClip) -> Array:
    """(t, 17, 3), each counted frame lifted as a clip of its own; others are 0.

    The engine fills the window of a clip of one frame with copies of it.
    """
    counted = np.ones(len(clip.truth), np.bool_) if clip.counted is None else clip.counted
    alone = clip.keypoints[counted][:, None]
    poses = np.zeros(clip.truth.shape, np.float32)
    # Nothing is filled in, as in `evaluation`.
    poses[counted] = engine.infer(alone, image_size=clip.image_size, on_missing=None)[:, 0]
    return poses


def pieces(study: Study) -> list[Piece]:
    """The mean pose, single frames, and the model on the same frames."""
    name, stride = study.default, study.stride
    inputs = study.inputs(name, stride=stride, metrics=_STILL)
    return [
        Piece(name="baselines/mean pose", inputs=study.inputs(), measure=lambda: _mean(study)),
        Piece(
            name="baselines/single frames",
            inputs=inputs,
            measure=lambda: _on_sample(study, frame_by_frame),
        ),
        Piece(
            name="baselines/whole windows",
            inputs=inputs,
            measure=lambda: _on_sample(study, lifted),
        ),
    ]


def section(study: Study, found: Mapping[str, Document]) -> str:
    """The text."""
    prose = (
        "What one gets for nothing. The mean pose is the mean of the true poses of these very "
        "clips, about the root and in the camera's orientation, given as the answer to everything: "
        "an oracle, which no constant beats by much. Single frames: the default model on windows "
        f"made of one frame repeated, every {study.stride} frames; below it the same model on "
        "whole windows, on the same frames. The difference of these two is what seeing time is "
        "worth to this model, not to lifting as such: a network made for single frames may do "
        "better than this one does on them.\n"
    )
    rows = [
        _row("mean pose of these clips", found["baselines/mean pose"]),
        _row(f"{study.default}, all frames", found[accuracy_name(study.default)]),
        _row(f"{study.default}, single frames", found["baselines/single frames"]),
        _row(f"{study.default}, the same frames", found["baselines/whole windows"]),
    ]
    head = ["answer", "frames", *labels(METRICS_SHOWN)]
    return "\n".join(["## Trivial answers\n", prose, table(head, rows, words=1)])


def _row(name: str, figures: Document) -> list[str]:
    return [name, str(figures["overall"]["frames"]), *cells(overall(figures), METRICS_SHOWN)]


def _on_sample(study: Study, lift: Callable[[Engine, LabelledClip], Array]) -> Document:
    """The default model's poses of sampled frames, by a way to lift clips."""
    engine, clips = study.engine(study.default), sampled(study.clips, study.stride)
    return kept(measure(lambda clip: lift(engine, clip), clips, metrics=_STILL))


def _mean(study: Study) -> dict[str, Any]:
    mean = mean_pose(study.clips)
    accuracy = measure(
        lambda clip: np.broadcast_to(mean, clip.truth.shape), study.clips, metrics=METRICS_SHOWN
    )
    return kept(accuracy)
