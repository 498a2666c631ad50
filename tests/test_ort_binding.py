"""IOBinding: calls at fixed addresses, and calls on arrays where they are.

The code is the same for every kind of device, so it runs here on the CPU's memory.
"""

import sys
import threading
import time
import weakref

import numpy as np
import onnxruntime
import pytest
from cuda_stand_in import make_cuda_runtime
from pycuda_stand_in import make_pycuda
from tiny_models import answer, save_tiny, tiny_card

from h2ot_edge.backends.ort import OnnxRuntimeBackend
from h2ot_edge.backends.ort_binding import FixedBindings, run_at
from h2ot_edge.backends.ort_options import OnnxRuntimeOptions
from h2ot_edge.cuda import open_cuda
from h2ot_edge.cuda.arrays import LEGACY_STREAM, DeviceArray
from h2ot_edge.cuda.memory import own_stream
from h2ot_edge.errors import DeviceError, InputError, ModelFileError, UsageError

CPU = ("cpu", 0)


class HostArray:
    """A numpy array as `run_at` takes arrays of devices."""

    def __init__(self, array):
        self.array = array
        self.ptr = array.ctypes.data
        self.shape = array.shape
        self.dtype = array.dtype


def windows(batch, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 9, 17, 3)).astype(np.float32)


def opened(tmp_path, **changes):
    return OnnxRuntimeBackend(save_tiny(tmp_path / "tiny.onnx", tiny_card(**changes)), threads=1)


def fixed(backend, *, numbered=True):
    return FixedBindings(
        onnxruntime, backend._session, CPU, backend.inputs, backend.outputs, numbered=numbered
    )


def raising(reason):
    def fail(*_, **__):
        raise RuntimeError(reason)

    return fail


@pytest.fixture
def on_gpu(tmp_path, monkeypatch):
    """A backend that takes itself for one on cuda:0, whose memory is memory of this process."""
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", make_cuda_runtime())
    monkeypatch.setattr(OnnxRuntimeBackend, "_place", CPU)
    backend = opened(tmp_path, with_kept=True, batch=2, schedule={1: 3})
    backend.device = "cuda:0"
    return backend


def on_device(array):
    """A copy of a numpy array on the stand-in."""
    cuda = open_cuda("cuda-python")
    copy = DeviceArray.allocate(cuda, array.shape, array.dtype)
    with own_stream(cuda) as stream:
        cuda.copy_to_device(copy.ptr, array, stream)
    return copy


def test_how_many_windows_a_call_takes(tmp_path):
    free = opened(tmp_path)
    assert (free.batch_range, free.contexts) == ((1, None), 1)
    assert opened(tmp_path, batch=2).batch_range == (2, 2)
    free._profile = (2, 4, 8)
    assert free.batch_range == (2, 8)


@pytest.mark.parametrize("numbered", [True, False])
def test_calls_at_fixed_addresses_give_the_same(tmp_path, numbered):
    bindings = fixed(opened(tmp_path), numbered=numbered)
    for batch, seed in [(2, 0), (3, 1), (2, 2), (3, 3)]:
        feed = windows(batch, seed)
        given = bindings.run({"keypoints": feed})
        assert given.keys() == {"poses"}
        np.testing.assert_allclose(given["poses"], answer(feed), atol=1e-6)


def test_each_shape_has_its_own_number_and_addresses(tmp_path):
    bindings = fixed(opened(tmp_path))
    for batch in (2, 3, 2):
        bindings.run({"keypoints": windows(batch)})
    slots = bindings._slots
    numbers = [slot._options.get_run_config_entry("gpu_graph_id") for slot in slots.values()]
    assert numbers == ["1", "2"]
    before = [slot._inputs["keypoints"].data_ptr() for slot in slots.values()]
    bindings.run({"keypoints": windows(2, 5)})
    assert [slot._inputs["keypoints"].data_ptr() for slot in slots.values()] == before
    assert len(set(before)) == 2


def test_a_result_is_not_overwritten_by_the_next_call(tmp_path):
    bindings = fixed(opened(tmp_path))
    first = bindings.run({"keypoints": windows(2, 0)})["poses"]
    kept = first.copy()
    bindings.run({"keypoints": windows(2, 1)})
    np.testing.assert_array_equal(first, kept)


def test_inputs_need_not_be_contiguous(tmp_path):
    feed = windows(2)[:, ::-1]
    given = fixed(opened(tmp_path)).run({"keypoints": feed})
    np.testing.assert_allclose(given["poses"], answer(feed), atol=1e-6)


class Slow:
    """A session that is slow to start, so that calls which do not take turns meet."""

    def __init__(self, session):
        self.session = session

    def io_binding(self):
        return self.session.io_binding()

    def run_with_iobinding(self, *arguments):
        time.sleep(0.002)
        self.session.run_with_iobinding(*arguments)


def test_threads_take_turns_and_get_their_own_results(tmp_path):
    backend = opened(tmp_path)
    backend._session = Slow(backend._session)
    bindings = fixed(backend)
    wrong = []

    def call(seed):
        for turn in range(20):
            feed = windows(1 + (seed + turn) % 3, seed)
            given = bindings.run({"keypoints": feed})["poses"]
            if not np.allclose(given, answer(feed), atol=1e-6):
                wrong.append((seed, turn))

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_session_is_freed_after_what_is_bound_to_it(tmp_path):
    backend = opened(tmp_path)
    backend._fixed = fixed(backend)
    backend.run({"keypoints": windows(2)})
    freed = []
    weakref.finalize(backend._fixed._slots[2], freed.append, "what is bound")
    weakref.finalize(backend._session, freed.append, "session")
    backend.close()
    assert freed == ["what is bound", "session"]
    backend.close()


