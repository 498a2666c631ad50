"""`SteadyBones`: a filter of live poses that keeps bones from changing their lengths."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.bones import BONES, bone_lengths, with_lengths
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["SteadyBones"]

Array = NDArray[np.float64]


class SteadyBones:
    """Gives every bone of a pose the mean length that it had so far; it keeps its direction.

        stream = engine.stream(lookahead=4, smooth=[OneEuro(...), SteadyBones()])

    A running mean: of n poses the next one weighs 1 / n, until they are `over_s` seconds long, and
    from then on that share of it. So lengths settle within the first seconds and can still follow.
    For a whole clip there is `h2ot_edge.bones.stabilise_bones`, which takes medians.

    Threads: one at a time.

    Args:
        over_s: seconds that the mean looks back.
        lengths: (16,) of the bones in the order of `h2ot_edge.bones.BONES`, in the unit of the
            poses, if they are known; nothing is learnt then.

    Raises:
        UsageError: `over_s` is not a finite number above 0.
        InputError: lengths of another shape, or not finite and above 0.
    """

    def __init__(self, *, over_s: float = 10.0, lengths: ArrayLike | None = None) -> None:
        if not 0 < over_s < math.inf:
            raise UsageError(
                f"over_s: expected a finite number above 0, got {over_s:g}; give the seconds that "
                "the mean looks back"
            )
        self._over_s = over_s
        self._given = None if lengths is None else _checked(lengths)
        self.reset()

    @property
    def description(self) -> str:
        """What it does to a pose, in words."""
        if self._given is not None:
            return "bones of given lengths"
        return f"bones of the mean length so far, over {self._over_s:g} s"

    def step(self, pose: NDArray[np.floating], fps: float) -> FloatArray:
        """Steady the next pose.

        Args:
            pose: (17, 3), any float type and unit.
            fps: 1 over the seconds since the pose before.

        Returns:
            (17, 3) float32; the first pose is as it came, but for the rounding.

        Raises:
            InputError: a pose of another shape.
            UsageError: fps is not a finite number above 0.
        """
        if pose.shape != (len(JOINTS), 3):
            raise InputError(
                f"pose: expected (17, 3), got {pose.shape}; give one frame, or a clip to "
                "h2ot_edge.bones.stabilise_bones"
            )
        if not 0 < fps < math.inf:
            raise UsageError(
                f"fps: expected a finite number above 0, got {fps:g}; give 1 / seconds since the "
                "pose before"
            )
        lengths = self._given if self._given is not None else self._learn(pose, fps)
        return with_lengths(pose, lengths).astype(np.float32)

    def reset(self) -> None:
        """Forget the poses that came."""
        self._count = 0
        self._mean: Array = np.zeros(len(BONES))

    def fresh(self) -> "SteadyBones":
        """Another one of the same parameters that has seen nothing."""
        return SteadyBones(over_s=self._over_s, lengths=self._given)

    def _learn(self, pose: NDArray[np.floating], fps: float) -> Array:
        self._count += 1
        share = min(max(1 / self._count, 1 / (fps * self._over_s)), 1.0)
        self._mean = self._mean + share * (bone_lengths(pose) - self._mean)
        return self._mean


def _checked(lengths: ArrayLike) -> Array:
    array = np.array(lengths, np.float64)
    if array.shape != (len(BONES),) or not (np.isfinite(array) & (array > 0)).all():
        raise InputError(
            f"lengths: expected {len(BONES)} finite numbers above 0, in the order of "
            f"h2ot_edge.bones.BONES, got {np.array2string(array, precision=3, threshold=20)}; "
            "bone_lengths and median_lengths there give them"
        )
    return array
