"""FLOPs of a graph."""

import pytest
from graphs import model_of, node
from onnx import TensorProto, helper

from h2ot_edge.benchmarks.flops.counting import Flops, count_flops
from h2ot_edge.benchmarks.flops.shapes import without_weights
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
        (
            [node("Conv", "x w", strides=[2, 1], dilations=[1, 2], group=2)],
            {"x": [1, 4, 9, 9]},
            {"w": (6, 2, 3, 3)},
            2 * (4 * 5) * 6 * 2 * 9,
            0,
        ),
        (
            [node("ConvTranspose", "x w", strides=[2], group=2)],
            {"x": [1, 4, 9]},
            {"w": (4, 3, 2)},
            2 * 9 * 4 * 3 * 2,
            0,
        ),
        ([node("MatMul", "x w")], {"x": [1, 5, 3]}, {"w": (3,)}, 0, 2 * 5 * 3),
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
        "cannot count FLOPs: MatMul product has an input of unknown shape (f); export the model "
        "with fixed sizes, the batch apart"
    )


# other operators


def foreign(operator, inputs, constants, **attributes):
    """One of ONNX Runtime's own operators."""
    model = model_of(
        [node(operator, inputs, name="it", domain="com.microsoft", **attributes)],
        {"x": [1, 5, 3]},
        constants,
    )
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def quantised(operator, inputs, kinds, constants):
    """One operator on unsigned eight-bit numbers."""
    model = model_of([node(operator, inputs)], kinds)
    for value in model.graph.input:
        value.type.tensor_type.elem_type = TensorProto.UINT8
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    for name, (kind, dims) in constants.items():
        size = 1
        for dim in dims:
            size *= dim
        model.graph.initializer.append(helper.make_tensor(name, kind, dims, [1] * size))
    if operator.startswith("QLinear"):
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    return model


SCALE, ZERO = (TensorProto.FLOAT, ()), (TensorProto.UINT8, ())


@pytest.mark.parametrize(
    ("operator", "inputs", "x", "constants", "linear"),
    [
        ("MatMulInteger", "x w", [1, 5, 3], {"w": (TensorProto.INT8, (3, 7))}, 2 * 5 * 3 * 7),
        ("ConvInteger", "x w", [1, 4, 9], {"w": (TensorProto.UINT8, (8, 4, 3))}, 2 * 7 * 8 * 4 * 3),
        (
            "QLinearMatMul",
            "x s z w s z s z",
            [1, 5, 3],
            {"w": (TensorProto.UINT8, (3, 7)), "s": SCALE, "z": ZERO},
            2 * 5 * 3 * 7,
        ),
        (
            "QLinearConv",
            "x s z w s z s z",
            [1, 4, 9],
            {"w": (TensorProto.UINT8, (8, 4, 3)), "s": SCALE, "z": ZERO},
            2 * 7 * 8 * 4 * 3,
        ),
    ],
)
def test_quantised_products_are_counted(operator, inputs, x, constants, linear):
    model = quantised(operator, inputs, {"x": x}, constants)
    assert count_flops(model) == Flops(linear, 0)


@pytest.mark.parametrize(
    ("operator", "inputs", "constants", "attributes"),
    [
        ("FusedMatMul", "x w", {"w": (7, 3)}, {"transB": 1}),
        ("FusedGemm", "x w", {"w": (3, 7)}, {}),
        ("DynamicQuantizeMatMul", "x w s", {"w": (3, 7), "s": ()}, {}),
        ("MatMulIntegerToFloat", "x w s s", {"w": (3, 7), "s": ()}, {}),
        ("QGemm", "x s z w s z", {"w": (3, 7), "s": (), "z": ()}, {}),
    ],
)
def test_fused_products_are_counted(operator, inputs, constants, attributes):
    model = foreign(operator, inputs, constants, **attributes)
    assert count_flops(model) == Flops(2 * 5 * 3 * 7, 0)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (
            model_of([node("Einsum", "x x", equation="bij,bij->b")], {"x": [1, 5, 3]}),
            "Einsum (node y)",
        ),
        (foreign("MultiHeadAttention", "x x x", {}, num_heads=1), "MultiHeadAttention (node it)"),
        (foreign("FusedMatMul", "x x", {}, transBatchA=1), "FusedMatMul (node it)"),
    ],
)
def test_operators_without_a_rule_are_refused(model, what):
    with pytest.raises(ExportError) as caught:
        count_flops(model)
    assert str(caught.value) == (
        f"cannot count FLOPs: there is no rule for the operator {what}; export the model with "
        "plain operators, or add a rule to benchmarks/flops/product_operators.py"
    )


def test_a_convolution_of_unknown_output_is_refused():
    with pytest.raises(ExportError) as caught:
        count_flops(foreign("FusedConv", "x w", {"w": (8, 5, 1)}))
    assert str(caught.value) == (
        "cannot count FLOPs: FusedConv it has an output of unknown shape (y); export the model "
        "with fixed sizes, the batch apart"
    )


def test_weights_are_not_touched():
    """Networks of any size are counted in a fraction of a second."""
    model = model_of([node("MatMul", "x w")], {"x": [1, 5, 512]}, {"w": (512, 512)})
    assert model.ByteSize() > 2**20
    assert without_weights(model).ByteSize() < 2**8
    assert count_flops(model) == Flops(2 * 5 * 512 * 512, 0)
