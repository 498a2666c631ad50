"""FLOPs of a graph."""

import pytest
from graphs import model_of, node
from onnx import TensorProto
from small_networks import (
    graph_of,
    plan_of,
    small_network,
)

from h2ot_edge.benchmarks.flops import Flops, count_flops
from h2ot_edge.errors import ExportError


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
