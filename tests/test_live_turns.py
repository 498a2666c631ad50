"""Streams with a hop take turns, so that few windows are due in one frame."""

from collections import Counter

import numpy as np
import pytest
from live_streams import FRAMES, frames, load, run

from h2ot_edge.live import stream, streams
from h2ot_edge.live.phases import free_turn

CLIPS = {name: frames(40, seed) for seed, name in enumerate("abcdef")}


def windows_of_rounds(engine, made, rounds, names):
    """Windows that ran in each frame of the camera, and all poses."""
    counts, poses = [], []
    for number in range(rounds):
        before = made.counts.windows
        people = {name: CLIPS[name][number] for name in names}
        poses += made.push_many(people, number / 50)
        counts.append(made.counts.windows - before)
    return counts, poses


@pytest.mark.parametrize("startup", ["pad", "wait"])
@pytest.mark.parametrize(
    ("batch", "names", "most"), [(1, "abcd", 1), (1, "abcdef", 2), (3, "abcdef", 3)]
)
def test_no_frame_has_more_windows_than_it_must(tmp_path, batch, names, most, startup):
    with load(tmp_path, batch=batch) as engine:
        made = streams(engine, lookahead=2, hop=4, startup=startup)
        counts, _ = windows_of_rounds(engine, made, 40, names)
    # Who waits for whole windows runs the first one as soon as it is whole.
    first = FRAMES if startup == "wait" else 2
    assert sum(counts[:first]) == (len(names) if startup == "wait" else 0)
    assert max(counts[first:]) == most
    assert {sum(counts[start : start + 4]) for start in range(first, 37)} == {len(names)}


def test_a_model_that_takes_all_at_once_is_given_all_at_once(tmp_path):
    with load(tmp_path, max_batch=8) as engine:
        made = streams(engine, lookahead=2, hop=4)
        counts, _ = windows_of_rounds(engine, made, 30, "abcdef")
    assert Counter(counts) == {6: 7, 0: 23}
    assert made.counts.calls == 7


@pytest.mark.parametrize("startup", ["pad", "wait"])
def test_every_frame_is_answered_in_its_time_from_one_window(tmp_path, startup):
    with load(tmp_path, batch=1) as engine:
        made = streams(engine, lookahead=2, hop=4, startup=startup)
        alone = stream(engine, lookahead=2, hop=4, startup=startup)
        for number in range(40):
            usual = alone.push(CLIPS["a"][number], number / 50)
            poses = made.push_many({n: CLIPS[n][number] for n in "abcd"}, number / 50)
            assert [pose.number for pose in poses] == ([usual.number] * 4 if usual else [])
            for pose in poses:
                assert 2 <= pose.lookahead <= 5
                newest = pose.number + pose.lookahead
                expected = run(engine, CLIPS[pose.id], newest)[FRAMES - 1 - pose.lookahead]
                np.testing.assert_array_equal(pose.positions, expected)
                assert pose.padded == max(FRAMES - 1 - newest, 0)


def test_who_is_first_is_as_a_stream_alone(tmp_path):
    with load(tmp_path, batch=1) as engine:
        made = streams(engine, lookahead=1, hop=3)
        alone = stream(engine, lookahead=1, hop=3)
        for number, frame in enumerate(CLIPS["a"]):
            found = made.push("a", frame, number / 50)
            expected = alone.push(frame, number / 50)
            assert [pose.lookahead for pose in found] == ([expected.lookahead] if expected else [])
            for pose in found:
                np.testing.assert_array_equal(pose.positions, expected.positions)


def test_who_comes_later_or_comes_back_takes_the_turn_that_is_free(tmp_path):
    with load(tmp_path, batch=1) as engine:
        made = streams(engine, lookahead=0, hop=2, max_gap_s=0.05)
        counts = []
        for number in range(40):
            people = {"a": CLIPS["a"][number]}
            if number >= 5:
                away = 15 <= number < 20
                people["b"] = None if away else CLIPS["b"][number]
            before = made.counts.windows
            made.push_many(people, number / 50)
            counts.append(made.counts.windows - before)
    assert set(counts[7:17]) == {1}
    assert set(counts[23:]) == {1}


def test_who_leaves_frees_a_turn():
    assert free_turn([], natural=3, hop=4, batch=1) == 3
    assert free_turn([3], natural=3, hop=4, batch=1) == 2
    assert free_turn([3, 2, 0], natural=3, hop=4, batch=1) == 1
    assert free_turn([3, 2, 1, 0], natural=1, hop=4, batch=1) == 1
    assert free_turn([1], natural=1, hop=4, batch=2) == 1
    assert free_turn([1, 1], natural=1, hop=4, batch=2) == 0
