"""Everything that a page tells of a model and that must be measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.evaluation import lifted, measurable, measure
from h2ot_edge.benchmarks.accuracy.model_card.lifting import Lifted, lifted_of
from h2ot_edge.benchmarks.accuracy.results import Accuracy
from h2ot_edge.benchmarks.accuracy.window_latency import window_latencies
from h2ot_edge.benchmarks.latency import Latency
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.engine import Engine

__all__ = ["THREADS", "Measured", "measure_model"]

THREADS = (1, 2)
"""Of the latencies."""

Clips = Sequence[LabelledClip]


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """What was found.

    Attributes:
        accuracies: by the noise of the detections, `noisy` and `clean`.
        real: on real clips; None if none were given.
        lifted: the noisy clips, frame by frame.
        latency: by threads, of one window; empty if it was not measured.
    """

    accuracies: Mapping[str, Accuracy]
    real: Accuracy | None
    lifted: Sequence[Lifted]
    latency: Mapping[int, Latency]


def measure_model(
    path: Path,
    clips: Mapping[str, Clips],
    *,
    real: Clips = (),
    threads: int | None = None,
    rounds: int = 20,
    progress: Callable[[LabelledClip], None] | None = None,
) -> Measured:
    """Run a model on everything.

    Args:
        path: of the ONNX file.
        clips: held-out motions by noise, `noisy` and `clean`.
        real: real detections.
        threads: CPU threads for the clips; None leaves it to the backend.
        rounds: of the latency on the first noisy clip; 0 for none.
        progress: called after every clip.

    Raises:
        ModelFileError, MissingExtra: as `Engine.load`.
        InputError, OutputError: as `evaluate`.
    """
    seen: list[Lifted] = []
    with Engine.load(path, threads=threads) as engine:
        metrics = measurable(engine.card)

        def lift(clip: LabelledClip) -> NDArray[np.float64]:
            return lifted(engine, clip)

        def lift_and_keep(clip: LabelledClip) -> NDArray[np.float64]:
            poses = lift(clip)
            seen.append(lifted_of(clip, poses, metrics))
            return poses

        accuracies = {
            noise: measure(
                lift_and_keep if noise == "noisy" else lift,
                part,
                metrics=metrics,
                progress=progress,
            )
            for noise, part in clips.items()
        }
        on_real = measure(lift, real, metrics=metrics, progress=progress) if real else None
    latency = _latency(path, clips["noisy"][0], rounds) if rounds else {}
    return Measured(accuracies=accuracies, real=on_real, lifted=seen, latency=latency)


def _latency(path: Path, clip: LabelledClip, rounds: int) -> dict[int, Latency]:
    (found,) = window_latencies({"": path}, clip, threads=THREADS, rounds=rounds).values()
    return found
