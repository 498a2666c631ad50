"""The real MediaPipe and Ultralytics, where they are installed; their weights are not needed."""

import numpy as np
import pytest

from h2ot_edge.detectors import open_detector
from h2ot_edge.detectors.mediapipe import MODEL_URL
from h2ot_edge.errors import ModelFileError

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs

IMAGE = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)


def test_mediapipe_refuses_what_is_no_model(tmp_path):
    pytest.importorskip("mediapipe")
    path = tmp_path / "pose.task"
    path.write_bytes(b"no model")
    with pytest.raises(ModelFileError) as caught:
        open_detector(f"mediapipe:{path}")
    assert str(caught.value) == (
        f"mediapipe: {path}: no model of the Pose Landmarker ({caught.value.__cause__}); download "
        f"{MODEL_URL}"
    )


def test_mediapipe_has_the_names_that_are_used():
    mediapipe = pytest.importorskip("mediapipe")
    tasks = pytest.importorskip("mediapipe.tasks.python")
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=IMAGE)
    assert (image.numpy_view() == IMAGE).all()
    tasks.vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=b"model"),
        running_mode=tasks.vision.RunningMode.VIDEO,
        num_poses=2,
    )
    assert callable(tasks.vision.PoseLandmarker.detect_for_video)


@pytest.fixture
def yolo(tmp_path, monkeypatch):
    """Random weights that find people everywhere if `certain`, else nowhere."""
    ultralytics = pytest.importorskip("ultralytics")
    monkeypatch.chdir(tmp_path)

    def save(certain):
        model = ultralytics.YOLO("yolo11n-pose.yaml")
        for layers in model.model.model[-1].cv3:
            layers[-1].bias.data.fill_(5 if certain else -20)
        model.save("random-pose.pt")
        return "ultralytics:random-pose.pt"

    return save


def test_ultralytics_is_read_as_it_reads_itself(yolo):
    from ultralytics import YOLO

    found = open_detector(yolo(certain=True))(IMAGE, 0.0)
    assert len(found) > 2
    (result,) = YOLO("random-pose.pt").predict(IMAGE, verbose=False)
    assert found.scores == pytest.approx(result.boxes.conf.numpy())
    there = found.keypoints[..., 2] > 0
    assert (found.keypoints[there] == result.keypoints.data.numpy()[there]).all()
    assert (result.keypoints.xy.numpy()[~there] == 0).all()


def test_ultralytics_finds_as_many_as_asked(yolo):
    assert len(open_detector(yolo(certain=True), people=2)(IMAGE, 0.0)) == 2


def test_ultralytics_finds_nobody(yolo, capsys):
    spec = yolo(certain=False)
    capsys.readouterr()
    found = open_detector(spec)(IMAGE, 0.0)
    assert found.keypoints.shape == (0, 17, 3)
    assert capsys.readouterr().out == ""


def test_ultralytics_refuses_damaged_weights(tmp_path):
    pytest.importorskip("ultralytics")
    path = tmp_path / "damaged-pose.pt"
    path.write_bytes(b"damaged")
    with pytest.raises(ModelFileError) as caught:
        open_detector(f"ultralytics:{path}")
    cause = caught.value.__cause__
    assert str(caught.value) == (
        f"ultralytics: {path}: cannot be downloaded or loaded ({type(cause).__name__}: {cause}); "
        "give the file of YOLO's pose weights, ultralytics:FILE.pt"
    )
