"""readers/ultralytics.py: JSON and label files."""

import logging

import pytest
from detector_files import label, person, refusal, same, ultralytics, write

from h2ot_edge.clips import read_clip


def test_ultralytics_json(tmp_path, caplog):
    people = [person(seed=seed) for seed in range(3)]
    path = write(tmp_path / "a.json", [[ultralytics(who, track_id=2)] for who in people])
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        same(read_clip(path), *people)
    assert caplog.messages == [
        f"{path}: read as ultralytics, layout coco17, 3 frames, person 2 of 2"
    ]
    same(read_clip(write(tmp_path / "b.json", [ultralytics(people[0])])), people[0])


def test_a_folder_of_ultralytics_json(tmp_path):
    people = [person(seed=seed) for seed in range(11)]
    for at, who in enumerate(people):
        write(tmp_path / f"frame_{at}.json", [ultralytics(who)])
    same(read_clip(tmp_path), *people)


def test_normalised_ultralytics_needs_the_size(tmp_path):
    path = write(tmp_path / "a.json", [[ultralytics(person() / [640, 640, 1])]])
    same(read_clip(path, image_size=(640, 640)), person())


@pytest.mark.parametrize(
    ("after", "who"), [((), None), ((0.9,), None), ((5,), "5"), ((0.9, 5), "5")]
)
def test_label_files(tmp_path, after, who):
    people = [person(seed=seed) for seed in range(11)]
    for at, points in enumerate(people):
        (tmp_path / f"video_{at + 1}.txt").write_text(label(points, *after) + "\n")
    clip = read_clip(tmp_path, image_size=(640, 640))
    same(clip, *people)
    assert clip.person == who


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("0 1 2", "", "expected lines of 56 numbers (class, box, and x, y, confidence of 17 "
         "joints) and perhaps a confidence and a track, got 3"),
        ("0 1\n0 1 2", "", "expected lines of the same length in all files, got 2, 3 numbers"),
        ("", "", "expected lines of the same length in all files, got no lines numbers"),
        ("a b", "a_1.txt", "expected lines of numbers (could not convert string to float: 'a')"),
    ],
)  # fmt: skip
def test_what_is_no_label_file(tmp_path, text, where, message):
    (tmp_path / "a_1.txt").write_text(text)
    assert refusal(tmp_path) == f"{tmp_path / where}: {message}"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([[ultralytics(person())], 3], "frame 1: expected a list of people as Ultralytics' to_json "
         "gives it, got a int"),
        ([[ultralytics(person()) | {"keypoints": 3}]], "frame 0: person 0: expected keypoints with "
         "the lists x, y and perhaps visible, got an object with box, class, confidence, "
         "keypoints, name"),
        ([[ultralytics(person())], [ultralytics(person(26))]], "expected people with as many "
         "joints in all frames, got 17 and 26"),
    ],
)  # fmt: skip
def test_what_is_none_of_ultralytics(tmp_path, document, message):
    path = write(tmp_path / "a.json", document)
    assert refusal(path) == f"{path}: {message}"


def test_an_object_is_none_of_ultralytics(tmp_path):
    path = write(tmp_path / "a.json", {})
    assert refusal(path, format="ultralytics") == (
        f"{path}: expected a list of frames as Ultralytics' to_json gives them, got an object with "
        "nothing"
    )
