"""tracking/: who is who from frame to frame."""

import itertools

import numpy as np
import pytest
from moving_people import frame, person

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.tracking import NOBODY, Tracker
from h2ot_edge.tracking.similarity import SPREAD, Bodies, oks


def sure(people):
    return np.full(len(people), 0.9)


def ids_of(tracker, *frames, fps=25.0, start=0):
    """Of frames one after the other."""
    return [
        tracker.update(people, sure(people), (start + at) / fps) for at, people in enumerate(frames)
    ]


def test_everybody_keeps_the_id_whatever_the_order():
    rng, tracker = np.random.default_rng(0), Tracker()
    first = None
    for at in range(50):
        order = rng.permutation(4)
        people = [person(100 + 300 * who + 4 * at, seed=100 * at + who) for who in range(4)]
        ids = tracker.update(frame(*(people[who] for who in order)), np.full(4, 0.9), at / 25)
        names = dict(zip(order.tolist(), ids, strict=True))
        first = first or names
        assert names == first
    assert sorted(first.values()) == [1, 2, 3, 4]


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_two_who_cross_keep_their_ids(fps):
    tracker, seconds = Tracker(), 4.0
    for at in range(int(seconds * fps)):
        x = 200 * at / fps  # pixels; they meet in the middle
        left, right = person(100 + x, 400, seed=at), person(900 - x, 410, seed=1000 + at)
        # One is behind the other and not found.
        people = frame(left) if abs(800 - 2 * x) < 60 else frame(left, right)
        ids = tracker.update(people, sure(people), at / fps)
        assert ids == [1, 2][: len(people)]


def test_who_is_missed_for_a_while_is_known_and_who_is_away_for_longer_is_new():
    tracker = Tracker(max_lost_s=0.5)
    assert ids_of(tracker, *[frame(person(100 + 4 * at)) for at in range(10)]) == [[1]] * 10
    assert ids_of(tracker, *[frame()] * 11, start=10) == [[]] * 11
    assert tracker.update(frame(person(190)), [0.9], 21 / 25) == [1]  # 0.48 s later
    assert tracker.update(frame(person(190)), [0.9], 21 / 25 + 0.5) == [1]
    assert tracker.update(frame(), [], 21 / 25 + 0.9) == []
    assert tracker.update(frame(person(190)), [0.9], 21 / 25 + 1.1) == [2]
    assert tracker.update(frame(person(190), person(700)), [0.9, 0.9], 2.0) == [2, 3]


def test_it_goes_by_time_and_not_by_frames():
    for step in (0.01, 0.3):
        tracker = Tracker(max_lost_s=1.0)
        times = itertools.count(0.0, step)
        assert [tracker.update(frame(person(300)), [1.0], next(times)) for _ in range(5)] == [
            [1]
        ] * 5
        for _ in range(5):
            assert tracker.update(frame(), [], next(times)) == []
        known = 1 if 6 * step <= 1.0 else 2
        assert tracker.update(frame(person(300)), [1.0], next(times)) == [known]


@pytest.mark.parametrize(
    ("fps", "options"), [(0.9, {}), (0.05, {}), (0.9, {"max_lost_s": 0}), (25, {"max_lost_s": 0})]
)
def test_who_was_in_the_frame_before_is_never_forgotten(fps, options):
    """Nor is it in doubt who it is, however long ago that was."""
    tracker = Tracker(**options)
    people = [frame(person(300, seed=2 * at), person(700, seed=2 * at + 1)) for at in range(20)]
    assert ids_of(tracker, *people, fps=fps) == [[1, 2]] * 20
    moved = frame(person(320), person(720))
    assert tracker.update(moved, sure(moved), 21 / fps) == [1, 2]
    assert tracker.update(frame(), [], 21.1 / fps) == []
    away = tracker.update(moved, sure(moved), 21.2 / fps + options.get("max_lost_s", 1.0) + 0.01)
    assert away == [3, 4]


@pytest.mark.parametrize("fps", [0.1, 0.9, 2])
def test_who_turns_round_between_two_images_is_the_same(fps):
    xs = [300, 360, 300, 330, 260, 340, 300]
    people = [frame(person(x, seed=at), person(x + 500)) for at, x in enumerate(xs)]
    assert ids_of(Tracker(), *people, fps=fps) == [[1, 2]] * len(xs)


def test_a_second_detection_of_somebody_is_nobody():
    tracker = Tracker()
    people = frame(person(300, seed=0), person(300, seed=1), person(900))
    assert tracker.update(people, [0.5, 0.9, 0.8], 0.0) == [NOBODY, 1, 2]
    two, *one = tracker.update(people[::-1], [0.8, 0.4, 0.9], 0.04)
    assert (two, sorted(one)) == (2, [NOBODY, 1])


