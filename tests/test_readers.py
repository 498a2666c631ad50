"""readers/: files as the tools write them, and files that no tool wrote."""

import json
import logging
import time

import numpy as np
import pytest

from h2ot_edge.clips import read_clip
from h2ot_edge.errors import InputError, UnknownName
from h2ot_edge.layouts import LAYOUTS, h36m_from


def person(joints=17, seed=0):
    """(j, 3) in pixels, and confidences."""
    rng = np.random.default_rng(seed)
    where, score = rng.uniform(20, 500, (joints, 2)), rng.uniform(0.2, 1, (joints, 1))
    return np.concatenate([where, score], axis=1).astype(np.float32)


def flat(points):
    return np.asarray(points, float).ravel().tolist()


def wanted(*people, layout="coco17"):
    return h36m_from(np.stack(people), layout)


def write(path, document):
    path.write_text(json.dumps(document))
    return path


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read_clip(path, **options)
    return str(caught.value)


def same(clip, *people, layout="coco17"):
    np.testing.assert_allclose(clip.keypoints, wanted(*people, layout=layout), rtol=1e-5)


# AlphaPose and COCO


def alphapose(image, points, **more):
    return {
        "image_id": image,
        "category_id": 1,
        "keypoints": flat(points),
        "score": 2.9,
        "box": [1.0, 2.0, 3.0, 4.0],
        **more,
    }


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
        "leave person out to take the strongest of each frame, or track people first"
    )


def test_a_crowd_without_a_tracker_is_a_warning(tmp_path, caplog):
    document = [alphapose("0.jpg", person()), alphapose("0.jpg", person(seed=1), score=9)]
    path = write(tmp_path / "clip.json", document)
    same(read_clip(path), person(seed=1))
    assert caplog.messages == [
        f"{path}: 1 of 1 frames have several people and the file has no tracks; the strongest of "
        "each frame is taken, who need not be the same person"
    ]


def test_missing_frames_may_be_nan(tmp_path):
    document = [alphapose(f"{at}.jpg", person(seed=at)) for at in (0, 1, 3)]
    path = write(tmp_path / "clip.json", document)
    keypoints = read_clip(path, allow_missing=True).keypoints
    assert keypoints.shape == (4, 17, 3)
    assert np.isnan(keypoints[2, :, :2]).all()
    assert (keypoints[2, :, 2] == 0).all()
    np.testing.assert_array_equal(
        keypoints[[0, 1, 3]], wanted(*(person(seed=s) for s in (0, 1, 3)))
    )
    assert refusal(path) == (
        f"{path}: the person is missing in 1 of 4 frames: 2.jpg; fill them in, or cut the clip "
        "there"
    )


def test_ten_thousand_frames_in_two_seconds(tmp_path):
    detection = json.dumps(alphapose("0.jpg", person(), idx=1))
    path = tmp_path / "clip.json"
    frames = (detection.replace("0.jpg", f"{at}.jpg") for at in range(10_000))
    path.write_text(f"[{','.join(frames)}]")
    start = time.process_time()
    assert read_clip(path).keypoints.shape == (10_000, 17, 3)
    assert time.process_time() - start < 2


# OpenPose


def openpose(*people, joints="pose_keypoints_2d", ids=None):
    return {
        "version": 1.3,
        "people": [
            {
                "person_id": [-1 if ids is None else ids[at]],
                joints: flat(points),
                "face_keypoints_2d": [],
                "hand_left_keypoints_2d": [],
                "hand_right_keypoints_2d": [],
                "pose_keypoints_3d": [],
            }
            for at, points in enumerate(people)
        ],
    }


def openpose_folder(tmp_path, documents):
    folder = tmp_path / "json"
    folder.mkdir()
    for at, document in enumerate(documents):
        write(folder / f"video_{at:012}_keypoints.json", document)
    return folder


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
    assert refusal(folder) == (
        f"{folder}: the person is missing in 2 of 4 frames: video_000000000000_keypoints.json, "
        "video_000000000002_keypoints.json; fill them in, or cut the clip there"
    )
    assert read_clip(folder, allow_missing=True).keypoints[:, 0, 2].tolist()[::2] == [0, 0]


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


# MMPose


def mmpose(*people, **more):
    return [
        {
            "keypoints": points[:, :2].astype(float).tolist(),
            "keypoint_scores": points[:, 2].astype(float).tolist(),
            "bbox": [[1.0, 2.0, 3.0, 4.0]],
            "bbox_score": 0.9,
            **more,
        }
        for points in people
    ]


@pytest.mark.parametrize(("joints", "layout"), [(17, "coco17"), (133, "coco133"), (26, "halpe26")])
def test_mmpose(tmp_path, joints, layout, caplog):
    people = [person(joints, seed) for seed in range(3)]
    frames = [{"frame_id": at, "instances": mmpose(who)} for at, who in enumerate(people)]
    path = write(tmp_path / "video.json", frames)
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        same(read_clip(path), *people, layout=layout)
    assert caplog.messages == [f"{path}: read as mmpose, layout {layout}, 3 frames"]


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


# Ultralytics


def ultralytics(points, **more):
    x, y, visible = np.asarray(points, float).T.tolist()
    return {
        "name": "person",
        "class": 0,
        "confidence": 0.9,
        "box": {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0},
        **more,
        "keypoints": {"x": x, "y": y, "visible": visible},
    }


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


