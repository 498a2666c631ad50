"""The comparison of a graph with its network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from small_networks import (
    SMALL,
    assert_close_on_average,
    graph_of,
    plan_of,
    run,
    run_torch,
    small_network,
)

from h2ot_edge import read_clip
from h2ot_edge.benchmarks.motion.probe_windows import KINDS
from h2ot_edge.errors import ParityError
from h2ot_edge.export.network import Lifter
from h2ot_edge.export.tolerances import GIVEN_CHOICES, ILL_CONDITIONED, WELL_CONDITIONED, Tolerance
from h2ot_edge.export.verify import Parity, compare, verify
from h2ot_edge.keypoints import normalise_by_width

POSE2SIM = Path(__file__).parents[2] / "shared" / "data" / "real" / "pose2sim.npz"


SAME = Parity(
    windows=8,
    rms=2.0,
    mean=1e-6,
    p99=1e-6,
    largest=1e-6,
    mean_mm=1e-3,
    largest_mm=1e-3,
    worst_window="still",
    worst_frame=0,
    kept_differ=0,
    neighbours_flipped=0,
    given_choices_largest=None,
    repeatable=True,
)
LIMITS = Tolerance(mean=1e-3, p99=2e-3, largest=4e-3, kept_may_differ=False, reason="test")
NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"windows": 0}, "nothing was compared"),
        ({"mean": 2.1e-3}, "mean difference 0.0021, allowed 0.002"),
        ({"p99": 4.1e-3}, "p99 difference 0.0041, allowed 0.004"),
        ({"largest": 8.1e-3}, "largest difference 0.0081, allowed 0.008"),
        ({"mean": NAN}, "mean difference nan, allowed 0.002"),
        ({"p99": NAN}, "p99 difference nan, allowed 0.004"),
        ({"largest": NAN}, "largest difference nan, allowed 0.008"),
        ({"largest": float("inf")}, "largest difference inf, allowed 0.008"),
        ({"kept_differ": 2}, "2 kept frames differ, allowed 0"),
        ({"repeatable": False}, "two runs on the same input differ"),
        (
            {"given_choices_largest": 2.1e-4},
            "given the same choices, largest difference 0.00021, allowed 0.0002",
        ),
        (
            {"given_choices_largest": NAN},
            "given the same choices, largest difference nan, allowed 0.0002",
        ),
    ],
)
def test_what_is_not_allowed_is_said(changes, complaint):
    assert SAME.failures(LIMITS) == []
    assert replace(SAME, **changes).failures(LIMITS) == [complaint]


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": 2e-3, "p99": 4e-3, "largest": 8e-3},
        {"given_choices_largest": GIVEN_CHOICES.largest * 2.0},
        {"neighbours_flipped": 1000},
    ],
)
def test_what_is_just_allowed_passes(changes):
    assert replace(SAME, **changes).failures(LIMITS) == []


def test_limits_that_are_not_set_are_not_checked():
    lenient = Tolerance(mean=1, p99=None, largest=None, kept_may_differ=True, reason="test")
    assert replace(SAME, p99=9.0, largest=NAN, kept_differ=5).failures(lenient) == []


def test_an_rms_that_is_not_a_number_passes_nothing():
    assert len(replace(SAME, rms=NAN).failures(LIMITS)) == 3


def test_the_statistics_against_a_slow_loop():
    rng = np.random.default_rng(0)
    expected = rng.normal(size=(8, 4, 17, 3)).astype(np.float32)
    actual = (expected + rng.normal(scale=1e-3, size=expected.shape)).astype(np.float32)
    actual[5, 2, 16] += 0.05
    parity = compare(
        actual,
        expected,
        kept_differ=1,
        neighbours_flipped=2,
        given_choices_largest=None,
        repeatable=True,
    )
    gaps, distances, squares, worst = [], [], [], (0.0, 0, 0)
    for w in range(8):
        for f in range(4):
            for j in range(17):
                gap = [float(actual[w, f, j, a]) - float(expected[w, f, j, a]) for a in range(3)]
                gaps += [abs(g) for g in gap]
                squares += [float(expected[w, f, j, a]) ** 2 for a in range(3)]
                distances.append(sum(g * g for g in gap) ** 0.5)
                worst = max(worst, (distances[-1], w, f))
    assert parity.windows == 8
    assert parity.rms == pytest.approx((sum(squares) / len(squares)) ** 0.5)
    assert parity.mean == pytest.approx(sum(gaps) / len(gaps))
    assert parity.p99 == pytest.approx(np.quantile(gaps, 0.99))
    assert parity.largest == pytest.approx(max(gaps))
    assert parity.mean_mm == pytest.approx(1e3 * sum(distances) / len(distances))
    assert parity.largest_mm == pytest.approx(1e3 * worst[0])
    assert (parity.worst_window, parity.worst_frame) == (KINDS[worst[1]], worst[2]) == (KINDS[5], 2)
    assert (parity.kept_differ, parity.neighbours_flipped) == (1, 2)


@pytest.fixture(scope="module")
def traced():
    """A network and its graph."""
    network = small_network("mixste", plan_of())
    return network, graph_of(network)


def tampered(model, name, change):
    """A copy of a graph with one initializer changed."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    (tensor,) = (t for t in copy.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))
    return copy


