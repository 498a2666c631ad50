"""Virtual cameras and the simulated detector."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walkers, walking

from h2ot_edge.benchmarks.motion.cameras import NEAREST_M, CameraRange, film
from h2ot_edge.benchmarks.motion.detector import CLEAN, NOISY, Detector
from h2ot_edge.benchmarks.motion.motions import (
    bone_lengths,
    bone_vectors,
    joined,
    poses_from_bones,
    stature,
)
from h2ot_edge.skeleton import MIRROR

WINDOWS = np.stack([walking(frames=40).poses] * 16)


def filmed(seed=0, **changes):
    return film(WINDOWS, np.random.default_rng(seed), CameraRange(**changes))


def test_cameras_keep_lengths_and_put_the_hip_at_the_origin():
    seen = filmed()
    np.testing.assert_array_equal(seen.poses[:, :, 0], 0.0)
    np.testing.assert_allclose(bone_lengths(seen.poses), bone_lengths(WINDOWS), atol=1e-6)
    assert seen.poses.dtype == seen.points.dtype == np.float32


def test_points_are_the_projection_of_poses():
    seen = filmed()
    absolute = seen.poses + seen.roots[:, :, None]
    projected = absolute[..., :2] / absolute[..., 2:] * seen.focal[:, None, None, None]
    np.testing.assert_allclose(projected, seen.points, atol=1e-5)


def test_upright_people_stand_upright_in_the_picture():
    """Without roll the head is above the hip (y points down), and up keeps no sideways part."""
    seen = filmed(roll_deg=0.0, aim=0.0, height_m=(1.0, 1.0))
    head, hip = seen.poses[:, :, 10], seen.poses[:, :, 0]
    assert (head[..., 1] < hip[..., 1] - 0.4).all()


def test_a_mirror_image_would_be_noticed():
    """The axes of a camera are right-handed: a person's right stays right of their front."""
    seen = filmed()
    right_of_hip = seen.poses[:, 0, 1] - seen.poses[:, 0, 4]
    up = seen.poses[:, 0, 8]
    world_right = WINDOWS[:, 0, 1] - WINDOWS[:, 0, 4]
    world_up = WINDOWS[:, 0, 8] - WINDOWS[:, 0, 0]
    forward = (
        seen.poses[:, -1] + seen.roots[:, -1, None] - seen.poses[:, 0] - seen.roots[:, 0, None]
    )
    turn = np.einsum("bi,bi->b", np.cross(right_of_hip, up), forward[:, 0])
    travelled = WINDOWS[:, -1, 0] - WINDOWS[:, 0, 0]
    expected = np.einsum("bi,bi->b", np.cross(world_right, world_up), travelled)
    np.testing.assert_array_equal(np.sign(turn), np.sign(expected))


def test_distances_and_views_are_drawn_from_their_ranges():
    seen = filmed(distance_m=(4.0, 5.0), half_width=(0.5, 0.6), height_m=(1.0, 1.0), aim=0.0)
    middle = np.linalg.norm(seen.roots.mean(axis=1), axis=-1)
    assert (middle > 3.9).all()
    assert (middle < 5.2).all()
    assert (seen.focal >= 1 / 0.6 - 1e-6).all()
    assert (seen.focal <= 1 / 0.5 + 1e-6).all()


def test_nobody_comes_too_near():
    seen = filmed(distance_m=(0.1, 0.2))
    depth = seen.poses[..., 2] + seen.roots[..., None, 2]
    assert depth.min() >= NEAREST_M - 1e-5


def test_the_same_seed_films_the_same():
    np.testing.assert_array_equal(filmed(3).points, filmed(3).points)
    assert not np.array_equal(filmed(3).points, filmed(4).points)


def test_bones_and_poses_are_inverse():
    pose = walking(frames=3).poses
    np.testing.assert_allclose(poses_from_bones(pose[:, 0], bone_vectors(pose)), pose, atol=1e-6)


@pytest.mark.parametrize("stature_m", [1.5, 1.75, 1.95])
def test_stature_is_about_right(stature_m):
    poses = walking(stature_m=stature_m).poses
    assert stature(bone_lengths(poses)) == pytest.approx(stature_m, rel=0.06)


def test_joined_sets_hold_everything():
    both = joined([walkers(2), walkers(3)])
    assert len(both) == 5
    assert both.frames == 300
    assert both.subjects == ("a", "b", "c")
    assert both.bodies.shape == (4, 16)
    assert both.body_subjects == ("a", "someone", "a", "someone")