def label(points, *after):
    numbers = [0, 0.5, 0.5, 0.1, 0.2, *flat(np.asarray(points, float) / [640, 640, 1]), *after]
    return " ".join(f"{number:.9g}" for number in numbers)


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


# rtmlib


def split(*people):
    points = np.stack(people).astype(float)
    return points[..., :2].tolist(), points[..., 2].tolist()


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
    assert refusal(path) == (
        f"{path}: the person is missing in 1 of 3 frames: 1; fill them in, or cut the clip there"
    )


RTMLIB = "expected keypoints (people, j, 2) and scores (people, j) of each frame"


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


# MediaPipe


def landmarks(points):
    """As `[{"x": m.x, ...} for m in result.pose_landmarks.landmark]`, of an image 640 x 480."""
    return [
        {"x": float(x) / 640, "y": float(y) / 480, "z": -0.1, "visibility": float(v)}
        for x, y, v in points
    ]


@pytest.mark.parametrize(
    "form",
    [
        lambda marks, at: marks,
        lambda marks, at: [marks],
        lambda marks, at: {"frame": at, "landmarks": marks},
        lambda marks, at: {"pose_landmarks": [marks]},
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
    assert refusal(path, image_size=(640, 480)) == (
        f"{path}: the person is missing in 2 of 3 frames: 1, 2; fill them in, or cut the clip there"
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
        f"{path}: frame 1: expected 33 landmarks with x, y and visibility, got a list"
    )
    path = write(tmp_path / "a.json", {"frames": 3})
    assert refusal(path, format="mediapipe") == (
        f"{path}: expected a list of frames with 33 landmarks, got an object with frames"
    )


# CSV


def csv(path, header, *rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in (header, *rows)) + "\n")
    return path


def header(layout="coco17", form="{joint}_{kind}"):
    kinds = ("x", "y", "score")
    return [form.format(joint=j, kind=k) for j in LAYOUTS[layout].joints for k in kinds]


@pytest.mark.parametrize("layout", ["coco17", "h36m", "body25", "mediapipe33", "mpii16"])
def test_csv_goes_by_the_names(tmp_path, layout):
    people = [person(len(LAYOUTS[layout].joints), seed) for seed in range(3)]
    path = csv(
        tmp_path / "a.csv",
        ["frame", "time", *header(layout)],
        *([at, at / 50, *flat(who)] for at, who in enumerate(people)),
    )
    same(read_clip(path), *people, layout=layout)


def test_names_in_other_spellings(tmp_path):
    names = ["Nose", *(f"{side}{part}" for part in ("Eye", "Ear", "Shoulder", "Elbow", "Wrist",
             "Hip", "Knee", "Ankle") for side in "LR")]  # fmt: skip
    cells = [f"{name}.{kind}" for name in names for kind in ("X", "Y", "Visibility")]
    same(read_clip(csv(tmp_path / "a.CSV", cells, flat(person()))), person())


def test_people_and_empty_cells_in_csv(tmp_path):
    rows = [["0", "a", *flat(person())], ["0", "b", *flat(person(seed=1))], ["1", "a", *[""] * 51]]
    path = csv(tmp_path / "a.csv", ["frame", "id", *header()], *rows)
    clip = read_clip(path, person="a")
    same(clip, person(), np.zeros((17, 3)))
    assert clip.people == ("a", "b")


def test_csv_without_scores(tmp_path):
    cells = [name for name in header() if not name.endswith("score")]
    sure = person() * [1, 1, 0] + [0, 0, 1]
    same(read_clip(csv(tmp_path / "a.csv", cells, flat(person()[:, :2]))), sure)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header and lines of numbers, got 0 lines"),
        ("nose_x,nose_y\n1\n", "line 2: expected 2 cells as in the header, got 1"),
        (
            "time,nose_x,nose_y\n1,2,3\n",
            "expected columns such as nose_x, nose_y, nose_score for the joints of a layout "
            "(h2ot_edge.layouts.LAYOUTS), got time, nose_x, nose_y",
        ),
        (
            ",".join(header()) + "\n" + ",".join(["x"] * 51),
            "column 1: expected numbers (could not convert string to float: 'x')",
        ),
    ],
)
def test_what_is_no_csv(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert refusal(path) == f"{path}: {message}"


def test_csv_of_two_layouts_or_another(tmp_path):
    both = dict.fromkeys([*header("coco17"), *header("mpii16")])
    path = csv(tmp_path / "a.csv", list(both), [1] * len(both))
    assert refusal(path) == (
        f"{path}: the columns may be coco17 or mpii16; say which (layout=, or --layout on the "
        "command line)"
    )
    assert read_clip(path, layout="mpii16").keypoints.shape == (1, 17, 3)
    assert refusal(path, layout="body25") == (
        f"{path}: expected the columns of layout body25; x or y of neck, mid_hip not found"
    )


def test_csv_that_is_not_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert refusal(path) == (
        f"{path}: not readable as CSV ('utf-8' codec can't decode byte 0xff in position 0: invalid "
        "start byte); write it again"
    )


# what is none of them


@pytest.mark.parametrize(
    ("document", "got"),
    [
        ([], "an empty list"),
        ({"images": [], "annotations": []}, "an object with annotations, images"),
        ({}, "an object with nothing"),
        ("text", "a str"),
        ([3], "a list"),
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
        f"{tmp_path}: expected JSON of OpenPose or Ultralytics in each file, got an object with a "
        "in a.json"
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
