"""The benchmarks of missing joints, frame rates and seams: that they do what they say."""

import numpy as np
import pytest
from labelled import labelled
from motions import save_motions, walkers
from tiny_models import save_tiny

from h2ot_edge.benchmarks.studies import missing_cost, rate_cost, seam_cost


@pytest.fixture
def files(tmp_path):
    """A model and three motions."""
    save_tiny(tmp_path / "tiny.onnx")
    save_motions(tmp_path / "walk.npz", walkers())
    return [str(tmp_path / "tiny.onnx"), str(tmp_path / "walk.npz")]


@pytest.mark.parametrize("frames", [False, True])
def test_missing_cost_takes_the_share_it_says_in_bursts(frames):
    lost = missing_cost.gone(labelled(frames=20000), 0.1, 0.3, frames=frames)
    assert lost.mean() == pytest.approx(0.1, rel=0.2)
    starts = lost[0].sum() + (lost[1:] & ~lost[:-1]).sum()
    assert lost.sum() / starts == pytest.approx(15, rel=0.2)  # 0.3 s of 50 frames
    assert (lost.all(axis=1) == lost.any(axis=1)).all() == frames


def test_missing_cost_fills_in_as_it_says():
    clip = labelled(frames=3)
    clip.keypoints[..., 2] = 0.5
    lost = np.zeros((3, 17), bool)
    lost[1, 4] = True
    filled = {name: way.keypoints(clip, lost)[1, 4] for name, way in missing_cost.WAYS.items()}
    before, after = clip.keypoints[[0, 2], 4, :2]
    for name, keypoint in filled.items():
        held = before if name.startswith("hold") else (before + after) / 2
        np.testing.assert_allclose(keypoint[:2], held, rtol=1e-5)
    assert {name: round(float(keypoint[2]), 3) for name, keypoint in filled.items()} == {
        "confidence 0": 0,
        "hold": 0.467,
        "interpolate": 0.467,
        "hold, confidence 1": 1,
        "interpolate, confidence 1": 1,
    }


def test_missing_cost_runs(files, capsys):
    assert missing_cost.main([*files, "--every", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 clips, 120 frames"
    assert len([line for line in lines if line.startswith(("| 5%", "| 10%", "| 20%"))]) == 18
    assert missing_cost.main(["none.onnx", files[1]]) == 2


def test_rate_cost_runs(files, capsys):
    assert rate_cost.main([*files, "--every", "3"]) == 0
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [float(row[0]) for row in rows] == list(rate_cost.RATES)
    same = rows[rate_cost.RATES.index(50.0)]
    assert [float(cell) for cell in same[2::2]] == [float(cell) for cell in same[3::2]]


def test_seam_cost_runs(files, capsys):
    assert seam_cost.main([*files, "--every", "3"]) == 0
    rows = [line.split("|")[1:4] for line in capsys.readouterr().out.splitlines()[2:]]
    # 60 frames in windows of 9
    assert [[int(cell) for cell in row] for row in rows] == [
        [0, 7, 6],
        [1, 8, 7],
        [2, 9, 8],
        [4, 12, 11],
    ]
