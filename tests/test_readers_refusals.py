"""readers/: what no tool wrote, and what may be two things."""

import json

import pytest
from detector_files import RTMLIB, alphapose, person, refusal, same, ultralytics, write

from h2ot_edge.clips import read_clip
from h2ot_edge.errors import InputError, UnknownName


@pytest.mark.parametrize(
    ("document", "got"),
    [
        ([], "an empty list"),
        ({"images": [], "annotations": []}, "an object with annotations, images"),
        ({}, "an object with nothing"),
        ("text", "a str"),
        ([3], "a list that begins with a int"),
        ([[]], "a list that begins with a list"),
        ([{"frame": 0, "points": []}], "a list that begins with an object with frame, points"),
        (dict.fromkeys("abcdefghij"), "an object with a, b, c, d, e, f, g, h and 2 more"),
    ],
)
def test_unknown_json(tmp_path, document, got):
    path = write(tmp_path / "a.json", document)
    assert refusal(path) == (
        f"{path}: expected JSON of alphapose, openpose, mmpose, ultralytics, rtmlib, mediapipe or "
        f"COCO results, got {got}; see h2ot_edge.readers for what is read of each"
    )


def test_json_that_may_be_two_things(tmp_path):
    path = write(tmp_path / "a.json", [alphapose(0, person()) | ultralytics(person())])
    assert refusal(path) == (
        f"{path}: may be alphapose or ultralytics; say which (format=, or --format on the command "
        "line)"
    )
    same(read_clip(path, format="ultralytics"), person())


def test_a_format_that_is_said_and_is_not_there(tmp_path):
    path = write(tmp_path / "a.json", [])
    assert refusal(path, format="coco") == (
        f"{path}: expected a list of detections with image_id and keypoints, as AlphaPose and COCO "
        "results have it, got an empty list"
    )
    assert refusal(path, format="csv") == (
        f"{path}: expected csv (a table with named columns, .csv), got a .json"
    )
    path = write(tmp_path / "a.csv", [])
    assert refusal(path, format="coco") == (
        f"{path}: expected coco (COCO keypoint results, .json), got a .csv"
    )
    assert refusal(path.parent, format="rtmlib") == (
        f"{path.parent}: expected rtmlib (keypoints and scores as rtmlib gives them, .npz or "
        ".json), got a folder with 1 .json and 0 .txt files"
    )
    path = write(tmp_path / "b.json", {"a": 1})
    assert refusal(path, format="openpose") == (
        f"{path}: expected an object with people, as OpenPose writes it, got an object with a"
    )
    assert refusal(path, format="rtmlib") == f"{path}: {RTMLIB}, got an object with a"


def test_folders_that_are_no_clips(tmp_path):
    expected = (
        f"{tmp_path}: expected a folder with a .json or .txt file for each frame, as OpenPose and "
        "Ultralytics write them, got"
    )
    assert refusal(tmp_path) == f"{expected} 0 .json and 0 .txt files"
    write(tmp_path / "a.json", {"a": 1})
    assert refusal(tmp_path) == (
        f"{tmp_path}: expected JSON of OpenPose, Ultralytics or MMPose in each file, got an object "
        "with a in a.json"
    )
    (tmp_path / "a.txt").touch()
    assert refusal(tmp_path) == (
        f"{expected} 1 .json and 1 .txt files; say which (format=, or --format on the command line)"
    )
    assert refusal(tmp_path, index=0) == (
        f"{tmp_path}: a folder holds one clip; leave out the clip's number"
    )


def test_layouts_that_do_not_fit(tmp_path):
    path = write(tmp_path / "a.json", [alphapose(0, person(25))])
    assert refusal(path) == (
        f"{path}: 25 joints may be body25; say which (layout=, or --layout on the command line)"
    )
    same(read_clip(path, layout="body25"), person(25), layout="body25")
    assert refusal(path, layout="coco17") == (
        f"{path}: 25 joints are not those of layout coco17; they may be body25"
    )
    path = write(tmp_path / "b.json", [alphapose(0, person(20))])
    assert refusal(path, layout="coco17") == (
        f"{path}: 20 joints are not those of layout coco17; no layout has so many"
    )
    same(read_clip(write(path, [alphapose(0, person())]), layout="h36m"), person(), layout="h36m")


def test_names_that_are_not_known(tmp_path):
    with pytest.raises(UnknownName) as caught:
        read_clip(tmp_path, format="openpos")
    assert str(caught.value) == (
        "no format 'openpos'; did you mean 'openpose'? (known: npz, alphapose, coco, openpose, "
        "mmpose, ultralytics, ultralytics-txt, rtmlib, mediapipe, csv)"
    )
    with pytest.raises(UnknownName) as caught:
        read_clip(tmp_path, layout="body_25")
    assert str(caught.value) == (
        "no layout 'body_25'; did you mean 'body25'? (known: h36m, coco17, coco133, halpe26, "
        "halpe136, body25, openpose18, mediapipe33, mpii16)"
    )


def test_json_that_is_nested_too_deeply(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[" * 200_000)
    assert refusal(path) == f"{path}: JSON nested too deeply for keypoints; give another"


def test_numbers_that_no_float_holds(tmp_path):
    points = [1.0] * 51
    points[4] = 10**400
    path = write(tmp_path / "a.json", [{"image_id": 0, "keypoints": points}])
    assert refusal(path) == f"{path}: detection 0: expected keypoints and score to be numbers"


def test_long_numbers_in_names_are_no_gaps(tmp_path):
    document = [alphapose(f"{'9' * 30}{at}.jpg", person()) for at in (1, 5)]
    assert len(read_clip(write(tmp_path / "a.json", document)).keypoints) == 2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_json(tmp_path, share):
    path = write(tmp_path / "a.json", [alphapose(0, person())])
    text = path.read_text()
    path.write_text(text[: int(len(text) * share)])
    with pytest.raises(InputError) as caught:
        read_clip(path)
    why = caught.value.__cause__
    assert isinstance(why, json.JSONDecodeError)
    assert str(caught.value) == f"{path}: not valid JSON ({why}); write or copy it again"


def test_a_wrong_size_or_rate(tmp_path):
    path = write(tmp_path / "a.json", [alphapose(0, person())])
    assert refusal(path, image_size=(0, 5)) == (
        f"{path}: expected image_size as two positive numbers (width, height), got [0, 5]"
    )
    assert refusal(path, fps=-1) == f"{path}: expected fps as one positive number, got -1"
