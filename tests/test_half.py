"""Float16 in tiny graphs, what hardware would round in them, and looking around in them."""

import numpy as np
import onnx
import pytest
from graphs import model_of, node
from onnx import TensorProto, helper, numpy_helper, shape_inference

from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.engines.precision.emulation import emulated, has_half
from h2ot_edge.engines.precision.graph import Graph, with_named_nodes
from h2ot_edge.engines.precision.half import to_half

FLOAT, HALF, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64
X = np.random.default_rng(0).uniform(0.5, 2, (2, 4)).astype("f")
W = np.random.default_rng(1).uniform(0.5, 2, 4).astype("f")


def chain(*nodes, constants=None, outputs=("y",)):
    """Nodes named by what they give."""
    named = [helper.make_node(n.op_type, n.input, n.output, name=n.output[0]) for n in nodes]
    for copy, original in zip(named, nodes, strict=True):
        copy.attribute.extend(original.attribute)
    return model_of(named, {"x": [2, 4]}, constants, outputs, opset=19)


def types(model):
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*inferred.input, *inferred.output, *inferred.value_info)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def nodes(model):
    return [(n.op_type, *n.input, "->", *n.output) for n in model.graph.node]


def run(model, x, *watched):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in watched)
    return open_session(copy, 1).run(None, {"x": x})


# to_half


def test_an_initializer_of_nodes_of_both_precisions_is_there_twice():
    model = chain(node("Mul", "x w", "h"), node("Add", "h w"), constants={"w": W})
    result = to_half(model, {"y"})
    assert nodes(result) == [
        ("Cast", "x", "->", "x_float16"),
        ("Mul", "x_float16", "w_float16", "->", "h"),
        ("Cast", "h", "->", "h_float32"),
        ("Add", "h_float32", "w", "->", "y"),
    ]
    assert types(result) == {
        **{"x": FLOAT, "x_float16": HALF, "h": HALF},
        **{"h_float32": FLOAT, "y": FLOAT},
    }
    found = constants(result)
    assert {name: value.dtype for name, value in found.items()} == {
        "w_float16": np.float16,
        "w": np.float32,
    }
    assert np.array_equal(found["w_float16"], W.astype(np.float16))
    assert np.array_equal(found["w"], W)
    assert len({n.name for n in result.graph.node}) == 4


def test_a_constant_that_nobody_takes_any_more_is_left_out():
    model = chain(node("Mul", "x w", "h"), node("Relu", "h"), constants={"w": W})
    assert list(constants(to_half(model, {"y"}))) == ["w_float16"]
    assert list(constants(to_half(model, {"h", "y"}))) == ["w"]


def test_constants_round_to_the_nearest_even_float16():
    values = np.array([1 + 2**-11, 1 + 3 * 2**-11, 65519, -1e-7], "f")
    model = chain(node("Mul", "x w", "h"), node("Relu", "h"), constants={"w": values})
    (rounded,) = constants(to_half(model, {"y"})).values()
    assert rounded.tolist() == [1, 1 + 2**-9, 65504, -(2.0**-23)]


def test_two_who_take_a_tensor_share_a_cast():
    model = chain(
        *(node("Relu", "x", "a"), node("Neg", "a", "b"), node("Abs", "a", "c")),
        *(node("Exp", "b", "d"), node("Sqrt", "b", "e"), node("Add", "d e", "f")),
        node("Add", "f c"),
    )
    result = to_half(model, {"a", "d", "e", "f", "y"})
    assert [n for n in nodes(result) if n[0] == "Cast"] == [
        ("Cast", "a", "->", "a_float16"),
        ("Cast", "b", "->", "b_float32"),
        ("Cast", "c", "->", "c_float32"),
    ]
    found = types(result)
    assert {name for name, kind in found.items() if kind == HALF} == {"a_float16", "b", "c"}


def test_casts_of_the_model_go_to_the_precision_of_their_node():
    model = chain(
        node("Cast", "x", "whole", to=INT64),
        node("Cast", "whole", "low", to=FLOAT),
        node("Cast", "whole", "high", to=FLOAT),
        node("Add", "low high"),
    )
    result = to_half(model, {"whole", "high", "y"})
    assert nodes(result) == [
        ("Cast", "x", "->", "whole"),
        ("Cast", "whole", "->", "low"),
        ("Cast", "whole", "->", "high"),
        ("Cast", "low", "->", "low_float32"),
        ("Add", "low_float32", "high", "->", "y"),
    ]
    assert types(result) == {
        **{"x": FLOAT, "whole": INT64, "low": HALF, "high": FLOAT},
        **{"low_float32": FLOAT, "y": FLOAT},
    }
    assert np.array_equal(run(result, X)[0], 2 * np.trunc(X))


def test_whole_numbers_and_left_out_inputs_stay_as_they_are():
    model = chain(
        node("ReduceSum", "x axes", "sum"),
        helper.make_node("Clip", ["sum", "", "top"], ["clipped"]),
        node("Relu", "clipped"),
        constants={"axes": np.array([1]), "top": np.array(1.5, "f")},
    )
    result = to_half(model, {"y"})
    assert nodes(result)[1:3] == [
        ("ReduceSum", "x_float16", "axes", "->", "sum"),
        ("Clip", "sum", "", "top_float16", "->", "clipped"),
    ]
    assert constants(result)["axes"].dtype == np.int64
    assert types(result)["clipped"] == HALF


def test_a_model_of_islands_only_is_what_it_was_and_the_source_is_left_alone():
    model = chain(node("Mul", "x w", "h"), node("Relu", "h"), constants={"w": W})
    before = model.SerializeToString()
    assert nodes(to_half(model, {"h", "y"})) == nodes(model)
    to_half(model, {"y"})
    assert model.SerializeToString() == before


# emulated


