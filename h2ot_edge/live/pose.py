"""What a live stream answers."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import look_up
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["LivePose"]

_NUMBERS = {name: number for number, name in enumerate(JOINTS)}


@dataclass(frozen=True, kw_only=True, eq=False)
class LivePose:
    """The pose of one frame of one person. `np.asarray(pose)` gives the positions.

    Attributes:
        positions: (17, 3) float32; origin and axes as `engine.card.output` says.
        unit: `m` or `normalised`.
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
