"""What a result says of the machine it was measured on; no user, host or folder is named."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from h2ot_edge import __version__, system
from h2ot_edge._files import sha256_of
from h2ot_edge._names import versions_of
from h2ot_edge.cuda import open_cuda
from h2ot_edge.errors import H2OTError

__all__ = ["command_words", "machine_of", "named_content", "without_folders"]

_LIBRARIES = (
    *("numpy", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt_rtx", "cuda-python"),
    *("pycuda", "torch", "onnx", "openvino"),
)


def machine_of(device: str = "cpu", root: Path = system.ROOT) -> dict[str, Any]:
    """Everything about this machine that changes how fast a model is.

    Args:
        device: where models run; its GPU is asked, a GPU that is not used is not.
        root: of the file system.

    Returns:
        `machine` of the document; what is not known is None.
    """
    jetson = _jetson(root)
    gpu = None if device == "cpu" else _gpu(device, root)
    cpu, mode = _cpu(root), system.power_mode(root)
    on = "" if gpu is None else f", {gpu['name']}"
    name = (jetson and jetson["module"]) or cpu["model"] or system.platform_tag(root)
    return {
        "name": f"{name}{on}",
        "platform": system.platform_tag(root),
        "os": system.os_name(root),
        "cpu": cpu,
        "memory_mib": system.memory_mib(root),
        "gpu": gpu,
        "jetson": jetson,
        "power_mode": mode and {"name": mode.name, "number": mode.number},
        "versions": {
            "h2ot-edge": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            **versions_of(*_LIBRARIES),
        },
        "load_before": _load(),
        "temperatures_c": system.temperatures(root),
    }


def command_words(words: Sequence[str]) -> list[str]:
    """The words of a command line: of paths the last part, of the folder of `--out` nothing."""
    found: list[str] = []
    for word, before in zip(words, ["", *words], strict=False):
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        named = "..." if "--out" in (before, option) else re.split(r"[/\\]", value)[-1]
        found.append(f"{option}{equals}{named}" if equals or not option else option)
    return found


def without_folders(text: str) -> str:
    """A message in which absolute paths are told by their last part."""
    return re.sub(r"(?<!\w)(?:[A-Za-z]:|~)?[/\\](?:[\w.~-]*[/\\])*(?=[\w.-])", "", text)


def named_content(path: Path) -> str:
    """The name of a file and the beginning of its digest, so that another of that name differs."""
    return f"{path.name} {sha256_of(path)[:12]}" if path.is_file() else path.name


def _jetson(root: Path) -> dict[str, str | None] | None:
    found, part = system.jetson(root), system.jetson_part(root)
    if found is None:
        return None
    module = found.module if part is None else f"{found.module or 'NVIDIA Jetson'} ({part})"
    return {"module": module, "l4t": found.l4t, "jetpack": found.jetpack}


def _cpu(root: Path) -> dict[str, Any]:
    clock = system.cpu_clock(root)
    return {
        "model": system.cpu_model(root),
        "cores": len(os.sched_getaffinity(0)),
        "governor": clock.governor,
        "min_mhz": clock.min_mhz,
        "max_mhz": clock.max_mhz,
        "now_mhz": clock.now_mhz,
    }


def _gpu(device: str, root: Path) -> Mapping[str, Any] | None:
    """The GPU of `cuda:N`; None if CUDA cannot be asked, as ONNX Runtime needs no binding."""
    try:
        cuda = open_cuda("auto", int(device.removeprefix("cuda:")))
    except H2OTError:
        return None
    clock = system.gpu_clock(root)
    return {
        "name": cuda.gpu.name,
        "compute_capability": cuda.gpu.compute_capability,
        "memory_mib": round(cuda.gpu.memory_bytes / 2**20),
        "driver": system.driver_version(root),
        "min_mhz": clock and clock.min_hz / 1e6,
        "max_mhz": clock and clock.max_hz / 1e6,
    }


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
