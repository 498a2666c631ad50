"""readers/openpose.py: folders of a file for each frame."""

import logging

import pytest
from detector_files import FILL, openpose, openpose_folder, person, refusal, same, write

from h2ot_edge.clips import read_clip


@pytest.mark.parametrize(
    ("joints", "layout"), [(25, "body25"), (18, "openpose18"), (26, "halpe26")]
)
def test_a_folder_of_openpose(tmp_path, joints, layout, caplog):
    people = [person(joints, seed) for seed in range(12)]
    folder = openpose_folder(tmp_path, map(openpose, people))
    (folder / ".DS_Store.json").write_text("no JSON")
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        same(read_clip(folder), *people, layout=layout)
    assert caplog.messages == [f"{folder}: read as openpose, layout {layout}, 12 frames"]


def test_frames_without_anybody_are_missing(tmp_path):
    folder = openpose_folder(
        tmp_path, [openpose(), openpose(person(25)), openpose(), openpose(person(25))]
    )
    assert refusal(folder, allow_missing=False) == (
        f"{folder}: the person is missing in 2 of 4 frames: video_000000000000_keypoints.json, "
        f"video_000000000002_keypoints.json; {FILL}"
    )
    assert read_clip(folder).keypoints[:, 0, 2].tolist()[::2] == [0, 0]


def test_openpose_with_tracks(tmp_path):
    folder = openpose_folder(
        tmp_path,
        [openpose(person(25, 1), person(25, 2), ids=[4, 5])] * 2,
    )
    same(read_clip(folder, person=4), *[person(25, 1)] * 2, layout="body25")


def test_alphapose_in_openposes_form(tmp_path):
    frames = {f"{at}.jpg": openpose(person(18, at)) for at in (10, 9)}
    same(
        read_clip(write(tmp_path / "clip.json", frames)),
        *(person(18, at) for at in (9, 10)),
        layout="openpose18",
    )


def test_a_single_frame_of_an_old_openpose(tmp_path):
    document = openpose(person(18), joints="pose_keypoints")
    same(read_clip(write(tmp_path / "a.json", document)), person(18), layout="openpose18")


def test_shares_of_the_image_need_its_size(tmp_path):
    shares = person(25) / [640, 640, 1]
    folder = openpose_folder(tmp_path, [openpose(shares)])
    assert refusal(folder) == (
        f"{folder}: x and y are shares of the image's width and height; give its size "
        "(image_size=(width, height), or --image-size W H on the command line)"
    )
    clip = read_clip(folder, image_size=(640, 640))
    same(clip, person(25), layout="body25")
    assert clip.image_size == (640, 640)


def test_nobody_at_all(tmp_path):
    folder = openpose_folder(tmp_path, [openpose(), openpose()])
    assert refusal(folder) == (f"{folder}: nobody is found in any frame; there is nothing to read")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"people": 3},
            "expected an object with people, as OpenPose writes it, got an object with people",
        ),
        ({"people": [3]}, "person 0: expected pose_keypoints_2d of 3 numbers a joint, got a int"),
        (
            {"people": [{"pose_keypoints_2d": [1.0] * 74}]},
            "person 0: expected pose_keypoints_2d of 3 numbers a joint, got 74",
        ),
        (
            {"people": [{"pose_keypoints_2d": [None] * 75}]},
            "expected pose_keypoints_2d to be numbers",
        ),
        (
            {"people": [{"pose_keypoints_2d": [1.0] * 45}]},
            "no layout has 15 joints (see h2ot_edge.layouts.LAYOUTS); give keypoints of a layout "
            "that has",
        ),
    ],
)
def test_a_folder_that_is_none_of_openposes(tmp_path, document, message):
    folder = openpose_folder(tmp_path, [document])
    assert refusal(folder) == f"{folder / 'video_000000000000_keypoints.json'}: {message}"


def test_two_kinds_of_people(tmp_path):
    folder = openpose_folder(tmp_path, [openpose(person(25)), openpose(person(18))])
    assert refusal(folder) == (
        f"{folder / 'video_000000000001_keypoints.json'}: person 0: expected 75 numbers as in the "
        "frames before, got 54"
    )
