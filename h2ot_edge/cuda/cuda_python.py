"""CUDA through cuda-python, NVIDIA's binding of the runtime API."""

import ctypes
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import require
from h2ot_edge.cuda import Gpu
from h2ot_edge.errors import DeviceError, DeviceUnavailable

__all__ = ["CudaPython", "cuda_runtime"]


def cuda_runtime() -> ModuleType:
    """cuda-python's module of the runtime API.

    Raises:
        MissingExtra: it is not installed.
    """
    # The second is its name before 12.6, and the only one for the CUDA of JetPack 5.
    for name in ("cuda.bindings.runtime", "cuda.cudart"):
        with suppress(ImportError):
            return importlib.import_module(name)
    return require("cuda.bindings.runtime", "cuda")


class CudaPython:
    """The protocol `Cuda`, in the device's primary context, as PyTorch and CuPy use it too."""

    binding = "cuda-python"
    has_graphs = True

    def __init__(self, device: int = 0) -> None:
        self._runtime = cuda_runtime()
        self.device = device
        self._check_there()
        properties = self._call("cudaGetDeviceProperties", device)
        self.gpu = Gpu(
            bytes(properties.name).rstrip(b"\0").decode(),
            f"{properties.major}.{properties.minor}",
            int(properties.totalGlobalMem),
        )
        version = int(self._call("cudaRuntimeGetVersion"))
        self.runtime_version = f"{version // 1000}.{version % 1000 // 10}"

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the device this thread's, and the one before it afterwards."""
        before = self._call("cudaGetDevice")
        self._call("cudaSetDevice", self.device)
        try:
            yield
        finally:
            self._call("cudaSetDevice", before)

    def allocate(self, nbytes: int) -> int:
        """Memory on the device."""
        return int(self._call("cudaMalloc", nbytes))

    def free(self, pointer: int) -> None:
        """Give memory back."""
        self._call("cudaFree", pointer)

    def allocate_pinned(self, nbytes: int) -> NDArray[Any]:
        """(nbytes,) uint8, page-locked."""
        address = int(self._call("cudaHostAlloc", nbytes, self._runtime.cudaHostAllocDefault))
        return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))

    def free_pinned(self, array: NDArray[Any]) -> None:
        """Give back what `allocate_pinned` gave."""
        self._call("cudaFreeHost", array.ctypes.data)

    def new_stream(self) -> int:
        """A stream that does not wait for the default one."""
        return int(self._call("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking))

    def free_stream(self, stream: int) -> None:
        """Destroy a stream."""
        self._call("cudaStreamDestroy", stream)

    def copy_to_device(self, pointer: int, array: NDArray[Any], stream: int) -> None:
        """Queue a copy of a C-contiguous array."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", pointer, array.ctypes.data, array.nbytes, kind, stream)

    def copy_to_host(self, array: NDArray[Any], pointer: int, stream: int) -> None:
        """Queue a copy into a C-contiguous array."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", array.ctypes.data, pointer, array.nbytes, kind, stream)

    def wait_for(self, stream: int, other: int) -> None:
        """Queue in `stream`: wait for what is queued in `other` now."""
        flags = self._runtime.cudaEventDisableTiming
        event = self._call("cudaEventCreateWithFlags", flags)
        try:
            self._call("cudaEventRecord", event, other)
            self._call("cudaStreamWaitEvent", stream, event, 0)
        finally:
            self._call("cudaEventDestroy", event)

    def synchronize(self, stream: int) -> None:
        """Wait until everything that is queued in a stream is done."""
        self._call("cudaStreamSynchronize", stream)

    def capture(self, enqueue: Callable[[], None], stream: int) -> int:
        """Record what `enqueue` queues in `stream`."""
        # Of this thread's calls only: other threads' allocations must not spoil the capture.
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", stream, mode)
        try:
            enqueue()
        except BaseException:
            self._give_up_capture(stream)
            raise
        graph = self._call("cudaStreamEndCapture", stream)
        try:
            return int(self._call("cudaGraphInstantiateWithFlags", graph, 0))
        finally:
            self._call("cudaGraphDestroy", graph)

    def launch(self, graph: int, stream: int) -> None:
        """Queue a captured graph."""
        self._call("cudaGraphLaunch", graph, stream)

    def free_graph(self, graph: int) -> None:
        """Destroy a captured graph."""
        self._call("cudaGraphExecDestroy", graph)

    def memory(self) -> tuple[int, int]:
        """Bytes on the device: free, and in all."""
        free, total = self._call("cudaMemGetInfo")
        return int(free), int(total)

    def _give_up_capture(self, stream: int) -> None:
        """End a capture; the stream takes nothing else before."""
        error, graph = self._runtime.cudaStreamEndCapture(stream)
        if error == self._runtime.cudaError_t.cudaSuccess:
            self._call("cudaGraphDestroy", graph)

    def _check_there(self) -> None:
        error, count = self._runtime.cudaGetDeviceCount()
        if error != self._runtime.cudaError_t.cudaSuccess:
            raise DeviceUnavailable(
                f"cuda:{self.device}: CUDA finds no GPU: {self._described(error)}; check that a "
                "driver is installed and new enough (nvidia-smi; h2ot-doctor says what is there)"
            )
        if self.device >= count:
            raise DeviceUnavailable(
                f"cuda:{self.device}: CUDA finds {count} GPU{'s' * (count != 1)}, numbered from 0; "
                "give one of these, and check CUDA_VISIBLE_DEVICES"
            )

    def _call(self, function: str, *arguments: Any) -> Any:
        """What a function of the runtime gives after its status."""
        error, *values = getattr(self._runtime, function)(*arguments)
        if error != self._runtime.cudaError_t.cudaSuccess:
            raise DeviceError(f"cuda:{self.device}: {function} failed: {self._described(error)}")
        return values[0] if len(values) == 1 else tuple(values)

    def _described(self, error: Any) -> str:
        _, name = self._runtime.cudaGetErrorName(error)
        _, text = self._runtime.cudaGetErrorString(error)
        return f"{text.decode()} ({name.decode()})"
