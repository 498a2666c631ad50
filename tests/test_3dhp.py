"""mpi_inf_3dhp.py: MPI-INF-3DHP's test set from P-STMO's file."""

import numpy as np
import pytest
from dataset_files import KnownEngine, mpi_inf_3dhp, save_3dhp
from motions import walking
from tiny_models import tiny_card

from h2ot_edge.benchmarks.accuracy import PROTOCOLS
from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.mpi_inf_3dhp import (
    FILE_JOINTS,
    IMAGE_SIZES,
    MPI_INF_3DHP,
    PCK_JOINTS,
)
from h2ot_edge.benchmarks.accuracy.protocols import ProtocolOptions
from h2ot_edge.card import OutputConvention
from h2ot_edge.errors import InputError, UnknownName
from h2ot_edge.skeleton import JOINTS

SEQUENCES = "TS1, TS2, TS3, TS4, TS5, TS6"


def read(*paths, **options):
    return MPI_INF_3DHP.read(paths, ProtocolOptions(**options))


def refusal(*paths, **options):
    with pytest.raises(InputError) as caught:
        read(*paths, **options)
    return str(caught.value)


def test_it_is_registered():
    assert PROTOCOLS["3dhp"] is MPI_INF_3DHP


def test_the_order_of_joints():
    """The root is 14, and these are P-STMO's left and right."""
    assert FILE_JOINTS[14] == "hip"
    left, right = (
        [number for number, joint in enumerate(FILE_JOINTS) if joint.startswith(side)]
        for side in "lr"
    )
    assert left == [5, 6, 7, 11, 12, 13]
    assert right == [2, 3, 4, 8, 9, 10]
    assert sorted(FILE_JOINTS) == sorted(JOINTS)


def test_our_joints_metres_and_about_the_hip(tmp_path):
    data = mpi_inf_3dhp()
    clips = read(save_3dhp(tmp_path, data))
    assert [clip.name for clip in clips] == list(IMAGE_SIZES)
    for number, clip in enumerate(clips):
        truth = walking(frames=6 + number).poses.astype(np.float64)
        np.testing.assert_allclose(clip.truth, truth - truth[:, :1], atol=1e-6)
        assert clip.subject == clip.action == clip.name
        assert clip.image_size == ((1920, 1080) if clip.name in ("TS5", "TS6") else (2048, 2048))
        assert clip.keypoints.dtype == clip.truth.dtype == np.float32
        assert np.isnan(clip.fps)
        assert clip.counted.tolist() == [bool(frame % 2) for frame in range(6 + number)]
        for joint, name in enumerate(JOINTS):
            points = data[clip.name]["data_2d"][:, FILE_JOINTS.index(name)]
            np.testing.assert_allclose(clip.keypoints[:, joint], points, rtol=1e-6)


def test_some_of_the_sequences(tmp_path):
    clips = read(save_3dhp(tmp_path), subjects=("TS6", "TS2"))
    assert [clip.name for clip in clips] == ["TS6", "TS2"]


def test_frames_that_do_not_count_may_be_broken(tmp_path):
    data = mpi_inf_3dhp()
    data["TS1"]["data_3d"][0] = np.nan
    clips = read(save_3dhp(tmp_path, data), subjects=("TS1",))
    engine = KnownEngine(tiny_card(output=OutputConvention(unit="m")), clips, lambda _: 0.034)
    result = evaluate(engine, clips, metrics=["mpjpe"])
    assert result.overall.metrics["mpjpe"] == pytest.approx(32, abs=1e-3)
    assert result.overall.frames == 3


