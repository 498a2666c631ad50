"""rates.py: identity, round trips, what is missing stays missing, and every message."""

import logging

import numpy as np
import pytest
from tiny_models import tiny_card

from h2ot_edge.errors import InputError, ModelFileError, UsageError
from h2ot_edge.rates import Resampling, frame_times, rate_of, trained_fps, warn_of_span


def smooth(times, channels=3):
    """Joints that swing with up to 2 Hz, 1 wide; (t, 17, channels) float32."""
    rng = np.random.default_rng(0)
    speed, phase = rng.uniform(0.2, 2, (17, channels)), rng.uniform(0, 6, (17, channels))
    return np.sin(2 * np.pi * speed * np.asarray(times)[:, None, None] + phase).astype(np.float32)


def keypoints_at(times):
    keypoints = smooth(times)
    keypoints[..., 2] = 0.8
    return keypoints, np.ones(keypoints.shape[:-1], bool)


@pytest.mark.parametrize("fps", [24, 25, 29.97, 50, 59.94, 120])
@pytest.mark.parametrize("frames", [1, 2, 3, 200])
def test_the_same_rate_is_left_alone(fps, frames):
    times = frame_times(frames, fps=fps)
    keypoints, valid = keypoints_at(times)
    way = Resampling.to(times, fps)
    assert way.identity
    assert way.keypoints(keypoints, valid)[0] is keypoints
    assert way.keypoints(keypoints, valid)[1] is valid
    assert way.back(keypoints) is keypoints


@pytest.mark.parametrize(("fps", "same"), [(50.4, True), (49.6, True), (51, False), (49, False)])
def test_rates_within_a_hundredth_are_the_same(fps, same):
    assert Resampling.to(frame_times(100, fps=fps), 50).identity == same


def test_jitter_is_left_alone_and_a_dropped_frame_is_not():
    times = np.arange(100) / 50
    jitter = times + np.random.default_rng(0).uniform(-0.004, 0.004, 100)
    assert Resampling.to(jitter, 50).identity
    assert not Resampling.to(np.delete(times, 40), 50).identity


@pytest.mark.parametrize("source", [10, 24, 25, 30, 60, 100, 240])
@pytest.mark.parametrize("target", [25, 50])
def test_targets_are_even_and_cover_the_source(source, target):
    for frames in (2, 3, 7, 101):
        times = 1.7e9 + np.arange(frames) / source
        way = Resampling.to(times, target)
        if way.identity:
            continue
        assert way.target[[0, -1]].tolist() == times[[0, -1]].tolist()
        steps = np.diff(way.target) * target
        np.testing.assert_allclose(steps[:-1], 1, atol=1e-4)
        assert 0 < steps[-1] < 1 + 2e-4


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
@pytest.mark.parametrize("source", [15, 25, 30, 60, 120])
def test_a_round_trip_of_smooth_motion_errs_little(source, shape):
    """A straight line between frames 1/fps apart is off by at most (1/fps)^2 / 8 of the bend."""
    times = np.arange(300) / source
    truth = np.broadcast_to(smooth(times), (*shape, 300, 17, 3))
    way = Resampling.to(times, 50)
    there, _ = way.keypoints(truth, np.ones(truth.shape[:-1], bool))
    assert there.dtype == np.float32
    assert there.shape == (*shape, len(way.target), 17, 3)
    again = way.back(there)
    assert again.shape == truth.shape
    assert again.dtype == np.float32
    bend = (2 * np.pi * 2) ** 2
    assert np.abs(again - truth).max() <= bend / 8 * (source**-2 + 50**-2)


def test_lines_come_back_exactly():
    times = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.05, 100))
    line = (times[:, None, None] * np.ones((17, 3))).astype(np.float32)
    way = Resampling.to(times, 50)
    there, _ = way.keypoints(line, np.ones((100, 17), bool))
    np.testing.assert_allclose(there[:, 0, 0], way.target, rtol=1e-5)
    np.testing.assert_allclose(way.back(there), line, rtol=1e-5)


def test_what_is_missing_between_two_missing_ones_stays_missing():
    times = np.arange(20) / 25
    keypoints, valid = keypoints_at(times)
    keypoints[5:8, 3, 2], valid[5:8, 3] = 0, False
    moved, reached = Resampling.to(times, 50).keypoints(keypoints, valid)
    # Frames 4 to 8 of the source are 8 to 16 of the target.
    np.testing.assert_allclose(moved[8:17, 3, 2], [0.8, 0.4, 0, 0, 0, 0, 0, 0.4, 0.8], atol=1e-6)
    assert reached[8:17, 3].tolist() == [True, True, *[False] * 5, True, True]
    assert (moved[:, :3, 2] > 0.79).all()
    assert reached[:, :3].all()


