"""The TensorRT backends, on stand-ins that have the names and the rules of each version."""

import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from stand_in_engines import VERSIONS, machine_of, rewrite, windows
from tiny_models import answer, ramp, tiny_card

from h2ot_edge._tensorrt import tensorrt_library
from h2ot_edge.backends import open_backend
from h2ot_edge.engine import Engine
from h2ot_edge.engine_file import EngineRecord
from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.errors import (
    DeviceError,
    DeviceUnavailable,
    InputError,
    ModelFileError,
    UsageError,
)

NOTHING = {"device": 0, "pinned": 0, "stream": 0, "event": 0, "graph": 0, "graph execution": 0,
           "TensorRT": 0}  # fmt: skip
KEPT = tiny_card(with_kept=True, batch=2, schedule={1: 5, 2: 3})


@pytest.fixture(params=VERSIONS)
def machine(request, monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, request.param) as made:
        yield made


@pytest.fixture
def orin(monkeypatch, tmp_path):
    """One version, where they do not differ."""
    with machine_of(monkeypatch, tmp_path, devices=2) as made:
        yield made


def message(error, use):
    with pytest.raises(error) as caught:
        use()
    return str(caught.value)


# the same numbers as ONNX Runtime


@pytest.mark.parametrize("mode", ["seq2seq", "seq2frame"])
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_an_engine_lifts_as_its_model_does(machine, mode, batch):
    card = tiny_card(mode=mode, batch=batch)
    path = machine.engine(card, batch=(1, 2, 4))
    keypoints = windows(2, tiny_card(frames=40))
    with Engine.load(path) as engine, Engine.load(machine.onnx(card), threads=1) as model:
        assert (engine.backend, engine.device) == (machine.target, "cuda:0")
        for frames in (1, 9, 26, 40):
            clips = keypoints[:, :frames]
            np.testing.assert_allclose(engine.infer(clips), model.infer(clips), atol=1e-6)
    assert machine.gpu.pageable == 0


def test_an_engine_is_built_for_an_onnx_file_and_kept(machine):
    source, loads = machine.onnx(), []
    keypoints = windows(1, tiny_card())[0]
    for _ in range(2):
        with Engine.load(source, backend=machine.target) as engine:
            loads.append(engine._backend.path)
            np.testing.assert_allclose(
                engine.infer(keypoints), answer(keypoints[None])[0], atol=1e-6
            )
    assert loads[0] == loads[1]
    assert loads[0].is_relative_to(machine.folder / "home" / "engines")
    assert EngineRecord.read(loads[0]).target == machine.target


def test_a_build_takes_its_options(orin):
    build = BuildOptions(batch=(2, 2, 2), optimization_level=1)
    with Engine.load(orin.onnx(), backend="tensorrt", build=build) as engine:
        assert engine._backend.batch_range == (2, 2)
        assert EngineRecord.read(engine._backend.path).options["optimization_level"] == 1


def test_options_of_another_target_are_refused(orin):
    build = BuildOptions(target="tensorrt-rtx")
    assert message(
        UsageError, lambda: Engine.load(orin.onnx(), backend="tensorrt", build=build)
    ) == ("build: options for tensorrt-rtx, the backend is tensorrt")


def test_an_engine_is_not_built_again(orin):
    path = orin.engine()
    assert message(UsageError, lambda: Engine.load(path, build=BuildOptions())) == (
        f"build: {path} is built already; leave it out, or give an ONNX file"
    )


def test_kept_indices_are_int64_with_every_version(machine):
    feed = windows(2, KEPT)
    with machine.load(KEPT) as engine:
        given = engine.run_windows(feed)
        on_device = {spec.name: spec.dtype for spec in engine._backend._loaded.specs[1]}
    assert on_device["kept"] == ("int32" if machine.trt.__version__ == "8.6.1" else "int64")
    np.testing.assert_allclose(given["poses"], answer(feed), atol=1e-6)
    np.testing.assert_array_equal(given["kept"], np.tile([0, 1, 2], (2, 1)), strict=True)


