"""clips.py: all clips of a file, which are an .npz's own or one for each person."""

import numpy as np
import pytest
from detector_files import FILL, alphapose, person, same, wanted, write

from h2ot_edge.clips import read_clips
from h2ot_edge.errors import InputError, UnknownName


def two_people(tmp_path, frames=3, without=()):
    """Persons 10 and 9 of whom the second is weaker; without some (frame, person)."""
    document = [
        alphapose(f"{at}.jpg", person(seed=10 * at + who), idx=who, score=who)
        for at in range(frames)
        for who in (10, 9)
        if (at, who) not in without
    ]
    return write(tmp_path / "clip.json", document)


def of(who, frames=3):
    return [person(seed=10 * at + who) for at in range(frames)]


def test_one_clip_for_each_person(tmp_path):
    nine, ten = read_clips(two_people(tmp_path))
    same(nine, *of(9))
    same(ten, *of(10))
    assert [(clip.person, clip.people) for clip in (nine, ten)] == [
        ("9", ("9", "10")),
        ("10", ("9", "10")),
    ]


def test_who_comes_and_goes(tmp_path):
    path = two_people(tmp_path, without=[(1, 9)])
    with pytest.raises(InputError) as caught:
        read_clips(path, allow_missing=False)
    assert str(caught.value) == f"{path}: person 9 is missing in 1 of 3 frames: 1.jpg; {FILL}"
    nine, ten = read_clips(path)
    same(ten, *of(10))
    assert np.isnan(nine.keypoints[1, :, :2]).all()
    assert (nine.keypoints[1, :, 2] == 0).all()
    np.testing.assert_array_equal(nine.keypoints[[0, 2]], wanted(of(9)[0], of(9)[2]))


def test_without_a_tracker_there_is_one_clip(tmp_path, caplog):
    document = [alphapose("0.jpg", person(), score=1), alphapose("0.jpg", person(seed=1), score=9)]
    path = write(tmp_path / "clip.json", document)
    (clip,) = read_clips(path)
    same(clip, person(seed=1))
    assert caplog.messages == [
        f"{path}: 1 of 1 frames have several people and the file has no tracks; the strongest of "
        "each frame is taken, who need not be the same person; have them tracked (track=True, or "
        "--track on the command line)"
    ]


def test_what_the_caller_says_goes_for_all(tmp_path):
    clips = read_clips(two_people(tmp_path), format="coco", fps=25, image_size=(640, 480))
    assert [(clip.fps, clip.image_size) for clip in clips] == [(25, (640, 480))] * 2
    path = tmp_path / "clips.npz"
    keypoints = np.stack([person(seed=seed) for seed in range(3)])
    np.savez(path, keypoints=keypoints, offsets=[0, 1, 3], fps=50)
    first, second = read_clips(path, layout="coco17", fps=25, image_size=(640, 480))
    same(first, keypoints[0])
    same(second, *keypoints[1:])
    assert [(clip.fps, clip.image_size) for clip in (first, second)] == [(25, (640, 480))] * 2


def test_what_is_wrong_is_said_as_for_one(tmp_path):
    with pytest.raises(UnknownName) as unknown:
        read_clips(tmp_path, layout="coco-17")
    assert str(unknown.value) == (
        "no layout 'coco-17'; did you mean 'coco17'? (known: h36m, coco17, coco133, halpe26, "
        "halpe136, body25, openpose18, mediapipe33, mpii16)"
    )
    path = two_people(tmp_path)
    with pytest.raises(InputError) as caught:
        read_clips(path, fps=0)
    assert str(caught.value) == f"{path}: expected fps as one positive number, got 0"
