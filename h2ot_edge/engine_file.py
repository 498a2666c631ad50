"""The sidecar of an engine: `FILE.engine.json` beside `FILE.engine`.

The engine itself is a plain TensorRT plan, which trtexec loads too, so what must be known about it
lies beside it: its card, what it was built from, by and for.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2ot_edge._files import write_whole
from h2ot_edge._tensorrt import TARGETS, Library, Target
from h2ot_edge.card import ModelCard
from h2ot_edge.cuda import Gpu
from h2ot_edge.errors import EngineMismatch, ModelFileError

__all__ = ["ENGINE_SUFFIXES", "EngineRecord", "is_engine", "read_card", "sidecar_of"]

SCHEMA_VERSION = 1
ENGINE_SUFFIXES = (".engine", ".plan", ".trt")
"""Of files that hold a plan."""

_CROSSED_MAJORS = {(8, 10), (10, 11)}
"""Where a version-compatible plan loads in the next major: TensorRT 11.4 documentation, support
matrix."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("target", "tensorrt", "platform", "onnx_sha256", "plan_sha256"), (str,)),
    "cuda": (str, type(None)),
    "gpu": (dict, type(None)),
    "options": (dict,),
    "plan_bytes": (int,),
    "build_seconds": (int, float),
}


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """What is known of an engine.

    Attributes:
        card: of the model, as in the ONNX file that the engine was built from.
        target: the library: `tensorrt` or `tensorrt-rtx`.
        tensorrt: its version.
        cuda: version of CUDA it was built with; None if no GPU was asked.
        gpu: `name` and `compute_capability` of the GPU it was built on; None for TensorRT-RTX,
            whose engines are finished on the GPU that loads them.
        platform: `linux-x86_64`, `linux-aarch64`, `jetson`, ...
        options: of the build, as `BuildOptions.to_dict` gives them.
        onnx_sha256, plan_sha256: of the two files.
        plan_bytes: size of the plan.
        build_seconds: how long the build took.
        schema_version: of this document.
    """

    card: ModelCard
    target: Target
    tensorrt: str
    cuda: str | None
    gpu: Mapping[str, str] | None
    platform: str
    options: Mapping[str, Any]
    onnx_sha256: str
    plan_sha256: str
    plan_bytes: int
    build_seconds: float
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def read(cls, path: str | Path) -> "EngineRecord":
        """The record of an engine.

        Args:
            path: of the plan; its sidecar lies beside it.

        Raises:
            ModelFileError: the plan or its sidecar is missing, the sidecar is not readable, or of
                a newer schema.
        """
        if not Path(path).is_file():
            raise ModelFileError(f"{path}: no such file; expected an engine from h2ot-build")
        source = sidecar_of(path)
        if not source.is_file():
            raise ModelFileError(
                f"{path}: the file {source.name} is missing beside it, so what the engine takes "
                "and gives is unknown; copy it too, or build the engine with h2ot-build"
            )
        try:
            return cls._from_document(json.loads(source.read_text(encoding="utf-8")), source)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelFileError(
                f"{source}: not a readable description of an engine ({type(error).__name__}: "
                f"{error}); build the engine again with h2ot-build"
            ) from error

    @classmethod
    def _from_document(cls, document: Mapping[str, Any], source: Path) -> "EngineRecord":
        version = document["schema_version"]
        if type(version) is not int:
            raise TypeError(f"schema_version is {version!r}")
        if version > SCHEMA_VERSION:
            raise ModelFileError(
                f"{source}: has schema {version}, this h2ot-edge reads up to {SCHEMA_VERSION}; "
                "upgrade h2ot-edge or build the engine again with this version"
            )
        _check_values(document)
        card = ModelCard.from_json(json.dumps(document["card"]), source=str(source))
        return cls(**{**document, "card": card})

    def write(self, path: str | Path) -> None:
        """Write the sidecar of the plan at `path`, whole or not at all."""
        text = json.dumps(self.to_dict(), sort_keys=True, indent=1, ensure_ascii=False)
        write_whole(sidecar_of(path), f"{text}\n".encode())

    def to_dict(self) -> dict[str, Any]:
        """The document, ready for JSON."""
        return {**dataclasses.asdict(self), "card": self.card.to_dict()}

    def read_plan(self, path: str | Path) -> bytes:
        """The plan, if it is the one that was built.

        Raises:
            ModelFileError: it is damaged, or another engine's.
        """
        plan = Path(path).read_bytes()
        found = hashlib.sha256(plan).hexdigest()
        if found != self.plan_sha256:
            raise ModelFileError(
                f"{path}: damaged, or not the engine that {sidecar_of(path).name} describes: "
                f"{len(plan)} bytes with sha256 {found[:12]}, expected {self.plan_bytes} with "
                f"{self.plan_sha256[:12]}; copy both files again, or build the engine again"
            )
        return plan

    def check_runs_on(self, library: Library, gpu: Gpu, path: str | Path) -> None:
        """Check that the plan was built for this library and GPU.

        Raises:
            EngineMismatch: with what it was built for, and how to rebuild it.
        """
        again = f"build it here: h2ot-build MODEL.onnx --target {library.target} -o {path}"
        if library.target != self.target:
            raise EngineMismatch(
                f"{path}: an engine of {self.target}, opened with {library.target}; give "
                f"backend={self.target!r}, or {again}"
            )
        if not self._loads_in(library):
            raise EngineMismatch(
                f"{path}: built with {self.target} {self.tensorrt}, this is {library.title}; "
                f"{self._loading}; {again}"
            )
        if self.gpu is not None and not self._fits(gpu):
            built = f"{self.gpu['name']} (compute capability {self.gpu['compute_capability']})"
            raise EngineMismatch(
                f"{path}: built for {built}, this is {gpu}; engines run on the kind of GPU that "
                f"they were built on; {again}"
            )

    @property
    def _loading(self) -> str:
        if self.options.get("version_compatible"):
            return "version-compatible engines load in that version and later ones of its major"
        return "engines load in the version that built them only"

    def _loads_in(self, library: Library) -> bool:
        """Version-compatible plans load in the same major and, from 8 and 10, in the next one."""
        if not self.options.get("version_compatible"):
            return library.version_text == self.tensorrt
        built = tuple(int(number) for number in self.tensorrt.split(".")[:2])
        here = library.version[:2]
        return (built[0] == here[0] and built <= here) or (built[0], here[0]) in _CROSSED_MAJORS

    def _fits(self, gpu: Gpu) -> bool:
        assert self.gpu is not None
        built, here = self.gpu["compute_capability"], gpu.compute_capability
        level = self.options.get("hardware_compatibility", "none")
        if level == "ampere+":
            return float(here) >= 8.0
        if level == "same":
            return here == built
        return here == built and gpu.name == self.gpu["name"]


