"""Keypoints of any detector -> Human3.6M's 17 joints; and checks whether they are what they say.

    from h2ot_edge.layouts import h36m_from
    keypoints = h36m_from(openpose_keypoints, "body25")  # (t, 25, 3) -> (t, 17, 3)

Every layout is a table in a file of its own. What its rules cost in millimetres: docs/keypoints.md.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from h2ot_edge._names import look_up
from h2ot_edge.errors import InputError
from h2ot_edge.layouts.checks import Finding, check_orientation
from h2ot_edge.layouts.coco17 import COCO17
from h2ot_edge.layouts.coco133 import COCO133
from h2ot_edge.layouts.h36m17 import H36M17
from h2ot_edge.layouts.halpe import HALPE26, HALPE136
from h2ot_edge.layouts.layout import Layout
from h2ot_edge.layouts.mediapipe33 import MEDIAPIPE33
from h2ot_edge.layouts.mpii16 import MPII16
from h2ot_edge.layouts.openpose import BODY25, OPENPOSE18
from h2ot_edge.spec import FloatArray

__all__ = ["LAYOUTS", "Finding", "Layout", "check_orientation", "h36m_from", "layouts_with"]

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        layout.name: layout
        for layout in (
            *(H36M17, COCO17, COCO133, HALPE26, HALPE136),
            *(BODY25, OPENPOSE18, MEDIAPIPE33, MPII16),
        )
    }
)
"""Every layout, by name."""


def h36m_from(keypoints: ArrayLike, layout: str) -> FloatArray:
    """Human3.6M's 17 joints from those of another layout.

    A joint made of several is as certain as the least certain of them; if one of them is missing
    (no confidence above 0, or NaN), so is the joint: (0, 0, 0), as detectors write it.

    Args:
        keypoints: (..., n, 2|3), real numbers, any unit: x, y and perhaps a confidence of the n
            joints of the layout.
        layout: key in `LAYOUTS`.

    Returns:
        (..., 17, 2|3) float32, the same unit, the joints of `h2ot_edge.skeleton`.

    Raises:
        UnknownName: no such layout.
        InputError: another shape, or not of real numbers.
    """
    chosen = look_up("layout", layout, LAYOUTS)
    try:
        array = np.asarray(keypoints)
    except ValueError as error:
        raise InputError(
            "keypoints: expected an array of real numbers, got nested sequences of different "
            "lengths; give every frame the same joints and channels"
        ) from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"keypoints: expected an array of real numbers, got dtype {array.dtype}")
    with np.errstate(over="ignore"):  # the engine refuses infinity, and says where it is
        return chosen.to_h36m(array.astype(np.float32, copy=False))


def layouts_with(joints: int) -> tuple[str, ...]:
    """Names of the layouts that have so many joints."""
    return tuple(name for name, layout in LAYOUTS.items() if len(layout.joints) == joints)
