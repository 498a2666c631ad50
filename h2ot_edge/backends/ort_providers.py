"""What ONNX Runtime's providers need of the machine, and what to say when it is not there."""

import contextlib
import ctypes
import ctypes.util
import importlib
import io
import logging
import mmap
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from h2ot_edge._names import versions_of
from h2ot_edge.errors import DeviceUnavailable
from h2ot_edge.system import jetson

__all__ = [
    "PROVIDER_NAMES",
    "check_in_build",
    "folder_of_libraries",
    "linked_major",
    "load_tensorrt",
    "not_started",
    "preload_cuda",
    "tensorrt_version",
]

PROVIDER_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""Our names -> those of ONNX Runtime."""

_LIBRARIES = {
    "CUDAExecutionProvider": "libonnxruntime_providers_cuda.so",
    "TensorrtExecutionProvider": "libonnxruntime_providers_tensorrt.so",
}
_DISTRIBUTIONS = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11")

_logger = logging.getLogger(__name__)


def check_in_build(provider: str, device: str, available: Sequence[str]) -> None:
    """Check that this build of ONNX Runtime has a provider.

    Raises:
        DeviceUnavailable: with what to install.
    """
    if provider not in available:
        raise DeviceUnavailable(
            f"{device}: needs ONNX Runtime's {provider}, this build has {', '.join(available)}; "
            f"{_other_build(provider)}"
        )


def folder_of_libraries(ort: ModuleType) -> Path:
    """Where ONNX Runtime keeps its shared libraries."""
    return Path(str(ort.__file__)).parent / "capi"


def preload_cuda(ort: ModuleType) -> None:
    """Load CUDA and cuDNN from pip's wheels, where the loader does not look, or else the system's.

    What is missing is told by `not_started`: the library may do without some of it.
    """
    if not hasattr(ort, "preload_dlls"):  # before 1.21 there were no such wheels to load from
        return
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        ort.preload_dlls()
    for line in said.getvalue().splitlines():
        _logger.debug("%s", line)


def load_tensorrt(folder: Path, device: str) -> str | None:
    """Load the TensorRT that the TensorRT provider is linked with.

    Args:
        folder: of ONNX Runtime's libraries.
        device: for the message.

    Returns:
        Its version, such as `10.13.3`; None if the provider does not tell what it is linked with.

    Raises:
        DeviceUnavailable: it is not there; with what there is, and what to install.
    """
    provider = folder / _LIBRARIES["TensorrtExecutionProvider"]
    major = linked_major(provider, "nvinfer")
    if major is None:
        return None
    with contextlib.suppress(ImportError):
        importlib.import_module("tensorrt_libs")  # loads what pip installed
    try:
        return tensorrt_version(ctypes.CDLL(f"libnvinfer.so.{major}"))
    except OSError as error:
        raise _no_tensorrt(device, major, linked_major(provider, "cudart"), error) from error


def linked_major(library: Path, name: str) -> int | None:
    """Major version of the `lib{name}.so` that a shared library asks the loader for."""
    if not library.is_file():
        return None
    pattern = rf"\0lib{re.escape(name)}\.so\.(\d+)\0".encode()
    with (
        library.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        found = re.search(pattern, data)
        return int(found[1]) if found else None


def tensorrt_version(library: Any) -> str:
    """Version of a loaded `libnvinfer`: 8.6.1 calls itself 8601, 10.13.3 calls itself 101303."""
    number = int(library.getInferLibVersion())
    major, rest = divmod(number, 10000 if number >= 100000 else 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


def not_started(
    folder: Path, provider: str, device: str, said: str | None = None
) -> DeviceUnavailable:
    """The error for a provider that failed to start, to be asked for after that.

    Args:
        folder: of ONNX Runtime's libraries.
        provider: ONNX Runtime's name of it.
        device: for the message.
        said: ONNX Runtime's reason, if it gave one.
    """
    missing = _load_error(folder / _LIBRARIES[provider])
    if missing is not None:
        return DeviceUnavailable(
            f"{device}: ONNX Runtime's {provider} cannot be loaded: {missing}; {_other_libraries()}"
        )
    how = f"did not start: {said}" if said else "did not start, or cannot run all of the graph"
    return DeviceUnavailable(
        f"{device}: ONNX Runtime's {provider} {how}; check the driver, and that the CUDA and cuDNN "
        "libraries are of the versions that this onnxruntime-gpu was built for"
    )


def _load_error(library: Path) -> str | None:
    """Why a provider cannot be loaded; ONNX Runtime writes that to stderr only.

    Not to be asked before ONNX Runtime tried: a provider loaded without it does not work later.
    """
    if not library.is_file():
        return None
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return None


def _no_tensorrt(device: str, major: int, cuda: int | None, error: OSError) -> DeviceUnavailable:
    there = ", ".join(_installed_tensorrt()) or "none"
    return DeviceUnavailable(
        f"{device}: this ONNX Runtime was built for TensorRT {major}, which cannot be loaded "
        f"({error}); installed: {there}; {_other_tensorrt(major, cuda)}"
    )


def _installed_tensorrt() -> list[str]:
    """Every TensorRT that can be found, as words."""
    found = [" ".join(pair) for pair in versions_of(*_DISTRIBUTIONS).items()]
    library = ctypes.util.find_library("nvinfer")
    return [*found, library] if library else found


def _other_tensorrt(major: int, cuda: int | None) -> str:
    if jetson() is not None:
        return (
            "on a Jetson TensorRT comes with JetPack: install an onnxruntime-gpu that was built "
            "for this JetPack, or use the backend tensorrt"
        )
    wheel = f"tensorrt-cu{cuda}" if cuda else "tensorrt"
    return f"pip install '{wheel}>={major},<{major + 1}'"


def _other_build(provider: str) -> str:
    if jetson() is not None:
        return (
            "PyPI has no build for Jetson: install an onnxruntime-gpu that was built for this "
            "JetPack, or use the backend tensorrt, which JetPack brings"
        )
    if provider == "TensorrtExecutionProvider" and platform.machine() == "aarch64":
        return "PyPI's build for aarch64 has none: use the provider cuda, or the backend tensorrt"
    return (
        "the CPU and GPU wheels overwrite each other: pip uninstall onnxruntime onnxruntime-gpu, "
        "then pip install 'h2ot-edge[ort-gpu]'"
    )


def _other_libraries() -> str:
    if jetson() is not None:
        return "install an onnxruntime-gpu that was built for this JetPack"
    return (
        "libcuda comes with the driver, the others with the system's CUDA and cuDNN or with "
        "pip install 'onnxruntime-gpu[cuda,cudnn]'"
    )
