"""The adapters of libraries: what they ask for, what they make of it, and what they say."""

import logging
import os
import sys

import numpy as np
import pytest
from detector_stand_ins import SIZE, Mediapipe, Rtmlib, Ultralytics

from h2ot_edge.backends.ort_providers import not_started
from h2ot_edge.detectors import open_detector
from h2ot_edge.detectors.mediapipe import MODEL_URL
from h2ot_edge.detectors.rtmlib import weights_folder
from h2ot_edge.errors import (
    DeviceUnavailable,
    InputError,
    MissingExtra,
    ModelFileError,
    UsageError,
)

pytest.importorskip("cv2")

IMAGE = np.zeros((48, 64, 3), np.uint8)
IMAGE[..., 0] = 200  # blue
NOBODY = np.empty((0, 4)), None, None


@pytest.fixture
def task(tmp_path):
    """A file that the stand-in takes for a model."""
    path = tmp_path / "pose.task"
    path.write_bytes(b"model")
    return path


def refused(kind, spec, **options):
    with pytest.raises(kind) as caught:
        open_detector(spec, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ["rtmlib", "mediapipe", "ultralytics"])
def test_a_library_that_is_not_installed(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    assert refused(MissingExtra, f"{name}:balanced") == (
        f"{name} cannot be imported (import of {name} halted; None in sys.modules); pip install "
        f"'h2ot-edge[{name}]'"
    )


def test_rtmlib(monkeypatch):
    """Nobody is asked for joints where the person detector finds nobody."""
    keypoints, scores = np.full((3, 17, 2), 20.0), np.full((3, 17), 1.3)
    rtmlib = Rtmlib([(np.ones((3, 4)), keypoints, scores)])
    rtmlib.install(monkeypatch)
    detector = open_detector("rtmlib", people=2)
    assert detector.name == "rtmlib:balanced"
    assert rtmlib.told == {"mode": "balanced", "backend": "onnxruntime", "device": "cpu"}
    found = detector(IMAGE, 0.0)
    assert found.layout == "coco17"
    assert (found.keypoints == [20, 20, 1]).all()
    rtmlib.found = [NOBODY]
    assert len(detector(IMAGE, 0.1)) == 0
    assert rtmlib.joints_asked == [2]
    detector.close()


def test_a_library_that_raises_or_prints_while_it_detects(monkeypatch, capsys):
    """Its errors are told with the detector's name."""

    class Failing:
        def __getitem__(self, number):
            print("5 people found")
            raise RuntimeError("CUDA out of memory")

    rtmlib = Rtmlib()
    rtmlib.install(monkeypatch)
    rtmlib.found = Failing()
    detector = open_detector("rtmlib")
    with pytest.raises(InputError) as caught:
        detector(IMAGE, 0.0)
    assert str(caught.value) == "rtmlib:balanced: raised RuntimeError: CUDA out of memory"
    assert capsys.readouterr() == ("", "5 people found\n")


def test_rtmlib_without_a_network(monkeypatch):
    Rtmlib(fails=OSError("no route to host")).install(monkeypatch)
    assert refused(ModelFileError, "rtmlib") == (
        "rtmlib:balanced: its weights cannot be downloaded (no route to host); connect this "
        f"machine once, or copy detector-1.onnx and pose_2.onnx to {weights_folder()} from a "
        "machine on which rtmlib has run"
    )


def test_rtmlib_with_damaged_weights_of_other_names(monkeypatch):
    Rtmlib(fails=ValueError("no model")).install(monkeypatch)
    assert refused(ModelFileError, "rtmlib:performance") == (
        "rtmlib:performance: its weights cannot be loaded (ValueError: no model); delete the "
        f"weights from {weights_folder()}, and they are downloaded again"
    )


def test_rtmlib_is_refused_the_cpu_it_would_fall_back_to(monkeypatch, tmp_path):
    both = ("CUDAExecutionProvider", "CPUExecutionProvider")
    rtmlib = Rtmlib([NOBODY])
    rtmlib.install(monkeypatch, available=both)
    folder = tmp_path / "no" / "capi"
    monkeypatch.setattr(sys.modules["onnxruntime"], "__file__", str(folder.parent / "__init__.py"))
    assert refused(DeviceUnavailable, "rtmlib", device="cuda") == str(
        not_started(folder, "CUDAExecutionProvider", "cuda:0")
    )
    rtmlib.providers = list(both)
    detector = open_detector("rtmlib", device="cuda:1")
    assert rtmlib.told["device"] == "cuda:1"
    assert len(detector(IMAGE, 0.0)) == 0


def test_rtmlib_with_onnxruntime_for_the_cpu(monkeypatch):
    Rtmlib().install(monkeypatch)
    assert refused(DeviceUnavailable, "rtmlib", device="cuda").startswith(
        "cuda:0: needs ONNX Runtime's CUDAExecutionProvider, this build has CPUExecutionProvider; "
    )


def test_mediapipe(monkeypatch, task):
    names = ["two people", "one behind the other", "one person twice", None]
    mediapipe = Mediapipe(names)
    mediapipe.install(monkeypatch)
    detector = open_detector(f"mediapipe:{task}", people=2)
    assert detector.name == "mediapipe:pose.task"
    assert vars(mediapipe.options.base_options) == {"model_asset_buffer": b"model"}
    assert mediapipe.options.running_mode == "video"
    assert mediapipe.options.num_poses == 2
    width, height = SIZE
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 200
    found = [detector(image, at) for at in (0.0, 1 / 240, 0.0042, 10.0)]
    assert [len(people) for people in found] == [2, 2, 1, 0]
    assert mediapipe.times == [0, 4, 5, 10000]
    assert (mediapipe.images[0] == [0, 0, 200]).all()
    assert (image == [200, 0, 0]).all()
    detector.close()
    assert mediapipe.closed


def test_mediapipe_finds_what_is_in_the_picture(monkeypatch, task):
    Mediapipe(["two people"]).install(monkeypatch)
    width, height = SIZE
    image = np.zeros((height, width, 3), np.uint8)
    found = open_detector(f"mediapipe:{task}", people=2)(image, 0.0)
    assert found.layout == "mediapipe33"
    nose, left_hip, left_ankle = (
        found.keypoints[:, 0],
        found.keypoints[:, 23],
        found.keypoints[:, 27],
    )
    assert np.abs(nose[:, :2] - [[0.3 * 1280, 0.124 * 720], [0.7 * 1280, 0.286 * 720]]).max() < 1
    assert (nose[:, 1] < left_hip[:, 1]).all()
    assert (left_hip[:, 1] < left_ankle[:, 1]).all()
    assert found.scores == pytest.approx([0.8, 0.9])


def test_mediapipe_looks_for_one_person_by_default(monkeypatch, task):
    mediapipe = Mediapipe()
    mediapipe.install(monkeypatch)
    open_detector(f"mediapipe:{task}")
    assert mediapipe.options.num_poses == 1


@pytest.mark.parametrize("error", [RuntimeError, FileNotFoundError])
def test_mediapipe_with_a_file_that_it_refuses(monkeypatch, task, error):
    Mediapipe(fails=error("no metadata")).install(monkeypatch)
    assert refused(ModelFileError, f"mediapipe:{task}") == (
        f"mediapipe: {task}: no model of the Pose Landmarker (no metadata); download {MODEL_URL}"
    )


def test_mediapipe_without_a_file(monkeypatch):
    Mediapipe().install(monkeypatch)
    assert refused(UsageError, "mediapipe") == (
        f"mediapipe: expected mediapipe:FILE.task, got no file; download {MODEL_URL}"
    )
    assert refused(ModelFileError, "mediapipe:none.task") == (
        "mediapipe: none.task: cannot be read (No such file or directory); download " + MODEL_URL
    )


def test_mediapipe_has_no_cuda(task):
    assert refused(DeviceUnavailable, f"mediapipe:{task}", device="cuda") == (
        "mediapipe: cuda:0: MediaPipe runs on the CPU here; give the detector no other device"
    )


def test_ultralytics(monkeypatch, caplog):
    points = np.full((2, 17, 3), 0.5) * [80, 60, 1]
    points[0, 3, :2] = 0
    yolo = Ultralytics([(points, [0.9, 0.4]), (np.empty((1, 0)), [])])
    yolo.install(monkeypatch)
    monkeypatch.setenv("YOLO_AUTOINSTALL", "restored when the test is over")
    monkeypatch.delenv("YOLO_AUTOINSTALL")
    with caplog.at_level(logging.WARNING):
        detector = open_detector("ultralytics", people=3)
    assert [record.getMessage() for record in caplog.records] == [
        "ultralytics:yolo11n-pose.pt: Ultralytics' code and weights are under AGPL-3.0, which asks "
        "whoever passes them on, or offers them over a network, for the source of the whole; see "
        "https://ultralytics.com/license"
    ]
    assert os.environ["YOLO_AUTOINSTALL"] == "false"
    found = detector(IMAGE, 0.0)
    assert yolo.weights == "yolo11n-pose.pt"
    assert yolo.told == [{"device": "cpu", "verbose": False, "max_det": 3}]
    assert found.layout == "coco17"
    assert found.scores == pytest.approx([0.9, 0.4])
    assert found.keypoints[0, 3].tolist() == [0, 0, 0]  # doubtful, say versions before 8.4
    assert found.keypoints[1, 3].tolist() == [40, 30, 0.5]
    assert len(detector(IMAGE, 0.1)) == 0
    detector.close()


def test_ultralytics_without_confidences_of_joints(monkeypatch):
    Ultralytics([(np.full((1, 17, 2), 7.0), [0.5])]).install(monkeypatch)
    found = open_detector("ultralytics:mine.pt")(IMAGE, 0.0)
    assert (found.keypoints == [7, 7, 1]).all()


def test_ultralytics_with_other_joints(monkeypatch):
    Ultralytics([(np.full((1, 21, 3), 7.0), [0.5])]).install(monkeypatch)
    detector = open_detector("ultralytics:hand.pt")
    with pytest.raises(InputError) as caught:
        detector(IMAGE, 0.0)
    assert str(caught.value) == (
        "ultralytics:hand.pt: no layout has 21 joints (see h2ot_edge.layouts.LAYOUTS); give "
        "keypoints of a layout that has"
    )


def test_ultralytics_with_weights_for_something_else(monkeypatch):
    Ultralytics(task="detect").install(monkeypatch)
    assert refused(UsageError, "ultralytics:yolo11n.pt") == (
        "ultralytics:yolo11n.pt: expected weights for poses, as yolo11n-pose.pt, got some for "
        "detect"
    )


def test_ultralytics_without_weights(monkeypatch):
    Ultralytics(fails=ConnectionError("offline")).install(monkeypatch)
    assert refused(ModelFileError, "ultralytics") == (
        "ultralytics: yolo11n-pose.pt: cannot be downloaded or loaded (ConnectionError: offline); "
        "give the file of YOLO's pose weights, ultralytics:FILE.pt"
    )


def test_ultralytics_without_that_gpu(monkeypatch):
    yolo = Ultralytics([(np.empty((0, 17, 3)), [])], gpus=1)
    yolo.install(monkeypatch)
    assert refused(DeviceUnavailable, "ultralytics", device="cuda:1") == (
        "ultralytics: cuda:1: PyTorch has no such device (GPUs that it sees: 1); install a PyTorch "
        "with CUDA and a driver for it, or give the detector the device cpu"
    )
    open_detector("ultralytics", device="cuda")(IMAGE, 0.0)
    assert yolo.told == [{"device": "cuda:0", "verbose": False}]
