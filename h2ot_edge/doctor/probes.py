"""What is asked of one library each, in a process of its own: a broken one may crash or hang.

A probe fills in facts as it learns them and raises what is wrong; what it has learnt until then is
told all the same.
"""

import importlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from h2ot_edge._names import versions_of
from h2ot_edge._tensorrt import Library, Target, tensorrt_library
from h2ot_edge.backends import open_backend
from h2ot_edge.backends.ort_providers import (
    PROVIDER_NAMES,
    check_in_build,
    folder_of_libraries,
    load_tensorrt,
    preload_cuda,
)
from h2ot_edge.cuda import Gpu
from h2ot_edge.cuda.cuda_python import CudaPython, cuda_runtime
from h2ot_edge.errors import DeviceUnavailable

__all__ = ["PROBES", "main"]

Facts = dict[str, Any]

# x + x for one float: the smallest graph that needs a kernel of the device it runs on.
_TINY = bytes.fromhex(
    "08083a350a0e0a01780a017812017922034164641201675a0f0a0178120a0a08080112040a020801620f0a01791"
    "20a0a08080112040a02080142040a00100d"
)


class NotInstalled(Exception):
    """There is no such library."""


def cuda(facts: Facts) -> None:
    """The GPUs, through the binding that the backends would choose."""
    if _findable("cuda.bindings.runtime") or _findable("cuda.cudart"):
        _cuda_python(cuda_runtime(), facts)
    elif find_spec("pycuda") is not None:
        _pycuda(importlib.import_module("pycuda.driver"), facts)
    else:
        raise NotInstalled


def tensorrt(facts: Facts) -> None:
    """TensorRT, as far as running an engine needs it."""
    library = _tensorrt("tensorrt", facts)
    library.trt.Runtime(library.log)


def tensorrt_builder(facts: Facts) -> None:
    """TensorRT, as far as building an engine needs it."""
    library = _tensorrt("tensorrt", facts)
    library.trt.Builder(library.log)


def tensorrt_rtx(facts: Facts) -> None:
    """TensorRT-RTX, whose builder needs no GPU, and the GPUs that it builds for."""
    library = _tensorrt("tensorrt-rtx", facts)
    names = library.trt.ComputeCapability.__members__
    facts["targets"] = [name for name in names if re.fullmatch(r"SM\d+", name)]
    library.trt.Builder(library.log)


def onnxruntime(facts: Facts) -> None:
    """ONNX Runtime, and a graph on the CPU."""
    facts["wheels"] = versions_of("onnxruntime", "onnxruntime-gpu")
    ort = _imported("onnxruntime")
    facts["version"] = ort.__version__
    facts["providers"] = ort.get_available_providers()
    _run("cpu")


def onnxruntime_cuda(facts: Facts) -> None:
    """A graph on the first GPU, in ONNX Runtime's CUDA provider."""
    _imported("onnxruntime")
    _run("cuda:0")


def onnxruntime_tensorrt(facts: Facts) -> None:
    """Whether the TensorRT is there that ONNX Runtime's provider was built for.

    No graph is run: an engine would be built first.
    """
    ort = _imported("onnxruntime")
    check_in_build(PROVIDER_NAMES["tensorrt"], "cuda:0", ort.get_available_providers())
    preload_cuda(ort)
    facts["tensorrt"] = load_tensorrt(folder_of_libraries(ort), "cuda:0")


def onnx(facts: Facts) -> None:
    """The package that lowering a precision needs."""
    facts["version"] = _imported("onnx").__version__


PROBES: dict[str, Callable[[Facts], None]] = {
    probe.__name__: probe
    for probe in (
        cuda,
        tensorrt,
        tensorrt_builder,
        tensorrt_rtx,
        onnxruntime,
        onnxruntime_cuda,
        onnxruntime_tensorrt,
        onnx,
    )
}


def main(name: str) -> None:
    """Run a probe and write what it found to stdout, as JSON, and nothing else."""
    answer = os.dup(1)
    os.dup2(2, 1)  # libraries print, some of them from C
    facts: Facts = {}
    told: Facts = {"there": True, "why": None, "fix": None, "facts": facts}
    try:
        PROBES[name](facts)
    except NotInstalled:
        told["there"] = False
    except DeviceUnavailable as error:  # which ends with what to do
        told["why"], _, told["fix"] = str(error).rpartition("; ")
    except Exception as error:
        told["why"] = " ".join(str(error).split()) or type(error).__name__
    os.write(answer, json.dumps(told).encode())
    sys.stderr.flush()
    os._exit(0)  # libraries that have no GPU crash in their last breath too


def _findable(name: str) -> bool:
    """Whether a module can be imported; other packages bring a `cuda` without what is asked for."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _imported(name: str) -> ModuleType:
    if find_spec(name) is None:
        raise NotInstalled
    return importlib.import_module(name)


def _tensorrt(target: Target, facts: Facts) -> Library:
    _imported(target.replace("-", "_"))
    library = tensorrt_library(target)
    facts["version"] = library.version_text
    return library


def _cuda_python(runtime: ModuleType, facts: Facts) -> None:
    facts["binding"] = _titled("cuda-python", "cuda-bindings", "cuda-python")
    facts["runtime"] = _dotted(runtime.cudaRuntimeGetVersion()[1])
    facts["driver"] = _dotted(runtime.cudaDriverGetVersion()[1])
    error, count = runtime.cudaGetDeviceCount()
    if error != runtime.cudaError_t.cudaSuccess:
        facts["error"] = runtime.cudaGetErrorName(error)[1].decode()
        raise RuntimeError(runtime.cudaGetErrorString(error)[1].decode())
    facts["gpus"] = [asdict(CudaPython(number).gpu) for number in range(count)]


def _pycuda(driver: ModuleType, facts: Facts) -> None:
    facts["binding"] = _titled("pycuda", "pycuda")
    facts["runtime"] = ".".join(str(number) for number in driver.get_version()[:2])
    facts["driver"] = _dotted(driver.get_driver_version())
    driver.init()
    devices = [driver.Device(number) for number in range(driver.Device.count())]
    facts["gpus"] = [
        asdict(Gpu(d.name(), "{}.{}".format(*d.compute_capability()), d.total_memory()))
        for d in devices
    ]


def _titled(title: str, *packages: str) -> str:
    """A library with the version of the first of its packages."""
    return " ".join([title, *list(versions_of(*packages).values())[:1]])


def _dotted(version: int) -> str | None:
    """`13.4` for CUDA's 13040; it says 0 where there is no driver."""
    return f"{version // 1000}.{version % 1000 // 10}" if version else None


def _run(device: str) -> None:
    """Run the tiny graph as a model is run."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # so that messages have a short name of the file
        Path("tiny.onnx").write_bytes(_TINY)
        backend = open_backend("tiny.onnx", backend="onnxruntime", device=device)
        given = backend.run({"x": np.ones(1, np.float32)})["y"]
        backend.close()
    if given.tolist() != [2.0]:
        raise ArithmeticError(f"1 + 1 gave {given.tolist()}, expected [2.0]")
