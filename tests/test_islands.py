"""What stays float32 in a model of lower precision: every reduced graph is walked and looked at."""

import numpy as np
import pytest
from graphs import model_of
from onnx import TensorProto, helper, numpy_helper
from reduced_graphs import (
    FLOAT,
    HALF,
    PRODUCTS,
    REAL,
    View,
    decisions,
    found,
    four_windows,
    neighbours,
    reduced,
    source,
    walk_up,
)

from h2ot_edge.engines.precision.calibration import Calibration
from h2ot_edge.engines.precision.graph import Graph, with_named_nodes
from h2ot_edge.engines.precision.half import to_half
from h2ot_edge.engines.precision.int8 import products, to_int8
from h2ot_edge.engines.precision.islands import Islands, find_islands
from h2ot_edge.engines.precision.lowering import PrecisionOptions, lowered

CASES = [
    ("motionbert", "tpc", "tra", "fp16"),
    ("motionbert", "tpc", "tra", "int8"),
    ("motionbert", "tpc", "tra", "int8-cpu"),
    ("motionbert", "tpa", "tri", "int8"),
    ("mixste", "tpc", "tri", "int8"),
    ("mixste", "tpa", "tra", "fp16"),
    ("mixste", "tpmo", "tri", "int8"),
    ("mixste", "tps", "tra", "int8"),
    ("mhformer", "tpc", "tra", "int8"),
    ("mhformer", "tpa", "tri", "fp16"),
    ("mhformer", "tpmo", "tra", "fp16"),
    ("motionagformer", "tpc", "tri", "fp16"),
    ("motionagformer", "tpc", "tri", "int8"),
    ("motionagformer", "tpc", "tri", "int8-cpu"),
    ("motionagformer", "tps", "tri", "int8"),
    ("posed", "tpmo", "tra", "int8"),
]
each_case = pytest.mark.parametrize("case", CASES, ids=" ".join)
each_int8 = pytest.mark.parametrize("case", [c for c in CASES if c[-1] == "int8"], ids=" ".join)


MUST_MEET = {
    "tpc": {"TopK", "Less", "Where", "Log", "MatMul", "ReduceMean"},
    "tpa": {"TopK", "Less", "Greater", "ReduceMean", "Softmax"},
    "tpmo": {"TopK", "Less", "Greater", "Slice", "ReduceSum", "ReduceMean"},
}


@each_case
def test_the_choice_of_frames_is_float32_up_to_the_pooled_features(case):
    view, prune = reduced(*case), case[1]
    ways = [walk_up(view, node) for node in decisions(view)]
    assert len(ways) == (prune in MUST_MEET)
    for way in ways:
        assert way.wrong == set()
        assert way.ends
        assert way.operators >= MUST_MEET[prune]


@pytest.mark.parametrize("case", [c for c in CASES if c[0] == "motionagformer"], ids=" ".join)
def test_the_choice_of_neighbours_is_float32_up_to_the_norm(case):
    view = reduced(*case)
    ways = [walk_up(view, node) for node in neighbours(view)]
    assert len(ways) == 2
    for way in ways:
        assert way.wrong == set()
        assert all(end.endswith("/norm1/LayerNormalization") for end in way.ends)
        assert way.operators >= {"MatMul", "TopK", "LayerNormalization"}


@each_case
def test_the_head_and_everything_behind_it_are_float32(case):
    view, recover = reduced(*case), case[2]
    way = walk_up(view, view.maker["poses"], also_ends=view.is_weighted)
    assert way.wrong == set()
    assert way.ends
    mixed = [
        node for node in view.nodes("MatMul") if view.shapes[node.input[0]] in ([1, 9, 3], [9, 3])
    ]
    interpolations = [node for node in mixed if view.shapes[node.input[1]] == [1, 3, 51]]
    assert len(interpolations) == (recover == "tri")
    for node in interpolations:
        names = (*node.input, *node.output)
        assert [view.types[name] for name in names] == [FLOAT] * 3
        assert walk_up(view, node, also_ends=view.is_weighted).wrong == set()


@pytest.mark.parametrize("backbone", ["motionbert", "mixste", "mhformer", "motionagformer"])
def test_norms_that_are_written_in_parts_are_float32(backbone):
    """Operator set 16 has no LayerNormalization."""
    model = source(backbone, "tpc", "tri", opset=16)
    whole = source(backbone, "tpc", "tri").graph.node
    options = PrecisionOptions(precision="fp16")
    view = View.of(lowered(model, four_windows(model), options)[0])
    norms = [node for node in view.nodes("Sqrt") if "/selection." not in node.name]
    assert len(norms) == sum(node.op_type == "LayerNormalization" for node in whole) > 0
    for node in norms:
        (division,) = (n for n in view.nodes("Div") if node.output[0] in n.input)
        way = walk_up(view, division, also_ends=lambda n: n.op_type == "Sub")
        assert way.wrong == set()
        assert way.operators == {"Div", "Sqrt", "Add", "ReduceMean", "Pow", "Sub"}


