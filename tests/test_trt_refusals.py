"""Engines that are not loaded: damaged, of another machine, without weights, wrong options."""

import hashlib
import sys

import numpy as np
import pytest
from stand_in_engines import VERSIONS, machine_of, rewrite, windows
from tiny_models import answer, ramp, tiny_card

from h2ot_edge._tensorrt import tensorrt_library
from h2ot_edge.engine import Engine
from h2ot_edge.engine_file import sidecar_of
from h2ot_edge.errors import (
    DeviceUnavailable,
    EngineMismatch,
    MissingExtra,
    ModelFileError,
    UnknownName,
    UsageError,
)
from h2ot_edge.system import platform_tag


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


def loaded(machine):
    return [count for count in machine.gpu.live().values() if count]


# engines that do not fit


def test_an_engine_without_its_sidecar_is_refused(orin):
    path = orin.engine()
    sidecar_of(path).unlink()
    assert message(ModelFileError, lambda: Engine.load(path)) == (
        f"{path}: the file tiny.engine.json is missing beside it, so what the engine takes and "
        "gives is unknown; copy it too, or build the engine with h2ot-build"
    )


def test_an_engine_that_is_not_there_is_refused(orin):
    path = orin.folder / "other.engine"
    assert message(ModelFileError, lambda: Engine.load(path)) == (
        f"{path}: no such file; expected an engine from h2ot-build"
    )


def test_a_sidecar_of_an_unknown_target_is_refused(orin):
    path = orin.engine()
    rewrite(path, target="tensorrt-safe")
    assert message(ModelFileError, lambda: Engine.load(path)) == (
        f"{path}.json: not a readable description of an engine (ValueError: target is "
        "'tensorrt-safe'); build the engine again with h2ot-build"
    )


def test_a_damaged_plan_is_refused(machine):
    path = machine.engine()
    plan = path.read_bytes()
    expected = hashlib.sha256(plan).hexdigest()[:12]
    path.write_bytes(plan[:-1])
    found = hashlib.sha256(plan[:-1]).hexdigest()[:12]
    assert message(ModelFileError, lambda: Engine.load(path)) == (
        f"{path}: damaged, or not the engine that tiny.engine.json describes: {len(plan) - 1} "
        f"bytes with sha256 {found}, expected {len(plan)} with {expected}; copy both files again, "
        "or build the engine again"
    )
    assert loaded(machine) == []


def test_a_plan_that_tensorrt_refuses_is_told_in_its_words(machine):
    path = machine.engine()
    plan = path.read_bytes()[:-100]
    path.write_bytes(plan)
    rewrite(path, plan_sha256=hashlib.sha256(plan).hexdigest(), plan_bytes=len(plan))
    told = message(ModelFileError, lambda: Engine.load(path))
    title = "TensorRT-RTX" if machine.target == "tensorrt-rtx" else "TensorRT"
    assert told == f"{title} cannot load the engine ({path}): {machine.said}"
    assert "bufferSize" in told
    assert loaded(machine) == []


def test_an_engine_of_another_gpu_says_which(machine, monkeypatch, tmp_path_factory):
    path = machine.engine()
    folder = tmp_path_factory.mktemp("other")
    version = machine.trt.__version__
    with machine_of(monkeypatch, folder, version, gpu_name="RTX 4090", compute_capability=(8, 9)):
        if machine.target == "tensorrt-rtx":
            Engine.load(path).close()  # it is finished on the GPU that loads it
            return
        assert message(EngineMismatch, lambda: Engine.load(path)) == (
            f"{path}: built for Orin (compute capability 8.7), this is RTX 4090 (compute "
            "capability 8.9); engines run on the kind of GPU that they were built on; build it "
            f"here: h2ot-build MODEL.onnx --target tensorrt -o {path}"
        )


def test_an_engine_of_another_version_says_which(orin, monkeypatch, tmp_path_factory):
    path = orin.engine()
    folder = tmp_path_factory.mktemp("other")
    with machine_of(monkeypatch, folder, "10.16.1.11"):
        assert message(EngineMismatch, lambda: Engine.load(path)) == (
            f"{path}: built with tensorrt 10.3.0, this is TensorRT 10.16.1.11; engines load in the "
            "version that built them only; build it here: h2ot-build MODEL.onnx --target tensorrt "
            f"-o {path}"
        )


@pytest.mark.parametrize(("built", "loads"), [("8.6.1", "10.3.0"), ("10.3.0", "11.4.0.106")])
def test_a_version_compatible_engine_loads_in_the_next_major(
    monkeypatch, tmp_path, tmp_path_factory, built, loads
):
    with machine_of(monkeypatch, tmp_path, built) as first:
        path = first.engine(version_compatible=True)
        with Engine.load(path) as engine:
            engine.infer(windows(1, tiny_card())[0])
    with machine_of(monkeypatch, tmp_path_factory.mktemp("other"), loads), Engine.load(path) as one:
        keypoints = windows(1, tiny_card())[0]
        np.testing.assert_allclose(one.infer(keypoints), answer(keypoints[None])[0], atol=1e-6)


