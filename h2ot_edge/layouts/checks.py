"""Whether keypoints are what they say: axes, unit, left and right.

What can be told is told from the whole clip, and no finding is a proof: a person who lies with the
head to the left looks as one who stands does in (y, x) order. docs/keypoints.md has how often each
finding is right and wrong on real motions. That left and right are exchanged in all joints of all
frames cannot be told from Human3.6M's joints: it is a person seen from the other side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS, MIRROR
from h2ot_edge.spec import FloatArray

__all__ = ["Finding", "check_orientation"]

_MOST = 0.9
"""Share of the frames that must agree before an axis is doubted."""

_FEWEST = 10
"""Frames; fewer may well show somebody lying or upside down."""

_UPPER, _LOWER = (8, 9, 10), (2, 3, 5, 6)
_BEND = 0.3
"""How far the spine may be from the trunk's middle, in its lengths; up to 0.14 in real motions."""

_FACE = 0.125
"""How far eyes may be from the nose, both together, in extents of the picture that is seen."""

_LEGS, _ARMS = (1, 2, 3, 4, 5, 6), (11, 12, 13, 14, 15, 16)
_NEXT = ((1, 2), (2, 3), (11, 12), (12, 13))
"""Joints of one side that a bone joins; the other side's are their mirror images."""


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Attributes:
        name: `joint-order`, `yx-order`, `upside-down`, `sides-jump`, `sides-disagree`, `pixels`,
            `normalised`, `zero-to-one` or `outside-image`.
        message: what was seen, and what to do.
    """

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def check_orientation(
    keypoints: ArrayLike, image_size: Sequence[float] | None = None, *, first_frame: int = 0
) -> tuple[Finding, ...]:
    """Look for the usual mistakes.

    Args:
        keypoints: (t, 17, 2|3), the joints of `h2ot_edge.skeleton`; joints with confidence 0 and
            NaN are not looked at.
        image_size: (width, height) if they are pixels.
        first_frame: number of the first frame, for messages.

    Returns:
        What was found; nothing if all is well, or too little is seen.

    Raises:
        InputError: another shape, or not of real numbers.
    """
    array = np.asarray(keypoints)
    shape = array.shape
    if array.dtype.kind not in "fiu" or len(shape) != 3 or shape[1:] not in ((17, 2), (17, 3)):
        raise InputError(
            f"keypoints: expected real numbers (t, 17, 2|3), got {array.dtype} {array.shape}"
        )
    points = _seen(array.astype(np.float32))
    if not np.isfinite(points).any():
        return ()
    if unit := tuple(_of_unit(points, image_size)):
        return unit  # in another unit nothing else can be told
    if order := tuple(_of_order(points)):
        return order  # nor of joints that are others
    return (*_of_axes(points), *_of_jumps(points, first_frame), *_of_sides(points))


def _seen(array: FloatArray) -> FloatArray:
    """(t, 17, 2) with NaN where nothing was seen."""
    points = array[..., :2].copy()
    missing = ~np.isfinite(array).all(axis=-1)
    if array.shape[-1] == 3:
        missing |= ~(array[..., 2] > 0)
    points[missing] = np.nan
    return points


def _of_unit(points: FloatArray, image_size: Sequence[float] | None) -> Iterator[Finding]:
    low, high = float(np.nanmin(points)), float(np.nanmax(points))
    if image_size is None:
        if max(-low, high) > 10:
            yield Finding(
                "pixels",
                f"values from {low:g} to {high:g} are pixels; pass image_size=(width, height)",
            )
        elif low >= -0.02 and high <= 1.02 and len(points) >= _FEWEST:
            yield Finding(
                "zero-to-one",
                f"all values lie between {low:.2f} and {high:.2f}, so they may be shares of the "
                "image (MediaPipe) instead of -1 to 1; multiply x by the width and y by the "
                "height, and pass image_size",
            )
        return
    width, height = (float(side) for side in image_size)
    if max(-low, high) <= 2 < width:
        kind = "shares of the image" if low >= -0.02 else "normalised already"
        yield Finding(
            "normalised",
            f"values from {low:.2f} to {high:.2f} are {kind}, not pixels; leave image_size out if "
            "they are normalised by the width, or multiply shares by the image's size",
        )
        return
    yield from _of_size(points, width, height)


def _of_size(points: FloatArray, width: float, height: float) -> Iterator[Finding]:
    outside = _outside(points, width, height)
    if outside <= 0.5:
        return
    if width != height and _outside(points[..., ::-1], width, height) < 0.05:
        yield _yx(
            f"{outside:.0%} of the joints lie outside the image, but not with x and y exchanged"
        )
    else:
        yield Finding(
            "outside-image",
            f"{outside:.0%} of the joints lie outside an image of {width:g} x {height:g}; pass "
            "the size of the image that the detector saw",
        )


def _outside(points: FloatArray, width: float, height: float) -> float:
    """Share of joints that are outside the image by more than a tenth of it."""
    size = np.array([width, height], np.float32)
    seen = points[np.isfinite(points).all(axis=-1)]
    far = ((seen < -0.1 * size) | (seen > 1.1 * size)).any(axis=-1)
    return float(far.mean())


def _of_order(points: FloatArray) -> Iterator[Finding]:
    """COCO's 17 joints: a nose and eyes where hip and thigh are, an elbow where the spine is."""
    first = points[:, [0, 1, 2, 7, 8]]
    hip, rhip, rknee, spine, thorax = first[np.isfinite(first).all(axis=(1, 2))].transpose(1, 0, 2)
    off, trunk = _way(spine, (hip + thorax) / 2), _way(hip, thorax)
    seen = points[np.isfinite(points).all(axis=-1)]
    size = float((seen.max(axis=0) - seen.min(axis=0)).max())
    face = _way(hip, rhip) + _way(hip, rknee)
    if len(hip) < _FEWEST or off < _BEND * trunk or face > _FACE * size * len(hip):
        return
    yield Finding(
        "joint-order",
        "the first three joints lie as close together as nose and eyes, and the spine is not "
        "between hip and thorax, so these look like COCO's 17 joints and not like "
        'h2ot_edge.skeleton.JOINTS; say so (layout="coco17", --layout coco17, or h36m_from)',
    )


