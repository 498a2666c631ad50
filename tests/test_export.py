"""The export: from a network to a verified file, and what is refused on the way."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, shape_inference
from small_networks import FAMILY, SMALL, SmallMotionBERT, graph_of, small_network

import h2ot_edge
from h2ot_edge import ModelCard, read_clip
from h2ot_edge.benchmarks.flops import Flops, count_flops
from h2ot_edge.errors import ExportError, ParityError
from h2ot_edge.export import BACKBONES, ExportOptions, TokenPlan, choose_plan, export_model
from h2ot_edge.export.network import Lifter
from h2ot_edge.export.pipeline import STAGES
from h2ot_edge.export.probe_windows import KINDS, probe_windows
from h2ot_edge.export.tolerances import GIVEN_CHOICES, WELL_CONDITIONED, Tolerance
from h2ot_edge.export.tracing import check_graph, without_outputs
from h2ot_edge.export.verify import Parity, compare, open_session, verify
from h2ot_edge.keypoints import normalise_by_width
from h2ot_edge.skeleton import JOINTS

FORBIDDEN = (
    *("Random", "Bernoulli", "Multinomial", "Loop", "Scan", "If", "NonZero", "Scatter"),
    *("Einsum", "Unique", "Compress", "NonMaxSuppression", "Sequence", "Optional"),
)
LEFT = [JOINTS.index(name) for name in JOINTS if name.startswith("l")]
RIGHT = [JOINTS.index(name) for name in JOINTS if name.startswith("r")]
POSE2SIM = Path(__file__).parents[2] / "shared" / "data" / "real" / "pose2sim.npz"


@pytest.fixture(autouse=True)
def small_backbone(monkeypatch):
    """The registry with one line more."""
    monkeypatch.setitem(BACKBONES, "small", FAMILY)


def options(**changes):
    """The small network, pruned by its preset `hot`."""
    plan = choose_plan(FAMILY, 9)
    return ExportOptions(**{"backbone": "small", "variant": "base", "plan": plan, **changes})


def plan_of(prune="tpc", recover="tri", **changes):
    return TokenPlan(
        **{"frames": 9, "schedule": {1: 3}, "prune": prune, "recover": recover, **changes}
    )


def run(model, windows):
    """The outputs of a graph, from a session of its own."""
    return open_session(model, 1).run(None, {"keypoints": windows})


def run_torch(network, windows, *, flip_tta=False):
    with torch.no_grad():
        return [part.numpy() for part in Lifter(network, flip_tta=flip_tta)(torch.tensor(windows))]


def sizes(value):
    """The shape of an input or output; free sizes by name."""
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The small network's default export: card and file."""
    path = tmp_path_factory.mktemp("export") / "small.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        return export_model(options(), path), path


# the file


