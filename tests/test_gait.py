import re

import numpy as np
import pytest

from h2ot_edge.errors import UsageError
from h2ot_edge.gait import Walk
from h2ot_edge.skeleton import JOINTS, MIRROR, PARENTS

WALK = Walk(stature_m=1.75, heading_rad=0.4)
FORWARD = np.array([np.cos(0.4), np.sin(0.4), 0.0])
STRIDE_S = 120 / WALK.cadence_steps_per_min
PHASE = np.arange(1000) / 1000
BODY = WALK.joints(PHASE * STRIDE_S)


def joint(name):
    return BODY[:, JOINTS.index(name)]


def swing_degrees(top, bottom):
    """How far `bottom` is in front of hanging straight down from `top`."""
    segment = joint(bottom) - joint(top)
    return np.degrees(np.arctan2(segment @ FORWARD, -segment[:, 2]))


def flexion_degrees(side):
    return swing_degrees(f"{side}hip", f"{side}knee") - swing_degrees(f"{side}knee", f"{side}ankle")


def test_every_bone_keeps_its_length():
    ends = np.array([[joint, parent] for joint, parent in enumerate(PARENTS) if parent >= 0]).T
    lengths = np.linalg.norm(BODY[:, ends[0]] - BODY[:, ends[1]], axis=-1)
    assert np.all(lengths > 0.1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), rtol=1e-9)


def test_both_sides_have_the_same_bones():
    length = np.linalg.norm(BODY[0, 1:] - BODY[0, list(PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(length, length[np.array(MIRROR[1:]) - 1], rtol=1e-9)


@pytest.mark.parametrize("side", ["r", "l"])
def test_knees_only_flex_and_by_the_published_range(side):
    flexion = flexion_degrees(side)
    assert 3 < flexion.min() < 6
    assert 58 < flexion.max() < 60


def test_knee_flexion_peaks_early_in_swing_of_the_right_leg():
    assert PHASE[flexion_degrees("r").argmax()] == pytest.approx(0.72, abs=0.01)
    assert PHASE[flexion_degrees("l").argmax()] == pytest.approx(0.22, abs=0.01)


@pytest.mark.parametrize("side", ["r", "l"])
def test_thighs_swing_by_the_published_range(side):
    thigh = swing_degrees(f"{side}hip", f"{side}knee")
    assert thigh.max() == pytest.approx(36.7 - 11.6, abs=1)
    assert thigh.min() == pytest.approx(-5.8 - 11.6, abs=1)


@pytest.mark.parametrize("side", ["r", "l"])
def test_arms_swing_against_the_leg_of_their_side(side):
    arm = swing_degrees(f"{side}shoulder", f"{side}wrist")
    leg = swing_degrees(f"{side}hip", f"{side}ankle")
    assert np.corrcoef(arm, leg)[0, 1] < -0.9


@pytest.mark.parametrize("side", ["r", "l"])
def test_elbows_bend_forwards(side):
    upper = swing_degrees(f"{side}shoulder", f"{side}elbow")
    lower = swing_degrees(f"{side}elbow", f"{side}wrist")
    assert 14 < (lower - upper).min() < 17
    assert 43 < (lower - upper).max() < 46


@pytest.mark.parametrize("side", ["r", "l"])
def test_left_is_left(side):
    left = np.cross([0, 0, 1], FORWARD)
    across = (joint(f"{side}shoulder") - joint("thorax")) @ left
    assert np.all(np.sign(across) == (1 if side == "l" else -1))


@pytest.mark.parametrize(("side", "landing"), [("r", 0.0), ("l", 0.5)])
def test_the_foot_that_carries_stays_put(side, landing):
    """Measured: 7.3 mm forward and nothing sideways between 10 % and 40 % of the cycle."""
    since = (PHASE - landing) % 1
    foot = joint(f"{side}ankle")[(since > 0.1) & (since < 0.4)]
    left = np.cross([0, 0, 1], FORWARD)
    assert np.ptp(foot @ FORWARD) < 0.010
    assert np.ptp(foot @ left) < 1e-9


def test_the_lower_foot_is_on_the_floor():
    """Measured: 66.9 mm to 101 mm, most while the heel of one foot and the toes of the other touch.

    An ankle is 68 mm (0.039 statures) above a flat foot.
    """
    ankles = np.stack([joint("rankle"), joint("lankle")])[..., 2]
    lower = ankles.min(axis=0)
    assert 0.065 < lower.min() < 0.070
    assert lower.max() < 0.103
    standing = (PHASE > 0.12) & (PHASE < 0.38)
    assert np.all(np.abs(joint("rankle")[standing, 2] - 0.068) < 0.010)


def test_the_pelvis_rises_and_falls_twice_a_stride_by_a_few_centimetres():
    height = joint("hip")[:, 2]
    assert 0.03 < np.ptp(height) < 0.05
    np.testing.assert_allclose(height, np.roll(height, 500), atol=1e-9)


def test_a_stride_later_everything_is_a_stride_further():
    later = WALK.joints((PHASE + 1) * STRIDE_S)
    np.testing.assert_allclose(
        later - BODY, np.tile(0.83 * 1.75 * FORWARD, (1000, 17, 1)), atol=1e-9
    )


def test_half_a_stride_later_left_and_right_have_changed_places():
    straight = Walk()
    now = straight.joints(PHASE * STRIDE_S)
    later = straight.joints((PHASE + 0.5) * STRIDE_S)[:, MIRROR] * [1, -1, 1]
    np.testing.assert_allclose(
        later - now, np.tile([0.83 * 1.75 / 2, 0, 0], (1000, 17, 1)), atol=1e-9
    )


@pytest.mark.parametrize("stride", [0.6, 0.83, 1.0])
def test_speed_is_stride_times_cadence(stride):
    walk = Walk(stature_m=1.6, cadence_steps_per_min=120, stride=stride)
    gone = walk.joints(np.array([0.0, 10.0]))[:, 0, 0]
    assert walk.speed == pytest.approx(stride * 1.6)
    assert gone[1] - gone[0] == pytest.approx(10 * stride * 1.6, rel=1e-3)


def test_start_and_phase_are_where_the_walk_begins():
    walk = Walk(start_m=(2.0, -3.0), phase=1.0)
    ahead = walk.joints(np.array([0.0]))[0] - Walk().joints(np.array([STRIDE_S]))[0]
    np.testing.assert_allclose(ahead, np.tile([2.0, -3.0, 0.0], (17, 1)), atol=1e-9)


def test_a_taller_person_is_the_same_person_scaled():
    np.testing.assert_allclose(
        Walk(stature_m=2.0).joints(PHASE), 2.0 / 1.6 * Walk(stature_m=1.6).joints(PHASE)
    )


def test_a_stride_nobody_walks_is_refused():
    message = "expected a stride of 0.55 to 1.03 statures, got 1.5"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        Walk(stride=1.5)


def test_a_person_without_height_is_refused():
    message = "expected a positive stature and cadence, got 0.0 m and 112.0 steps per minute"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        Walk(stature_m=0.0)
