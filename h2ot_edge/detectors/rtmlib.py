"""RTMPose through rtmlib: a person detector (YOLOX), then the joints of each person; coco17.

rtmlib (Apache-2.0, as its weights are) takes BGR images and gives pixels. Of its solutions `Body`
is used: the feet of `BodyWithFeet` are no joints of Human3.6M, and its head and hip cost more
(docs/keypoints.md). The person detector is called here and not by `Body`, which would put a
skeleton on the whole image where nobody was found.
"""

import os
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from h2ot_edge._names import look_up, require
from h2ot_edge.backends.ort_providers import (
    PROVIDER_NAMES,
    check_in_build,
    folder_of_libraries,
    not_started,
    preload_cuda,
)
from h2ot_edge.detectors.detection import Detections, Image
from h2ot_edge.detectors.people import nobody, people_of
from h2ot_edge.errors import ModelFileError
from h2ot_edge.video.opencv import require_cv2

__all__ = ["MODES", "RtmlibDetector", "weights_folder"]

MODES = {
    "lightweight": "YOLOX-tiny and RTMPose-s",
    "balanced": "YOLOX-m and RTMPose-m",
    "performance": "YOLOX-x and RTMPose-x",
}
"""rtmlib's modes, and their networks."""

_LAYOUT = "coco17"


class RtmlibDetector:
    """`Body` of rtmlib with ONNX Runtime.

    Args:
        mode: a key of `MODES`; empty for balanced.
        device: `cpu` or `cuda:N`.
        people: how many of the person detector's boxes are looked at, the most certain first.

    Raises:
        UnknownName: no such mode.
        MissingExtra: rtmlib or ONNX Runtime is not installed.
        DeviceUnavailable: ONNX Runtime cannot use the device; rtmlib would use the CPU silently.
        ModelFileError: its weights cannot be downloaded or loaded.
    """

    def __init__(self, mode: str, device: str, people: int | None) -> None:
        mode = mode or "balanced"
        look_up("mode of rtmlib", mode, MODES)
        self.name = f"rtmlib:{mode}"
        self._people = people
        require_cv2()
        rtmlib, ort = require("rtmlib", "rtmlib"), require("onnxruntime", "rtmlib")
        if device != "cpu":
            check_in_build(PROVIDER_NAMES["cuda"], device, ort.get_available_providers())
            preload_cuda(ort)
        body = _opened(rtmlib, mode, device)
        self._find_boxes, self._find_joints = body.det_model, body.pose_model
        if device != "cpu":
            _check_runs_on(ort, device, self._find_boxes, self._find_joints)

    def __call__(self, image: Image, timestamp: float) -> Detections:
        """Find the people in an image."""
        boxes = self._find_boxes(image)[: self._people]
        if len(boxes) == 0:
            return nobody(_LAYOUT)
        places, scores = self._find_joints(image, bboxes=boxes)
        return people_of(_LAYOUT, places, scores)

    def close(self) -> None:
        """Free both networks."""
        self._find_boxes = self._find_joints = None


def weights_folder() -> Path:
    """Where rtmlib keeps the weights that it downloads."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", str(Path(cache) / "rtmlib"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _opened(rtmlib: ModuleType, mode: str, device: str) -> Any:
    try:
        return rtmlib.Body(mode=mode, backend="onnxruntime", device=device)
    except OSError as error:
        raise ModelFileError(
            f"rtmlib:{mode}: its weights cannot be downloaded ({error}); connect this machine "
            f"once, or copy {_files(rtmlib, mode)} to {weights_folder()} from a machine on which "
            "rtmlib has run"
        ) from error
    except Exception as error:
        raise ModelFileError(
            f"rtmlib:{mode}: its weights cannot be loaded ({type(error).__name__}: {error}); "
            f"delete {_files(rtmlib, mode)} from {weights_folder()}, and they are downloaded again"
        ) from error


def _files(rtmlib: ModuleType, mode: str) -> str:
    """What rtmlib calls the weights once they are unpacked."""
    with suppress(AttributeError, KeyError):
        urls = (rtmlib.Body.MODE[mode][key] for key in ("det", "pose"))
        return " and ".join(f"{Path(url).name.split('.')[0]}.onnx" for url in urls)
    return "the weights"


def _check_runs_on(ort: ModuleType, device: str, *models: Any) -> None:
    """Raise if ONNX Runtime has put a network on the CPU, which it tells nobody."""
    provider = PROVIDER_NAMES["cuda"]
    for model in models:
        if provider not in model.session.get_providers():
            raise not_started(folder_of_libraries(ort), provider, device)
