"""`DeviceArray`: arrays on a CUDA device, shared with other libraries without a copy."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from h2ot_edge.cuda import dlpack
from h2ot_edge.cuda.memory import DeviceMemory
from h2ot_edge.errors import InputError, UsageError

if TYPE_CHECKING:
    from h2ot_edge.cuda import Cuda

__all__ = ["LEGACY_STREAM", "DeviceArray", "as_device_array", "is_device_array"]

LEGACY_STREAM = 1
"""CUDA's default stream, as the array interfaces call it."""

_FREED = object()


class DeviceArray:
    """A C-contiguous array on a CUDA device; it owns its memory, or keeps the owner alive.

    Others take it as it is: `torch.from_dlpack(array)`, `cupy.asarray(array)`.

    Attributes:
        shape: its sizes.
        dtype: the numpy type of its elements.
        device: number of the CUDA device.
        readonly: whether it must not be written.
        ready_stream: the stream in which its values are computed, for which the consumer has to
            wait: 1 is the legacy default one, 2 the thread's default one, another a handle; None
            if they are there.
    """

    def __init__(
        self,
        ptr: int,
        shape: Sequence[int],
        dtype: DTypeLike,
        device: int,
        owner: object,
        *,
        readonly: bool = False,
        ready_stream: int | None = None,
    ) -> None:
        self.shape = tuple(int(size) for size in shape)
        self.dtype = np.dtype(dtype)
        self.device = device
        self.readonly = readonly
        self.ready_stream = ready_stream
        self._ptr = ptr
        self._owner = owner

    @classmethod
    def allocate(cls, cuda: "Cuda", shape: Sequence[int], dtype: DTypeLike) -> "DeviceArray":
        """New memory, not set to anything; it is given back with the last array that uses it.

        Raises:
            UsageError: there is a size of 0, or a negative one.
            DeviceError: the device has not so much left.
        """
        shape = tuple(shape)
        if not all(size > 0 for size in shape):
            raise UsageError(f"shape {shape}: expected sizes of 1 or more")
        memory = DeviceMemory(cuda, math.prod(shape) * np.dtype(dtype).itemsize)
        return cls(memory.pointer, shape, dtype, cuda.device, memory)

    @classmethod
    def borrow(
        cls, ptr: int, shape: Sequence[int], dtype: DTypeLike, device: int, owner: object
    ) -> "DeviceArray":
        """Memory that is there already, at the address `ptr`, for as long as `owner` lives.

        With a `DeviceArray` as the owner this is another view of its memory.
        """
        shared = owner._owned() if isinstance(owner, DeviceArray) else owner
        return cls(ptr, shape, dtype, device, shared)

    @property
    def ptr(self) -> int:
        """Address on the device.

        Raises:
            UsageError: after `free`.
        """
        self._owned()
        return self._ptr

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def free(self) -> None:
        """Let go of the memory now; twice is once.

        It goes back to CUDA when no view and no library that took it through DLPack has it any
        more. What was taken through `__cuda_array_interface__` must not be used after this.
        """
        self._owner = _FREED

    def to_numpy(self) -> NDArray[Any]:
        """A copy on the host: the same shape and dtype.

        Raises:
            UsageError: the memory is another library's, or after `free`.
            DeviceError: CUDA failed.
        """
        memory = self._owned()
        if not isinstance(memory, DeviceMemory):
            raise UsageError(
                f"{self!r}: the memory is another library's; copy it to the host with that one"
            )
        host = np.empty(self.shape, self.dtype)
        memory.copy_to_host(host, self._ptr)
        return host

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.ptr, self.readonly),
            "strides": None,
            "stream": self.ready_stream,
            "version": 3,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CUDA, self.device

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        here = self.__dlpack_device__()
        if copy or dl_device not in (None, here):
            wanted = "a copy" if copy else f"it on DLPack device {dl_device}"
            raise BufferError(
                f"{self!r}: it is lent where it is, {wanted} was asked for; copy it with the "
                "library that takes it, or with to_numpy()"
            )
        self._check_ready_in(LEGACY_STREAM if stream is None else stream)
        return dlpack.lend(self._owned(), self.__cuda_array_interface__, here, max_version)

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{self!r}: numpy would copy it unseen; call to_numpy()")

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        state = "freed" if self._owner is _FREED else f"on cuda:{self.device}"
        return f"<DeviceArray {self.dtype}{list(self.shape)} {state}>"

    def _owned(self) -> object:
        if self._owner is _FREED:
            raise UsageError(f"{self!r}: it was freed; use it before free()")
        return self._owner

    def _check_ready_in(self, stream: int) -> None:
        # -1 is a consumer that orders its work itself.
        if self.ready_stream is not None and stream not in (-1, self.ready_stream):
            raise BufferError(
                f"{self!r}: expected stream {self.ready_stream}, in which its values are computed, "
                f"got {stream}; lend the array that it was borrowed from"
            )


