"""`open_cuda`, and CUDA through cuda-python: the real one, and one with a GPU's rules."""

import re
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from cuda_stand_in import make_cuda_runtime

from h2ot_edge import cuda as cuda_package
from h2ot_edge.cuda import Gpu, open_cuda
from h2ot_edge.cuda.cuda_python import CudaPython, cuda_runtime
from h2ot_edge.errors import DeviceError, DeviceUnavailable, MissingExtra, UnknownName

NAMES = ("cuda.bindings.runtime", "cuda.cudart", "pycuda.driver")
NO_DRIVER = (
    "CUDA driver version is insufficient for CUDA runtime version (cudaErrorInsufficientDriver)"
)


@pytest.fixture
def runtime(monkeypatch):
    module = make_cuda_runtime("Orin", (8, 7), memory=1 << 20, devices=2)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", module)
    monkeypatch.delitem(sys.modules, "pycuda.driver", raising=False)
    yield module
    assert module.gpu.misuse == []
    assert module.gpu.leaks() == []


@pytest.fixture
def cuda(runtime):
    return CudaPython(1)


@pytest.fixture
def stream(cuda):
    with cuda.current():
        made = cuda.new_stream()
        yield made
        cuda.free_stream(made)


@pytest.fixture
def real():
    """The real binding, on a machine without a driver."""
    runtime = pytest.importorskip("cuda.bindings.runtime")
    error, _ = runtime.cudaGetDeviceCount()
    if error != runtime.cudaError_t.cudaErrorInsufficientDriver:
        pytest.skip("there is a driver")
    return runtime


def only(monkeypatch, *installed):
    for name in NAMES:
        if name not in installed:
            monkeypatch.setitem(sys.modules, name, None)


# which binding


def test_auto_is_cuda_python(runtime):
    cuda = open_cuda(device=1)
    assert (cuda.binding, cuda.device, cuda.has_graphs) == ("cuda-python", 1, True)


def test_its_old_name_will_do(runtime, monkeypatch):
    only(monkeypatch)
    monkeypatch.setitem(sys.modules, "cuda.cudart", runtime)
    assert cuda_runtime() is runtime
    assert open_cuda().binding == "cuda-python"


