"""COCO's joints -> Human3.6M's, by the name it had first; see `h2ot_edge.layouts`."""

from h2ot_edge.layouts.coco17 import COCO17
from h2ot_edge.spec import FloatArray

__all__ = ["h36m_from_coco"]


def h36m_from_coco(keypoints: FloatArray) -> FloatArray:
    """Human3.6M's 17 joints from COCO's: `h36m_from` of `h2ot_edge.layouts` for coco17.

    Args:
        keypoints: (..., 17, 3): x, y, score, any unit.

    Returns:
        (..., 17, 3), the same unit and type.
    """
    return COCO17.to_h36m(keypoints)
