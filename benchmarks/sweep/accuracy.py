"""What a point of the token-budget curve costs in accuracy."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx

from h2ot_edge.benchmarks.bench.agreement import errors_on
from h2ot_edge.benchmarks.sweep.known_accuracies import Known, key_of
from h2ot_edge.card import ModelCard
from h2ot_edge.engine import Engine
from h2ot_edge.engines.precision.drift import Outputs, compare, outputs_of, verification_windows
from h2ot_edge.export import ExportOptions, export_model
from h2ot_edge.export.tokens import RECOVERERS
from h2ot_edge.spec import FloatArray

__all__ = ["Exported", "Found", "Yardstick"]

_RANDOM = "accuracy: the weights are random; give --checkpoint with trained ones"
_ALONE = (
    "accuracy: there is no unpruned network with these weights to compare with; give --data with "
    "the truth"
)
_BEFORE = "measured before, not in this run: accuracy holds on every machine"
_LEARNED = (
    "accuracy: the weights were trained with this pruning, so the distance to the unpruned network "
    "is not what pruning costs; give --data with the truth"
)
_NO_METRES = (
    "accuracy: the poses of this model are not in metres, so MPJPE is not known; without --data "
    "drift from the unpruned network is measured"
)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A point's model.

    Attributes:
        id: in the document.
        options: what was exported.
        path: the file.
        card: in it.
    """

    id: str
    options: ExportOptions
    path: Path
    card: ModelCard

    @property
    def trained(self) -> bool:
        """Whether its poses mean anything."""
        return self.card.weights.get("source") != "random"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is known of a model's accuracy.

    Attributes:
        figures: of kind `accuracy`; None if nothing is.
        problems: what to think of.
        unknown: why the point's accuracy is not known.
    """

    figures: Mapping[str, Any] | None = None
    problems: Sequence[str] = ()
    unknown: str | None = None


class Yardstick:
    """What models are held against: the truth if there are data, else the unpruned network.

    Args:
        models: all that will be held against it.
        data: files with the truth.
        protocol: how they are read.
        known: figures that need not be measured again; they are taken if all are known, because
            they are no drift.
    """

    def __init__(
        self,
        models: Sequence[Exported],
        data: Sequence[Path],
        protocol: str,
        known: Known | None = None,
    ) -> None:
        self._data, self._protocol = data, protocol
        self._unpruned = next((m for m in models if m.trained and not m.card.schedule), None)
        keys = {key_of(model.card) for model in models if model.trained}
        self._known = known if known and not data and keys <= known.keys() else None

    @property
    def kind(self) -> str:
        """`accuracy` of a point."""
        return "mpjpe" if self._data or self._known else "drift"

    def hold(self, model: Exported, engine: Engine) -> Found:
        """Measure a model; drift is computed on the CPU, whatever runs the model.

        Raises:
            As `errors_on`, and as `export_model`.
        """
        if not model.trained:
            return Found(unknown=_RANDOM)
        if self._data:
            figures = errors_on(engine, self._data, self._protocol)
            return Found(
                figures=figures, unknown=_NO_METRES if figures["mpjpe_mm"] is None else None
            )
        if self._known is not None:
            return Found(figures=self._known[key_of(model.card)], problems=(_BEFORE,))
        if self._unpruned is None:
            return Found(unknown=_ALONE)
        if model.card.weights["sha256"] == self._unpruned.card.weights["sha256"]:
            return self._drifted(model.path, self._unpruned)
        if RECOVERERS[model.options.plan.recover].learned:
            return Found(unknown=_LEARNED)
        return self._drifted_twin(model, self._unpruned)

    def _drifted(self, path: Path, unpruned: Exported, *problems: str) -> Found:
        card = unpruned.card
        drift = compare(outputs_of(onnx.load(path), self._windows), self._expected, card)
        figures = {
            "reference": unpruned.id,
            "windows": drift.windows,
            "mean_mm": drift.mean,
            "worst_mm": drift.worst,
            "kept": drift.kept,
            "kept_differ": drift.kept_differ,
            "mpjpe_mm": None,
            "p_mpjpe_mm": None,
            "data": f"windows of people who walk, simulated; {drift.unit}",
        }
        return Found(figures=figures, problems=problems)

    def _drifted_twin(self, model: Exported, unpruned: Exported) -> Found:
        """Of the unpruned network's weights: other weights differ by more than what pruning does.

        Those that were trained with the pruning should do better, if the truth is asked.
        """
        shipped = unpruned.options.shipped
        assert shipped is not None  # a checkpoint would be that of both
        told = (
            f"drift is that of the weights of {shipped.model.name} under this pruning; the model "
            f"has those of {model.card.weights['name']}, which were trained with it: --data tells "
            "what they are worth"
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "twin.onnx"
            export_model(replace(model.options, checkpoint=shipped.model.weights), path)
            return self._drifted(path, unpruned, told)

    @cached_property
    def _windows(self) -> FloatArray:
        assert self._unpruned is not None
        return verification_windows(self._unpruned.card)

    @cached_property
    def _expected(self) -> Outputs:
        assert self._unpruned is not None
        return outputs_of(onnx.load(self._unpruned.path), self._windows)
