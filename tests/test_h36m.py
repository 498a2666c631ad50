"""h36m.py and h36m_files.py: Human3.6M from VideoPose3D's files."""

import json

import numpy as np
import pytest
from dataset_files import KnownEngine, h36m_points, h36m_world, save_h36m
from tiny_models import save_tiny, tiny_card

from h2ot_edge.benchmarks.accuracy import PROTOCOLS
from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.h36m import ACTIONS, CAMERAS, H36M
from h2ot_edge.benchmarks.accuracy.protocols import ProtocolOptions
from h2ot_edge.benchmarks.motion.h36m_files import KEPT_JOINTS
from h2ot_edge.card import OutputConvention
from h2ot_edge.cli import main
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError, UnknownName


def read(paths, **options):
    return H36M.read(paths, ProtocolOptions(**options))


def refusal(paths, **options):
    with pytest.raises(InputError) as caught:
        read(paths, **options)
    return str(caught.value)


def turned_back(vectors, quaternion):
    """VideoPose3D's qrot with the inverse of a quaternion, written out."""
    axis = -np.array(quaternion[1:])
    across = np.cross(axis, vectors)
    return vectors + 2 * (quaternion[0] * across + np.cross(axis, across))


def test_it_is_registered():
    assert PROTOCOLS["h36m"] is H36M
    assert H36M.actions_first
    assert H36M.flip


def test_every_recording_in_every_camera(tmp_path):
    world = h36m_world()
    points = h36m_points(world)
    clips = read(save_h36m(tmp_path, world, points))
    assert len(clips) == 2 * 15 * 4
    assert len({clip.name for clip in clips}) == len(clips)
    assert {clip.subject for clip in clips} == {"S9", "S11"}
    assert {clip.action for clip in clips} == set(ACTIONS)
    clip = next(clip for clip in clips if clip.name == "S11 Eating 1/58860488")
    assert (clip.action, clip.fps, clip.image_size) == ("Eating", 50.0, (1000, 1000))
    assert clip.keypoints.dtype == clip.truth.dtype == np.float32
    np.testing.assert_array_equal(clip.keypoints, points["S11"]["Eating 1"][2])


@pytest.mark.parametrize("subject", CAMERAS)
@pytest.mark.parametrize("number", range(4))
def test_the_truth_is_what_the_camera_sees(tmp_path, subject, number):
    world = h36m_world()
    clips = read(save_h36m(tmp_path, world), subjects=(subject,))
    camera = CAMERAS[subject][number]
    clip = next(clip for clip in clips if clip.name == f"{subject} Photo 1/{camera.name}")
    seen = world[subject]["Photo 1"][:, KEPT_JOINTS].astype(np.float64)
    seen = turned_back(seen - np.array(camera.position_mm) / 1000, camera.orientation)
    assert (seen[..., 2] > 0).all()
    np.testing.assert_allclose(clip.truth, seen - seen[:, :1], atol=1e-6)
    np.testing.assert_array_equal(clip.truth[:, 0], 0)


@pytest.mark.parametrize("subject", CAMERAS)
def test_the_cameras_stand_upright_and_look_at_the_middle(subject):
    """Facts that a mistyped number would break."""
    assert [camera.size for camera in CAMERAS[subject]] == [
        *((1000, 1002), (1000, 1000), (1000, 1000), (1000, 1002)),
    ]
    for camera in CAMERAS[subject]:
        assert np.linalg.norm(camera.orientation) == pytest.approx(1, abs=1e-6)
        feet, head, middle = camera.to_camera(np.array([[0, 0, 0], [0, 0, 1.8], [0, 0, 0.9]]))
        assert np.abs(head - feet)[1] > 1.7
        assert head[1] < feet[1]  # y is down
        assert 3.5 < middle[2] < 6
        assert np.abs(middle[:2] / middle[2]).max() < 0.25


