"""The real rtmlib, where it is installed, with tiny networks in place of its weights."""

from pathlib import Path

import numpy as np
import pytest

from h2ot_edge.backends.ort_providers import folder_of_libraries, not_started
from h2ot_edge.detectors import open_detector
from h2ot_edge.errors import DeviceUnavailable, ModelFileError

rtmlib = pytest.importorskip("rtmlib")

from rtmlib.tools.file import _get_rtmhub_dir  # noqa: E402
from tiny_rtmlib import save_person_detector, save_pose_network  # noqa: E402

from h2ot_edge.detectors.rtmlib import MODES, weights_folder  # noqa: E402

FILES = (
    "yolox_tiny_8xb8-300e_humanart-6f3252f9.onnx",
    "rtmpose-s_simcc-body7_pt-body7_420e-256x192-acd4a1ef_20230504.onnx",
)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """rtmlib's folder, with networks of a few nodes by the names of lightweight's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    save_person_detector(folder / FILES[0])
    save_pose_network(folder / FILES[1])
    return folder


def image_of(*dots):
    """People of 80 x 200 pixels with a brighter dot; and something blue, which is nobody."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[400:470, 10:600, 0] = 255
    for x, y in dots:
        image[y - 60 : y + 140, x - 30 : x + 50, 2] = 220
        image[y - 2 : y + 3, x - 2 : x + 3, 2] = 255
    return image


def test_people_are_found_where_they_are(weights):
    detector = open_detector("rtmlib:lightweight")
    found = detector(image_of((100, 120), (500, 220)), 0.0)
    assert detector.name == "rtmlib:lightweight"
    assert found.layout == "coco17"
    assert found.keypoints.shape == (2, 17, 3)
    for person, dot in zip(found.keypoints, ((100, 120), (500, 220)), strict=True):
        assert np.abs(person[:16, :2] - dot).max() < 4
    assert (found.keypoints[:, :16, 2] == 1).all()  # peaks of 2.2
    assert (found.keypoints[:, 16] == 0).all()
    assert found.scores == pytest.approx([16 / 17, 16 / 17])


def test_nobody_is_nobody(weights):
    image = image_of()
    assert len(open_detector("rtmlib:lightweight")(image, 0.0)) == 0
    everywhere, _ = rtmlib.Body(mode="lightweight")(image)
    assert len(everywhere) == 1  # which is why the adapter asks the person detector itself


def test_fewer_people_if_asked(weights):
    detector = open_detector("rtmlib:lightweight", people=1)
    found = detector(image_of((100, 120), (500, 220)), 0.0)
    assert found.keypoints.shape == (1, 17, 3)
    detector.close()


def test_what_it_prints_goes_to_stderr(weights, capsys):
    open_detector("rtmlib:lightweight")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("with onnxruntime backend") == 2


def test_our_names_are_those_of_the_library(monkeypatch):
    assert set(MODES) == set(rtmlib.Body.MODE)
    for name, value in (("TORCH_HOME", None), ("XDG_CACHE_HOME", "/tmp/x"), ("TORCH_HOME", "~/y")):
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value)
        assert weights_folder() == Path(_get_rtmhub_dir()).expanduser() / "checkpoints"


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(ModelFileError) as caught:
        open_detector("rtmlib:lightweight")
    assert str(caught.value) == (
        "rtmlib:lightweight: its weights cannot be downloaded (<urlopen error [Errno 111] "
        "Connection refused>); connect this machine once, or copy "
        f"{FILES[0]} and {FILES[1]} to {tmp_path}/hub/checkpoints from a machine on which rtmlib "
        "has run"
    )


def test_damaged_weights(weights):
    (weights / FILES[1]).write_bytes(b"damaged")
    with pytest.raises(ModelFileError) as caught:
        open_detector("rtmlib:lightweight")
    cause = caught.value.__cause__
    assert str(caught.value) == (
        f"rtmlib:lightweight: its weights cannot be loaded ({type(cause).__name__}: {cause}); "
        f"delete {FILES[0]} and {FILES[1]} from {weights}, and they are downloaded again"
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_gpu_that_is_not_used_is_refused(weights, monkeypatch):
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(DeviceUnavailable) as caught:  # ONNX Runtime itself takes the CPU
        open_detector("rtmlib:lightweight", device="cuda")
    provider = "CUDAExecutionProvider"
    assert str(caught.value) == str(not_started(folder_of_libraries(ort), provider, "cuda:0"))
