"""Differences of poses in millimetres, whatever the unit of the model."""

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.skeleton import JOINTS

__all__ = ["TORSO_MM", "millimetres_per_unit"]

TORSO_MM = 500.0
"""What a torso (hip to thorax) is taken for where the unit of the poses is not known."""

_HIP, _THORAX = JOINTS.index("hip"), JOINTS.index("thorax")


def millimetres_per_unit(poses: NDArray[np.floating], unit: str) -> float:
    """Factor to millimetres.

    Args:
        poses: (..., 17, 3) of the reference, from which the torso is measured.
        unit: `m`, or that of the model's output, which is no length.
    """
    if unit == "m":
        return 1e3
    torso = np.linalg.norm(poses[..., _THORAX, :] - poses[..., _HIP, :], axis=-1)
    return TORSO_MM / float(torso.mean())
