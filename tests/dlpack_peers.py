"""Both sides of DLPack, for tests: structures written down from dlpack.h, and arrays that lend."""

import ctypes
import weakref

import numpy as np

from h2ot_edge.cuda.dlpack import CPU, CUDA, lend


class Label(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int32), ("number", ctypes.c_int32))


class Element(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class Tensor(ctypes.Structure):
    """DLTensor of dlpack.h 1.1."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", Label),
        ("ndim", ctypes.c_int32),
        ("dtype", Element),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Old(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = (("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", DELETER))


class New(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", DELETER),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


KINDS = {b"dltensor": Old, b"dltensor_versioned": New}

new_capsule = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)(("PyCapsule_New", ctypes.pythonapi))
name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
    ("PyCapsule_GetName", ctypes.pythonapi)
)
pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def opened(capsule):
    """What a capsule holds, and keeps for as long as this lives."""
    name = name_of(capsule)
    managed = KINDS[name].from_address(pointer_in(capsule, name))
    managed.kept = capsule
    return managed


class Lent:
    """An array of the host, lent by `lend`."""

    def __init__(self, array, device=(CPU, 0)):
        self.array, self.device = array, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, max_version=None, **_):
        return lend(self.array, self.array.__array_interface__, self.device, max_version)


class HandMade:
    """A producer written from dlpack.h, that notes which device its deleter sees."""

    def __init__(self, *, kind=New, device=(CUDA, 3), major=1, data=None, offset=0, name=None):
        self.values = np.arange(6, dtype=np.float32)
        self.kind, self.device, self.major, self.offset = kind, device, major, offset
        self.data = self.values.ctypes.data if data is None else data
        self.name = name or {Old: b"dltensor", New: b"dltensor_versioned"}[kind]
        self.asked, self.deleted, self.alive = [], [], {}
        self.sizes = (ctypes.c_int64 * 2)(2, 3)
        self.deleter = DELETER(self.delete)

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **asked):
        self.asked.append(asked)
        managed = self.kind(deleter=self.deleter)
        if self.kind is New:
            managed.major, managed.minor = self.major, 1
        tensor = managed.tensor
        tensor.data, tensor.device = self.data, Label(*self.device)
        tensor.ndim, tensor.dtype, tensor.shape = 2, Element(2, 32, 1), self.sizes
        tensor.byte_offset = self.offset
        address = ctypes.addressof(managed)
        self.alive[address] = managed
        return new_capsule(address, self.name, None)

    def delete(self, address):
        device = self.alive.pop(address).tensor.device
        self.deleted.append((device.kind, device.number))


class Ancient(HandMade):
    """A producer from before DLPack 1.0."""

    def __dlpack__(self, stream=None):
        return super().__dlpack__(stream=stream)


class Owner:
    """Counts how many of it are alive."""

    alive = 0

    def __init__(self):
        type(self).alive += 1
        weakref.finalize(self, self.gone)

    @classmethod
    def gone(cls):
        cls.alive -= 1


class Fresh:
    """Lends the same memory, each time with an owner of its own."""

    def __init__(self, interface, device=(CPU, 0)):
        self.interface, self.device = interface, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, max_version=None, **_):
        return lend(Owner(), self.interface, self.device, max_version)


class Interface:
    """An array that speaks the CUDA array interface alone."""

    def __init__(self, **changes):
        self.__cuda_array_interface__ = {
            "shape": (2, 3),
            "typestr": "<f4",
            "data": (0x7F0000001000, False),
            "version": 3,
            **changes,
        }
