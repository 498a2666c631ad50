"""Choosing frames and bringing them back, against the slow and obvious in float64.

The oracles follow the definitions word for word and know nothing of matrix products or of ranks.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch

from h2ot_edge.export.tokens import PRUNERS
from h2ot_edge.export.tokens.nearest import Nearest
from h2ot_edge.export.tokens.ranking import keep_best
from h2ot_edge.export.tokens.selection import Selection
from h2ot_edge.export.tokens.step import PruningStep
from h2ot_edge.export.tokens.tri import Interpolation

SEEDS = range(8)
SCORED = ("tpc", "tpa", "tpmo")


def only(frames, number):
    """(1, f) bool, true at one frame."""
    return torch.arange(frames)[None] == number


def chosen(pruner, features, keep, *, received=None, always=None):
    """What the library keeps of windows (b, f, c), as (b, k)."""
    step = PruningStep(
        features=torch.from_numpy(np.asarray(features, np.float32)),
        received=None if received is None else torch.from_numpy(np.asarray(received, np.float32)),
        keep=keep,
        always=None if always is None else only(features.shape[1], always),
    )
    return PRUNERS[pruner].select(step).numpy()


def best_of(scores, keep, always=None):
    """The `keep` largest, equal ones by the lower frame, in time order; one by one."""
    left = [f for f in range(len(scores)) if f != always]
    kept = [] if always is None else [always]
    while len(kept) < keep:
        best = left[0]
        for frame in left:
            if scores[frame] > scores[best]:
                best = frame
        left.remove(best)
        kept.append(best)
    return sorted(kept)


def distances(features):
    """||x_i - x_j|| / sqrt(c) of one window (f, c), from the differences themselves."""
    x = np.asarray(features, np.float32).astype(np.float64)
    return np.linalg.norm(x[:, None] - x[None], axis=2) / np.sqrt(x.shape[1])


def tpc_terms(features):
    """(nearest-neighbour term, delta) of each frame: rho = exp(-term)."""
    d = distances(features)
    frames = len(d)
    # The 2 smallest of a row; one of them is the zero to itself.
    term = [np.mean(np.sort(row)[:2] ** 2) for row in d]
    delta = []
    for i in range(frames):
        denser = [j for j in range(frames) if (-term[j], -j) > (-term[i], -i)]
        delta.append(min(d[i, j] for j in denser) if denser else d.max())
    return np.array(term), np.array(delta)


def tpc_slowly(features, keep, always=None):
    """DPC-KNN by its definition, scores being rho * delta."""
    term, delta = tpc_terms(features)
    return best_of(np.exp(-term) * delta, keep, always)


def tpc_slowly_in_logarithms(features, keep, always=None):
    """The same where exp(-term) is not a float64 any more."""
    term, delta = tpc_terms(features)
    with np.errstate(divide="ignore"):
        return best_of(np.log(delta) - term, keep, always)


def tpmo_slowly(features, keep, always=None):
    x = np.asarray(features, np.float32).astype(np.float64)
    moved = [np.linalg.norm(x[t] - x[t - 1]) for t in range(1, len(x))]
    return best_of([moved[0], *moved], keep, always)


def smooth(seed, frames, channels):
    """A window of features that change slowly."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / frames
    return sum(
        rng.normal(size=channels)
        * np.sin(time * rng.uniform(2, 40, size=channels) + rng.uniform(0, 6, size=channels))
        for _ in range(4)
    )


def on_a_grid(seed, frames=32, channels=16):
    """Smooth features rounded to quarters: float32 has all their sums, so ties are exact ties.

    Frames and channels are powers of two, so that their means are exact too.
    """
    return np.round(smooth(seed, frames, channels) * 4) / 4


def decided_windows(which=slice(None)):
    """Eight windows on the grid, frames `which`, of scores that are equal or well apart.

    Distances and densities are exact there, scores are not: float32 cannot tell -0.50000382 from
    -0.50000380, which some windows have.
    """
    windows = []
    for seed in range(20):
        features = on_a_grid(seed)[which]
        term, delta = tpc_terms(features)
        with np.errstate(divide="ignore"):
            scores = np.unique(np.log(delta) - term)
        gaps = np.diff(scores[np.isfinite(scores)])
        # Equal scores may differ by the last bits of float64.
        if not ((gaps > 1e-12) & (gaps < 1e-6)).any():
            windows.append(features)
    assert len(windows) >= 8
    return windows[:8]


