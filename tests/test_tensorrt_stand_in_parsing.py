"""The stand-in for TensorRT: the layers that it makes of a graph, and what it does not take."""

import collections

import numpy as np
import onnx
import pytest
from graphs import model_of, node
from onnx import TensorProto, helper
from stand_ins.by_hand import (
    OUTPUT,
    ROUND_TRIP,
    RTX,
    Machine,
    one,
    tiny,
)


@pytest.fixture(params=ROUND_TRIP)
def machine(request):
    return Machine(request.param)


@pytest.fixture
def ten():
    return Machine("10.3.0")


def test_layers_carry_the_names_of_nodes(machine):
    network, taken = machine.network(tiny())
    assert taken
    layers = [network.get_layer(n) for n in range(network.num_layers)]
    assert {type(layer) for layer in layers} == {machine.trt.ILayer}
    told = [(layer.type.name, layer.name, layer.metadata) for layer in layers]
    assert told == [
        ("CONSTANT", "weight", ""),
        ("SHUFFLE", "ONNXTRT_Broadcast", ""),
        ("MATRIX_MULTIPLY", "node_of_product", "[ONNX Layer: node_of_product]"),
        ("CONSTANT", "bias", ""),
        ("SHUFFLE", "ONNXTRT_Broadcast_4", ""),
        ("ELEMENTWISE", "node_of_poses", "[ONNX Layer: node_of_poses]"),
    ]
    assert tuple(network.get_input(0).shape) == (-1, 9, 17, 3)
    assert (network.num_outputs, network.get_output(0).name) == (1, OUTPUT)
    assert network.get_layer(99) is None


def test_a_layer_shows_more_as_the_class_that_it_is(ten):
    network, _ = ten.network(one("Cast", to=TensorProto.FLOAT16, gives=TensorProto.FLOAT16))
    layer = network.get_layer(0)
    with pytest.raises(AttributeError):
        _ = layer.to_type
    layer.__class__ = ten.trt.ICastLayer
    assert layer.to_type == ten.trt.float16
    layer = network.get_layer(0)
    layer.__class__ = ten.trt.IConstantLayer
    _ = layer.weights
    assert ten.gpu.misuse == ["only is used as CONSTANT, it is CAST"]


@pytest.mark.parametrize(("version", "dtype"), [("8.6.1", "INT32"), ("10.3.0", "INT64")])
def test_whole_numbers_are_as_wide_as_the_version_has_them(version, dtype):
    network, _ = Machine(version).network(one("ArgMax", gives=TensorProto.INT64))
    assert network.get_output(0).dtype.name == dtype


REJECTED = [
    (one("Foo"), "8.6.1", "INVALID_NODE", "Plugin not found"),
    (one("Relu", ["z"]), "10.3.0", "INVALID_GRAPH", "Node input was not registered"),
    (one("LayerNormalization", ["x", "s"], constants=[helper.make_tensor("s", 1, [4], [1] * 4)]),
     "8.5.2", "UNSUPPORTED_NODE", "Plugin not found"),
    (one("Gelu", opset=20), "8.6.1", "UNSUPPORTED_NODE", "Plugin not found"),
    (one("Reshape", ["x", "s"], constants=[helper.make_tensor("s", 7, [2], [3, 3])]),
     "10.3.0", "INVALID_NODE", "Reshaping [2,4] to [3,3]."),
    (one("Einsum", equation="...i->..."), "10.3.0", "UNSUPPORTED_NODE", "Unsupported equation"),
    (one("QuantizeLinear", ["x", "s", "z"], constants=[
        helper.make_tensor("s", 1, [], [1.0]), helper.make_tensor("z", 3, [], [1])], gives=3),
     "10.3.0", "INVALID_NODE", "zero point must be zero"),
    (one("QuantizeLinear", ["x", "s"], constants=[helper.make_tensor("s", 10, [], [1.0])], takes=10,
         gives=2, opset=19), "8.6.1", "INVALID_NODE", "scale must be of type float32"),
    (one("DequantizeLinear", ["x", "s"], constants=[helper.make_tensor("s", 1, [], [1.0])], takes=6,
         opset=19), "10.3.0", "UNSUPPORTED_NODE", "input has type Int32"),
    (one("ScatterElements", ["x", "i", "u"], reduction="add", opset=18, constants=[
        helper.make_tensor("i", 7, [1, 1], [0]), helper.make_tensor("u", 1, [1, 1], [0.0])]),
     "8.6.1", "UNSUPPORTED_NODE", "Unsupported reduction type"),
    (one("Cast", to=14, gives=14), "10.3.0", "UNSUPPORTED_NODE_DATATYPE", "COMPLEX64"),
    (one("Concat", ["x", "c"], axis=0, constants=[helper.make_tensor("c", 1, [1, 5], [0.0] * 5)]),
     "10.3.0", "INVALID_NODE", "ShapeInferenceError"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "version", "code", "told"), REJECTED)
