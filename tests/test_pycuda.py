"""CUDA through PyCUDA: the app's context is shared, and left as it was."""

import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from pycuda_stand_in import make_pycuda
from stand_in_engines import machine_of, windows
from tiny_models import answer, tiny_card

from h2ot_edge.cuda import Gpu, open_cuda
from h2ot_edge.cuda.arrays import DeviceArray
from h2ot_edge.cuda.pycuda_ import PyCuda
from h2ot_edge.engine import Engine
from h2ot_edge.errors import DeviceError, DeviceUnavailable, UsageError

NO_GRAPHS = "cuda_graph: PyCUDA cannot capture graphs; use cuda='cuda-python', or leave it out"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, memory=1 << 20, devices=2) as made:
        for name, module in make_pycuda(made.cuda).items():
            monkeypatch.setitem(sys.modules, name, module)
        yield made
        assert "pycuda.autoinit" not in sys.modules


@pytest.fixture
def driver(machine):
    return sys.modules["pycuda.driver"]


@pytest.fixture
def app(driver):
    """The context of an app, on device 1."""
    driver.init()
    context = driver.Device(1).make_context()
    yield context
    assert driver.Context.get_current() is context
    context.pop()


def owners(machine, kind):
    return {made.context for made in machine.gpu.objects[kind].values()}


# which binding


def test_auto_is_pycuda_where_the_app_has_a_context(app):
    assert open_cuda(device=1).binding == "pycuda"
    assert open_cuda("cuda-python", 1).binding == "cuda-python"


def test_auto_is_cuda_python_where_pycuda_is_only_imported(driver):
    assert open_cuda(device=1).binding == "cuda-python"


def test_auto_is_pycuda_where_it_is_alone(driver, monkeypatch):
    for name in ("cuda.bindings.runtime", "cuda.cudart"):
        monkeypatch.setitem(sys.modules, name, None)
    cuda = open_cuda(device=1)
    assert (cuda.binding, cuda.device, cuda.has_graphs) == ("pycuda", 1, False)


# contexts


def test_the_apps_context_is_shared(app, machine):
    cuda = PyCuda(1)
    with cuda.current():
        stream = cuda.new_stream()
        assert owners(machine, "stream") == {app._name}
        cuda.free_stream(stream)


def test_without_one_it_is_the_primary_one(driver, machine):
    cuda = PyCuda(1)
    with cuda.current():
        assert machine.gpu.device == 1
        stream = cuda.new_stream()
        assert owners(machine, "stream") == {"primary"}
        cuda.free_stream(stream)
    assert driver.Context.get_current() is None


def test_the_primary_context_is_retained_once(driver):
    assert PyCuda(1)._context is PyCuda(1)._context
    assert PyCuda(0)._context is not PyCuda(1)._context


def test_a_context_on_another_device_is_refused(app):
    with pytest.raises(UsageError) as caught:
        PyCuda(0)
    assert str(caught.value) == (
        "cuda:0: the app's PyCUDA context is on Orin at 0000:01:00.0, another device; load the "
        "model on that one, or pop the context before"
    )


@pytest.mark.parametrize("device", [2, 7])
def test_a_number_too_high_is_refused(driver, device):
    with pytest.raises(DeviceUnavailable) as caught:
        PyCuda(device)
    assert str(caught.value) == (
        f"cuda:{device}: CUDA finds 2 GPUs, numbered from 0; give one of these, and check "
        "CUDA_VISIBLE_DEVICES"
    )


def test_without_a_driver_it_says_so(driver, machine):
    machine.gpu.fail["cuInit"] = "cudaErrorNoDevice"
    with pytest.raises(DeviceUnavailable) as caught:
        PyCuda(0)
    assert str(caught.value) == (
        "cuda:0: PyCUDA cannot start: cuInit failed: no CUDA-capable device is detected; check "
        "that a driver is installed and new enough (nvidia-smi; h2ot-doctor says what is there)"
    )


def test_the_device_is_described(app):
    cuda = PyCuda(1)
    assert cuda.gpu == Gpu("Orin", "8.7", 1 << 20)
    assert cuda.runtime_version == "12.6"


def test_every_thread_gets_its_context_back(driver, app):
    cuda, seen = PyCuda(1), []

    def work():
        with cuda.current(), suppress(ZeroDivisionError), cuda.current():
            seen.append(driver.Context.get_current())
            raise ZeroDivisionError
        seen.append(driver.Context.get_current())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [app, None]


def test_a_context_that_is_gone_is_told(driver, machine, app):
    cuda = PyCuda(1)
    machine.gpu.fail["cuCtxPushCurrent"] = "cudaErrorInvalidDevice"
    with pytest.raises(DeviceError) as caught, cuda.current():
        pass
    assert str(caught.value) == (
        "cuda:1: PyCUDA cannot take the context: cuCtxPushCurrent failed: invalid device ordinal"
    )


# memory and streams


def test_bytes_go_there_and_back(app, machine):
    cuda, values = PyCuda(1), np.arange(12, dtype=np.float32).reshape(3, 4)
    with cuda.current():
        stream = cuda.new_stream()
        assert machine.gpu.objects["stream"][stream].flags == 1
        pointer, pinned = cuda.allocate(values.nbytes), cuda.allocate_pinned(values.nbytes)
        assert (pinned.dtype, pinned.shape) == (np.uint8, (48,))
        staged = pinned.view(np.float32).reshape(3, 4)
        staged[...] = values
        cuda.copy_to_device(pointer, staged, stream)
        cuda.synchronize(stream)
        staged[...] = 0
        cuda.copy_to_host(staged, pointer, stream)
        cuda.synchronize(stream)
        np.testing.assert_array_equal(staged, values)
        assert cuda.memory() == ((1 << 20) - 48, 1 << 20)
        cuda.free(pointer)
        cuda.free_pinned(pinned)
        cuda.free_stream(stream)
        assert cuda.memory() == (1 << 20, 1 << 20)
    assert machine.gpu.leaks() == []
    assert machine.gpu.pageable == 0


