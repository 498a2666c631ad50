"""Structure and numbers of exported graphs."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, shape_inference
from small_networks import (
    FAMILY,
    assert_close_on_average,
    graph_of,
    options,
    plan_of,
    run,
    run_torch,
    sizes,
    small_network,
)

from h2ot_edge.benchmarks.motion.probe_windows import probe_windows
from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.export import choose_plan, export_model
from h2ot_edge.export.network import Lifter, folded
from h2ot_edge.export.tracing import onnx_from_torch
from h2ot_edge.skeleton import JOINTS

FORBIDDEN = (
    *("Random", "Bernoulli", "Multinomial", "Loop", "Scan", "If", "NonZero", "Scatter"),
    *("Einsum", "Unique", "Compress", "NonMaxSuppression", "Sequence", "Optional"),
)


LEFT = [JOINTS.index(name) for name in JOINTS if name.startswith("l")]
RIGHT = [JOINTS.index(name) for name in JOINTS if name.startswith("r")]


pytestmark = pytest.mark.usefixtures("small_backbone")


GRAPHS = [
    ("motionbert", plan_of("tpc", "tra"), 1),
    ("motionbert", plan_of("tpa", "tri", schedule={1: 5}), None),
    ("mixste", plan_of("tpmo", "nearest", schedule={0: 5, 1: 3}), None),
    ("mixste", plan_of("none", "none", schedule={}), 2),
    ("mhformer", plan_of("tpc", "none", mode="seq2frame"), None),
    ("motionagformer", plan_of("tps", "tri"), 1),
    ("motionagformer", plan_of("tpc", "tra"), None),
]


@pytest.mark.parametrize(("backbone", "plan", "batch"), GRAPHS)
def test_the_graph_is_static_and_computes_what_the_network_does(backbone, plan, batch):
    network = small_network(backbone, plan)
    model = graph_of(network, batch=batch)
    operators = {(node.domain, node.op_type) for node in model.graph.node}
    assert {domain for domain, _ in operators} == {""}
    assert [name for _, name in operators if name.startswith(FORBIDDEN)] == []
    first = batch or "batch"
    shapes = [sizes(value) for value in (*model.graph.input, *model.graph.output)]
    frames_out = 9 if plan.mode == "seq2seq" else 1
    expected = [[first, 9, 17, network.channels_in], [first, frames_out, 17, 3]]
    assert shapes == expected + ([[first, plan.kept]] if plan.schedule else [])
    assert_every_shape_is_known(model, batch or 3)
    windows = probe_windows(9, network.channels_in)[: batch or 5]
    outputs, expected_outputs = run(model, windows), run_torch(network, windows)
    if backbone == "motionagformer":
        assert_close_on_average(outputs[0], expected_outputs[0])
        return
    for actual, right in zip(outputs, expected_outputs, strict=True):
        assert actual.dtype == right.dtype
        np.testing.assert_allclose(actual, right, atol=2e-5)


def assert_every_shape_is_known(model, batch):
    """Once the batch is a number, so is every size of every tensor."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    fixed.graph.ClearField("value_info")
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    for value in fixed.graph.output:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    inferred = shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True)
    known = {
        value.name: sizes(value)
        for value in (*inferred.graph.value_info, *inferred.graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    for node in fixed.graph.node:
        for name in node.output:
            assert all(isinstance(size, int) and size > 0 for size in known[name]), name


@pytest.mark.parametrize(("opset", "ir"), [(17, 8), (18, 8), (19, 9), (20, 9)])
def test_every_operator_set_gives_the_same_poses(opset, ir):
    network = small_network("mixste", plan_of())
    model = graph_of(network, opset=opset)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset)]
    assert model.ir_version == ir
    windows = probe_windows(9, 2)[:1]
    for actual, right in zip(run(model, windows), run_torch(network, windows), strict=True):
        np.testing.assert_allclose(actual, right, atol=2e-5)


def test_a_free_batch_gives_each_window_what_it_gets_alone(tmp_path):
    path = tmp_path / "model.onnx"
    card = export_model(options(batch=None, with_kept=True), path)
    assert (card.batch, card.with_kept) == (None, True)
    session = open_session(onnx.load(path), 1)
    windows = probe_windows(9, 3)
    alone = [session.run(None, {"keypoints": windows[i : i + 1]}) for i in range(8)]
    for size in (2, 5, 8):
        poses, kept = session.run(None, {"keypoints": windows[:size]})
        assert (len(poses), len(kept)) == (size, size)
        for window in range(size):
            np.testing.assert_allclose(poses[window], alone[window][0][0], atol=1e-5)
            np.testing.assert_array_equal(kept[window], alone[window][1][0])


