"""A user's own function as a detector: `PACKAGE.MODULE:FUNCTION` or `FILE.py:FUNCTION`.

It is called with a copy of the image, (h, w, 3) uint8, BGR, and gives one of

    keypoints               (n, j, 2|3) of n people, or (j, 2|3) of one: x, y in pixels, confidence
    (keypoints, layout)     the same, and a key of `h2ot_edge.layouts.LAYOUTS`
    (keypoints, scores)     (n, j, 2) and (n, j), or (j, 2) and (j,), as rtmlib gives them
    Detections              of `h2ot_edge.detectors`, if people have scores or names
    None, or nothing in a list: nobody
"""

import logging
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import look_up
from h2ot_edge.detectors.detection import Detections, Image
from h2ot_edge.detectors.loading import load_function
from h2ot_edge.detectors.people import layout_by_number, nobody, people_of, strongest
from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.layouts import LAYOUTS

__all__ = ["FunctionDetector"]

_logger = logging.getLogger(__name__)

_EXPECTED = (
    "expected keypoints (n, j, 2|3), or them with a layout's name, or keypoints (n, j, 2) with "
    "scores (n, j), or Detections"
)
_HIGH = 2.0
"""A confidence above it is no peak of RTMPose's either; it is on another scale."""


class FunctionDetector:
    """A function that finds people.

    Args:
        spec: `PACKAGE.MODULE:FUNCTION` or `FILE.py:FUNCTION`.
        device: `cpu`; the function decides itself where it runs.
        people: how many to keep of each image, the most certain; None for all.

    Raises:
        UsageError: it cannot be imported, is no function, or another device is asked for.
        UnknownName: there is no such function.
    """

    def __init__(self, spec: str, device: str, people: int | None) -> None:
        self.name = spec
        self._people = people
        self._warned = False
        if device != "cpu":
            raise UsageError(
                f"detector {spec}: {device}: a function decides itself where it runs; give the "
                "detector no device"
            )
        self._function: Callable[[Image], Any] = load_function(spec)

    def __call__(self, image: Image, timestamp: float) -> Detections:
        """Find the people in an image."""
        try:
            result = self._function(image.copy())  # it may draw on it
        except Exception as error:
            raise InputError(f"{self.name}: raised {_told(error)}; repair it") from error
        return strongest(self._checked(self._read(result)), self._people)

    def close(self) -> None:
        """Nothing is kept."""

    def _read(self, result: Any) -> Detections:
        """What the function gave, in any of the forms."""
        if isinstance(result, Detections):
            return self._read_detections(result)
        layout, scores = None, None
        if isinstance(result, tuple) and len(result) == 2:
            if isinstance(result[1], str):
                result, layout = result
            else:
                result, scores = result
        points = self._numbers(result)
        if scores is not None and points.size:
            points = self._with_scores(points, self._numbers(scores))
        if points.size == 0:
            return nobody(self._layout(layout) if layout else "coco17")
        if points.ndim == 2:
            points = points[None]
        if points.ndim != 3 or points.shape[2] not in (2, 3):
            raise self._refused(f"got an array {points.shape}")
        layout = self._layout(layout or layout_by_number(points.shape[1], self.name))
        return self._people_of(layout, points)

    def _read_detections(self, found: Detections) -> Detections:
        layout = self._layout(found.layout)
        points, scores = self._numbers(found.keypoints), self._numbers(found.scores)
        if points.ndim != 3 or points.shape[2] != 3 or scores.shape != points.shape[:1]:
            raise InputError(
                f"{self.name}: expected Detections with keypoints (n, j, 3) and scores (n,), got "
                f"{points.shape} and {scores.shape}"
            )
        names = self._names(found.people)
        if names and len(names) != len(points):
            raise InputError(
                f"{self.name}: expected the names of all {len(points)} people or of none, got "
                f"{len(names)}"
            )
        if not all(name and name.isprintable() for name in names):
            raise InputError(
                f"{self.name}: expected names of people that can be printed, got {names!r}"
            )
        return self._people_of(layout, points, scores, names)

    def _names(self, people: Any) -> tuple[str, ...]:
        """Names or numbers of people, in whatever they came."""
        try:
            return tuple(str(name).strip() for name in (() if people is None else people))
        except TypeError as error:
            raise InputError(
                f"{self.name}: expected the people of Detections in a tuple, got a "
                f"{type(people).__name__}"
            ) from error

    def _people_of(
        self,
        layout: str,
        points: NDArray[Any],
        scores: NDArray[Any] | None = None,
        people: tuple[str, ...] = (),
    ) -> Detections:
        joints = len(LAYOUTS[layout].joints)
        if points.shape[1] != joints:
            raise InputError(
                f"{self.name}: expected the {joints} joints of {layout}, got {points.shape[1]}"
            )
        confidence = points[..., 2] if points.shape[2] == 3 else np.ones(points.shape[:2])
        self._warn_of(confidence)
        return people_of(layout, points[..., :2], confidence, scores, people)

    def _with_scores(self, points: NDArray[Any], scores: NDArray[Any]) -> NDArray[Any]:
        if points.shape != (*scores.shape, 2):
            raise self._refused(f"got arrays {points.shape} and {scores.shape}")
        return np.concatenate([points, scores[..., None]], axis=-1)

    def _numbers(self, value: Any) -> NDArray[Any]:
        """An array of real numbers; what is None is empty."""
        try:
            array = np.asarray(() if value is None else value)
        except Exception as error:  # lists of different lengths; a tensor of a GPU
            raise self._refused(f"got what is no array ({error})") from error
        if array.dtype.kind not in "fiu":
            raise self._refused(f"got a {type(value).__name__} of {array.dtype}")
        return array

    def _layout(self, name: str) -> str:
        try:
            look_up("layout", name, LAYOUTS)
        except UnknownName as error:
            raise UnknownName(f"{self.name}: {error}") from error
        return name

    def _warn_of(self, confidence: NDArray[Any]) -> None:
        """Say once that confidences are on another scale."""
        highest = float(confidence[np.isfinite(confidence)].max(initial=0))
        if highest > _HIGH and not self._warned:
            self._warned = True
            _logger.warning(
                "%s: confidences of up to %g are taken for 1; expected 0 to 1", self.name, highest
            )

    def _checked(self, found: Detections) -> Detections:
        """Refuse shares of the image; nobody is as small as a pixel."""
        seen = found.keypoints[found.keypoints[..., 2] > 0][:, :2]
        if len(seen) > 2 and float(np.abs(seen).max()) <= 1:
            raise InputError(
                f"{self.name}: expected pixels, got keypoints that are all within -1 and 1, as "
                "shares of the image are; multiply x by the image's width and y by its height"
            )
        return found

    def _refused(self, got: str) -> InputError:
        return InputError(f"{self.name}: {_EXPECTED}; {got}")


def _told(error: Exception) -> str:
    """The error, and the line of the user's file that it came from."""
    frames = extract_tb(error.__traceback__)
    where = f" ({Path(frames[1].filename).name}, line {frames[1].lineno})" if frames[1:] else ""
    return f"{type(error).__name__}: {error}{where}"
