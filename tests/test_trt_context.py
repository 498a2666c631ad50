"""What a context of TensorRT does call by call: graphs, buffers, failures in the middle."""

import gc
import sys
import threading

import numpy as np
import pytest
from stand_in_engines import VERSIONS, machine_of, windows
from tiny_models import answer, tiny_card

from h2ot_edge.errors import DeviceError

CARD = tiny_card()
UNKNOWN = "unknown error (cudaErrorUnknown)"
COPIES = "cudaMemcpyAsync"


@pytest.fixture(params=VERSIONS)
def machine(request, monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, request.param) as made:
        yield made


@pytest.fixture
def orin(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path) as made:
        yield made


def check(engine, count=2, seed=0):
    """One call, on windows that no call before has had."""
    feed = windows(count, CARD, seed)
    np.testing.assert_allclose(engine.run_windows(feed)["poses"], answer(feed), atol=1e-6)


def graphs_of(machine):
    """Graphs that were launched, captured, and are alive."""
    calls = machine.gpu.calls
    return (
        calls["cudaGraphLaunch"],
        calls["cudaStreamBeginCapture"],
        machine.gpu.live()["graph execution"],
    )


# graphs


def test_a_call_is_captured_when_it_is_repeated_and_replayed_after(machine):
    with machine.load(cuda_graph=True) as engine:
        seen = []
        for call in range(5):
            check(engine, seed=call)
            seen.append(graphs_of(machine))
    assert seen == [(0, 0, 0), (0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 1, 1)]
    # Those of the first two calls, and the one that was captured.
    assert machine.gpu.calls["execute_async_v3"] == 3


def test_another_shape_forgets_the_graph(machine):
    with machine.load(cuda_graph=True) as engine:
        seen = []
        for call, count in enumerate((2, 2, 2, 3, 2, 2, 2)):
            check(engine, count, seed=call)
            seen.append(graphs_of(machine))
    assert seen == [
        (0, 0, 0), (0, 1, 1), (1, 1, 1), (1, 1, 0), (1, 1, 0), (1, 2, 1), (2, 2, 1),
    ]  # fmt: skip


def test_larger_buffers_forget_the_graph(orin):
    with orin.load(cuda_graph=True) as engine:
        for call, count in enumerate((1, 1, 1, 4, 4, 4, 1, 1, 1)):
            check(engine, count, seed=call)
        assert graphs_of(orin) == (3, 3, 1)


def test_without_the_option_nothing_is_captured(orin):
    with orin.load() as engine:
        for call in range(4):
            check(engine, seed=call)
        assert graphs_of(orin) == (0, 0, 0)


def test_every_context_has_a_graph_of_its_own(orin):
    start = threading.Barrier(2)
    with orin.load(cuda_graph=True, contexts=2) as engine:
        contexts = engine._backend._loaded._contexts
        feeds = [windows(2, CARD, seed) for seed in range(2)]

        def work(number):
            start.wait(10)
            for _ in range(3):
                given[number] = contexts[number].run({"keypoints": feeds[number]})["poses"]

        given = [None, None]
        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        for feed, poses in zip(feeds, given, strict=True):
            np.testing.assert_allclose(poses, answer(feed), atol=1e-6)
        assert graphs_of(orin) == (2, 2, 2)


@pytest.mark.parametrize(
    "function",
    ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiateWithFlags"],
)
def test_what_cannot_be_captured_says_what_to_leave_out(orin, function):
    with orin.load(cuda_graph=True) as engine:
        check(engine)
        fail_once(orin, function)
        with pytest.raises(DeviceError) as caught:
            check(engine)
        assert str(caught.value) == (
            "cuda_graph: the engine cannot be captured as a graph: "
            f"cuda:0: {function} failed: {UNKNOWN}; leave cuda_graph out"
        )
        for call in range(3):
            check(engine, seed=call)
        assert graphs_of(orin)[0] == 1