# the walk can fail


def without_rules(ranges, islands, case, left_out, precision):
    """A lowering whose islands lack these nodes; what makes the outputs stays."""
    kept = Islands({rule: nodes - left_out for rule, nodes in islands.nodes.items()})
    model = source(*case)
    if precision == "int8":
        chosen = products(Graph.of(model), kept.without("static int8"), attention=True)
        model = with_named_nodes(to_int8(model, ranges, chosen))
    return View.of(to_half(model, kept.without("float16")))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_walk_fails_if_only_outputs_and_wide_constants_are_islands(precision):
    case = ("motionagformer", "tpc", "tri")
    ranges, islands = found(*case)
    nodes = {node.name for node in source(*case).graph.node}
    everything = nodes - islands.nodes["poses"] - islands.nodes["range"]
    view = without_rules(ranges, islands, case, everything, precision)
    for node in (*decisions(view), *neighbours(view)):
        wrong = walk_up(view, node).wrong
        scope = "/selection." if node.op_type == "TopK" else "/neighbours/"
        assert any(scope in line and line.endswith("is FLOAT16") for line in wrong)
        assert any(line.endswith("is QuantizeLinear") for line in wrong) == (precision == "int8")


@pytest.mark.parametrize("left_out", ["Sub", "Log", "Cast_2", "ReduceMean", "MatMul"])
def test_the_walk_fails_if_one_node_of_the_selection_is_no_island(left_out):
    case = ("motionagformer", "tpc", "tri")
    ranges, islands = found(*case)
    name = f"/backbone/selection.1/{left_out}"
    assert name in islands.nodes["selection"]
    view = without_rules(ranges, islands, case, {name}, "fp16")
    (node,) = decisions(view)
    assert f"{name}_output_0 is FLOAT16" in walk_up(view, node).wrong


# precision of everything else


@each_case
def test_inputs_and_outputs_are_as_they_were(case):
    before, after = source(*case[:3]).graph, reduced(*case).model.graph
    assert list(after.input) == list(before.input)
    assert list(after.output) == list(before.output)
    assert [value.name for value in after.input] == ["keypoints"]
    outputs = {value.name: value.type.tensor_type.elem_type for value in after.output}
    kept = {"kept": TensorProto.INT64}
    assert outputs in ({"poses": FLOAT}, {"poses": FLOAT, **kept})


@each_case
def test_norms_and_softmax_take_and_give_float32(case):
    view = reduced(*case)
    found = view.nodes("LayerNormalization", "Softmax")
    assert {node.op_type for node in found} == {"LayerNormalization", "Softmax"}
    for node in found:
        assert {view.types[name] for name in (*node.input, *node.output)} == {FLOAT}


@each_case
def test_the_rest_is_float16_except_for_cpus(case):
    view = reduced(*case)
    used = {view.types[name] for node in view.nodes(*PRODUCTS) for name in node.input}
    assert used == ({FLOAT} if case[-1] == "int8-cpu" else {FLOAT, HALF})
    if case[-1] == "int8-cpu":
        assert HALF not in view.types.values()


@each_case
def test_nothing_is_cast_there_and_back(case):
    view = reduced(*case)
    for node in view.nodes("Cast"):
        before = view.maker.get(node.input[0])
        types = [view.types[name] for name in (*node.input, *node.output)]
        assert types[0] != types[1]
        if before is not None and before.op_type == "Cast":
            assert not {view.types[before.input[0]], *types} <= set(REAL)


# int8


def factors(view):
    """Products that take dequantised tensors, with the nodes that dequantise the two factors."""
    makers = [
        (node, [view.maker.get(name) for name in node.input[:2]]) for node in view.nodes(*PRODUCTS)
    ]
    return {
        node.name: made
        for node, made in makers
        if any(one is not None and one.op_type == "DequantizeLinear" for one in made)
    }


@each_int8
def test_scales_are_symmetric_float16_and_per_channel_for_weights(case):
    view = reduced(*case)
    pairs = view.nodes("QuantizeLinear", "DequantizeLinear")
    assert pairs
    for node in pairs:
        _, scale, zero = node.input
        assert view.types[scale] == HALF
        assert view.constants[zero].data_type == TensorProto.INT8
        assert not numpy_helper.to_array(view.constants[zero]).any()
        assert view.shapes[zero] == view.shapes[scale]
        if node.op_type == "DequantizeLinear":
            assert view.types[node.input[0]] == TensorProto.INT8  # no bias, which would be INT32
        elif node.input[0] in view.constants:
            (axis,) = (a.i for a in node.attribute if a.name == "axis")
            assert view.shapes[scale] == [view.shapes[node.input[0]][axis]]
        else:
            assert view.shapes[scale] == []


@each_int8
def test_only_the_factors_of_products_are_dequantised(case):
    view = reduced(*case)
    real = {made.output[0] for made in view.nodes("DequantizeLinear")}
    for node in view.model.graph.node:
        beside = node.input[2:] if node.op_type in ("MatMul", "Gemm") else node.input
        assert not real & set(beside), node.name
    for made in factors(view).values():
        assert [one.op_type for one in made] == ["DequantizeLinear"] * 2


