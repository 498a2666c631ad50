"""DLPack: lend device memory to other libraries, and borrow theirs, without a copy.

numpy does it: its C code makes and takes the capsules and runs the deleters, also from a thread
without the interpreter's lock, with an exception in flight, and while Python shuts down. Callbacks
written in Python fail at the last two. numpy lends and borrows the CPU's memory only, but does not
touch it; so the field that names the device is changed on the way out, and on the way in.

Nothing here may hold such an array in a variable: a debugger that prints it would read an address
of the device, and crash.
"""

import ctypes
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CPU", "CUDA", "Borrowed", "Interface", "borrow", "device_of", "lend"]

CPU = 1
CUDA = 2

Interface = dict[str, Any]
"""Shape, element type and address, as in numpy's `__array_interface__`."""


class Borrowed(NamedTuple):
    """Memory of another library.

    Attributes:
        interface: what it is.
        device: its DLPack device type and number.
        owner: lends it for as long as this object lives.
    """

    interface: Interface
    device: tuple[int, int]
    owner: object


def device_of(array: object) -> tuple[int, int] | None:
    """DLPack type and number of an array's device; None if it does not speak DLPack."""
    device = getattr(array, "__dlpack_device__", None)
    if device is None:
        return None
    kind, number = device()
    return int(kind), int(number)


def lend(
    owner: object,
    interface: Interface,
    device: tuple[int, int],
    max_version: tuple[int, int] | None = None,
) -> Any:
    """A capsule for a consumer of DLPack.

    Args:
        owner: is kept alive until the consumer is done, or the capsule is dropped.
        interface: C-contiguous memory of at least one element.
        device: its DLPack device type and number.
        max_version: the newest DLPack that the consumer takes; None is from before 1.0.

    Raises:
        BufferError: DLPack of this version has no such element type, or no read-only memory.
    """
    capsule = _lent_by_numpy(_Lender(owner, interface), max_version)
    label = _tensor_in(capsule).device
    label.type, label.number = device
    return capsule


def borrow(producer: Any, stream: int | None) -> Borrowed:
    """The memory of an array that speaks DLPack.

    Args:
        producer: the array.
        stream: in which its memory shall be ready; None is CUDA's default one, or the CPU's none.

    Raises:
        Exception: of any kind, from the producer; BufferError if it is not its fault alone.
    """
    relabelled = _Relabelled(producer, stream)
    interface, owner = _described(np.from_dlpack(relabelled))
    relabelled.restore()
    return Borrowed(interface, relabelled.device, owner)


class _Lender:
    """What numpy makes an array of, and keeps alive as long as that lives."""

    def __init__(self, owner: object, interface: Interface) -> None:
        self._owner = owner
        self.__array_interface__ = interface


def _lent_by_numpy(lender: _Lender, max_version: tuple[int, int] | None) -> Any:
    if max_version is not None:
        try:
            return np.asarray(lender).__dlpack__(max_version=max_version)
        except TypeError:  # numpy before 2.1, which knows the old capsules only
            pass
    return np.asarray(lender).__dlpack__()


def _described(array: NDArray[Any]) -> tuple[Interface, object]:
    return array.__array_interface__, array.base


class _Relabelled:
    """A producer as numpy takes it: on the CPU, until numpy has taken it."""

    def __init__(self, producer: Any, stream: int | None) -> None:
        self._producer = producer
        self._stream = stream

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU, 0

    def __dlpack__(self, *, max_version: tuple[int, int] | None = None, **_: object) -> Any:
        capsule = self._lent(max_version)
        tensor = _tensor_in(capsule)
        if tensor.data is None:
            # For a null pointer numpy would allocate, on the host.
            raise BufferError("its address is null; is it empty, or was it freed?")
        self._label = tensor.device
        self.device = self._label.type, self._label.number
        self._label.type, self._label.number = CPU, 0
        return capsule

    def restore(self) -> None:
        """Put the device back, for the producer's deleter."""
        self._label.type, self._label.number = self.device

    def _lent(self, max_version: tuple[int, int] | None) -> Any:
        if max_version is not None:
            try:
                return self._producer.__dlpack__(stream=self._stream, max_version=max_version)
            except TypeError:  # a producer from before DLPack 1.0
                pass
        return self._producer.__dlpack__(stream=self._stream)


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("number", ctypes.c_int32))


class _Tensor(ctypes.Structure):
    """DLTensor, up to what is needed here."""

    _fields_ = (("data", ctypes.c_void_p), ("device", _Device))


class _Versioned(ctypes.Structure):
    """DLManagedTensorVersioned, up to what is needed here; DLManagedTensor begins with DLTensor."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


# Prototypes of our own: those of `ctypes.pythonapi` are everybody's, and so are their types.
_name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
    ("PyCapsule_GetName", ctypes.pythonapi)
)
_pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def _tensor_in(capsule: Any) -> _Tensor:
    """The tensor in a capsule that nobody has taken yet; valid while the capsule's owner is."""
    name = _name_of(capsule)
    if name == b"dltensor":
        return _Tensor.from_address(_pointer_in(capsule, name))
    if name != b"dltensor_versioned":
        raise BufferError(f"expected a DLPack capsule that is not taken yet, got one of {name!r}")
    managed = _Versioned.from_address(_pointer_in(capsule, name))
    if managed.major != 1:
        # What follows the flags may then be laid out otherwise.
        raise BufferError(f"expected DLPack 1, got {managed.major}.{managed.minor}")
    tensor: _Tensor = managed.tensor
    return tensor