def test_an_engine_of_the_other_library_says_which(orin):
    path = orin.engine()
    rewrite(path, target="tensorrt-rtx")
    assert message(EngineMismatch, lambda: Engine.load(path, backend="tensorrt")) == (
        f"{path}: an engine of tensorrt-rtx, opened with tensorrt; give backend='tensorrt-rtx', or "
        f"build it here: h2ot-build MODEL.onnx --target tensorrt -o {path}"
    )


def test_onnx_runtime_does_not_run_engines(orin):
    path = orin.engine()
    assert message(ModelFileError, lambda: Engine.load(path, backend="onnxruntime")) == (
        f"{path}: ONNX Runtime does not run TensorRT engines; give the .onnx file it was built "
        "from, or leave backend= out"
    )


# weights that were left out

LONG = tiny_card(frames=243, batch=1)  # its bias is large enough to be left out


@pytest.mark.parametrize("version", ["10.3.0", "11.4.0.106"])
def test_weights_are_put_in(monkeypatch, tmp_path, version):
    with machine_of(monkeypatch, tmp_path, version) as machine:
        path = machine.engine(LONG, strip_weights=True)
        keypoints = windows(1, LONG)[0]
        with Engine.load(path, weights=path.with_suffix(".onnx")) as engine:
            np.testing.assert_allclose(
                engine.infer(keypoints), answer(keypoints[None])[0], atol=1e-6
            )


def test_without_weights_they_are_asked_for(orin):
    path = orin.engine(LONG, strip_weights=True)
    assert message(UsageError, lambda: Engine.load(path)) == (
        f"{path}: built without weights (strip_weights); give weights= the ONNX file that it was "
        "built from"
    )
    assert loaded(orin) == []


def test_weights_that_are_there_are_not_given_again(orin):
    path = orin.engine()
    assert message(UsageError, lambda: Engine.load(path, weights=path.with_suffix(".onnx"))) == (
        f"weights: {path} was built with its weights; leave it out"
    )
    assert loaded(orin) == []


def test_other_weights_are_refused(orin):
    path = orin.engine(LONG, strip_weights=True)
    other = orin.onnx(LONG, "other", bias=ramp(243) + 1)
    found, expected = (
        hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        for file in (other, path.with_suffix(".onnx"))
    )
    assert message(ModelFileError, lambda: Engine.load(path, weights=other)) == (
        f"{other}: not the ONNX file that {path} was built from: sha256 {found}, expected "
        f"{expected}; give that one"
    )


def test_weights_that_are_not_there_are_told(orin):
    path = orin.engine(LONG, strip_weights=True)
    missing = orin.folder / "missing.onnx"
    assert message(ModelFileError, lambda: Engine.load(path, weights=missing)) == (
        f"{missing}: no such file; expected the ONNX file that {path} was built from"
    )


# options


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        (
            {"contexts": 0},
            UsageError,
            "contexts: expected at least 1, got 0",
        ),
        (
            {"threads": 2},
            UsageError,
            "threads 2: tensorrt runs on a GPU; leave it out",
        ),
        (
            {"device": "cpu"},
            UsageError,
            "device cpu: tensorrt runs on a GPU; give cuda:0, or backend=onnxruntime",
        ),
        (
            {"device": "cuda:2"},
            DeviceUnavailable,
            "cuda:2: CUDA finds 2 GPUs, numbered from 0; give one of these, and check "
            "CUDA_VISIBLE_DEVICES",
        ),
        (
            {"cuda_graf": True},
            UnknownName,
            "no option of the backend tensorrt 'cuda_graf'; did you mean 'cuda_graph'? "
            "(known: cuda, cuda_graph, contexts, build, weights)",
        ),
        (
            {"cuda": "cudart"},
            UnknownName,
            "no CUDA binding 'cudart'; did you mean 'pycuda'? (known: auto, cuda-python, pycuda)",
        ),
    ],
)
def test_wrong_options_are_refused(orin, options, error, expected):
    path = orin.engine()
    assert message(error, lambda: Engine.load(path, **options)) == expected


def test_a_missing_library_names_its_extra(orin, monkeypatch):
    path = orin.engine()
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    tensorrt_library.cache_clear()
    assert platform_tag() != "jetson"
    assert message(MissingExtra, lambda: Engine.load(path)) == (
        "tensorrt cannot be imported (import of tensorrt halted; None in sys.modules); "
        "pip install 'h2ot-edge[tensorrt]'"
    )