def unlike(kept, expected):
    """How many frames one has and the other has not."""
    return len(np.setdiff1d(expected, kept))


# TPC


@pytest.mark.parametrize("always", [None, 15])
@pytest.mark.parametrize("keep", [1, 2, 11, 31, 32])
def test_tpc_is_its_definition(keep, always):
    ties = 0
    for features in decided_windows():
        kept = chosen("tpc", features[None], keep, always=always)
        np.testing.assert_array_equal(kept, [tpc_slowly(features, keep, always)])
        ties += 32 - len(np.unique(tpc_terms(features)[0]))
    assert ties > 32, "the windows are to have many frames of the same density"


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 100.0, 1e4])
def test_tpc_on_smooth_features_of_any_size(scale):
    # Larger features are not a scaled problem: rho falls with the square of a distance. At 100
    # rho is 0 in float64, so the oracle adds logarithms where the definition multiplies.
    # Float32 rounds distances, and now and then the order of two nearly equal densities: the
    # specification found 99.8 % of the right frames or more.
    total = wrong = 0
    for seed in SEEDS:
        features = scale * smooth(seed, 81, 64)
        kept = chosen("tpc", features[None], 27)[0]
        wrong += unlike(kept, tpc_slowly_in_logarithms(features, 27))
        total += 27
    assert wrong <= 0.01 * total


def test_both_oracles_agree_where_both_can_be_computed():
    for seed in SEEDS:
        features = smooth(seed, 40, 16)
        assert tpc_slowly(features, 13) == tpc_slowly_in_logarithms(features, 13)


def test_tpc_is_not_free_of_scale():
    # Small features: all densities are nearly 1 and the distances decide. Large ones: the
    # densities decide. A library that compares d and not rho * delta gets the same frames.
    different = [
        unlike(
            chosen("tpc", on_a_grid(seed)[None], 11), chosen("tpc", on_a_grid(seed)[None] * 8, 11)
        )
        for seed in SEEDS
    ]
    assert sum(different) > 0


@pytest.mark.parametrize("offset", [10.0, 1000.0])
def test_tpc_is_not_moved_by_what_all_frames_share(offset):
    # The product form of the distances cancels large numbers if the mean is not taken off first.
    total = wrong = 0
    for seed in SEEDS:
        features = (smooth(seed, 81, 64) + offset).astype(np.float32)
        wrong += unlike(chosen("tpc", features[None], 27), tpc_slowly(features, 27))
        total += 27
    assert wrong <= 0.01 * total


@pytest.mark.parametrize("seed", SEEDS)
def test_tpc_of_still_windows_keeps_the_first_frames(seed):
    # All frames equal: all distances 0, all scores equal, and the lower frame wins.
    row = np.random.default_rng(seed).normal(size=48) * 10.0 ** (seed - 4)
    for frames, keep in ((2, 1), (27, 9), (81, 27), (243, 81)):
        window = np.repeat(row[None], frames, axis=0)[None]
        np.testing.assert_array_equal(chosen("tpc", window, keep)[0], np.arange(keep))
        centre = (frames - 1) // 2
        expected = sorted([*[f for f in range(frames) if f != centre][: keep - 1], centre])
        np.testing.assert_array_equal(chosen("tpc", window, keep, always=centre)[0], expected)