def is_device_array(array: object) -> bool:
    """Whether `as_device_array` is for it: it offers memory of a CUDA device.

    Pinned memory of the host is not that, nor is managed memory that speaks DLPack alone: it
    belongs to no device. Nothing is imported for it, and nothing is copied.
    """
    # DLPack first: a tensor of PyTorch that needs a gradient raises for the other.
    return _number_of(array) is not None or hasattr(array, "__cuda_array_interface__")


def as_device_array(array: Any, *, device: int = 0) -> DeviceArray:
    """The memory of an array of PyTorch, CuPy, JAX, Numba, PyCUDA, ..., borrowed without a copy.

    Its type is kept, for the caller to check.

    Args:
        array: speaks DLPack or the CUDA array interface; a `DeviceArray` is given back. What has
            to be waited for is in its `ready_stream`.
        device: number of the device where it will be used. Without DLPack an array does not tell
            where it is, and is taken to be there.

    Raises:
        InputError: it is not on that device, empty, masked, or not C-contiguous; or its library
            does not lend it, such as a tensor of PyTorch that needs a gradient.
    """
    number = _number_of(array)
    if number not in (None, device):
        raise InputError(
            f"{_kind(array)}: expected an array on cuda:{device}, got one on cuda:{number}; copy "
            "it there, or load the model on that device"
        )
    if isinstance(array, DeviceArray):
        return array
    # Not the CUDA array interface first: it names no device, and PyTorch's no stream.
    if number is not None:
        return _through_dlpack(array)
    interface = getattr(array, "__cuda_array_interface__", None)
    if interface is None:
        raise _not_on_device(array)
    return _checked(_kind(array), interface, device, array, _stream_of(array, interface))


def _number_of(array: object) -> int | None:
    """Number of the CUDA device that an array is on; None if DLPack does not say one."""
    where = dlpack.device_of(array)
    return where[1] if where is not None and where[0] == dlpack.CUDA else None


def _through_dlpack(array: Any) -> DeviceArray:
    kind = _kind(array)
    try:
        # None should mean the same stream, but older PyTorch then waits for nothing.
        borrowed = dlpack.borrow(array, LEGACY_STREAM)
    except Exception as error:  # of the producer: they share no base, and only it is called
        raise InputError(f"{kind}: it cannot be borrowed through DLPack: {error}") from error
    return _checked(kind, borrowed.interface, borrowed.device[1], borrowed.owner, LEGACY_STREAM)


def _checked(
    kind: str, interface: dlpack.Interface, device: int, owner: object, ready: int
) -> DeviceArray:
    ptr, readonly = interface["data"]
    shape, dtype = tuple(interface["shape"]), np.dtype(interface["typestr"])
    if interface.get("mask") is not None:
        raise InputError(f"{kind}: expected an array without a mask; fill what is masked")
    if 0 in shape:
        raise InputError(f"{kind}: expected at least one element, got shape {shape}")
    if not ptr:
        raise InputError(f"{kind}: its address is null; was it freed?")
    strides = interface.get("strides")
    if strides is not None and not _is_contiguous(shape, strides, dtype.itemsize):
        raise InputError(
            f"{kind}: expected a C-contiguous array, got shape {shape} with strides "
            f"{tuple(strides)} in bytes; copy it into a contiguous one first"
        )
    return DeviceArray(ptr, shape, dtype, device, owner, readonly=readonly, ready_stream=ready)


def _is_contiguous(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    step = itemsize
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        # Along an axis of one element nothing is stepped over.
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def _stream_of(array: object, interface: dlpack.Interface) -> int:
    """The stream to wait for."""
    stream = interface.get("stream")
    if stream is None:
        # It should mean that nothing is left to wait for. But PyCUDA always says it, Numba mostly,
        # and versions before 3 do not know streams: their kernels run in the default one.
        return LEGACY_STREAM
    if stream == 0:
        raise InputError(
            f"{_kind(array)}: stream 0 in __cuda_array_interface__ may be any of three; its "
            "library should say None, 1 or 2"
        )
    return int(stream)


def _not_on_device(array: object) -> InputError:
    where = dlpack.device_of(array)
    got = _kind(array) if where is None else f"{_kind(array)} on DLPack device {where}"
    return InputError(
        f"expected an array on a CUDA device, got {got}; copy it there, or give a numpy array"
    )


def _kind(array: object) -> str:
    return f"{type(array).__module__}.{type(array).__qualname__}"
