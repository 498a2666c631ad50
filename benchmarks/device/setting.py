"""What all steps are told, and what they tell."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2ot_edge import cli, errors
from h2ot_edge.errors import DeviceUnavailable, H2OTError, MissingExtra

__all__ = [
    "CLIP",
    "NOT_HERE",
    "PRECISIONS",
    "Found",
    "NotPossible",
    "Setting",
    "command",
]

DEFAULT = "motionbert-s"
PRECISIONS = ("fp32", "fp16", "int8")
CLIP = Path(cli.__file__).parents[1] / "data" / "walk.npz"


class NotPossible(Exception):
    """The machine lacks what the step needs, or a step before it did not bring it."""


NOT_HERE = (NotPossible, MissingExtra, DeviceUnavailable)


class CommandFailed(Exception):
    """A command of h2ot said that it failed."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all steps are told.

    Attributes:
        folder: for files that steps leave to later ones.
        models: ONNX files that were given, by precision; of fp32 it may be a model's name.
        device: the GPU, `cuda:N`.
        rounds: timed calls of everything that is timed.
        calls: of the memory step.
        seconds: of each series of calls of the bench step.
    """

    folder: Path
    models: Mapping[str, str]
    device: str
    rounds: int
    calls: int
    seconds: float

    @property
    def number(self) -> int:
        """That of the GPU."""
        return int(self.device.removeprefix("cuda:"))

    def lowered(self, precision: str) -> Path:
        """Where a model is, or will be, if it is not given."""
        return self.folder / f"{precision}.onnx"

    def model(self, precision: str) -> str:
        """The model in a precision, given or made by a step before."""
        if precision in self.models:
            return self.models[precision]
        if not self.lowered(precision).is_file():
            raise NotPossible(f"there is no {precision} model here; give one with --{precision}")
        return str(self.lowered(precision))

    def engine(self, target: str, precision: str) -> Path:
        """Where an engine is, or will be once it has been built."""
        return self.folder / f"{precision}.{target}.engine"

    def built(self, target: str) -> dict[str, Path]:
        """The engines of a target that were built, by precision."""
        paths = {precision: self.engine(target, precision) for precision in PRECISIONS}
        found = {precision: path for precision, path in paths.items() if path.is_file()}
        if not found:
            raise NotPossible(f"no engine of {target} was built")
        return found


@dataclass(frozen=True)
class Found:
    """What a step found: a line for people, and everything as JSON has it."""

    line: str
    figures: dict[str, Any]


def command(*arguments: str) -> dict[str, Any]:
    """What a command of h2ot prints with --json.

    Raises:
        NotPossible: it says that the machine lacks something.
        CommandFailed: it fails otherwise.
    """
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(io.StringIO()):  # the error is in the document
        status = cli.main([*arguments, "--json", "--quiet"])
    document: dict[str, Any] = json.loads(said.getvalue())
    if "error" not in document:
        return document
    kind = getattr(errors, document["error"]["type"], H2OTError)
    message = document["error"]["message"]
    if issubclass(kind, NOT_HERE):
        raise NotPossible(message)
    raise CommandFailed(f"h2ot {' '.join(arguments)} ends with status {status}: {message}")
