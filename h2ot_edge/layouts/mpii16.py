"""MPII's 16 joints."""

from h2ot_edge.layouts.layout import Layout
from h2ot_edge.layouts.rules import mean, same

__all__ = ["MPII16"]

_LEGS = ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle")
_ARMS = (
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)

MPII16 = Layout(
    name="mpii16",
    title="MPII, 16 joints",
    joints=(*_LEGS, "pelvis", "thorax", "upper_neck", "head_top", *_ARMS),
    sources={
        **same(hip="pelvis", thorax="thorax", neck="upper_neck", head="head_top"),
        "spine": mean("pelvis", "thorax"),
    },
    origin="order: mmpose, configs/_base_/datasets/mpii.py; rules: the correspondence is that of "
    "GAST-Net (h36m_mpii_order), the spine ours",
)
"""It has no nose: Human3.6M's neck/nose is the upper neck, which is lower and further back."""
