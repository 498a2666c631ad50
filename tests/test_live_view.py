"""The live view without its pages: who waits for whom, which picture belongs to which pose."""

import logging
import math
import threading
import time

import numpy as np
import pytest
from live_scenes import SIZE, Detector, Film, engine, lifter, person, scenes

from h2ot_edge.live_view import Clocks, LiveScenes, Numbers, Recording, Taken, numbers, reading
from h2ot_edge.live_view.mailbox import Mailbox
from h2ot_edge.live_view.placing import Placer
from h2ot_edge.live_view.reading import Reader
from h2ot_edge.stages import StageTimes

# Mailbox


def test_a_mailbox_drops_the_oldest_and_counts():
    box = Mailbox(2)
    assert all(box.put(item) for item in "abcde")
    box.end()
    assert (list(box), box.dropped, box.put("f")) == (["d", "e"], 3, False)


def test_a_mailbox_of_everything_waits_for_who_takes():
    box, taken = Mailbox(every=True), []
    thread = threading.Thread(target=lambda: taken.extend(box))
    thread.start()
    assert all(box.put(item) for item in range(100))
    box.end()
    thread.join()
    assert (taken, box.dropped) == (list(range(100)), 0)


def test_an_end_releases_who_waits_to_put():
    box, answers = Mailbox(every=True), []
    box.put("a")
    thread = threading.Thread(target=lambda: answers.append(box.put("b")))
    thread.start()
    box.end()
    thread.join()
    assert (answers, list(box)) == ([False], ["a"])


def test_a_mailbox_raises_the_first_error_behind_what_waits():
    box = Mailbox(3)
    box.put("a")
    box.end(KeyError("first"))
    box.end(ValueError("second"))
    taken = iter(box)
    assert next(taken) == "a"
    with pytest.raises(KeyError, match="first"):
        next(taken)


# Reading


def read(source, **options):
    box, times = Mailbox(len(range(source.frames)), **options), StageTimes()
    reader = Reader(source, box, times)
    reader.start()
    taken = list(box)
    reader.stop()
    return taken, times, reader


def test_a_film_comes_at_its_own_pace(monkeypatch):
    monkeypatch.setattr(reading, "_LATE_S", math.inf)  # so that a busy machine changes nothing
    taken, times, reader = read(Film(6, fps=100.0))
    at = np.array([each.at for each in taken])
    np.testing.assert_allclose(at - at[0], np.arange(6) / 100, atol=1e-6)
    assert (reader.count, list(times.as_dict())) == (6, ["decode"])


def test_a_film_that_decodes_slowly_goes_on_from_where_it_is():
    taken, _, _ = read(Film(4, fps=100.0, pause=lambda number: time.sleep(0.3 * (number == 2))))
    at = [each.at for each in taken]
    assert at[2] - at[1] > 0.25
    assert at[3] - at[2] >= 0.01 - 1e-6


def test_a_camera_is_not_waited_for_and_not_timed():
    taken, times, _ = read(Film(5, fps=0.01, live=True))
    assert [each.frame.number for each in taken] == [0, 1, 2, 3, 4]
    assert times.as_dict() == {}


# Lifting


def test_a_scene_has_the_poses_of_its_own_frame(tmp_path):
    made = scenes(engine(tmp_path), lookahead=1, hop=2, frames=20)
    assert [scene.frame.number for scene in made] == list(range(18))
    for scene in made:
        assert scene.frame.image[0, 0, 0] == scene.frame.number
        assert scene.poses["1"].timestamp == scene.frame.timestamp
        # The tiny model gives the keypoints, normalised by the width.
        seen = person()[:, 0] / (SIZE[0] / 2) - 1
        np.testing.assert_allclose(scene.poses["1"].positions[:, 0], seen, atol=1e-5)


