"""How far models are from each other, and from the truth, beside how fast they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._checks import check_finite
from h2ot_edge.benchmarks.bench.subject import Subject
from h2ot_edge.benchmarks.inputs import windows_of
from h2ot_edge.benchmarks.millimetres import millimetres_per_unit
from h2ot_edge.card import ModelCard
from h2ot_edge.engine import Engine

__all__ = ["accuracy_of", "comparable", "drift_of_card", "errors_on", "figures_between"]

WINDOWS = 32

_SAME = ("backbone", "variant", "frames", "mode", "flip_tta")
"""Of cards whose models should give the same poses; pruning is not among them."""


def accuracy_of(
    subject: Subject, others: Sequence[Subject], data: Sequence[Path], protocol: str
) -> dict[str, Any] | None:
    """Figures of kind `accuracy`; None if nothing is known.

    How far the model is from the first float32 one of the same network among the others, else what
    its card says of that; and its errors where there is the truth.

    Args:
        subject: the model.
        others: that are open too.
        data: files with the truth; none to leave it out.
        protocol: how they are read.

    Raises:
        As `figures_between` and `errors_on`.
    """
    if subject.engine is None:
        return None
    card = subject.engine.card
    sources = [other for other in others if _is_source(other, card)]
    # With its own pruning rather than without any: what is asked for is what lowering costs.
    sources.sort(key=lambda other: _pruned_otherwise(other, card))
    figures = figures_between(subject, sources[0]) if sources else drift_of_card(card)
    if not data:
        return figures
    errors = errors_on(subject.engine, data, protocol)
    told = {name: errors[name] for name in ("mpjpe_mm", "p_mpjpe_mm", "data")}
    return errors if figures is None else {**figures, **told}


def comparable(card: ModelCard, reference: ModelCard) -> bool:
    """Whether two models are one network, so that the distance of their poses says something."""
    weights = card.weights.get("sha256")
    if weights is None or weights != reference.weights.get("sha256"):
        return False
    return all(getattr(card, name) == getattr(reference, name) for name in _SAME)


def figures_between(subject: Subject, reference: Subject) -> dict[str, Any]:
    """Figures of kind `accuracy`: a model against another one, on windows of the clip.

    Args:
        subject: with a card.
        reference: with a card that is `comparable`.

    Raises:
        InputError, OutputError, DeviceError: as `Engine.infer`.
    """
    assert subject.engine is not None
    assert reference.engine is not None
    windows = windows_of(reference.engine.card, reference.clip, WINDOWS)
    ours, theirs = _outputs(subject.engine, windows), _outputs(reference.engine, windows)
    expected = theirs["poses"].astype(np.float64)
    far = np.linalg.norm(ours["poses"].astype(np.float64) - expected, axis=-1)
    far *= millimetres_per_unit(expected, reference.engine.card.output.unit)
    kept, differ = _kept(ours, theirs)
    return _figures(
        reference=reference.id,
        windows=len(windows),
        mean_mm=float(far.mean()),
        worst_mm=float(far.max()),
        kept=kept,
        kept_differ=differ,
    )


def _pruned_otherwise(other: Subject, card: ModelCard) -> bool:
    return other.engine is None or other.engine.card.schedule != card.schedule


def _is_source(other: Subject, card: ModelCard) -> bool:
    if other.engine is None or other.engine.card.precision_name != "fp32":
        return False
    # Of two float32 models neither is the source of the other, unless one is unpruned.
    found = other.engine.card
    return comparable(card, found) and (card.precision_name != "fp32" or not found.schedule)


def drift_of_card(card: ModelCard) -> dict[str, Any] | None:
    """Figures of kind `accuracy` that h2ot-build measured; None if it did not."""
    found = card.precision.get("drift_emulated", card.precision.get("drift"))
    if found is None:
        return None
    return _figures(
        reference="its float32 source, as h2ot-build measured and the card says",
        windows=found["windows"],
        mean_mm=found["mean"],
        worst_mm=found["worst"],
        kept=found["kept"],
        kept_differ=found["kept_differ"],
    )


def errors_on(engine: Engine, data: Sequence[Path], protocol: str) -> dict[str, Any]:
    """Figures of kind `accuracy`: errors against the truth.

    Args:
        engine: of a model with a card.
        data: files that the protocol reads.
        protocol: as for `h2ot-eval`.

    Raises:
        UnknownName: no such protocol.
        InputError, UsageError: as reading and measuring with `h2ot-eval`.
    """
    from h2ot_edge._names import look_up
    from h2ot_edge.benchmarks.accuracy import PROTOCOLS
    from h2ot_edge.benchmarks.accuracy.evaluation import evaluate, measurable
    from h2ot_edge.benchmarks.accuracy.protocols import ProtocolOptions

    chosen = look_up("protocol", protocol, PROTOCOLS)
    clips = chosen.read(list(data), chosen.resolved(ProtocolOptions()))
    metrics = measurable(engine.card, ("mpjpe", "p_mpjpe"))
    found = evaluate(
        engine,
        clips,
        metrics=metrics,
        flip=chosen.flip,
        actions_first=chosen.actions_first,
        root=chosen.root,
        joints=chosen.joints,
    ).overall.metrics
    names = ", ".join(sorted({path.name for path in data}))
    return _figures(
        windows=sum(engine.count_windows(len(clip.truth)) for clip in clips),
        mpjpe_mm=found.get("mpjpe"),
        p_mpjpe_mm=found.get("p_mpjpe"),
        data=f"{chosen.title} ({names})",
    )


def _figures(**known: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("reference", "mean_mm", "worst_mm", "mpjpe_mm", "p_mpjpe_mm", "data"), None
    )
    return {**nothing, "windows": 0, "kept": 0, "kept_differ": 0, **known}


def _outputs(engine: Engine, windows: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Of calls as large as the model takes; what is left over is filled up and cut off."""
    most = engine.batch_range[1]
    found: dict[str, list[NDArray[Any]]] = {}
    for start in range(0, len(windows), most):
        batch = np.take(windows, range(start, start + most), axis=0, mode="wrap")
        given = engine.run_windows(np.ascontiguousarray(batch))
        check_finite(given["poses"], start)
        for name, array in given.items():
            found.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays)[: len(windows)] for name, arrays in found.items()}


def _kept(ours: dict[str, NDArray[Any]], theirs: dict[str, NDArray[Any]]) -> tuple[int, int]:
    """Frames that the reference keeps, and how many of them the other does not; 0 if not told."""
    if "kept" not in ours or "kept" not in theirs:
        return 0, 0
    pairs = zip(theirs["kept"], ours["kept"], strict=True)
    return int(theirs["kept"].size), sum(len(np.setdiff1d(a, b)) for a, b in pairs)
