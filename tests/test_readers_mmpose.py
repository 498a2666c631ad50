"""readers/mmpose.py and readers/rtmlib.py: what OpenMMLab's models find."""

import logging

import numpy as np
import pytest
from detector_files import FILL, RTMLIB, mmpose, person, refusal, same, split, write

from h2ot_edge.clips import read_clip


@pytest.mark.parametrize(("joints", "layout"), [(17, "coco17"), (133, "coco133"), (26, "halpe26")])
def test_mmpose(tmp_path, joints, layout, caplog):
    people = [person(joints, seed) for seed in range(3)]
    frames = [{"frame_id": at, "instances": mmpose(who)} for at, who in enumerate(people)]
    path = write(tmp_path / "video.json", frames)
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        same(read_clip(path), *people, layout=layout)
    assert caplog.messages == [f"{path}: read as mmpose, layout {layout}, 3 frames"]


def test_a_folder_of_mmposes_images(tmp_path, caplog):
    people = [person(26, seed) for seed in range(11)]
    for at, who in enumerate(people):
        write(tmp_path / f"{at}.json", mmpose(who))
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        same(read_clip(tmp_path), *people, layout="halpe26")
    assert caplog.messages == [f"{tmp_path}: read as mmpose, layout halpe26, 11 frames"]
    write(tmp_path / "3.json", [])
    assert refusal(tmp_path, allow_missing=False) == (
        f"{tmp_path}: the person is missing in 1 of 11 frames: 3; {FILL}"
    )
    write(tmp_path / "3.json", 3)
    assert refusal(tmp_path) == (
        f"{tmp_path}: frame 3: expected an object with frame_id and instances, got an object with "
        "frame_id, instances"
    )


def test_mmposes_demo_says_the_data_set(tmp_path):
    frames = [{"frame_id": 1, "instances": mmpose(person(), track_id=3)}]
    document = {"meta_info": {"dataset_name": "h36m"}, "instance_info": frames}
    clip = read_clip(write(tmp_path / "a.json", document))
    same(clip, person(), layout="h36m")
    assert clip.person == "3"


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([{"frame_id": 0, "instances": 3}], "frame 0: expected an object with frame_id and "
         "instances, got an object with frame_id, instances"),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2]]}]}], "frame 0, instance 0: expected "
         "keypoints (j, 2) and keypoint_scores (j,), got an object with keypoints"),
        ([{"frame_id": 0, "instances": [3]}], "frame 0, instance 0: expected keypoints (j, 2) and "
         "keypoint_scores (j,), got a int"),
        (
            [
                {"frame_id": 0, "instances": mmpose(person())},
                {"frame_id": 1, "instances": mmpose(person(26))},
            ],
            "frame 1: expected 17 joints as in the frames before, got 26",
        ),
        ([{"frame_id": 0, "instances": []}], "nobody is found in any frame; there is nothing to "
         "read"),
    ],
)  # fmt: skip
def test_what_is_none_of_mmposes(tmp_path, frames, message):
    path = write(tmp_path / "a.json", frames)
    assert refusal(path) == f"{path}: {message}"


def test_an_empty_list_is_none_of_mmposes(tmp_path):
    path = write(tmp_path / "a.json", [])
    assert refusal(path, format="mmpose") == (
        f"{path}: expected a list of frames with frame_id and instances, as MMPose writes it, got "
        "an empty list"
    )


# rtmlib


@pytest.mark.parametrize(("joints", "layout"), [(17, "coco17"), (26, "halpe26"), (133, "coco133")])
def test_rtmlib_npz(tmp_path, joints, layout):
    people = [person(joints, seed) for seed in range(3)]
    keypoints, scores = map(np.array, split(*people))
    path = tmp_path / "a.npz"
    np.savez(path, keypoints=keypoints[:, None], scores=scores[:, None])
    same(read_clip(path), *people, layout=layout)
    np.savez(path, keypoints=keypoints, scores=scores)
    same(read_clip(path), *people, layout=layout)


def test_rtmlib_json(tmp_path):
    people = [person(seed=seed) for seed in range(2)]
    keypoints, scores = split(*people)
    document = {"keypoints": [[k] for k in keypoints], "scores": [[s] for s in scores]}
    same(read_clip(write(tmp_path / "a.json", document)), *people)
    frames = [{"keypoints": [k], "scores": [s]} for k, s in zip(keypoints, scores, strict=True)]
    same(read_clip(write(tmp_path / "b.json", frames)), *people)
    frames.insert(1, {"keypoints": [], "scores": []})
    path = write(tmp_path / "c.json", frames)
    assert refusal(path, allow_missing=False) == (
        f"{path}: the person is missing in 1 of 3 frames: 1; {FILL}"
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"keypoints": 3, "scores": []}, f"{RTMLIB}, got a int"),
        ({"keypoints": [[[1, 2]]], "scores": []}, "expected keypoints and scores of the same "
         "frames, got 1 and 0"),
        ([{"keypoints": [[1, 2]], "scores": [[1]]}], f"frame 0: {RTMLIB}, got an object with "
         "keypoints, scores"),
        (
            [
                {"keypoints": [[[1, 2]] * 17], "scores": [[1] * 17]},
                {"keypoints": [[[1, 2]] * 26], "scores": [[1] * 26]},
            ],
            "expected people with as many joints in all frames, got 17 and 26",
        ),
    ],
)  # fmt: skip
def test_what_is_none_of_rtmlibs(tmp_path, document, message):
    path = write(tmp_path / "a.json", document)
    assert refusal(path) == f"{path}: {message}"


def test_an_npz_that_is_none_of_rtmlibs(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, keypoints=np.zeros((3, 17, 2)), scores=np.zeros((3, 16)))
    assert refusal(path) == (
        f"{path}: expected keypoints (t, people, j, 2) and scores (t, people, j), or both without "
        "the people, got (3, 17, 2) and (3, 16)"
    )
