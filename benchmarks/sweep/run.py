"""The token-budget curve: what each way to prune saves in time, and what it costs in accuracy."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from h2ot_edge._bars import NamedProgress
from h2ot_edge._files import sha256_of
from h2ot_edge.benchmarks.bench.figures import achieved, latency_figures, latency_problems
from h2ot_edge.benchmarks.bench.models import describe_model
from h2ot_edge.benchmarks.bench.noise import judged
from h2ot_edge.benchmarks.bench.provenance import without_folders
from h2ot_edge.benchmarks.bench.results import Result, Row
from h2ot_edge.benchmarks.bench.subject import INSIDE, Subject, open_subject
from h2ot_edge.benchmarks.energy import Recorder
from h2ot_edge.benchmarks.latency import clock_cost, in_blocks
from h2ot_edge.benchmarks.sweep.accuracy import Exported, Yardstick
from h2ot_edge.benchmarks.sweep.known_accuracies import Known
from h2ot_edge.benchmarks.sweep.plans import SweepOptions, in_words
from h2ot_edge.card import ModelCard
from h2ot_edge.clips import Clip
from h2ot_edge.errors import CheckFailed, CheckpointError, ExportError, UsageError
from h2ot_edge.export import ExportOptions, export_model
from h2ot_edge.export.tokens import format_schedule

__all__ = ["MODELS", "Sweep"]

MODELS = "models"
"""Folder of the exported models, beside the result."""

_CANNOT = (UsageError, CheckpointError, ExportError, CheckFailed)
"""What exporting a plan raises that is no plan for this network and these weights."""

_logger = logging.getLogger(__name__)


class Sweep:
    """Which plans, how they are measured, and where the rows go.

    What is exported and measured already is not done again.

    Args:
        options: what is asked for.
        clip: what the models run on while they are timed.
        result: where rows go; the models go in a folder beside it.
        known: accuracies that need not be measured again.
    """

    def __init__(
        self, options: SweepOptions, clip: Clip, result: Result, known: Known | None = None
    ) -> None:
        self._options, self._clip, self._result = options, clip, result
        self._known = known
        self._left_out: dict[str, str] = {}

    def run(self, progress: NamedProgress) -> None:
        """Export, time, and measure everything.

        Args:
            progress: told each step, how many are done, and how many there are.

        Raises:
            UsageError: no combination can be exported.
            H2OTError: as opening and running the models; what was done before it is kept.
        """
        wanted = self._possible()
        steps = 2 * len(wanted) + 1
        models = []
        for done, options in enumerate(wanted):
            progress(_words(options), done, steps)
            models += self._exported(options)
        self._check(models)
        with ExitStack() as stack:
            subjects = [stack.enter_context(self._opened(model)) for model in models]
            progress("latency", len(wanted), steps)
            self._time(subjects)
            self._measure(models, subjects, progress, steps)
        self._finish()

    def _possible(self) -> list[ExportOptions]:
        """What can be built, the unpruned network first."""
        wanted = []
        for options in (self._options.base, *self._options.combinations()):
            try:
                with torch.device("meta"):
                    options.build()
                wanted.append(options)
            except _CANNOT as error:
                self._leave_out(options, error)
        self._check(wanted)
        return wanted

    def _leave_out(self, options: ExportOptions, error: Exception) -> None:
        why = without_folders(str(error))
        _logger.warning("%s is left out: %s", _words(options), why)
        self._left_out[_words(options)] = why

    def _check(self, found: "list[ExportOptions] | list[Exported]") -> None:
        """Raise if nothing but the unpruned network is there."""
        plans = [
            item.plan if isinstance(item, ExportOptions) else item.options.plan for item in found
        ]
        if all(plan.prune == "none" for plan in plans):
            reasons = dict.fromkeys(self._left_out.values())
            raise UsageError(f"none of these combinations can be exported: {'; '.join(reasons)}")

    def _exported(self, options: ExportOptions) -> list[Exported]:
        """A model, or none; the one that is there, if it is that of the result."""
        name = _name(options)
        path = self._result.path.parent / MODELS / f"{name}.onnx"
        known = self._result.document["models"].get(name)
        try:
            if known is None or not path.is_file() or sha256_of(path) != known["sha256"]:
                with _fewer_warnings():
                    export_model(options, path)
                self._describe(name, path)
        except _CANNOT as error:
            self._leave_out(options, error)
            return []
        return [Exported(id=name, options=options, path=path, card=ModelCard.from_onnx(path))]

    def _describe(self, name: str, path: Path) -> None:
        models = self._result.document["models"]
        known, now = models.get(name), describe_model(name, path)
        if known is None or known["sha256"] != now["sha256"]:
            if known is not None:
                _logger.warning("%s: is another model now, it is measured anew", name)
                self._result.forget(name)
            models[name] = now
            self._result.write()

    def _opened(self, model: Exported) -> Any:
        return open_subject(model.id, model.path, self._options.running, self._clip)

    def _time(self, subjects: list[Subject]) -> None:
        """All of them in one run, so that they can be compared."""
        names = {subject.id: subject.row("latency", "single-host") for subject in subjects}
        if all(self._result.has(row["id"]) for row in names.values()):
            return
        calls = {subject.id: subject.call("host") for subject in subjects}
        overhead, resolution = clock_cost()
        self._result.document["clock"] = {"overhead_ns": overhead, "resolution_ns": resolution}
        device = max(subject.backend.device for subject in subjects)
        with Recorder(None, device=device) as recorder:
            timed = in_blocks(calls, seconds=self._options.seconds)
        for subject in subjects:
            figures = latency_figures(timed[subject.id], subject.batch)
            gflop = self._result.document["models"][subject.id]["cost"]["total_gflop"]
            figures |= achieved(figures, gflop, None)
            self._result.add(
                Row(
                    **names[subject.id],
                    scenario="single",
                    boundary="host",
                    inside=INSIDE["host"],
                    valid=not recorder.slowed,
                    problems=[*recorder.slowed, *latency_problems(figures)],
                    figures=figures,
                )
            )

    def _measure(
        self,
        models: list[Exported],
        subjects: list[Subject],
        progress: NamedProgress,
        steps: int,
    ) -> None:
        """Accuracies; the curve grows with them."""
        options = self._options
        yardstick = Yardstick(models, options.data, options.protocol, self._known)
        self._result.document["curve"] = []
        for number, (model, subject) in enumerate(zip(models, subjects, strict=True), 1):
            progress(f"{_words(model.options)}, accuracy", steps - len(models) + number - 1, steps)
            self._hold(model, subject, yardstick)
            self._result.write()

    def _hold(self, model: Exported, subject: Subject, yardstick: Yardstick) -> None:
        row = subject.row("accuracy", "accuracy")
        if not self._result.has(row["id"]):
            assert subject.engine is not None
            with _fewer_warnings():
                found = yardstick.hold(model, subject.engine)
            self._note(model.id, found.unknown)
            if found.figures is not None:
                self._result.add(Row(**row, problems=found.problems, figures=found.figures))
        self._result.document["curve"].append(self._point(model, row["id"], yardstick.kind))

    def _point(self, model: Exported, row: str, kind: str) -> dict[str, Any]:
        plan = model.options.plan
        figures = _figures(self._result.document, row)
        named = "mpjpe_mm" if kind == "mpjpe" else "mean_mm"
        return {
            "model": model.id,
            "prune": plan.prune,
            "recover": plan.recover,
            "keep": format_schedule(plan.schedule),
            "accuracy_mm": figures.get(named),
            "accuracy": kind,
            "data": figures.get("data"),
        }

    def _finish(self) -> None:
        document = self._result.document
        for words, reason in self._left_out.items():
            self._note(next(iter(document["models"])), f"{words} is left out: {reason}")
        document["noise"] = judged(document)
        self._result.finish()

    def _note(self, name: str, unknown: str | None) -> None:
        """Among what is not known, once."""
        told = self._result.document["models"][name]["unknown"]
        if unknown is not None and unknown not in told:
            told.append(unknown)


def _figures(document: Mapping[str, Any], row: str) -> Mapping[str, Any]:
    """Of a row; none if it is not there."""
    found: Mapping[str, Any] = next(
        (known["figures"] for known in document["rows"] if known["id"] == row), {}
    )
    return found


def _name(options: ExportOptions) -> str:
    """Id of a model: the network, and which frames stay."""
    plan = options.plan
    tokens = ["dense"]
    if plan.prune != "none":
        keep = format_schedule(plan.schedule).replace(":", "x").replace(",", "+")
        tokens = [plan.prune, keep, *([plan.recover] if plan.recover != "none" else [])]
    return "-".join([options.backbone, options.variant, str(plan.frames), *tokens])


def _words(options: ExportOptions) -> str:
    plan = options.plan
    return in_words(plan.prune, format_schedule(plan.schedule), plan.recover)


@contextmanager
def _fewer_warnings() -> Iterator[None]:
    """Without those of weights that never saw the pruning, as most of a sweep are."""
    logger = logging.getLogger("h2ot_edge.export.origin")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