def _check_values(document: Mapping[str, Any]) -> None:
    """Raise for a value that would only be noticed later, when the engine is loaded."""
    for name, kinds in _TYPES.items():
        if type(document[name]) not in kinds:
            raise TypeError(f"{name} is {document[name]!r}")
    gpu = document["gpu"]
    if gpu is not None and not all(
        isinstance(gpu.get(name), str) for name in ("name", "compute_capability")
    ):
        raise TypeError(f"gpu is {gpu!r}")
    if document["target"] not in TARGETS:
        raise ValueError(f"target is {document['target']!r}")
    if re.match(r"\d+\.\d+(\.|$)", document["tensorrt"]) is None:
        raise ValueError(f"tensorrt is {document['tensorrt']!r}")


def read_card(path: str | Path) -> ModelCard:
    """The card of a model file: of an engine beside it, of an ONNX file inside it.

    Raises:
        ModelFileError: it is missing or cannot be read.
    """
    return EngineRecord.read(path).card if is_engine(path) else ModelCard.from_onnx(path)


def is_engine(path: str | Path) -> bool:
    """Whether the name is that of an engine."""
    return Path(path).suffix.lower() in ENGINE_SUFFIXES


def sidecar_of(path: str | Path) -> Path:
    """Where the record of an engine lies."""
    return Path(f"{path}.json")
