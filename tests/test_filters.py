"""Filters of poses."""

import math

import numpy as np
import pytest

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.filters import OneEuro, one_euro

RNG = np.random.default_rng(0)
POSES = RNG.normal(0, 0.3, (40, 17, 3)).cumsum(axis=0)
SETTINGS = {"min_cutoff_hz": 1.2, "beta": 4.0}


def constant(value, frames=1):
    return np.full((frames, 17, 3), value, np.float32)


def message(error, *args, **kwargs):
    with pytest.raises(error) as caught:
        one_euro(*args, **kwargs)
    return str(caught.value)


def alpha(cutoff, rate):
    """As the paper has it: te the sampling period, tau the time constant."""
    te, tau = 1 / rate, 1 / (2 * math.pi * cutoff)
    return 1 / (1 + tau / te)


def one_coordinate(values, rate, mincutoff, beta, dcutoff):
    """Algorithm 1 of the paper on numbers, one at a time."""
    result, before, speed = [], None, 0.0
    for x in values:
        dx = 0.0 if before is None else (x - before) * rate
        a = alpha(dcutoff, rate)
        speed = dx if before is None else a * dx + (1 - a) * speed
        a = alpha(mincutoff + beta * abs(speed), rate)
        before = x if before is None else a * x + (1 - a) * before
        result.append(before)
    return result


def test_values_worked_by_hand():
    """At a cutoff of fps / 2 pi, the new value and the old one count the same."""
    fps = 2 * math.pi
    steps = np.concatenate([constant(0), constant(1), constant(1)])
    still = one_euro(steps, fps, min_cutoff_hz=1, beta=0)
    np.testing.assert_allclose(still[:, 3, 1], [0, 0.5, 0.75], rtol=1e-6)
    # Speed: half of 2 pi, so pi; the cutoff is then 1 + pi / pi = 2, and the new value counts 2/3.
    # Then half of (1/3 of 2 pi) and half of pi, 5 pi / 6; cutoff 11/6, weight 11/17.
    fast = one_euro(steps, fps, min_cutoff_hz=1, beta=1 / math.pi)
    np.testing.assert_allclose(fast[:, 3, 1], [0, 2 / 3, 2 / 3 + 11 / 17 / 3], rtol=1e-6)


@pytest.mark.parametrize(("fps", "d_cutoff_hz"), [(50.0, 1.0), (25.0, 3.5)])
def test_it_is_the_papers_algorithm_on_every_coordinate(fps, d_cutoff_hz):
    found = one_euro(POSES, fps, d_cutoff_hz=d_cutoff_hz, **SETTINGS)
    for joint, axis in ((0, 0), (5, 1), (16, 2)):
        wanted = one_coordinate(POSES[:, joint, axis], fps, 1.2, 4.0, d_cutoff_hz)
        np.testing.assert_allclose(found[:, joint, axis], wanted, rtol=1e-5, atol=1e-6)


def test_the_input_stays_and_the_result_is_float32():
    before = POSES.copy()
    found = one_euro(POSES, 50, **SETTINGS)
    assert (before == POSES).all()
    assert (found.dtype, found.shape) == (np.float32, POSES.shape)
    np.testing.assert_array_equal(found[0], POSES[0].astype(np.float32))


def test_one_frame_and_a_still_clip_stay():
    assert (one_euro(constant(2), 50, **SETTINGS) == 2).all()
    assert (one_euro(constant(2, 30), 50, **SETTINGS) == 2).all()


def test_it_does_not_look_ahead():
    whole = one_euro(POSES, 50, **SETTINGS)
    np.testing.assert_array_equal(one_euro(POSES[:20], 50, **SETTINGS), whole[:20])


def test_less_cutoff_is_less_jitter_and_beta_is_less_lag():
    noise = RNG.normal(0, 0.01, (200, 17, 3))
    calm, loose = (one_euro(noise, 50, min_cutoff_hz=hz, beta=0) for hz in (0.5, 5))
    assert np.abs(np.diff(calm, axis=0)).mean() < np.abs(np.diff(loose, axis=0)).mean() < 0.01
    ramp = np.arange(200)[:, None, None] / 50 * np.ones((1, 17, 3))
    slow, quick = (one_euro(ramp, 50, min_cutoff_hz=0.5, beta=beta) for beta in (0, 5))
    assert (ramp - slow)[-1].max() > 10 * (ramp - quick)[-1].max() > 0