# batches


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_calls_have_as_many_windows_as_the_engine_takes(machine, count):
    card = tiny_card()
    with machine.load(build={"batch": (2, 3, 4)}, max_batch=3, overlap=0) as engine:
        assert engine._backend.batch_range == (2, 4)
        clips = windows(1, tiny_card(frames=count * card.frames))
        bias = np.tile(ramp(card.frames), (count, 1, 1))
        np.testing.assert_allclose(engine.infer(clips), answer(clips, bias), atol=1e-6)
        engine.warmup(1)


@pytest.mark.parametrize("count", [1, 5])
def test_windows_outside_the_range_are_refused(machine, count):
    with machine.load(build={"batch": (2, 3, 4)}) as engine:
        assert message(InputError, lambda: engine.run_windows(windows(count, engine.card))) == (
            f"keypoints: {count} windows, the engine was built for 2 to 4 a call; give as many, or "
            "build it with another --batch"
        )


def test_a_backend_that_is_asked_directly_tells_what_tensorrt_says(orin):
    backend = open_backend(orin.engine(batch=(1, 1, 2)))
    feed = {"keypoints": windows(3, tiny_card())}
    told = message(DeviceError, lambda: backend.run(feed))
    assert told == f"TensorRT cannot take keypoints of shape [3, 9, 17, 3]: {orin.said}"
    assert "satisfyProfile" in told
    backend.close()


def test_a_fixed_batch_is_the_range(machine, monkeypatch):
    # Of a shape that is in no profile, TensorRT's headers promise nothing.
    monkeypatch.setattr(machine.trt.ICudaEngine, "get_tensor_profile_shape", None)
    with machine.load(tiny_card(batch=3)) as engine:
        assert engine._backend.batch_range == (3, 3)
        shape = "float32[3, 9, 17, 3], got float32[2, 9, 17, 3]"
        assert message(InputError, lambda: engine.run_windows(windows(2, engine.card))) == (
            f"keypoints: expected {shape}"
        )


# threads


@pytest.mark.parametrize("contexts", [1, 3])
@pytest.mark.parametrize("cuda_graph", [False, True])
def test_threads_get_what_they_would_get_alone(machine, contexts, cuda_graph):
    feeds = [windows(1 + n % 4, tiny_card(), seed=n) for n in range(48)]
    start = threading.Barrier(8)

    def work(own):
        start.wait(10)
        return [engine.run_windows(feed)["poses"] for feed in own]

    with machine.load(contexts=contexts, cuda_graph=cuda_graph) as engine:
        assert engine._backend.contexts == contexts
        with ThreadPoolExecutor(8) as pool:
            given = list(pool.map(work, [feeds[n::8] for n in range(8)]))
    for number, own in enumerate(given):
        for feed, poses in zip(feeds[number::8], own, strict=True):
            np.testing.assert_allclose(poses, answer(feed), atol=1e-6)


def test_many_calls_at_a_time_through_handles(machine):
    clips = [windows(1, tiny_card(frames=1 + 3 * n), seed=n)[0] for n in range(24)]
    with machine.load(contexts=3) as engine:
        alone = [engine.infer(clip) for clip in clips]
        for expected, handle in zip(alone, map(engine.infer_async, clips), strict=True):
            np.testing.assert_array_equal(handle.result(10), expected)


def test_the_device_of_a_thread_stays(orin):
    with orin.load(device="cuda:1", build={"device": 1}) as engine:
        orin.gpu.device = 0
        engine.infer(windows(1, tiny_card())[0])
        assert orin.gpu.device == 0
        assert {block.device for block in orin.gpu.memory.live("device")} == {1}


# freeing


