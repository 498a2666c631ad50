"""PyCUDA, without a GPU: the same memory and streams as `cuda_stand_in`, by PyCUDA's names.

    with_pycuda = make_pycuda(cuda)   # name in sys.modules -> module
    driver = with_pycuda["pycuda.driver"]

As in PyCUDA, every call needs a context that is current on the thread; memory and streams are those
of their context; objects free what they hold when they go. There is no `pycuda.autoinit`. Names are
those of PyCUDA's documentation and of its `wrap_cudadrv.cpp`.
"""

import functools
import threading
from types import ModuleType, SimpleNamespace

import numpy as np
from stand_ins.memory import Fault
from stand_ins.pycuda_classes import (
    Context,
    Device,
    DeviceAllocation,
    PagelockedHostAllocation,
    Stream,
    handle_of,
)

TEXTS = {
    "cudaErrorInvalidValue": "invalid argument",
    "cudaErrorMemoryAllocation": "out of memory",
    "cudaErrorInitializationError": "initialization error",
    "cudaErrorNoDevice": "no CUDA-capable device is detected",
    "cudaErrorInvalidDevice": "invalid device ordinal",
    "cudaErrorDeviceUninitialized": "invalid device context",
    "cudaErrorInvalidResourceHandle": "invalid resource handle",
    "cudaErrorNotReady": "device not ready",
    "cudaErrorIllegalAddress": "an illegal memory access was encountered",
    "cudaErrorLaunchFailure": "unspecified launch failure",
}


def make_pycuda(cuda):
    """Modules on the GPU of a stand-in for CUDA, by name.

    Args:
        cuda: `make_cuda_runtime()`.
    """
    package, driver = ModuleType("pycuda"), ModuleType("pycuda.driver")
    package.__path__ = []
    package.VERSION, package.VERSION_TEXT = (2026, 1), "2026.1"
    package.driver = driver
    Pycuda(cuda).fill(driver)
    return {"pycuda": package, "pycuda.driver": driver}


class Pycuda:
    """What the classes of one stand-in share."""

    def __init__(self, cuda):
        self.cuda, self.gpu = cuda, cuda.gpu
        self.initialised = False
        self._thread = threading.local()
        self.error = type("Error", (Exception,), {"__module__": "pycuda._driver"})
        self.errors = {
            name: type(name, (self.error,), {"__module__": "pycuda._driver"})
            for name in ("MemoryError", "LogicError", "LaunchError", "RuntimeError")
        }

    @property
    def stack(self):
        """The thread's contexts; the last is current."""
        if not hasattr(self._thread, "stack"):
            self._thread.stack = []
        return self._thread.stack

    def call(self, routine, work, needs_context=True):
        """Do something as a routine of the driver, whose failures are exceptions.

        Raises:
            Error: one of its subclasses.
        """
        try:
            with self.gpu.called(routine):
                self._check(needs_context)
                return work()
        except Fault as fault:
            text = f"{routine} failed: {TEXTS.get(fault.code, 'unknown error')}"
            raise self._kind(fault.code)(text) from fault

    def _check(self, needs_context):
        if not self.initialised:
            raise Fault("cudaErrorInitializationError", "before init()")
        if needs_context and not self.stack:
            raise Fault("cudaErrorDeviceUninitialized", "without a context on this thread")

    def _kind(self, code):
        if code == "cudaErrorMemoryAllocation":
            return self.errors["MemoryError"]
        if code == "cudaErrorLaunchFailure":
            return self.errors["LaunchError"]
        if code in ("cudaErrorNoDevice", "cudaErrorNotReady"):
            return self.errors["RuntimeError"]
        return self.errors["LogicError"]

    def switch(self):
        """Make the last context of the stack the thread's."""
        if self.stack:
            self.gpu.device, self.gpu.context = self.stack[-1]._device, self.stack[-1]._name
        else:
            self.gpu.context = "primary"  # what the runtime API then falls back to

    def fill(self, driver):
        """Put the names into the module."""
        driver.Error = self.error
        vars(driver).update(self.errors)
        for kind in (Device, Context, DeviceAllocation, PagelockedHostAllocation, Stream):
            setattr(driver, kind.__name__, type(kind.__name__, (kind,), {"_py": self}))
        self.context_kind = driver.Context
        self.device_kind = driver.Device
        self.allocation = driver.DeviceAllocation
        self.pagelocked = driver.PagelockedHostAllocation
        for function in FUNCTIONS:
            bound = functools.partial(function, self)
            setattr(driver, function.__name__, bound)
        driver.ctx_flags = SimpleNamespace(SCHED_AUTO=0, SCHED_SPIN=1, MAP_HOST=8)


# functions of the module


def init(py, flags=0):
    """Start the driver."""
    py.initialised = True
    try:
        py.call("cuInit", lambda: None, needs_context=False)
    except py.error:
        py.initialised = False
        raise


def get_version(py):
    """CUDA's version, as three numbers."""
    _, version = py.cuda.cudaRuntimeGetVersion()
    return version // 1000, version % 1000 // 10, version % 10


def get_driver_version(py):
    """The driver's version."""
    return py.cuda.cudaDriverGetVersion()[1]


def mem_alloc(py, bytes):
    """Memory on the device."""
    return py.allocation(bytes)


def mem_get_info(py):
    """Bytes free and in all."""

    def ask():
        total = py.gpu.devices[py.gpu.device].memory
        return total - py.gpu.memory.used(py.gpu.device), total

    return py.call("cuMemGetInfo", ask)


def pagelocked_empty(py, shape, dtype, order="C", mem_flags=0):
    """A pinned array, whose `base` is what holds the memory."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return np.asarray(py.pagelocked(shape, np.dtype(dtype)), order=order)


def memcpy_htod_async(py, dest, src, stream=None):
    """Queue a copy to the device."""
    ends, size = (int(dest), _address(src)), memoryview(src).nbytes
    _copy(py, "cuMemcpyHtoDAsync", ends, size, ("device", "pinned"), stream)


def memcpy_dtoh_async(py, dest, src, stream=None):
    """Queue a copy to the host."""
    ends, size = (_address(dest), int(src)), memoryview(dest).nbytes
    _copy(py, "cuMemcpyDtoHAsync", ends, size, ("pinned", "device"), stream)


def memcpy_dtod_async(py, dest, src, size, stream=None):
    """Queue a copy on the device."""
    ways = ("device", "device")
    _copy(py, "cuMemcpyDtoDAsync", (int(dest), int(src)), size, ways, stream)


def _copy(py, routine, ends, size, ways, stream):
    handle = handle_of(stream)
    py.call(routine, lambda: py.gpu.copy(*ends, size, ways, handle))


def _address(array):
    if not memoryview(array).c_contiguous:
        raise BufferError("ndarray is not contiguous")
    return np.asarray(array).ctypes.data


FUNCTIONS = (
    init,
    get_version,
    get_driver_version,
    mem_alloc,
    mem_get_info,
    pagelocked_empty,
    memcpy_htod_async,
    memcpy_dtoh_async,
    memcpy_dtod_async,
)
