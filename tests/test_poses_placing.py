"""Poses from the camera: the root's place."""

import numpy as np
import pytest

from h2ot_edge.camera import Camera
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.gait import Walk
from h2ot_edge.poses import CAMERA_AXES, Poses, root
from h2ot_edge.sample import SampleWalk, record, sample_clip

SHOT: SampleWalk = sample_clip()
CAMERA = Camera()
ABOUT = SHOT.poses - SHOT.poses[:, :1]
EXACT = CAMERA.project(SHOT.poses.astype(np.float64))
K = np.array([[1100.0, 0, 640], [0, 1100, 360], [0, 0, 1]])
RNG = np.random.default_rng(0)


def poses(positions=ABOUT, **changes):
    return Poses(positions=positions, **{"fps": 50, **changes})


def refusal(made, *args, error=InputError, **kwargs):
    with pytest.raises(error) as caught:
        made.to_camera(*args, **kwargs)
    return str(caught.value)


def errors_mm(found, truth=SHOT.poses):
    return 1e3 * np.linalg.norm(np.asarray(found) - truth, axis=-1)


def depth_percent(found):
    return 100 * np.abs(found["hip"][:, 2] / SHOT.poses[:, 0, 2] - 1)


def test_exact_keypoints_give_the_place_but_for_what_smoothing_takes():
    found = poses(filters=("a",)).to_camera(EXACT, K=K)
    assert errors_mm(found).mean() < 10
    assert errors_mm(found).max() < 30
    assert np.abs(found["hip"] - SHOT.poses[:, 0])[3:-3, :2].max() < 0.01
    assert (found.frame, found.unit, found.axes) == ("camera", "m", CAMERA_AXES)
    assert found.filters == ("a", "to_camera(focal 1100 px)")


def test_a_focal_length_and_a_size_are_a_camera():
    by_focal = poses().to_camera(EXACT, focal_px=1100, image_size=(1280, 720))
    np.testing.assert_array_equal(by_focal, poses().to_camera(EXACT, K=K))


def test_one_frame_is_solved_exactly():
    found = poses(ABOUT[:1], fps=None).to_camera(EXACT[:1], K=K)
    assert errors_mm(found, SHOT.poses[:1]).max() < 0.1


def test_a_camera_off_centre_and_skewed():
    skewed = np.array([[900.0, 12, 300], [0, 1000, 500], [0, 0, 1]])
    pixels = (SHOT.poses[:5] @ skewed.T)[..., :2] / SHOT.poses[:5, :, 2:]
    found = poses(ABOUT[:5]).to_camera(pixels, K=skewed)
    assert errors_mm(found, SHOT.poses[:5]).max() < 3


def test_noise_of_a_detector():
    found = poses().to_camera(SHOT.keypoints, K=K)
    assert errors_mm(found)[:, 0].mean() < 50
    assert depth_percent(found).mean() < 1


def test_the_clip_as_a_whole_is_steadier_than_its_frames():
    whole = np.asarray(poses().to_camera(SHOT.keypoints, K=K))[:60, 0]
    frames = poses(ABOUT[:60, None]).to_camera(SHOT.keypoints[:60, None], K=K)
    alone, true = np.asarray(frames)[:, 0, 0], SHOT.poses[:60, 0]
    jitter = [
        np.linalg.norm(np.diff(root - true, axis=0), axis=-1).mean() for root in (whole, alone)
    ]
    assert jitter[0] < 0.25 * jitter[1]


def test_a_size_that_is_wrong_is_a_depth_that_is_wrong_by_as_much():
    found = poses(1.1 * ABOUT).to_camera(EXACT, K=K)
    np.testing.assert_allclose(found["hip"], 1.1 * SHOT.poses[:, 0], atol=0.03)


def test_joints_that_went_astray_count_little():
    spoilt = SHOT.keypoints.copy()
    spoilt[::3, 13, :2] += 200
    found = poses().to_camera(spoilt, K=K)
    assert depth_percent(found).mean() < 1.2