def test_a_fixed_batch_that_does_not_divide_the_probe_windows(tmp_path):
    card = export_model(options(batch=3), tmp_path / "model.onnx")
    assert (card.batch, card.parity["windows"]) == (3, 8)
    model = onnx.load(tmp_path / "model.onnx")
    assert sizes(model.graph.input[0]) == [3, 9, 17, 3]
    assert sizes(model.graph.output[0]) == [3, 9, 17, 3]


def test_the_kept_frames_are_those_of_the_network(tmp_path):
    plan = choose_plan(FAMILY, 9, prune="tpc", schedule={0: 6, 1: 4}, recover="nearest")
    path = tmp_path / "model.onnx"
    card = export_model(options(plan=plan, batch=8, with_kept=True), path)
    assert (card.preset, card.schedule, card.kept) == ("custom", {0: 6, 1: 4}, 4)
    model = onnx.load(path)
    assert model.graph.output[1].type.tensor_type.elem_type == TensorProto.INT64
    windows = probe_windows(9, 3)
    _, kept = run(model, windows)
    assert kept.shape == (8, 4)
    assert (np.diff(kept, axis=1) > 0).all()
    assert kept.min() >= 0
    assert kept.max() <= 8
    assert len({tuple(frames) for frames in kept}) > 1  # the data decides
    np.testing.assert_array_equal(kept, run_torch(small_network("motionbert", plan), windows)[1])


def test_without_the_kept_frames_the_rest_is_the_same(exported, tmp_path):
    export_model(options(with_kept=True), tmp_path / "model.onnx")
    whole, part = onnx.load(tmp_path / "model.onnx"), onnx.load(exported[1])
    assert [value.name for value in whole.graph.output] == ["poses", "kept"]
    windows = probe_windows(9, 3)[:1]
    np.testing.assert_array_equal(run(whole, windows)[0], run(part, windows)[0])


@pytest.mark.parametrize("batch", [1, None])
def test_the_mirrored_input_is_averaged_in(batch):
    network = small_network("mixste", plan_of())
    plain, averaged = (graph_of(network, batch=batch, flip_tta=flip) for flip in (False, True))
    windows = probe_windows(9, 2)[: batch or 3]
    poses, kept = run(plain, windows)
    mirrored_poses, _ = run(plain, mirrored_by_hand(windows))
    actual, actual_kept = run(averaged, windows)
    expected = (poses.astype(float) + mirrored_by_hand(mirrored_poses)) / 2
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert np.abs(actual - poses).max() > 1e-2
    np.testing.assert_array_equal(actual_kept, kept)


def mirrored_by_hand(points):
    result = points.copy()
    for left, right in zip(LEFT, RIGHT, strict=True):
        result[..., left, :], result[..., right, :] = points[..., right, :], points[..., left, :]
    result[..., 0] = -result[..., 0]
    return result


def test_the_mirrored_input_is_in_the_card(tmp_path):
    assert export_model(options(flip_tta=True), tmp_path / "model.onnx").flip_tta is True


def test_seq2frame_gives_the_centre_frame(tmp_path):
    plan = choose_plan(FAMILY, 9, mode="seq2frame")
    card = export_model(options(plan=plan), tmp_path / "model.onnx")
    assert (card.mode, card.recover, card.frames_out) == ("seq2frame", "none", 1)
    windows = probe_windows(9, 3)[:1]
    (pose,) = run(onnx.load(tmp_path / "model.onnx"), windows)
    assert pose.shape == (1, 1, 17, 3)
    every = replace(plan, mode="seq2seq", schedule={}, prune="none")
    unpruned = small_network("motionbert", every)
    assert run_torch(unpruned, windows)[0].shape == (1, 9, 17, 3)
    alone = small_network("motionbert", replace(every, mode="seq2frame"))
    np.testing.assert_array_equal(
        run_torch(alone, windows)[0][:, 0], run_torch(unpruned, windows)[0][:, 4]
    )


@pytest.mark.parametrize("flip_tta", [False, True])
@pytest.mark.parametrize("mode", ["seq2seq", "seq2frame"])
@pytest.mark.parametrize("prune", ["tps", "tpc"])
def test_a_free_batch_goes_with_every_kind_of_choice(prune, mode, flip_tta):
    recover = "tri" if mode == "seq2seq" else "none"
    plan = plan_of(prune, recover, mode=mode, schedule={0: 5, 1: 3})
    network = small_network("motionbert", plan)
    model = onnx_from_torch(Lifter(folded(network), flip_tta=flip_tta), batch=None, opset=17)
    windows = np.random.default_rng(0).normal(size=(3, 9, 17, 3)).astype(np.float32)
    poses, kept = run(model, windows)
    expected, expected_kept = run_torch(network, windows, flip_tta=flip_tta)
    np.testing.assert_allclose(poses, expected, atol=2e-5)
    np.testing.assert_array_equal(kept, expected_kept)
