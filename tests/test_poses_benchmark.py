"""What docs/coordinates.md measures and draws."""

import numpy as np
import pytest
from motions import save_motions, walkers
from real_files import save_real

from h2ot_edge.benchmarks.studies import coordinates, coordinates_picture
from h2ot_edge.poses import Poses
from h2ot_edge.sample import sample_clip


class TrueLifter:
    """Gives the true poses about the hip."""

    def __init__(self, shot):
        self.shot = shot

    def infer(self, keypoints, image_size, on_missing):
        assert on_missing is None
        assert keypoints is self.shot.keypoints
        assert image_size == self.shot.image_size
        return self.shot.truth.positions - self.shot.truth["hip"][:, None]


@pytest.fixture(scope="module")
def shot():
    return coordinates.film(walkers(1, 120).motions[0], np.random.default_rng(3))


def test_a_shot_sees_what_is_true(shot):
    pixels = shot.truth.positions @ shot.K.T
    error = np.linalg.norm(pixels[..., :2] / pixels[..., 2:] - shot.keypoints[..., :2], axis=-1)
    assert np.median(error) < 10
    heights = shot.truth.positions @ shot.up - shot.floor[..., 2]
    assert np.ptp(heights) < 1e-4


def test_true_poses_are_placed_well(shot):
    found = coordinates.figures(TrueLifter(shot), shot)
    whole = found["the clip as a whole"]
    assert whole["MPJPE, mm"] < 1e-3
    assert abs(whole["taller, %"]) < 1e-3
    assert whole["depth, %"] < 1.5
    assert whole["across, mm"] < 15
    assert whole["height over the floor, mm"] < 30
    assert whole["velocity, mm/frame"] < found["each frame by itself"]["velocity, mm/frame"]
    assert found["the same, constant bones"]["bones vary, %"] < 1e-4


def test_a_lifter_that_makes_people_too_large(shot):
    lifter = TrueLifter(shot)
    large = type("", (), {"infer": lambda self, *a, **k: 1.2 * lifter.infer(*a, **k)})()
    found = coordinates.figures(large, shot)
    assert found["the clip as a whole"]["taller, %"] == pytest.approx(20, abs=0.01)
    assert 18 < found["the clip as a whole"]["its mean, %"] < 22
    assert found["the same, true bones given"]["taller, %"] == pytest.approx(0, abs=0.01)
    assert found["the same, true bones given"]["depth, %"] < 1.5


def test_the_command_prints_a_table(tmp_path, capsys):
    data = save_motions(tmp_path / "test.npz", walkers(1, 40))
    real = save_real(tmp_path / "real.npz")
    assert coordinates.main(["--data", str(data), "--real", str(real)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| clips ")
    assert len(lines) == 2 + 3 * 4
    assert len({line.count("|") for line in lines}) == 1


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert coordinates.main(["--data", str(tmp_path / "none.npz")]) == 2
    assert capsys.readouterr().err.startswith("coordinates: error: ")


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    shot = sample_clip()
    poses = Poses(positions=shot.poses, frame="camera", fps=shot.fps)
    path = coordinates_picture.draw(poses, tmp_path / "a.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert path.stat().st_size > 20_000