@pytest.mark.parametrize("name", ["fps", "min_cutoff_hz", "d_cutoff_hz"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_parameters_are_above_0(name, value):
    given = {"fps": 50.0, **SETTINGS, name: value}
    expected = f"{name}: expected a finite number above 0, got {value:g}"
    assert message(UsageError, POSES, **given) == expected


def test_beta_may_be_0_but_not_less():
    expected = "beta: expected a finite number 0 or above, got -0.5"
    assert message(UsageError, POSES, 50, min_cutoff_hz=1, beta=-0.5) == expected


@pytest.mark.parametrize("shape", [(0, 17, 3), (17, 3), (5, 16, 3), (5, 17, 2), (1, 5, 17, 3)])
def test_poses_of_another_shape(shape):
    expected = f"poses: expected (t, 17, 3) with t >= 1, got {shape}"
    assert message(InputError, np.zeros(shape), 50, **SETTINGS) == expected


def test_poses_with_nan():
    broken = POSES.copy()
    broken[7:9, 3, 1] = np.nan
    assert message(InputError, broken, 50, **SETTINGS) == (
        "poses: hold NaN or infinity in 2 of 40 frames, first in frame 7; a filter would carry "
        "them through the rest of the clip"
    )


def test_a_pose_at_a_time_is_the_whole_clip():
    euro = OneEuro(d_cutoff_hz=2.5, **SETTINGS)
    found = [euro.step(pose, 30) for pose in POSES]
    assert {pose.dtype for pose in found} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found, one_euro(POSES, 30, d_cutoff_hz=2.5, **SETTINGS))


def test_the_rate_may_change_from_pose_to_pose():
    euro, rates = OneEuro(**SETTINGS), np.random.default_rng(1).uniform(10, 60, len(POSES))
    found = [euro.step(pose, fps)[5, 1] for pose, fps in zip(POSES, rates, strict=True)]
    before, speed = POSES[0, 5, 1], 0.0
    for x, rate, y in zip(POSES[1:, 5, 1], rates[1:], found[1:], strict=True):
        speed += alpha(1.0, rate) * ((x - before) * rate - speed)
        before += alpha(1.2 + 4.0 * abs(speed), rate) * (x - before)
        assert y == pytest.approx(before, rel=1e-5, abs=1e-6)


def test_it_forgets():
    euro = OneEuro(**SETTINGS)
    first = [euro.step(pose, 50) for pose in POSES[:5]]
    other = euro.fresh()
    euro.reset()
    for made in (euro, other):
        np.testing.assert_array_equal([made.step(pose, 50) for pose in POSES[:5]], first)


def test_it_says_what_it_does():
    assert OneEuro(**SETTINGS).description == (
        "One-Euro, cutoff 1.2 Hz and 4 Hz more for each m/s, cutoff of the speed 1 Hz"
    )


@pytest.mark.parametrize(
    ("error", "pose", "fps", "message"),
    [
        (InputError, POSES, 50, "pose: expected (17, 3), got (40, 17, 3)"),
        (UsageError, POSES[0], 0.0, "fps: expected a finite number above 0, got 0"),
        (
            InputError,
            POSES[0] * np.nan,
            50,
            "poses: hold NaN or infinity in 1 of 1 frames, first in frame 0; a filter would carry "
            "them through the rest of the clip",
        ),
    ],
)
def test_a_pose_that_is_refused(error, pose, fps, message):
    with pytest.raises(error) as caught:
        OneEuro(**SETTINGS).step(pose, fps)
    assert str(caught.value) == message


def test_parameters_of_the_one_that_steps():
    with pytest.raises(UsageError) as caught:
        OneEuro(min_cutoff_hz=0, beta=1)
    assert str(caught.value) == "min_cutoff_hz: expected a finite number above 0, got 0"
