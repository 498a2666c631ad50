"""What becomes of the default model when something about the input or the output is changed."""

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from h2ot_edge.benchmarks.accuracy.evaluation import evaluate, measure
from h2ot_edge.benchmarks.accuracy.protocols import CMU, DETECTORS, cmu_clips
from h2ot_edge.benchmarks.accuracy.results import Accuracy
from h2ot_edge.benchmarks.accuracy.study.figures import difference, kept, overall
from h2ot_edge.benchmarks.accuracy.study.pieces import Document, Piece
from h2ot_edge.benchmarks.accuracy.study.pruning import accuracy_name
from h2ot_edge.benchmarks.accuracy.study.setting import METRICS_SHOWN, Study
from h2ot_edge.benchmarks.accuracy.tables import cells, labels, table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.motions import joined, resampled
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.filters import one_euro
from h2ot_edge.spec import FloatArray

__all__ = ["CONDITIONS", "Condition", "certain", "pieces", "section", "without_joints"]

_FPS = 50.0
_MISSING = 1
"""Sets this use of the seed apart from others of the same seed."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Something that is changed.

    Attributes:
        name: in the table.
        measure: gives the accuracy of the default model under it.
        scale: what the MPJVE is multiplied with, to be one of 50 frames a second.
        settings: what figures depend on and can be chosen here.
    """

    name: str
    measure: Callable[[Study], Accuracy]
    scale: float = 1.0
    settings: Mapping[str, float] = dataclasses.field(default_factory=dict)


def without_joints(clip: LabelledClip, count: int, seed: int) -> LabelledClip:
    """A clip with `count` joints missing throughout: position and confidence 0.

    Which ones is drawn for each clip by its name; those of a smaller count are among those of a
    larger one.
    """
    rng = np.random.default_rng([_MISSING, seed, zlib.crc32(clip.name.encode())])
    keypoints = clip.keypoints.copy()
    keypoints[:, rng.permutation(keypoints.shape[1])[:count]] = 0
    return dataclasses.replace(clip, keypoints=keypoints)


def certain(clip: LabelledClip) -> LabelledClip:
    """A clip of an app without confidences: 1 everywhere, missing joints stay where they were.

    Joints that are missing at first are put where they will be seen first; joints that are never
    seen stay at 0.
    """
    return dataclasses.replace(clip, keypoints=_last_seen(clip.keypoints))


def pieces(study: Study) -> list[Piece]:
    """One for each condition."""
    return [
        Piece(
            name=_name(condition),
            inputs=study.inputs(study.default, metrics=METRICS_SHOWN, **condition.settings),
            measure=lambda condition=condition: _figures(condition, study),  # type: ignore[misc]
        )
        for condition in CONDITIONS
    ]


def section(study: Study, found: Mapping[str, Document]) -> str:
    """The text."""
    prose = (
        f"{study.default} on the clips of the section before, with one thing changed at a time. "
        "Flip: the mean with the mirrored poses of the mirrored keypoints, which takes twice the "
        "time. One-Euro (`h2ot_edge.filters`, cutoff at rest and rise for each m/s; neither was "
        "tuned here) filters the poses of `Engine.infer`; it does not look ahead, so it lags. "
        "Missing joints are drawn once for each clip and are missing in all of it, with position "
        "and confidence 0. Confidence 1: what an app gets that drops confidences, where missing "
        "joints stay where they were last seen. Other frame rates: the motions are resampled "
        "first (straight between frames), then filmed and detected, and fed as they are to a "
        "model that does not know; the truth is at the same times, the detector's jitter is per "
        "frame, and MPJVE is multiplied by fps / 50 to be one of 50 frames a second. Clean: the "
        "exact projections, with confidence 1.\n"
    )
    base = overall(found[accuracy_name(study.default)])
    rows = [_row("as it is", base, base)]
    rows += [_row(c.name, overall(found[_name(c)]), base) for c in CONDITIONS]
    head = ["condition", *labels(METRICS_SHOWN), "difference of MPJPE, %", "of MPJVE, %"]
    return "\n".join(["## Conditions\n", prose, table(head, rows, words=1)])


