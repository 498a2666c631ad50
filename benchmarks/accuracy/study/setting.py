"""What a study is about: models, data, and the choices that were made."""

import argparse
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from h2ot_edge import _files
from h2ot_edge._names import look_up, require
from h2ot_edge._version import __version__
from h2ot_edge.benchmarks.accuracy.evaluation import digest_of
from h2ot_edge.benchmarks.accuracy.protocols import CMU, ProtocolOptions
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.running import load_engine, named_models
from h2ot_edge.engine import Engine
from h2ot_edge.errors import UsageError

__all__ = ["METRICS_SHOWN", "Model", "Study", "sha256_of"]

METRICS_SHOWN = ("mpjpe", "p_mpjpe", "mpjve")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that takes part.

    Attributes:
        name: in tables.
        path: of the ONNX file.
        card: of the model.
        sha256: of the file.
    """

    name: str
    path: Path
    card: ModelCard
    sha256: str

    @property
    def retrained(self) -> bool:
        """Whether the weights were trained with the pruning that the model has.

        Of weights of unknown training it is assumed, unless the card says otherwise.
        """
        if self.card.weights.get("trained_with_plan") is False:
            return False
        plan = self.card.training.get("plan")
        if plan is None:
            return True
        has = {"prune": self.card.prune, "schedule": dict(self.card.schedule)}
        schedule = {int(block): kept for block, kept in plan["schedule"].items()}
        return has == {"prune": plan["prune"], "schedule": schedule}


@dataclass(kw_only=True)
class Study:
    """Models, data and choices; a context that closes the models it opened.

    Attributes:
        models: by name, the default one first.
        dense: name of the default model's unpruned twin, None if there is none.
        data: motion capture of people whom no model was trained on.
        real: file of real detections, None for none.
        options: noise, cameras and seed of the protocol.
        stride: frames between the windows that samples are made of.
        rounds: of timing.
        running: what `load_engine` takes.
    """

    models: Mapping[str, Model]
    dense: str | None
    data: tuple[Path, ...]
    real: Path | None
    options: ProtocolOptions
    stride: int
    rounds: int
    running: argparse.Namespace
    _open: ExitStack = field(default_factory=ExitStack)
    _engines: dict[str, Engine] = field(default_factory=dict)

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Study":
        """The study that a command line asks for.

        Raises:
            UsageError: choices that cannot be.
            ModelFileError: a file is no model.
        """
        models = {
            name: Model(
                name=name, path=path, card=ModelCard.from_onnx(path), sha256=sha256_of(path)
            )
            for name, path in named_models(args.models).items()
        }
        if args.dense is not None:
            look_up("model", args.dense, models)
        for name in ("stride", "rounds"):
            if vars(args)[name] < 1:
                raise UsageError(f"{name}: expected at least 1, got {vars(args)[name]}")
        options = ProtocolOptions(noise=args.noise, views=args.views, seed=args.seed)
        study = cls(
            models=models,
            dense=args.dense,
            data=tuple(args.data),
            real=args.real,
            options=CMU.resolved(options),
            stride=args.stride,
            rounds=args.rounds,
            running=args,
        )
        _check_models(study)
        return study

    @property
    def default(self) -> str:
        """Name of the model that conditions are tried on."""
        return next(iter(self.models))

    @property
    def pair(self) -> tuple[str, ...]:
        """Names of the default model and of its unpruned twin, if there is one."""
        return tuple(dict.fromkeys([self.default, *([self.dense] if self.dense else [])]))

    @cached_property
    def clips(self) -> tuple[LabelledClip, ...]:
        """Held-out subjects as the protocol films and detects them."""
        return CMU.read(self.data, self.options)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What figures depend on besides models and clips: code, libraries, how models run."""
        running = self.running
        return {
            "h2ot_edge": __version__,
            "numpy": np.__version__,
            "onnxruntime": str(require("onnxruntime", "ort").__version__),
            "backend": running.backend,
            "device": running.device,
            "overlap": running.overlap,
        }

    @cached_property
    def measured_on(self) -> dict[str, Any]:
        """The clips: files and choices, and a digest, which a changed detector changes as well."""
        options = {key: vars(self.options)[key] for key in ("noise", "views", "seed")}
        data = [sha256_of(path) for path in self.data]
        content = " ".join(f"{clip.name} {digest_of(clip)}" for clip in self.clips)
        digest = hashlib.sha256(content.encode()).hexdigest()
        return {"protocol": CMU.name, "data": data, **options, "clips": digest}

    def inputs(self, *names: str, **more: Any) -> dict[str, Any]:
        """What a piece depends on that measures these models on the protocol's clips."""
        digests = {name: self.models[name].sha256 for name in names}
        return {**self.settings, **self.measured_on, "models": digests, **more}

    def machine(self) -> dict[str, Any]:
        """What else must be known to read the figures rightly."""
        return {
            **self.settings,
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "threads": self.running.threads,
        }

    def engine(self, name: str) -> Engine:
        """A model, loaded; it stays open as long as the study."""
        if name not in self._engines:
            engine = load_engine(self.models[name].path, self.running)
            self._engines[name] = self._open.enter_context(engine)
        return self._engines[name]

    def __enter__(self) -> "Study":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()
        self._engines.clear()


def sha256_of(path: Path) -> str:
    """Digest of a file's content.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return _files.sha256_of(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give another file") from error


def _check_models(study: Study) -> None:
    """Everything that a later section would stumble over."""
    for name, model in study.models.items():
        card = model.card
        if card.output.unit != "m":
            raise UsageError(
                f"{name}: expected a model whose poses are in metres, those of this one are "
                f"{card.output.unit}; leave it out"
            )
        if card.batch not in (None, 1):
            raise UsageError(
                f"{name}: expected a model that takes one window a call, or any number, so that "
                f"latencies compare; this one takes {card.batch}: export it with --batch 1"
            )
    _check_seq2seq(study, study.pair)


def _check_seq2seq(study: Study, names: Sequence[str]) -> None:
    for name in names:
        if study.models[name].card.mode != "seq2seq":
            raise UsageError(
                f"{name}: expected a seq2seq model as default and as its twin, to choose the "
                "look-ahead; this one gives the centre frame only: give it further back"
            )