def test_what_was_not_seen_does_not_count():
    spoilt, valid = SHOT.keypoints.copy(), np.ones((300, 17), bool)
    spoilt[:, 3] = 0  # confidence 0
    spoilt[:, 6, 0] = np.nan
    spoilt[:, 16, :2] = 5000
    valid[:, 16] = False
    strange = ABOUT.copy()
    strange[:, 13] = np.nan
    found = poses(strange, valid=valid).to_camera(spoilt, K=K)
    assert depth_percent(found).mean() < 1.5
    assert np.isnan(found["lwrist"]).all()


def test_the_confidence_of_the_poses_serves_where_the_keypoints_have_none():
    spoilt, sure = EXACT.copy(), np.ones((300, 17), np.float32)
    spoilt[:, 9:] += 300
    sure[:, 9:] = 0
    found = poses(confidence=sure).to_camera(spoilt, K=K)
    assert errors_mm(found).max() < 40


def test_the_scale_of_confidences_does_not_matter():
    scaled = SHOT.keypoints * np.float32([1, 1, 100])
    found = poses().to_camera(scaled, K=K)
    np.testing.assert_allclose(found, poses().to_camera(SHOT.keypoints, K=K), atol=1e-4)


def test_gaps_are_bridged():
    seen = SHOT.keypoints.copy()
    seen[100:125] = 0
    seen[290:] = 0
    found = poses().to_camera(seen, K=K)
    assert errors_mm(found)[100:125, 0].max() < 200
    assert errors_mm(found)[290:, 0].max() < 300


def test_timestamps_say_how_far_frames_are_apart():
    kept = np.sort(RNG.choice(300, 150, replace=False))
    made = poses(ABOUT[kept], fps=None, timestamps=kept / 50)
    found = made.to_camera(SHOT.keypoints[kept], K=K)
    assert errors_mm(found, SHOT.poses[kept])[:, 0].mean() < 50


def test_clips_are_placed_each_by_itself():
    other = record(Walk(start_m=(1.0, 1.0)), CAMERA, frames=300, seed=1)
    both = np.stack([ABOUT, other.poses - other.poses[:, :1]])
    points = np.stack([SHOT.keypoints, other.keypoints])
    found = poses(both).to_camera(points, K=K)
    alone = poses(both[1]).to_camera(other.keypoints, K=K)
    np.testing.assert_array_equal(found[1], alone)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_the_track_is_the_least_of_its_sum(count, monkeypatch):
    """Against a dense solution of the same equations, without outliers to weigh down."""
    monkeypatch.setattr(root, "_LEAST_M", 1.0)
    truth = SHOT.poses[:count].astype(np.float64)
    relative = truth - truth[:, :1] + RNG.normal(0, 1e-3, truth.shape)
    rays, times = truth[..., :2] / truth[..., 2:], np.sort(RNG.uniform(0, 0.02 * count, count))
    found = root.root_track(relative, rays, np.ones((count, 17)), times)
    np.testing.assert_allclose(found, dense(relative, rays, times), rtol=1e-6, atol=1e-6)


def dense(relative, rays, times):
    count = len(times)
    spans = np.gradient(times) if count > 1 else np.ones(1)
    if count > 1:
        spans[[0, -1]] /= 2
    rows, wanted = [], []
    for t in range(count):
        for j in range(17):
            for axis in (0, 1):
                row = np.zeros((count, 3))
                row[t, axis], row[t, 2] = 1, -rays[t, j, axis]
                error = rays[t, j, axis] * relative[t, j, 2] - relative[t, j, axis]
                weight = np.sqrt(spans[t] / 17)
                rows.append(weight * row.ravel())
                wanted.append(weight * error)
    hertz = 2 * np.pi * np.array([4.0, 4.0, 2.5])
    for t in range(count - 1):
        for axis in range(3):
            row = np.zeros((count, 3))
            step = times[t + 1] - times[t]
            row[t, axis], row[t + 1, axis] = -1 / step, 1 / step
            rows.append(np.sqrt(step) * 2e-3 * np.pi / hertz[axis] ** 2 * row.ravel())
            wanted.append(0)
    for t in range(1, count - 1):
        before, after = times[t] - times[t - 1], times[t + 1] - times[t]
        for axis in range(3):
            row = np.zeros((count, 3))
            row[t + 1, axis] += 2 / after / (before + after)
            row[t, axis] -= 2 / after / before
            row[t - 1, axis] += 2 / before / (before + after)
            rows.append(np.sqrt(spans[t]) / hertz[axis] ** 2 * row.ravel())
            wanted.append(0)
    return np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0].reshape(-1, 3)


