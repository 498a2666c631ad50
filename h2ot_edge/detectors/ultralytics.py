"""YOLO pose through Ultralytics, which is under AGPL-3.0, as are its weights; coco17.

Ultralytics takes BGR images and gives pixels, cut off at the image's border. Its trackers are not
used: they drop people until they are sure of them, install a package when first called, and
`h2ot_edge.tracking` gives ids for every detector in the same way.
"""

import logging
import os
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import require
from h2ot_edge.detectors.detection import Detections, Image
from h2ot_edge.detectors.people import layout_by_number, nobody, people_of
from h2ot_edge.errors import DeviceUnavailable, ModelFileError, UsageError
from h2ot_edge.video.opencv import require_cv2

__all__ = ["LICENCE", "UltralyticsDetector"]

_logger = logging.getLogger(__name__)

LICENCE = (
    "Ultralytics' code and weights are under AGPL-3.0, which asks whoever passes them on, or "
    "offers them over a network, for the source of the whole; see https://ultralytics.com/license"
)

_DEFAULT = "yolo11n-pose.pt"
_LAYOUT = "coco17"


class UltralyticsDetector:
    """A `YOLO` for poses.

    Args:
        weights: a file, or a name that Ultralytics downloads to the current folder; empty for
            yolo11n-pose.pt.
        device: `cpu` or `cuda:N`.
        people: how many to find at most, the most certain.

    Raises:
        MissingExtra: Ultralytics is not installed.
        DeviceUnavailable: PyTorch has no such device.
        ModelFileError: the weights cannot be downloaded or loaded.
        UsageError: they are of a network that finds no poses.
        InputError: no layout has their number of joints.
    """

    def __init__(self, weights: str, device: str, people: int | None) -> None:
        weights = weights or _DEFAULT
        self.name = f"ultralytics:{weights}"
        self._options = {"device": device, "verbose": False}
        if people is not None:
            self._options["max_det"] = people
        os.environ.setdefault("YOLO_AUTOINSTALL", "false")  # it would call pip by itself
        require_cv2()
        ultralytics = require("ultralytics", "ultralytics")
        _check_device(device)
        _logger.warning("%s: %s", self.name, LICENCE)
        self._model = _opened(ultralytics, weights)
        if self._model.task != "pose":
            raise UsageError(
                f"{self.name}: expected weights for poses, as {_DEFAULT}, got some for "
                f"{self._model.task}"
            )

    def __call__(self, image: Image, timestamp: float) -> Detections:
        """Find the people in an image."""
        (result,) = self._model.predict(image, **self._options)
        points, scores = (part.cpu().numpy() for part in (result.keypoints.data, result.boxes.conf))
        return _detections(points, scores, self.name)

    def close(self) -> None:
        """Free the network."""
        self._model = None


def _detections(points: NDArray[Any], scores: NDArray[Any], source: str) -> Detections:
    """From (n, j, 2|3) and (n,). (0, 0) is how older versions write joints that they doubt."""
    if len(scores) == 0:  # then points may have another shape
        return nobody(_LAYOUT)
    layout = layout_by_number(points.shape[1], source)
    places = points[..., :2]
    confidence = points[..., 2] if points.shape[2] == 3 else np.ones(points.shape[:2])
    there = (places != 0).any(axis=-1)
    return people_of(layout, places, np.where(there, confidence, 0), scores)


def _check_device(device: str) -> None:
    """Raise if PyTorch has no such GPU; Ultralytics would say so only at the first image."""
    if device == "cpu":
        return
    cuda = require("torch", "ultralytics").cuda
    count = cuda.device_count() if cuda.is_available() else 0
    if int(device.removeprefix("cuda:")) >= count:
        raise DeviceUnavailable(
            f"ultralytics: {device}: PyTorch has no such device (GPUs that it sees: {count}); "
            "install a PyTorch with CUDA and a driver for it, or give the detector the device cpu"
        )


def _opened(ultralytics: ModuleType, weights: str) -> Any:
    try:
        return ultralytics.YOLO(weights)
    except Exception as error:
        raise ModelFileError(
            f"ultralytics: {weights}: cannot be downloaded or loaded ({type(error).__name__}: "
            f"{error}); give the file of YOLO's pose weights, ultralytics:FILE.pt"
        ) from error