def test_who_came_a_moment_ago_and_stands_where_another_is_was_never_there():
    """A detector that is not settled yet sees two people who turn out to be one."""
    tracker = Tracker()
    ids_of(tracker, *[frame(person(300)) for _ in range(10)])
    assert tracker.update(frame(person(300), person(365)), [0.9, 0.9], 0.4) == [1, 2]
    assert tracker.update(frame(person(300), person(312)), [0.8, 0.9], 0.44) == [1, NOBODY]
    assert tracker.update(frame(person(300), person(365)), [0.9, 0.9], 0.48) == [1, 3]


def test_two_who_are_close_are_two():
    tracker = Tracker()
    people = frame(person(300), person(370))
    assert ids_of(tracker, *[people] * 5) == [[1, 2]] * 5


def test_a_weak_detection_is_nobody_new_but_may_be_somebody():
    tracker = Tracker(birth_score=0.5)
    people = frame(person(300))
    assert tracker.update(people, [0.4], 0.0) == [NOBODY]
    assert tracker.update(people, [0.5], 0.1) == [1]
    assert tracker.update(people, [0.1], 0.2) == [1]


def test_half_a_person_is_the_same_person():
    tracker = Tracker()
    whole = [frame(person(300 + 4 * at)) for at in range(5)]
    assert ids_of(tracker, *whole) == [[1]] * 5
    for number, gone in enumerate((slice(0, 7), slice(7, 17), slice(3, 14)), start=5):
        half = frame(person(300 + 4 * number))
        half[:, gone] = 0 if number % 2 else np.nan
        assert tracker.update(half, [0.5], number / 25) == [1]


def test_a_detection_without_joints_is_nobody():
    assert Tracker().update(np.zeros((2, 17, 3)), [1, 1], 0.0) == [NOBODY, NOBODY]
    assert Tracker().update(np.full((1, 17, 2), np.nan), [1], 0.0) == [NOBODY]


def test_keypoints_without_confidences():
    tracker = Tracker()
    people = frame(person(300), person(700))[..., :2]
    assert ids_of(tracker, people, people[::-1]) == [[1, 2], [2, 1]]


def test_fifty_people():
    rng, tracker = np.random.default_rng(1), Tracker()
    corners = [(150 + 170 * (at % 10), 200 + 400 * (at // 10)) for at in range(50)]
    for number in range(10):
        order = rng.permutation(50)
        people = [person(x, y, seed=50 * number + at) for at, (x, y) in enumerate(corners)]
        ids = tracker.update(frame(*(people[at] for at in order)), np.ones(50), number / 30)
        if number == 0:
            names = dict(zip(order.tolist(), ids, strict=True))
            assert sorted(ids) == list(range(1, 51))
        assert dict(zip(order.tolist(), ids, strict=True)) == names


def test_oks_is_cocos():
    """As the formula has it, of a joint that is off."""
    one = Bodies.of(person(300)[None, :, :2].astype(float), np.ones((1, 17), bool))
    moved = one.places.copy()
    moved[0, 13, 0] += 30
    other = Bodies(moved, one.seen, one.sizes)
    width, height = np.ptp(one.places[0], axis=0)
    area = 0.53 * width * height
    wrist = np.exp(-(30**2) / (2 * area * (2 * 0.062) ** 2))
    np.testing.assert_allclose(oks(one, other), [[(16 + wrist) / 17]])
    np.testing.assert_allclose(SPREAD[[0, 3, 13]], [2 * 0.107, 2 * 0.089, 2 * 0.062])


@pytest.mark.parametrize(
    ("keypoints", "scores", "message"),
    [
        (
            np.zeros((17, 3)),
            [1],
            "keypoints: expected (n, 17, 2|3) of a frame's n people, got (17, 3)",
        ),
        (np.zeros((2, 17, 3)), [1], "scores: expected one for each of the 2 people, got (1,)"),
        ([], [1], "scores: expected one for each of the 0 people, got (1,)"),
    ],
)
def test_other_shapes(keypoints, scores, message):
    with pytest.raises(InputError) as caught:
        Tracker().update(keypoints, scores, 0.0)
    assert str(caught.value) == message


@pytest.mark.parametrize("timestamp", [1.0, 0.5, float("nan"), float("inf")])
def test_times_that_do_not_rise(timestamp):
    tracker = Tracker()
    tracker.update(frame(person(300)), [1], 1.0)
    with pytest.raises(InputError) as caught:
        tracker.update(frame(person(300)), [1], timestamp)
    assert str(caught.value) == (
        "timestamp: expected a finite number of seconds after the 1.000000 s of the frame before, "
        f"got {timestamp:.6f}; give frames in the order they were taken"
    )
    assert tracker.update(frame(person(300)), [1], 1.1) == [1]  # as if nothing had been


def test_wrong_options():
    with pytest.raises(UsageError) as caught:
        Tracker(max_lost_s=-1)
    assert str(caught.value) == "max_lost_s: expected seconds from 0 on, got -1"
    with pytest.raises(UsageError) as caught:
        Tracker(birth_score=float("nan"))
    assert str(caught.value) == "birth_score: expected a number, got nan"