def test_keypoints_beyond_the_poses_are_cut_off(tmp_path):
    world = h36m_world()
    points = h36m_points(world, extra=3)
    for clip in read(save_h36m(tmp_path, world, points)):
        assert len(clip.keypoints) == len(clip.truth)
    np.testing.assert_array_equal(clip.keypoints, points["S11"]["WalkTogether 1"][3][:-3])


def test_the_files_come_in_any_order(tmp_path):
    positions, keypoints = save_h36m(tmp_path)
    assert len(read((keypoints, positions), subjects=("S9",))) == 60


def test_more_subjects_and_recordings_than_needed(tmp_path):
    world = h36m_world(subjects=("S1", "S9", "S11"))
    points = h36m_points(world)
    world["S9"]["Walking 2"] = world["S9"]["Walking 1"]
    points["S9"]["Walking 2"] = points["S9"]["Walking 1"]
    points["S9"]["Walking 3"] = points["S9"]["Walking 1"]  # keypoints of which nothing is known
    assert len(read(save_h36m(tmp_path, world, points))) == 124


# End to end


def metres():
    return tiny_card(output=OutputConvention(unit="m"))


@pytest.mark.parametrize("flip", [False, True])
def test_a_known_error_gives_a_known_mpjpe(tmp_path, flip):
    clips = read(save_h36m(tmp_path))
    engine = KnownEngine(metres(), clips, lambda keypoints: 0.034)
    result = evaluate(engine, clips, metrics=["mpjpe"], flip=flip, actions_first=True)
    # 34 mm in 16 of 17 joints: the root is where it is.
    assert result.overall.metrics["mpjpe"] == pytest.approx(32, abs=1e-3)
    assert result.overall.clips == 120


def test_actions_count_the_same_however_long_they_are(tmp_path):
    clips = read(save_h36m(tmp_path))
    longest = max(len(clip.truth) for clip in clips)
    engine = KnownEngine(metres(), clips, lambda keypoints: 0.017 * (len(keypoints) == longest))
    by_action = evaluate(engine, clips, metrics=["mpjpe"], actions_first=True)
    by_frame = evaluate(engine, clips, metrics=["mpjpe"])
    assert by_action.per_action["WalkTogether"].metrics["mpjpe"] == pytest.approx(16, abs=1e-3)
    assert by_action.overall.metrics["mpjpe"] == pytest.approx(16 / 15, abs=1e-3)
    share = longest / sum(range(longest - 14, longest + 1))
    assert by_frame.overall.metrics["mpjpe"] == pytest.approx(16 * share, abs=1e-3)


@pytest.mark.parametrize("flip", [False, True])
def test_a_hip_that_is_off_does_not_move_the_other_joints(tmp_path, flip):
    """HoT sets the predicted hip to 0 and subtracts nothing; so 34 mm of it are no error."""
    clips = read(save_h36m(tmp_path))
    engine = KnownEngine(metres(), clips, lambda keypoints: 0.0, hip_m=0.034)
    assert H36M.root == "zeroed"

    def found(**how):
        metrics = ["mpjpe", "p_mpjpe"]
        return evaluate(engine, clips, metrics=metrics, flip=flip, **how).overall.metrics

    zeroed = found(root=H36M.root)
    assert zeroed == {"mpjpe": pytest.approx(0, abs=1e-3), "p_mpjpe": pytest.approx(0, abs=1e-3)}
    subtracted = found()
    assert subtracted["mpjpe"] == pytest.approx(32, abs=1e-3)
    assert subtracted["p_mpjpe"] > 1


