"""missing.py against slow and obvious loops, and every message."""

import dataclasses

import numpy as np
import pytest
from missing_clips import clip, holed

from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.missing import POLICIES, Holder, blanked, fill_missing
from h2ot_edge.rates import frame_times
from h2ot_edge.skeleton import JOINTS

FPS = 50.0


def filled_slowly(keypoints, seen, times, policy, max_gap_s, centre, fade_s=0.3):
    """One joint of one frame at a time, in float64."""
    count = len(times)
    places, valid = np.full((count, 17, 3), np.nan), np.zeros((count, 17), bool)
    for joint in range(17):
        known = [frame for frame in range(count) if seen[frame, joint]]
        for frame in range(count):
            before = [k for k in known if k <= frame]
            after = [k for k in known if k >= frame] if policy != "hold" else []
            ends = before[-1:] + after[:1]
            if not ends:
                continue
            since = min(abs(times[frame] - times[end]) for end in ends)
            valid[frame, joint] = max_gap_s is None or since <= max_gap_s + 1e-9
            known_times = [times[end] for end in ends]
            for axis in range(3):
                values = [float(keypoints[end, joint, axis]) for end in ends]
                places[frame, joint, axis] = np.interp(times[frame], known_times, values)
            places[frame, joint, 2] *= max(1 - since / fade_s, 0)
    for frame in range(count):
        unknown = np.isnan(places[frame, :, 0])
        others = places[frame, ~unknown]
        places[frame, unknown, :2] = others.mean(axis=0)[:2] if len(others) else centre
        places[frame, unknown, 2] = 0
    return places, valid


@pytest.mark.parametrize("policy", ["hold", "interpolate", "nan"])
@pytest.mark.parametrize("max_gap_s", [None, 0, 0.04, 0.1])
@pytest.mark.parametrize("uneven", [False, True])
def test_filling_is_that_of_the_slow_loop(policy, max_gap_s, uneven):
    left, seen = holed(clip())
    times = frame_times(len(left), fps=FPS)
    if uneven:
        times = np.cumsum(np.random.default_rng(2).uniform(0.01, 0.06, len(left)))
    left[:5, 4:], seen[:5, 4:] = np.nan, False
    left[:2], seen[:2] = 0, False
    left[:, 3], seen[:, 3] = 0, False
    filled = fill_missing(
        left, on_missing=policy, max_gap_s=max_gap_s, times=times, centre=(500, 300)
    )
    places, valid = filled_slowly(left, seen, times, policy, max_gap_s, (500, 300))
    assert filled.keypoints.dtype == np.float32
    np.testing.assert_array_equal(filled.seen, seen)
    np.testing.assert_array_equal(filled.valid, valid)
    np.testing.assert_allclose(filled.keypoints, places, rtol=1e-4)
    np.testing.assert_array_equal(filled.keypoints[seen], left[seen])


def test_clips_are_filled_each_by_itself():
    left, _ = holed(clip(people=3))
    for policy in ("hold", "interpolate"):
        together = fill_missing(left, on_missing=policy, max_gap_s=0.1, times=np.arange(30) / FPS)
        for number in range(3):
            alone = fill_missing(
                left[number], on_missing=policy, max_gap_s=0.1, times=np.arange(30) / FPS
            )
            np.testing.assert_array_equal(together.keypoints[number], alone.keypoints)
            np.testing.assert_array_equal(together.valid[number], alone.valid)


@pytest.mark.parametrize("max_gap_s", [None, 0, 0.1])
@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("fade_s", [0, 0.3])
def test_a_holder_gives_what_hold_gives(max_gap_s, channels, fade_s):
    left, seen = holed(clip(80))
    left[:3], seen[:3] = np.nan, False
    left = left[..., :channels]
    if channels == 2:
        left[~seen] = np.nan
    times = 1.7e9 + np.cumsum(np.random.default_rng(3).uniform(0.01, 0.05, len(left)))
    whole = fill_missing(
        left,
        on_missing="hold",
        max_gap_s=max_gap_s,
        times=times,
        centre=(960, 540),
        fade_s=fade_s,
    )
    holder = Holder(max_gap_s=max_gap_s, centre=(960, 540), fade_s=fade_s)
    for _ in range(2):
        for frame, time, keypoints, valid in zip(
            left, times, whole.keypoints, whole.valid, strict=True
        ):
            pushed, sure = holder.push(frame, time)
            np.testing.assert_array_equal(pushed, keypoints)
            np.testing.assert_array_equal(sure, valid)
        holder.reset()


