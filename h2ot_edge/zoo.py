"""The models that ship, by name.

`models/index.json` has one entry a model, which `python -m h2ot_edge.export.release` writes: a line
of summary, the file of its weights in `export/weights`, whether it also ships as ONNX in `models`,
and its card, from which the weights can be exported again.
"""

import functools
import hashlib
import json
import logging
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from h2ot_edge import _cache_folder
from h2ot_edge._names import look_up, require, unknown
from h2ot_edge._version import __version__
from h2ot_edge.card import ModelCard
from h2ot_edge.engine_file import read_card
from h2ot_edge.errors import MissingExtra, ModelFileError, UnknownName, UsageError

__all__ = ["ZooModel", "cache_folder", "card_of", "models", "path_of", "resolve"]

State = Literal["ready", "cached", "needs export"]

MODELS = Path(__file__).parent / "models"
"""Where `index.json` and the ready ONNX files are."""

WEIGHTS = Path(__file__).parent / "export" / "weights"
"""Where the weights are, `.npz` of one array for each parameter."""

_logger = logging.getLogger(__name__)
_exporting = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class ZooModel:
    """A model that ships.

    Attributes:
        name: how it is asked for.
        summary: what it is for, in a line.
        ready: whether it ships as ONNX; else it is exported on first use.
        weights: path of its weights.
        card: as it was released; says how to export the weights.
    """

    name: str
    summary: str
    ready: bool
    weights: Path
    card: ModelCard

    @property
    def path(self) -> Path:
        """Where its ONNX file is, or will be once it has been exported."""
        if self.ready:
            return MODELS / f"{self.name}.onnx"
        return cache_folder() / f"{self.name}-{self._digest()}.onnx"

    @property
    def state(self) -> State:
        """Whether the ONNX file ships, was exported before, or is still to be exported."""
        if self.ready:
            return "ready"
        return "cached" if self.path.is_file() else "needs export"

    def read_card(self) -> ModelCard:
        """The card of its ONNX file; as it was released where that is still to be exported.

        Raises:
            ModelFileError: the file is missing from the installation.
        """
        return self.card if self.state == "needs export" else ModelCard.from_onnx(self.path)

    def _digest(self) -> str:
        """Changes with whatever the exported file is made of."""
        made_of = [self.card.to_json(), __version__, _digest_of_exporter()]
        return hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:12]


def models() -> Mapping[str, ZooModel]:
    """The models that ship, by name.

    Raises:
        ModelFileError: if their index cannot be read.
    """
    path = MODELS / "index.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        return {name: _model(name, entry, path) for name, entry in index.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelFileError(
            f"{path}: not a readable index of models ({type(error).__name__}: {error}); install "
            "h2ot-edge again"
        ) from error


def path_of(name: str) -> Path:
    """The ONNX file of a model that ships.

    A model that ships as weights only is exported when it is first asked for, which takes some
    seconds, and kept in `cache_folder`.

    Args:
        name: one of `models`.

    Raises:
        UnknownName: no such model.
        MissingExtra: it must be exported first, and a library for that is not installed.
        ModelFileError: its file is missing from the installation.
        UsageError: the cache cannot be written.
    """
    model = look_up("model", name, models())
    if model.ready and not model.path.is_file():
        raise ModelFileError(
            f"{model.path}: the file of model {name!r} is missing; install h2ot-edge again"
        )
    with _exporting:
        if not model.path.is_file():
            _export(model)
    return model.path


def resolve(model: str | Path) -> Path:
    """The file that a user means.

    Args:
        model: a path, or, as a str without separator and suffix, the name of a model that ships. A
            file that is there is meant before a model of the same name.

    Raises:
        UnknownName: it looks like a name, and neither a model nor a file has it.
        MissingExtra, ModelFileError, UsageError: see `path_of`.
    """
    return path_of(str(model)) if _is_name(model) else Path(model)


def card_of(model: str | Path) -> ModelCard:
    """The card of what a user means, as for `resolve`; nothing is exported for it.

    Raises:
        UnknownName: it looks like a name, and neither a model nor a file has it.
        ModelFileError: the file is missing, or has no card.
    """
    if not _is_name(model):
        return read_card(model)
    return models()[str(model)].read_card()


def cache_folder() -> Path:
    """Where exported models are kept.

    `$H2OT_HOME/onnx`, else `$XDG_CACHE_HOME/h2ot-edge/onnx`, else `~/.cache/h2ot-edge/onnx`.

    Raises:
        UsageError: none of them is known.
    """
    return _cache_folder.cache_folder("onnx")


def _is_name(model: str | Path) -> bool:
    """Whether a model's name is meant, not a file.

    Raises:
        UnknownName: it looks like a name, and neither a model nor a file has it.
    """
    if not isinstance(model, str) or Path(model).name != model or Path(model).suffix:
        return False
    if Path(model).is_file():
        return False
    known = models()
    if model not in known:
        raise UnknownName(
            f"{unknown('model', model, known)}, and no file of that name; give one of these, or "
            "the path of an .onnx file"
        )
    return True


def _model(name: str, entry: Mapping[str, object], index: Path) -> ZooModel:
    weights = WEIGHTS / str(entry["weights"])
    card = ModelCard.from_json(json.dumps(entry["card"]), f"{index}: {name}")
    return ZooModel(
        name=name,
        summary=str(entry["summary"]),
        ready=bool(entry["ready"]),
        weights=weights,
        card=card,
    )


def _export(model: ZooModel) -> None:
    try:
        pipeline = require("h2ot_edge.export.pipeline", "export")
    except MissingExtra as error:
        raise MissingExtra(
            f"model {model.name!r} ships as weights, from which its ONNX file must be exported: "
            f"{error}"
        ) from error
    try:
        model.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=model.path.parent):
            pass  # better to know before the work than after it
    except OSError as error:
        raise UsageError(
            f"{model.path.parent}: exported models cannot be kept there ({error}); set H2OT_HOME "
            "to a folder that can be written"
        ) from error
    _logger.warning(
        "exporting model %r for the first time, which takes some seconds; it is kept in %s",
        model.name,
        model.path.parent,
    )
    pipeline.export_shipped(model, model.path)


@functools.cache
def _digest_of_exporter() -> str:
    """A digest of the code that exports; the files have one order on every machine."""
    root = (Path(__file__).parent / "export").resolve()
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
