"""What is shown at a time: a frame, who is in it, and their poses."""

from collections.abc import Mapping
from dataclasses import dataclass

from h2ot_edge.live import LivePose
from h2ot_edge.spec import FloatArray
from h2ot_edge.video import Frame

__all__ = ["Scene", "Taken"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Taken:
    """A frame and the time at which it was taken.

    Attributes:
        frame: of the source.
        at: seconds of `time.monotonic`; of a file, when the frame was due.
    """

    frame: Frame
    at: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """A frame and what belongs to it.

    Attributes:
        taken: the frame.
        keypoints: pixels (17, 3) of those who were found in it, by name.
        poses: of that frame, by name; also of those whom the detector missed for a moment.
    """

    taken: Taken
    keypoints: Mapping[str, FloatArray]
    poses: Mapping[str, LivePose]

    @property
    def frame(self) -> Frame:
        """The frame itself."""
        return self.taken.frame

    @property
    def names(self) -> list[str]:
        """Of all who have keypoints or a pose."""
        return list({**self.keypoints, **self.poses})
