"""The simulated detector beside real detections."""

from pathlib import Path

import numpy as np
import pytest
from real_files import save_real

from h2ot_edge.benchmarks.motion.detector import NOISY
from h2ot_edge.benchmarks.motion.real_clips import read_real_archive
from h2ot_edge.benchmarks.motion.real_noise import (
    figures,
    main,
    real_errors,
    simulated_errors,
)

CLIPS = Path(__file__).parents[2] / "shared" / "data" / "real" / "pose2sim.npz"


def test_figures_of_errors_whose_kind_is_known():
    rng = np.random.default_rng(0)
    errors = rng.normal(0.1, 0.01, (2000, 17, 2)).astype(np.float32)
    errors[:, 3, 0] += 0.3
    errors[:, 3] -= errors[:, 3].mean(axis=0)
    confidence = np.ones((2000, 17), np.float32)
    confidence[:100, 5] = 0.0
    told = figures(errors - np.float32(0.1) * (np.arange(17) != 3)[:, None], confidence)
    assert told["found_sd"] == pytest.approx(1.0, rel=0.03)
    assert told["fast_sd"] == pytest.approx(1.0, rel=0.03)
    assert told["memory"] == pytest.approx(0.0, abs=0.02)
    assert told["lost"] == pytest.approx(100 * 100 / (2000 * 17))
    assert told["astray"] == 0.0


def test_a_telling_confidence_is_noticed():
    rng = np.random.default_rng(0)
    size = rng.uniform(0.001, 0.02, (2000, 17))
    errors = size[..., None] * rng.normal(size=(2000, 17, 2))
    told = figures(errors.astype(np.float32), 1 - 10 * size.astype(np.float32))
    assert told["telling"] > 0.4


def test_figures_of_a_file(tmp_path, capsys):
    assert main([str(save_real(tmp_path / "real.npz"))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"clip {number} {kind}" for number in (0, 1) for kind in ("real", "simulated")
    ]


def test_a_file_that_is_none_is_told(tmp_path, capsys):
    path = save_real(tmp_path / "real.npz", K=None)
    assert main([str(path)]) == 2
    assert capsys.readouterr().err == (
        f"real_noise: error: {path}: expected the arrays kp2d, cam3d, K, offsets, size, fps, "
        "trial, cam; K not found (found cam, cam3d, fps, kp2d, offsets, size, trial); give a file "
        "of real clips\n"
    )


@pytest.mark.shared
@pytest.mark.skipif(not CLIPS.is_file(), reason="the shared data is not on this machine")
def test_simulated_noise_is_like_real_noise():
    """The first clip's real errors include limbs that went astray, which the second hardly has."""
    archive = read_real_archive(CLIPS)
    for clip in (0, 1):
        real = figures(*real_errors(archive, clip))
        simulated = figures(*simulated_errors(archive, clip, NOISY))
        for name, factor in (("found_sd", 1.6), ("fast_sd", 1.7), ("memory", 1.4)):
            assert 1 / factor < simulated[name] / real[name] < factor, name
        assert simulated["telling"] > 0
        assert real["telling"] > 0