def test_people_take_their_bodies_with_them():
    chosen = walkers(3).of(lambda person: person != "a")
    assert chosen.subjects == ("b", "c")
    assert chosen.body_subjects == ("someone",)
    np.testing.assert_array_equal(chosen.bodies, walkers(3).bodies[1:])
    unowned = replace(walkers(3), body_subjects=())
    assert len(unowned.of(lambda person: False).bodies) == 2


# The detector

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (8, 1, 17, 2)).astype(np.float32)
STILL = np.repeat(POINTS, 400, axis=1)
HEIGHT = np.full(8, 0.8, np.float32)


def detect(detector, points=STILL, seed=0):
    return detector.detect(points, HEIGHT, np.random.default_rng(seed), fps=50.0)


def test_a_clean_detector_sees_everything_and_says_so():
    seen = detect(CLEAN)
    np.testing.assert_array_equal(seen[..., :2], STILL)
    np.testing.assert_array_equal(seen[..., 2], 1.0)


def test_sizes_of_errors_are_those_asked_for():
    seen = detect(Detector(fast=0.01))
    hips = (seen[..., :2] - STILL)[:, :, [0, 1, 7, 8]] / 0.8
    # exp(0.35 z) multiplies it, whose root mean square is exp(0.35^2).
    assert hips.std() == pytest.approx(0.01 * np.exp(0.35**2), rel=0.05)


def test_slow_errors_have_a_memory_and_fast_ones_have_none():
    lag = int(0.15 * 50)
    for detector, expected in ((Detector(slow=0.01), np.exp(-7 / 7.5)), (Detector(fast=0.01), 0.0)):
        error = detect(detector)[..., :2] - STILL
        correlation = (error[:, lag:] * error[:, :-lag]).mean() / (error**2).mean()
        assert correlation == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_lost_joints_are_zero_in_the_share_asked_for(share):
    seen = detect(Detector(lost=share))
    missing = seen[..., 2] == 0
    np.testing.assert_array_equal(seen[missing], 0.0)
    assert missing.mean() == pytest.approx(share, rel=0.35)


def test_lost_joints_come_in_runs():
    missing = detect(Detector(lost=0.1, run_s=0.2))[..., 2] == 0
    beginnings = (missing[:, 1:] & ~missing[:, :-1]).sum()
    assert missing.sum() / beginnings == pytest.approx(0.2 * 50, rel=0.25)


def test_a_gap_takes_the_whole_person():
    missing = detect(Detector(gaps=0.1))[..., 2] == 0
    np.testing.assert_array_equal(missing.any(axis=-1), missing.all(axis=-1))
    assert 0.05 < missing.mean() < 0.15


def test_swapped_limbs_change_sides_and_nothing_else():
    seen = detect(Detector(swapped=0.1))[..., :2]
    moved = (seen != STILL).any(axis=-1)
    assert 0.02 < moved.mean() < 0.3
    mirrored = STILL[:, :, MIRROR]
    np.testing.assert_array_equal(seen[moved], mirrored[moved])
    assert not moved[:, :, [0, 7, 8, 9, 10]].any()


def test_confidence_tells_where_the_error_is_large():
    seen = detect(NOISY)
    error = np.linalg.norm(seen[..., :2] - STILL, axis=-1)
    found = (seen[..., 2] > 0) & (seen[..., 2] < 1)
    doubtful = found & (seen[..., 2] < np.quantile(seen[..., 2][found], 0.05))
    assert error[doubtful].mean() > 1.5 * error[found].mean()


def test_some_detectors_are_always_sure():
    many = np.repeat(STILL[:, :5], 40, axis=0)
    seen = NOISY.detect(many, np.full(320, 0.8, np.float32), np.random.default_rng(0), fps=50.0)
    sure = (np.where(seen[..., 2] > 0, seen[..., 2], 1.0) == 1.0).all(axis=(1, 2))
    assert sure.mean() == pytest.approx(NOISY.sure, abs=0.06)


def test_absent_joints_are_never_found_in_a_share_of_windows():
    many = np.repeat(STILL[:, :5], 50, axis=0)
    heights = np.full(400, 0.8, np.float32)
    seen = Detector(absent=0.3).detect(many, heights, np.random.default_rng(0), fps=50.0)
    missing = seen[..., 2] == 0
    np.testing.assert_array_equal(missing.all(axis=1), missing.any(axis=1))
    counts = missing[:, 0].sum(axis=-1)
    assert np.mean(counts > 0) == pytest.approx(0.3, abs=0.07)
    assert set(counts) > {0, 1, 2, 6}
    assert counts.max() <= 12