def test_a_holder_hands_out_its_results_for_good():
    holder, frames = Holder(), clip(2)
    first, _ = holder.push(frames[0], 0.0)
    holder.push(frames[1], 0.02)
    np.testing.assert_array_equal(first, frames[0])
    first[:] = 7
    held, valid = holder.push(None, 0.04)
    np.testing.assert_array_equal(held[:, :2], frames[1, :, :2])
    assert valid.all()


@pytest.mark.parametrize("nobody", [None, [], np.empty((0, 17, 3)), np.full((17, 3), np.nan)])
def test_a_holder_takes_nobody_at_any_time(nobody):
    holder = Holder(max_gap_s=0.1, centre=(0.0, -0.2))
    keypoints, valid = holder.push(nobody, 0.0)
    np.testing.assert_array_equal(keypoints, np.tile(np.float32([0.0, -0.2, 0.0]), (17, 1)))
    assert not valid.any()
    seen = clip(1)[0]
    holder.push(seen, 0.1)
    assert holder.push(nobody, 0.2)[1].all()
    keypoints, valid = holder.push(nobody, 0.3)
    np.testing.assert_array_equal(keypoints[:, :2], seen[:, :2])
    assert not valid.any()
    np.testing.assert_allclose(keypoints[:, 2], seen[:, 2] / 3, rtol=1e-6)


@pytest.mark.parametrize("policy", ["hold", "interpolate"])
def test_without_fading_what_is_filled_in_has_confidence_0(policy):
    left, seen = holed(clip())
    faded = fill_missing(left, on_missing=policy)
    plain = fill_missing(left, on_missing=policy, fade_s=0)
    np.testing.assert_array_equal(plain.keypoints[..., :2], faded.keypoints[..., :2])
    np.testing.assert_array_equal(plain.keypoints[..., 2], np.where(seen, left[..., 2], 0))


def test_an_unknown_rate_is_taken_for_30_a_second():
    left, _ = holed(clip())
    told = fill_missing(left, times=frame_times(30, fps=30))
    np.testing.assert_array_equal(fill_missing(left).keypoints, told.keypoints)


