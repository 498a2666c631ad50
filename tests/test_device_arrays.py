"""`DeviceArray`: its memory, how it is lent, and what is borrowed as one."""

import gc
import logging
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from cuda_stand_in import make_cuda_runtime
from dlpack_peers import HandMade, Interface, opened

from h2ot_edge.cuda.arrays import DeviceArray, as_device_array
from h2ot_edge.cuda.cuda_python import CudaPython
from h2ot_edge.cuda.memory import own_stream
from h2ot_edge.errors import DeviceError, UsageError

MANY = 10_000
SHAPES = [(), (1,), (7,), (2, 3), (1, 5, 1), (2, 27, 17, 3)]
DTYPES = ["bool", "int8", "int64", "uint8", "float16", "float32", "float64", "complex64"]


@pytest.fixture
def runtime(monkeypatch):
    module = make_cuda_runtime(memory=1 << 20, devices=2)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", module)
    yield module
    if module.gpu.leaks():
        gc.collect()  # exceptions that were caught keep arrays
    assert module.gpu.misuse == []
    assert module.gpu.leaks() == []


@pytest.fixture
def cuda(runtime):
    return CudaPython(1)


def held(runtime):
    return len(runtime.gpu.memory.live("device"))


def filled(cuda, values):
    array = DeviceArray.allocate(cuda, values.shape, values.dtype)
    with own_stream(cuda) as stream:
        cuda.copy_to_device(array.ptr, values, stream)
    return array


# memory


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_go_there_and_back(cuda, shape, dtype):
    values = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    array = filled(cuda, values)
    assert (array.shape, array.dtype, array.device) == (shape, np.dtype(dtype), 1)
    assert (array.ndim, array.nbytes) == (values.ndim, values.nbytes)
    assert (array.readonly, array.ready_stream) == (False, None)
    np.testing.assert_array_equal(array.to_numpy(), values, strict=True)


def test_memory_goes_back_with_the_array(cuda, runtime):
    array = DeviceArray.allocate(cuda, (2, 3), np.float32)
    (block,) = runtime.gpu.memory.live("device")
    assert (block.address, block.size, block.device) == (array.ptr, 24, 1)
    del array
    assert held(runtime) == 0


def test_much_memory_goes_back(cuda, runtime):
    for _ in range(MANY):
        DeviceArray.allocate(cuda, (128, 1024), np.float32)  # half of all there is
    assert held(runtime) == 0


def test_freeing_twice_is_freeing(cuda, runtime):
    array = DeviceArray.allocate(cuda, (2, 3), np.float32)
    array.free()
    assert held(runtime) == 0
    array.free()
    assert repr(array) == "<DeviceArray float32[2, 3] freed>"
    assert (array.shape, len(array), array.nbytes) == ((2, 3), 2, 24)


@pytest.mark.parametrize(
    "use",
    [
        lambda array: array.ptr,
        lambda array: array.to_numpy(),
        lambda array: array.__cuda_array_interface__,
        lambda array: array.__dlpack__(),
        lambda array: DeviceArray.borrow(1, (2,), "f4", 0, array),
    ],
)
def test_use_after_free_is_refused(cuda, use):
    array = DeviceArray.allocate(cuda, (2, 3), np.float32)
    array.free()
    with pytest.raises(UsageError) as error:
        use(array)
    assert str(error.value) == (
        "<DeviceArray float32[2, 3] freed>: it was freed; use it before free()"
    )


def test_a_view_of_an_array_shares_its_memory(cuda, runtime):
    array = filled(cuda, np.arange(6, dtype=np.float32))
    view = DeviceArray.borrow(array.ptr + 8, (2, 2), array.dtype, array.device, array)
    array.free()
    np.testing.assert_array_equal(view.to_numpy(), [[2, 3], [4, 5]])
    assert held(runtime) == 1
    view.free()
    assert held(runtime) == 0


@pytest.mark.parametrize("max_version", [None, (1, 0)])
def test_who_took_it_keeps_the_memory_of_a_freed_array(cuda, runtime, max_version):
    array = DeviceArray.allocate(cuda, (2, 3), np.float32)
    capsule = array.__dlpack__(max_version=max_version)
    array.free()
    del array
    assert held(runtime) == 1
    del capsule
    assert held(runtime) == 0


