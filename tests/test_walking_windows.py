"""Windows of people who walk, which models are calibrated and compared on."""

import numpy as np
import pytest

from h2ot_edge.benchmarks.motion.probe_windows import probe_windows
from h2ot_edge.benchmarks.motion.walking_windows import walking_windows

FRAMES = 27


@pytest.fixture(scope="module")
def windows():
    """(40, 27, 17, 3)."""
    return walking_windows(40, FRAMES, 3, seed=0)


def seen(windows):
    """Which joints the detector found, (n, f, 17)."""
    return windows[..., 2] > 0


@pytest.mark.parametrize(
    ("count", "frames", "channels"), [(1, 1, 2), (3, 9, 2), (2, 27, 3), (1, 243, 3)]
)
def test_they_are_as_the_network_takes_them(count, frames, channels):
    windows = walking_windows(count, frames, channels, seed=3)
    assert windows.shape == (count, frames, 17, channels)
    assert windows.dtype == np.float32
    assert windows.flags.c_contiguous
    assert np.isfinite(windows).all()


def test_a_seed_gives_the_same_windows_every_time(windows):
    np.testing.assert_array_equal(walking_windows(40, FRAMES, 3, seed=0), windows)


def test_fewer_windows_are_the_first_of_more(windows):
    np.testing.assert_array_equal(walking_windows(5, FRAMES, 3, seed=0), windows[:5])


def test_two_channels_are_three_without_the_confidence(windows):
    np.testing.assert_array_equal(walking_windows(40, FRAMES, 2, seed=0), windows[..., :2])


def test_other_seeds_give_other_windows(windows):
    others = walking_windows(40, FRAMES, 3, seed=1)
    assert (np.abs(others - windows).max(axis=(1, 2, 3)) > 1e-2).all()


def test_no_window_is_another_one_or_a_probe(windows):
    everything = np.concatenate([windows, probe_windows(FRAMES, 3)])
    assert len(np.unique(everything.reshape(len(everything), -1), axis=0)) == len(everything)


def test_people_are_in_the_picture(windows):
    """Which they cannot be where the camera has them behind it."""
    inside = np.abs(windows[..., 0]) <= 1
    assert inside[seen(windows)].mean() > 0.97
    assert all(inside[i][seen(windows)[i]].mean() > 0.6 for i in range(len(windows)))


def test_people_stand_on_their_feet(windows):
    """Rows go down the picture, so an ankle is below a head where both are found."""
    feet, head = windows[..., [3, 6], 1].mean(axis=-1), windows[..., 10, 1]
    found = seen(windows)[..., [3, 6, 10]].all(axis=-1)
    assert found.mean() > 0.5
    assert (feet > head)[found].mean() > 0.99


def test_people_are_of_all_sizes(windows):
    heights = np.ptp(np.where(seen(windows), windows[..., 1], np.nan)[:, 0], axis=-1)
    heights = heights[np.isfinite(heights)]
    assert len(heights) > 20
    assert heights.min() > 0.05
    assert heights.max() > 2 * heights.min()


def test_people_walk(windows):
    """Their ankles move, all of them."""
    moved = np.ptp(windows[:, :, [3, 6], :2], axis=1).max(axis=(1, 2))
    found = seen(windows)[:, :, [3, 6]].any(axis=1).all(axis=1)
    assert found.sum() > 30
    assert (moved[found] > 5e-3).all()


def test_the_detector_misses_joints_in_some_windows(windows):
    missing = ~seen(windows).any(axis=1)
    assert 0 < missing.any(axis=1).sum() < len(windows)
    assert not windows.transpose(0, 2, 1, 3)[missing].any()


def test_confidences_are_from_0_to_1_and_differ(windows):
    confidence = windows[..., 2]
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    assert confidence[seen(windows)].std() > 0.01
