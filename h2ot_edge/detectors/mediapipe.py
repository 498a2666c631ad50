"""MediaPipe's Pose Landmarker (Tasks API, VIDEO mode): BlazePose's 33 landmarks.

MediaPipe takes RGB and gives shares of the image; the confidence is its visibility. The same calls
exist in 0.10 and 1.x; 1.x reads images that are not contiguous wrongly and says nothing, so it gets
a converted copy. It follows people by itself, but their places in its list are no identities.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import require
from h2ot_edge.detectors.detection import Detections, Image
from h2ot_edge.detectors.people import nobody, people_of
from h2ot_edge.errors import DeviceUnavailable, ModelFileError, UsageError
from h2ot_edge.spec import FloatArray
from h2ot_edge.video.opencv import require_cv2

__all__ = ["MODEL_URL", "MediapipeDetector"]

MODEL_URL = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/pose_landmarker_full/float16/"
    "latest/pose_landmarker_full.task"
)
"""Google's model; those with `lite` and `heavy` for `full` are faster and better."""

_LAYOUT = "mediapipe33"
_SAME_PERSON = 0.6
"""Boxes about the joints that overlap so much are one person found twice. In 230 frames of two
people with `people=2` the same person was found twice in 10 frames, with an IoU from 0.63; of two
people in each other's way it was at most 0.48."""


class MediapipeDetector:
    """A `PoseLandmarker`.

    Args:
        path: the .task file.
        device: `cpu`.
        people: how many to look for; None for one, as MediaPipe has it.

    Raises:
        UsageError: no file is named.
        MissingExtra: MediaPipe is not installed.
        DeviceUnavailable: another device than the CPU.
        ModelFileError: no such file, or MediaPipe cannot load it.
    """

    def __init__(self, path: str, device: str, people: int | None) -> None:
        if not path:
            raise UsageError(
                f"mediapipe: expected mediapipe:FILE.task, got no file; download {MODEL_URL}"
            )
        if device != "cpu":
            raise DeviceUnavailable(
                f"mediapipe: {device}: MediaPipe runs on the CPU here; give the detector no other "
                "device"
            )
        self.name = f"mediapipe:{Path(path).name}"
        self._cv2 = require_cv2()
        self._mediapipe = require("mediapipe", "mediapipe")
        tasks = require("mediapipe.tasks.python", "mediapipe")
        self._landmarker = _opened(tasks, Path(path), 1 if people is None else people)
        self._last_ms = -1

    def __call__(self, image: Image, timestamp: float) -> Detections:
        """Find the people in an image."""
        rgb = self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB)  # contiguous
        wrapped = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)
        self._last_ms = max(self._last_ms + 1, round(timestamp * 1000))  # MediaPipe's have to rise
        found = self._landmarker.detect_for_video(wrapped, self._last_ms).pose_landmarks
        return _detections(found, image.shape[1], image.shape[0])

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()


def _opened(tasks: ModuleType, path: Path, people: int) -> Any:
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"mediapipe: {path}: cannot be read ({error.strerror}); download {MODEL_URL}"
        ) from error
    options = tasks.vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=model),
        running_mode=tasks.vision.RunningMode.VIDEO,
        num_poses=people,
    )
    try:
        return tasks.vision.PoseLandmarker.create_from_options(options)
    except Exception as error:  # of whatever kind: FileNotFoundError for one without metadata
        raise ModelFileError(
            f"mediapipe: {path}: no model of the Pose Landmarker ({error}); download {MODEL_URL}"
        ) from error


def _detections(found: list[list[Any]], width: int, height: int) -> Detections:
    """From MediaPipe's lists of landmarks, in shares of the image."""
    if not found:
        return nobody(_LAYOUT)
    marks = np.array(
        [[(mark.x, mark.y, mark.visibility) for mark in person] for person in found], np.float32
    )
    marks = _without_doubles(marks)
    return people_of(_LAYOUT, marks[..., :2] * np.array([width, height], np.float32), marks[..., 2])


def _without_doubles(marks: FloatArray) -> FloatArray:
    """Without those (n, j, 3) that are a more visible person once more, in the order they had."""
    kept: list[int] = []
    for number in np.argsort(-marks[..., 2].mean(axis=1), kind="stable"):
        if all(_overlap(marks[number], marks[other]) < _SAME_PERSON for other in kept):
            kept.append(int(number))
    return marks[sorted(kept)]


def _overlap(one: FloatArray, other: FloatArray) -> float:
    """Intersection over union of the boxes about two people's joints, 0 to 1."""
    low, high = (
        np.stack([side(one[:, :2], axis=0), side(other[:, :2], axis=0)])
        for side in (np.min, np.max)
    )
    shared = _area(high.min(axis=0) - low.max(axis=0))
    return shared / max(_area(high[0] - low[0]) + _area(high[1] - low[1]) - shared, 1e-12)


def _area(size: NDArray[Any]) -> float:
    return float(np.prod(np.maximum(size, 0)))
