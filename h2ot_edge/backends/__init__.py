"""Backends: what runs a model file. One protocol, one registry; a backend is one more file."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from numpy.typing import NDArray

from h2ot_edge._names import look_up, unknown
from h2ot_edge.engine_file import EngineRecord, is_engine
from h2ot_edge.errors import ModelFileError, UsageError
from h2ot_edge.spec import TensorSpec

if TYPE_CHECKING:
    from h2ot_edge._tensorrt import Target
    from h2ot_edge.cuda.arrays import DeviceArray

__all__ = [
    "BACKENDS",
    "Backend",
    "checked_device",
    "device_of",
    "open_backend",
    "resolve_backend",
]

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

    @property
    def batch_range(self) -> tuple[int, int | None]:
        """Fewest and most windows of a call; None for any number."""

    @property
    def contexts(self) -> int:
        """How many calls are worth running at a time."""

    def run(self, feed: Feed) -> dict[str, NDArray[Any]]:
        """Run the model once; may be called from several threads at a time."""

    def borrow(self, array: Any) -> "DeviceArray":
        """An array of the model's GPU, without a copy, as `run_on_device` takes it.

        Raises:
            InputError: it cannot be borrowed, or is on another device.
            UsageError: the model runs on the CPU.
        """

    def run_on_device(self, feed: Mapping[str, "DeviceArray"]) -> "dict[str, DeviceArray]":
        """As `run`, on arrays of the device and without a copy; ready when it returns.

        Raises:
            UsageError: the model runs on the CPU.
        """

    def close(self) -> None:
        """Free the model; no call follows."""


Opener = Callable[[Path, str, int | None, Mapping[str, Any]], Backend]
Options = TypeVar("Options")


def _open_onnxruntime(
    path: Path, device: str, threads: int | None, keywords: Mapping[str, Any]
) -> Backend:
    from h2ot_edge.backends.ort import OnnxRuntimeBackend
    from h2ot_edge.backends.ort_options import OnnxRuntimeOptions

    options = _options_of("onnxruntime", OnnxRuntimeOptions, keywords)
    return OnnxRuntimeBackend(path, device=device, threads=threads, options=options)


def _open_tensorrt(
    path: Path, device: str, threads: int | None, keywords: Mapping[str, Any]
) -> Backend:
    return _open_engine("tensorrt", path, device, threads, keywords)


def _open_tensorrt_rtx(
    path: Path, device: str, threads: int | None, keywords: Mapping[str, Any]
) -> Backend:
    return _open_engine("tensorrt-rtx", path, device, threads, keywords)


def _open_engine(
    target: "Target", path: Path, device: str, threads: int | None, keywords: Mapping[str, Any]
) -> Backend:
    from h2ot_edge.backends.trt import TensorRtBackend
    from h2ot_edge.backends.trt_options import TensorRtOptions

    if threads is not None:
        raise UsageError(f"threads {threads}: {target} runs on a GPU; leave it out")
    options = _options_of(target, TensorRtOptions, keywords)
    return TensorRtBackend(path, target=target, device=device, options=options)


def _options_of(backend: str, kind: type[Options], keywords: Mapping[str, Any]) -> Options:
    """The options of a backend, from the keywords that a user gave.

    Raises:
        UnknownName: it has no such option.
    """
    known = {item.name: None for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in keywords:
        look_up(f"option of the backend {backend}", name, known)
    return kind(**keywords)


BACKENDS: dict[str, Opener] = {
    "onnxruntime": _open_onnxruntime,
    "tensorrt": _open_tensorrt,
    "tensorrt-rtx": _open_tensorrt_rtx,
}
"""Name -> what opens a file on a device with a number of threads. Libraries load on opening."""

_DEFAULT_DEVICE = {"onnxruntime": "cpu", "tensorrt": "cuda:0", "tensorrt-rtx": "cuda:0"}


def open_backend(
    path: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    **options: Any,
) -> Backend:
    """Open a model file.

    Args:
        path: the file: ONNX, or an engine.
        backend: a name from `BACKENDS`, or `auto` to go by the file's suffix.
        device: `cpu`, `cuda` (the same as `cuda:0`) or `cuda:N`; `auto` is the CPU with
            onnxruntime and the first GPU with TensorRT.
        threads: CPU threads for one call; None leaves it to the library.
        options: fields of the backend's `OnnxRuntimeOptions` or `TensorRtOptions`.

    Raises:
        UnknownName: no such backend, device or option.
        UsageError: threads below 1, or options that the backend cannot carry out.
        MissingExtra: the backend's library is not installed.
        DeviceUnavailable: the device is not there; there is no fallback to another.
        ModelFileError: the file cannot be run by the backend.
        EngineMismatch: the engine was built for another GPU or TensorRT.
        DeviceError: the device failed, or has too little memory.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads: expected at least 1, got {threads}")
    name = resolve_backend(path, backend)
    return BACKENDS[name](Path(path), device_of(name, device), threads, options)


def device_of(backend: str, device: str = "auto") -> str:
    """The device that a backend will use, as `Backend.device` names it.

    Args:
        backend: a name from `BACKENDS`.
        device: as `open_backend`.

    Raises:
        UnknownName: no such device.
    """
    return checked_device(device, auto=_DEFAULT_DEVICE[backend])


def resolve_backend(path: str | Path, backend: str = "auto") -> str:
    """The name of the backend for a file.

    Raises:
        UnknownName: no such backend.
        ModelFileError: no backend is known for the file, or it is an engine without its sidecar.
    """
    if backend != "auto":
        look_up("backend", backend, {"auto": None, **BACKENDS})
    if is_engine(path):
        return _backend_of_engine(path, backend)
    if backend != "auto":
        return backend
    suffix = Path(path).suffix.lower()
    if suffix != ".onnx":
        raise ModelFileError(
            f"{path}: no backend is known for the suffix {suffix!r}; expected .onnx or .engine, or "
            "pass backend="
        )
    return "onnxruntime"


def _backend_of_engine(path: str | Path, backend: str) -> str:
    if backend == "onnxruntime":
        raise ModelFileError(
            f"{path}: ONNX Runtime does not run TensorRT engines; give the .onnx file it was built "
            "from, or leave backend= out"
        )
    return EngineRecord.read(path).target if backend == "auto" else backend


def checked_device(device: str, *, auto: str | None = None) -> str:
    """`device` with its number written out.

    Args:
        device: `cpu`, `cuda` (the same as `cuda:0`) or `cuda:N`.
        auto: what `auto` means; None if it means nothing.

    Raises:
        UnknownName: it is none of these.
    """
    if device == "auto" and auto is not None:
        return auto
    if device == "cuda":
        return "cuda:0"
    if device != "cpu" and not re.fullmatch(r"cuda:\d+", device):
        known = ["cpu", "cuda", "cuda:0"]
        raise unknown("device", device, known if auto is None else ["auto", *known])
    return device