def test_one_command(tmp_path, capsys):
    """keypoints, in halves of the width, are the poses' x and y; the rest follows from the card."""
    model = save_tiny(tmp_path / "model.onnx", metres())
    data = save_h36m(tmp_path)
    files = map(str, data)
    command = ["eval", str(model), "--protocol", "h36m", "--data", *files, "--json", "--no-flip"]
    assert main(command) == 0
    (result,) = json.loads(capsys.readouterr().out)["models"].values()
    assert result["settings"]["root"] == "zeroed"
    with Engine.load(model) as engine:
        clips = read(data)
        zeroed, subtracted = (
            evaluate(engine, clips, metrics=["mpjpe"], actions_first=True, root=root).overall
            for root in ("zeroed", "subtracted")
        )
    # The tiny model's hip is anywhere, so both rules give different figures.
    assert result["overall"]["metrics"]["mpjpe"] == pytest.approx(zeroed.metrics["mpjpe"])
    assert abs(zeroed.metrics["mpjpe"] - subtracted.metrics["mpjpe"]) > 1
    assert result["overall"]["clips"] == 120
    assert set(result["per_action"]) == set(ACTIONS)
    figures = [action["metrics"]["mpjpe"] for action in result["per_action"].values()]
    assert result["overall"]["metrics"]["mpjpe"] == pytest.approx(np.mean(figures))


# What is refused


def test_a_subject_without_cameras(tmp_path):
    with pytest.raises(UnknownName) as caught:
        read(save_h36m(tmp_path), subjects=("S1",))
    assert str(caught.value) == "no subject 'S1'; did you mean 'S11'? (known: S9, S11)"


@pytest.mark.parametrize("numbers", [(), (0,), (1,), (0, 0), (0, 1, 1)])
def test_other_than_two_files(tmp_path, numbers):
    files = save_h36m(tmp_path)
    paths = [files[number] for number in numbers]
    assert refusal(paths) == (
        f"{', '.join(map(str, paths)) or 'no files'}: expected two files, VideoPose3D's "
        "data_3d_h36m.npz and one of its data_2d_h36m_*.npz"
    )


@pytest.mark.parametrize("which", [0, 1])
def test_files_without_the_subject(tmp_path, which):
    worlds = [h36m_world(), h36m_world()]
    del worlds[which]["S11"]
    files = save_h36m(tmp_path, worlds[0], h36m_points(worlds[1]))
    assert refusal(files) == (
        f"{files[which]}: expected subject S11, found S9; take the file of all subjects"
    )


def test_a_missing_action(tmp_path):
    world = h36m_world()
    world["S9"]["TakingPhoto 1"] = world["S9"].pop("Photo 1")
    files = save_h36m(tmp_path, world)
    assert refusal(files) == (
        f"{files[0]}: S9: expected recordings of the 15 actions of Human3.6M, Photo, TakingPhoto "
        "missing or unknown; take VideoPose3D's file, with its names"
    )


@pytest.mark.parametrize("views", [0, 3])
def test_missing_cameras(tmp_path, views):
    world = h36m_world()
    points = h36m_points(world)
    points["S9"]["Posing 1"] = points["S9"]["Posing 1"][:views]
    files = save_h36m(tmp_path, world, points)
    assert refusal(files) == (
        f"{files[1]}: S9 Posing 1: expected keypoints of 4 cameras, got {views}; take the "
        "keypoints of all recordings"
    )


def test_missing_keypoints_of_a_recording(tmp_path):
    world = h36m_world()
    points = h36m_points(world)
    del points["S11"]["Waiting 1"]
    files = save_h36m(tmp_path, world, points)
    assert refusal(files) == (
        f"{files[1]}: S11 Waiting 1: expected keypoints of 4 cameras, got 0; take the keypoints of "
        "all recordings"
    )


def test_fewer_keypoints_than_poses(tmp_path):
    world = h36m_world()
    points = h36m_points(world)
    points["S9"]["Directions"][1] = points["S9"]["Directions"][1][:3]
    files = save_h36m(tmp_path, world, points)
    assert refusal(files) == (
        f"{files[1]}: S9 Directions camera 55011271: expected keypoints of at least 4 frames, as "
        "there are poses, got 3; take the keypoints of the whole recording"
    )
