"""Windows to train on."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walkers, walking

from h2ot_edge.benchmarks.motion.cameras import CameraRange
from h2ot_edge.benchmarks.motion.detector import CLEAN
from h2ot_edge.benchmarks.motion.motions import MotionSet, bone_lengths
from h2ot_edge.export.training.run import unvaried
from h2ot_edge.export.training.sampling import Augmentation, Sampler
from h2ot_edge.skeleton import MIRROR

PLAIN = unvaried(CLEAN)


def sampler(motions=None, frames=9, windows=32, augmentation=PLAIN, **changes):
    motions = walkers() if motions is None else motions
    return Sampler(motions, frames=frames, windows=windows, augmentation=augmentation, **changes)


def test_a_batch_has_the_promised_shapes_types_and_origin():
    keypoints, poses = sampler(augmentation=None)(0)
    assert keypoints.shape == poses.shape == (32, 9, 17, 3)
    assert keypoints.dtype == poses.dtype == np.float32
    np.testing.assert_array_equal(poses[:, :, 0], 0.0)


def test_a_batch_is_a_function_of_seed_and_number():
    first, again = (sampler(augmentation=None, seed=5)(7) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[0], sampler(augmentation=None, seed=5)(8)[0])
    assert not np.array_equal(first[0], sampler(augmentation=None, seed=6)(7)[0])


def test_clean_keypoints_are_the_projection_of_the_poses():
    """Perspective leaves bones of the picture parallel to those of the pose only roughly."""
    keypoints, poses = sampler()(0)
    flat = poses[..., :2] - poses.mean(axis=(1, 2), keepdims=True)[..., :2]
    seen = keypoints[..., :2] - keypoints.mean(axis=(1, 2), keepdims=True)[..., :2]
    for one, other in zip(flat, seen, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_without_variation_bodies_and_speeds_are_the_recorded_ones():
    only = MotionSet(motions=(walking(frames=40),))
    _, poses = sampler(only, frames=40)(0)
    recorded = only.motions[0].poses
    np.testing.assert_allclose(
        bone_lengths(poses), np.broadcast_to(bone_lengths(recorded), (32, 16)), rtol=1e-5
    )
    steps = np.linalg.norm(np.diff(poses[:, :, 3], axis=1), axis=-1)
    relative = recorded[:, 3] - recorded[:, 0]
    expected = np.linalg.norm(np.diff(relative, axis=0), axis=-1)
    np.testing.assert_allclose(steps, np.broadcast_to(expected, steps.shape), atol=2e-3)


def test_speed_changes_how_far_joints_go_in_a_frame():
    only = MotionSet(motions=(walking(frames=200),))
    step = {}
    for speed in (0.5, 1.0, 2.0):
        _, poses = sampler(only, augmentation=replace(PLAIN, speed=(speed, speed)))(0)
        step[speed] = np.linalg.norm(np.diff(poses, axis=1), axis=-1).mean()
    assert step[0.5] < 0.7 * step[1.0] < 0.7 * 0.7 * step[2.0]


def test_other_frame_rates_are_resampled():
    """60 frames at 25 a second last as long as 119 at 50."""
    slow, fast = (MotionSet(motions=(walking(frames=n, fps=r),)) for n, r in ((60, 25), (119, 50)))
    for one, other in zip(sampler(slow, 117)(0), sampler(fast, 117)(0), strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)


def test_a_window_longer_than_its_motion_repeats_the_last_frame():
    only = MotionSet(motions=(walking(frames=5),))
    _, poses = sampler(only, frames=9)(0)
    np.testing.assert_array_equal(poses[:, 5:], np.repeat(poses[:, 4:5], 4, axis=1))


def test_mirrored_people_have_left_and_right_exchanged():
    """All or none mirrored: the same chance films the mirror image of the person."""
    uneven = walking(frames=9)
    poses = uneven.poses.copy()
    poses[:, 16] += 0.2 * (poses[:, 16] - poses[:, 15])  # a longer right forearm
    only = MotionSet(motions=(replace(uneven, poses=poses),))
    lengths = [
        bone_lengths(sampler(only, augmentation=replace(PLAIN, mirror=share))(0)[1])
        for share in (0.0, 1.0)
    ]
    swapped = [joint - 1 for joint in MIRROR[1:]]
    np.testing.assert_allclose(lengths[1], lengths[0][:, swapped], rtol=1e-5)
    assert (lengths[1][:, 12] > 1.1 * lengths[1][:, 15]).all()


def test_bodies_lie_between_ones_own_and_another_persons():
    motions = walkers(1)
    _, poses = sampler(motions, augmentation=replace(PLAIN, bodies=1.0))(0)
    thigh = bone_lengths(poses)[:, 1]
    own = bone_lengths(motions.motions[0].poses)[1]
    low, high = min(own, *motions.bodies[:, 1]), max(own, *motions.bodies[:, 1])
    assert (low - 1e-4 <= thigh).all()
    assert (thigh <= high + 1e-4).all()
    assert thigh.std() > 0.005


def test_scale_changes_all_bones_alike():
    still = np.repeat(walking(frames=1).poses, 9, axis=0)
    motions = MotionSet(motions=(replace(walking(), poses=still),))
    _, poses = sampler(motions, windows=400, augmentation=replace(PLAIN, scale=0.05))(0)
    ratio = bone_lengths(poses) / bone_lengths(still)
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(16, axis=1), rtol=1e-4)
    assert np.log(ratio[:, 0]).std() == pytest.approx(0.05, rel=0.15)


def test_long_actions_do_not_crowd_out_short_ones():
    """Shares of actions are as the roots of their lengths, of their recordings as the lengths."""
    walks = (walking("a", 600, 1.5), walking("b", 300, 1.7))
    motions = MotionSet(motions=(*walks, walking("c", 100, 1.9, action="jump")))
    _, poses = sampler(motions, windows=4000, frames=1)(0)
    thigh = bone_lengths(poses)[:, 1]
    share = [np.mean(np.abs(thigh - 0.245 * m) < 0.01) for m in (1.5, 1.7, 1.9)]
    np.testing.assert_allclose(share, [0.75 * 2 / 3, 0.75 / 3, 0.25], atol=0.04)


def test_cameras_and_detector_are_those_of_the_augmentation():
    far = Augmentation(cameras=CameraRange(distance_m=(20.0, 21.0)), detector=CLEAN)
    near = replace(far, cameras=CameraRange(distance_m=(3.0, 3.1)))
    extents = [np.ptp(sampler(augmentation=a)(0)[0][..., 1], axis=(1, 2)) for a in (far, near)]
    assert np.median(extents[1]) > 4 * np.median(extents[0])
    np.testing.assert_array_equal(sampler(augmentation=far)(0)[0][..., 2], 1.0)
