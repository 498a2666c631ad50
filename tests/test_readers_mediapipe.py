"""readers/mediapipe.py: landmarks as people save them."""

import pytest
from detector_files import FILL, landmarks, person, refusal, same, write

from h2ot_edge.clips import read_clip


@pytest.mark.parametrize(
    "form",
    [
        lambda marks, at: marks,
        lambda marks, at: [marks],
        lambda marks, at: {"frame": at, "landmarks": marks},
        lambda marks, at: {"pose_landmarks": [marks]},
        lambda marks, at: {"landmark": marks},
        lambda marks, at: [{"landmark": marks}],
        lambda marks, at: {"pose_landmarks": [{"landmark": marks}]},
        lambda marks, at: {"frame": at, "poseLandmarks": {"landmark": marks}},
        lambda marks, at: [[m["x"], m["y"], m["z"], m["visibility"]] for m in marks],
    ],
)
def test_mediapipe(tmp_path, form):
    people = [person(33, seed) for seed in range(3)]
    frames = [form(landmarks(who), at) for at, who in enumerate(people)]
    path = write(tmp_path / "a.json", frames)
    same(read_clip(path, image_size=(640, 480)), *people, layout="mediapipe33")
    document = {"fps": 30, "width": 640, "height": 480, "frames": frames}
    clip = read_clip(write(path, document))
    same(clip, *people, layout="mediapipe33")
    assert (clip.fps, clip.image_size) == (30, (640, 480))


def test_mediapipe_frames_without_anybody(tmp_path):
    frames = [landmarks(person(33)), None, []]
    path = write(tmp_path / "a.json", frames)
    assert refusal(path, image_size=(640, 480), allow_missing=False) == (
        f"{path}: the person is missing in 2 of 3 frames: 1, 2; {FILL}"
    )


def test_world_landmarks(tmp_path):
    marks = landmarks(person(33))
    for number in (23, 24):
        marks[number] |= {"x": 0.1 * (-1) ** number, "y": 0.0}
    path = write(tmp_path / "a.json", [marks])
    assert refusal(path) == (
        f"{path}: the hips are at (0, 0) in every frame, so these are world landmarks, metres "
        "about the hips; save pose_landmarks, which are shares of the image"
    )


def test_what_is_none_of_mediapipes(tmp_path):
    path = write(tmp_path / "a.json", [landmarks(person(33)), [1, 2]])
    assert refusal(path) == (
        f"{path}: frame 1: expected 33 landmarks with x, y and visibility, got a list "
        "that begins with a int"
    )
    path = write(tmp_path / "a.json", {"frames": 3})
    assert refusal(path, format="mediapipe") == (
        f"{path}: expected a list of frames with 33 landmarks, got an object with frames"
    )
