"""Bones: names, lengths, and poses that keep them."""

from pathlib import Path

import numpy as np
import pytest

from h2ot_edge.bones import (
    BONES,
    STATURE_IN_BONES,
    bone_lengths,
    median_lengths,
    stabilise_bones,
    upright_length,
    with_lengths,
)
from h2ot_edge.gait import Walk
from h2ot_edge.poses import Poses
from h2ot_edge.skeleton import JOINTS, PARENTS

MOCAP = Path(__file__).parents[2] / "shared" / "data" / "mocap" / "train.npz"
WALK = Walk(stature_m=1.8).joints(np.arange(40) / 50).astype(np.float32)
ALL = np.ones((40, 17), bool)
NOISY = WALK + np.random.default_rng(0).normal(0, 0.02, WALK.shape).astype(np.float32)


def directions(positions):
    vectors = np.float64(positions)[..., 1:, :] - np.float64(positions)[..., PARENTS[1:], :]
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_names_belong_to_joints():
    assert len(BONES) == len(JOINTS) - 1
    ends = {bone: (JOINTS[PARENTS[i]], JOINTS[i]) for i, bone in enumerate(BONES, start=1)}
    assert ends["rthigh"] == ("rhip", "rknee")
    assert ends["lshank"] == ("lknee", "lankle")
    assert ends["upper_spine"] == ("spine", "thorax")
    assert ends["head"] == ("neck", "head")
    assert ends["lclavicle"] == ("thorax", "lshoulder")
    assert ends["rforearm"] == ("relbow", "rwrist")


def test_lengths_of_a_walker_are_those_of_the_tables():
    lengths = dict(zip(BONES, bone_lengths(WALK)[7], strict=True))
    for name, share in (("rthigh", 0.245), ("lshank", 0.246), ("lupper_arm", 0.186)):
        assert lengths[name] == pytest.approx(1.8 * share, abs=1e-6)


def test_medians_are_over_valid_frames():
    poses, valid = WALK.copy(), ALL.copy()
    poses[:25, 2] += 1  # the right knee goes astray for most of the clip
    valid[:25, 2] = False
    valid[:, 16] = False
    medians = median_lengths(poses, valid)
    wanted = median_lengths(WALK, ALL)
    seen = np.arange(16) != BONES.index("rforearm")
    np.testing.assert_allclose(medians[seen], wanted[seen], atol=1e-6)
    assert np.isnan(medians[BONES.index("rforearm")])


def test_the_upright_length_takes_what_is_known_of_both_legs():
    lengths = np.arange(1.0, 17)
    assert upright_length(lengths) == (3 + 6) / 2 + (2 + 5) / 2 + 7 + 8 + 9 + 10
    lengths[[1, 5]] = np.nan
    assert upright_length(lengths) == 3 + 5 + 7 + 8 + 9 + 10
    lengths[4] = np.nan
    assert np.isnan(upright_length(lengths))


@pytest.mark.shared
@pytest.mark.skipif(not MOCAP.is_file(), reason="the shared data are not on this machine")
def test_the_factor_is_that_of_the_bodies_of_the_training_data():
    with np.load(MOCAP) as archive:
        bodies = archive["bodies"].astype(np.float64)
    legs = bodies[:, [BONES.index(b) for b in ("rthigh", "rshank", "lthigh", "lshank")]].sum(1) / 2
    factors = legs / 0.491 / np.array([upright_length(body) for body in bodies])
    assert factors.mean() == pytest.approx(STATURE_IN_BONES, abs=5e-4)
    assert factors.std(ddof=1) == pytest.approx(0.012, abs=5e-4)


def test_the_factor_of_the_sample_walk_is_as_stated():
    assert 1.8 / upright_length(bone_lengths(WALK)[0]) == pytest.approx(1.031, abs=5e-4)


def test_given_lengths_are_kept_and_directions_too():
    lengths = np.linspace(0.1, 0.5, 16)
    moved = with_lengths(NOISY, lengths)
    np.testing.assert_allclose(bone_lengths(moved), np.broadcast_to(lengths, (40, 16)))
    np.testing.assert_allclose(directions(moved), directions(NOISY), atol=1e-6)
    np.testing.assert_array_equal(moved[:, 0], NOISY[:, 0])


def test_a_bone_without_a_direction_stays_without():
    flat = np.zeros((1, 17, 3))
    np.testing.assert_array_equal(with_lengths(flat, np.ones(16)), flat)


def test_stabilised_poses_have_constant_bones():
    valid = ALL.copy()
    valid[:, 13] = False
    poses = Poses(positions=NOISY, valid=valid, filters=("a",), fps=50)
    found = stabilise_bones(poses)
    lengths = bone_lengths(found)
    np.testing.assert_allclose(lengths.std(axis=0), 0, atol=1e-6)
    # The left wrist is never valid: its bone has the median over all frames.
    np.testing.assert_allclose(lengths[0], median_lengths(NOISY, ALL), rtol=1e-5)
    assert (found.filters, found.fps) == (("a", "stabilise_bones()"), 50)
    np.testing.assert_array_equal(found["hip"], poses["hip"])


def test_clips_have_lengths_of_their_own():
    both = Poses(positions=np.stack([NOISY, 0.5 * NOISY]))
    found = bone_lengths(stabilise_bones(both))
    assert found.shape == (2, 40, 16)
    np.testing.assert_allclose(found[1], 0.5 * found[0], rtol=1e-4)


def test_frames_without_a_pose_stay_without():
    gone = NOISY.copy()
    gone[3:5] = np.nan
    found = np.asarray(stabilise_bones(Poses(positions=gone)))
    assert np.isnan(found[3:5]).all()
    assert np.isfinite(np.delete(found, [3, 4], axis=0)).all()
