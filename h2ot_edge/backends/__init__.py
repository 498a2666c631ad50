"""Backends: what runs a model file. One protocol, one registry; a backend is one more file."""

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from h2ot_edge._names import look_up, unknown
from h2ot_edge.errors import ModelFileError, UsageError
from h2ot_edge.spec import TensorSpec

__all__ = ["BACKENDS", "Backend", "checked_device", "open_backend", "resolve_backend"]

Feed = Mapping[str, NDArray[Any]]


class Backend(Protocol):
    """Runs one model.

    A protocol, not a base class: a wrapper of an engine library owns C++ handles and must be free
    to order their destruction, and there is no behaviour to inherit. Backends do not check what
    they are fed; `spec.check_feed` does, in front of all of them.
    """

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def device(self) -> str:
        """Where the model runs: `cpu` or `cuda:N`."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` takes."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` gives."""

    def run(self, feed: Feed) -> dict[str, NDArray[Any]]:
        """Run the model once; may be called from several threads at a time."""

    def close(self) -> None:
        """Free the model; no call follows."""


Opener = Callable[[Path, str, int | None], Backend]


def _open_onnxruntime(path: Path, device: str, threads: int | None) -> Backend:
    module = importlib.import_module("h2ot_edge.backends.ort")
    backend: Backend = module.OnnxRuntimeBackend(path, device=device, threads=threads)
    return backend


BACKENDS: dict[str, Opener] = {"onnxruntime": _open_onnxruntime}
"""Name -> what opens a file on a device with a number of threads. Libraries load on opening."""

_BACKEND_OF_SUFFIX = {".onnx": "onnxruntime"}
_TENSORRT_SUFFIXES = (".engine", ".plan", ".trt")


def open_backend(
    path: str | Path, *, backend: str = "auto", device: str = "cpu", threads: int | None = None
) -> Backend:
    """Open a model file.

    Args:
        path: the file.
        backend: a name from `BACKENDS`, or `auto` to go by the file's suffix.
        device: `cpu`, `cuda` (the same as `cuda:0`) or `cuda:N`.
        threads: CPU threads for one call; None leaves it to the library.

    Raises:
        UnknownName: no such backend or device.
        UsageError: threads below 1.
        MissingExtra: the backend's library is not installed.
        DeviceUnavailable: the device is not there; there is no fallback to another.
        ModelFileError: the file cannot be run by the backend.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads: expected at least 1, got {threads}")
    name = resolve_backend(path, backend)
    return BACKENDS[name](Path(path), checked_device(device), threads)


def resolve_backend(path: str | Path, backend: str = "auto") -> str:
    """The name of the backend for a file.

    Raises:
        UnknownName: no such backend.
        ModelFileError: `auto`, and no backend is known for the file's suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _TENSORRT_SUFFIXES:
        raise ModelFileError(
            f"{path}: TensorRT engines are not supported by this version of h2ot-edge; "
            "give the .onnx file they were built from"
        )
    if backend != "auto":
        look_up("backend", backend, {"auto": None, **BACKENDS})
        return backend
    if suffix not in _BACKEND_OF_SUFFIX:
        raise ModelFileError(
            f"{path}: no backend is known for the suffix {suffix!r}; expected "
            f"{', '.join(_BACKEND_OF_SUFFIX)}, or pass backend="
        )
    return _BACKEND_OF_SUFFIX[suffix]


def checked_device(device: str) -> str:
    """`device` with its number written out.

    Raises:
        UnknownName: neither `cpu`, `cuda` nor `cuda:N`.
    """
    if device == "cuda":
        return "cuda:0"
    if device != "cpu" and not re.fullmatch(r"cuda:\d+", device):
        raise unknown("device", device, ["cpu", "cuda", "cuda:0"])
    return device