def test_an_engine_that_refuses_to_be_captured_is_told(orin, monkeypatch):
    refuse = lambda *_: False  # noqa: E731
    with orin.load(cuda_graph=True) as engine:
        check(engine)
        monkeypatch.setattr(orin.trt.IExecutionContext, "_may_capture", refuse)
        for _ in range(2):
            check_first_of_two(engine, orin)
        monkeypatch.undo()


def check_first_of_two(engine, orin):
    with pytest.raises(DeviceError) as caught:
        check(engine)
    assert str(caught.value).startswith(
        "cuda_graph: the engine cannot be captured as a graph: TensorRT cannot run the engine: "
    )
    assert orin.gpu.live()["graph"] == 0
    check(engine)  # the first of its shape again


# buffers


def test_buffers_grow_and_stay(orin):
    with orin.load() as engine:
        sizes = []
        for count in (1, 3, 2, 8, 1):
            check(engine, count, seed=count)
            live = orin.gpu.live()
            assert live["pinned"] == 2
            sizes.append(sorted(block.size for block in orin.gpu.memory.live("pinned")))
    window = 9 * 17 * 3 * 4
    assert sizes == [[count * window] * 2 for count in (1, 3, 3, 8, 8)]


def test_a_call_copies_each_tensor_once(orin):
    with orin.load() as engine:
        check(engine)
        before = orin.gpu.calls.copy()
        check(engine)
        after = orin.gpu.calls
        assert after[COPIES] - before[COPIES] == 2
        assert orin.gpu.pageable == 0
        for function in ("cudaMalloc", "cudaHostAlloc", "cudaFree", "cudaFreeHost"):
            assert after[function] == before[function]


def test_what_is_given_is_the_callers(orin):
    with orin.load() as engine:
        feed = windows(2, CARD)
        first = engine.run_windows(feed)["poses"]
        kept = first.copy()
        check(engine, seed=1)
        np.testing.assert_array_equal(first, kept)
        assert first.flags.writeable


def test_windows_need_not_be_contiguous(orin):
    with orin.load() as engine:
        feed = windows(4, CARD)[::2]
        np.testing.assert_allclose(engine.run_windows(feed)["poses"], answer(feed), atol=1e-6)


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_thousands_of_calls_leave_nothing(orin, cuda_graph):
    feed = windows(1, CARD)
    expected = answer(feed)
    with orin.load(cuda_graph=cuda_graph) as engine:
        for _ in range(3):
            engine.run_windows(feed)
        gc.collect()
        before, blocks = orin.gpu.live(), sys.getallocatedblocks()
        for _ in range(5000):
            poses = engine.run_windows(feed)["poses"]
        np.testing.assert_allclose(poses, expected, atol=1e-6)
        gc.collect()
        assert orin.gpu.live() == before
        assert sys.getallocatedblocks() - blocks < 500


# failures in the middle of a call


@pytest.mark.parametrize(
    ("function", "nth"),
    [(COPIES, 1), (COPIES, 2), ("cudaStreamSynchronize", 1), ("cudaMalloc", 1), ("cudaMalloc", 2),
     ("cudaHostAlloc", 1), ("cudaHostAlloc", 2)],
)  # fmt: skip
@pytest.mark.parametrize("cuda_graph", [False, True])
def test_after_a_failure_the_context_is_as_good_as_new(orin, function, nth, cuda_graph):
    with orin.load(cuda_graph=cuda_graph) as engine:
        for call in range(3):
            check(engine, 1, seed=call)
        fail_once(orin, function, nth)
        with pytest.raises(DeviceError) as caught:
            check(engine, 5)
        assert str(caught.value) == f"cuda:0: {function} failed: {UNKNOWN}"
        assert all(not stream.work for stream in orin.gpu.objects["stream"].values())
        for call in range(3):
            check(engine, 5, seed=call)