def test_a_first_frame_is_not_filled_from_the_future_by_hold():
    left = clip(4)
    left[:2, 5] = np.nan
    held = fill_missing(left, on_missing="hold")
    straight = fill_missing(left, on_missing="interpolate")
    others = np.delete(left[0, :, :2].astype(float), 5, axis=0)
    np.testing.assert_allclose(held.keypoints[0, 5, :2], others.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(straight.keypoints[:2, 5, :2], left[[2, 2], 5, :2])
    assert not held.valid[:2, 5].any()
    assert straight.valid.all()


def test_a_gap_of_exactly_max_gap_s_is_valid_at_every_frame():
    left = clip(400)
    left[1:, 0] = np.nan
    times = frame_times(400, fps=30.0)
    for frames in range(1, 399):
        valid = fill_missing(left, on_missing="hold", max_gap_s=frames / 30, times=times).valid
        assert valid[:, 0].sum() == frames + 1


def test_whole_keypoints_are_left_alone():
    keypoints = clip()
    for policy in POLICIES:
        filled = fill_missing(keypoints, on_missing=policy)
        np.testing.assert_array_equal(filled.keypoints, keypoints)
        assert filled.valid.all()
        assert filled.seen.all()
    assert filled.gaps.missing == 0
    assert filled.gaps.by_joint == {}


def test_two_channels_get_a_confidence_and_0_0_is_a_place():
    left = clip()[..., :2]
    left[3, 2], left[4, 2] = np.nan, 0
    filled = fill_missing(left)
    assert filled.keypoints.shape == (30, 17, 3)
    assert np.argwhere(filled.keypoints[..., 2] != 1).tolist() == [[3, 2]]
    assert filled.keypoints[3, 2, 2] == pytest.approx(1 - 1 / 30 / 0.3)
    np.testing.assert_allclose(filled.keypoints[3, 2, :2], left[2, 2] / 2, rtol=1e-6)


def test_the_input_is_not_written_to():
    left, _ = holed(clip())
    before = left.copy()
    fill_missing(left)
    np.testing.assert_array_equal(left, before)


def test_gaps_are_counted():
    left = clip(5, people=2)
    left[0, 1] = 0
    left[1, 2:4, JOINTS.index("rknee")] = np.nan
    gaps = fill_missing(left, max_gap_s=0, times=np.arange(5.0)).gaps
    assert dataclasses.asdict(gaps) == {
        "joints": 170,
        "missing": 19,
        "invalid": 19,
        "empty_frames": 1,
        "by_joint": {name: 3 if name == "rknee" else 1 for name in JOINTS},
    }


def test_invalid_joints_are_blanked():
    poses = np.ones((4, 17, 3), np.float32)
    valid = np.ones((4, 17), bool)
    valid[1, 2] = False
    result = blanked(poses, valid)
    assert result.dtype == np.float32
    assert np.argwhere(np.isnan(result)).tolist() == [[1, 2, 0], [1, 2, 1], [1, 2, 2]]


def test_raise_names_frames_and_joints():
    left = clip(40)
    left[3:6] = 0
    left[7, 2] = np.nan
    left[12:, 13, 2] = 0
    with pytest.raises(InputError) as caught:
        fill_missing(left, on_missing="raise")
    assert str(caught.value) == (
        "keypoints: 80 of 680 joints are missing (NaN, infinite, or confidence 0 or below): all "
        "joints in frames 3 to 5, rknee in frame 7, lwrist in frames 12 to 39; give them all, or "
        "choose another on_missing: hold, interpolate or nan"
    )


def test_raise_names_clips_and_the_first_gaps_of_many():
    left = clip(20, people=2)
    left[1, ::3, 0] = np.nan
    with pytest.raises(InputError) as caught:
        fill_missing(left, on_missing="raise")
    assert str(caught.value) == (
        "keypoints: 7 of 680 joints are missing (NaN, infinite, or confidence 0 or below): clip 1: "
        "hip in frame 0, clip 1: hip in frame 3, clip 1: hip in frame 6, clip 1: hip in frame 9, "
        "clip 1: hip in frame 12 and 2 more gaps; give them all, or choose another on_missing: "
        "hold, interpolate or nan"
    )


def test_an_unknown_policy():
    with pytest.raises(UnknownName) as caught:
        fill_missing(clip(), on_missing="holds")
    assert str(caught.value) == (
        "no on_missing 'holds'; did you mean 'hold'? (known: hold, interpolate, nan, raise)"
    )


def test_a_gap_without_times():
    with pytest.raises(UsageError) as caught:
        fill_missing(clip(), max_gap_s=0.5)
    assert str(caught.value) == (
        "max_gap_s=0.5: expected fps or timestamps with it, got neither; without them a gap of so "
        "many frames may be any time"
    )


@pytest.mark.parametrize(("gap", "told"), [(-1, "-1"), (np.nan, "nan")])
def test_a_gap_below_0(gap, told):
    for call in (
        lambda: fill_missing(clip(), max_gap_s=gap, times=np.arange(30.0)),
        lambda: Holder(max_gap_s=gap),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert str(caught.value) == f"max_gap_s: expected 0 or more seconds, got {told}"


@pytest.mark.parametrize(("fade", "told"), [(-0.2, "-0.2"), (np.nan, "nan")])
def test_fading_below_0(fade, told):
    for call in (lambda: fill_missing(clip(), fade_s=fade), lambda: Holder(fade_s=fade)):
        with pytest.raises(UsageError) as caught:
            call()
        assert str(caught.value) == f"fade_s: expected 0 or more seconds, got {told}"


@pytest.mark.parametrize("shape", [(17, 3), (5, 16, 3), (5, 17, 4), (0, 17, 3)])
def test_another_shape(shape):
    with pytest.raises(InputError) as caught:
        fill_missing(np.ones(shape))
    assert str(caught.value) == (
        f"keypoints: expected frames of (17, 2|3), at least one, got an array of {shape}; give the "
        "17 joints of Human3.6M with x, y and perhaps a confidence"
    )


def test_a_holder_refuses_a_frame_of_another_shape():
    with pytest.raises(InputError) as caught:
        Holder().push(np.ones((16, 3)), 0.0)
    assert str(caught.value) == (
        "keypoints: expected frames of (17, 2|3), at least one, got an array of (1, 16, 3); give "
        "the 17 joints of Human3.6M with x, y and perhaps a confidence"
    )