def test_it_waits_for_streams_of_others(app):
    cuda = PyCuda(1)
    with cuda.current():
        stream, other = cuda.new_stream(), cuda.new_stream()
        pointer, pinned = cuda.allocate(8), cuda.allocate_pinned(8)
        pinned[:] = 7
        cuda.copy_to_device(pointer, pinned, other)
        cuda.wait_for(stream, 0xABC)  # no stream of PyCUDA's
        pinned[:] = 0
        cuda.copy_to_host(pinned, pointer, stream)
        cuda.synchronize(stream)
        assert pinned.tolist() == [7] * 8
        cuda.free(pointer)
        cuda.free_pinned(pinned)
        cuda.free_stream(stream)
        cuda.free_stream(other)


CALLS = {
    "cuMemAlloc": ("allocate 4 bytes", lambda cuda, _: cuda.allocate(4)),
    "cuMemHostAlloc": ("allocate 4 bytes on the host", lambda cuda, _: cuda.allocate_pinned(4)),
    "cuStreamCreate": ("make a stream", lambda cuda, _: cuda.new_stream()),
    "cuStreamSynchronize": ("run what is queued", lambda cuda, made: cuda.synchronize(made[0])),
    "cuMemcpyHtoDAsync": (
        "copy to the device",
        lambda cuda, made: cuda.copy_to_device(made[1], made[2], made[0]),
    ),
    "cuMemcpyDtoHAsync": (
        "copy to the host",
        lambda cuda, made: cuda.copy_to_host(made[2], made[1], made[0]),
    ),
    "cuCtxSynchronize": ("wait for another stream", lambda cuda, made: cuda.wait_for(made[0], 1)),
    "cuMemGetInfo": ("ask for its memory", lambda cuda, _: cuda.memory()),
}


@pytest.mark.parametrize("routine", CALLS)
def test_the_error_of_every_call_is_told(app, machine, routine):
    doing, use = CALLS[routine]
    cuda = PyCuda(1)
    with cuda.current():
        made = cuda.new_stream(), cuda.allocate(8), cuda.allocate_pinned(8)
        machine.gpu.fail[routine] = "cudaErrorMemoryAllocation"
        with pytest.raises(DeviceError) as caught:
            use(cuda, made)
        machine.gpu.fail.clear()
        cuda.free_stream(made[0])
        cuda.free(made[1])
        cuda.free_pinned(made[2])
    assert str(caught.value) == f"cuda:1: PyCUDA cannot {doing}: {routine} failed: out of memory"


@pytest.mark.parametrize(
    "use",
    [
        lambda cuda: cuda.capture(lambda: None, 1),
        lambda cuda: cuda.launch(1, 1),
        lambda cuda: cuda.free_graph(1),
    ],
)
def test_graphs_are_refused(app, use):
    with pytest.raises(UsageError) as caught:
        use(PyCuda(1))
    assert str(caught.value) == NO_GRAPHS


# engines


@pytest.mark.parametrize("version", ["10.3.0"])
def test_an_engine_runs_in_the_apps_context(machine, app, driver, version):
    path = machine.engine(device=1)
    feed = windows(2, tiny_card())
    with Engine.load(path, device="cuda:1", contexts=2) as engine:
        assert engine._backend.cuda.binding == "pycuda"
        with ThreadPoolExecutor(4) as pool:
            given = list(pool.map(engine.run_windows, [feed] * 16))
        assert owners(machine, "stream") == {app._name}
        assert driver.Context.get_current() is app
    for poses in given:
        np.testing.assert_allclose(poses["poses"], answer(feed), atol=1e-6)
    assert machine.gpu.leaks() == []


def test_an_engine_that_nobody_closes_is_freed_in_its_context(machine, app):
    engine = Engine.load(machine.engine(device=1), device="cuda:1")
    engine.run_windows(windows(1, tiny_card()))

    def forget():
        nonlocal engine
        engine = None
        gc.collect()

    thread = threading.Thread(target=forget)  # where no context is current
    thread.start()
    thread.join(10)
    assert machine.gpu.leaks() == []


def test_arrays_of_the_app_are_taken_where_they_are(machine, app):
    with Engine.load(machine.engine(device=1), device="cuda:1") as engine:
        cuda = engine._backend.cuda
        feed = windows(1, tiny_card())
        array = DeviceArray.allocate(cuda, feed.shape, np.float32)
        with cuda.current():
            stream, pinned = cuda.new_stream(), cuda.allocate_pinned(feed.nbytes)
            pinned.view(np.float32)[:] = feed.ravel()
            cuda.copy_to_device(array.ptr, pinned, stream)
        array.ready_stream = stream
        poses = engine.infer(array)
        np.testing.assert_allclose(poses.to_numpy(), answer(feed), atol=1e-6)
        with cuda.current():
            cuda.free_pinned(pinned)
            cuda.free_stream(stream)
        del array, poses


@pytest.mark.parametrize("cuda", ["auto", "pycuda"])
def test_graphs_are_refused_when_loading(machine, app, cuda):
    path = machine.engine(device=1)
    with pytest.raises(UsageError) as caught:
        Engine.load(path, device="cuda:1", cuda=cuda, cuda_graph=True)
    assert str(caught.value) == (
        "cuda_graph: pycuda cannot capture graphs; use cuda='cuda-python', or leave it out"
    )