def fail_once(machine, function, nth=1):
    """Let one call fail, the `nth` from now on; what it was to make is not there."""
    real, left = getattr(machine.cuda, function), [nth]
    undo = {
        "cudaMalloc": machine.cuda.cudaFree,
        "cudaHostAlloc": machine.cuda.cudaFreeHost,
        "cudaStreamEndCapture": machine.cuda.cudaGraphDestroy,
        "cudaGraphInstantiateWithFlags": machine.cuda.cudaGraphExecDestroy,
    }

    def call(*arguments):
        left[0] -= 1
        if left[0]:
            return real(*arguments)
        setattr(machine.cuda, function, real)
        if function in undo:
            undo[function](real(*arguments)[1])
        return machine.cuda.cudaError_t.cudaErrorUnknown, *[None] * (function in undo)

    setattr(machine.cuda, function, call)


def test_an_engine_that_fails_to_run_says_what_tensorrt_says(machine, monkeypatch):
    with machine.load() as engine:
        check(engine)
        execute = machine.trt.IExecutionContext.execute_async_v3

        def fail(self, stream):
            self._complain("enqueueV3", "no kernel", "Internal Error", 2)
            return False

        monkeypatch.setattr(machine.trt.IExecutionContext, "execute_async_v3", fail)
        with pytest.raises(DeviceError) as caught:
            check(engine)
        title = "TensorRT-RTX" if machine.target == "tensorrt-rtx" else "TensorRT"
        assert str(caught.value) == f"{title} cannot run the engine: {machine.said}"
        assert "no kernel" in machine.said
        monkeypatch.setattr(machine.trt.IExecutionContext, "execute_async_v3", execute)
        check(engine)


def test_an_interrupt_leaves_nothing_in_the_stream(orin, monkeypatch):
    with orin.load() as engine:
        check(engine)
        copy = engine._backend.cuda.copy_to_host

        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(engine._backend.cuda, "copy_to_host", interrupt)
        with pytest.raises(KeyboardInterrupt):
            check(engine)
        assert all(not stream.work for stream in orin.gpu.objects["stream"].values())
        monkeypatch.setattr(engine._backend.cuda, "copy_to_host", copy)
        check(engine)


def test_a_broken_device_is_told_by_its_first_error(orin):
    engine = orin.load()
    check(engine)
    orin.gpu.sticky = "cudaErrorIllegalAddress"
    address = "an illegal memory access was encountered (cudaErrorIllegalAddress)"
    with pytest.raises(DeviceError) as caught:
        check(engine)
    assert str(caught.value) == f"cuda:0: cudaGetDevice failed: {address}"
    with pytest.raises(DeviceError) as caught:
        engine.close()
    assert str(caught.value) == f"cuda:0: cudaGetDevice failed: {address}"
    orin.gpu.sticky = None
    engine._backend._loaded.close()


def test_the_first_error_leaves_a_with_block(orin):
    fail_once(orin, COPIES)
    orin.gpu.fail["cudaStreamDestroy"] = "cudaErrorUnknown"
    with pytest.raises(DeviceError) as caught, orin.load() as engine:
        check(engine)
    assert str(caught.value) == f"cuda:0: {COPIES} failed: {UNKNOWN}"
    assert caught.value.__context__ is None
    with pytest.raises(DeviceError) as caught, orin.load() as engine:
        check(engine)
    assert str(caught.value) == f"cuda:0: cudaStreamDestroy failed: {UNKNOWN}"
    orin.gpu.objects["stream"].clear()


def test_too_little_memory_for_a_call_is_told(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, memory=20_000) as machine, machine.load() as engine:
        check(engine, 1)
        with pytest.raises(DeviceError) as caught:
            check(engine, 8)
        assert str(caught.value) == (
            "cuda:0: cudaMalloc failed: out of memory (cudaErrorMemoryAllocation)"
        )
        check(engine, 1)


# telling of layers


def test_layers_are_told_to_a_profiler(machine):
    told = []

    class Profiler(machine.trt.IProfiler):
        def __init__(self):
            super().__init__()

        def report_layer_time(self, layer_name, ms):
            told.append(layer_name)

    with machine.load(build={"layer_details": True}) as engine:
        engine._backend.profiled({"keypoints": windows(1, CARD)}, Profiler())
        assert "Layers" in engine._backend.layer_information()
    assert told
