"""`h2ot_edge.recording`: frames to keypoints to poses, with sources and detectors made here."""

import os
import signal

import numpy as np
import pytest
from tiny_models import save_tiny, tiny_card

from h2ot_edge.clips import Clip, read_clips
from h2ot_edge.detectors import Detections
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.keypoint_files import KeypointsWriter
from h2ot_edge.recording import Recording, detect, lift
from h2ot_edge.recording.people import RecordingBuilder
from h2ot_edge.stages import StageTimes
from h2ot_edge.tracking import Tracker
from h2ot_edge.video import Frame

SIZE = (640, 480)


class Film:
    """Frames of one colour, the number of the frame; ends with an error if told so."""

    name, size, live = "film", SIZE, False

    def __init__(self, count=10, fps=25.0, first=0, error=None):
        self.frames, self.fps, self._first, self._error = count, fps, first, error

    def __iter__(self):
        for number in range(self._first, self._first + self.frames):
            image = np.full((SIZE[1], SIZE[0], 3), number, np.uint8)
            yield Frame(number=number, timestamp=number / self.fps, image=image)
        if self._error is not None:
            raise self._error

    def close(self):
        pass


class Walkers:
    """People side by side, each there from one frame to another, a step to the right a frame."""

    name = "walkers"

    def __init__(self, *spans, people=False, layout="h36m"):
        self._spans, self._named, self._layout = spans, people, layout

    def __call__(self, image, timestamp):
        number = int(image[0, 0, 0])
        there = [who for who, (start, stop) in enumerate(self._spans) if start <= number < stop]
        return Detections(
            layout=self._layout,
            keypoints=np.array([person_at(who, number) for who in there]).reshape(-1, 17, 3),
            scores=np.full(len(there), 0.9),
            people=tuple(f"walker {who}" for who in there) if self._named else (),
        )

    def close(self):
        pass


def person_at(who, number):
    rng = np.random.default_rng(who)
    body = np.column_stack([rng.uniform(0, 60, 17), np.linspace(100, 300, 17), np.full(17, 0.8)])
    body[:, 0] += 40 + 200 * who + 2 * number
    return body.astype(np.float32)


def test_people_come_and_go():
    stages, told = StageTimes(), []
    detector = Walkers((0, 10), (3, 7))
    gathered = detect(
        Film(10),
        detector,
        Tracker(),
        stages=stages,
        progress=lambda done, total: told.append((done, total)),
    )
    assert gathered.ended_by is None
    recording = gathered.recording
    assert (recording.frames, recording.fps, recording.image_size) == (10, 25, (640, 480))
    np.testing.assert_array_equal(recording.numbers, np.arange(10))
    np.testing.assert_allclose(recording.timestamps, np.arange(10) / 25)
    assert [(who.name, who.first, who.stop, who.seen) for who in recording.people] == [
        ("1", 0, 10, 10),
        ("2", 3, 7, 4),
    ]
    np.testing.assert_array_equal(recording.people[1].keypoints[2], person_at(1, 5))
    assert told == [(done, 10) for done in range(1, 11)]
    assert list(stages.as_dict()) == ["decode", "detect", "track"]


def test_the_names_of_a_detector_that_tracks_are_kept():
    recording = detect(Film(4), Walkers((0, 4), (1, 4), people=True), Tracker()).recording
    assert [who.name for who in recording.people] == ["walker 0", "walker 1"]


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (True, "the detector does not name the people of the frame at 0.080 s and did before"),
        (False, "the detector names the people of the frame at 0.080 s and did not before"),
    ],
)
def test_a_detector_that_names_people_now_and_then_is_refused(first, message):
    named, unnamed = Walkers((0, 9), people=True), Walkers((0, 9))

    def detector(image, timestamp):
        return (named if (image[0, 0, 0] < 2) == first else unnamed)(image, timestamp)

    gathered = detect(Film(4), detector, Tracker())
    assert gathered.recording.frames == 2
    assert str(gathered.ended_by) == (
        f"{message}; have it name everybody in every frame, or nobody in any, and a tracker will"
    )


def test_frames_without_anybody_need_no_names():
    recording = detect(Film(5), Walkers((1, 2), (3, 5), people=True), Tracker()).recording
    assert [who.name for who in recording.people] == ["walker 0", "walker 1"]


def test_frames_without_somebody_are_missing_and_not_people():
    builder = RecordingBuilder(SIZE)
    for number in range(5):
        there = number in (1, 3)
        builder.add(number, number / 10, ["a"] * there, person_at(0, number)[None][:there])
    recording = builder.recording()
    (who,) = recording.people
    assert (who.first, len(who.keypoints), who.seen, recording.fps) == (1, 3, 2, 10)
    assert np.isnan(who.keypoints[1, :, :2]).all()
    assert not who.keypoints[1, :, 2].any()
    assert who.weight == pytest.approx(2 * 17 * 0.8)


def test_twice_the_same_name_in_a_frame_is_the_first():
    builder = RecordingBuilder(SIZE, fps=30)
    builder.add(0, 0.0, ["a", "a"], np.stack([person_at(0, 0), person_at(1, 0)]))
    recording = builder.recording()
    np.testing.assert_array_equal(recording.people[0].keypoints, person_at(0, 0)[None])
    assert recording.fps == 30


@pytest.mark.parametrize("error", [InputError("the film is torn"), OSError(28, "No space left")])
def test_an_error_ends_it_and_what_is_done_stays(error):
    gathered = detect(Film(3, error=error), Walkers((0, 10)), Tracker())
    assert gathered.ended_by is error
    assert gathered.recording.frames == 3