def _way(one: FloatArray, two: FloatArray) -> float:
    """The sum over frames of how far two joints (t, 2) are apart."""
    return float(np.linalg.norm(one - two, axis=-1).sum())


def _of_axes(points: FloatArray) -> Iterator[Finding]:
    up = _mean(points, _UPPER) - _mean(points, _LOWER)
    up = up[np.isfinite(up).all(axis=-1)]
    if len(up) < _FEWEST:
        return
    length = np.linalg.norm(up, axis=-1) + 1e-12
    left, down = -up[:, 0] / length, up[:, 1] / length
    if (left > np.cos(np.radians(30))).mean() >= _MOST:
        yield _yx(f"the head is left of the feet in {(left > 0.866).mean():.0%} of the frames")
    elif (down > np.cos(np.radians(45))).mean() >= _MOST:
        yield Finding(
            "upside-down",
            f"the head is below the feet in {(down > 0.707).mean():.0%} of the frames; y points "
            "down in images: pass height - y if yours points up",
        )


def _yx(seen: str) -> Finding:
    return Finding(
        "yx-order",
        f"{seen}, so the order may be (y, x); x comes first: pass keypoints[..., [1, 0, 2]], "
        "unless the person lies",
    )


def _of_jumps(points: FloatArray, first_frame: int) -> Iterator[Finding]:
    """Frames in which a limb's sides are nearer to the other ones of the frame before."""
    size = _extent(points)
    flips = np.zeros(max(len(points) - 1, 0), np.bool_)
    for limb in (_LEGS, _ARMS):
        mine = list(limb)
        other = [MIRROR[joint] for joint in limb]
        before, now = points[:-1], points[1:]
        stay = _step(now[:, mine] - before[:, mine])
        swap = _step(now[:, other] - before[:, mine])
        flips |= (swap < 0.5 * stay) & (stay > 0.05 * size)
    frames = (np.flatnonzero(flips) + 1 + first_frame).tolist()
    if frames:
        shown = ", ".join(map(str, frames[:5])) + (", ..." if len(frames) > 5 else "")
        yield Finding(
            "sides-jump",
            f"left and right change places in {len(frames)} of {len(points)} frames ({shown}); a "
            "detector or tracker swaps them: swap them back, or set their confidence to 0 there",
        )


def _of_sides(points: FloatArray) -> Iterator[Finding]:
    """Legs and arms that disagree about left and right, as mixed-up orders of joints do."""
    hips, shoulders = points[:, 4] - points[:, 1], points[:, 11] - points[:, 14]
    wrong = []
    if (agreed := _agreement(hips, shoulders)) is not None and agreed < -0.3:
        wrong.append("hips and shoulders")
    for near, far in _NEXT:
        own = _length(points, near, far) + _length(points, MIRROR[near], MIRROR[far])
        crossed = _length(points, near, MIRROR[far]) + _length(points, MIRROR[near], far)
        if crossed < 0.9 * own:
            wrong.append(f"{JOINTS[near][1:]}s and {JOINTS[far][1:]}s")
    if wrong:
        yield Finding(
            "sides-disagree",
            f"left and right of {', '.join(wrong)} disagree; the joints are in another order than "
            "h2ot_edge.skeleton.JOINTS: say which layout they have (h2ot_edge.layouts)",
        )


def _mean(points: FloatArray, joints: Sequence[int]) -> FloatArray:
    """(t, 2), NaN where one of them is."""
    middle: FloatArray = points[:, list(joints)].mean(axis=1)
    return middle


def _extent(points: FloatArray) -> float:
    """The person's size: the median over frames of the longer side of all joints' box."""
    whole = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(whole):
        return float("inf")
    return float(np.median((whole.max(axis=1) - whole.min(axis=1)).max(axis=-1)))


def _step(moves: FloatArray) -> NDArray[np.float32]:
    """Mean length of moves (t, j, 2); NaN where a joint is missing."""
    lengths: NDArray[np.float32] = np.linalg.norm(moves, axis=-1).mean(axis=-1)
    return lengths


def _agreement(one: FloatArray, two: FloatArray) -> float | None:
    """Whether vectors (t, 2) point the same way, -1 to 1; None if too few are seen."""
    seen = np.isfinite(one).all(axis=-1) & np.isfinite(two).all(axis=-1)
    norm = np.sqrt((one[seen] ** 2).sum() * (two[seen] ** 2).sum())
    if seen.sum() < _FEWEST or norm == 0:
        return None
    return float((one[seen] * two[seen]).sum() / norm)


def _length(points: FloatArray, one: int, two: int) -> float:
    """Total length between two joints, over the frames in which both sides are seen."""
    four = [one, two, MIRROR[one], MIRROR[two]]
    seen = np.isfinite(points[:, four]).all(axis=(1, 2))
    return float(np.linalg.norm(points[seen, one] - points[seen, two], axis=-1).sum())