def test_only_metres_about_the_root():
    assert refusal(poses(unit="normalised"), EXACT, K=K) == (
        "to_camera: expected poses in metres, got unit 'normalised'; call to_metric first"
    )
    assert refusal(poses(frame="world"), EXACT, K=K) == (
        "to_camera: expected poses of frame 'root', got 'world'; it moves what is about the root, "
        "once"
    )


def test_time_is_known():
    assert refusal(poses(fps=None), EXACT, K=K) == (
        "to_camera: expected poses with fps or timestamps, to know how fast the person can move "
        "from frame to frame; poses.replace(fps=...)"
    )


@pytest.mark.parametrize("given", [{}, {"K": K, "focal_px": 1100.0}])
def test_one_of_matrix_and_focal_length(given):
    assert refusal(poses(), EXACT, error=UsageError, **given) == (
        "to_camera: expected K or focal_px, got both or neither"
    )


@pytest.mark.parametrize("size", [None, (1280,), (1280, 0)])
def test_the_centre_is_known(size):
    assert refusal(poses(), EXACT, error=UsageError, focal_px=1100, image_size=size) == (
        "image_size: expected (width, height) in pixels with focal_px, to know the image's centre, "
        f"got {size!r}"
    )


@pytest.mark.parametrize("focal", [0, -5, np.inf, np.nan])
def test_focal_lengths_that_cannot_be(focal):
    given = {"focal_px": focal, "image_size": (1280, 720)}
    assert refusal(poses(), EXACT, error=UsageError, **given) == (
        f"focal_px: expected a finite number of pixels above 0, got {focal:g}"
    )


@pytest.mark.parametrize("wrong", [np.eye(2), np.diag([1.0, -1, 1]), K.T, np.full((3, 3), np.nan)])
def test_matrices_that_cannot_be(wrong):
    assert refusal(poses(), EXACT, error=UsageError, K=wrong) == (
        "K: expected [[fx, skew, cx], [0, fy, cy], [0, 0, 1]] in pixels with fx and fy above 0, "
        f"got {wrong.tolist()}"
    )


def test_keypoints_of_another_clip():
    assert refusal(poses(), EXACT[:5], K=K) == (
        "keypoints: expected (300, 17, 2|3) as the poses, got (5, 17, 2)"
    )


def test_keypoints_that_are_normalised():
    assert refusal(poses(), EXACT / 640 - 1, K=K) == (
        f"keypoints: values up to {np.abs(EXACT / 640 - 1).max():g} look normalised; to_camera "
        "needs pixels"
    )


def test_nobody_seen():
    nobody = np.zeros((300, 17, 3))
    assert refusal(poses(), nobody, K=K) == (
        "keypoints: no joint of any frame was seen; there is no place to find"
    )
    few = SHOT.keypoints.copy()
    few[:, 3:] = 0
    assert refusal(poses(), few, K=K) == (
        "to_camera: expected at least 4 joints seen in some frame of every clip, to tell the "
        "distance by, got 3 at most; leave that clip out"
    )


def test_keypoints_in_one_point():
    assert refusal(poses(), np.full((300, 17, 2), [640.0, 360]), K=K) == (
        "to_camera: the keypoints of every frame are one point, which tells no distance; expected "
        "those that the poses were lifted from"
    )


def test_keypoints_upside_down():
    turned = [1280, 720] - EXACT
    made = poses()
    assert refusal(made, turned, K=K) == (
        "to_camera: the person comes out behind the camera in 300 of 300 frames, first in frame 0; "
        "expected the keypoints that the poses were lifted from, in pixels, and the focal length "
        "of the same picture"
    )
