"""Streams with a hop take turns, so that few windows are due in one frame."""

from collections import Counter

import numpy as np
import pytest
from live_streams import FRAMES, frames, load, run

from h2ot_edge.live import stream, streams
from h2ot_edge.live.phases import FrameCount, Place, take_turn

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
    # The first ones too; who waits for whole windows has the first when it is its turn then.
    first = FRAMES - 1 if startup == "wait" else 2
    assert sum(counts[:first]) == 0
    assert max(counts) == most
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
            assert {pose.number for pose in poses} <= {usual and usual.number}
            if startup == "pad" or number < FRAMES - 1:
                assert len(poses) == 4 * (usual is not None)
            else:  # one more in every frame, as its turn comes
                assert len(poses) == min(number - (FRAMES - 1) + 1, 4)
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


def test_after_everybody_was_away_they_have_their_turns_again(tmp_path):
    with load(tmp_path, batch=1) as engine:
        made = streams(engine, lookahead=2, hop=4, max_gap_s=0.05, startup="wait")
        counts = []
        for number in range(40):
            before = made.counts.windows
            away = 14 <= number < 20
            people = {name: None if away else CLIPS[name][number] for name in "abcd"}
            made.push_many(people, number / 50)
            counts.append(made.counts.windows - before)
    assert sum(counts[20 : 20 + FRAMES - 1]) == 0
    assert counts[20 + FRAMES + 2 :] == [1] * (40 - 20 - FRAMES - 2)
    assert max(counts) == 1


def filmed(made, camera, names, number, rate):
    """Windows that ran with the next frame of a camera."""
    before = made.counts.windows
    people = {(camera, name): CLIPS[name][number % 40] for name in names}
    made.push_many(people, number / rate)
    return made.counts.windows - before


def test_people_of_a_slow_camera_take_turns_beside_a_fast_one(tmp_path):
    with load(tmp_path, batch=1) as engine:
        made = streams(engine, lookahead=0, hop=2)
        slow = []
        for number in range(40):
            filmed(made, "fast", "a", number, 60)
            if number % 2 == 0:
                # Frames of both cameras together, two for each of this one, would tell nothing.
                names = "bc" if number >= 10 else "b"
                slow.append(filmed(made, "slow", names, number // 2, 30))
    assert slow[5:] == [1] * 15


def test_turns_that_are_free_before_another_camera_are_not_those_of_this_one(tmp_path):
    with load(tmp_path, batch=1) as engine:
        made = streams(engine, lookahead=2, hop=4)
        slow = []
        for number in range(60):
            names = "abcd" if number < 20 else "bd"
            if number == 20:
                made.drop(("fast", "a"))
                made.drop(("fast", "c"))
            filmed(made, "fast", names, number, 30)
            if number >= 20 and number % 6:
                slow.append(filmed(made, "slow", "abcd", len(slow), 25))
    assert slow[5:] == [1] * (len(slow) - 5)


def test_cameras_of_one_person_each_take_turns(tmp_path):
    with load(tmp_path, batch=1) as engine:
        made = streams(engine, lookahead=2, hop=4)
        cameras = ["left", "right", "front", "back"]
        counts = [
            sum(filmed(made, camera, "a", number, 50) for camera in cameras) for number in range(30)
        ]
    assert counts[5:] == [1] * 25


def turn_of(taken, *, natural, hop=4, batch=1):
    """Of a new stream beside others of its camera, whose turn would be `natural`."""
    count = FrameCount()
    place = Place(count)
    others = [[Place(count, turn=turn)] for turn in taken]
    take_turn([place], others, first_run=natural + 1, hop=hop, batch=batch)
    return place.turn


def test_the_turn_that_is_free():
    assert turn_of([], natural=3) == 3
    assert turn_of([3], natural=3) == 2
    assert turn_of([3, 2, 0], natural=3) == 1
    assert turn_of([3, 2, 1, 0], natural=1) == 1
    assert turn_of([1], natural=1, batch=2) == 1
    assert turn_of([1, 1], natural=1, batch=2) == 0


@pytest.mark.parametrize(
    ("turns_of_all", "expected"),
    [
        # Only with turn 1 of its camera, which is taken, it would be alone among all.
        ((2, 0, 1), [3, 1]),
        ((2, 3, 1), [2, 0]),
    ],
)
def test_those_of_ones_own_camera_come_first(turns_of_all, expected):
    own, everybody = FrameCount(newest=5), FrameCount(newest=11)
    # Alone it would have turn 5 + 3 - 1 = 3 of 4 there, and 11 + 3 - 1 = 1 among all.
    places = [Place(own), Place(everybody)]
    cameras = [own, FrameCount(), FrameCount()]
    others = [
        [Place(camera, turn=1), Place(everybody, turn=turn)]
        for camera, turn in zip(cameras, turns_of_all, strict=True)
    ]
    take_turn(places, others, first_run=3, hop=4, batch=1)
    assert [place.turn for place in places] == expected
