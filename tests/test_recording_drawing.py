"""`h2ot_edge.recording.draw`: a film drawn with its people."""

import os
import signal

import numpy as np
import pytest
from test_recording import SIZE, Film, Walkers
from tiny_models import save_tiny, tiny_card

pytest.importorskip("cv2")

from h2ot_edge.clips import Clip
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError
from h2ot_edge.recording import Pictures, Recording, detect, draw, lift
from h2ot_edge.stages import StageTimes
from h2ot_edge.tracking import Tracker


class Layout:
    """Keeps what it is asked to draw; presses Ctrl-C in one frame."""

    size = SIZE

    def __init__(self, press_in=None):
        self.calls, self._press_in = [], press_in

    def draw(self, image, keypoints, poses, ids, caption, *, valid):
        self.calls.append((int(image[0, 0, 0]), keypoints, poses, list(ids), caption, valid))
        if len(self.calls) - 1 == self._press_in:
            os.kill(os.getpid(), signal.SIGINT)
        return image


class Kept:
    """A video or a sheet that keeps what it gets."""

    def __init__(self):
        self.pictures = []

    def write(self, image, timestamp):
        self.pictures.append((int(image[0, 0, 0]), timestamp))

    def add(self, image, caption):
        self.pictures.append((int(image()[0, 0, 0]), caption))


@pytest.fixture
def lifted(tmp_path):
    bias = np.zeros((9, 1, 3), np.float32)
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", tiny_card(), bias=bias)) as engine:
        return lift(engine, detect(Film(8), Walkers((0, 8), (3, 6)), Tracker()).recording)


def test_every_frame_is_drawn_with_who_is_in_it(lifted):
    layout, small, video, sheet = Layout(), Layout(), Kept(), Kept()
    stages, told = StageTimes(), []
    pictures = Pictures(layout=layout, video=video, sheet=sheet, small=small, title="tiny")
    done = draw(Film(8), lifted, pictures, stages=stages, progress=lambda *now: told.append(now))
    assert done == (8, False)
    assert told == [(number, 8) for number in range(1, 9)]
    assert [ids for _, _, _, ids, _, _ in layout.calls] == [
        *[["1"]] * 3,
        *[["1", "2"]] * 3,
        *[["1"]] * 2,
    ]
    number, keypoints, poses, _, caption, valid = layout.calls[4]
    assert (number, caption) == (4, "frame 4   0.16 s   tiny")
    (first, second) = lifted.recording.people
    np.testing.assert_array_equal(keypoints, [first.keypoints[4], second.keypoints[1]])
    np.testing.assert_array_equal(poses, [lifted.poses[0][4], lifted.poses[1][1]])
    assert valid.shape == (2, 17)
    assert valid.all()
    assert video.pictures == [(number, number / 25) for number in range(8)]
    assert [caption for _, caption in sheet.pictures] == [call[4] for call in layout.calls]
    assert [call[:4] for call in map(str_ids, small.calls)] == [
        call[:4] for call in map(str_ids, layout.calls)
    ]
    assert {call[4] for call in small.calls} == {""}
    assert set(stages.as_dict()) == {"decode", "draw", "write", "sheet"}


def str_ids(call):
    number, keypoints, poses, ids, *_ = call
    return number, keypoints.tolist(), poses.tolist(), ids


def test_frames_without_anybody_are_drawn_too(lifted):
    layout = Layout()
    only = lifted.recording.only(lambda who: who.name == "2")
    part = type(lifted)(recording=only, poses=lifted.poses[1:], windows=1)
    draw(Film(8), part, Pictures(layout=layout, video=Kept()))
    _, keypoints, poses, ids, caption, valid = layout.calls[0]
    assert (keypoints.shape, poses.shape, valid.shape, ids) == ((0, 17, 3), (0, 17, 3), (0, 17), [])
    assert caption == "frame 0   0.00 s"


def test_ctrl_c_ends_it_after_the_picture(lifted):
    video = Kept()
    assert draw(Film(8), lifted, Pictures(layout=Layout(press_in=2), video=video)) == (3, True)
    assert len(video.pictures) == 3


def test_a_film_that_is_longer_or_shorter(lifted):
    assert draw(Film(20), lifted, Pictures(layout=Layout(), video=Kept())) == (8, False)
    assert draw(Film(5), lifted, Pictures(layout=Layout(), video=Kept())) == (5, False)


def test_another_film(lifted):
    with pytest.raises(InputError) as caught:
        draw(Film(3, first=100), lifted, Pictures(layout=Layout()))
    assert str(caught.value) == (
        "film: none of its frames is one of the 8 that were lifted; name the film that the "
        "keypoints are of"
    )


def test_keypoints_without_confidence(tmp_path):
    clip = Clip(keypoints=np.full((4, 17, 2), 100, np.float32), image_size=SIZE, fps=25)
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", tiny_card())) as engine:
        lifted = lift(engine, Recording.of_clips([clip], whole=True))
    layout = Layout()
    draw(Film(4), lifted, Pictures(layout=layout, video=Kept()))
    np.testing.assert_array_equal(layout.calls[0][1], clip.keypoints[:1])
