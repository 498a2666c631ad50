"""Halpe's 26 body joints and all its 136 points: AlphaPose, RTMPose with feet."""

from h2ot_edge.layouts.coco17 import BODY
from h2ot_edge.layouts.layout import Layout
from h2ot_edge.layouts.rules import mean, same

__all__ = ["HALPE26", "HALPE136"]

_JOINTS = (
    *BODY,
    "head",
    "neck",
    "hip",
    *(f"{side}_{part}" for part in ("big_toe", "small_toe", "heel") for side in ("left", "right")),
)

_RULES = {
    **same(hip="hip", thorax="neck", neck="nose", head="head"),
    "spine": mean("hip", "neck"),
}

_ORIGIN = "order: Halpe-FullBody, README; rules: MotionBERT, lib/data/dataset_wild.py, halpe2h36m"

HALPE26 = Layout(
    name="halpe26", title="Halpe, 26 joints", joints=_JOINTS, sources=_RULES, origin=_ORIGIN
)

HALPE136 = Layout(
    name="halpe136",
    title="Halpe, 136 points",
    joints=(
        *_JOINTS,
        *(f"face_{number}" for number in range(68)),
        *(f"left_hand_{number}" for number in range(21)),
        *(f"right_hand_{number}" for number in range(21)),
    ),
    sources=_RULES,
    origin=_ORIGIN,
)
