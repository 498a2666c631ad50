"""How far one graph's poses and kept frames are from another's."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_networks import graph_of, plan_of, run, small_network
from tiny_models import tiny_card

from h2ot_edge.benchmarks.millimetres import TORSO_MM
from h2ot_edge.benchmarks.motion.probe_windows import KINDS, probe_windows
from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.card import OutputConvention
from h2ot_edge.engines.precision.drift import (
    NAMES,
    Drift,
    Outputs,
    compare,
    outputs_of,
    verification_windows,
)

METRES = tiny_card()
NORMALISED = replace(METRES, output=OutputConvention(unit="normalised"))
NAN = float("nan")
NOTHING_KEPT = np.empty((32, 0), np.int64)


def poses(frames=9):
    """(32, f, 17, 3), with a torso of 2 everywhere."""
    values = np.random.default_rng(0).normal(size=(32, frames, 17, 3))
    values[:, :, 8] = values[:, :, 0] + [0, 2, 0]
    return values


def drift_of(actual, expected=None, card=METRES, kept=NOTHING_KEPT, expected_kept=None):
    expected = poses() if expected is None else expected
    expected_kept = kept if expected_kept is None else expected_kept
    return compare(Outputs(actual, kept), Outputs(expected, expected_kept), card)


# statistics


def test_nothing_differs_from_itself():
    assert drift_of(poses()) == Drift(
        unit="mm",
        windows=32,
        mean=0.0,
        p95=0.0,
        worst=0.0,
        velocity=0.0,
        worst_window="walking past",
        worst_frame=0,
        kept=0,
        kept_differ=0,
    )


def test_poses_that_are_all_moved_have_a_distance_and_no_velocity():
    drift = drift_of(poses() + np.array([3e-3, 0, -4e-3]))
    assert (drift.mean, drift.p95, drift.worst) == pytest.approx((5, 5, 5))
    assert drift.velocity == pytest.approx(0, abs=1e-9)


def test_jitter_is_velocity():
    moved = poses()
    moved[:, ::2, :, 1] += 0.002
    drift = drift_of(moved)
    assert drift.velocity == pytest.approx(2)
    assert drift.mean == pytest.approx(2 * 5 / 9)


def test_poses_that_drift_away():
    moved = poses()
    moved[..., 0] += 1e-3 * np.arange(9)[:, None]
    drift = drift_of(moved)
    assert (drift.mean, drift.worst, drift.velocity) == pytest.approx((4, 8, 1))
    assert drift.worst_frame == 8


def test_the_statistics_against_a_slow_loop():
    expected = poses().astype(np.float32)
    noise = np.random.default_rng(1).normal(scale=1e-3, size=expected.shape)
    actual = (expected + noise).astype(np.float32)
    actual[11, 5, 16] += 0.05
    gaps = actual.astype(float) - expected.astype(float)
    distances, steps = [], []
    for window in gaps:
        for joint in range(17):
            distances += [1e3 * sum(g * g for g in gap) ** 0.5 for gap in window[:, joint]]
            for before, after in zip(window[:-1, joint], window[1:, joint], strict=True):
                steps.append(1e3 * sum((after - before) ** 2) ** 0.5)
    drift = drift_of(actual, expected)
    assert drift.mean == pytest.approx(sum(distances) / len(distances))
    assert drift.p95 == pytest.approx(np.quantile(distances, 0.95))
    assert drift.worst == pytest.approx(max(distances))
    assert drift.velocity == pytest.approx(sum(steps) / len(steps))
    assert (drift.worst_window, drift.worst_frame) == (NAMES[11], 5) == ("walk 4", 5)


@pytest.mark.parametrize(
    ("window", "name"), [(0, "walking past"), (6, "noisy detector"), (7, "walk 0"), (31, "walk 24")]
)
def test_the_worst_window_and_frame_are_named(window, name):
    moved = poses()
    moved[window, 3, 2] += 1
    drift = drift_of(moved)
    assert (drift.worst_window, drift.worst_frame) == (name, 3)
    assert drift.worst == pytest.approx(1e3 * 3**0.5)


def test_other_units_are_told_by_the_torso_of_the_source():
    drift = drift_of(poses() + np.array([0, 0.01, 0]), card=NORMALISED)
    assert drift.unit == "mm at a torso of 500 mm"
    assert TORSO_MM == 500
    assert drift.mean == pytest.approx(0.01 / 2 * 500)
    assert drift_of(
        3 * poses() + np.array([0, 0.03, 0]), 3 * poses(), NORMALISED
    ).mean == pytest.approx(2.5)


def test_a_single_frame_has_no_velocity():
    drift = drift_of(poses(1) + np.array([1e-3, 0, 0]), poses(1))
    assert (drift.velocity, drift.worst_frame) == (None, 0)
    assert drift.mean == pytest.approx(1)


def test_it_is_computed_in_float64():
    far = np.full((32, 9, 17, 3), 1e4, np.float32)
    assert drift_of(far + np.float32(2**-10), far).mean == pytest.approx(3**0.5 * 1e3 * 2**-10)


# limits


def test_a_drift_up_to_the_limit_is_within_it():
    drift = drift_of(poses() + np.array([5e-3, 0, 0]))
    assert not drift.exceeds(5.0 + 1e-9)
    assert drift.exceeds(4.99)


def test_poses_that_are_not_numbers_exceed_every_limit():
    broken = poses()
    broken[3, 2, 1, 0] = NAN
    drift = drift_of(broken)
    assert np.isnan(drift.mean)
    assert (drift.worst_window, drift.worst_frame) == (KINDS[3], 2)
    assert drift.exceeds(1e9)
    assert drift.exceeds(float("inf"))


def test_nothing_compared_exceeds_every_limit():
    drift = replace(drift_of(poses()), windows=0)
    assert drift.exceeds(1e9)


# kept frames


def test_kept_frames_are_counted_in_whichever_order():
    expected = np.tile([1, 4, 7], (32, 1))
    actual = expected[:, ::-1].copy()
    drift = drift_of(poses(), kept=actual, expected_kept=expected)
    assert (drift.kept, drift.kept_differ) == (96, 0)
    actual[0] = 0, 4, 8
    actual[5] = 4, 7, 8
    drift = drift_of(poses(), kept=actual, expected_kept=expected)
    assert (drift.kept, drift.kept_differ) == (96, 3)


@pytest.mark.parametrize(
    ("plan", "flip_tta"),
    [(plan_of("tpc"), True), (plan_of("tpmo", schedule={0: 6, 1: 3}), False)],
    ids=["one step, mirrored", "two steps"],
)
def test_outputs_are_those_of_the_graph(plan, flip_tta):
    model = graph_of(small_network("motionbert", plan), batch=4, flip_tta=flip_tta)
    windows, told = walking_windows(6, 9, 3, seed=1), []
    calls = [run(model, windows[:4]), run(model, windows[2:])]
    expected, kept = (np.concatenate([a, b[2:]]) for a, b in zip(*calls, strict=True))
    del model.graph.output[1:]  # as models are without --with-kept
    outputs = outputs_of(model, windows, lambda *count: told.append(count))
    np.testing.assert_allclose(outputs.poses, expected, atol=1e-5)
    np.testing.assert_array_equal(np.sort(outputs.kept, axis=1), kept)
    assert len(np.unique(kept, axis=0)) > 1
    assert told == [(1, 2), (2, 2)]


def test_steps_of_pruning_are_composed():
    """Of 9 frames the 4 with the largest first x stay, and of those the 2 in positions 3 and 0."""
    shapes = {"score": [2, 9], "best": [2, 4], "again": [2, 4], "other": [2, 2]}
    nodes = [
        helper.make_node("Identity", ["keypoints"], ["poses"], name="/poses"),
        helper.make_node("Slice", ["keypoints", "zero", "one", "axes"], ["cut"], name="/cut"),
        helper.make_node("Squeeze", ["cut", "axes"], ["score"], name="/score"),
        helper.make_node("TopK", ["score", "four"], ["best", "first"], name="/selection.0/TopK"),
        helper.make_node("Mul", ["best", "sign"], ["again"], name="/again"),
        helper.make_node("TopK", ["again", "two"], ["other", "second"], name="/selection.1/TopK"),
        helper.make_node("TopK", ["again", "two"], ["more", "third"], name="/neighbours/TopK"),
    ]
    constants = {
        "zero": np.array([0, 0]),
        "one": np.array([1, 1]),
        "axes": np.array([2, 3]),
        "four": np.array([4]),
        "two": np.array([2]),
        "sign": np.float32([1, 0, 0, 2]),
    }
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "steps",
        [value("keypoints", TensorProto.FLOAT, [2, 9, 17, 3])],
        [value("poses", TensorProto.FLOAT, [2, 9, 17, 3])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
        value_info=[value(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    windows = np.zeros((2, 9, 17, 3), np.float32)
    windows[0, :, 0, 0] = [0, 9, 0, 8, 7, 0, 0, 6, 0]
    windows[1, :, 0, 0] = [6, 7, 8, 9, 5, 0, 0, 0, 0]
    assert outputs_of(model, windows).kept.tolist() == [[7, 1], [0, 3]]


# windows


def test_verification_windows_are_not_those_one_calibrates_on():
    card = tiny_card(channels=2)
    windows = verification_windows(card)
    assert windows.shape == (32, 9, 17, 2)
    assert windows.dtype == np.float32
    assert len(NAMES) == len(set(NAMES)) == 32
    np.testing.assert_array_equal(windows[:7], probe_windows(9, 2)[:7])
    calibration = walking_windows(64, 9, 2, seed=0)
    assert not any((window == calibration).all(axis=(1, 2, 3)).any() for window in windows)


def test_a_report_is_a_plain_dictionary():
    drift = drift_of(poses())
    assert Drift(**drift.to_dict()) == drift
    assert all(type(value) in (str, int, float) for value in drift.to_dict().values())
