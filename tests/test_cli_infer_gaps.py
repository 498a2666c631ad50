"""`h2ot-infer` of clips with gaps and of other rates, and what of it is in the file of poses."""

import json

import numpy as np
import pytest
from tiny_models import save_tiny, tiny_card

import h2ot_edge
from h2ot_edge import cli
from h2ot_edge.skeleton import JOINTS


@pytest.fixture
def model(tmp_path):
    return str(save_tiny(tmp_path / "tiny.onnx"))


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, keypoints=pixels(), image_size=[640, 480], fps=50)
    return str(path)


@pytest.fixture
def poses(tmp_path):
    return tmp_path / "poses.npz"


def pixels(frames=20):
    return np.random.default_rng(0).uniform(1, 480, (frames, 17, 3)).astype(np.float32)


@pytest.fixture
def holes(tmp_path):
    """A clip without two frames and one joint more, at ten frames a second."""
    keypoints = pixels()
    keypoints[4:6] = 0
    keypoints[9, 2] = np.nan
    path = tmp_path / "holes.npz"
    np.savez(path, keypoints=keypoints, image_size=[640, 480], fps=10)
    return str(path)


def row(out, name):
    (line,) = (line for line in out.splitlines() if line.startswith(f"{name} "))
    return line.removeprefix(name).strip()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            [],
            "35 of 340 joints were missing, 2 frames as a whole; filled in by interpolate, none of "
            "them not valid",
        ),
        (
            ["--on-missing", "hold", "--max-gap-s", "0.1"],
            "35 of 340 joints were missing, 2 frames as a whole; filled in by hold, 17 of them not "
            "valid",
        ),
    ],
)
def test_what_is_missing_is_filled_in_and_said(model, holes, poses, capsys, arguments, said):
    assert cli.infer([model, holes, "-o", str(poses), *arguments]) == 0
    assert row(capsys.readouterr().out, "gaps") == said
    found = h2ot_edge.read_poses(poses)
    assert np.isfinite(found.positions).all()
    assert int((found.confidence == 0).sum()) == 35
    assert int((~found.valid).sum()) == (17 if arguments else 0)


def test_what_is_missing_in_json(model, holes, poses, capsys):
    arguments = ["--on-missing", "nan", "--max-gap-s", "0.05", "--json"]
    assert cli.infer([model, holes, "-o", str(poses), *arguments]) == 0
    gaps = json.loads(capsys.readouterr().out)["gaps"]
    by_joint = gaps.pop("by_joint")
    assert gaps == {
        "on_missing": "nan",
        "joints": 340,
        "missing": 35,
        "invalid": 35,
        "empty_frames": 2,
    }
    assert by_joint == {name: 2 + (name == "rknee") for name in JOINTS}
    found = h2ot_edge.read_poses(poses)
    np.testing.assert_array_equal(np.isnan(found.positions).all(axis=-1), ~found.valid)


def test_what_is_missing_is_refused_if_so_asked(model, holes, poses, capsys):
    assert cli.infer([model, holes, "-o", str(poses), "-q", "--on-missing", "raise"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: keypoints: 35 of 340 joints are missing (NaN, infinite, or confidence "
        "0 or below): all joints in frames 4 to 5, rknee in frame 9; give them all, or choose "
        "another on_missing: hold, interpolate or nan\n"
    )
    assert not poses.exists()


def detections(path, numbers):
    """Detections as AlphaPose writes them, of some frames."""
    path.write_text(
        json.dumps(
            [
                {"image_id": f"{i}.jpg", "keypoints": k.ravel().tolist(), "idx": 1, "score": 1}
                for i, k in zip(numbers, pixels(len(numbers)).astype(float), strict=True)
            ]
        )
    )
    return str(path)


def test_frames_that_a_file_has_not(model, poses, tmp_path, capsys):
    clip = detections(tmp_path / "result.json", [0, 1, 2, 5, 6, 7, 8, 9])
    arguments = [model, clip, "-o", str(poses), "--image-size", "640", "480", "--fps", "10"]
    assert cli.infer(arguments) == 0
    assert row(capsys.readouterr().out, "gaps") == (
        "34 of 170 joints were missing, 2 frames as a whole; filled in by interpolate, none of "
        "them not valid"
    )
    assert h2ot_edge.read_poses(poses).shape == (10, 17, 3)
    assert cli.infer([*arguments, "-q", "--on-missing", "raise"]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {clip}: the person is missing in 2 of 10 frames: 3.jpg, 4.jpg; "
        "have them filled in (allow_missing=True, or --on-missing interpolate on the command "
        "line), or cut the clip there\n"
    )


def test_a_gap_needs_a_rate(model, poses, tmp_path, capsys):
    clip = tmp_path / "bare.npz"
    np.savez(clip, keypoints=pixels(), image_size=[640, 480])
    arguments = [model, str(clip), "-o", str(poses), "-q", "--max-gap-s", "0.1"]
    assert cli.infer(arguments) == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: max_gap_s=0.1: expected fps or timestamps with it, got neither; "
        "without them a gap of so many frames may be any time\n"
    )
    assert cli.infer([*arguments, "--fps", "10"]) == 0


def test_all_that_is_known_is_written(model, clip, poses):
    assert cli.infer([model, clip, "-o", str(poses)]) == 0
    found = h2ot_edge.read_poses(poses)
    with h2ot_edge.Engine.load(model) as engine:
        expected = engine.infer(pixels(), image_size=(640, 480), fps=50)
    for name in ("positions", "valid", "confidence", "timestamps"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.fps, found.frame, found.unit) == (50, "root", "m")


def test_windows_are_those_of_the_rate_of_the_training(tmp_path, clip, poses, capsys):
    card = tiny_card(training={"fps": 100.0})
    model = save_tiny(tmp_path / "fast.onnx", card)
    assert cli.infer([str(model), clip, "-o", str(poses), "--json", "--overlap", "0"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["windows"]) == (20, 5)  # 39 frames in windows of 9
    assert h2ot_edge.read_poses(poses).filters == ("lifted at 100 fps",)