def test_the_new_name_goes_first(runtime, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.cudart", None)
    assert cuda_runtime() is runtime


def test_other_packages_in_the_same_folder_are_no_cuda_python(monkeypatch, tmp_path):
    (tmp_path / "cuda" / "pathfinder").mkdir(parents=True)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("cuda", "pycuda")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    sys.path_importer_cache.clear()
    assert not cuda_package._is_installed("cuda.bindings.runtime")
    assert not cuda_package._is_installed("cuda.cudart")
    assert cuda_package._is_installed("cuda.pathfinder")


def test_without_any_binding_both_are_named(monkeypatch):
    only(monkeypatch)
    with pytest.raises(MissingExtra) as caught:
        open_cuda()
    assert str(caught.value) == (
        "neither cuda-python nor pycuda is installed, and one of them moves the data to the GPU; "
        "pip install 'h2ot-edge[cuda]'"
    )


@pytest.mark.parametrize(
    ("binding", "module", "extra"),
    [("cuda-python", "cuda.bindings.runtime", "cuda"), ("pycuda", "pycuda.driver", "pycuda")],
)
def test_a_binding_that_is_asked_for_and_missing_names_its_extra(
    monkeypatch, binding, module, extra
):
    only(monkeypatch)
    with pytest.raises(MissingExtra) as caught:
        open_cuda(binding)
    assert str(caught.value) == (
        f"{module} cannot be imported (import of {module} halted; None in sys.modules); "
        f"pip install 'h2ot-edge[{extra}]'"
    )


def test_an_unknown_binding_has_a_near_miss():
    with pytest.raises(UnknownName) as caught:
        open_cuda("cuda-pyton")
    assert str(caught.value) == (
        "no CUDA binding 'cuda-pyton'; did you mean 'cuda-python'? "
        "(known: auto, cuda-python, pycuda)"
    )


# the real binding


def test_without_a_driver_it_says_so(real):
    with pytest.raises(DeviceUnavailable) as caught:
        open_cuda("cuda-python")
    assert str(caught.value) == (
        f"cuda:0: CUDA finds no GPU: {NO_DRIVER}; check that a driver is installed and new enough "
        "(nvidia-smi; h2ot-doctor says what is there)"
    )


def test_every_name_is_one_of_cuda_python():
    runtime = pytest.importorskip("cuda.bindings.runtime")
    source = Path(sys.modules[CudaPython.__module__].__file__).read_text()
    names = set(re.findall(r"\bcuda[A-Z]\w+", source))
    kinds = (runtime, runtime.cudaError_t, runtime.cudaMemcpyKind, runtime.cudaStreamCaptureMode)
    assert len(names) > 30
    assert [name for name in sorted(names) if not any(hasattr(kind, name) for kind in kinds)] == []


PINNED = np.zeros(4, np.uint8)
CALLS = {
    "cudaGetDevice": lambda cuda: cuda.current().__enter__(),
    "cudaMalloc": lambda cuda: cuda.allocate(4),
    "cudaFree": lambda cuda: cuda.free(0x1000),
    "cudaHostAlloc": lambda cuda: cuda.allocate_pinned(4),
    "cudaFreeHost": lambda cuda: cuda.free_pinned(PINNED),
    "cudaStreamCreateWithFlags": lambda cuda: cuda.new_stream(),
    "cudaStreamDestroy": lambda cuda: cuda.free_stream(0x1000),
    "cudaMemcpyAsync": lambda cuda: cuda.copy_to_device(0x1000, PINNED, 0x1000),
    "cudaEventCreateWithFlags": lambda cuda: cuda.wait_for(0x1000, 1),
    "cudaStreamSynchronize": lambda cuda: cuda.synchronize(0x1000),
    "cudaStreamBeginCapture": lambda cuda: cuda.capture(lambda: None, 0x1000),
    "cudaGraphLaunch": lambda cuda: cuda.launch(0x1000, 0x1000),
    "cudaGraphExecDestroy": lambda cuda: cuda.free_graph(0x1000),
    "cudaMemGetInfo": lambda cuda: cuda.memory(),
}


@pytest.mark.parametrize("function", CALLS)
def test_the_real_binding_takes_the_arguments_and_its_error_is_told(real, function):
    # A wrong type would be a TypeError; so far it gets without a GPU.
    cuda = object.__new__(CudaPython)
    cuda._runtime, cuda.device = real, 0
    with pytest.raises(DeviceError) as caught:
        CALLS[function](cuda)
    assert str(caught.value) == f"cuda:0: {function} failed: {NO_DRIVER}"


# devices


def test_the_device_is_described(cuda):
    assert cuda.gpu == Gpu("Orin", "8.7", 1 << 20)
    assert str(cuda.gpu) == "Orin (compute capability 8.7)"
    assert cuda.runtime_version == "12.6"


@pytest.mark.parametrize(("count", "found"), [(1, "1 GPU"), (2, "2 GPUs")])
def test_a_number_too_high_is_refused(monkeypatch, count, found):
    module = make_cuda_runtime(devices=count)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", module)
    with pytest.raises(DeviceUnavailable) as caught:
        CudaPython(count)
    assert str(caught.value) == (
        f"cuda:{count}: CUDA finds {found}, numbered from 0; give one of these, and check "
        "CUDA_VISIBLE_DEVICES"
    )


def test_a_driver_without_a_device_is_told(monkeypatch):
    module = make_cuda_runtime(devices=0)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", module)
    with pytest.raises(DeviceUnavailable) as caught:
        CudaPython(0)
    assert str(caught.value) == (
        "cuda:0: CUDA finds no GPU: no CUDA-capable device is detected (cudaErrorNoDevice); check "
        "that a driver is installed and new enough (nvidia-smi; h2ot-doctor says what is there)"
    )


def test_each_thread_gets_its_device_back(runtime):
    first, second = CudaPython(0), CudaPython(1)
    seen = []

    def work():
        with second.current(), suppress(ZeroDivisionError), first.current():
            seen.append(runtime.gpu.device)
            raise ZeroDivisionError
        seen.append(runtime.gpu.device)

    runtime.gpu.device = 1
    thread = threading.Thread(target=work)
    with first.current():
        thread.start()
        thread.join(10)
        seen.append(runtime.gpu.device)
    assert seen == [0, 0, 0]
    assert runtime.gpu.device == 1


# memory and streams


def test_bytes_go_there_and_back(cuda, stream, runtime):
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    pointer, pinned = cuda.allocate(values.nbytes), cuda.allocate_pinned(values.nbytes)
    assert (pinned.dtype, pinned.shape) == (np.uint8, (48,))
    staged = pinned.view(np.float32).reshape(3, 4)
    staged[...] = values
    cuda.copy_to_device(pointer, staged, stream)
    cuda.synchronize(stream)
    staged[...] = 0
    cuda.copy_to_host(staged, pointer, stream)
    assert not staged.any()  # queued, not done
    cuda.synchronize(stream)
    np.testing.assert_array_equal(staged, values)
    assert runtime.gpu.pageable == 0
    assert cuda.memory() == ((1 << 20) - 48, 1 << 20)
    cuda.free(pointer)
    cuda.free_pinned(pinned)
    assert cuda.memory() == (1 << 20, 1 << 20)


def test_memory_is_freed_once(cuda, runtime):
    pinned = cuda.allocate_pinned(16)
    cuda.free_pinned(pinned)
    with pytest.raises(DeviceError) as caught:
        cuda.free_pinned(pinned)
    assert str(caught.value) == (
        "cuda:1: cudaFreeHost failed: invalid argument (cudaErrorInvalidValue)"
    )
    assert len(runtime.gpu.misuse) == 1
    runtime.gpu.misuse.clear()


def test_streams_do_not_wait_for_the_default_one(cuda, stream, runtime):
    assert runtime.gpu.objects["stream"][stream].flags == runtime.cudaStreamNonBlocking


def test_too_much_memory_is_an_error_of_the_device(cuda):
    with cuda.current(), pytest.raises(DeviceError) as caught:
        cuda.allocate(2 << 20)
    assert str(caught.value) == (
        "cuda:1: cudaMalloc failed: out of memory (cudaErrorMemoryAllocation)"
    )


def test_one_stream_waits_for_another(cuda, stream):
    other, pointer, pinned = cuda.new_stream(), cuda.allocate(8), cuda.allocate_pinned(8)
    pinned[:] = 7
    cuda.copy_to_device(pointer, pinned, other)
    cuda.wait_for(stream, other)
    back = cuda.allocate_pinned(8)
    cuda.copy_to_host(back, pointer, stream)
    cuda.synchronize(stream)
    assert back.tolist() == [7] * 8
    for array in (pinned, back):
        cuda.free_pinned(array)
    cuda.free(pointer)
    cuda.free_stream(other)


@pytest.mark.parametrize("function", ["cudaEventRecord", "cudaStreamWaitEvent"])
def test_a_wait_that_fails_leaves_no_event(cuda, stream, runtime, function):
    runtime.gpu.fail[function] = "cudaErrorUnknown"
    with pytest.raises(DeviceError) as caught:
        cuda.wait_for(stream, 1)
    assert str(caught.value) == (f"cuda:1: {function} failed: unknown error (cudaErrorUnknown)")


@pytest.mark.parametrize("function", [*CALLS, "cudaSetDevice", "cudaGetDeviceProperties"])
def test_the_error_of_every_call_is_told(runtime, function):
    cuda = CudaPython(1)
    runtime.gpu.fail[function] = "cudaErrorUnknown"
    use = {
        "cudaSetDevice": CALLS["cudaGetDevice"],
        "cudaGetDeviceProperties": lambda _: CudaPython(1),
    }
    with pytest.raises(DeviceError) as caught:
        {**CALLS, **use}[function](cuda)
    assert str(caught.value) == f"cuda:1: {function} failed: unknown error (cudaErrorUnknown)"


# graphs


@pytest.fixture
def copy(cuda, stream):
    """A copy to the device that can be queued; its source and what arrived."""
    pointer, source, back = cuda.allocate(8), cuda.allocate_pinned(8), cuda.allocate_pinned(8)

    def arrived():
        cuda.copy_to_host(back, pointer, stream)
        cuda.synchronize(stream)
        return back.tolist()

    yield lambda: cuda.copy_to_device(pointer, source, stream), source, arrived
    cuda.free(pointer)
    for array in (source, back):
        cuda.free_pinned(array)


def test_a_graph_does_again_what_was_captured(cuda, stream, runtime, copy):
    queue, source, arrived = copy
    source[:] = 1
    graph = cuda.capture(queue, stream)
    assert arrived() == [255] * 8  # captured, not done
    assert runtime.gpu.live()["graph"] == 0  # only what is launched stays
    for value in (2, 3):
        source[:] = value
        cuda.launch(graph, stream)
        assert arrived() == [value] * 8
    cuda.free_graph(graph)


def test_a_capture_that_fails_inside_is_ended(cuda, stream, copy):
    queue, source, arrived = copy

    def fail():
        queue()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cuda.capture(fail, stream)
    source[:] = 4
    queue()
    assert arrived() == [4] * 8


def test_what_a_capture_forbids_tells_its_own_error(cuda, stream, runtime):
    with pytest.raises(DeviceError) as caught:
        cuda.capture(lambda: cuda.allocate(8), stream)
    assert str(caught.value) == (
        "cuda:1: cudaMalloc failed: operation not permitted when stream is capturing "
        "(cudaErrorStreamCaptureUnsupported)"
    )
    cuda.synchronize(stream)
    runtime.gpu.misuse.clear()


def test_other_threads_may_allocate_during_a_capture(cuda, stream, copy):
    queue, source, arrived = copy

    def elsewhere():
        with cuda.current():
            cuda.free(cuda.allocate(8))

    def enqueue():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(10)
        queue()

    graph = cuda.capture(enqueue, stream)
    source[:] = 5
    cuda.launch(graph, stream)
    assert arrived() == [5] * 8
    cuda.free_graph(graph)


@pytest.mark.parametrize("function", ["cudaStreamEndCapture", "cudaGraphInstantiateWithFlags"])
def test_a_capture_that_cannot_be_finished_leaves_nothing(runtime, function):
    cuda = CudaPython(1)
    with cuda.current():
        stream = cuda.new_stream()
        runtime.gpu.fail[function] = "cudaErrorUnknown"
        with pytest.raises(DeviceError) as caught:
            cuda.capture(lambda: None, stream)
        assert str(caught.value) == f"cuda:1: {function} failed: unknown error (cudaErrorUnknown)"
        runtime.gpu.fail.clear()
        cuda.free_stream(stream)