def test_closing_frees_everything_and_twice_is_once(machine):
    engine = machine.load(contexts=3, cuda_graph=True)
    for count in (1, 2, 2, 2):
        engine.run_windows(windows(count, engine.card))
    live = machine.gpu.live()
    assert (live["stream"], live["graph execution"], live["TensorRT"]) == (3, 1, 5)
    engine.close()
    assert machine.gpu.live() == NOTHING
    engine.close()


def test_what_uses_goes_before_what_is_used(orin, monkeypatch):
    order = []
    for kind in (orin.trt.IExecutionContext, orin.trt.ICudaEngine, orin.trt.Runtime):
        note_end(monkeypatch, kind, order)
    engine = orin.load(contexts=2, cuda_graph=True)
    for _ in range(3):
        engine.run_windows(windows(1, engine.card))
    for name in ("cudaGraphExecDestroy", "cudaStreamDestroy"):
        note_call(orin.cuda, monkeypatch, name, order)
    order.clear()
    engine.close()
    assert order == [
        "cudaGraphExecDestroy", "IExecutionContext", "IExecutionContext",
        "ICudaEngine", "Runtime", "cudaStreamDestroy", "cudaStreamDestroy",
    ]  # fmt: skip


def note_end(monkeypatch, kind, order):
    before = kind.__del__

    def end(self):
        order.append(type(self).__name__)
        before(self)

    monkeypatch.setattr(kind, "__del__", end)


def note_call(module, monkeypatch, name, order):
    before = getattr(module, name)

    def call(*arguments):
        order.append(name)
        return before(*arguments)

    monkeypatch.setattr(module, name, call)


def test_loading_and_closing_again_and_again_leaves_nothing(machine):
    path = machine.engine()
    feed = windows(1, tiny_card())
    for _ in range(50):
        with Engine.load(path, contexts=2) as engine:
            engine.run_windows(feed)
        assert machine.gpu.live() == NOTHING


def test_an_engine_that_nobody_closes_is_freed(machine):
    engine = machine.load()
    engine.run_windows(windows(1, engine.card))
    del engine
    assert machine.gpu.live() == NOTHING


def test_what_cannot_be_freed_by_the_collector_is_logged(orin, caplog):
    engine = orin.load()
    orin.gpu.fail["cudaStreamDestroy"] = "cudaErrorUnknown"
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        del engine
    assert [record.message for record in caplog.records] == [
        "an engine on cuda:0 could not be freed: cuda:0: cudaStreamDestroy failed: unknown error "
        "(cudaErrorUnknown)"
    ]
    orin.gpu.objects["stream"].clear()


def test_one_step_that_fails_keeps_no_other_from_being_freed(orin):
    engine = orin.load(contexts=2)
    engine.run_windows(windows(1, engine.card))
    orin.gpu.fail["cudaFree"] = "cudaErrorUnknown"
    assert message(DeviceError, engine.close) == (
        "cuda:0: cudaFree failed: unknown error (cudaErrorUnknown)"
    )
    assert {**orin.gpu.live(), "device": 0, "pinned": 0} == NOTHING
    orin.gpu.fail.clear()
    for block in orin.gpu.memory.live():
        orin.gpu.memory.free(block.kind, block.address)


@pytest.mark.parametrize(
    ("step", "nth", "error", "doing"),
    [
        ("deserialize_cuda_engine", 1, ModelFileError, "load the engine ({path})"),
        ("create_execution_context", 1, DeviceError, "make a context"),
        ("create_execution_context", 3, DeviceError, "make a context"),
    ],
)
def test_what_fails_while_loading_leaves_nothing(machine, step, nth, error, doing):
    path = machine.engine()
    machine.gpu.fail[step] = ("cudaErrorMemoryAllocation", machine.gpu.calls[step] + nth)
    with pytest.raises(error) as caught:
        Engine.load(path, contexts=3)
    # The traceback is alive, and holds every frame.
    assert machine.gpu.live() == NOTHING
    title = "TensorRT-RTX" if machine.target == "tensorrt-rtx" else "TensorRT"
    assert str(caught.value) == f"{title} cannot {doing.format(path=path)}: {machine.said}"


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_stream_that_cannot_be_made_leaves_nothing(orin, nth):
    path = orin.engine()
    orin.gpu.fail["cudaStreamCreateWithFlags"] = ("cudaErrorUnknown", nth)
    assert message(DeviceError, lambda: Engine.load(path, contexts=3)) == (
        "cuda:0: cudaStreamCreateWithFlags failed: unknown error (cudaErrorUnknown)"
    )
    assert orin.gpu.live() == NOTHING


