"""The scale of poses, from what is known of the person's size."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import look_up
from h2ot_edge.bones import BONES, STATURE_IN_BONES, upright_length
from h2ot_edge.errors import InputError, UsageError

__all__ = ["scale_from_bones", "scale_from_height", "statures"]

Array = NDArray[np.float64]

_PLACE = {name: number for number, name in enumerate(BONES)}


def statures(height_m: float | Sequence[float], clips: int) -> Array:
    """One stature for each clip."""
    heights = np.asarray(height_m, np.float64)
    if heights.shape not in ((), (clips,)):
        raise UsageError(
            f"height_m: expected one number, or one for each of {clips} clips, got {heights.shape}"
        )
    for height in heights.ravel():
        _check_length("height_m", float(height))
    return np.broadcast_to(heights, clips)


def scale_from_height(lengths: Array, height_m: float) -> float:
    """Metres per unit of bones (16,) of a person of that stature."""
    upright = upright_length(lengths)
    if not upright > 0:
        raise InputError(
            "to_metric: expected ankle, knee, hip, spine, thorax, neck and head valid in some "
            "frame each with its neighbour, to tell the stature by, got one that never is; give "
            "bones={...} that were seen"
        )
    return height_m / (STATURE_IN_BONES * upright)


def scale_from_bones(lengths: Array, bones: Mapping[str, float]) -> float:
    """Metres per unit of bones (16,), of which those named have these lengths, by least squares."""
    if not bones:
        raise UsageError("bones: expected the length of at least one, got none")
    places = [look_up("bone", name, _PLACE) for name in bones]
    for name, length in bones.items():
        _check_length(f"bones[{name!r}]", length)
    found, wanted = lengths[places], np.array(list(bones.values()), np.float64)
    if not (found > 0).all():
        unseen = ", ".join(name for name, size in zip(bones, found, strict=True) if not size > 0)
        raise InputError(f"to_metric: the poses hold no valid {unseen}; give bones that were seen")
    return float(found @ wanted / (found @ found))


def _check_length(name: str, metres: float) -> None:
    if not 0.01 <= metres <= 3:
        raise UsageError(f"{name}: expected metres, 0.01 to 3, got {metres:g}")
