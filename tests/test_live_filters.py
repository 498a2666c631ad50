"""Filters of live poses: several in order, and `SteadyBones`."""

import numpy as np
import pytest
from live_streams import CLIP, answers, frames, load, refused, stream

from h2ot_edge.bones import bone_lengths, stabilise_bones, with_lengths
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.filters import OneEuro
from h2ot_edge.live import SteadyBones
from h2ot_edge.poses import Poses

POSES = frames(60, seed=4)
EURO = OneEuro(min_cutoff_hz=1.2, beta=4.0)


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path) as engine:
        yield engine


def stepped(steady, poses, fps=50.0):
    return np.stack([steady.step(pose, fps) for pose in poses])


def test_given_lengths_it_is_the_clips():
    poses = Poses(positions=POSES, fps=50)
    whole = stabilise_bones(poses).positions
    lengths = np.median(bone_lengths(POSES), axis=0)
    np.testing.assert_array_equal(stepped(SteadyBones(lengths=lengths), POSES), whole)


def test_lengths_are_the_mean_so_far():
    found = stepped(SteadyBones(over_s=100), POSES)
    for number in range(len(POSES)):
        mean = bone_lengths(POSES[: number + 1]).mean(axis=0)
        np.testing.assert_allclose(found[number], with_lengths(POSES[number], mean), atol=1e-6)
    np.testing.assert_allclose(found[0], POSES[0], atol=1e-6)


def test_the_mean_follows_who_changes():
    short, long = POSES[:1] * np.float32(0.5), POSES[:1]
    poses = np.concatenate([np.repeat(short, 100, axis=0), np.repeat(long, 300, axis=0)])
    lengths = bone_lengths(stepped(SteadyBones(over_s=1.0), poses))
    np.testing.assert_allclose(lengths[99] / lengths[0], 1, rtol=1e-5)
    # A low pass of one second after six of them.
    np.testing.assert_allclose(lengths[-1] / lengths[0], 2 - 0.98**300, rtol=1e-4)


def test_frames_that_are_further_apart_weigh_more():
    steady = SteadyBones(over_s=0.5)
    steady.step(POSES[0], 1.0)
    steady.step(POSES[1], 50.0)
    late = steady.step(POSES[0] * 2, 1.0)  # longer away than the mean looks back
    np.testing.assert_allclose(late, POSES[0] * 2, rtol=1e-5, atol=1e-6)


def test_reset_and_fresh_forget():
    steady = SteadyBones(over_s=3)
    first = stepped(steady, POSES)
    steady.reset()
    np.testing.assert_array_equal(stepped(steady, POSES), first)
    np.testing.assert_array_equal(stepped(steady.fresh(), POSES), first)
    known = SteadyBones(lengths=np.full(16, 0.3))
    np.testing.assert_allclose(bone_lengths(stepped(known.fresh(), POSES)), 0.3, rtol=1e-5)


def test_descriptions():
    assert SteadyBones().description == "bones of the mean length so far, over 10 s"
    assert SteadyBones(lengths=np.ones(16)).description == "bones of given lengths"


def test_a_stream_has_filters_in_order(engine):
    steady = SteadyBones()
    plain = answers(stream(engine, lookahead=1, fps=50), CLIP)[1:]
    both = answers(stream(engine, lookahead=1, fps=50, smooth=[EURO, steady]), CLIP)[1:]
    other = answers(stream(engine, lookahead=1, fps=50, smooth=(steady, EURO)), CLIP)[1:]
    euro = EURO.fresh()
    for raw, one in zip(plain, both, strict=True):
        expected = steady.step(euro.step(raw.positions, 50.0), 50.0)
        np.testing.assert_array_equal(one.positions, expected)
    assert both[-1].filters == (EURO.description, steady.description)
    assert other[-1].filters == (steady.description, EURO.description)
    assert not np.array_equal(both[-1].positions, other[-1].positions)
    assert plain[-1].filters == ()


def test_no_filters_are_none(engine):
    poses = [answers(stream(engine, lookahead=0, smooth=way), CLIP)[-1] for way in ((), None)]
    np.testing.assert_array_equal(poses[0].positions, poses[1].positions)
    assert poses[0].filters == ()


def test_bones_are_learnt_anew_behind_a_gap(engine):
    made = stream(engine, lookahead=0, smooth=[EURO, SteadyBones()])
    for number, frame in enumerate(CLIP[:9]):
        made.push(frame, number / 50)
    after = made.push(CLIP[9], 9.0)
    raw = stream(engine, lookahead=0).push(CLIP[9])
    np.testing.assert_allclose(after.positions, raw.positions, atol=1e-6)


@pytest.mark.parametrize("smooth", [OneEuro, [EURO, 3]])
def test_what_is_no_filter(engine, smooth):
    bad = smooth if smooth is OneEuro else 3
    assert refused(UsageError, stream, engine, lookahead=0, smooth=smooth) == (
        f"smooth: expected filters of poses such as h2ot_edge.filters.OneEuro(...), got {bad!r}"
    )


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (
            UsageError,
            {"over_s": 0},
            "over_s: expected a finite number above 0, got 0; give the seconds that the mean looks "
            "back",
        ),
        (
            InputError,
            {"lengths": [1, 2]},
            "lengths: expected 16 finite numbers above 0, in the order of h2ot_edge.bones.BONES, "
            "got [1. 2.]; bone_lengths and median_lengths there give them",
        ),
        (
            InputError,
            {"lengths": np.zeros(16)},
            "lengths: expected 16 finite numbers above 0, in the order of h2ot_edge.bones.BONES, "
            "got [0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 0.]; bone_lengths and "
            "median_lengths there give them",
        ),
    ],
)
def test_parameters_out_of_range(error, options, message):
    assert refused(error, SteadyBones, **options) == message


def test_poses_and_rates_that_cannot_be():
    steady = SteadyBones()
    assert refused(InputError, steady.step, POSES[:2], 50.0) == (
        "pose: expected (17, 3), got (2, 17, 3); give one frame, or a clip to "
        "h2ot_edge.bones.stabilise_bones"
    )
    assert refused(UsageError, steady.step, POSES[0], 0.0) == (
        "fps: expected a finite number above 0, got 0; give 1 / seconds since the pose before"
    )
