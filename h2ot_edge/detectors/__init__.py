"""2-D detectors: libraries behind one protocol, and functions of users.

    from h2ot_edge.detectors import open_detector
    detector = open_detector("rtmlib:balanced")
    found = detector(image, timestamp)  # Detections: layout, keypoints, scores, people

A detector is a file of its own here and a line in `DETECTORS`. Nothing is imported until it is
opened. What each needs and what was measured: docs/detectors.md.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from h2ot_edge._names import unknown
from h2ot_edge.backends import checked_device
from h2ot_edge.detectors.detection import Detections, Detector, Image
from h2ot_edge.detectors.guarding import GuardedDetector, printing_to_stderr
from h2ot_edge.errors import UsageError

__all__ = [
    "DETECTORS",
    "FORMS",
    "Detections",
    "Detector",
    "DetectorKind",
    "Image",
    "explained",
    "open_detector",
]

Opener = Callable[[str, str, int | None], Detector]


class DetectorKind(NamedTuple):
    """A detector that has a name.

    Attributes:
        form: how it is written, as in `rtmlib[:MODE]`.
        needs: what it is and what has to be there.
        open: from what follows the colon (empty if nothing does), device and people.
    """

    form: str
    needs: str
    open: Opener


def _open_rtmlib(mode: str, device: str, people: int | None) -> Detector:
    from h2ot_edge.detectors.rtmlib import RtmlibDetector

    return RtmlibDetector(mode, device, people)


def _open_mediapipe(path: str, device: str, people: int | None) -> Detector:
    from h2ot_edge.detectors.mediapipe import MediapipeDetector

    return MediapipeDetector(path, device, people)


def _open_ultralytics(weights: str, device: str, people: int | None) -> Detector:
    from h2ot_edge.detectors.ultralytics import UltralyticsDetector

    return UltralyticsDetector(weights, device, people)


def _open_function(spec: str, device: str, people: int | None) -> Detector:
    from h2ot_edge.detectors.functions import FunctionDetector

    return FunctionDetector(spec, device, people)


DETECTORS: Mapping[str, DetectorKind] = MappingProxyType(
    {
        "rtmlib": DetectorKind(
            "rtmlib[:lightweight|balanced|performance]",
            "RTMPose; needs h2ot-edge[rtmlib], downloads its weights once",
            _open_rtmlib,
        ),
        "mediapipe": DetectorKind(
            "mediapipe:FILE.task",
            "BlazePose; needs h2ot-edge[mediapipe] and a file of Google's",
            _open_mediapipe,
        ),
        "ultralytics": DetectorKind(
            "ultralytics[:WEIGHTS]",
            "YOLO pose; needs h2ot-edge[ultralytics], which is AGPL-3.0, downloads its weights",
            _open_ultralytics,
        ),
    }
)
"""Every detector that has a name."""

_FUNCTION = "FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION"

FORMS = ", ".join([*(kind.form for kind in DETECTORS.values()), _FUNCTION])
"""How detectors are written, for help texts."""


def explained() -> str:
    """Every detector and what it needs, for errors."""
    lines = [f"{kind.form} ({kind.needs})" for kind in DETECTORS.values()]
    return "; ".join([*lines, f"{_FUNCTION} (your own)"])


def open_detector(spec: str, *, device: str = "cpu", people: int | None = None) -> Detector:
    """Open a detector.

    Whatever its library prints then and later goes to stderr, as what other threads print does
    while it is at work.

    Args:
        spec: `rtmlib[:lightweight|balanced|performance]`, `mediapipe:FILE.task`,
            `ultralytics[:WEIGHTS]`, or a function, `FILE.py:FUNCTION` or `PACKAGE.MODULE:FUNCTION`,
            see `h2ot_edge.detectors.functions`.
        device: `cpu`, `cuda` or `cuda:N`.
        people: how many to find at most in an image; None for all, which is one with MediaPipe.

    Raises:
        UnknownName: no such detector, mode, function or device.
        UsageError: it cannot be opened like that, or people is less than 1.
        MissingExtra: its library is not installed.
        DeviceUnavailable: the device is not there; there is no fallback to another.
        ModelFileError: its weights cannot be had or loaded.
    """
    if people is not None and people < 1:
        raise UsageError(f"people: expected at least 1, got {people}")
    device = checked_device(device)
    name, colon, argument = spec.partition(":")
    if name not in DETECTORS and not colon:
        raise unknown("detector", spec, [*DETECTORS, _FUNCTION])
    with printing_to_stderr():
        if name in DETECTORS:
            return GuardedDetector(DETECTORS[name].open(argument, device, people))
        return GuardedDetector(_open_function(spec, device, people))