def test_a_profile_that_is_taken_leaves_nothing(orin, monkeypatch):
    path = orin.engine()
    refuse = lambda *_: False  # noqa: E731
    monkeypatch.setattr(orin.trt.IExecutionContext, "set_optimization_profile_async", refuse)
    tensorrt_library("tensorrt").log.errors.clear()
    with pytest.raises(DeviceError) as caught:
        Engine.load(path, contexts=2)
    assert orin.gpu.live() == NOTHING
    assert str(caught.value) == "TensorRT cannot choose a profile: it gave no reason"


def test_a_graph_that_is_not_as_its_card_says_leaves_nothing(orin):
    path = orin.engine()
    rewrite(path, card=json.loads(tiny_card(channels=2).to_json()))
    assert message(ModelFileError, lambda: Engine.load(path)) == (
        f"{path}: the graph's inputs are keypoints float32[batch, 9, 17, 3], its model card says "
        "keypoints float32[batch, 9, 17, 2]; export the model again"
    )
    assert orin.gpu.live() == NOTHING


AT_EXIT = """
import atexit, sys
from pathlib import Path

atexit.register(lambda: print(machine.gpu.misuse, machine.gpu.live()))
sys.path.insert(0, sys.argv[1])
import pytest
from stand_in_engines import Machine, windows
from tiny_models import tiny_card

machine = Machine(pytest.MonkeyPatch(), Path(sys.argv[2]), "10.3.0")
engine = machine.load(contexts=2, cuda_graph=True)
handles = [engine.infer_async(windows(4, tiny_card())) for _ in range(20)]
"""


def test_an_engine_that_is_open_when_python_ends_is_freed(tmp_path):
    command = [sys.executable, "-c", AT_EXIT]
    ended = subprocess.run(
        [*command, str(Path(__file__).parent), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == (f"[] {NOTHING}\n", "")


def test_the_device_is_the_first_gpu_unless_said(orin):
    with orin.load() as first, orin.load(device="cuda") as same:
        assert (first.device, same.device) == ("cuda:0", "cuda:0")
        assert repr(first) == "<Engine tiny linear, 9 frames seq2seq, tensorrt on cuda:0>"


# without a GPU, for real


def test_tensorrt_rtx_without_a_gpu_says_so(tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx")
    runtime = pytest.importorskip("cuda.bindings.runtime")
    error, _ = runtime.cudaGetDeviceCount()
    if error != runtime.cudaError_t.cudaErrorInsufficientDriver:
        pytest.skip("there is a driver")
    tensorrt_library.cache_clear()
    from tiny_models import save_tiny

    from h2ot_edge.engines.build import build_engine

    path = tmp_path / "tiny.engine"
    source = save_tiny(tmp_path / "tiny.onnx")
    build_engine(source, path, BuildOptions(target="tensorrt-rtx"))
    for load in (
        lambda: Engine.load(path),
        lambda: Engine.load(source, backend="tensorrt-rtx"),
    ):
        assert message(DeviceUnavailable, load) == (
            "cuda:0: CUDA finds no GPU: CUDA driver version is insufficient for CUDA runtime "
            "version (cudaErrorInsufficientDriver); check that a driver is installed and new "
            "enough (nvidia-smi; h2ot-doctor says what is there)"
        )
    tensorrt_library.cache_clear()
