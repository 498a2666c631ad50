"""How much two sets of keypoints are one person: COCO's object keypoint similarity.

OKS is the mean over the joints of exp(-d^2 / (2 s^2 k^2)): d the distance, s^2 the person's area in
the picture, k = 2 sigma, where sigma is how far apart people annotate the joint (COCO,
https://cocodataset.org/#keypoints-eval; the sigmas are those of pycocotools, cocoeval.py).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.skeleton import JOINTS

__all__ = ["SPREAD", "Bodies", "oks"]

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_SIGMAS = {
    **dict.fromkeys(("hip", "rhip", "lhip", "spine"), 0.107),
    **dict.fromkeys(("rknee", "lknee"), 0.087),
    **dict.fromkeys(("rankle", "lankle"), 0.089),
    **dict.fromkeys(("thorax", "rshoulder", "lshoulder"), 0.079),
    **dict.fromkeys(("relbow", "lelbow"), 0.072),
    **dict.fromkeys(("rwrist", "lwrist"), 0.062),
    **{"neck": 0.026, "head": 0.035},
}
"""COCO's of hips, knees, ankles, shoulders, elbows, wrists. `neck` is near the nose; `head` is an
eye or a crown, so that it has the ears', the widest of the face; the spine has the hips'."""

SPREAD: Array = 2 * np.array([_SIGMAS[joint] for joint in JOINTS])
"""(17,) k of each joint."""

_BODY = 0.53
"""Area of a person over that of the box around them, as COCO's files have it where nobody drew the
outline (jin-s13/xtcocoapi)."""

_THIN = 0.25
"""Least width of a box over its height, or the other way round."""

_ENOUGH = 4
"""Joints; with fewer in common the similarity counts for less."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """People in a picture.

    Attributes:
        places: (n, 17, 2) pixels.
        seen: (n, 17) which of them are known.
        sizes: (n,) s in pixels, the root of the area; 0 without a joint.
    """

    places: Array
    seen: BoolArray
    sizes: Array

    @classmethod
    def of(cls, places: Array, seen: BoolArray) -> "Bodies":
        """With sizes from the boxes around them."""
        low = np.where(seen[..., None], places, np.inf).min(axis=1)
        high = np.where(seen[..., None], places, -np.inf).max(axis=1)
        sides: Array = np.maximum(high - low, 0.0)
        # Somebody who is seen from the side, arms down, is no thinner for it.
        sides = np.maximum(sides, _THIN * sides.max(axis=1, keepdims=True))
        return cls(places, seen, np.sqrt(_BODY * sides.prod(axis=1)))

    def __getitem__(self, which: NDArray[np.generic] | list[int]) -> "Bodies":
        return Bodies(self.places[which], self.seen[which], self.sizes[which])

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def centres(self) -> Array:
        """(n, 2), the mean of the joints."""
        total = (self.places * self.seen[..., None]).sum(axis=1)
        return np.asarray(total / np.maximum(self.seen.sum(axis=1), 1)[:, None])


def oks(
    one: Bodies, other: Bodies, spread: Array | None = None, reach: Array | None = None
) -> Array:
    """(m, n) similarity of m people and n others, 0 to 1.

    Args:
        one: m people.
        other: n others.
        spread: (m, 17), k; None for `SPREAD`.
        reach: (m,) how much wider than usual, in sizes; None for 0. Who is farther off is not
            looked at.
    """
    spread = np.broadcast_to(SPREAD, one.seen.shape) if spread is None else spread
    size = np.maximum(np.maximum(one.sizes[:, None], other.sizes), 1.0)
    wide = 2.0 if reach is None else 2.0 + reach[:, None]
    off = ((one.centres[:, None] - other.centres) ** 2).sum(axis=-1)
    a, b = np.nonzero(off <= (wide * size) ** 2)
    apart = ((one.places[a] - other.places[b]) ** 2).sum(axis=-1)
    common = one.seen[a] & other.seen[b]
    scale = 2 * (size[a, b, None] * spread[a]) ** 2
    alike = np.where(common, np.exp(-apart / scale), 0.0).sum(axis=-1)
    similar = np.zeros(size.shape)
    similar[a, b] = alike / np.maximum(common.sum(axis=-1), _ENOUGH)
    return similar
