"""benchmarks/studies/steady_bones.py, whose figures are in docs/live.md."""

import re

import numpy as np
import pytest
from live_streams import load
from motions import save_motions, walkers

from h2ot_edge.benchmarks.studies import steady_bones
from h2ot_edge.benchmarks.studies.coordinates import film
from h2ot_edge.live import LivePose


@pytest.fixture(scope="module")
def shot():
    return film(walkers(1, 120).motions[0], np.random.default_rng(3))


def answered(shot, positions):
    about = positions - positions[:, :1]
    return [
        LivePose(
            positions=about[number].astype(np.float32),
            unit="m",
            number=number,
            timestamp=number / 50,
            latency_s=0,
            lookahead=0,
            padded=0,
            valid=np.ones(17, bool),
            confidence=np.ones(17, np.float32),
        )
        for number in range(10, len(positions))
    ]


def test_true_poses_have_no_errors(shot):
    found = steady_bones.figures(shot, answered(shot, shot.truth.positions))
    for way in ("nothing", "SteadyBones()", "the true lengths given"):
        for figure, value in found[way].items():
            assert abs(value) < 0.1, (way, figure)
    assert found["OneEuro"]["MPJPE, mm"] > 1


def test_noise_on_bones_is_taken_off(shot):
    noise = np.random.default_rng(0).normal(0, 0.02, shot.truth.positions.shape)
    found = steady_bones.figures(shot, answered(shot, shot.truth.positions + noise))
    plain, steady = found["nothing"], found["SteadyBones()"]
    assert steady["bones vary, %"] < plain["bones vary, %"] / 2
    assert steady["mm a frame"] < plain["mm a frame"] / 10
    assert found["the true lengths given"]["bones vary, %"] < 1e-4
    assert found["stabilise_bones of the clip"]["bones vary, %"] < 1e-4


def test_the_poses_are_those_of_a_stream(shot, tmp_path):
    with load(tmp_path) as engine:
        found = steady_bones.live_poses(engine, shot, lookahead=2, hop=4)
    assert [pose.number for pose in found] == list(range(120 - 5))
    assert {pose.filters for pose in found} == {()}


def test_the_report(tmp_path, capsys):
    with load(tmp_path):
        pass
    path = save_motions(tmp_path / "motions.npz", walkers(2, 60))
    options = ["--data", str(path), "--model", str(tmp_path / "tiny.onnx"), "--hop", "3"]
    assert steady_bones.main(options) == 0
    text = capsys.readouterr().out
    assert text.startswith("2 motions\n\n| filters ")
    assert len(re.findall(r"^\| \S.*\d \|$", text, re.MULTILINE)) == 6


def test_no_such_file(tmp_path, capsys):
    assert steady_bones.main(["--data", str(tmp_path / "none.npz")]) == 2
    assert capsys.readouterr().err.startswith("steady_bones: error: ")