STEPS = (
    *(node("Mul", "x w", "a"), node("Add", "a x", "b"), node("Sqrt", "b", "c")),
    *(node("Div", "c w", "d"), node("Sub", "d a", "e"), node("Abs", "e")),
)


def in_half(x, w):
    """`STEPS` but the last, in numpy's float16, which rounds behind every operation."""
    x, w = np.float16(x), np.float16(w)
    a = x * w
    b = a + x
    c = np.sqrt(b)
    d = c / w
    return {"a": a, "b": b, "c": c, "d": d, "e": d - a}


def test_every_operator_is_rounded_as_numpy_rounds():
    model = emulated(to_half(chain(*STEPS, constants={"w": W}), {"y"}))
    expected = in_half(X, W)
    poses, *watched = run(model, X, *expected)
    for (name, right), actual in zip(expected.items(), watched, strict=True):
        assert actual.dtype == np.float32, name
        assert np.array_equal(actual, right.astype("f")), name
        assert np.array_equal(actual, actual.astype(np.float16)), name
    assert np.array_equal(poses, np.abs(expected["e"].astype("f")))


def test_onnx_runtime_does_not_take_the_roundings_out():
    exact = chain(*STEPS, constants={"w": W})
    (poses,) = run(emulated(to_half(exact, {"y"})), X)
    assert np.array_equal(poses, np.abs(in_half(X, W)["e"].astype("f")))
    assert not np.array_equal(poses, run(exact, X)[0])


def test_a_product_adds_up_in_float32_and_is_rounded_once():
    weights = np.array([[1], [2**-11], [2**-11], [1]], "f")
    model = chain(node("MatMul", "x w", "h"), node("Relu", "h"), constants={"w": weights})
    (sums,) = run(emulated(to_half(model, {"y"})), np.ones((2, 4), "f"))
    assert sums.tolist() == [[2], [2]]  # 2 + 2^-10 is halfway, and goes to the even one
    (sums,) = run(emulated(to_half(model, {"y"})), np.float32([[1, 1, 2, 1]] * 2))
    assert sums.tolist() == [[2 + 2**-9]] * 2


def test_an_overflow_is_infinite():
    model = chain(node("Mul", "x x", "h"), node("Relu", "h"))
    (squares,) = run(emulated(to_half(model, {"y"})), np.full((2, 4), 300, "f"))
    assert np.isposinf(squares).all()


def test_the_emulation_computes_in_float32():
    model = emulated(to_half(chain(*STEPS, constants={"w": W}), {"y"}))
    found = types(model)
    half = {name for name, kind in found.items() if kind == HALF}
    assert half == {f"{name}_rounded" for name in ("x_float16", *"abcde")}
    assert {value.dtype for value in constants(model).values()} == {np.dtype("f")}
    assert np.array_equal(constants(model)["w_float16"], W.astype(np.float16))


def test_a_float32_model_is_not_rounded():
    model = chain(*STEPS, constants={"w": W})
    assert nodes(emulated(model)) == nodes(model)


def test_a_model_has_float16_if_one_tensor_is_of_it():
    model = chain(*STEPS, constants={"w": W})
    assert not has_half(model)
    assert has_half(to_half(model, {"b", "c", "d", "e", "y"}))
    assert not has_half(to_half(model, {*"abcde", "y"}))


# the graph


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["", ""], ["Relu.0", "Neg.1"]),
        (["one", "one"], ["one", "one.1"]),
        (["Neg.1", ""], ["Neg.1", "Neg.1.1"]),
        (["", "Relu.0"], ["Relu.0", "Relu.0.1"]),
        (["one", "two"], ["one", "two"]),
    ],
)
def test_every_node_gets_a_name_of_its_own(names, expected):
    model = model_of([node("Relu", "x", "h"), node("Neg", "h")], {"x": [2, 4]})
    for one, name in zip(model.graph.node, names, strict=True):
        one.name = name
    before = model.SerializeToString()
    assert [one.name for one in with_named_nodes(model).graph.node] == expected
    assert model.SerializeToString() == before


def small_graph():
    """x -> p (product) -> r -> i (whole numbers) -> g, with r too -> m (constant on the left)."""
    return Graph.of(
        chain(
            *(node("MatMul", "x w", "p"), node("Relu", "p", "r")),
            *(node("Cast", "r", "i", to=INT64), node("Cast", "i", "g", to=FLOAT)),
            *(node("Add", "r g", "s"), node("MatMul", "left s", "m"), node("Neg", "m")),
            constants={"w": (4, 4), "left": (2, 2)},
        )
    )


def never(_):
    return False


def test_above_goes_through_real_numbers_up_to_a_stop_which_belongs_to_it():
    graph = small_graph()
    assert graph.above(["y"], never) == {"y", "m", "s", "g", "r", "p"}
    assert graph.above(["y"], graph.is_weighted) == {"y", "m", "s", "g", "r", "p"}
    assert graph.above(["y"], lambda n: n.name in ("r", "g")) == {"y", "m", "s", "g", "r"}
    assert graph.above(["x", "w"], never) == set()


def test_below_goes_down_to_a_stop_which_belongs_to_it():
    graph = small_graph()
    assert graph.below(["x"], never) == {"p", "r", "i", "g", "s", "m", "y"}
    assert graph.below(["x"], graph.is_weighted) == {"p"}
    assert graph.below(["left", "i"], lambda n: n.name == "m") == {"m", "g", "s"}
    assert graph.below(["y"], never) == set()


def test_learned_weights_stand_on_the_right():
    graph = small_graph()
    assert {name for name, one in graph.node.items() if graph.is_weighted(one)} == {"p"}
    assert graph.is_float("g")
    assert graph.is_float("w")
    assert not graph.is_float("i")
    assert not graph.is_float("")
