"""COCO's 17 joints: most detectors, and AIST++'s keypoints."""

from h2ot_edge.layouts.layout import Layout
from h2ot_edge.layouts.rules import SPINE_OF_TRUNK, mean, same

__all__ = ["BODY", "COCO17", "RULES"]

_SIDED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
BODY = ("nose", *(f"{side}_{part}" for part in _SIDED for side in ("left", "right")))

RULES = {
    **same(neck="nose"),
    "hip": mean("left_hip", "right_hip"),
    "thorax": mean("left_shoulder", "right_shoulder"),
    "spine": SPINE_OF_TRUNK,
    "head": mean("left_eye", "right_eye"),
}
"""Those of MotionBERT's in-the-wild data (`coco2h36m`). The head is lower than Human3.6M's top."""

COCO17 = Layout(
    name="coco17",
    title="COCO, 17 joints",
    joints=BODY,
    sources=RULES,
    origin="order: mmpose, configs/_base_/datasets/coco.py; rules: MotionBERT, "
    "lib/data/dataset_action.py, coco2h36m",
)
