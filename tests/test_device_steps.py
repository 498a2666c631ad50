"""What `scripts/verify_on_device` tries on a GPU, on a stand-in for TensorRT and CUDA."""

import itertools
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from cuda_stand_in import make_cuda_runtime
from small_networks import FAMILY, options
from tensorrt_stand_in import make_tensorrt
from tiny_models import save_tiny

from h2ot_edge import _tensorrt
from h2ot_edge.benchmarks import latency
from h2ot_edge.benchmarks.bench import run as bench_run
from h2ot_edge.benchmarks.bench.results import check_document
from h2ot_edge.benchmarks.device import Setting, building, running, steps_for
from h2ot_edge.benchmarks.device.setting import NotPossible
from h2ot_edge.benchmarks.millimetres import millimetres_per_unit
from h2ot_edge.cuda import open_cuda
from h2ot_edge.engine import Engine
from h2ot_edge.engines.cache import EngineCache
from h2ot_edge.export import BACKBONES, export_model


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    """A model that tells which three of nine frames it keeps."""
    path = tmp_path_factory.mktemp("keeping") / "small.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        export_model(options(with_kept=True), path)
    return path


@pytest.fixture
def cuda():
    return make_cuda_runtime()


@pytest.fixture
def setting(cuda, tmp_path, monkeypatch):
    """An Orin with TensorRT 10.3, and a tiny model."""
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cuda)
    monkeypatch.setitem(sys.modules, "tensorrt", make_tensorrt("10.3.0", cuda))
    monkeypatch.setenv("H2OT_HOME", str(tmp_path / "home"))
    _tensorrt.tensorrt_library.cache_clear()
    models = {"fp32": str(save_tiny(tmp_path / "tiny.onnx"))}
    yield Setting(folder=tmp_path, models=models, device="cuda:0", rounds=3, calls=5, seconds=0.2)
    _tensorrt.tensorrt_library.cache_clear()
    assert cuda.gpu.misuse == []


@pytest.fixture
def built(setting):
    building.build("tensorrt", "fp32", setting)
    return setting