def test_what_is_not_taken_is_told(model, version, code, told):
    machine = Machine(version)
    _, taken = machine.network(model)
    assert (taken, machine.parser.num_errors) == (False, 1)
    error = machine.parser.get_error(0)
    assert told in error.desc()
    assert (error.node(), error.code().name) == (0, code)
    assert hasattr(error, "node_name") == (machine.trt.__version__[0] != "8")
    assert machine.errors
    assert machine.parser.get_error(1) is None


def test_an_input_of_a_type_that_is_not_known(ten):
    _, taken = ten.network(one("Identity", takes=14, gives=14))
    error = ten.parser.get_error(0)
    assert (taken, error.desc()) == (False, "Unsupported ONNX data type: COMPLEX64")
    assert (error.node(), error.node_name(), error.node_operator()) == (-1, "", "")


def test_a_node_without_a_name_is_told_by_its_place(ten):
    model = one("Concat", ["x", "c"], axis=0, constants=[helper.make_tensor("c", 1, [1], [0.0])])
    model.graph.node[0].name = ""
    model.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))
    model.graph.ClearField("output")
    model.graph.output.append(helper.make_tensor_value_info("z", 1, None))
    assert not ten.network(model)[1]
    assert ten.parser.get_error(0).node() == 0


def test_a_layer_can_be_changed(ten):
    network, _ = ten.network(one("Cast", to=10, gives=10))
    layer = network.get_layer(0)
    layer.name, layer.metadata = "renamed", "told"
    layer.__class__ = ten.trt.ICastLayer
    layer.to_type = ten.trt.float32
    again = network.get_layer(0)
    again.__class__ = ten.trt.ICastLayer
    assert (again.name, again.metadata, again.to_type) == ("renamed", "told", ten.trt.float32)
    assert (again.num_inputs, network.num_inputs) == (1, 1)
    assert (again.precision, again.precision_is_set) == (ten.trt.float32, False)
    again.set_output_type(7, ten.trt.float16)
    assert ten.gpu.misuse == ["renamed: set_output_type of output 7"]


def test_the_parser_takes_the_largest_k_and_no_larger(ten):
    for k, takes in ((3840, True), (3841, False)):
        constant = helper.make_tensor("k", TensorProto.INT64, [1], [k])
        model = model_of([node("TopK", "x k", "y i", name="only")], {"x": (2, 4000)})
        model.graph.initializer.append(constant)
        assert ten.network(model)[1] == takes
    assert ten.parser.get_error(0).desc() == "K not less than or equal to 3840 is not supported."


@pytest.mark.parametrize(
    ("version", "kinds"),
    [
        ("8.6.1", ["TOPK", "CONSTANT", "SHUFFLE"]),
        ("10.3.0", ["TOPK", "CONSTANT", "SHUFFLE", "CAST"]),
        ("10.16.1.11", ["TOPK", "CONSTANT", "SHUFFLE"]),
    ],
)
def test_layers_are_not_in_the_order_of_their_inputs(version, kinds):
    constant = helper.make_tensor("k", TensorProto.INT64, [1], [2])
    model = model_of([node("TopK", "x k", "y i", name="only")], {"x": (2, 4)})
    model.graph.initializer.append(constant)
    network, _ = Machine(version).network(model)
    layers = [network.get_layer(at) for at in range(network.num_layers)]
    assert [layer.type.name for layer in layers] == kinds
    assert layers[0].get_input(1).name == layers[2].get_output(0).name


def test_eight_point_five_has_no_casts():
    network, _ = Machine("8.5.2").network(one("Cast", to=10, gives=10))
    layer = network.get_layer(0)
    assert (layer.type.name, layer.get_output_type(0).name) == ("IDENTITY", "HALF")
    assert layer.output_type_is_set(0)
    assert not hasattr(layer, "metadata")


