"""What a backend needs of CUDA: one device's memory, streams and graphs, through either binding.

`cuda-python` is NVIDIA's binding and the usual one. Where an app lives in PyCUDA already, its
context is shared: pointers and streams mean nothing in another one.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from h2ot_edge._names import look_up
from h2ot_edge.errors import MissingExtra

__all__ = ["BINDINGS", "Binding", "Cuda", "Gpu", "open_cuda"]

Binding = Literal["auto", "cuda-python", "pycuda"]
BINDINGS: tuple[Binding, ...] = ("auto", "cuda-python", "pycuda")


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        name: as the driver gives it.
        compute_capability: such as `8.7`.
        memory_bytes: all there is; shared with the CPU on a Jetson.
    """

    name: str
    compute_capability: str
    memory_bytes: int

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.compute_capability})"


class Cuda(Protocol):
    """One device. Pointers and handles are ints; every call raises `DeviceError` if CUDA fails.

    What takes a stream is carried out in the stream's order, and is done when `synchronize` is.
    """

    @property
    def binding(self) -> str:
        """`cuda-python` or `pycuda`."""

    @property
    def device(self) -> int:
        """Number of the device."""

    @property
    def gpu(self) -> Gpu:
        """Which device it is."""

    @property
    def runtime_version(self) -> str:
        """Version of CUDA, such as `12.6`."""

    @property
    def has_graphs(self) -> bool:
        """Whether the binding can capture CUDA graphs."""

    def current(self) -> AbstractContextManager[None]:
        """Make the device this thread's; every other method is called inside."""

    def allocate(self, nbytes: int) -> int:
        """Memory on the device."""

    def free(self, pointer: int) -> None:
        """Give memory back; nothing queued uses it any more."""

    def allocate_pinned(self, nbytes: int) -> NDArray[Any]:
        """(nbytes,) uint8 on the host, page-locked, so that copies need not be staged."""

    def free_pinned(self, array: NDArray[Any]) -> None:
        """Give back what `allocate_pinned` gave."""

    def new_stream(self) -> int:
        """A stream that does not wait for the default one."""

    def free_stream(self, stream: int) -> None:
        """Destroy a stream."""

    def copy_to_device(self, pointer: int, array: NDArray[Any], stream: int) -> None:
        """Queue a copy of a C-contiguous array."""

    def copy_to_host(self, array: NDArray[Any], pointer: int, stream: int) -> None:
        """Queue a copy into a C-contiguous array."""

    def wait_for(self, stream: int, other: int) -> None:
        """Queue in `stream`: wait for what is queued in `other` now."""

    def synchronize(self, stream: int) -> None:
        """Wait until everything that is queued in a stream is done."""

    def capture(self, enqueue: Callable[[], None], stream: int) -> int:
        """Record what `enqueue` queues in `stream`, as a graph to `launch`."""

    def launch(self, graph: int, stream: int) -> None:
        """Queue a captured graph."""

    def free_graph(self, graph: int) -> None:
        """Destroy a captured graph."""

    def memory(self) -> tuple[int, int]:
        """Bytes on the device: free, and in all."""


def open_cuda(binding: Binding = "auto", device: int = 0) -> Cuda:
    """The device with a number.

    Args:
        binding: which library; `auto` is PyCUDA if the app has a context of it on this thread,
            else cuda-python, else PyCUDA if that alone is installed.
        device: its number.

    Raises:
        UnknownName: no such binding.
        MissingExtra: the library is not installed.
        DeviceUnavailable: no driver, or no such device.
    """
    look_up("CUDA binding", binding, dict.fromkeys(BINDINGS))
    if (_choose() if binding == "auto" else binding) == "pycuda":
        from h2ot_edge.cuda.pycuda_ import PyCuda

        return PyCuda(device)
    from h2ot_edge.cuda.cuda_python import CudaPython

    return CudaPython(device)


def _choose() -> Binding:
    driver = sys.modules.get("pycuda.driver")
    if driver is not None and driver.Context.get_current() is not None:
        return "pycuda"
    # Not the folder `cuda` alone, into which other packages of NVIDIA install too.
    if _is_installed("cuda.bindings.runtime") or _is_installed("cuda.cudart"):
        return "cuda-python"
    if _is_installed("pycuda.driver"):
        return "pycuda"
    raise MissingExtra(
        "neither cuda-python nor pycuda is installed, and one of them moves the data to the GPU; "
        "pip install 'h2ot-edge[cuda]'"
    )


def _is_installed(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return find_spec(module) is not None
    except ImportError:  # of a package above it
        return False
