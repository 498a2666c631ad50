"""The registry of backends, and ONNX Runtime behind it."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from tiny_models import answer, save_tiny, tiny_card

from h2ot_edge.backends import checked_device, open_backend, resolve_backend
from h2ot_edge.backends.ort_providers import folder_of_libraries, not_started
from h2ot_edge.errors import (
    DeviceUnavailable,
    InputError,
    MissingExtra,
    ModelFileError,
    UnknownName,
    UsageError,
)
from h2ot_edge.spec import TensorSpec, check_feed

PROVIDERS = onnxruntime.get_available_providers()


def windows(batch, card):
    shape = (batch, card.frames, 17, card.channels)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def test_a_model_gives_its_known_answer(tmp_path):
    card = tiny_card()
    backend = open_backend(save_tiny(tmp_path / "tiny.onnx", card), threads=1)
    assert (backend.name, backend.device) == ("onnxruntime", "cpu")
    feed = windows(3, card)
    given = backend.run({"keypoints": feed})
    assert given.keys() == {"poses"}
    np.testing.assert_allclose(given["poses"], answer(feed), atol=1e-6)


def test_a_backend_tells_its_tensors(tmp_path):
    card = tiny_card(with_kept=True, batch=2, schedule={1: 3})
    backend = open_backend(save_tiny(tmp_path / "tiny.onnx", card))
    assert backend.inputs == (TensorSpec("keypoints", "float32", (2, 9, 17, 3)),)
    assert backend.outputs == (
        TensorSpec("poses", "float32", (2, 9, 17, 3)),
        TensorSpec("kept", "int64", (2, 3)),
    )


def test_a_free_batch_is_none(tmp_path):
    backend = open_backend(save_tiny(tmp_path / "tiny.onnx"))
    assert backend.inputs == (TensorSpec("keypoints", "float32", (None, 9, 17, 3)),)


def test_closing_twice_is_closing(tmp_path):
    backend = open_backend(save_tiny(tmp_path / "tiny.onnx"))
    backend.close()
    backend.close()


def test_an_onnx_file_goes_to_onnxruntime():
    assert resolve_backend("a.onnx") == resolve_backend("A.ONNX") == "onnxruntime"
    assert resolve_backend("a.bin", "onnxruntime") == "onnxruntime"


@pytest.mark.parametrize("suffix", ["engine", "plan", "trt"])
def test_tensorrt_engines_go_to_tensorrt_only(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(ModelFileError) as caught:
        resolve_backend(path, "onnxruntime")
    assert str(caught.value) == (
        f"{path}: ONNX Runtime does not run TensorRT engines; give the .onnx file it was built "
        "from, or leave backend= out"
    )
    assert resolve_backend(path, "tensorrt-rtx") == "tensorrt-rtx"
    with pytest.raises(ModelFileError) as caught:
        resolve_backend(path)
    assert str(caught.value) == f"{path}: no such file; expected an engine from h2ot-build"


def test_an_unknown_suffix_is_refused():
    with pytest.raises(ModelFileError) as caught:
        resolve_backend("model.pth")
    assert str(caught.value) == (
        "model.pth: no backend is known for the suffix '.pth'; expected .onnx or .engine, or pass "
        "backend="
    )


def test_an_unknown_backend_has_a_near_miss():
    with pytest.raises(UnknownName) as caught:
        open_backend("a.onnx", backend="onnxruntim")
    assert str(caught.value) == (
        "no backend 'onnxruntim'; did you mean 'onnxruntime'? "
        "(known: auto, onnxruntime, tensorrt, tensorrt-rtx)"
    )


@pytest.mark.parametrize(
    ("device", "expected"), [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:3", "cuda:3")]
)
def test_devices(device, expected):
    assert checked_device(device) == expected


@pytest.mark.parametrize(
    ("device", "hint"),
    [
        ("gpu", "; did you mean 'cpu'?"),
        ("CUDA:0", ""),
        ("cuda:x", "; did you mean 'cuda:0'?"),
        ("cuda:", "; did you mean 'cuda:0'?"),
        ("", ""),
    ],
)
def test_an_unknown_device_has_a_near_miss(device, hint):
    with pytest.raises(UnknownName) as caught:
        checked_device(device)
    assert str(caught.value) == f"no device {device!r}{hint} (known: cpu, cuda, cuda:0)"


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_below_one_are_refused(threads):
    with pytest.raises(UsageError) as caught:
        open_backend("a.onnx", threads=threads)
    assert str(caught.value) == f"threads: expected at least 1, got {threads}"


@pytest.mark.skipif("CUDAExecutionProvider" in PROVIDERS, reason="ONNX Runtime is built for CUDA")
def test_a_build_without_cuda_is_told_with_the_repair(tmp_path):
    with pytest.raises(DeviceUnavailable) as caught:
        open_backend(save_tiny(tmp_path / "tiny.onnx"), device="cuda:1")
    assert str(caught.value) == (
        "cuda:1: needs ONNX Runtime's CUDAExecutionProvider, this build has "
        f"{', '.join(PROVIDERS)}; the CPU and GPU wheels overwrite each other: pip uninstall "
        "onnxruntime onnxruntime-gpu, then pip install 'h2ot-edge[ort-gpu]'"
    )


@pytest.mark.skipif("CUDAExecutionProvider" not in PROVIDERS, reason="needs onnxruntime-gpu")
def test_a_gpu_that_is_not_there_is_no_reason_to_use_the_cpu(tmp_path):
    with pytest.raises(DeviceUnavailable) as caught:
        open_backend(save_tiny(tmp_path / "tiny.onnx"), device="cuda:63")
    where = (folder_of_libraries(onnxruntime), "CUDAExecutionProvider", "cuda:63")
    said = str(caught.value.__cause__)
    assert str(caught.value) in (str(not_started(*where)), str(not_started(*where, said)))


def test_a_missing_library_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # what Python itself uses for "not there"
    with pytest.raises(MissingExtra) as caught:
        open_backend(save_tiny(tmp_path / "tiny.onnx"))
    assert str(caught.value) == (
        "onnxruntime cannot be imported (import of onnxruntime halted; None in sys.modules); "
        "pip install 'h2ot-edge[ort]'"
    )


def test_a_graph_that_cannot_be_loaded_is_told_in_one_place(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx")
    model = onnx.load(path)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, path)
    with pytest.raises(ModelFileError) as caught:
        open_backend(path)
    cause = caught.value.__cause__
    assert "NoSuchOperator" in str(cause)
    assert str(caught.value) == f"{path}: ONNX Runtime cannot load the model: {cause}"


def test_a_graph_that_cannot_be_run_is_told_in_one_place(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx", tiny_card(mode="seq2frame"), centre=9)
    backend = open_backend(path)
    with pytest.raises(ModelFileError) as caught:
        backend.run({"keypoints": windows(1, tiny_card())})
    cause = caught.value.__cause__
    assert "out of" in str(cause)
    assert str(caught.value) == f"{path}: ONNX Runtime cannot run the model: {cause}"


def test_threads_are_those_asked_for(tmp_path):
    backend = open_backend(save_tiny(tmp_path / "tiny.onnx"), threads=2)
    options = backend._session.get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.inter_op_num_threads == 1


def test_a_feed_must_be_exactly_what_is_asked_for():
    spec = TensorSpec("keypoints", "float32", (None, 9, 17, 3))
    feed = {"keypoints": np.zeros((4, 9, 17, 3), np.float32)}
    check_feed(feed, [spec])
    with pytest.raises(InputError) as caught:
        check_feed({"poses_2d": feed["keypoints"]}, [spec])
    assert str(caught.value) == "expected inputs ['keypoints'], got ['poses_2d']"
    with pytest.raises(InputError) as caught:
        check_feed({"keypoints": feed["keypoints"][:, 1:]}, [spec])
    assert str(caught.value) == (
        "keypoints: expected float32[batch, 9, 17, 3], got float32[4, 8, 17, 3]"
    )
