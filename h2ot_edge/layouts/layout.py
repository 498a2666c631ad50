"""`Layout`: the joints of a detector, and how those of Human3.6M come from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["Layout"]

Sources = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Layout:
    """The joints of a detector in their order, and a rule for each of Human3.6M's.

    Attributes:
        name: key in `LAYOUTS`.
        title: what people call it.
        joints: names in order.
        sources: for each joint of `h2ot_edge.skeleton` the joints it comes from, with weights that
            add up to 1.
        origin: where the order, and the rules if they are not ours, are written down.
    """

    name: str
    title: str
    joints: tuple[str, ...]
    sources: Sources
    origin: str

    @cached_property
    def used(self) -> frozenset[str]:
        """The joints that some rule needs."""
        return frozenset(source for rule in self.sources.values() for source in rule)

    @cached_property
    def _rules(self) -> tuple[tuple[list[int], FloatArray], ...]:
        return tuple(
            (
                [self.joints.index(source) for source in self.sources[joint]],
                np.array(list(self.sources[joint].values()), np.float32)[:, None],
            )
            for joint in JOINTS
        )

    def to_h36m(self, keypoints: FloatArray) -> FloatArray:
        """Human3.6M's joints; see `h36m_from`.

        Args:
            keypoints: (..., n, 2|3), n the number of `joints`.

        Raises:
            InputError: another shape.
        """
        if keypoints.ndim < 2 or keypoints.shape[-2:] not in (
            (len(self.joints), 2),
            (len(self.joints), 3),
        ):
            raise InputError(
                f"keypoints: expected (..., {len(self.joints)}, 2|3), the joints of {self.name}, "
                f"got {keypoints.shape}"
            )
        out = np.empty((*keypoints.shape[:-2], len(JOINTS), keypoints.shape[-1]), keypoints.dtype)
        for joint, (sources, weights) in enumerate(self._rules):
            if len(sources) == 1:
                out[..., joint, :] = keypoints[..., sources[0], :]
            else:
                out[..., joint, :] = _mixed(keypoints[..., sources, :], weights)
        return out


def _mixed(sources: FloatArray, weights: FloatArray) -> FloatArray:
    """One joint (..., 2|3) from several (..., k, 2|3)."""
    point: FloatArray = (sources[..., :2] * weights.astype(sources.dtype)).sum(axis=-2)
    if sources.shape[-1] == 2:
        return point
    least = sources[..., 2].min(axis=-1, keepdims=True)
    # Half of a found joint and half of (0, 0) is a place where nothing is. NaN is not found either.
    found = (least > 0) & np.isfinite(point).all(axis=-1, keepdims=True)
    mixed: FloatArray = np.where(found, np.concatenate([point, least], axis=-1), 0)
    return mixed