@pytest.mark.parametrize(
    ("nodes", "kinds"),
    [
        ([node("Sum", "x x x")], ["ELEMENTWISE"] * 2),
        ([node("Split", "x", "y z", axis=0)], ["SLICE"] * 2),
        ([node("ReduceL2", "x")], ["ELEMENTWISE", "REDUCE", "UNARY"]),
        ([node("Softmax", "x")], ["SOFTMAX", "SHUFFLE"]),
        ([node("Clip", "x")], ["ACTIVATION"]),
        ([node("Constant", "", "c", value=helper.make_tensor("c", 1, [2, 4], [0.0] * 8)),
          node("Mul", "x c")], ["CONSTANT", "ELEMENTWISE"]),
        ([node("Constant", "", "c", value_float=2.0), node("Mul", "x c")],
         ["CONSTANT", "SHUFFLE", "ELEMENTWISE"]),
        ([node("Constant", "", "c", value_ints=[8]), node("Reshape", "x c")], ["SHUFFLE"]),
    ],
)  # fmt: skip
def test_nodes_become_layers(ten, nodes, kinds):
    model = model_of(nodes, {"x": (2, 4)})
    for made in model.graph.node:
        made.input[:] = [name for name in made.input if name]
    network, taken = ten.network(model)
    assert taken, ten.errors
    found = [network.get_layer(at).type.name for at in range(network.num_layers)]
    assert found == kinds


def test_inputs_may_be_left_out(ten):
    scale = helper.make_tensor("s", 1, [4], [1.0] * 4)
    network, taken = ten.network(one("LayerNormalization", ["x", "s", ""], constants=[scale]))
    assert taken, ten.errors
    assert network.get_layer(network.num_layers - 1).get_input(2) is None


def test_weights_beside_the_model_are_looked_for(ten, tmp_path):
    model = model_of([node("MatMul", "x w")], {"x": (2, 4)}, {"w": np.ones((4, 300), np.float32)})
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=0, location="weights")
    ten.network(b"")
    assert not ten.parser.parse(path.read_bytes())
    assert "Failed to open file" in ten.parser.get_error(0).desc()
    network, _ = ten.network(b"")
    assert ten.trt.OnnxParser(network, ten.log).parse(path.read_bytes(), str(path))
    network, _ = ten.network(b"")
    assert ten.parser.parse(tiny().SerializeToString(), None)


def test_bytes_that_are_no_onnx(ten):
    network, taken = ten.network(b"garbage, no onnx at all")
    assert (taken, ten.parser.get_error(0).code().name) == (False, "MODEL_DESERIALIZE_FAILED")
    network, taken = ten.network(b"")
    assert (taken, network.num_outputs) == (True, 0)


def test_eight_wants_an_explicit_batch():
    machine = Machine("8.6.1")
    _, taken = machine.network(tiny(), flags=0)
    assert not taken
    assert "explicit batch dimension" in machine.parser.get_error(0).desc()


@pytest.mark.parametrize("flags", [1 << 5, 1 << 9])
def test_bits_that_no_flag_has_give_no_network(machine, flags):
    assert machine.trt.Builder(machine.log).create_network(flags) is None
    assert "flagSet.toU32()" in machine.errors[0]


@pytest.mark.parametrize(
    ("backbone", "precision"),
    [
        ("mixste", "fp16"),
        pytest.param("motionbert", "int8", marks=pytest.mark.slow),
        pytest.param("mhformer", "fp16", marks=pytest.mark.slow),
    ],
)
def test_layers_are_those_of_the_real_parser(backbone, precision):
    """TensorRT-RTX parses without a GPU: kinds, types and metadata of the nodes' layers."""
    real = pytest.importorskip("tensorrt_rtx")
    from reduced_graphs import reduced

    model = reduced(backbone, "tpc", "tra", precision).model
    log = real.Logger(real.Logger.ERROR)
    builder = real.Builder(log)
    network = builder.create_network(0)
    assert real.OnnxParser(network, log).parse(model.SerializeToString())
    ours, taken = Machine(RTX, "tensorrt-rtx").network(model)
    assert taken
    assert described(ours) == described(network)
    for at in range(ours.num_outputs):
        mine, theirs = ours.get_output(at), network.get_output(at)
        assert (mine.name, str(mine.dtype)) == (theirs.name, str(theirs.dtype))
        assert tuple(mine.shape) == tuple(theirs.shape)


def described(network):
    """How often there is a layer of a node, a kind and such outputs; helpers are left out."""
    layers = (network.get_layer(at) for at in range(network.num_layers))
    return collections.Counter(
        (
            layer.metadata,
            str(layer.type),
            *(str(layer.get_output(at).dtype) for at in range(layer.num_outputs)),
        )
        for layer in layers
        if layer.metadata
    )
