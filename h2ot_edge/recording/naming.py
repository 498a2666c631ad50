"""Names for the people of a film, frame by frame."""

from collections.abc import Sequence

import numpy as np

from h2ot_edge.detectors import Detections
from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.spec import FloatArray
from h2ot_edge.tracking import NOBODY, Tracker

__all__ = ["Naming"]


class Naming:
    """Who is who in each frame: as the detector says, or if it does not, as a tracker does."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._by_detector: bool | None = None

    def __call__(self, found: Detections, timestamp: float) -> tuple[Sequence[str], FloatArray]:
        """Names of the people in the next frame, without second sights, and their keypoints.

        Args:
            found: what the detector gave.
            timestamp: of the frame, seconds.

        Returns:
            n names, and (n, 17, 3) in the joints of `h2ot_edge.skeleton`.

        Raises:
            InputError: the detector names people in some frames only.
        """
        points = LAYOUTS[found.layout].to_h36m(found.keypoints)
        if len(points):
            self._check(bool(found.people), timestamp)
        if self._by_detector:
            return found.people, points
        ids = self._tracker.update(points, found.scores, timestamp)
        kept = [place for place, id in enumerate(ids) if id != NOBODY]
        return [str(ids[place]) for place in kept], points[np.array(kept, np.intp)]

    def _check(self, by_detector: bool, timestamp: float) -> None:
        if self._by_detector not in (None, by_detector):
            does, did = ("names", "did not") if by_detector else ("does not name", "did")
            raise InputError(
                f"the detector {does} the people of the frame at {timestamp:.3f} s and {did} "
                "before; have it name everybody in every frame, or nobody in any, and a tracker "
                "will"
            )
        self._by_detector = by_detector
