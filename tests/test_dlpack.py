"""Lending and borrowing through DLPack, with numpy and PyTorch on the other side.

The code does not touch the memory, so that memory of the host does, labelled as the CPU's where
the other side shall take it, and as a GPU's elsewhere.
"""

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from dlpack_peers import Ancient, Fresh, HandMade, Lent, New, Old, Owner, name_of, opened

from h2ot_edge.cuda import dlpack
from h2ot_edge.cuda.dlpack import CPU, CUDA, borrow, lend

MANY = 10_000
SHAPES = [(), (1,), (7,), (2, 3), (1, 5, 1), (3, 1, 2), (2, 27, 17, 3), (1,) * 8]
DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
VERSIONS = [None, (1, 0)]
CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


def values(shape, dtype):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


# lending


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_numpy_and_torch_take_what_is_lent(shape, dtype):
    array = values(shape, dtype)
    seen = np.from_dlpack(Lent(array))
    np.testing.assert_array_equal(seen, array, strict=True)
    assert seen.ctypes.data == array.ctypes.data
    tensor = torch.from_dlpack(Lent(array))
    assert tensor.data_ptr() == array.ctypes.data
    if dtype not in ("uint16", "uint32", "uint64"):
        np.testing.assert_array_equal(tensor.numpy(), array, strict=True)


def test_what_a_consumer_writes_is_written():
    array = values((2, 3), "float32")
    torch.from_dlpack(Lent(array))[1] = 9
    np.testing.assert_array_equal(array, [[0, 1, 2], [9, 9, 9]])


@pytest.mark.parametrize("max_version", VERSIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_of_a_capsule_is_right(shape, dtype, max_version):
    array = values(shape, dtype)
    capsule = lend(array, array.__array_interface__, (CUDA, 3), max_version)
    managed = opened(capsule)
    tensor = managed.tensor
    assert (tensor.device.kind, tensor.device.number) == (2, 3)
    assert tensor.data + tensor.byte_offset == array.ctypes.data
    assert tuple(tensor.shape[: tensor.ndim]) == shape
    if tensor.strides:
        strides = tuple(n * array.itemsize for n in tensor.strides[: tensor.ndim])
        assert strides == array.strides
    element = tensor.dtype
    assert (element.code, element.bits, element.lanes) == (
        CODES[array.dtype.kind],
        8 * array.itemsize,
        1,
    )
    if max_version is None:
        assert name_of(capsule) == b"dltensor"
    else:
        assert name_of(capsule) == b"dltensor_versioned"
        assert (managed.major, managed.flags) == (1, 0)


def read_only():
    array = values((2, 3), "float32")
    array.flags.writeable = False
    return array


def test_read_only_memory_is_lent_as_such():
    array = read_only()
    assert opened(lend(array, array.__array_interface__, (CUDA, 0), (1, 0))).flags == 1
    assert not np.from_dlpack(Lent(array)).flags.writeable


def test_read_only_memory_is_not_lent_to_who_cannot_know():
    array = read_only()
    with pytest.raises(BufferError, match=r"^Cannot export readonly array"):
        lend(array, array.__array_interface__, (CUDA, 0), None)


@pytest.mark.parametrize("dtype", [">f4", "U3", "datetime64[s]"])
def test_element_types_that_dlpack_has_not_are_refused(dtype):
    array = np.zeros(2, dtype)
    with pytest.raises(BufferError, match=r"^DLPack only supports"):
        lend(array, array.__array_interface__, (CUDA, 0), (1, 0))


@pytest.fixture
def interface():
    array = values((2, 3), "float32")
    Owner.alive = 0
    gc.disable()
    yield array.__array_interface__
    gc.enable()
    assert Owner.alive == 0


@pytest.mark.parametrize("max_version", VERSIONS)
def test_a_capsule_that_nobody_takes_keeps_the_owner(interface, max_version):
    capsule = lend(Owner(), interface, (CUDA, 0), max_version)
    assert Owner.alive == 1
    del capsule
    assert Owner.alive == 0


@pytest.mark.parametrize("take", [np.from_dlpack, torch.from_dlpack])
def test_a_consumer_keeps_the_owner(interface, take):
    taken = take(Fresh(interface))
    view = taken[1]
    del taken
    assert Owner.alive == 1
    np.testing.assert_array_equal(view, [3, 4, 5])
    del view
    assert Owner.alive == 0


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda fresh: fresh.__dlpack__(), id="dropped"),
        pytest.param(lambda fresh: fresh.__dlpack__(max_version=(1, 0)), id="dropped new"),
        pytest.param(np.from_dlpack, id="numpy"),
        pytest.param(torch.from_dlpack, id="torch"),
        pytest.param(lambda fresh: borrow(fresh, None), id="borrowed"),
    ],
)
def test_many_loans_leave_nothing_behind(interface, use):
    fresh = Fresh(interface)
    for _ in range(100):
        use(fresh)
    before = sys.getallocatedblocks()
    for _ in range(MANY):
        use(fresh)
    assert Owner.alive == 0
    assert sys.getallocatedblocks() - before < MANY / 100


