"""`Stream` where joints, people or time are missing, and its filter."""

import logging

import numpy as np
import pytest
from live_streams import CLIP, FRAMES, answers, load, run, stream

from h2ot_edge.filters import OneEuro, one_euro
from h2ot_edge.missing import fill_missing


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path) as engine:
        yield engine


def test_somebody_who_was_away_for_just_so_long_was_never_away(engine):
    made = stream(engine, lookahead=0, max_gap_s=0.3)
    for seconds in (0.1, 0.2, 0.3, 0.6000000000000001):
        pose = made.push(CLIP[0], seconds)
    assert pose.padded == FRAMES - 4


def test_missing_joints_are_held(engine):
    clip = CLIP[:12].copy()
    clip[4:6, 3] = [[np.nan, 0.5, 0.9], [0.3, 0.3, 0.0]]
    clip[5, 8, 1] = np.inf
    held = fill_missing(clip, on_missing="hold", times=np.arange(12) / 50).keypoints
    np.testing.assert_array_equal(held[5, [3, 8], :2], [CLIP[3, 3, :2], CLIP[4, 8, :2]])
    poses = answers(stream(engine, lookahead=1, fps=50), clip)
    for newest in range(1, 12):
        np.testing.assert_array_equal(
            poses[newest].positions, run(engine, held, newest)[FRAMES - 2]
        )
    assert all(pose.valid.all() for pose in poses[1:])
    assert poses[6].confidence[[3, 8]].tolist() == [0, 0]
    assert poses[6].confidence[4] == CLIP[5, 4, 2]


def test_a_joint_is_invalid_when_it_is_missing_for_too_long(engine):
    clip = CLIP[:10].copy()
    clip[2:8, 5] = np.nan
    poses = answers(stream(engine, lookahead=0, fps=50, max_gap_s=0.06), clip)
    assert [bool(pose.valid[5]) for pose in poses] == [True] * 5 + [False] * 3 + [True] * 2
    assert all(pose.valid[[4, 6]].all() for pose in poses)


def test_frames_without_anybody_are_held_and_then_not_answered(engine):
    made = stream(engine, lookahead=0, fps=50, max_gap_s=0.06)
    poses = answers(made, [*CLIP[:4], None, None, None, None, None, *CLIP[9:12]])
    assert [pose and pose.number for pose in poses] == [0, 1, 2, 3, 4, 5, 6, None, None, 9, 10, 11]
    assert poses[6].confidence.max() == 0
    assert poses[6].valid.all()
    # Who comes back begins anew.
    assert [pose.padded for pose in poses[9:]] == [8, 7, 6]
    for newest in range(3):
        expected = run(engine, CLIP[9:], newest)[-1]
        np.testing.assert_array_equal(poses[9 + newest].positions, expected)


def test_no_window_is_run_for_nobody(engine, monkeypatch):
    made = stream(engine, lookahead=1, hop=2, fps=50, max_gap_s=0.06)
    answers(made, CLIP[:10])
    answers(made, [None] * 8)
    monkeypatch.setattr(engine, "run_windows", None)
    assert answers(made, [None] * 50) == [None] * 50


def test_a_stream_begins_with_the_first_person(engine):
    made = stream(engine, lookahead=1, fps=50)
    poses = answers(made, [None, np.full((17, 2), np.nan), [], *CLIP[3:6]])
    assert [pose and pose.number for pose in poses] == [None] * 4 + [3, 4]
    np.testing.assert_array_equal(poses[4].positions, run(engine, CLIP[3:], 1)[FRAMES - 2])


def test_a_long_jump_in_time_begins_anew(engine):
    made = stream(engine, lookahead=1)
    poses = [made.push(frame, 0.1 * number) for number, frame in enumerate(CLIP[:5])]
    poses += [made.push(frame, 5 + 0.1 * number) for number, frame in enumerate(CLIP[5:9])]
    assert [pose and pose.number for pose in poses] == [None, 0, 1, 2, 3, None, 5, 6, 7]
    np.testing.assert_array_equal(poses[6].positions, run(engine, CLIP[5:], 1)[FRAMES - 2])


def test_reset_is_a_new_stream(engine):
    made = stream(engine, lookahead=2, hop=2, fps=50, smooth=OneEuro(min_cutoff_hz=1, beta=0))
    first = answers(made, CLIP[:15])
    made.reset()
    again = answers(made, CLIP[:15])
    assert [pose and pose.number for pose in again] == [pose and pose.number for pose in first]
    np.testing.assert_array_equal(again[-1].positions, first[-1].positions)


@pytest.mark.parametrize("stamped", [False, True])
def test_one_euro_is_that_of_the_whole_clip(engine, stamped):
    euro = OneEuro(min_cutoff_hz=1.2, beta=4.0)
    made, plain = (
        stream(engine, lookahead=1, hop=2, fps=50, smooth=smooth) for smooth in (euro, None)
    )
    both = []
    for number, frame in enumerate(CLIP):
        seconds = number / 50 if stamped else None
        pair = made.push(frame, seconds), plain.push(frame, seconds)
        if number >= made.delay:
            both.append([pose.positions for pose in pair])
    smooth, raw = np.stack(both, axis=1)
    expected = one_euro(raw, 50, min_cutoff_hz=1.2, beta=4.0)
    if stamped:
        np.testing.assert_allclose(smooth, expected, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(smooth, expected)
    assert pair[0].filters == (euro.description,)


def test_the_filter_does_not_reach_over_a_gap(engine):
    euro = OneEuro(min_cutoff_hz=0.1, beta=0)
    made = stream(engine, lookahead=0, smooth=euro)
    for number, frame in enumerate(CLIP[:9]):
        made.push(frame, number / 50)
    after = made.push(CLIP[9], 9.0)
    np.testing.assert_array_equal(after.positions, run(engine, CLIP[9:], 0)[-1])


@pytest.mark.parametrize(
    ("size", "scale", "message"),
    [
        (None, 500, "look like pixels, and no image_size was given"),
        ((1920, 1080), 1, "look normalised, and image_size was given for pixels"),
    ],
)
def test_the_wrong_unit_is_said_once_and_never_lifted(engine, caplog, size, scale, message):
    made = stream(engine, lookahead=0, image_size=size)
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        assert answers(made, CLIP[:3] * scale) == [None] * 3
    assert [record.getMessage() for record in caplog.records] == [
        f"live stream: keypoints {message}; such joints count as missing (said once)"
    ]


def test_timestamps_next_to_each_other_do_no_harm(engine):
    made = stream(engine, lookahead=0, smooth=OneEuro(min_cutoff_hz=1, beta=1))
    poses = [made.push(CLIP[number], seconds) for number, seconds in enumerate((0.0, 5e-324))]
    assert np.isfinite(poses[1].positions).all()
