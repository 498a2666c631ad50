"""COCO-WholeBody's 133 points: body, feet, face, hands."""

from h2ot_edge.layouts.coco17 import BODY, RULES
from h2ot_edge.layouts.layout import Layout

__all__ = ["COCO133"]

COCO133 = Layout(
    name="coco133",
    title="COCO-WholeBody, 133 points",
    joints=(
        *BODY,
        *(
            f"{side}_{part}"
            for side in ("left", "right")
            for part in ("big_toe", "small_toe", "heel")
        ),
        *(f"face_{number}" for number in range(68)),
        *(f"left_hand_{number}" for number in range(21)),
        *(f"right_hand_{number}" for number in range(21)),
    ),
    sources=RULES,
    origin="order: mmpose, configs/_base_/datasets/coco_wholebody.py; rules: as coco17",
)