def test_a_consumer_that_refuses_leaves_nothing_behind(interface):
    """The capsule is dropped with the consumer's exception in flight."""
    for _ in range(1000):
        with pytest.raises((BufferError, RuntimeError), match=r"^Unsupported device in DLTensor.$"):
            np.from_dlpack(Fresh(interface, (CUDA, 0)))
        assert Owner.alive == 0


def test_threads_lend_and_borrow_at_once(interface):
    def work():
        for _ in range(1000):
            kept.append(torch.from_dlpack(Fresh(interface)))
            borrow(Fresh(interface, (CUDA, 1)), 7)
            kept.pop()

    kept = []
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.clear()
    assert Owner.alive == 0


def test_what_lives_until_exit_does_no_harm():
    code = (
        "import numpy as np, torch\n"
        "from dlpack_peers import CUDA, Lent\n"
        "from h2ot_edge.cuda.dlpack import borrow\n"
        "array = np.zeros(3, np.float32)\n"
        "tensors = [torch.from_dlpack(Lent(array)) for _ in range(3)]\n"
        "torch.kept = torch.from_dlpack(Lent(array))\n"
        "borrowed = borrow(Lent(array, (CUDA, 0)), None), borrow(torch.zeros(3), None)\n"
        "np.kept = borrow(torch.zeros(3), None)\n"
        "capsule = Lent(array).__dlpack__()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# numpy before 2.1


class OldArray:
    """Of the old numpy: it does not know the argument."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, *, stream=None):
        return self.array.__dlpack__(stream=stream)


class OldConsumer:
    """What the old numpy asks of a producer."""

    def __init__(self, producer):
        self.producer = producer

    def __dlpack_device__(self):
        return self.producer.__dlpack_device__()

    def __dlpack__(self, **_):
        return self.producer.__dlpack__()


@pytest.mark.parametrize("max_version", VERSIONS)
def test_an_old_numpy_lends_old_capsules(monkeypatch, interface, max_version):
    with monkeypatch.context() as patch:
        make = np.asarray
        patch.setattr(np, "asarray", lambda lender: OldArray(make(lender)))
        capsule = lend(Owner(), interface, (CUDA, 3), max_version)
    assert name_of(capsule) == b"dltensor"
    assert opened(capsule).tensor.device.number == 3


def test_an_old_numpy_borrows_old_capsules(monkeypatch):
    producer = HandMade(kind=Old)
    with monkeypatch.context() as patch:
        take = np.from_dlpack
        patch.setattr(np, "from_dlpack", lambda producer: take(OldConsumer(producer)))
        assert borrow(producer, 7).device == (CUDA, 3)
    assert producer.asked == [{"stream": 7}]
    assert producer.deleted == [(CUDA, 3)]


# borrowing


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_arrays_of_numpy_and_torch_are_borrowed(shape, dtype):
    array = values(shape, dtype)
    for producer in (array, torch.from_numpy(array)):
        given, device, _ = borrow(producer, None)
        assert device == (CPU, 0)
        assert given["data"] == (array.ctypes.data, False)
        assert (given["shape"], given["typestr"], given["strides"]) == (
            shape,
            array.dtype.str,
            None,
        )


def test_strides_are_told():
    tensor = torch.arange(24.0).reshape(2, 3, 4)
    assert borrow(tensor.transpose(0, 2), None).interface["strides"] == (4, 16, 48)
    assert borrow(tensor[:, 1:], None).interface["strides"] == (48, 16, 4)
    assert borrow(tensor[1], None).interface["strides"] is None
    assert borrow(tensor[1], None).interface["data"][0] == tensor.data_ptr() + 48


@pytest.mark.parametrize("kind", [Old, New])
def test_a_gpus_memory_is_borrowed(kind):
    producer = HandMade(kind=kind, offset=8)
    given, device, owner = borrow(producer, 7)
    assert device == (CUDA, 3)
    assert given["data"][0] == producer.values.ctypes.data + 8
    assert (given["shape"], given["typestr"], given["strides"]) == ((2, 3), "<f4", None)
    assert producer.asked[-1]["stream"] == 7
    assert producer.deleted == []
    del owner
    assert producer.deleted == [(CUDA, 3)]
    assert not producer.alive


def test_the_newest_version_that_is_known_is_asked_for():
    producer = HandMade()
    borrow(producer, None)
    assert producer.asked == [{"stream": None, "max_version": (1, 0)}]


def test_a_producer_from_before_version_1_is_asked_without():
    producer = Ancient(kind=Old)
    borrow(producer, 7)
    assert producer.asked == [{"stream": 7}]
    assert producer.deleted == [(CUDA, 3)]


@pytest.mark.parametrize("kind", [Old, New])
def test_many_deleters_run_once_each(kind):
    producer = HandMade(kind=kind)
    kept = [borrow(producer, 1).owner for _ in range(MANY)]
    assert producer.deleted == []
    assert len(producer.alive) == MANY
    kept.clear()
    assert producer.deleted == [(CUDA, 3)] * MANY
    assert not producer.alive


@pytest.mark.parametrize("name", [b"used_dltensor", b"used_dltensor_versioned", b"other"])
def test_a_capsule_that_is_taken_is_refused(name):
    producer = HandMade(name=name)
    with pytest.raises(BufferError) as error:
        borrow(producer, None)
    assert str(error.value) == (
        f"expected a DLPack capsule that is not taken yet, got one of {name!r}"
    )
    assert producer.deleted == []


def test_a_capsule_of_another_major_version_is_refused():
    with pytest.raises(BufferError) as error:
        borrow(HandMade(major=2), None)
    assert str(error.value) == "expected DLPack 1, got 2.1"


def test_a_null_pointer_is_refused():
    with pytest.raises(BufferError) as error:
        borrow(HandMade(data=0), None)
    assert str(error.value) == "its address is null; is it empty, or was it freed?"


def test_what_is_no_capsule_is_refused():
    class Producer:
        def __dlpack__(self, **_):
            return b"bytes"

    with pytest.raises(ValueError, match="PyCapsule_GetName called with invalid PyCapsule object"):
        borrow(Producer(), None)


def test_what_a_producer_raises_is_raised():
    with pytest.raises(BufferError, match="require gradient"):
        borrow(torch.zeros(3, requires_grad=True), None)


def test_what_is_borrowed_cannot_be_read_by_accident():
    """A debugger prints these; an array of numpy among them would read the device's memory."""
    borrowed = borrow(HandMade(data=0xDEAD0000), None)
    assert "capsule" in repr(borrowed.owner)
    assert borrowed.interface["data"][0] == 0xDEAD0000
    assert not any(isinstance(part, np.ndarray) for part in borrowed)


def test_the_device_of_an_array():
    assert dlpack.device_of(HandMade()) == (CUDA, 3)
    assert dlpack.device_of(np.zeros(1)) == dlpack.device_of(torch.zeros(1)) == (CPU, 0)
    assert dlpack.device_of([1.0]) is None
    assert [type(part) for part in dlpack.device_of(torch.zeros(1))] == [int, int]