@each_int8
def test_a_product_is_quantised_if_no_rule_speaks_against_it(case):
    before = View.of(source(*case[:3]))
    quantised = factors(reduced(*case))
    _, islands = found(*case[:3])
    for rule in ("keypoints", "poses", "regression", "narrow", "pose embedding", "selection"):
        assert not quantised.keys() & islands.nodes[rule], rule
    weighted = {n.name for n in before.nodes("MatMul", "Gemm") if before.is_weighted(n)}
    assert quantised.keys() == weighted - islands.without("static int8")
    for node in before.nodes("MatMul", "Gemm"):
        if node.name in quantised:
            assert min(before.shapes[node.input[1]]) >= 16


@pytest.mark.parametrize("backbone", ["motionagformer", "motionbert"])
def test_products_of_two_tensors_are_quantised_if_asked_for(backbone):
    case = (backbone, "tpa", "tri") if backbone == "motionbert" else (backbone, "tpc", "tri")
    before, view = View.of(source(*case)), reduced(*case, "int8", True)
    _, islands = found(*case)
    others = {n.name for n in before.nodes("MatMul") if not before.is_weighted(n)}
    more = factors(view).keys() - factors(reduced(*case, "int8")).keys()
    assert more == others - islands.without("static int8")
    assert len([name for name in more if "/attn" in name or "/att_" in name]) >= 4
    for node in (*decisions(view), *neighbours(view)):
        assert walk_up(view, node).wrong == set()


@pytest.mark.parametrize("case", [c for c in CASES if c[-1] == "int8-cpu"], ids=" ".join)
def test_for_cpus_all_products_with_weights_but_those_of_a_rule_meet_integers(case):
    before, view = View.of(source(*case[:3])), reduced(*case)
    islands = find_islands(Graph.of(source(*case[:3])), {})
    weighted = {n.name for n in before.nodes("MatMul", "Gemm") if before.is_weighted(n)}
    integer = view.nodes("MatMulInteger")
    names = {node.name.removesuffix("_quant").removesuffix("_MatMul") for node in integer}
    assert names == weighted - islands.without("dynamic int8")
    for node in integer:
        weights, zeros = (numpy_helper.to_array(view.constants[n]) for n in node.input[1::2])
        assert weights.dtype == np.int8
        assert np.abs(weights.astype(int)).max() <= 64  # 7 bits
        assert zeros.tolist() == [0] * weights.shape[1]


# the rule of the range


LIMIT = 65504 / 4


def lowered_chain(*steps):
    """Between a first and a last product: operators that take what is before and a constant."""
    names = ["first", *(operator for operator, _ in steps), "calm", "last"]
    tensors = ["keypoints", *(f"t{number}" for number in range(len(names) - 1)), "poses"]
    constants = {"first_c": np.eye(4, dtype="f"), "last_c": np.eye(4, dtype="f")}
    constants |= {f"{operator}_c": np.array([value], "f") for operator, value in steps}
    operators = ["MatMul", *(operator for operator, _ in steps), "Sigmoid", "MatMul"]
    nodes = [
        helper.make_node(
            operator, [take, *([f"{name}_c"] if name != "calm" else [])], [give], name=name
        )
        for operator, name, take, give in zip(operators, names, tensors, tensors[1:], strict=False)
    ]
    model = model_of(nodes, {"keypoints": [1, 4]}, constants, outputs=["poses"])
    windows = Calibration(np.ones((2, 4), "f"), {})
    result, report = lowered(model, windows, PrecisionOptions(precision="fp16"))
    view = View.of(result)
    real = {n.name for n in view.nodes(*operators) if view.types[n.output[0]] == FLOAT}
    return real - {"first", "last"}, report["islands"].get("range", 0)


@pytest.mark.parametrize(
    ("steps", "real"),
    [
        ([("Add", LIMIT / 2), ("Sub", -LIMIT / 2 + 1)], set()),
        ([("Add", LIMIT / 2), ("Sub", -LIMIT / 2)], {"Sub", "calm"}),
        ([("Sub", LIMIT / 2), ("Add", -LIMIT / 2 - 1)], set()),
        ([("Sub", LIMIT / 2 + 3), ("Add", -LIMIT / 2)], {"Add", "calm"}),
        ([("Min", LIMIT), ("Max", -LIMIT)], set()),
        ([("Min", LIMIT + 1), ("Max", -LIMIT)], {"Min"}),
        ([("Min", LIMIT), ("Max", -LIMIT - 1)], {"Max"}),
        ([("Min", np.inf), ("Max", np.finfo(np.float32).min)], {"Min", "Max"}),
    ],
)
def test_what_comes_near_the_end_of_the_range_stays_float32(steps, real):
    assert lowered_chain(*steps) == (real, len(real))
