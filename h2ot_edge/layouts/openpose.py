"""OpenPose's BODY_25 and its older COCO model with 18 joints."""

from h2ot_edge.layouts.layout import Layout
from h2ot_edge.layouts.rules import mean, same

__all__ = ["BODY25", "OPENPOSE18"]

_ARMS = tuple(
    f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")
)
_LEGS = {
    side: tuple(f"{side}_{part}" for part in ("hip", "knee", "ankle")) for side in ("right", "left")
}
_FACE = ("right_eye", "left_eye", "right_ear", "left_ear")
_FEET = tuple(
    f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")
)

BODY25 = Layout(
    name="body25",
    title="OpenPose BODY_25",
    joints=("nose", "neck", *_ARMS, "mid_hip", *_LEGS["right"], *_LEGS["left"], *_FACE, *_FEET),
    sources={
        **same(hip="mid_hip", thorax="neck", neck="nose"),
        "spine": mean("mid_hip", "neck"),
        "head": mean("left_eye", "right_eye"),
    },
    origin="order: openpose, doc/02_output.md; rules: ours, as coco17 and halpe26",
)

OPENPOSE18 = Layout(
    name="openpose18",
    title="OpenPose COCO, 18 joints",
    joints=("nose", "neck", *_ARMS, *_LEGS["right"], *_LEGS["left"], *_FACE),
    sources={
        **same(thorax="neck", neck="nose"),
        "hip": mean("left_hip", "right_hip"),
        "spine": {"left_hip": 0.25, "right_hip": 0.25, "neck": 0.5},
        "head": mean("left_eye", "right_eye"),
    },
    origin="order: openpose, include/openpose/pose/poseParameters.hpp; rules: ours, as coco17",
)
