"""What `as_device_array` takes, what it keeps alive, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from dlpack_peers import HandMade, Interface, Old, opened

from h2ot_edge.cuda.arrays import LEGACY_STREAM, DeviceArray, as_device_array, is_device_array
from h2ot_edge.errors import InputError

MANY = 10_000
KIND = "dlpack_peers.HandMade"
INTERFACE = "dlpack_peers.Interface"


# what is one


class Torch(HandMade):
    """A tensor of PyTorch on a GPU, as it answers if it needs a gradient."""

    @property
    def __cuda_array_interface__(self):
        raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad.")

    def __dlpack__(self, **_):
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")


@pytest.mark.parametrize(
    "array",
    [
        DeviceArray.borrow(1, (2,), "f4", 0, None),
        HandMade(),
        HandMade(kind=Old),
        Interface(),
        Torch(),
    ],
    ids=["ours", "DLPack", "old DLPack", "CUDA array interface", "gradient"],
)
def test_arrays_of_a_gpu(array):
    assert is_device_array(array)


PINNED, MANAGED = (3, 0), (13, 0)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros(3), "numpy.ndarray on DLPack device (1, 0)"),
        (torch.zeros(3), "torch.Tensor on DLPack device (1, 0)"),
        (HandMade(device=PINNED), f"{KIND} on DLPack device (3, 0)"),
        (HandMade(device=MANAGED), f"{KIND} on DLPack device (13, 0)"),
        ([1.0], "builtins.list"),
        (None, "builtins.NoneType"),
    ],
    ids=["numpy", "torch", "pinned", "managed", "list", "None"],
)
def test_other_arrays(array, told):
    assert not is_device_array(array)
    with pytest.raises(InputError) as error:
        as_device_array(array)
    assert str(error.value) == (
        f"expected an array on a CUDA device, got {told}; copy it there, or give a numpy array"
    )


def test_to_look_at_an_array_imports_nothing():
    code = (
        "import sys, numpy as np\n"
        "from h2ot_edge.cuda.arrays import is_device_array\n"
        "is_device_array(np.zeros(3)), is_device_array([1])\n"
        "sys.exit(bool({'torch', 'cupy', 'numba', 'cuda', 'pycuda'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# what is borrowed


def test_a_device_array_is_itself():
    array = DeviceArray.borrow(1, (2, 3), np.float32, 1, None)
    assert as_device_array(array, device=1) is array


@pytest.mark.parametrize("kind", [Old, None])
def test_dlpack_is_borrowed(kind):
    producer = HandMade(**{"kind": kind} if kind else {})
    array = as_device_array(producer, device=3)
    assert (array.ptr, array.shape, array.dtype) == (
        producer.values.ctypes.data,
        (2, 3),
        np.float32,
    )
    assert (array.device, array.ready_stream) == (3, LEGACY_STREAM)
    assert producer.deleted == []
    array.free()
    assert producer.deleted == [(2, 3)]


def test_dlpack_is_asked_to_be_ready_in_the_default_stream():
    producer = HandMade()
    as_device_array(producer, device=3)
    # Not None, for which older PyTorch does not wait.
    assert producer.asked[-1]["stream"] == LEGACY_STREAM == 1


def test_many_are_borrowed_and_let_go():
    producer = HandMade()
    for _ in range(MANY):
        as_device_array(producer, device=3)
    assert len(producer.deleted) == MANY


STRIDED = {"strides": (12, 4)}
"""As PyCUDA and Numba always, and CuPy never."""


@pytest.mark.parametrize(
    ("interface", "ready"),
    [
        # torch/_tensor.py, which would go through DLPack
        ({"strides": None, "version": 2}, 1),
        # cupy/_core/core.pyx, in the null stream and in another
        ({"descr": [("", "<f4")], "stream": 1, "strides": None}, 1),
        ({"descr": [("", "<f4")], "stream": 0x5000, "strides": None}, 0x5000),
        # pycuda/gpuarray.py, and numba/cuda/cudadrv/devicearray.py without a stream of its own
        ({**STRIDED, "stream": None}, 1),
        # the same with one
        ({**STRIDED, "stream": 2}, 2),
        # rmm's DeviceBuffer, as bytes
        ({"shape": (24,), "strides": None, "typestr": "|u1", "version": 0}, 1),
    ],
)
def test_the_cuda_array_interface_is_borrowed(interface, ready):
    owner = Interface(**interface)
    array = as_device_array(owner, device=1)
    told = owner.__cuda_array_interface__
    assert (array.ptr, array.shape, array.dtype.str) == (
        told["data"][0],
        told["shape"],
        told["typestr"],
    )
    assert (array.device, array.readonly, array.ready_stream) == (1, False, ready)
    before = sys.getrefcount(owner)
    array.free()
    assert sys.getrefcount(owner) == before - 1


@pytest.mark.parametrize(
    ("shape", "strides"),
    [
        ((), ()),
        ((1, 3), (999, 4)),
        ((2, 1, 3), (12, 0, 4)),
        ((1, 1), (-8, 16)),
    ],
)
def test_strides_of_axes_of_one_do_not_matter(shape, strides):
    assert as_device_array(Interface(shape=shape, strides=strides)).shape == shape


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((2, 3), (4, 8)), ((2, 3), (16, 4)), ((2, 3), (-12, 4)), ((3,), (8,)), ((3,), (0,))],
)
def test_what_is_not_contiguous_is_refused(shape, strides):
    with pytest.raises(InputError) as error:
        as_device_array(Interface(shape=shape, strides=strides))
    assert str(error.value) == (
        f"{INTERFACE}: expected a C-contiguous array, got shape {shape} with strides {strides} in "
        "bytes; copy it into a contiguous one first"
    )


def test_a_transposed_tensor_is_refused():
    class Transposed(HandMade):
        def __dlpack__(self, *, stream, max_version):
            capsule = torch.zeros(3, 2).T.__dlpack__(max_version=max_version)
            opened(capsule).tensor.device.kind = 2
            return capsule

    with pytest.raises(InputError) as error:
        as_device_array(Transposed(device=(2, 0)))
    assert str(error.value) == (
        f"{__name__}.{Transposed.__qualname__}: expected a C-contiguous array, got shape (2, 3) "
        "with strides (4, 8) in bytes; copy it into a contiguous one first"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": Interface()}, "expected an array without a mask; fill what is masked"),
        (
            {"shape": (2, 0), "data": (0, False)},
            "expected at least one element, got shape (2, 0)",
        ),
        ({"data": (0, False)}, "its address is null; was it freed?"),
        (
            {"stream": 0},
            "stream 0 in __cuda_array_interface__ may be any of three; its library should say "
            "None, 1 or 2",
        ),
    ],
    ids=["mask", "empty", "null", "stream"],
)
def test_an_interface_that_cannot_be_used_is_refused(changes, message):
    with pytest.raises(InputError) as error:
        as_device_array(Interface(**changes))
    assert str(error.value) == f"{INTERFACE}: {message}"


@pytest.mark.parametrize(
    ("producer", "reason"),
    [
        (Torch(), "Can't export tensors that require gradient, use tensor.detach()"),
        (HandMade(data=0), "its address is null; is it empty, or was it freed?"),
        (HandMade(major=2), "expected DLPack 1, got 2.1"),
    ],
    ids=["gradient", "null", "version"],
)
def test_what_is_not_lent_says_why(producer, reason):
    with pytest.raises(InputError) as error:
        as_device_array(producer, device=3)
    assert str(error.value) == (
        f"{type(producer).__module__}.{type(producer).__qualname__}: it cannot be borrowed through "
        f"DLPack: {reason}"
    )


@pytest.mark.parametrize(
    ("array", "kind", "number"),
    [
        (HandMade(), KIND, 3),
        (DeviceArray.borrow(1, (2,), "f4", 1, 0), "h2ot_edge.cuda.arrays.DeviceArray", 1),
    ],
)
def test_an_array_of_another_gpu_is_refused(array, kind, number):
    with pytest.raises(InputError) as error:
        as_device_array(array, device=2)
    assert str(error.value) == (
        f"{kind}: expected an array on cuda:2, got one on cuda:{number}; copy it there, or load "
        "the model on that device"
    )
