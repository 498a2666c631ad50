"""Rules that several layouts share: the limbs, and joints that a detector has not."""

from collections.abc import Mapping

__all__ = ["LIMBS", "SPINE_OF_TRUNK", "mean", "same"]

LIMBS = {
    f"{side[0]}{part}": f"{side}_{part}"
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    for side in ("left", "right")
}
"""Human3.6M's limbs, by the names that detectors give them."""


def mean(*joints: str) -> Mapping[str, float]:
    """The middle of some joints."""
    return dict.fromkeys(joints, 1 / len(joints))


def same(**joints: str) -> Mapping[str, Mapping[str, float]]:
    """Joints that are taken over, with the limbs."""
    return {joint: {source: 1.0} for joint, source in {**LIMBS, **joints}.items()}


SPINE_OF_TRUNK = mean("left_hip", "right_hip", "left_shoulder", "right_shoulder")
"""The spine's middle, where neither pelvis nor neck is detected."""