STEPS = {
    "agree tensorrt fp32": "mean 0 mm, worst 0 mm from float32 on the CPU",
    "profile tensorrt": "",
    "latency tensorrt": "median (p99) in ms: fp32 without graph ",
    "device arrays tensorrt": "device arrays give the same bits as host arrays",
    "threads tensorrt": "12 answers in 4 threads are those of one thread",
    "memory tensorrt": "MiB of GPU and host: (0.0, ",
    "cache tensorrt": "first load ",
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_pass_where_all_is_well(name, built):
    found = steps_for(("fp32",))[name](built)
    assert found.line.startswith(STEPS[name])
    assert found.figures


def test_the_bench_is_in_the_file_that_is_sent_back(built, monkeypatch):
    """What starts processes of its own, in which there is no stand-in, is left out."""
    names = ("import_ms", "load_ms", "first_call_ms", "peak_host_mib", "peak_device_mib")
    monkeypatch.setattr(bench_run, "cold_start", lambda *_, **__: dict.fromkeys(names, 1.0))
    monkeypatch.setattr(latency, "_LONGEST_WARMUP_S", 0.02)
    found = steps_for(("fp32",))["bench tensorrt"](built)
    assert re.fullmatch(r"median \(p99\) in ms: fp32\.tensorrt [\d.]+ \([\d.]+\)", found.line), (
        found.line
    )
    check_document(found.figures, "the file")
    whats = {
        row["id"].removeprefix("fp32.tensorrt/tensorrt/cuda:0/all/")
        for row in found.figures["rows"]
    }
    assert whats == {"cold", "multi", "offline", "operators", "stream-30hz-1", *SINGLE}
    assert str(built.folder) not in json.dumps(found.figures)


SINGLE = {f"single-{boundary}" for boundary in ("model", "host", "end_to_end")}


def test_a_plan_runs_in_trtexec(built, monkeypatch):
    tool = built.folder / "trtexec"
    tool.write_text('#!/bin/sh\necho "&&&& $*"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{built.folder}:/bin:/usr/bin")
    found = building.trtexec(built)
    assert found.line == "trtexec runs the engine"
    plan = built.engine("tensorrt", "fp32")
    assert found.figures == {"log": [f"&&&& --loadEngine={plan} --iterations=10"]}
    tool.write_text("#!/bin/sh\necho oh no >&2\nexit 3\n")
    with pytest.raises(AssertionError) as error:
        building.trtexec(built)
    assert str(error.value) == "trtexec ends with status 3: oh no"


def test_frames_that_are_kept_are_compared(keeping, setting):
    one = replace(setting, models={"fp32": str(keeping)})
    building.build("tensorrt", "fp32", one)
    found = running.agree("tensorrt", "fp32", one)
    assert found.line.endswith("; 0 of 24 kept frames differ")
    assert (found.figures["kept"], found.figures["kept_differ"]) == (24, 0)


# what fails


def test_poses_that_are_far_off_fail(built):
    bias = np.zeros((9, 1, 3), np.float32)
    other = save_tiny(built.folder / "other.onnx", bias=bias)
    with pytest.raises(AssertionError) as error:
        running.agree("tensorrt", "fp32", replace(built, models={"fp32": str(other)}))
    assert re.fullmatch(
        r"mean \d+(\.\d+)? mm, worst 80 mm from float32 on the CPU; expected 0\.5 mm on average "
        "or less",
        str(error.value),
    )


def test_without_a_unit_a_torso_is_half_a_metre():
    poses = np.zeros((2, 17, 3))
    poses[:, 8] = 0, 3, 4
    assert millimetres_per_unit(poses, "normalised") == 100
    assert millimetres_per_unit(poses, "m") == 1000


def test_memory_that_is_not_given_back_is_noticed(setting, cuda):
    device = open_cuda("cuda-python")
    kept = []

    def call():
        with device.current():
            kept.append(device.allocate(1 << 20))

    gpu, _ = running._lost_mib(device, call, 5)
    assert gpu == 5.0
    with device.current():
        for pointer in kept:
            device.free(pointer)


def test_memory_that_is_lost_fails(built, monkeypatch):
    monkeypatch.setattr(running, "_lost_mib", lambda *_: (64.0, 0.0))
    with pytest.raises(AssertionError) as error:
        running.memory("tensorrt", built)
    assert str(error.value) == (
        "MiB of GPU and host: (64.0, 0.0) by 5 calls, (64.0, 0.0) by 20 loads; expected 32 each "
        "or less"
    )


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_engine_that_is_not_kept_fails(setting, monkeypatch, when):
    load = Engine.load

    def clear():
        for entry in EngineCache().entries():
            entry.remove()

    def forgetful(*args, **options):
        if when == "before":
            clear()
        engine = load(*args, **options)
        if when == "after":
            clear()
        return engine

    monkeypatch.setattr(Engine, "load", forgetful)
    with pytest.raises(AssertionError) as error:
        building.cache("tensorrt", setting)
    assert re.fullmatch(
        r"first load [\d.]+ s, second [\d.]+ s; expected the second load to find what the first "
        "one built",
        str(error.value),
    )


def test_answers_that_change_in_threads_fail(built, monkeypatch):
    answers = itertools.count()
    monkeypatch.setattr(running, "_poses", lambda engine, window: np.array(next(answers)))
    with pytest.raises(AssertionError) as error:
        running.threads("tensorrt", built)
    assert str(error.value) == "12 of 12 answers were not those of one thread"


# what is not possible


def test_int8_is_not_possible_with_tensorrt_8(setting, cuda, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", make_tensorrt("8.6.1", cuda))
    _tensorrt.tensorrt_library.cache_clear()
    with pytest.raises(NotPossible) as error:
        building.build("tensorrt", "int8", setting)
    assert str(error.value) == "TensorRT 8 does not take the float16 scales of int8 models"


def test_an_engine_of_another_precision_is_missed(built):
    with pytest.raises(NotPossible) as error:
        running.agree("tensorrt", "fp16", built)
    assert str(error.value) == "no fp16 engine of tensorrt was built"


def test_without_trtexec_it_is_looked_for_in_two_places(built, monkeypatch):
    monkeypatch.setenv("PATH", str(built.folder))
    with pytest.raises(NotPossible) as error:
        building.trtexec(built)
    assert str(error.value) == (
        "there is no trtexec, neither on the path nor in /usr/src/tensorrt/bin"
    )
