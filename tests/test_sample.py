import dataclasses
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

from h2ot_edge.camera import Camera
from h2ot_edge.gait import Walk
from h2ot_edge.sample import detect, record, sample_clip
from h2ot_edge.skeleton import JOINTS, MIRROR


@pytest.fixture(scope="module")
def clip():
    return sample_clip()


def true_pixels(clip):
    return Camera().project(clip.poses.astype(np.float64))


def errors_in_statures(clip):
    height = Camera().focal_px * 1.75 / clip.poses[:, :1, 2]
    return (clip.keypoints[..., :2] - true_pixels(clip)) / height[..., None]


def test_same_seed_same_clip_other_seed_other_noise():
    first, again, other = (
        record(Walk(), Camera(position=(2, -8, 1)), frames=60, seed=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    np.testing.assert_array_equal(first.poses, other.poses)
    moved = np.linalg.norm(first.keypoints - other.keypoints, axis=-1)
    assert np.median(moved) > 1.0


def test_shapes_and_types(clip):
    assert (clip.keypoints.shape, clip.keypoints.dtype) == ((300, 17, 3), np.float32)
    assert (clip.poses.shape, clip.poses.dtype) == ((300, 17, 3), np.float32)
    assert (clip.image_size, clip.fps) == ((1280, 720), 50.0)


def test_everything_is_in_the_picture(clip):
    pixels = clip.keypoints[..., :2]
    assert np.all(pixels > 0)
    assert np.all(pixels < clip.image_size)
    assert np.ptp(pixels[..., 0]) > 0.9 * clip.image_size[0]


def test_noise_is_about_a_percent_of_the_stature(clip):
    """Measured: 1.1 % root mean square over x and y."""
    size = np.sqrt(np.mean(errors_in_statures(clip) ** 2))
    assert 0.008 < size < 0.015


def test_noise_is_larger_at_ankles_and_wrists(clip):
    size = np.sqrt(np.mean(errors_in_statures(clip) ** 2, axis=(0, 2)))
    ends = [JOINTS.index(name) for name in ("rankle", "lankle", "rwrist", "lwrist")]
    assert size[ends].mean() > 1.3 * size[[0, 7, 8, 9, 10]].mean()


def test_noise_has_a_memory(clip):
    error = errors_in_statures(clip)
    assert np.corrcoef(error[1:].ravel(), error[:-1].ravel())[0, 1] == pytest.approx(0.87, abs=0.06)


def test_confidence_tells_where_the_error_is(clip):
    """Measured: a correlation of -0.67 with the distance in pixels."""
    confidence = clip.keypoints[..., 2]
    distance = np.linalg.norm(clip.keypoints[..., :2] - true_pixels(clip), axis=-1)
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    assert np.corrcoef(confidence.ravel(), distance.ravel())[0, 1] < -0.4


def test_the_far_side_is_noisier_and_less_sure():
    """To the right past a camera on the person's right: the left side is hidden."""
    camera, walk = Camera(position=(0, -9, 1)), Walk(start_m=(-2, 0))
    filmed = record(walk, camera, frames=200, seed=5)
    error = np.abs(filmed.keypoints[..., :2] - camera.project(filmed.poses.astype(float)))
    near, far = [1, 2, 3, 14, 15, 16], [4, 5, 6, 11, 12, 13]
    assert error[:, far].mean() > 1.2 * error[:, near].mean()
    assert filmed.keypoints[:, far, 2].mean() < filmed.keypoints[:, near, 2].mean() - 0.04


def test_without_depth_no_side_is_the_far_one():
    pixels = np.zeros((4000, 17, 2))
    seen = detect(pixels, np.random.default_rng(0), height_px=400.0)
    side = seen[..., 2].mean(axis=0)
    np.testing.assert_allclose(side, side[list(MIRROR)], atol=0.01)


def test_the_shipped_clip_is_the_one_this_code_makes(clip):
    """To a rounding step of float32, as sines differ between machines."""
    with (files("h2ot_edge") / "data" / "walk.npz").open("rb") as file, np.load(file) as shipped:
        held = dict(shipped)
    assert sorted(held) == ["fps", "image_size", "joints", "keypoints", "poses", "source"]
    np.testing.assert_allclose(held["keypoints"], clip.keypoints, rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(held["poses"], clip.poses, rtol=1e-6, atol=1e-4)
    assert tuple(held["image_size"]) == clip.image_size
    assert held["fps"] == clip.fps
    assert tuple(held["joints"]) == JOINTS


def test_the_module_writes_the_clip(tmp_path, clip):
    out = tmp_path / "walk.npz"
    subprocess.run([sys.executable, "-m", "h2ot_edge.sample", str(out)], check=True)
    with np.load(out) as written:
        np.testing.assert_array_equal(written["keypoints"], clip.keypoints)
        np.testing.assert_array_equal(written["poses"], clip.poses)


def test_a_clip_cannot_be_changed(clip):
    with pytest.raises(dataclasses.FrozenInstanceError):
        clip.fps = 25.0