def test_people_come_and_go(tmp_path):
    there = {"ann": range(10), "bob": range(4, 40)}

    def people(number):
        return {name: person() for name, frames in there.items() if number in frames}

    made = scenes(engine(tmp_path), Detector(people), lookahead=0, hop=1, frames=60)
    found = {name: [s.frame.number for s in made if name in s.keypoints] for name in there}
    assert found == {name: list(frames) for name, frames in there.items()}
    lifted = {name: [s.frame.number for s in made if name in s.poses] for name in there}
    # Half a second, 25 frames, they are held; then they are not there.
    assert lifted == {"ann": list(range(35)), "bob": list(range(4, 60))}
    assert made[30].names == ["bob", "ann"]


def test_who_is_gone_for_good_is_forgotten(tmp_path):
    made = lifter(engine(tmp_path), Detector(lambda number: {} if number else {"1": person()}))
    taken = scenes_of(made, frames=150, fps=50.0)
    assert taken[0].poses.keys() == {"1"}
    assert made._streams.ids == []


def scenes_of(made, frames, fps):
    steps = [made.step(Taken(frame=frame, at=0.0)) for frame in Film(frames, fps)]
    return [step for step in steps if step is not None]


def test_who_left_has_the_poses_that_come_later(tmp_path):
    detector = Detector(lambda number: {"1": person()} if number < 10 else {})
    with engine(tmp_path) as opened:
        made = scenes(opened, detector, frames=40, fps=2.5, lookahead=4, hop=5)
    assert [scene.frame.number for scene in made if "1" in scene.poses][:10] == list(range(10))


def test_somebody_may_be_away_for_as_long_as_is_asked_for(tmp_path):
    detector = Detector(lambda number: {} if 10 <= number < 40 else {"1": person()})
    with engine(tmp_path) as opened:
        made = scenes(opened, detector, frames=60, fps=10, max_gap_s=5)
    assert all("1" in scene.poses for scene in made)
    assert len(made) == 58


def test_frames_far_apart_are_warned_of_once(tmp_path, caplog):
    made = lifter(engine(tmp_path))
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        assert all(not scene.poses for scene in scenes_of(made, frames=12, fps=1.0))
    assert [r.getMessage() for r in caplog.records if r.name.endswith("lifting")] == [
        "frames are taken 1.0 s apart, farther than the 0.5 s for which people are remembered, so "
        "nobody has poses: take a faster detector, or raise --max-gap-s"
    ]


# All threads


def test_every_frame_is_shown_if_that_is_asked_for(tmp_path):
    recording = Recording()
    live = LiveScenes(
        Film(40), lifter(engine(tmp_path)), StageTimes(), recording=recording, every=True
    )
    with live:
        shown = [scene.frame.number for scene in live]
    assert (shown, live.read, live.dropped, recording.frames) == (list(range(38)), 40, 0, 38)


def test_who_shows_slowly_sees_the_newest_and_all_is_recorded(tmp_path):
    recording = Recording()
    live = LiveScenes(
        Film(30, fps=200.0), lifter(engine(tmp_path)), StageTimes(), recording=recording
    )
    with live:
        shown = []
        for scene in live:
            shown.append(scene.frame.number)
            if len(shown) == 1:
                live._thread.join()  # all are lifted meanwhile
    assert len(shown) == 2
    assert round(200 * recording.poses().timestamps[-1]) == shown[1]
    assert recording.frames + live.dropped == 28


@pytest.mark.parametrize("where", ["source", "detector"])
def test_errors_of_threads_are_raised_by_the_iteration(tmp_path, where):
    def fail(number):
        if number == 5:
            raise ValueError(f"the {where} is broken")
        return {"1": person()}

    source = Film(40, pause=fail) if where == "source" else Film(40)
    detector = Detector(fail) if where == "detector" else Detector()
    live = LiveScenes(source, lifter(engine(tmp_path), detector), StageTimes(), every=True)
    shown = []
    with pytest.raises(ValueError, match=f"^the {where} is broken$"), live:
        shown.extend(scene.frame.number for scene in live)
    assert shown == [0, 1, 2]


def test_leaving_early_ends_both_threads(tmp_path):
    live = LiveScenes(Film(10**6, live=True), lifter(engine(tmp_path)), StageTimes(), every=True)
    with live:
        next(iter(live))
    assert not live._thread.is_alive()
    assert not live._reader._thread.is_alive()