def test_an_error_of_the_detector_ends_it_too():
    def detector(image, timestamp):
        if image[0, 0, 0] == 2:
            raise ValueError("out of ideas")
        return Walkers((0, 9))(image, timestamp)

    gathered = detect(Film(5), detector, Tracker())
    assert str(gathered.ended_by) == "out of ideas"
    assert gathered.recording.frames == 2


def test_ctrl_c_ends_it_after_the_frame():
    def detector(image, timestamp):
        if image[0, 0, 0] == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return Walkers((0, 9))(image, timestamp)

    gathered = detect(Film(5), detector, Tracker())
    assert isinstance(gathered.ended_by, KeyboardInterrupt)
    assert gathered.recording.frames == 3


def test_nobody_at_all():
    recording = detect(Film(3), Walkers(), Tracker()).recording
    assert (recording.frames, recording.people) == (3, ())


# Recordings


def clips():
    here = np.stack([person_at(0, number) for number in range(6)])
    late = here.copy()
    late[:2] = (np.nan, np.nan, 0)
    late[5, :, 2] = 0
    return [
        Clip(keypoints=here, image_size=(640.0, 480.0), fps=10, person="1", people=("1", "2")),
        Clip(keypoints=late, image_size=(640.0, 480.0), fps=10, person="2", people=("1", "2")),
    ]


def test_of_clips():
    recording = Recording.of_clips(clips(), whole=False)
    assert [(who.name, who.first, who.stop) for who in recording.people] == [
        ("1", 0, 6),
        ("2", 2, 5),
    ]
    whole = Recording.of_clips(clips()[1:], whole=True)
    assert [(who.name, who.first, who.stop, who.seen) for who in whole.people] == [("2", 0, 6, 3)]
    np.testing.assert_allclose(recording.times, np.arange(6) / 10)


def test_a_part_of_it():
    part = Recording.of_clips(clips(), whole=False).cut(0.1, 0.35)
    assert part.frames == 3
    np.testing.assert_array_equal(part.numbers, [1, 2, 3])
    assert [(who.name, who.first, who.stop) for who in part.people] == [("1", 0, 3), ("2", 1, 3)]
    np.testing.assert_array_equal(part.people[1].keypoints[0], person_at(0, 2))
    assert [who.name for who in Recording.of_clips(clips(), whole=False).cut(0, 0.2).people] == [
        "1"
    ]


def test_who_is_there_for_a_moment_only():
    recording = detect(Film(20), Walkers((0, 20), (3, 7)), Tracker()).recording
    names = [[who.name for who in recording.without_short(s).people] for s in (0, 0.16, 0.17, 9)]
    assert names == [["1", "2"], ["1", "2"], ["1"], ["1"]]
    timeless = Recording.of_clips([Clip(keypoints=clips()[1].keypoints)], whole=False)
    assert timeless.without_short(9) is timeless


def test_a_part_that_is_none():
    recording = Recording.of_clips(clips(), whole=False)
    with pytest.raises(UsageError) as caught:
        recording.cut(2, None)
    assert str(caught.value) == (
        "--from, --to: expected times within the clip, 0.000 to 0.500 s, got 2 to its end"
    )
    (clip, _) = clips()
    timeless = Recording.of_clips([Clip(keypoints=clip.keypoints)], whole=True)
    assert timeless.times is None
    with pytest.raises(UsageError) as caught:
        timeless.cut(0, 1)
    assert str(caught.value) == (
        "--from, --to: nobody knows when these frames were taken; give --fps HZ as well"
    )


# Poses


@pytest.fixture
def engine(tmp_path):
    bias = np.zeros((9, 1, 3), np.float32)
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", tiny_card(), bias=bias)) as engine:
        yield engine


def test_everybody_is_lifted_as_the_engine_does(engine):
    recording = detect(Film(20), Walkers((0, 20), (4, 12)), Tracker()).recording
    told = []
    lifted = lift(
        engine,
        recording,
        progress=lambda done, total: told.append((done, total)),
        on_missing="interpolate",
    )
    assert len(lifted.poses) == 2
    for who, poses in zip(recording.people, lifted.poses, strict=True):
        times = recording.timestamps[who.first : who.stop]
        expected = engine.infer(who.keypoints, image_size=SIZE, timestamps=times)
        np.testing.assert_array_equal(poses, expected)
        np.testing.assert_array_equal(poses.timestamps, times)
        assert poses.fps == 25
    assert lifted.windows == told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_who_is_there_for_one_frame(engine):
    recording = detect(Film(5), Walkers((0, 5), (2, 3)), Tracker()).recording
    assert [poses.shape[0] for poses in lift(engine, recording).poses] == [5, 1]


def test_names_of_a_detector_are_read_back(tmp_path):
    table = tmp_path / "keypoints.csv"
    names = ["Anna, the tall", 'Jo "Jojo" Bo']
    with KeypointsWriter(table, SIZE) as file:
        for number in range(3):
            both = np.stack([person_at(who, number) for who in range(2)])
            file.add(number, number / 25, names, both)
    assert sorted(clip.person for clip in read_clips(table)) == names


def test_everybody_together(engine):
    recording = detect(Film(9), Walkers((0, 9), (2, 5)), Tracker()).recording
    lifted = lift(engine, recording)
    poses = lifted.together()
    assert (poses.shape, poses.people) == ((2, 9, 17, 3), ("1", "2"))
    np.testing.assert_array_equal(poses.positions[1, 2:5], lifted.poses[1])
    assert np.isnan(poses.positions[1, [0, 1, 5, 6, 7, 8]]).all()
    np.testing.assert_array_equal(poses.timestamps, recording.timestamps)
