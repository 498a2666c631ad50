"""CUDA through PyCUDA, for apps that live in it."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import require
from h2ot_edge.cuda import Gpu
from h2ot_edge.errors import DeviceError, DeviceUnavailable, UsageError

__all__ = ["PyCuda"]

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING of cuda.h; PyCUDA takes the flags of a stream and names none."""


class PyCuda:
    """The protocol `Cuda`, in the app's context.

    That is the context which is current when this is made, or else the device's primary one.
    `pycuda.autoinit` is never imported: it would make a context of its own.
    """

    binding = "pycuda"
    has_graphs = False

    def __init__(self, device: int = 0) -> None:
        self._driver = require("pycuda.driver", "pycuda")
        self.device = device
        self._memory: dict[int, Any] = {}
        self._streams: dict[int, Any] = {}
        with self._translated("start"):
            self._context = self._open()
        with self.current(), self._translated("describe the device"):
            chosen = self._driver.Context.get_device()
            major, minor = chosen.compute_capability()
            self.gpu = Gpu(chosen.name(), f"{major}.{minor}", chosen.total_memory())
            self.runtime_version = ".".join(str(n) for n in self._driver.get_version()[:2])

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the context this thread's, and the one before it afterwards."""
        with self._translated("take the context"):
            self._context.push()
        try:
            yield
        finally:
            self._driver.Context.pop()

    def allocate(self, nbytes: int) -> int:
        """Memory on the device."""
        with self._translated(f"allocate {nbytes} bytes"):
            block = self._driver.mem_alloc(nbytes)
        self._memory[int(block)] = block
        return int(block)

    def free(self, pointer: int) -> None:
        """Give memory back."""
        with self._translated("free memory"):
            self._memory.pop(pointer).free()

    def allocate_pinned(self, nbytes: int) -> NDArray[Any]:
        """(nbytes,) uint8, page-locked."""
        with self._translated(f"allocate {nbytes} bytes on the host"):
            array: NDArray[Any] = self._driver.pagelocked_empty(nbytes, np.uint8)
            return array

    def free_pinned(self, array: NDArray[Any]) -> None:
        """Give back what `allocate_pinned` gave."""
        with self._translated("free memory on the host"):
            array.base.free()  # type: ignore[union-attr]

    def new_stream(self) -> int:
        """A stream that does not wait for the default one."""
        with self._translated("make a stream"):
            stream = self._driver.Stream(_NON_BLOCKING)
        self._streams[stream.handle] = stream
        return int(stream.handle)

    def free_stream(self, stream: int) -> None:
        """Destroy a stream: it is, with the last reference to it."""
        self._streams.pop(stream)

    def copy_to_device(self, pointer: int, array: NDArray[Any], stream: int) -> None:
        """Queue a copy of a C-contiguous array."""
        with self._translated("copy to the device"):
            self._driver.memcpy_htod_async(pointer, array, self._streams[stream])

    def copy_to_host(self, array: NDArray[Any], pointer: int, stream: int) -> None:
        """Queue a copy into a C-contiguous array."""
        with self._translated("copy to the host"):
            self._driver.memcpy_dtoh_async(array, pointer, self._streams[stream])

    def wait_for(self, stream: int, other: int) -> None:
        """Wait for what is queued in `other`, here and now.

        PyCUDA cannot wrap a stream that another library made, so this waits for all of them.
        """
        with self._translated("wait for another stream"):
            self._driver.Context.synchronize()

    def synchronize(self, stream: int) -> None:
        """Wait until everything that is queued in a stream is done."""
        with self._translated("run what is queued"):
            self._streams[stream].synchronize()

    def capture(self, enqueue: Callable[[], None], stream: int) -> int:
        """Raise `UsageError`: PyCUDA cannot."""
        self._refuse_graphs()

    def launch(self, graph: int, stream: int) -> None:
        """Raise `UsageError`: PyCUDA cannot."""
        self._refuse_graphs()

    def free_graph(self, graph: int) -> None:
        """Raise `UsageError`: PyCUDA cannot."""
        self._refuse_graphs()

    def memory(self) -> tuple[int, int]:
        """Bytes on the device: free, and in all."""
        with self._translated("ask for its memory"):
            free, total = self._driver.mem_get_info()
        return int(free), int(total)

    def _open(self) -> Any:
        driver = self._driver
        driver.init()
        context = driver.Context.get_current()
        if context is not None:
            self._check_same(driver.Context.get_device())
            return context
        count = driver.Device.count()
        if self.device >= count:
            raise DeviceUnavailable(
                f"cuda:{self.device}: CUDA finds {count} GPU{'s' * (count != 1)}, numbered from 0; "
                "give one of these, and check CUDA_VISIBLE_DEVICES"
            )
        return _primary_context(driver, self.device)

    def _check_same(self, current: Any) -> None:
        wanted = self._driver.Device(self.device)
        if current.pci_bus_id() != wanted.pci_bus_id():
            raise UsageError(
                f"cuda:{self.device}: the app's PyCUDA context is on {current.name()} at "
                f"{current.pci_bus_id()}, another device; load the model on that one, or pop the "
                "context before"
            )

    def _refuse_graphs(self) -> NoReturn:
        raise UsageError(
            "cuda_graph: PyCUDA cannot capture graphs; use cuda='cuda-python', or leave it out"
        )

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            if doing == "start":
                raise DeviceUnavailable(
                    f"cuda:{self.device}: PyCUDA cannot start: {error}; check that a driver is "
                    "installed and new enough (nvidia-smi; h2ot-doctor says what is there)"
                ) from error
            raise DeviceError(f"cuda:{self.device}: PyCUDA cannot {doing}: {error}") from error


@functools.cache
def _primary_context(driver: Any, device: int) -> Any:
    """A device's primary context, retained until the process ends.

    PyCUDA releases one with the last reference, and leaves it on the thread's stack of contexts.
    """
    return driver.Device(device).retain_primary_context()
