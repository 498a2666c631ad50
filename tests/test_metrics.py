"""Metrics against cases worked by hand, slow loops, and what must not change them."""

import numpy as np
import pytest

from h2ot_edge.benchmarks.accuracy import metrics
from h2ot_edge.benchmarks.accuracy.metrics import METRICS, root_relative
from h2ot_edge.errors import InputError
from h2ot_edge.gait import Walk

FUNCTIONS = {
    "MPJPE": metrics.mpjpe,
    "P-MPJPE": metrics.p_mpjpe,
    "N-MPJPE": metrics.n_mpjpe,
    "MPJVE": metrics.mpjve,
    "PCK": metrics.pck,
    "AUC": metrics.auc,
}


@pytest.fixture
def truth():
    return root_relative(Walk().joints(np.arange(7) / 50))


@pytest.fixture
def predicted(truth):
    noise = np.random.default_rng(0).normal(0, 0.05, truth.shape)
    return root_relative(truth + noise)


def rotation(seed):
    """A random proper rotation."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def moved(truth, joint, by_m):
    """The truth with one joint somewhere else."""
    poses = truth.copy()
    poses[:, joint] += by_m
    return poses


def horn(predicted, truth):
    """One pose aligned to another, without an SVD.

    Horn (1987): the best rotation is the top eigenvector, a quaternion, of a 4 x 4 matrix.
    """
    p, g = predicted - predicted.mean(axis=0), truth - truth.mean(axis=0)
    s = p.T @ g
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = s
    n = np.array(
        [
            [xx + yy + zz, yz - zy, zx - xz, xy - yx],
            [yz - zy, xx - yy - zz, xy + yx, zx + xz],
            [zx - xz, xy + yx, yy - xx - zz, yz + zy],
            [xy - yx, zx + xz, yz + zy, zz - xx - yy],
        ]
    )
    w, x, y, z = np.linalg.eigh(n)[1][:, -1]
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    p = p @ turn.T
    return p * (p * g).sum() / (p * p).sum() + truth.mean(axis=0)


# what they are


def test_mpjpe_is_a_distance_in_millimetres(truth):
    errors = metrics.mpjpe(moved(truth, 5, (0.03, 0, 0.04)), truth)
    expected = np.zeros((7, 17))
    expected[:, 5] = 50
    np.testing.assert_allclose(errors, expected, atol=1e-9)


def test_p_mpjpe_is_that_of_another_solution(predicted, truth):
    turned = 1.3 * predicted @ rotation(1).T
    expected = [
        1e3 * np.linalg.norm(horn(p, g) - g, axis=-1) for p, g in zip(turned, truth, strict=True)
    ]
    np.testing.assert_allclose(metrics.p_mpjpe(turned, truth), expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_p_mpjpe_forgives_rotation_scale_and_place(truth, seed):
    poses = 0.4 * truth @ rotation(seed).T + [1, -2, 3]
    np.testing.assert_allclose(metrics.p_mpjpe(poses, truth), 0, atol=1e-9)


def test_p_mpjpe_does_not_mirror(truth):
    errors = metrics.p_mpjpe(truth * [-1, 1, 1], truth)
    assert errors.mean() > 10
    expected = [1e3 * np.linalg.norm(horn(g * [-1, 1, 1], g) - g, axis=-1).mean() for g in truth]
    np.testing.assert_allclose(errors.mean(axis=1), expected)


def test_no_similarity_is_better_than_that_of_p_mpjpe(predicted, truth):
    best = (metrics.p_mpjpe(predicted, truth) ** 2).sum()
    rng = np.random.default_rng(0)
    aligned = np.stack([horn(p, g) for p, g in zip(predicted, truth, strict=True)])
    for _ in range(50):
        turn = np.linalg.qr(np.eye(3) + rng.normal(0, 0.02, (3, 3)))[0]
        turn *= np.sign(np.diag(turn))
        other = rng.normal(1, 0.02) * aligned @ turn + rng.normal(0, 0.005, 3)
        assert (metrics.mpjpe(other, truth) ** 2).sum() > best


def test_a_flat_pose_can_be_aligned(truth):
    flat = truth * [1, 1, 0]
    np.testing.assert_allclose(metrics.p_mpjpe(flat @ rotation(3).T, flat), 0, atol=1e-9)


def test_n_mpjpe_forgives_scale_alone(truth):
    np.testing.assert_allclose(metrics.n_mpjpe(0.25 * truth, truth), 0, atol=1e-9)
    assert metrics.n_mpjpe(truth @ rotation(0).T, truth).mean() > 10


def test_n_mpjpe_takes_the_scale_of_least_squares(predicted, truth):
    scales = np.linspace(0.8, 1.2, 4001)
    for p, g, errors in zip(predicted, truth, metrics.n_mpjpe(predicted, truth), strict=True):
        squares = [((s * p - g) ** 2).sum() for s in scales]
        best = scales[np.argmin(squares)]
        np.testing.assert_allclose(errors, 1e3 * np.linalg.norm(best * p - g, axis=-1), atol=0.2)


def test_mpjve_forgives_what_does_not_move(predicted, truth):
    errors = metrics.mpjve(truth + np.array([0.1, 0.2, 0.3]), truth)
    assert errors.shape == (6, 17)
    np.testing.assert_allclose(errors, 0, atol=1e-9)
    slow = [
        [1e3 * np.linalg.norm((p1 - p0) - (g1 - g0)) for p0, p1, g0, g1 in zip(*row, strict=True)]
        for row in zip(predicted[:-1], predicted[1:], truth[:-1], truth[1:], strict=True)
    ]
    np.testing.assert_allclose(metrics.mpjve(predicted, truth), slow)


def test_mpjve_of_a_jump_is_in_two_frames(truth):
    poses = truth.copy()
    poses[3, 10, 1] += 0.02
    expected = np.zeros((6, 17))
    expected[2:4, 10] = 20
    np.testing.assert_allclose(metrics.mpjve(poses, truth), expected, atol=1e-9)


@pytest.mark.parametrize(("by_m", "share"), [(0.149, 100), (0.151, 0)])
def test_pck_counts_joints_nearer_than_150_mm(truth, by_m, share):
    errors = metrics.pck(moved(truth, 3, (by_m, 0, 0)), truth)
    assert (errors[:, 3] == share).all()
    assert (np.delete(errors, 3, axis=1) == 100).all()


@pytest.mark.parametrize(
    ("by_m", "thresholds"), [(0, 30), (0.004, 30), (0.006, 29), (0.146, 1), (0.2, 0)]
)
def test_auc_is_the_mean_over_thresholds(truth, by_m, thresholds):
    errors = metrics.auc(moved(truth, 3, (by_m, 0, 0)), truth)
    np.testing.assert_allclose(errors[:, 3], 100 * thresholds / 31)


def test_auc_thresholds_are_those_of_the_data_set():
    assert tuple(5 * i for i in range(31)) == metrics.AUC_THRESHOLDS_MM


def test_root_relative_is_exact_and_in_float64():
    poses = np.random.default_rng(0).normal(size=(4, 17, 3)).astype(np.float32)
    centred = root_relative(poses)
    assert centred.dtype == np.float64
    assert (centred[:, 0] == 0).all()
    np.testing.assert_array_equal(centred[:, 5], poses[:, 5].astype(float) - poses[:, 0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_in_is_float64_out(name, predicted, truth):
    errors = FUNCTIONS[name](predicted.astype(np.float32), truth.astype(np.float32))
    assert errors.dtype == np.float64
    if name != "PCK":  # AUC goes in steps of 100 / 31
        np.testing.assert_allclose(errors, FUNCTIONS[name](predicted, truth), atol=4)


def test_what_is_known_of_every_metric(predicted, truth):
    shown = {n: (m.label, m.unit, m.needs_metres, m.lost_frames) for n, m in METRICS.items()}
    assert shown == {
        "mpjpe": ("MPJPE", "mm", True, 0),
        "p_mpjpe": ("P-MPJPE", "mm", False, 0),
        "n_mpjpe": ("N-MPJPE", "mm", False, 0),
        "mpjve": ("MPJVE", "mm/frame", True, 1),
        "pck": ("PCK@150", "%", True, 0),
        "auc": ("AUC", "%", True, 0),
    }
    for metric in METRICS.values():
        errors = metric.errors(predicted, truth)
        assert errors.shape == (len(truth) - metric.lost_frames, 17)
        scaled = metric.errors(predicted * 0.5, truth)
        assert np.allclose(errors, scaled) is not metric.needs_metres


@pytest.mark.parametrize("size_m", [0, 1e-9])
def test_a_predicted_point_is_aligned_to_the_centroid(predicted, truth, size_m):
    poses = predicted.copy()
    poses[3] *= size_m
    errors = metrics.p_mpjpe(poses, truth)
    np.testing.assert_allclose(
        errors[3], 1e3 * np.linalg.norm(truth[3] - truth[3].mean(axis=0), axis=-1), atol=1e-5
    )
    others = [0, 1, 2, 4, 5, 6]
    expected = metrics.p_mpjpe(predicted, truth)[others]
    np.testing.assert_array_equal(errors[others], expected)


@pytest.mark.parametrize("size_m", [0, 1e-9])
def test_a_predicted_point_stays_at_the_root(predicted, truth, size_m):
    poses = predicted.copy()
    poses[3] *= size_m
    errors = metrics.n_mpjpe(poses, truth)
    np.testing.assert_allclose(errors[3], 1e3 * np.linalg.norm(truth[3], axis=-1), atol=1e-5)
    np.testing.assert_array_equal(errors[[0, 6]], metrics.n_mpjpe(predicted, truth)[[0, 6]])


def test_no_point_is_nearer_than_the_centroid(truth):
    squares = (metrics.p_mpjpe(0 * truth, truth) ** 2).sum()
    rng = np.random.default_rng(0)
    for _ in range(20):
        place = truth.mean(axis=1, keepdims=True) + rng.normal(0, 0.02, (7, 1, 3))
        assert ((1e3 * np.linalg.norm(truth - place, axis=-1)) ** 2).sum() > squares


# what cannot be compared


def refused(name, predicted, truth):
    with pytest.raises(InputError) as caught:
        FUNCTIONS[name](predicted, truth)
    return str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_poses_of_another_shape(name, truth):
    assert refused(name, truth[0], truth) == (
        f"{name}: expected predicted poses (t, 17, 3), got (17, 3)"
    )
    assert refused(name, truth, truth[:, :16]) == (
        f"{name}: expected true poses (t, 17, 3), got (7, 16, 3)"
    )
    assert refused(name, truth[:5], truth) == (
        f"{name}: expected as many predicted as true poses (7), got 5"
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_to_compare(name, truth):
    assert refused(name, truth[:0], truth[:0]) == (
        f"{name}: expected at least 1 frame, got none; nothing can be compared"
    )


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none(name, value, truth):
    broken = truth.copy()
    broken[[2, 4], 3, 0] = value
    for what, poses in (("predicted", (broken, truth)), ("true", (truth, broken))):
        assert refused(name, *poses) == (
            f"{name}: {what} poses hold NaN or infinity in 2 of 7 frames, first in frame 2; "
            "a mean would hide or spread them"
        )


@pytest.mark.parametrize("name", ["P-MPJPE", "N-MPJPE"])
def test_true_poses_without_a_size(name, predicted, truth):
    point = truth.copy()
    point[3:5] = 0
    for poses in (predicted, point):
        assert refused(name, poses, point) == (
            f"{name}: all joints of the true pose are one point in 2 of 7 frames, first in "
            "frame 3; it has no scale to align to"
        )


def test_one_frame_has_no_velocity(truth):
    assert refused("MPJVE", truth[:1], truth[:1]) == (
        "MPJVE: expected at least 2 frames, got 1; one frame has no velocity"
    )
