"""MediaPipe's (BlazePose's) 33 landmarks."""

from h2ot_edge.layouts.layout import Layout
from h2ot_edge.layouts.rules import SPINE_OF_TRUNK, mean, same

__all__ = ["MEDIAPIPE33"]

_SIDED = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
_LOWER = ("hip", "knee", "ankle", "heel", "foot_index")

MEDIAPIPE33 = Layout(
    name="mediapipe33",
    title="MediaPipe, 33 landmarks",
    joints=(
        "nose",
        *(f"{side}_eye{part}" for side in ("left", "right") for part in ("_inner", "", "_outer")),
        "left_ear",
        "right_ear",
        "mouth_left",
        "mouth_right",
        *(f"{side}_{part}" for part in (*_SIDED, *_LOWER) for side in ("left", "right")),
    ),
    sources={
        **same(neck="nose"),
        "hip": mean("left_hip", "right_hip"),
        "thorax": mean("left_shoulder", "right_shoulder"),
        "spine": SPINE_OF_TRUNK,
        "head": mean("left_eye", "right_eye"),
    },
    origin="order: MediaPipe, pose landmarker guide, and ML Kit, PoseLandmark; rules: as coco17",
)