def head_bias(model):
    """The bias of the last layer, float32 (3,)."""
    (name,) = (t.name for t in model.graph.initializer if t.name.endswith("head.1.bias"))
    return name


def verified(network, model):
    return verify(model, Lifter(network, flip_tta=False), WELL_CONDITIONED)


def test_a_graph_is_verified_against_its_network(traced):
    network, model = traced
    parity = verified(network, model)
    assert parity.windows == 8
    assert 0 < parity.largest < 1e-5
    assert parity.kept_differ == 0


@pytest.mark.parametrize("size", [0.01, NAN, float("inf")])
def test_a_changed_weight_is_found(traced, size):
    network, model = traced
    wrong = tampered(model, head_bias(model), lambda bias: bias + np.float32(size))
    with np.errstate(invalid="ignore"), pytest.raises(ParityError) as caught:
        verified(network, wrong)
    shown = f"{caught.value.report['mean']:.3g}"
    assert str(caught.value).startswith(
        f"the graph is not the network: mean difference {shown}, allowed "
    )
    assert str(caught.value).endswith("; nothing was written")


def test_another_network_is_found(traced):
    _, model = traced
    with pytest.raises(ParityError) as caught:
        verified(small_network("mixste", plan_of(), seed=1), model)
    assert caught.value.report["kept_differ"] > 0
    assert "kept frames differ, allowed 0" in str(caught.value)


@pytest.mark.shared
@pytest.mark.skipif(not POSE2SIM.is_file(), reason="the shared data is not on this machine")
@pytest.mark.parametrize("prune", ["tpc", "tpa", "tpmo"])
@pytest.mark.parametrize("backbone", SMALL)
def test_real_clips_give_the_same_frames_and_poses(backbone, prune):
    network = small_network(backbone, plan_of(prune, frames=27, schedule={1: 9}))
    windows = real_windows(27, network.channels_in)
    poses, kept = run(graph_of(network, batch=len(windows)), windows)
    expected, expected_kept = run_torch(network, windows)
    if backbone == "motionagformer":
        assert_close_on_average(poses, expected)
        return
    np.testing.assert_array_equal(kept, expected_kept)
    np.testing.assert_allclose(poses, expected, atol=2e-5)


def real_windows(frames, channels):
    """Consecutive windows of the two long clips."""
    windows = []
    for index in (0, 1):
        clip = read_clip(POSE2SIM, index=index)
        keypoints = normalise_by_width(clip.keypoints, *clip.image_size)
        starts = range(0, len(keypoints) - frames + 1, frames)
        windows += [keypoints[start : start + frames, :, :channels] for start in starts]
    assert len(windows) == 6
    return np.stack(windows).astype(np.float32)


def test_an_ill_conditioned_network_is_held_to_the_same_where_nothing_was_chosen_otherwise():
    # With all frames neighbours of each other no threshold can excuse a difference.
    network = small_network("motionagformer", plan_of("none", "none", frames=2, schedule={}))
    model = graph_of(network)
    (weight,) = (t.name for t in model.graph.initializer if t.name.endswith("head.weight"))
    changed = tampered(model, weight, lambda values: values * np.float32(1.03))
    with pytest.raises(ParityError) as caught:
        verify(changed, Lifter(network, flip_tta=False), ILL_CONDITIONED)
    assert caught.value.report["neighbours_flipped"] == 0
    assert caught.value.report["given_choices_largest"] is None