# Numbers


def test_numbers_of_speed(tmp_path, monkeypatch):
    monkeypatch.setattr(numbers, "_EVERY_S", math.inf)
    times, clocks = StageTimes(), Clocks()
    live = LiveScenes(Film(1), lifter(engine(tmp_path), times=times), times)
    scene = scenes(engine(tmp_path), frames=4)[0]
    first = Numbers(live, clocks, times).of(scene)
    assert (first["fps"], first["delay_ms"], clocks.delays_ms()) == (None, None, None)
    for _ in range(3):
        clocks.tick(time.monotonic() - 0.25)
    made = Numbers(live, clocks, times)
    said = made.of(scene)
    assert said["delay_ms"] >= 250
    assert said["fps"] > 0
    assert (said["people"], said["dropped"], clocks.shown) == (1, 0, 3)
    assert clocks.delays_ms().keys() == {"p50", "p99"}
    assert made.of(scene) is said  # until the next are due


# Recording


def test_a_recording_has_everybody_from_first_to_last(tmp_path):
    there = {"ann": [*range(3), *range(40, 50)], "bob": range(5, 50)}

    def people(number):
        return {name: person() for name, frames in there.items() if number in frames}

    recording = Recording()
    made = scenes(engine(tmp_path), Detector(people), lookahead=0, hop=1, frames=50, fps=50.0)
    for scene in made:
        recording.add(scene)
    poses = recording.poses()
    assert (poses.shape, poses.people) == ((2, 50, 17, 3), ("ann", "bob"))
    assert list(recording.people) == ["ann", "bob"]
    assert poses.fps == pytest.approx(50)
    answered = {name: [n for n, s in enumerate(made) if name in s.poses] for name in there}
    for row, name in enumerate(there):
        seen = np.flatnonzero(np.isfinite(poses.positions[row]).all(axis=(1, 2)))
        assert seen.tolist() == answered[name]
        for number in answered[name]:
            pose = made[number].poses[name]
            np.testing.assert_array_equal(poses.positions[row, number], pose.positions)
            np.testing.assert_array_equal(poses.valid[row, number], pose.valid)
            np.testing.assert_array_equal(poses.confidence[row, number], pose.confidence)


def test_a_recording_of_one_person_has_no_axis_of_people(tmp_path):
    recording = Recording()
    assert recording.poses() is None
    for scene in scenes(engine(tmp_path), frames=10):
        recording.add(scene)
    assert (recording.poses().shape, recording.poses().people) == ((8, 17, 3), ("1",))


def test_a_recording_that_is_not_wanted_counts(tmp_path):
    recording = Recording(keep=False)
    for scene in scenes(engine(tmp_path), frames=10):
        recording.add(scene)
    assert (recording.frames, list(recording.people), recording.poses()) == (8, ["1"], None)


# Placing


def test_people_are_placed_by_their_size_in_the_picture(tmp_path):
    placer = Placer(SIZE)
    (scene,) = scenes(engine(tmp_path), frames=3)
    pose = scene.poses["1"]
    near = placer.place(pose, person())
    # The tiny model's poses are the keypoints over half the width, so the scale is 80 pixels.
    np.testing.assert_allclose(near[0, :2], (person()[0, :2] - (80, 60)) / 80, atol=1e-5)
    assert near[0, 2] - pose.positions[0, 2] == pytest.approx(160 / 80)
    far = Placer(SIZE).place(pose, person(size=0.5))
    assert far[0, 2] - pose.positions[0, 2] == pytest.approx(160 / 40, rel=1e-5)


def test_who_is_missed_stays_where_they_were(tmp_path):
    placer = Placer(SIZE)
    (scene,) = scenes(engine(tmp_path), frames=3)
    pose = scene.poses["1"]
    assert placer.place(pose, None) is None
    unseen = person() * (1, 1, 0)
    assert placer.place(pose, unseen.astype(np.float32)) is None
    before = placer.place(pose, person())
    np.testing.assert_array_equal(placer.place(pose, None), before)
