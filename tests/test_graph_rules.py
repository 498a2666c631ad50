"""What a graph must not have."""

import numpy as np
import onnx
import pytest
from graphs import model_of, node
from onnx import TensorProto, helper, numpy_helper

from h2ot_edge.engines.onnx_model import check_graph
from h2ot_edge.errors import ExportError
from h2ot_edge.export.tracing import without_outputs


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
