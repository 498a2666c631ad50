"""Measuring a model on clips, through the same `Engine.infer` that apps call.

Missing joints are not filled in, as apps have it by default; what that is worth tells
`benchmarks/studies/missing_cost.py`.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import look_up
from h2ot_edge.benchmarks.accuracy.journal import Journal
from h2ot_edge.benchmarks.accuracy.metrics import METRICS, Root, root_relative, rooted
from h2ot_edge.benchmarks.accuracy.results import Accuracy, ClipErrors
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.card import ModelCard
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import MIRROR
from h2ot_edge.spec import FloatArray

__all__ = ["Lift", "digest_of", "evaluate", "lifted", "measurable", "measure", "mirrored"]

Lift = Callable[[LabelledClip], NDArray[np.floating[Any]]]
"""Gives the poses (t, 17, 3) of a clip in metres; their origin matters only if `root` says so."""

_logger = logging.getLogger(__name__)


def evaluate(
    engine: Engine,
    clips: Iterable[LabelledClip],
    *,
    metrics: Sequence[str] | None = None,
    flip: bool = False,
    actions_first: bool = False,
    root: Root = "subtracted",
    joints: Mapping[str, Sequence[int]] | None = None,
    journal: Journal | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[LabelledClip], None] | None = None,
) -> Accuracy:
    """Lift clips and compare the poses with the truth, which is about the root.

    Args:
        engine: the model.
        clips: of distinct names.
        metrics: names in `METRICS`; None for all that the unit of the model's poses allows.
        flip: average the poses with those of the mirrored keypoints, mirrored back.
        actions_first: as in `Accuracy.of`.
        root: what is done with the predicted root.
        joints: as in `Accuracy.of`.
        journal: results are added to it clip by clip, and taken from it where it has them.
        settings: to be kept with the result.
        progress: called after every clip.

    Raises:
        UnknownName: no such metric.
        UsageError: a metric that needs metres, and a model that gives none; a clip is not the one
            whose result the journal has.
        InputError: no clips, two of one name, keypoints or truth that are not as in
            `LabelledClip`, or a metric that needs neighbouring frames and gaps between those that
            count.
        OutputError: the model gave NaN or infinity.
    """
    names = measurable(engine.card) if metrics is None else _checked(engine.card, metrics)
    return measure(
        lambda clip: lifted(engine, clip, flip=flip, root=root),
        clips,
        metrics=names,
        actions_first=actions_first,
        root=root,
        joints=joints,
        journal=journal,
        settings=settings,
        progress=progress,
    )


def measure(
    lift: Lift,
    clips: Iterable[LabelledClip],
    *,
    metrics: Sequence[str],
    actions_first: bool = False,
    root: Root = "subtracted",
    joints: Mapping[str, Sequence[int]] | None = None,
    journal: Journal | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[LabelledClip], None] | None = None,
) -> Accuracy:
    """Compare what anything makes of clips with the truth; the rest is as for `evaluate`.

    Args:
        lift: gives poses; those of frames that do not count may be anything.
        clips: of distinct names.
        metrics: names in `METRICS`.
        actions_first: as in `Accuracy.of`.
        root: what is done with the predicted root.
        joints: as in `Accuracy.of`.
        journal: as for `evaluate`.
        settings: to be kept with the result.
        progress: called after every clip.

    Raises:
        UsageError: a clip is not the one whose result the journal has.
        InputError: no clips, two of one name, poses or truth that cannot be compared, or a metric
            that needs neighbouring frames and gaps between those that count.
    """
    results: dict[str, ClipErrors] = {}
    for clip in clips:
        if clip.name in results:
            raise InputError(f"clip {clip.name}: there are two of this name; rename one")
        results[clip.name] = _result(lift, clip, metrics, journal, root)
        if progress is not None:
            progress(clip)
    if not results:
        raise InputError("clips: expected at least one, got none; there is nothing to compare")
    return Accuracy.of(
        list(results.values()),
        metrics,
        actions_first=actions_first,
        joints=joints,
        settings=settings,
    )


def lifted(
    engine: Engine, clip: LabelledClip, *, flip: bool = False, root: Root = "subtracted"
) -> NDArray[np.float64]:
    """What a model makes of a clip.

    Args:
        engine: the model.
        clip: its keypoints are lifted; its truth does not matter.
        flip: as for `evaluate`.
        root: as for `evaluate`.

    Returns:
        (t, 17, 3) with the root at the origin, in the model's unit.

    Raises:
        InputError, OutputError: as `Engine.infer`.
    """
    poses = rooted(_poses(engine, clip, clip.keypoints), root)
    if not flip:
        return poses
    other = rooted(_poses(engine, clip, mirrored(clip.keypoints, clip.image_size)), root)
    mean: NDArray[np.float64] = (poses + other[:, MIRROR] * (-1, 1, 1)) / 2
    return mean


def measurable(card: ModelCard, metrics: Iterable[str] = tuple(METRICS)) -> tuple[str, ...]:
    """Those of the metrics that make sense for a model; a warning tells which are left out.

    Raises:
        UsageError: if that leaves none.
    """
    asked = tuple(metrics)
    fitting = tuple(name for name in asked if not _lacks_metres(card, name))
    if not fitting:
        _checked(card, asked)
    if len(fitting) < len(asked):
        _logger.warning(
            "the poses of this model are %s, not metres: %s cannot be measured, %s can",
            card.output.unit,
            _labels(name for name in asked if name not in fitting),
            _labels(fitting),
        )
    return fitting


def mirrored(keypoints: FloatArray, image_size: tuple[float, float] | None) -> FloatArray:
    """Keypoints (t, 17, 2|3) of the mirror image; missing joints, all zero, stay missing."""
    mirror = keypoints[:, MIRROR]
    missing = (mirror == 0).all(axis=-1) & (mirror.shape[-1] == 3)
    width = 0.0 if image_size is None else image_size[0]
    mirror[..., 0] = np.where(missing, 0, width - mirror[..., 0])
    return mirror


def digest_of(clip: LabelledClip) -> str:
    """Sixteen hexadecimal digits that change with what a clip is measured by."""
    content = hashlib.sha256(f"{clip.action} {clip.image_size}".encode())
    arrays = [clip.keypoints, clip.truth, *([] if clip.counted is None else [clip.counted])]
    for array in arrays:
        content.update(f" {array.dtype} {array.shape} ".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:16]


def _poses(engine: Engine, clip: LabelledClip, keypoints: FloatArray) -> FloatArray:
    # Joints as the detector gave them: figures are of the model and not of how gaps are filled,
    # which docs/missing.md measures, and those that are published stay comparable.
    return np.asarray(engine.infer(keypoints, image_size=clip.image_size, on_missing=None))


def _lacks_metres(card: ModelCard, metric: str) -> bool:
    return look_up("metric", metric, METRICS).needs_metres and card.output.unit != "m"


def _checked(card: ModelCard, metrics: Sequence[str]) -> tuple[str, ...]:
    if not metrics:
        raise UsageError(f"metrics: expected at least one of {', '.join(METRICS)}, got none")
    lacking = [name for name in metrics if _lacks_metres(card, name)]
    if lacking:
        free = [name for name, metric in METRICS.items() if not metric.needs_metres]
        raise UsageError(
            f"{_labels(lacking)}: expected poses in metres, those of this model are "
            f"{card.output.unit}; measure {_labels(free)}"
        )
    return tuple(metrics)


def _labels(metrics: Iterable[str]) -> str:
    return ", ".join(METRICS[name].label for name in metrics)


def _result(
    lift: Lift, clip: LabelledClip, metrics: Sequence[str], journal: Journal | None, root: Root
) -> ClipErrors:
    """The journal's result, or a new one."""
    digest = digest_of(clip)
    known = journal.find(clip.name, digest) if journal is not None else None
    if known is not None:
        return known
    try:
        _refuse_gaps(clip, metrics)
        counted = slice(None) if clip.counted is None else clip.counted
        truth = root_relative(clip.truth)[counted]
        errors = _errors(rooted(lift(clip)[counted], root), truth, metrics)
    except InputError as error:
        raise InputError(f"clip {clip.name}: {error}") from error
    result = ClipErrors(
        name=clip.name,
        subject=clip.subject,
        action=clip.action,
        frames=len(truth),
        digest=digest,
        errors=errors,
    )
    if journal is not None:
        journal.add(result)
    return result


def _refuse_gaps(clip: LabelledClip, metrics: Sequence[str]) -> None:
    """Raise if a metric would take frames for neighbours between which others do not count."""
    needy = [name for name in metrics if METRICS[name].lost_frames]
    frames = np.arange(len(clip.truth)) if clip.counted is None else np.flatnonzero(clip.counted)
    gaps = np.flatnonzero(np.diff(frames) > 1)
    if needy and len(gaps):
        raise InputError(
            f"{_labels(needy)}: expected the frames that count to be neighbours, found {len(gaps)} "
            f"gaps between them, the first after frame {frames[gaps[0]]}; measure other metrics, "
            "or give each part as a clip"
        )


def _errors(
    poses: NDArray[np.float64], truth: NDArray[np.float64], metrics: Sequence[str]
) -> dict[str, tuple[float, ...]]:
    return {
        name: tuple(METRICS[name].errors(poses, truth).mean(axis=0).tolist())
        for name in metrics
        if not 0 < len(truth) <= METRICS[name].lost_frames
    }