def test_a_consumer_that_refuses_gives_the_memory_back(cuda, runtime):
    with pytest.raises((BufferError, RuntimeError), match=r"^Unsupported device in DLTensor.$"):
        np.from_dlpack(DeviceArray.allocate(cuda, (2, 3), np.float32))
    assert held(runtime) == 0


def test_memory_without_an_owner_is_borrowed():
    array = DeviceArray.borrow(0x1000, (2, 3), np.float32, 0, None)
    assert array.ptr == 0x1000
    assert repr(array) == "<DeviceArray float32[2, 3] on cuda:0>"


def test_borrowed_memory_lives_as_long_as_its_array(cuda, runtime):
    owner = DeviceArray.allocate(cuda, (4,), np.float32)
    array = DeviceArray.borrow(owner.ptr, (2, 2), np.float32, 1, [owner])
    del owner
    assert held(runtime) == 1
    del array
    assert held(runtime) == 0


@pytest.mark.parametrize("shape", [(0,), (2, 0, 3), (2, -1)])
def test_sizes_below_one_are_refused(cuda, shape):
    with pytest.raises(UsageError) as error:
        DeviceArray.allocate(cuda, shape, np.float32)
    assert str(error.value) == f"shape {shape}: expected sizes of 1 or more"


def test_too_much_memory_is_an_error_of_the_device(cuda):
    with pytest.raises(DeviceError, match="cudaMalloc"):
        DeviceArray.allocate(cuda, (1 << 20,), np.float32)


def test_memory_that_cannot_be_given_back_is_logged(cuda, runtime, caplog):
    array = DeviceArray.allocate(cuda, (2,), np.float32)
    pointer = array.ptr
    runtime.gpu.fail["cudaFree"] = "cudaErrorUnknown"
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        array.free()
    (record,) = caplog.records
    assert record.message == (
        "memory of cuda:1 could not be given back: cuda:1: cudaFree failed: unknown error "
        "(cudaErrorUnknown)"
    )
    runtime.gpu.fail.clear()
    cuda.free(pointer)


def test_a_failed_copy_leaves_no_stream(cuda, runtime):
    array = DeviceArray.allocate(cuda, (2,), np.float32)
    runtime.gpu.fail["cudaMemcpyAsync"] = "cudaErrorInvalidValue"
    with pytest.raises(DeviceError, match="cudaMemcpyAsync"):
        array.to_numpy()


def test_a_copy_is_waited_for(cuda, runtime):
    array = DeviceArray.allocate(cuda, (2,), np.float32)
    array.to_numpy()
    assert runtime.gpu.calls["cudaStreamSynchronize"] == 1


def test_at_exit_the_driver_takes_the_memory_back():
    code = (
        "import atexit, sys\n"
        "from cuda_stand_in import make_cuda_runtime\n"
        "runtime = sys.modules['cuda.bindings.runtime'] = make_cuda_runtime()\n"
        "atexit.register(lambda: print(runtime.gpu.calls['cudaFree']))\n"
        "from h2ot_edge.cuda.arrays import DeviceArray\n"
        "from h2ot_edge.cuda.cuda_python import CudaPython\n"
        "cuda = CudaPython(0)\n"
        "DeviceArray.allocate(cuda, (2,), 'f4')\n"
        "array = DeviceArray.allocate(cuda, (2,), 'f4')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_the_threads_device_stays(cuda, runtime):
    DeviceArray.allocate(cuda, (2,), np.float32).to_numpy()
    assert runtime.cudaGetDevice()[1] == 0


def test_memory_of_another_library_is_not_copied_by_ours():
    with pytest.raises(UsageError) as error:
        as_device_array(HandMade(), device=3).to_numpy()
    assert str(error.value) == (
        "<DeviceArray float32[2, 3] on cuda:3>: the memory is another library's; copy it to the "
        "host with that one"
    )


# how it is lent


def test_the_cuda_array_interface(cuda):
    array = DeviceArray.allocate(cuda, (2, 3), np.float32)
    assert array.__cuda_array_interface__ == {
        "shape": (2, 3),
        "typestr": "<f4",
        "data": (array.ptr, False),
        "strides": None,
        "stream": None,
        "version": 3,
    }


@pytest.mark.parametrize("max_version", [None, (1, 0)])
def test_dlpack(cuda, max_version):
    array = DeviceArray.allocate(cuda, (2, 3), np.float32)
    assert array.__dlpack_device__() == (2, 1)
    managed = opened(array.__dlpack__(max_version=max_version))
    assert (managed.tensor.device.kind, managed.tensor.device.number) == (2, 1)
    assert managed.tensor.data == array.ptr


@pytest.mark.parametrize("stream", [None, -1, 1, 2, 0x5000])
def test_what_is_ready_is_ready_in_every_stream(cuda, stream):
    array = DeviceArray.allocate(cuda, (2, 3), np.float32)
    assert array.__dlpack__(stream=stream, dl_device=(2, 1), copy=False) is not None


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"copy": True}, "a copy"),
        ({"dl_device": (1, 0)}, "it on DLPack device (1, 0)"),
        ({"dl_device": (2, 0), "copy": False}, "it on DLPack device (2, 0)"),
    ],
)
def test_no_copy_is_lent(cuda, asked, wanted):
    with pytest.raises(BufferError) as error:
        DeviceArray.allocate(cuda, (2, 3), np.float32).__dlpack__(**asked)
    assert str(error.value) == (
        f"<DeviceArray float32[2, 3] on cuda:1>: it is lent where it is, {wanted} was asked for; "
        "copy it with the library that takes it, or with to_numpy()"
    )