def _name(condition: Condition) -> str:
    return f"conditions/{condition.name}"


def _row(name: str, values: Mapping[str, float], base: Mapping[str, float]) -> list[str]:
    apart = [difference(values[metric], base[metric]) for metric in ("mpjpe", "mpjve")]
    return [name, *cells(values, METRICS_SHOWN), *apart]


def _figures(condition: Condition, study: Study) -> Document:
    """Overall figures alone: `scale` would have to go into all the others as well."""
    figures = kept(condition.measure(study))["overall"]
    figures["metrics"]["mpjve"] *= condition.scale
    return {"overall": figures, "mpjve_scale": condition.scale}


def _last_seen(keypoints: FloatArray) -> FloatArray:
    seen = (keypoints != 0).any(axis=-1)
    frames = np.arange(len(seen))[:, None]
    latest = np.maximum.accumulate(np.where(seen, frames, -1), axis=0)
    source = np.where(latest < 0, seen.argmax(axis=0), latest)
    filled = keypoints[source, np.arange(keypoints.shape[1])]
    filled[..., 2:] = 1
    return filled


def _on(study: Study, clips: Sequence[LabelledClip], *, flip: bool = False) -> Accuracy:
    return evaluate(study.engine(study.default), clips, metrics=METRICS_SHOWN, flip=flip)


def _changed(change: Callable[[LabelledClip], LabelledClip]) -> Callable[[Study], Accuracy]:
    return lambda study: _on(study, [change(clip) for clip in study.clips])


def _missing(count: int) -> Condition:
    def measured(study: Study) -> Accuracy:
        seed = study.options.seed or 0
        return _on(study, [without_joints(clip, count, seed) for clip in study.clips])

    name = f"{count} joint{'s' * (count > 1)} missing"
    return Condition(name=name, measure=measured, settings={"missing": count})


def _smoothed(min_cutoff_hz: float, beta: float) -> Condition:
    def measured(study: Study) -> Accuracy:
        engine = study.engine(study.default)

        def filtered(clip: LabelledClip) -> FloatArray:
            # Nothing is filled in, as in `evaluation`.
            poses = engine.infer(clip.keypoints, image_size=clip.image_size, on_missing=None)
            return one_euro(np.asarray(poses), clip.fps, min_cutoff_hz=min_cutoff_hz, beta=beta)

        return measure(filtered, study.clips, metrics=METRICS_SHOWN)

    return Condition(
        name=f"One-Euro, {min_cutoff_hz:g} Hz and {beta:g}/m",
        measure=measured,
        settings={"min_cutoff_hz": min_cutoff_hz, "beta": beta},
    )


def _at(fps: float) -> Condition:
    def measured(study: Study) -> Accuracy:
        motions = joined(read_motions(path) for path in study.data)
        slower = tuple(resampled(motion, fps) for motion in motions.motions)
        options = study.options
        clips = cmu_clips(
            dataclasses.replace(motions, motions=slower),
            views=options.views or 1,
            detector=DETECTORS[options.noise or "noisy"],
            fps=fps,
            seed=options.seed or 0,
        )
        return _on(study, tuple(clips))

    return Condition(
        name=f"{fps:g} frames a second", measure=measured, scale=fps / _FPS, settings={"fps": fps}
    )


def _clean(study: Study) -> Accuracy:
    return _on(study, CMU.read(study.data, dataclasses.replace(study.options, noise="clean")))


CONDITIONS = (
    Condition(name="flip", measure=lambda study: _on(study, study.clips, flip=True)),
    _smoothed(1.0, 5.0),
    _smoothed(3.0, 10.0),
    *(_missing(count) for count in (1, 3, 6)),
    Condition(name="confidence 1", measure=_changed(certain)),
    *(_at(fps) for fps in (25.0, 30.0, 60.0)),
    Condition(name="clean keypoints", measure=_clean),
)
