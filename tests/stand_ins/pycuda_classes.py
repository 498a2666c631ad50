"""PyCUDA's classes; `_py` is set in subclasses, see `pycuda_stand_in`."""

import math

from stand_ins.memory import Fault
from stand_ins.streams import Stream as Queue


class Device:
    """A GPU."""

    def __init__(self, number):
        self._number = number
        self._py.call("cuDeviceGet", self._find, needs_context=False)

    def _find(self):
        if not 0 <= self._number < len(self._py.gpu.devices):
            raise Fault("cudaErrorInvalidDevice", f"device {self._number}")

    @classmethod
    def count(cls):
        return cls._py.call("cuDeviceGetCount", lambda: len(cls._py.gpu.devices), False)

    @property
    def _facts(self):
        return self._py.gpu.devices[self._number]

    def name(self):
        return self._facts.name

    def pci_bus_id(self):
        return f"0000:{self._number:02X}:00.0"

    def compute_capability(self):
        return self._facts.compute_capability

    def total_memory(self):
        return self._facts.memory

    def make_context(self, flags=0):
        """A context of its own, current on this thread."""
        made = self._py.context_kind(self._number, f"PyCUDA context {id(self):#x}")
        made.push()
        return made

    def retain_primary_context(self):
        """The context that the runtime API uses; not made current."""
        return self._py.context_kind(self._number, "primary")


class Context:
    """A CUDA context."""

    def __init__(self, device, name):
        self._device, self._name = device, name

    def push(self):
        self._py.call("cuCtxPushCurrent", self._push, needs_context=False)

    def _push(self):
        self._py.stack.append(self)
        self._py.switch()

    @classmethod
    def pop(cls):
        if not cls._py.stack:
            raise cls._py.errors["LogicError"](
                "m_stack::pop failed: invalid device context - cannot pop context from empty stack"
            )
        cls._py.stack.pop()
        cls._py.switch()

    def detach(self):
        """Give the context up."""
        if self in self._py.stack:
            self._py.stack.remove(self)
            self._py.switch()

    @classmethod
    def get_current(cls):
        return cls._py.stack[-1] if cls._py.stack else None

    @classmethod
    def get_device(cls):
        def find():
            return cls._py.device_kind(cls._py.stack[-1]._device)

        return cls._py.call("cuCtxGetDevice", find)

    @classmethod
    def synchronize(cls):
        cls._py.call("cuCtxSynchronize", cls._py.gpu.synchronize_device)


class DeviceAllocation:
    """Memory on the device, freed when this object goes."""

    def __init__(self, size):
        self._address = self._py.call("cuMemAlloc", lambda: self._py.gpu.allocate("device", size))

    def free(self):
        address, self._address = self._address, 0
        if not address:
            raise self._py.errors["LogicError"](
                "device_allocation::free failed: invalid resource handle"
            )
        self._py.call("cuMemFree", lambda: self._py.gpu.release("device", address))

    def __int__(self):
        return self._address

    __index__ = __int__

    def __del__(self):
        if getattr(self, "_address", 0):
            self._py.gpu.release("device", self._address)


class PagelockedHostAllocation:
    """Pinned memory, freed when this object goes; the `base` of its array."""

    def __init__(self, shape, dtype):
        size = math.prod(shape) * dtype.itemsize
        self._address = self._py.call(
            "cuMemHostAlloc", lambda: self._py.gpu.allocate("pinned", size)
        )
        self.__array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (self._address, False),
            "version": 3,
        }

    def free(self):
        address, self._address = self._address, 0
        if not address:
            raise self._py.errors["LogicError"](
                "pagelocked_host_allocation::free failed: invalid resource handle"
            )
        self._py.call("cuMemFreeHost", lambda: self._py.gpu.release("pinned", address))

    def __del__(self):
        if getattr(self, "_address", 0):
            self._py.gpu.release("pinned", self._address)


class Stream:
    """A queue of work, destroyed when this object goes."""

    def __init__(self, flags=0):
        gpu = self._py.gpu
        self.handle = self._py.call(
            "cuStreamCreate",
            lambda: gpu.make("stream", Queue(gpu.device, gpu.context, int(flags))),
        )

    def synchronize(self):
        self._py.call("cuStreamSynchronize", lambda: self._py.gpu.synchronize(self.handle))

    def __del__(self):
        if hasattr(self, "handle"):
            self._py.gpu.drop("stream", self.handle)


def handle_of(stream):
    """The handle of a stream, 0 for None."""
    if stream is None:
        return 0
    if not isinstance(stream, Stream):
        raise TypeError(f"expected a pycuda.driver.Stream, got {type(stream).__name__}")
    return stream.handle