REPEATED = {
    "in threes": lambda frames: np.arange(frames) // 3,
    "padded at the start": lambda frames: np.maximum(np.arange(frames) - frames // 3, 0),
    "padded at the end": lambda frames: np.minimum(np.arange(frames), frames // 2),
    "still but for one": lambda frames: np.where(np.arange(frames) == 5, 5, 0),
    "to and fro": lambda frames: np.minimum(np.arange(frames), frames - 1 - np.arange(frames)),
}


@pytest.mark.parametrize("kind", REPEATED)
def test_tpc_of_repeated_frames(kind):
    for features in decided_windows(REPEATED[kind](32)):
        for keep in (4, 11, 25):
            expected = tpc_slowly_in_logarithms(features, keep)
            assert expected == tpc_slowly(features, keep)
            np.testing.assert_array_equal(chosen("tpc", features[None], keep), [expected])


def test_tpc_keeps_each_of_the_different_frames_before_any_repetition():
    features = on_a_grid(0)[np.arange(32) // 4]
    np.testing.assert_array_equal(chosen("tpc", features[None], 8)[0], np.arange(8) * 4)


def test_tpc_keeps_one_frame_of_each_of_two_clusters():
    rng = np.random.default_rng(0)
    where = np.array([0, 0, 1, 0, 1, 1, 1, 0])
    features = np.eye(2)[where] @ rng.normal(size=(2, 16)) * 2 + rng.normal(size=(8, 16)) * 0.01
    kept = chosen("tpc", features[None], 2)[0]
    assert sorted(where[kept]) == [0, 1]
    term, _ = tpc_terms(features)
    assert all(term[k] == term[where == where[k]].min() for k in kept), "the densest of each"


def test_tpc_by_hand():
    # On a line at 0, 1, 3, 7: nearest neighbours at 1, 1, 2, 4; rho = exp(-nn^2 / 2).
    # Frames 0 and 1 are equally dense, the lower one counts as denser: it has no denser frame and
    # takes the largest distance, 7. delta = 7, 1, 2, 4. Scores: 7 e^-.5, e^-.5, 2 e^-2, 4 e^-8.
    line = np.array([0.0, 1.0, 3.0, 7.0])[None, :, None]
    for keep, expected in ((1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])):
        assert chosen("tpc", line, keep)[0].tolist() == expected
    assert chosen("tpc", line, 2, always=3)[0].tolist() == [0, 3]


# TPA and TPMo


@pytest.mark.parametrize("always", [None, 0, 13])
def test_tpa_keeps_the_frames_that_received_most(always):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        received = rng.integers(0, 6, size=(3, 27)) / 4  # ties
        features = rng.normal(size=(3, 27, 5))
        for keep in (1, 9, 26, 27):
            expected = [best_of(row, keep, always) for row in received]
            kept = chosen("tpa", features, keep, received=received, always=always)
            np.testing.assert_array_equal(kept, expected)


def test_tpa_without_attention_is_refused():
    with pytest.raises(ValueError, match="TPA") as caught:
        chosen("tpa", np.zeros((1, 9, 4)), 3)
    assert str(caught.value) == "TPA was asked to select without the attention of the block before"


@pytest.mark.parametrize("always", [None, 0, 13])
def test_tpmo_keeps_the_frames_that_moved_most(always):
    for seed in SEEDS:
        features = on_a_grid(seed)
        for keep in (1, 9, 31, 32):
            kept = chosen("tpmo", features[None], keep, always=always)
            np.testing.assert_array_equal(kept, [tpmo_slowly(features, keep, always)])


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_tpmo_is_free_of_scale(scale):
    for seed in SEEDS:
        features = smooth(seed, 81, 16)
        kept = chosen("tpmo", (scale * features)[None], 27)
        np.testing.assert_array_equal(kept, [tpmo_slowly(features, 27)])


def test_tpmo_by_hand():
    # Steps 1, 1, 5, 0, 2; frame 0 takes frame 1's.
    line = np.cumsum([0.0, 1.0, 5.0, 0.0, 2.0])[None, :, None]
    for keep, expected in ((1, [2]), (2, [2, 4]), (3, [0, 2, 4]), (4, [0, 1, 2, 4])):
        assert chosen("tpmo", line, keep)[0].tolist() == expected


# What all three share


@pytest.mark.parametrize("pruner", SCORED)
def test_every_window_of_a_batch_is_chosen_for_itself(pruner):
    windows = np.stack([on_a_grid(seed) for seed in SEEDS])
    windows[3] = windows[3, :1]  # one of them still
    received = np.random.default_rng(0).random(windows.shape[:2])
    together = chosen(pruner, windows, 11, received=received)
    alone = [
        chosen(pruner, window[None], 11, received=row[None])[0]
        for window, row in zip(windows, received, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together, axis=0)) > 4


@pytest.mark.parametrize("pruner", SCORED)
def test_a_window_of_one_frame_keeps_it(pruner):
    windows = np.random.default_rng(0).normal(size=(2, 1, 8))
    assert chosen(pruner, windows, 1, received=np.ones((2, 1))).tolist() == [[0], [0]]


@pytest.mark.parametrize("pruner", SCORED)
def test_keeping_all_frames_keeps_all(pruner):
    received = np.random.default_rng(0).random((1, 32))
    kept = chosen(pruner, on_a_grid(0)[None], 32, received=received)
    np.testing.assert_array_equal(kept, [np.arange(32)])


@pytest.mark.parametrize("pruner", SCORED)
def test_what_must_stay_stays(pruner):
    windows = np.stack([on_a_grid(seed) for seed in SEEDS])
    received = np.random.default_rng(0).random(windows.shape[:2])
    for frame in (0, 15, 31):
        for keep in (1, 5):
            kept = chosen(pruner, windows, keep, received=received, always=frame)
            assert (kept == frame).sum(axis=1).tolist() == [1] * len(windows)
            assert (np.diff(kept, axis=1) > 0).all()


@pytest.mark.parametrize("frames", [1, 2, 27, 300])
def test_keep_best_on_random_scores_with_ties(frames):
    rng = np.random.default_rng(frames)
    scores = rng.integers(-3, 4, size=(20, frames)).astype(np.float32)
    scores[:5, :: max(1, frames // 4)] = -np.inf  # as the logarithm of distance 0
    for keep in {1, (frames + 2) // 3, frames}:
        kept = keep_best(torch.from_numpy(scores), keep)
        assert kept.dtype == torch.int64
        np.testing.assert_array_equal(kept.numpy(), [best_of(row, keep) for row in scores])


def test_keep_best_keeps_another_frame_in_every_window():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, size=(6, 9)).astype(np.float32)
    frames = [0, 8, 4, 4, 1, 7]
    always = torch.from_numpy(np.eye(9, dtype=bool)[frames])
    kept = keep_best(torch.from_numpy(scores), 3, always).numpy()
    expected = [best_of(row, 3, frame) for row, frame in zip(scores, frames, strict=True)]
    np.testing.assert_array_equal(kept, expected)


def test_features_are_the_mean_over_joints_and_received_over_attentions_and_joints():
    seen = []

    def watch(step):
        seen.append(step)
        return torch.zeros(2, 1, dtype=torch.int64)

    rng = np.random.default_rng(0)
    frames, batch, joints, channels = 5, 2, 17, 3
    rows = rng.normal(size=(frames, batch, joints, channels)).astype(np.float32)
    attention = rng.random(size=(2, batch, joints, frames)).astype(np.float32)
    Selection(watch, 1, joints)(
        torch.from_numpy(rows.reshape(-1, channels)),
        frames,
        [torch.from_numpy(part.reshape(-1, frames)) for part in attention],
        None,
    )
    (step,) = seen
    by_window = rows.astype(np.float64).mean(axis=2).swapaxes(0, 1)
    np.testing.assert_allclose(step.features.numpy(), by_window, atol=1e-6)
    expected = attention.astype(np.float64).mean(axis=(0, 2))
    np.testing.assert_allclose(step.received.numpy(), expected, atol=1e-6)


def test_choices_are_made_in_float32_whatever_the_network_has():
    seen = []

    def watch(step):
        seen.append((step.features.dtype, step.received.dtype))
        return torch.zeros(1, 1, dtype=torch.int64)

    half = torch.ones(9 * 17, 4, dtype=torch.float16)
    Selection(watch, 1, 17)(half, 9, [torch.ones(17, 9, dtype=torch.float16)], None)
    assert seen == [(torch.float32, torch.float32)]


# TPS


def tps_slowly(frames, keep):
    """Evenly spaced, each rounded to the nearest frame, halves up; exact."""
    if keep == 1:
        return [(frames - 1) // 2]
    step = Fraction(frames - 1, keep - 1)
    return [int(i * step + Fraction(1, 2)) for i in range(keep)]


def test_tps_is_evenly_spaced_with_both_ends():
    for frames in range(1, 60):
        for keep in range(1, frames + 1):
            positions = PRUNERS["tps"].positions(frames, keep, None)
            assert positions == tps_slowly(frames, keep)
            assert len(set(positions)) == keep
            if keep > 1:
                assert (positions[0], positions[-1]) == (0, frames - 1)
                gaps = np.diff(positions)
                assert gaps.max() - gaps.min() <= 1


def test_tps_by_hand():
    assert PRUNERS["tps"].positions(9, 3, None) == [0, 4, 8]
    assert PRUNERS["tps"].positions(10, 4, None) == [0, 3, 6, 9]
    assert PRUNERS["tps"].positions(10, 3, None) == [0, 5, 9]
    assert PRUNERS["tps"].positions(243, 3, 121) == [0, 121, 242]
    assert PRUNERS["tps"].positions(10, 3, 4) == [0, 4, 9]
    assert PRUNERS["tps"].positions(10, 1, 4) == [4]


def test_tps_keeps_what_must_stay_and_moves_one_position_at_most():
    for frames in range(1, 30):
        for keep in range(1, frames + 1):
            for always in range(frames):
                positions = PRUNERS["tps"].positions(frames, keep, always)
                assert always in positions
                assert positions == sorted(set(positions))
                assert len(positions) == keep
                assert len(set(positions) - set(tps_slowly(frames, keep))) <= 1
                if keep >= 3:
                    assert (positions[0], positions[-1]) == (0, frames - 1)


# Recovery


def kept_and_poses(seed, frames, keep, batch=3, joints=17):
    """Kept frames (b, k), ascending, another choice in each window; poses (k, b, j, 3)."""
    rng = np.random.default_rng(seed)
    kept = np.stack([np.sort(rng.permutation(frames)[:keep]) for _ in range(batch)])
    return kept, rng.normal(size=(keep, batch, joints, 3)).astype(np.float32)


def recovered(recoverer, poses, kept):
    return recoverer.poses(torch.from_numpy(poses), torch.from_numpy(kept)).numpy()


def interpolated_slowly(poses, kept, frames):
    """numpy.interp, one coordinate at a time."""
    _, batch, joints, axes = poses.shape
    out = np.empty((frames, batch, joints, axes))
    for b, j, a in np.ndindex(batch, joints, axes):
        out[:, b, j, a] = np.interp(np.arange(frames), kept[b], poses[:, b, j, a])
    return out


def nearest_slowly(poses, kept, frames):
    """For each frame the kept one nearest in time, the earlier of two."""
    out = np.empty((frames, *poses.shape[1:]))
    for b, t in np.ndindex(poses.shape[1], frames):
        nearest = min(range(len(poses)), key=lambda i: (abs(kept[b][i] - t), kept[b][i]))
        out[t, b] = poses[nearest, b]
    return out


SIZES = [(9, 1), (9, 2), (9, 9), (27, 5), (81, 27), (1, 1)]


@pytest.mark.parametrize(("frames", "keep"), SIZES)
def test_interpolation_is_that_of_numpy(frames, keep):
    for seed in SEEDS:
        kept, poses = kept_and_poses(seed, frames, keep, joints=3)
        found = recovered(Interpolation(frames), poses, kept)
        np.testing.assert_allclose(found, interpolated_slowly(poses, kept, frames), atol=2e-6)
        for b, numbers in enumerate(kept):
            np.testing.assert_array_equal(found[numbers, b], poses[:, b])  # exact where kept


@pytest.mark.parametrize(("frames", "keep"), SIZES)
def test_nearest_repeats_the_nearest_pose(frames, keep):
    for seed in SEEDS:
        kept, poses = kept_and_poses(seed, frames, keep, joints=3)
        found = recovered(Nearest(frames), poses, kept)
        np.testing.assert_array_equal(found, nearest_slowly(poses, kept, frames))


def test_recovery_by_hand():
    kept, poses = np.array([[1, 5]]), np.array([10.0, 30.0], np.float32).reshape(2, 1, 1, 1)
    found = recovered(Interpolation(8), poses, kept)
    assert found.ravel().tolist() == [10, 10, 15, 20, 25, 30, 30, 30]
    found = recovered(Nearest(8), poses, kept)
    assert found.ravel().tolist() == [10, 10, 10, 10, 30, 30, 30, 30]


@pytest.mark.parametrize("recoverer", [Interpolation, Nearest])
def test_one_choice_for_all_windows_is_as_good_as_one_for_each(recoverer):
    kept, poses = kept_and_poses(0, 27, 9)
    same = np.repeat(kept[:1], 3, axis=0)
    np.testing.assert_array_equal(
        recovered(recoverer(27), poses, kept[:1]), recovered(recoverer(27), poses, same)
    )