@pytest.mark.parametrize("flip", [False, True])
def test_a_known_error_gives_known_figures(tmp_path, flip):
    clips = read(save_3dhp(tmp_path))
    card = tiny_card(output=OutputConvention(unit="m"))
    engine = KnownEngine(card, clips, lambda _: 0.0515)
    result = evaluate(
        engine, clips, metrics=MPI_INF_3DHP.metrics, flip=flip, joints=MPI_INF_3DHP.joints
    )
    assert result.overall.metrics["mpjpe"] == pytest.approx(51.5 * 16 / 17, abs=1e-3)
    assert result.overall.metrics["pck"] == pytest.approx(100)
    # Below the thresholds 55, 60, ... 150; the root, below all but 0, does not count.
    assert result.overall.metrics["auc"] == pytest.approx(100 * 20 / 31)
    assert result.per_action["TS1"].metrics["auc"] == pytest.approx(100 * 20 / 31)
    assert result.per_joint["hip"]["auc"] == pytest.approx(100 * 30 / 31)
    assert result.overall.frames == sum((6 + number) // 2 for number in range(6))


def test_14_joints_count_for_pck_and_auc():
    """The file's first 14; its evaluation leaves out pelvis, spine and head."""
    assert {JOINTS[joint] for joint in PCK_JOINTS} == set(FILE_JOINTS[:14])
    assert MPI_INF_3DHP.joints == {"pck": PCK_JOINTS, "auc": PCK_JOINTS}


def test_a_hip_that_is_off_does_not_move_the_other_joints(tmp_path):
    clips = read(save_3dhp(tmp_path))
    card = tiny_card(output=OutputConvention(unit="m"))
    engine = KnownEngine(card, clips, lambda _: 0.0, hip_m=0.16)
    result = evaluate(
        engine,
        clips,
        metrics=MPI_INF_3DHP.metrics,
        root=MPI_INF_3DHP.root,
        joints=MPI_INF_3DHP.joints,
    )
    assert result.overall.metrics["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert result.overall.metrics["pck"] == 100


def test_all_frames_count_the_same(tmp_path):
    clips = read(save_3dhp(tmp_path))
    card = tiny_card(output=OutputConvention(unit="m"))
    engine = KnownEngine(card, clips, lambda keypoints: 0.017 * (len(keypoints) > 9))
    result = evaluate(engine, clips, metrics=["mpjpe"])
    assert result.overall.metrics["mpjpe"] == pytest.approx(16 * (5 + 5) / 24, abs=1e-3)


# What is refused


def test_another_sequence(tmp_path):
    with pytest.raises(UnknownName) as caught:
        read(save_3dhp(tmp_path), subjects=("TS7",))
    assert str(caught.value) == f"no subject 'TS7'; did you mean 'TS6'? (known: {SEQUENCES})"


def test_other_than_one_file(tmp_path):
    path = save_3dhp(tmp_path)
    expected = "expected one file, P-STMO's data_test_3dhp.npz"
    assert refusal() == f"no files: {expected}"
    assert refusal(path, path) == f"{path}, {path}: {expected}"


@pytest.mark.parametrize(
    ("arrays", "missing", "found"),
    [
        ({"data": {"S1 Seq1": [{}, 25]}}, SEQUENCES, "S1 Seq1"),
        ({"data": {"TS1": {}, "TS2": {}}}, "TS3, TS4, TS5, TS6", "TS1, TS2"),
        ({"data": [1, 2]}, SEQUENCES, "no dict"),
        ({"other": {"TS1": {}}}, SEQUENCES, "no dict"),
    ],
)
def test_a_file_of_something_else(tmp_path, arrays, missing, found):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    assert refusal(path) == (
        f"{path}: expected P-STMO's data_test_3dhp.npz with the sequences {SEQUENCES} under "
        f"'data', {missing} not found (found {found})"
    )


def nan(array):
    array = array.copy()
    array[[0, 1, 3]] = np.nan
    return array


CHANGES = {
    "joints": (
        {"data_3d": lambda poses: poses[:, :16]},
        "expected data_3d (t, 17, 3) of numbers, got (7, 16, 3) float64",
    ),
    "text": (
        {"data_2d": lambda _: "text"},
        "expected data_2d (t, 17, 2) of numbers, got 'text'",
    ),
    "two axes": (
        {"valid": lambda valid: valid[:, None]},
        "expected valid (t,) of numbers, got (7, 1) float64",
    ),
    "lengths": (
        {"data_2d": lambda points: points[:5], "valid": lambda valid: valid[:6]},
        "expected as many frames in data_2d, data_3d, valid, got 5, 7 and 6",
    ),
    "none valid": (
        {"valid": lambda valid: 0 * valid},
        "expected valid to be 0 or 1 and 1 somewhere, got [0.]",
    ),
    "other numbers": (
        {"valid": lambda valid: 2 * valid},
        "expected valid to be 0 or 1 and 1 somewhere, got [0. 2.]",
    ),
    "NaN in poses": (
        {"data_3d": nan},
        "NaN or infinity in 2 valid frames, first in frame 1; make the file again",
    ),
    "NaN in keypoints": (
        {"data_2d": nan},
        "NaN or infinity in 3 frames of keypoints, first in frame 0; make the file again",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_sequence_that_is_broken(tmp_path, what):
    changes, message = CHANGES[what]
    data = mpi_inf_3dhp()
    for name, change in changes.items():
        data["TS2"][name] = change(data["TS2"][name])
    path = save_3dhp(tmp_path, data)
    assert refusal(path) == f"{path}: TS2: {message}"


def test_a_sequence_without_an_array(tmp_path):
    data = mpi_inf_3dhp()
    del data["TS3"]["valid"]
    path = save_3dhp(tmp_path, data)
    assert refusal(path) == f"{path}: TS3: expected valid (t,) of numbers, got None"