def test_where_the_source_stopped_nothing_is_valid_and_confidences_fade():
    times = np.concatenate([np.arange(10) / 50, 1.2 + np.arange(10) / 50])
    keypoints, valid = keypoints_at(times)
    way = Resampling.to(times, 50)
    moved, reached = way.keypoints(keypoints, valid)
    assert reached.all(axis=1).tolist() == [True] * 10 + [False] * 50 + [True] * 10
    fading = 0.8 * (1 - np.arange(1, 16) / 15)  # 15 frames are 0.3 s
    np.testing.assert_allclose(moved[10:60, 3, 2], [*fading, *[0] * 20, *fading[::-1]], atol=1e-5)
    np.testing.assert_allclose(way.back(moved), keypoints, atol=1e-5)


def test_a_frame_that_was_dropped_is_crossed():
    times = np.delete(np.arange(20) / 50, 7)
    keypoints, valid = keypoints_at(times)
    moved, reached = Resampling.to(times, 50).keypoints(keypoints, valid)
    assert len(moved) == 20
    assert reached.all()
    np.testing.assert_allclose(moved[7], (keypoints[6] + keypoints[7]) / 2, atol=1e-5)


def test_rate_of_takes_no_notice_of_dropped_frames():
    times = np.delete(np.arange(100) / 30, [7, 8, 9, 40])
    assert rate_of(times) == pytest.approx(30)


def test_frame_times():
    assert frame_times(3) is None
    assert frame_times(3, fps=4).tolist() == [0, 0.25, 0.5]
    assert frame_times(2, timestamps=[3, 5]).tolist() == [3, 5]
    assert frame_times(1, timestamps=[3.5]).dtype == np.float64


def test_the_rate_of_the_training():
    assert trained_fps(tiny_card()) is None
    assert trained_fps(tiny_card(training={"fps": 50})) == 50.0


@pytest.mark.parametrize("fps", ["50", 0, -1.0, float("nan"), True, [50]])
def test_a_card_with_no_rate(fps):
    with pytest.raises(ModelFileError) as caught:
        trained_fps(tiny_card(training={"fps": fps}))
    assert str(caught.value) == (
        f"card: training.fps: expected a positive number, got {fps!r}; release the model again"
    )


def test_a_very_different_span_is_warned_of(caplog):
    card = tiny_card(frames=81, training={"fps": 50.0})
    with caplog.at_level(logging.INFO):
        for fps in (25, 30, 50, 60, 100):
            warn_of_span(card, fps)
        warn_of_span(tiny_card(), 1)
        assert not caplog.records
        warn_of_span(card, 10)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "a window of 81 frames spans 8.1 s at 10 frames a second and spanned 1.6 s in training "
            "(50 frames a second); poses will be worse or jitter, resample the keypoints",
        )
    ]


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf")])
def test_a_rate_that_is_none(fps):
    message = f"fps: expected a positive number of frames a second, got {fps:g}"
    for call in (lambda: frame_times(3, fps=fps), lambda: Resampling.to(np.arange(3.0), fps)):
        with pytest.raises(UsageError) as caught:
            call()
        assert str(caught.value) == message


def test_both_a_rate_and_timestamps():
    with pytest.raises(UsageError) as caught:
        frame_times(2, fps=25, timestamps=[0, 1])
    assert str(caught.value) == (
        "fps and timestamps: expected one of them, got both; leave out fps"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([0.0, 1.0], "(2,), dtype float64"),
        (["a", "b", "c"], "(3,), dtype <U1"),
        (0, "(), dtype int64"),
    ],
)
def test_timestamps_of_another_shape(given, told):
    with pytest.raises(InputError) as caught:
        frame_times(3, timestamps=given)
    assert str(caught.value) == (
        f"timestamps: expected 3 numbers, one for each frame, got an array of {told}; give seconds "
        "as floats"
    )


def test_timestamps_that_are_nan():
    with pytest.raises(InputError) as caught:
        frame_times(4, timestamps=[0, np.nan, 1, np.inf])
    assert str(caught.value) == (
        "timestamps: 2 of 4 are NaN or infinite, the first of frame 1; leave such frames out, or "
        "pass fps"
    )


@pytest.mark.parametrize("third", [0.5, 0.25])
def test_timestamps_that_do_not_ascend(third):
    with pytest.raises(InputError) as caught:
        frame_times(3, timestamps=[0, 0.5, third])
    assert str(caught.value) == (
        f"timestamps: expected every frame later than the one before, got {third:.6f} s for frame "
        "2 after 0.500000 s; sort the frames and leave out repeated ones"
    )


def test_timestamps_in_milliseconds():
    with pytest.raises(InputError) as caught:
        frame_times(3, timestamps=[0, 40, 80])
    assert str(caught.value) == (
        "timestamps: frames lie 40 s apart; expected seconds, these look like milliseconds or "
        "less; divide them"
    )


def test_one_frame_has_no_rate():
    with pytest.raises(InputError) as caught:
        rate_of(np.zeros(1))
    assert str(caught.value) == (
        "timestamps: expected at least 2 frames to tell a frame rate, got 1; pass fps instead"
    )
