"""Poses that were never recorded."""

import numpy as np
import pytest
from motions import walking

from h2ot_edge.benchmarks.motion.motions import bone_vectors
from h2ot_edge.export.training.variation import Variation, rotations

NOTHING = {"share": 1.0, "legs": 0.0, "arms": 0.0, "turned": 0.0, "tilt": 0.0, "fallen": 0.0}
PEOPLE = np.stack(
    [
        bone_vectors(walking(frames=12, stature_m=h, cadence=c).poses)
        for h, c in ((1.6, 90), (1.9, 130))
    ]
    * 50
)


def varied(seed=0, bones=PEOPLE, **changes):
    return Variation(**{**NOTHING, **changes})(bones, np.random.default_rng(seed))


def lengths(bones):
    return np.linalg.norm(bones, axis=-1)


def test_nothing_changes_nothing():
    np.testing.assert_allclose(varied(), PEOPLE, atol=1e-7)
    np.testing.assert_array_equal(varied(share=0.0, legs=1.0, tilt=1.0), PEOPLE)


def test_only_the_share_asked_for_is_varied():
    changed = (varied(share=0.3, tilt=1.0) != PEOPLE).any(axis=(1, 2, 3))
    assert changed.mean() == pytest.approx(0.3, abs=0.12)


def test_the_same_chance_gives_the_same():
    np.testing.assert_array_equal(varied(legs=0.5, turned=0.5), varied(legs=0.5, turned=0.5))
    assert not np.array_equal(varied(legs=0.5), varied(1, legs=0.5))


def test_other_legs_keep_their_lengths_and_leave_the_rest():
    result = varied(legs=1.0)
    np.testing.assert_array_equal(result[:, :, 6:], PEOPLE[:, :, 6:])
    thigh = lengths(result)[:, 0, 1]
    own = lengths(PEOPLE)[:, 0, 1]
    assert 0.2 < np.mean(np.abs(thigh - own) > 0.01) < 0.8
    assert set(np.round(thigh, 3)) == set(np.round(own, 3))


def test_an_arm_comes_alone():
    result = varied(arms=1.0)
    untouched = [i for i in range(16) if i not in (11, 12, 14, 15)]
    np.testing.assert_array_equal(result[:, :, untouched], PEOPLE[:, :, untouched])
    assert (result[:, :, 11] != PEOPLE[:, :, 11]).any()


def test_a_limb_keeps_its_place_beside_a_body_that_faces_elsewhere():
    """The same person, turned by any angle, gets legs of its own heading."""
    angle = np.linspace(0, 6, 40)
    turn = rotations(np.stack([0 * angle, 0 * angle, angle], axis=-1))
    turned = np.einsum("bij,bfkj->bfki", turn, np.repeat(PEOPLE[:1], 40, axis=0))
    np.testing.assert_allclose(varied(bones=turned, legs=1.0, arms=1.0), turned, atol=1e-5)


def test_turned_joints_and_tilted_bodies_keep_their_lengths():
    for changes in ({"turned": 1.0}, {"tilt": 0.5}, {"fallen": 1.0}):
        result = varied(**changes)
        np.testing.assert_allclose(lengths(result), lengths(PEOPLE), atol=1e-5)
        assert np.abs(result - PEOPLE).max() > 0.05


def test_a_tilt_is_about_a_horizontal_axis_and_turns_everything():
    result = varied(tilt=0.3)
    gram, before = (np.einsum("bfki,bfli->bfkl", b, b) for b in (result, PEOPLE))
    np.testing.assert_allclose(gram, before, atol=1e-5)
    trunk = result[:, 0, 6] / lengths(result)[:, 0, 6, None]
    assert 0.1 < np.arccos(np.clip(trunk[:, 2], -1, 1)).mean() < 0.5


def test_the_fallen_come_in_all_directions_up_to_upside_down():
    up = varied(fallen=1.0)[:, 0, 6, 2]
    assert up.min() < -0.15
    assert up.max() > 0.15


def test_rotations_against_hand_worked_values():
    quarter = rotations(np.array([[0.0, 0.0, np.pi / 2], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(quarter[0] @ [1, 0, 0], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(quarter[1], np.eye(3), atol=1e-6)
