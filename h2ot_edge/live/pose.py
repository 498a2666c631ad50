"""What a live stream answers."""

import dataclasses
import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import look_up
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.poses import CAMERA_AXES
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["LivePose"]

_NUMBERS = {name: number for number, name in enumerate(JOINTS)}


@dataclass(frozen=True, kw_only=True, eq=False)
class LivePose:
    """The pose of one frame of one person. `np.asarray(pose)` gives the positions.

    Attributes:
        positions: (17, 3) float32 about the hip.
        unit: `m` or `normalised`.
        axes: directions of x, y and z.
        number: of its frame, counted from 0 since the stream began or was reset, whether or not
            somebody was seen in it.
        timestamp: of its frame, seconds.
        latency_s: seconds from that timestamp to the moment the pose was ready. It is the newest
            frame's timestamp less this one's, and the time since the newest frame was pushed; what
            camera and detector took before `push` is in it only as far as it is in the timestamps.
        lookahead: frames after its own that the network saw.
        padded: frames of the network's window that came before the first one and repeat it.
        valid: (17,) bool, False where the joint had not been seen for longer than `max_gap_s`.
        confidence: (17,) float32 of the keypoints; 0 where the joint was missing in this frame, 1
            where the detector gives none.
        filters: what was done to the pose afterwards, in order.
        id: whose it is; None of a `Stream`.
        stream: a number that no other stream of this process has; a reset, or an id that comes
            again after it was dropped, begins another.
    """

    positions: FloatArray
    unit: str
    number: int
    timestamp: float
    latency_s: float
    lookahead: int
    padded: int
    valid: NDArray[np.bool_]
    confidence: FloatArray
    filters: tuple[str, ...] = ()
    id: Hashable = None
    axes: tuple[str, str, str] = CAMERA_AXES
    stream: int = 0

    def to_metric(self, scale: float, *, rescale: bool = False) -> "LivePose":
        """The pose in metres, by a scale that is known, such as from the person's first seconds.

        `h2ot_edge.live.poses_of` and `Poses.to_metric` find one; docs/live.md has an example.

        Args:
            scale: metres for one of the pose's unit.
            rescale: also of a pose that is metres already, whose size is the network's guess.

        Raises:
            InputError: the pose is metres already.
            UsageError: a scale that is not finite and above 0.
        """
        if self.unit == "m" and not rescale:
            raise InputError(
                "to_metric: expected a pose of unit 'normalised', got 'm'; it is metric already, "
                "pass rescale=True to give the person another size"
            )
        if not 0 < scale < math.inf:
            raise UsageError(
                f"to_metric: expected a finite scale above 0, got {scale:g}; give metres for one "
                "of the pose's unit, as Poses.to_metric finds it (docs/live.md)"
            )
        note = f"to_metric(scale={scale:.4g})"
        positions = self.positions * np.float32(scale)
        return dataclasses.replace(
            self, positions=positions, unit="m", filters=(*self.filters, note)
        )

    def __getitem__(self, joint: str) -> FloatArray:
        """Position (3,) of a joint by its name.

        Raises:
            UnknownName: no such joint.
        """
        position: FloatArray = self.positions[look_up("joint", joint, _NUMBERS)]
        return position

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        # np.asarray(..., copy=) is not known before numpy 2.
        changed = self.positions if dtype is None else self.positions.astype(dtype, copy=False)
        return changed.copy() if copy else changed
