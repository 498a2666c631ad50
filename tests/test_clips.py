"""clips.py: reading clips. What detectors write: test_readers_*.py."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from detector_files import FILL

from h2ot_edge.clips import read_clip
from h2ot_edge.detections import h36m_from_coco
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS

EXPECTED = "a clip, .npz, .json or .csv, or a folder of OpenPose's or Ultralytics' files"
POSE2SIM = Path(__file__).parents[2] / "shared" / "data" / "real" / "pose2sim.npz"


def keypoints(frames=4, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(0, 500, (frames, 17, channels)).astype(np.float32)


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read_clip(path, **options)
    return str(caught.value)


# .npz


@pytest.mark.parametrize("names", [("keypoints", "image_size"), ("kp2d", "size")])
def test_an_npz_clip(tmp_path, names):
    path = tmp_path / "clip.npz"
    np.savez(path, **{names[0]: keypoints().astype(float), names[1]: [640, 480]}, fps=29.97)
    clip = read_clip(path)
    np.testing.assert_array_equal(clip.keypoints, keypoints())
    assert clip.keypoints.dtype == np.float32
    assert (clip.image_size, clip.fps) == ((640, 480), 29.97)


def test_size_and_rate_may_be_missing(tmp_path):
    path = tmp_path / "clip.NPZ"
    with path.open("wb") as file:
        np.savez(file, keypoints=keypoints(channels=2))
    clip = read_clip(str(path))
    assert clip.keypoints.shape == (4, 17, 2)
    assert (clip.image_size, clip.fps) == (None, None)


def test_one_of_several_clips(tmp_path):
    path = tmp_path / "clips.npz"
    sizes, rates = [[640, 480], [1920, 1080]], [25, 50]
    np.savez(path, kp2d=keypoints(5), offsets=[0, 3, 5], size=sizes, fps=rates)
    clip = read_clip(path, index=1)
    np.testing.assert_array_equal(clip.keypoints, keypoints(5)[3:])
    assert (clip.image_size, clip.fps) == ((1920, 1080), 50)
    np.savez(path, kp2d=keypoints(5), offsets=[0, 3, 5], size=sizes[0], fps=25)
    assert read_clip(path, index=0).image_size == (640, 480)


def test_a_single_clip_with_offsets_needs_no_number(tmp_path):
    path = tmp_path / "clips.npz"
    np.savez(path, kp2d=keypoints(5), offsets=[0, 5])
    assert len(read_clip(path).keypoints) == 5


@pytest.mark.shared
@pytest.mark.skipif(not POSE2SIM.exists(), reason="the shared data is not here")
def test_real_detections():
    clips = [read_clip(POSE2SIM, index=index) for index in range(4)]
    assert [len(clip.keypoints) for clip in clips] == [100, 100, 12, 12]
    assert {(clip.image_size, clip.fps) for clip in clips} == {((1088, 1920), 60)}


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"poses": [1], "a": [2]}, {}, "expected an array 'keypoints' or 'kp2d', found a, poses"),
        ({"kp2d": np.zeros((5, 15, 2))}, {}, "expected keypoints (t, 17, 2|3), got (5, 15, 2)"),
        (
            {"kp2d": np.zeros((5, 16, 2))},
            {},
            "expected keypoints (t, 17, 2|3), got (5, 16, 2); if the joints are those of mpii16, "
            "say so (layout=, or h2ot-infer --layout)",
        ),
        (
            {"kp2d": keypoints()},
            {"layout": "body25"},
            "expected keypoints (t, 25, 2|3), got (4, 17, 3); if the joints are those of h36m or "
            "coco17, say so (layout=, or h2ot-infer --layout)",
        ),
        ({"kp2d": keypoints()}, {"person": 1}, "an .npz of clips has no people; leave person out"),
        ({"kp2d": np.zeros((17, 2))}, {}, "expected keypoints (t, 17, 2|3), got (17, 2)"),
        ({"kp2d": np.zeros((0, 17, 2))}, {}, "the clip has no frames"),
        ({"kp2d": np.full((1, 17, 2), "a")}, {}, "expected keypoints of real numbers, got <U1"),
        (
            {"kp2d": keypoints(), "size": [640]},
            {},
            "expected image_size as two positive numbers (width, height), got [640]",
        ),
        (
            {"kp2d": keypoints(), "image_size": [640, -480]},
            {},
            "expected image_size as two positive numbers (width, height), got [640, -480]",
        ),
        ({"kp2d": keypoints(), "fps": 0}, {}, "expected fps as one positive number, got 0"),
        ({"kp2d": keypoints(), "fps": "x"}, {}, "expected fps as one positive number, got x"),
        ({"kp2d": keypoints()}, {"index": 0}, "holds one clip; leave out the clip's number"),
        (
            {"kp2d": keypoints(), "offsets": [0, 1, 4]},
            {},
            "holds 2 clips; say which, 0 to 1 (index=, or --clip on the command line)",
        ),
        (
            {"kp2d": keypoints(), "offsets": [0, 1, 4]},
            {"index": 2},
            "expected a clip 0 to 1, got 2",
        ),
        (
            {"kp2d": keypoints(), "offsets": [0, 1, 4]},
            {"index": -1},
            "expected a clip 0 to 1, got -1",
        ),
        ({"kp2d": keypoints(), "offsets": [0, 0, 4]}, {"index": 0}, "the clip has no frames"),
        *(
            (
                {"kp2d": keypoints(), "offsets": offsets},
                {"index": 0},
                "expected offsets (n + 1,) whole numbers that rise from 0 to the 4 frames, got "
                f"{offsets}",
            )
            for offsets in ([0, 5], [0, 3, 2, 4], [1, 4], [0], [[0, 4]], [0.0, 4.0])
        ),
    ],
)
def test_an_npz_that_is_no_clip(tmp_path, arrays, options, message):
    path = tmp_path / "clip.npz"
    np.savez(path, **arrays)
    assert refusal(path, **options) == f"{path}: {message}"


def test_a_pickled_npz_is_not_opened(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, keypoints=np.array([{"a": 1}], dtype=object))
    assert refusal(path) == (
        f"{path}: holds pickled Python objects, which can run code when they are read; save plain "
        "arrays with np.savez"
    )


def test_a_bare_pickle_is_not_opened(tmp_path):
    path = tmp_path / "clip.npz"
    path.write_bytes(b"\x80\x04K\x01.")
    assert refusal(path) == (
        f"{path}: holds pickled Python objects, which can run code when they are read; save plain "
        "arrays with np.savez"
    )


def test_a_plain_npy_is_no_npz(tmp_path):
    path = tmp_path / "clip.npz"
    with path.open("wb") as file:
        np.save(file, keypoints())
    assert refusal(path) == (
        f"{path}: not a readable .npz file (a single array, as np.save writes it); write or copy "
        "it again"
    )


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_npz(tmp_path, share):
    path = tmp_path / "clip.npz"
    np.savez(path, keypoints=keypoints())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        read_clip(path)
    why = caught.value.__cause__
    assert isinstance(why, zipfile.BadZipFile | EOFError)
    assert str(caught.value) == (
        f"{path}: not a readable .npz file ({why}); write or copy it again"
    )


def test_a_damaged_npz(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, keypoints=keypoints())
    content = bytearray(path.read_bytes())
    content[400] ^= 255
    path.write_bytes(content)
    assert refusal(path) == (
        f"{path}: not a readable .npz file (Bad CRC-32 for file 'keypoints.npy'); write or copy it "
        "again"
    )


def test_a_clip_that_is_not_there(tmp_path):
    path = tmp_path / "none.npz"
    assert refusal(path) == f"{path}: no such file; expected {EXPECTED}"


def test_a_clip_of_another_format(tmp_path):
    path = tmp_path / "clip.mp4"
    path.touch()
    assert refusal(path) == f"{path}: expected {EXPECTED}, got '.mp4'"


# .json

COCO = [
    *("nose", "leye", "reye", "lear", "rear", "lshoulder", "rshoulder", "lelbow", "relbow"),
    *("lwrist", "rwrist", "lhip", "rhip", "lknee", "rknee", "lankle", "rankle"),
]


def detection(image, seed=0, **more):
    values = keypoints(1, seed=seed)[0].astype(float).ravel().tolist()
    return {"image_id": image, "category_id": 1, "keypoints": values, "score": 2.0, **more}


def as_coco(*seeds):
    return np.stack([keypoints(1, seed=seed)[0] for seed in seeds])


def write(tmp_path, document):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document))
    return path


def test_coco_joints_become_those_of_human36m():
    coco = as_coco(0)[0].astype(float)
    at = {name: coco[i] for i, name in enumerate(COCO)}
    converted = h36m_from_coco(coco)
    for number, joint in enumerate(JOINTS):
        if joint in at:
            np.testing.assert_array_equal(converted[number], at[joint])
    hip, thorax, spine, neck, head = (
        converted[JOINTS.index(name)] for name in ("hip", "thorax", "spine", "neck", "head")
    )
    np.testing.assert_allclose(hip[:2], (at["lhip"] + at["rhip"])[:2] / 2)
    np.testing.assert_allclose(thorax[:2], (at["lshoulder"] + at["rshoulder"])[:2] / 2)
    np.testing.assert_allclose(spine[:2], (hip + thorax)[:2] / 2)
    np.testing.assert_array_equal(neck, at["nose"])
    np.testing.assert_allclose(head[:2], (at["leye"] + at["reye"])[:2] / 2)
    assert hip[2] == min(at["lhip"][2], at["rhip"][2])
    trunk = ("lhip", "rhip", "lshoulder", "rshoulder")
    assert spine[2] == min(at[name][2] for name in trunk)


def test_alphapose_frames_come_in_their_natural_order(tmp_path):
    images = ["10.jpg", "9.jpg", "11.jpg"]
    path = write(tmp_path, [detection(name, seed) for seed, name in enumerate(images)])
    clip = read_clip(path)
    np.testing.assert_array_equal(clip.keypoints, h36m_from_coco(as_coco(1, 0, 2)))
    assert clip.keypoints.dtype == np.float32
    assert (clip.image_size, clip.fps) == (None, None)


def test_coco_results_have_numbers_for_names(tmp_path):
    path = write(tmp_path, [detection(number, number) for number in (300, 100, 200)])
    np.testing.assert_array_equal(read_clip(path).keypoints, h36m_from_coco(as_coco(100, 200, 300)))


def test_without_tracks_the_strongest_of_a_frame_is_taken(tmp_path):
    document = [
        detection(0, 0, score=1.0),
        detection(0, 1, score=3.0),
        detection(1, 2, score=3.0),
        detection(1, 3, score=1.0),
    ]
    clip = read_clip(write(tmp_path, document))
    np.testing.assert_array_equal(clip.keypoints, h36m_from_coco(as_coco(1, 2)))


def test_without_scores_the_joints_tell_who_is_strongest(tmp_path):
    weak, strong = detection(0, 0), detection(0, 1)
    del weak["score"], strong["score"]
    weak["keypoints"][2::3] = [0.1] * 17
    clip = read_clip(write(tmp_path, [weak, strong]))
    np.testing.assert_array_equal(clip.keypoints, h36m_from_coco(as_coco(1)))


def test_with_tracks_one_person_is_followed(tmp_path):
    document = [
        detection(0, 0, score=1.0, idx=7),
        detection(0, 1, score=1.5, idx=8),
        detection(1, 2, score=3.0, idx=7),
        detection(1, 3, score=1.5, idx=8),
    ]
    clip = read_clip(write(tmp_path, document))
    np.testing.assert_array_equal(clip.keypoints, h36m_from_coco(as_coco(0, 2)))


def test_frames_without_the_tracked_person_are_named(tmp_path):
    document = [
        detection("1.jpg", idx=7),
        detection("2.jpg", idx=8),
        detection("3.jpg", idx=7),
    ]
    path = write(tmp_path, document)
    assert refusal(path, allow_missing=False) == (
        f"{path}: the person is missing in 1 of 3 frames: 2.jpg; {FILL}"
    )


def test_frames_that_the_numbering_skips_are_named(tmp_path):
    names = [f"a1_{number:04}.jpg" for number in (8, 9, 11, 20)]
    path = write(tmp_path, [detection(name) for name in names])
    assert refusal(path, allow_missing=False) == (
        f"{path}: the person is missing in 9 of 13 frames: a1_0010.jpg, a1_0012.jpg, a1_0013.jpg, "
        f"a1_0014.jpg, a1_0015.jpg and 4 more; {FILL}"
    )


@pytest.mark.parametrize(
    "images",
    [
        [0, 2, 4],  # every other frame
        [5],
        [0, 10**12, 3 * 10**12 + 1],  # timestamps
        ["left", "right"],  # no numbers
        ["a1", "b3", "b7"],  # several numberings
    ],
)
def test_other_names_are_no_gaps(tmp_path, images):
    path = write(tmp_path, [detection(name) for name in images])
    assert len(read_clip(path).keypoints) == len(images)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            [detection(0), {"image_id": 1}],
            "detection 1: expected an object with image_id and keypoints, got an object with "
            "image_id",
        ),
        (
            [detection(0), detection(0, keypoints=[0.0] * 78)],
            "detection 1: expected keypoints of 51 numbers, x, y, score of the 17 joints of "
            "coco17, got 78",
        ),
        (
            [detection(0), detection(0, keypoints={"a": 1})],
            "detection 1: expected keypoints of 51 numbers, x, y, score of the 17 joints of "
            "coco17, got an object with a",
        ),
        (
            [detection(0, keypoints=[0.0] * 50)],
            "detection 0: expected keypoints of 3 numbers a joint, got 50",
        ),
        (
            [detection(0, keypoints={"a": 1})],
            "detection 0: expected keypoints of 3 numbers a joint, got an object with a",
        ),
        (
            [detection(0, keypoints=[0.0] * 60)],
            "no layout has 20 joints (see h2ot_edge.layouts.LAYOUTS); give keypoints of a layout "
            "that has",
        ),
        (
            [detection(0, keypoints=[None] * 51)],
            "detection 0: expected keypoints and score to be numbers",
        ),
        ([detection(0, score="high")], "detection 0: expected keypoints and score to be numbers"),
    ],
)
def test_json_that_is_no_clip(tmp_path, document, message):
    path = write(tmp_path, document)
    assert refusal(path) == f"{path}: {message}"


def test_broken_json(tmp_path):
    path = tmp_path / "result.json"
    path.write_text('[{"image_id": 0, ')
    assert refusal(path) == (
        f"{path}: not valid JSON (Expecting property name enclosed in double quotes: line 1 column "
        "18 (char 17)); write or copy it again"
    )
    path.write_bytes(b"\xff\xfe")
    assert refusal(path) == (
        f"{path}: not valid JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid "
        "start byte); write or copy it again"
    )


def test_a_json_file_has_no_numbered_clips(tmp_path):
    path = write(tmp_path, [detection(0)])
    assert refusal(path, index=0) == (
        f"{path}: a .json file holds one clip; leave out the clip's number"
    )