@pytest.mark.parametrize(
    "hide", [np.asarray, np.array, lambda array: np.add(array, 1), lambda array: np.float32(array)]
)
def test_numpy_makes_no_hidden_copy(cuda, hide):
    with pytest.raises(TypeError) as error:
        hide(DeviceArray.allocate(cuda, (2, 3), np.float32))
    assert str(error.value) == (
        "<DeviceArray float32[2, 3] on cuda:1>: numpy would copy it unseen; call to_numpy()"
    )


def test_what_is_borrowed_is_lent_on_as_it_came():
    array = as_device_array(Interface(data=(0x1000, True), stream=0x5000))
    interface = array.__cuda_array_interface__
    assert (interface["data"], interface["stream"]) == ((0x1000, True), 0x5000)
    assert opened(array.__dlpack__(stream=0x5000, max_version=(1, 0))).flags == 1
    assert opened(array.__dlpack__(stream=-1, max_version=(1, 0))).flags == 1


@pytest.mark.parametrize(("stream", "asked"), [(None, 1), (1, 1), (2, 2)])
def test_what_is_not_ready_is_not_lent_to_another_stream(stream, asked):
    array = as_device_array(Interface(stream=0x5000))
    with pytest.raises(BufferError) as error:
        array.__dlpack__(stream=stream)
    assert str(error.value) == (
        "<DeviceArray float32[2, 3] on cuda:0>: expected stream 20480, in which its values are "
        f"computed, got {asked}; lend the array that it was borrowed from"
    )


def test_its_length_is_that_of_its_first_axis(cuda):
    assert len(DeviceArray.allocate(cuda, (5, 3), np.float32)) == 5
    with pytest.raises(TypeError) as error:
        len(DeviceArray.allocate(cuda, (), np.float32))
    assert str(error.value) == "len() of an array without axes"


# on a GPU


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs PyTorch with a GPU")
def test_pytorch_on_a_gpu():
    cuda = CudaPython(0)
    values = torch.arange(24.0, device="cuda").reshape(2, 3, 4)
    borrowed = as_device_array(values)
    assert (borrowed.ptr, borrowed.shape, borrowed.device) == (values.data_ptr(), (2, 3, 4), 0)
    ours = filled(cuda, np.arange(24, dtype=np.float32))
    taken = torch.from_dlpack(ours)
    assert taken.data_ptr() == torch.as_tensor(ours, device="cuda").data_ptr() == ours.ptr
    ours.free()
    taken += 1
    np.testing.assert_array_equal(taken.cpu(), np.arange(1, 25))
    before = torch.cuda.mem_get_info()[0]
    for _ in range(MANY):
        torch.from_dlpack(DeviceArray.allocate(cuda, (1 << 20,), np.float32))
        as_device_array(values)
    assert before - torch.cuda.mem_get_info()[0] < 64 << 20