def test_the_file_has_the_promised_tensors_and_the_card(exported):
    card, path = exported
    model = onnx.load(path)
    assert [(v.name, sizes(v)) for v in model.graph.input] == [("keypoints", [1, 9, 17, 3])]
    assert [(v.name, sizes(v)) for v in model.graph.output] == [("poses", [1, 9, 17, 3])]
    types = {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
    assert types == {TensorProto.FLOAT}
    assert ModelCard.from_onnx(path) == card
    assert (model.producer_name, model.producer_version) == ("h2ot-edge", h2ot_edge.__version__)


def test_the_card_says_what_was_exported(exported):
    card, _ = exported
    assert card.to_dict() | {"flops": None, "parity": None, "versions": None} == {
        "backbone": "small",
        "variant": "base",
        "frames": 9,
        "mode": "seq2seq",
        "preset": "hot",
        "prune": "tpc",
        "recover": "tra",
        "schedule": {1: 3},
        "flip_tta": False,
        "with_kept": False,
        "batch": 1,
        "opset": 17,
        "joints": JOINTS,
        "input": {
            "name": "keypoints",
            "channels": ("x", "y", "confidence"),
            "normalisation": "image-width",
        },
        "output": {
            "name": "poses",
            "frame_of_reference": "camera orientation, origin at the hip (joint 0)",
            "axes": ("x right", "y down", "z away from the camera"),
            "unit": "normalised",
        },
        "weights": {"source": "random", "seed": 0},
        "parameters": sum(p.numel() for p in SmallMotionBERT(choose_plan(FAMILY, 9)).parameters()),
        "flops": None,
        "parity": None,
        "versions": None,
        "licence": "random weights: no terms",
        "schema_version": 1,
    }
    assert card.parity["windows"] == len(KINDS)
    assert 0 < card.parity["largest"] < 1e-4 * card.parity["rms"]
    assert card.parity["kept_differ"] == 0
    assert card.parity["repeatable"] is True
    assert card.versions["torch"] == torch.__version__
    assert card.versions["onnx"] == onnx.__version__
    assert card.versions["onnxruntime"] == onnxruntime.__version__


def test_the_card_is_read_without_the_libraries_of_the_export(exported):
    card, path = exported
    code = (
        "import sys\n"
        "for name in ('onnx', 'torch', 'onnxruntime', 'onnxslim'):\n"
        "    sys.modules[name] = None\n"
        "from h2ot_edge import ModelCard\n"
        "print(ModelCard.from_onnx(sys.argv[1]).to_json())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert done.stdout == card.to_json() + "\n"


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path, exported):
    path = tmp_path / "new" / "folder" / "model.onnx"
    export_model(options(), path)
    path.write_text("old")
    stages = []
    export_model(options(), path, stages.append)
    assert path.read_bytes() == exported[1].read_bytes()
    assert list(path.parent.iterdir()) == [path]
    assert tuple(stages) == STAGES


def test_others_may_read_the_file_as_they_may_any_new_file(exported, tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert stat.S_IMODE(exported[1].stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        export_model(options(), folder)
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == []


class Misfolded(SmallMotionBERT):
    """A backbone whose author made a mistake: folding moves every pose by 1 cm along x."""

    def fold(self):
        super().fold()
        self.head.bias.data[0] += 0.01


def test_nothing_is_written_when_the_graph_is_not_the_network(tmp_path, monkeypatch):
    monkeypatch.setitem(BACKBONES, "misfolded", replace(FAMILY, network=Misfolded))
    path = tmp_path / "model.onnx"
    path.write_text("the export of yesterday")
    with pytest.raises(ParityError) as caught:
        export_model(options(backbone="misfolded"), path)
    report = caught.value.report
    assert report["mean"] == pytest.approx(0.01 / 3, rel=1e-3)
    assert report["largest"] == pytest.approx(0.01, rel=1e-3)
    assert report["largest_mm"] == pytest.approx(10, rel=1e-3)
    assert json.loads(json.dumps(report)) == report
    rms = report["rms"]
    assert str(caught.value) == (
        "the graph is not the network: "
        f"mean difference {report['mean']:.3g}, allowed {1e-5 * rms:.3g}; "
        f"largest difference {report['largest']:.3g}, allowed {1e-4 * rms:.3g} "
        f"(worst on the window {report['worst_window']!r}, frame {report['worst_frame']}); "
        "nothing was written"
    )
    assert path.read_text() == "the export of yesterday"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["motionagformer xs", "mhformer base"])
def test_published_sizes_with_a_short_window(variant, tmp_path):
    backbone, variant = variant.split()
    family = BACKBONES[backbone]
    chosen = ExportOptions(backbone=backbone, variant=variant, plan=choose_plan(family, 27))
    card = export_model(chosen, tmp_path / chosen.file_name())
    names = {
        "motionagformer": "motionagformer-xs-27-hot-random.onnx",
        "mhformer": "mhformer-base-27-hot-random.onnx",
    }
    assert [file.name for file in tmp_path.iterdir()] == [names[backbone]]
    given = card.parity["given_choices_largest"]
    assert given is None or given < 1e-4 * card.parity["rms"]
    frames = {"motionagformer": 27, "mhformer": 1}[backbone]
    assert sizes(onnx.load(tmp_path / names[backbone]).graph.output[0]) == [1, frames, 17, 3]


# the same every time


EXPORT_IN_A_PROCESS = """
import sys, pathlib
from small_networks import FAMILY
from h2ot_edge.export import BACKBONES, ExportOptions, choose_plan, export_model
BACKBONES["small"] = FAMILY
export_model(
    ExportOptions(backbone="small", variant="base", plan=choose_plan(FAMILY, 9)),
    pathlib.Path(sys.argv[1]),
)
"""


def test_every_process_writes_the_same_bytes(exported, tmp_path):
    """Whatever the order in which it meets the elements of a set."""
    digests = {hashlib.sha256(exported[1].read_bytes()).hexdigest()}
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.onnx"
        paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        command = [sys.executable, "-c", EXPORT_IN_A_PROCESS, path]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_another_seed_is_another_network(exported, tmp_path):
    card = export_model(options(seed=1), tmp_path / "model.onnx")
    assert card.weights == {"source": "random", "seed": 1}
    windows = probe_windows(9, 3)[:1]
    first, other = (
        run(onnx.load(path), windows)[0] for path in (exported[1], tmp_path / "model.onnx")
    )
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize("threads", [1, 2])
def test_two_runs_are_bit_identical(threads):
    model = graph_of(small_network("mixste", plan_of(frames=27, schedule={1: 9})), batch=8)
    windows = probe_windows(27, 2)
    session, other = open_session(model, threads), open_session(model, threads)
    first = session.run(None, {"keypoints": windows})
    for again in (session, session, other):
        for one, two in zip(first, again.run(None, {"keypoints": windows}), strict=True):
            np.testing.assert_array_equal(one, two)


# the graph


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


def assert_close_on_average(poses, expected):
    """For MotionAGFormer, where a last-bit difference picks other neighbours and other frames."""
    assert np.abs(poses - expected).mean() <= 3e-2 * np.sqrt(np.mean(expected**2))


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


# FLOPs


def model_of(nodes, shapes, constants=None, outputs=("y",), opset=17):
    """A graph with float32 inputs of `shapes`, and constants of which only the shape matters."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["?", "?"]) for name in outputs],
        [
            numpy_helper.from_array(
                value if isinstance(value, np.ndarray) else np.ones(value, "f"), name
            )
            for name, value in (constants or {}).items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(operator, inputs, outputs="y", **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


@pytest.mark.parametrize(
    ("nodes", "shapes", "constants", "linear", "products"),
    [
        ([node("MatMul", "x w")], {"x": [1, 5, 3]}, {"w": (3, 7)}, 2 * 5 * 3 * 7, 0),
        ([node("Gemm", "x w b", transB=1)], {"x": [5, 3]}, {"w": (7, 3), "b": (7,)}, 0, 0),
        ([node("Gemm", "x w", transA=1)], {"x": [1, 5]}, {"w": (1, 7)}, 2 * 5 * 1 * 7, 0),
        ([node("MatMul", "x x2")], {"x": [1, 4, 5, 3], "x2": [1, 1, 3, 2]}, {}, 0, 240),
        ([node("MatMul", "x x2")], {"x": [1, 5, 3], "x2": [1, 6, 3, 2]}, {}, 0, 360),
        ([node("MatMul", "a x")], {"x": [1, 9, 4]}, {"a": (9, 9)}, 0, 2 * 9 * 9 * 4),
        ([node("MatMul", "x w")], {"x": [1, 5, 3]}, {"w": (1, 3, 7)}, 0, 2 * 5 * 3 * 7),
        ([node("Conv", "x w")], {"x": [1, 34, 27]}, {"w": (8, 34, 1)}, 2 * 27 * 8 * 34, 0),
        (
            [node("Conv", "x w", strides=[2], pads=[1, 1])],
            {"x": [1, 4, 9]},
            {"w": (8, 4, 3)},
            2 * 5 * 8 * 4 * 3,
            0,
        ),
        (
            [node("Conv", "x w", group=4, pads=[1, 1])],
            {"x": [1, 4, 9]},
            {"w": (8, 1, 3)},
            2 * 9 * 8 * 3,
            0,
        ),
        (
            [node("Transpose", "w", "t"), node("MatMul", "x t")],
            {"x": [1, 5, 3]},
            {"w": (7, 3)},
            2 * 5 * 3 * 7,
            0,
        ),
        ([node("Softmax", "x", "s"), node("Add", "s x")], {"x": [1, 5, 3]}, {}, 0, 0),
    ],
)
def test_flops_of_one_window(nodes, shapes, constants, linear, products):
    counted = count_flops(model_of(nodes, shapes, constants))
    if nodes[0].op_type == "Gemm" and shapes["x"] == [5, 3]:
        # The first axis is the batch: five windows of one row.
        linear = 2 * 3 * 7
    assert counted == Flops(linear, products)
    assert counted.to_dict() == {"linear": linear, "total": linear + products}


@pytest.mark.parametrize("batch", [1, 4, "batch"])
def test_flops_do_not_depend_on_the_batch(batch):
    nodes = [node("MatMul", "x w", "h"), node("MatMul", "h x2")]
    shapes = {"x": [batch, 5, 3], "x2": [batch, 7, 2]}
    counted = count_flops(model_of(nodes, shapes, {"w": (3, 7)}))
    assert counted == Flops(2 * 5 * 3 * 7, 2 * 5 * 7 * 2)


def test_flops_of_an_unknown_shape_are_refused():
    nodes = [
        node("NonZero", "x", "n"),
        node("Cast", "n", "f", to=TensorProto.FLOAT),
        node("MatMul", "w f", name="product"),
    ]
    with pytest.raises(ExportError) as caught:
        count_flops(model_of(nodes, {"x": [1, 4]}, {"w": (3, 2)}))
    assert str(caught.value) == (
        "cannot count FLOPs: MatMul product has an input of unknown shape (f); infer shapes first"
    )


def test_flops_of_an_exported_graph_counted_by_hand():
    """MixSTE with nothing pruned: two pairs of blocks of width 32."""
    model = graph_of(small_network("mixste", plan_of("none", "none", schedule={})))
    rows, width, joints, frames = 9 * 17, 32, 17, 9
    layers = 4 * (4 * width * width + 2 * width * 2 * width)  # q, k, v, proj; fc1, fc2
    linear = 2 * rows * (2 * width + layers + width * 3)
    products = 2 * 2 * 2 * width * (frames * joints**2 + joints * frames**2)
    assert count_flops(model) == Flops(linear, products)


# what a graph must not have


def subgraph(outputs, inputs=(), nodes=()):
    return helper.make_graph(list(nodes), "inner", list(inputs), list(outputs))


def value(name, kind=TensorProto.FLOAT, shape=(2, 4)):
    return helper.make_tensor_value_info(name, kind, shape)


BRANCH = {
    branch: subgraph(
        [value("b")],
        nodes=[node("Constant", "", "b", value=numpy_helper.from_array(np.ones((2, 4), "f")))],
    )
    for branch in ("then_branch", "else_branch")
}
LOOP_BODY = subgraph(
    [value("go_on", TensorProto.BOOL, ()), value("out")],
    [
        value("i", TensorProto.INT64, ()),
        value("go", TensorProto.BOOL, ()),
        value("in"),
    ],
    [node("Identity", "go", "go_on"), node("Relu", "in", "out")],
)
SCAN_BODY = subgraph(
    [value("out", shape=(4,))], [value("in", shape=(4,))], [node("Relu", "in", "out")]
)
INDEX = np.zeros((1, 1), np.int64)


@pytest.mark.parametrize(
    ("forbidden", "constants"),
    [
        (node("NonZero", "x"), {}),
        (node("Einsum", "x x", equation="ij,kj->ik"), {}),
        (node("RandomNormalLike", "x"), {}),
        (node("RandomUniform", "", shape=[2, 4]), {}),
        (node("Unique", "x"), {}),
        (node("ScatterND", "x i u"), {"i": INDEX, "u": (1, 4)}),
        (node("ScatterElements", "x i u"), {"i": INDEX, "u": (1, 1)}),
        (node("If", "c", **BRANCH), {"c": np.array(True)}),
        (node("Loop", "n c x", body=LOOP_BODY), {"n": np.array(2), "c": np.array(True)}),
        (node("Scan", "x", body=SCAN_BODY, num_scan_inputs=1), {}),
        (node("Gelu", "x", domain="com.microsoft"), {}),
    ],
    ids=lambda given: given.op_type if isinstance(given, onnx.NodeProto) else "",
)
def test_an_operator_that_is_not_promised_is_refused(forbidden, constants):
    model = model_of([forbidden], {"x": [2, 4]}, constants)
    if forbidden.domain:
        model.opset_import.append(helper.make_opsetid(forbidden.domain, 1))
    with pytest.raises(ExportError) as caught:
        check_graph(model)
    assert str(caught.value) == (
        "the graph has operators that are random, dynamic or not standard ONNX: "
        f"{forbidden.op_type}; this is a bug of the exporter, please report it"
    )


def test_all_forbidden_operators_are_named_once():
    nodes = [node("NonZero", "x", "a"), node("NonZero", "x", "b"), node("Unique", "x", "c")]
    with pytest.raises(ExportError, match=r"not standard ONNX: NonZero, Unique; this"):
        check_graph(model_of(nodes, {"x": [2, 4]}, outputs="abc"))


def test_a_shape_that_the_data_decides_is_refused():
    nodes = [
        node("Cast", "x", "sizes", to=TensorProto.INT64),
        node("Expand", "one sizes", "wide"),
        node("Relu", "wide"),
    ]
    with pytest.raises(ExportError) as caught:
        check_graph(model_of(nodes, {"x": [2]}, {"one": (1, 1)}))
    assert str(caught.value) == (
        "2 tensors of the graph have no static shape, the first is wide; this is a bug of the "
        "exporter, please report it"
    )


def test_a_graph_that_keeps_the_promise_passes():
    check_graph(model_of([node("Relu", "x")], {"x": ["batch", 4]}))


def test_only_what_an_output_needs_is_left():
    nodes = [node("Relu", "x"), node("MatMul", "x w", "z")]
    model = model_of(nodes, {"x": [2, 4]}, {"w": (4, 3)}, outputs="yz")
    part = without_outputs(model, ["y"])
    assert [n.op_type for n in part.graph.node] == ["Relu"]
    assert list(part.graph.initializer) == []
    assert part.ir_version == model.ir_version


# probe windows


@pytest.mark.parametrize(("frames", "channels"), [(9, 3), (27, 2), (1, 3)])
def test_probe_windows_have_the_shape_asked_for(frames, channels):
    windows = probe_windows(frames, channels)
    assert windows.shape == (len(KINDS), frames, 17, channels)
    assert len(KINDS) >= 8
    assert windows.dtype == np.float32
    assert np.isfinite(windows).all()
    np.testing.assert_array_equal(windows, probe_windows(frames, channels))


def test_probe_windows_are_what_their_names_say():
    windows = dict(zip(KINDS, probe_windows(27, 3), strict=True))
    moved = {kind: np.abs(np.diff(window, axis=0)).max() for kind, window in windows.items()}
    assert moved.pop("still") == 0
    assert min(moved.values()) > 1e-3
    threes = windows["frames in threes"]
    for start in range(0, 27, 3):
        assert (threes[start : start + 3] == threes[start]).all()
    assert len(np.unique(threes[:, 0, 0])) == 9
    padded = windows["padded at the start"]
    assert (padded[:10] == padded[0]).all()
    assert (np.diff(padded[9:, :, 0], axis=0) != 0).any(axis=1).all()
    for kind in ("walking past", "walking fast, close camera", "walking away", "noisy detector"):
        assert np.abs(windows[kind][..., :2]).max() <= 2, kind
        assert (windows[kind][..., 2] >= 0).all(), kind
        assert (windows[kind][..., 2] <= 1).all(), kind
    noise = windows["noisy detector"][..., :2] - windows["walking past"][..., :2]
    assert 0.015 < noise.std() < 0.025
    assert 0.9 < windows["noise"].std() < 1.1


# the comparison


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


# real people


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
