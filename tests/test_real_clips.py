"""Real detections from a file, for everybody who reads them."""

import numpy as np
import pytest
from motions import walking
from real_files import save_real

from h2ot_edge.benchmarks.accuracy.study import real
from h2ot_edge.benchmarks.motion.real_clips import read_real_archive, read_real_clips
from h2ot_edge.errors import InputError


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_real_clips(path)
    with pytest.raises(InputError) as again:
        read_real_archive(path)
    assert str(caught.value) == str(again.value)
    return str(caught.value)


def test_clips_are_read(tmp_path):
    first, second = read_real_clips(save_real(tmp_path / "real.npz"))
    assert (first.name, first.action, first.subject) == ("balance/1", "balance", "one person")
    assert (len(first.truth), len(second.truth)) == (12, 5)
    assert (first.fps, first.image_size, second.image_size) == (60.0, (640, 480), (480, 640))
    assert first.keypoints.dtype == second.truth.dtype == np.float32
    poses = walking(frames=17).poses
    np.testing.assert_allclose(second.truth, (poses - poses[:, :1])[12:], atol=1e-5)


def test_the_study_has_a_row_for_each(tmp_path):
    path = save_real(tmp_path / "real.npz")
    titles = [clip.action for clip in real.real_clips(path)]
    assert titles == ["balance, camera 1", "static, camera 2"]


def test_arrays_that_are_missing(tmp_path):
    path = save_real(tmp_path / "real.npz", cam3d=None, fps=None)
    assert refusal(path) == (
        f"{path}: expected the arrays kp2d, cam3d, K, offsets, size, fps, trial, cam; cam3d, fps "
        "not found (found K, cam, kp2d, offsets, size, trial); give a file of real clips"
    )


def test_pickled_objects_are_not_loaded(tmp_path):
    path = save_real(tmp_path / "real.npz", trial=np.array(["a", None], object))
    assert refusal(path) == (
        f"{path}: holds pickled Python objects, which can run code when they are read; save plain "
        "arrays with np.savez"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"offsets": np.array([0.0, 12, 17])}, "expected offsets of whole numbers, got float64"),
        ({"cam3d": np.full((17, 17, 3), "a")}, "expected cam3d of numbers, got <U1"),
        ({"kp2d": np.full((17, 17, 3), np.nan)}, "kp2d holds NaN or infinity"),
        ({"fps": np.float64(0)}, "expected fps above 0, got 0"),
        ({"size": np.array([[640, 480], [-1, 1]])}, "expected size above 0, got -1"),
    ],
)
def test_values_that_cannot_be(tmp_path, changes, reason):
    path = save_real(tmp_path / "real.npz", **changes)
    assert refusal(path) == f"{path}: {reason}; write it again"


@pytest.mark.parametrize(
    "changes",
    [
        {"offsets": np.array([0, 12, 16])},
        {"offsets": np.array([0, 12, 12, 17])},
        {"offsets": np.array([17])},
        {"offsets": np.array([[0, 12, 17]])},
        {"cam3d": np.zeros((17, 17, 2))},
        {"kp2d": np.zeros((16, 17, 3))},
        {"K": np.zeros((2, 3))},
        {"size": np.ones((1, 2))},
        {"fps": np.ones(2)},
        {"cam": np.array([1])},
    ],
)
def test_arrays_that_do_not_fit(tmp_path, changes):
    path = save_real(tmp_path / "real.npz", **changes)
    with np.load(path) as archive:
        names = ("kp2d", "cam3d", "K", "offsets", "size", "fps", "trial", "cam")
        found = {name: archive[name].shape for name in names}
        bounds = archive["offsets"].ravel().tolist()
    assert refusal(path) == (
        f"{path}: expected kp2d and cam3d (t, 17, 3), K (n, 3, 3), offsets (n + 1,) that rise from "
        "0 to t, size (n, 2), fps one number, trial and cam (n,), got "
        f"{found} and offsets {bounds}; write it again"
    )
