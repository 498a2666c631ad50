"""Protocols, and the clips of the CMU database."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from motions import save_motions, walkers, walking

from h2ot_edge.benchmarks.accuracy import PROTOCOLS
from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.benchmarks.accuracy.protocols import (
    CMU,
    DETECTORS,
    Protocol,
    ProtocolOptions,
    action_group,
    cmu_clips,
)
from h2ot_edge.benchmarks.motion.detector import CLEAN, NOISY
from h2ot_edge.benchmarks.motion.motions import MotionSet, bone_lengths, resampled
from h2ot_edge.errors import InputError, UnknownName, UsageError

MOCAP = Path(__file__).parents[2] / "shared" / "data" / "mocap" / "test.npz"


@pytest.fixture
def data(tmp_path):
    return save_motions(tmp_path / "walkers.npz", walkers(3))


def same(clip, other):
    return clip.name == other.name and all(
        np.array_equal(getattr(clip, key), getattr(other, key)) for key in ("keypoints", "truth")
    )


# protocols


def test_the_registry_goes_by_name():
    assert PROTOCOLS["cmu"] is CMU
    assert [protocol.name for protocol in PROTOCOLS.values()] == list(PROTOCOLS)


def test_cmu_is_never_called_human36m():
    assert CMU.title == "CMU held-out subjects"
    assert "Human3.6M" not in CMU.source
    assert CMU.metrics == tuple(METRICS)
    assert (CMU.actions_first, CMU.flip, CMU.root) == (False, False, "subtracted")


def test_options_that_were_not_chosen_are_the_defaults():
    assert CMU.resolved(ProtocolOptions()) == CMU.defaults
    chosen = CMU.resolved(ProtocolOptions(noise="clean", views=3))
    assert chosen == ProtocolOptions(subjects=(), noise="clean", views=3, seed=0)
    assert DETECTORS == {"noisy": NOISY, "clean": CLEAN}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            ProtocolOptions(noise="nosy"),
            UnknownName,
            "no noise 'nosy'; did you mean 'noisy'? (known: noisy, clean)",
        ),
        (ProtocolOptions(views=0), UsageError, "views: expected at least 1, got 0"),
    ],
)
def test_options_that_are_wrong(options, error, message):
    with pytest.raises(error) as caught:
        CMU.resolved(options)
    assert str(caught.value) == message


def test_a_choice_that_a_protocol_does_not_have():
    fixed = Protocol(name="fixed", title="Fixed", source="here", clips=lambda paths, options: [])
    assert fixed.resolved(ProtocolOptions(subjects=("a",))).subjects == ("a",)
    with pytest.raises(UsageError) as caught:
        fixed.resolved(ProtocolOptions(noise="clean"))
    assert str(caught.value) == ("noise: protocol fixed has no such choice; leave out --noise")


def test_no_clips_are_an_error():
    empty = Protocol(name="empty", title="Empty", source="here", clips=lambda paths, options: [])
    with pytest.raises(InputError) as caught:
        empty.read([Path("a.npz"), Path("b.npz")], ProtocolOptions())
    assert str(caught.value) == (
        "a.npz, b.npz: no clips for protocol empty, so there is nothing to compare; give its data"
    )


def test_cmu_reads_files(data):
    clips = CMU.read([data], ProtocolOptions(views=1, subjects=("c", "a")))
    assert [(clip.name, clip.subject) for clip in clips] == [("a_01/0", "a"), ("c_01/0", "c")]
    (every, _) = (CMU.read([data], ProtocolOptions(noise=name)) for name in ("noisy", "clean"))
    assert len(every) == 6


def test_a_subject_that_is_not_there(data):
    with pytest.raises(UnknownName) as caught:
        CMU.read([data], ProtocolOptions(subjects=("z",)))
    assert str(caught.value) == "no subject 'z' (known: a, b, c)"


# filming


def test_a_clip_is_a_motion_in_a_camera():
    motions = walkers(2, frames=80)
    clips = list(cmu_clips(motions, views=2, detector=CLEAN))
    assert [clip.name for clip in clips] == ["a_01/0", "a_01/1", "b_01/0", "b_01/1"]
    for clip, motion in zip(clips[::2], motions.motions, strict=True):
        assert clip.keypoints.shape == clip.truth.shape == (80, 17, 3)
        assert (clip.keypoints.dtype, clip.truth.dtype) == (np.float32, np.float32)
        assert (clip.fps, clip.image_size, clip.action) == (50.0, None, "walk, run")
        assert (clip.truth[:, 0] == 0).all()
        assert (clip.keypoints[..., 2] == 1).all()
        np.testing.assert_allclose(bone_lengths(clip.truth), bone_lengths(motion.poses), rtol=1e-4)


def test_truth_and_keypoints_are_of_one_camera():
    """Points of a camera are x / z and y / z times one focal length, about a root of its own."""
    for clip in cmu_clips(walkers(1), detector=CLEAN):
        frame = 7
        # focal * (x + X) = u * (z + Z): linear in focal, focal * X and Z, and the same for y.
        pose = clip.truth[frame].astype(float)
        u, v = clip.keypoints[frame, :, :2].astype(float).T
        one, none = np.ones(17), np.zeros(17)
        rows = np.concatenate(
            [
                np.stack([pose[:, 0], one, none, -u], axis=1),
                np.stack([pose[:, 1], none, one, -v], axis=1),
            ]
        )
        wanted = np.concatenate([u * pose[:, 2], v * pose[:, 2]])
        solution, *_ = np.linalg.lstsq(rows, wanted, rcond=None)
        np.testing.assert_allclose(rows @ solution, wanted, atol=1e-4)
        assert 1 / 0.9 <= solution[0] <= 1 / 0.3


def test_part_of_the_motions_gives_part_of_the_clips():
    motions = walkers(3)
    every = {clip.name: clip for clip in cmu_clips(motions, views=3)}
    part = list(cmu_clips(motions.where(lambda motion: motion.subject == "b"), views=2))
    assert [clip.name for clip in part] == ["b_01/0", "b_01/1"]
    assert all(same(clip, every[clip.name]) for clip in part)


def test_seeds_and_views_give_other_clips():
    motions = walkers(1)
    first, second = cmu_clips(motions)
    assert not np.array_equal(first.truth, second.truth)
    (other, _) = cmu_clips(motions, seed=1)
    assert not np.array_equal(first.truth, other.truth)
    clean, _ = cmu_clips(motions, detector=CLEAN)
    assert np.array_equal(first.truth, clean.truth)
    assert not np.array_equal(first.keypoints, clean.keypoints)


def test_motions_that_are_not_exact_are_left_out():
    exact = walking("a")
    recovered = dataclasses.replace(walking("b"), source="cmu-undaz")
    clips = list(cmu_clips(MotionSet(motions=(recovered, exact)), views=1))
    assert [clip.name for clip in clips] == ["a_01/0"]


def test_another_frame_rate_is_refused():
    with pytest.raises(InputError) as caught:
        list(cmu_clips(MotionSet(motions=(walking("a", fps=60.0),))))
    assert str(caught.value) == ("motion a_01: expected 50 frames a second, got 60; resample it")


def test_files_of_another_frame_rate_are_resampled(tmp_path):
    other, same_rate = walking("a", frames=61, fps=60.0), walking("b", frames=60)
    paths = [
        save_motions(tmp_path / f"{m.subject}.npz", dataclasses.replace(walkers(2), motions=(m,)))
        for m in (other, same_rate)
    ]
    first, second = CMU.read(paths, ProtocolOptions(views=1, noise="clean"))
    (expected,) = cmu_clips(MotionSet(motions=(resampled(other, 50.0),)), views=1, detector=CLEAN)
    assert (first.fps, len(first.truth)) == (50.0, 51)
    assert same(first, expected)
    assert (second.fps, len(second.truth)) == (50.0, 60)


@pytest.mark.parametrize(
    ("action", "group"),
    [
        ("walk/run", "walk, run"),
        ("navigate - walk forward, backward, sideways", "walk, run"),
        ("run, leap", "jump"),
        ("jump up to grab, reach for, tiptoe", "jump"),
        ("jumping jacks, side twists, bend over, jog", "exercise"),
        ("dance - cartwheel-like start, pirouettes, jete", "dance, balance"),
        ("balance on one leg, outstretched arms", "dance, balance"),
        ("salsa dance", "dance, balance"),
        ("climb 3 steps", "acrobatics, climbing"),
        ("acrobatics - spin/twirl, hang on ropes", "acrobatics, climbing"),
        ("side flip", "acrobatics, climbing"),
        ("sit on high stool, stand up", "everyday"),
        ("unscrew bottlecap, drink soda", "everyday"),
        ("direct traffic, wave", "everyday"),
        ("boxing", "sport"),
        ("Front Kick", "sport"),
        ("Unknown", "other"),
        ("", "other"),
    ],
)
def test_actions_are_grouped_by_their_words(action, group):
    assert action_group(action) == group


@pytest.mark.shared
@pytest.mark.skipif(not MOCAP.is_file(), reason="the shared data is not on this machine")
def test_the_shared_test_set():
    clips = CMU.read([MOCAP], ProtocolOptions())
    assert len(clips) == 60
    assert sum(len(clip.truth) for clip in clips) == 30876
    assert {clip.subject for clip in clips} == {"cmu13", "cmu49"}
    assert {clip.action for clip in clips} == {
        *("acrobatics, climbing", "dance, balance", "everyday", "exercise", "jump", "walk, run")
    }
    # What Engine.infer takes for pixels starts at 10 half widths.
    assert max(np.abs(clip.keypoints[..., :2]).max() for clip in clips) < 5