def test_an_error_at_fixed_addresses_is_translated(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx", tiny_card(mode="seq2frame"), centre=9)
    backend = OnnxRuntimeBackend(path)
    backend._fixed = fixed(backend)
    with pytest.raises(ModelFileError) as caught:
        backend.run({"keypoints": windows(1)})
    cause = caught.value.__cause__
    assert "out of" in str(cause)
    assert str(caught.value) == f"{path}: ONNX Runtime cannot run the model: {cause}"


NO_MEMORY = [
    "CUDA failure 2: out of memory ; GPU=0",
    "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 8",
    "BFCArena::AllocateRawInternal Available memory of 4 is smaller than requested bytes of 8",
]
FAILED = "CUDA failure 700: an illegal memory access was encountered"


@pytest.mark.parametrize("reason", [*NO_MEMORY, FAILED])
def test_an_error_of_cuda_is_one_of_the_device(tmp_path, reason):
    backend = opened(tmp_path)
    backend._session.run = raising(reason)
    with pytest.raises(DeviceError) as caught:
        backend.run({"keypoints": windows(1)})
    assert str(caught.value) == (
        f"{tmp_path / 'tiny.onnx'}: ONNX Runtime cannot run the model: {reason}"
    )


@pytest.mark.parametrize("reason", NO_MEMORY)
def test_too_little_memory_to_load_a_model_is_no_fault_of_the_model(tmp_path, monkeypatch, reason):
    monkeypatch.setattr(onnxruntime, "InferenceSession", raising(reason))
    with pytest.raises(DeviceError) as caught:
        opened(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'tiny.onnx'}: ONNX Runtime cannot load the model: {reason}"
    )


def test_a_call_reads_and_writes_arrays_where_they_are(tmp_path):
    backend = opened(tmp_path)
    feed, poses = windows(3), np.full((3, 9, 17, 3), np.nan, np.float32)
    run_at(backend._session, CPU, {"keypoints": HostArray(feed)}, {"poses": HostArray(poses)})
    np.testing.assert_allclose(poses, answer(feed), atol=1e-6)


def test_device_arrays_in_are_device_arrays_out(on_gpu):
    feed = windows(2)
    given = on_gpu.run_on_device({"keypoints": on_device(feed)})
    assert {name: (out.dtype, out.shape, out.device) for name, out in given.items()} == {
        "poses": (np.float32, (2, 9, 17, 3), 0),
        "kept": (np.int64, (2, 3), 0),
    }
    np.testing.assert_allclose(given["poses"].to_numpy(), answer(feed), atol=1e-6)
    np.testing.assert_array_equal(given["kept"].to_numpy(), [[0, 1, 2], [0, 1, 2]])
    assert sys.modules["cuda.bindings.runtime"].gpu.misuse == []


def test_the_work_that_computes_an_input_is_waited_for(on_gpu):
    feed, cuda = windows(2), open_cuda("cuda-python")
    array = DeviceArray.allocate(cuda, feed.shape, feed.dtype)
    with cuda.current():
        pinned = cuda.allocate_pinned(feed.nbytes).view(np.float32).reshape(feed.shape)
        pinned[...] = feed
        array.ready_stream = cuda.new_stream()
        cuda.copy_to_device(array.ptr, pinned, array.ready_stream)
    # On the stand-in nothing is done before somebody waits.
    poses = on_gpu.run_on_device({"keypoints": array})["poses"].to_numpy()
    np.testing.assert_allclose(poses, answer(feed), atol=1e-6)


def test_pycuda_waits_for_a_stream_that_is_not_its_own(on_gpu, monkeypatch):
    feed, cuda = windows(2), sys.modules["cuda.bindings.runtime"]
    for name, module in make_pycuda(cuda).items():
        monkeypatch.setitem(sys.modules, name, module)
    on_gpu._options = OnnxRuntimeOptions(cuda="pycuda")
    array = on_device(feed)
    array.ready_stream = LEGACY_STREAM
    poses = on_gpu.run_on_device({"keypoints": array})["poses"].to_numpy()
    np.testing.assert_allclose(poses, answer(feed), atol=1e-6)
    assert cuda.gpu.misuse == []


def test_device_arrays_go_back_when_nobody_has_them(on_gpu):
    gpu = sys.modules["cuda.bindings.runtime"].gpu
    feed = {"keypoints": on_device(windows(2))}
    for _ in range(3):
        on_gpu.run_on_device(feed)
    del feed
    assert gpu.leaks() == []


def test_an_array_on_another_gpu_is_refused(on_gpu):
    array = on_device(windows(2))
    array.device = 1
    with pytest.raises(InputError) as caught:
        on_gpu.run_on_device({"keypoints": array})
    assert str(caught.value) == (
        "keypoints: an array on cuda:1, and the model runs on cuda:0; copy it there"
    )


def test_device_arrays_need_a_gpu(tmp_path):
    with pytest.raises(UsageError) as caught:
        opened(tmp_path).run_on_device({})
    assert str(caught.value) == (
        "device arrays need a CUDA device, and this model runs on the CPU; load it with "
        "device='cuda', or pass numpy arrays"
    )


def test_device_arrays_and_a_captured_graph_exclude_each_other(on_gpu):
    on_gpu._options = OnnxRuntimeOptions(cuda_graph=True)
    with pytest.raises(UsageError) as caught:
        on_gpu.run_on_device({"keypoints": on_device(windows(2))})
    assert str(caught.value) == (
        "device arrays and cuda_graph: a captured graph reads from the addresses that it was "
        "captured with; load the model with cuda_graph=False"
    )
