"""readers/alphapose.py: detections in a list, and which person is taken."""

import json
import logging
import time

import numpy as np
import pytest
from detector_files import FILL, alphapose, person, refusal, same, wanted, write

from h2ot_edge.clips import read_clip


@pytest.mark.parametrize(
    ("joints", "layout"),
    [(17, "coco17"), (26, "halpe26"), (136, "halpe136"), (133, "coco133"), (16, "mpii16")],
)
def test_alphapose(tmp_path, joints, layout, caplog):
    people = [person(joints, seed) for seed in range(3)]
    path = write(
        tmp_path / "alphapose-results.json",
        [alphapose(f"{at}.jpg", points) for at, points in enumerate(people)],
    )
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        same(read_clip(path), *people, layout=layout)
    assert caplog.messages == [f"{path}: read as alphapose, layout {layout}, 3 frames"]


def test_a_person_is_picked_by_number(tmp_path, caplog):
    everybody = [person(seed=seed) for seed in range(4)]
    document = [
        alphapose(f"{at // 2}.jpg", points, idx=7 + at % 2, score=1 + at % 2)
        for at, points in enumerate(everybody)
    ]
    path = write(tmp_path / "clip.json", document)
    clip = read_clip(path)
    same(clip, everybody[1], everybody[3])
    assert (clip.person, clip.people) == ("8", ("7", "8"))
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        clip = read_clip(path, person=7, fps=25, image_size=(640, 480))
    same(clip, everybody[0], everybody[2])
    assert (clip.person, clip.fps, clip.image_size) == ("7", 25, (640, 480))
    assert caplog.messages == [
        f"{path}: read as alphapose, layout coco17, 2 frames, person 7 of 7, 8"
    ]
    assert refusal(path, person=9) == f"{path}: expected one of the people 7, 8, got person=9"


def test_tracks_in_lists(tmp_path):
    """What AlphaPose's NMS makes of several boxes."""
    document = [alphapose("0.jpg", person(), idx=[[3.0]]), alphapose("1.jpg", person(), idx=[3.0])]
    assert read_clip(write(tmp_path / "clip.json", document)).person == "3"


def test_no_person_can_be_picked_without_a_tracker(tmp_path):
    path = write(tmp_path / "clip.json", [alphapose("0.jpg", person())])
    assert refusal(path, person=1) == (
        f"{path}: expected numbers of people for person=1, but the file has none (no tracker ran); "
        "leave person out to take the strongest of each frame, or have people tracked (track=True, "
        "or --track on the command line)"
    )


def test_a_crowd_without_a_tracker_is_a_warning(tmp_path, caplog):
    document = [alphapose("0.jpg", person()), alphapose("0.jpg", person(seed=1), score=9)]
    path = write(tmp_path / "clip.json", document)
    same(read_clip(path), person(seed=1))
    assert caplog.messages == [
        f"{path}: 1 of 1 frames have several people and the file has no tracks; the strongest of "
        "each frame is taken, who need not be the same person; have them tracked (track=True, or "
        "--track on the command line)"
    ]


def test_missing_frames_may_be_nan(tmp_path):
    document = [alphapose(f"{at}.jpg", person(seed=at)) for at in (0, 1, 3)]
    path = write(tmp_path / "clip.json", document)
    keypoints = read_clip(path).keypoints
    assert keypoints.shape == (4, 17, 3)
    assert np.isnan(keypoints[2, :, :2]).all()
    assert (keypoints[2, :, 2] == 0).all()
    np.testing.assert_array_equal(
        keypoints[[0, 1, 3]], wanted(*(person(seed=s) for s in (0, 1, 3)))
    )
    assert refusal(path, allow_missing=False) == (
        f"{path}: the person is missing in 1 of 4 frames: 2.jpg; {FILL}"
    )


def test_ten_thousand_frames_in_two_seconds(tmp_path):
    detection = json.dumps(alphapose("0.jpg", person(), idx=1))
    path = tmp_path / "clip.json"
    frames = (detection.replace("0.jpg", f"{at}.jpg") for at in range(10_000))
    path.write_text(f"[{','.join(frames)}]")
    start = time.process_time()
    assert read_clip(path).keypoints.shape == (10_000, 17, 3)
    assert time.process_time() - start < 2
