"""The stand-in for TensorRT: its names, and its rules of parsing and building."""

import collections

import numpy as np
import onnx
import pytest
from graphs import model_of, node
from onnx import TensorProto, helper
from stand_ins.by_hand import (
    INPUT,
    OUTPUT,
    ROUND_TRIP,
    RTX,
    Machine,
    information,
    one,
    tiny,
)
from stand_ins.names import VERSIONS, rtx_names, tensorrt_names


@pytest.fixture(params=ROUND_TRIP)
def machine(request):
    return Machine(request.param)


@pytest.fixture
def ten():
    return Machine("10.3.0")


# names


@pytest.mark.parametrize("version", [*VERSIONS, RTX])
def test_the_names_are_exactly_those_of_the_table(version):
    flavour, names = (
        ("tensorrt", tensorrt_names())
        if version != RTX
        else (
            "tensorrt-rtx",
            rtx_names(),
        )
    )
    trt = Machine(version, flavour).trt
    public = {name for name in dir(trt) if not name.startswith("_")} - {"stand_in"}
    assert public == names.in_module(version)
    for name in names.classes.keys() & public:
        members = {member for member in dir(getattr(trt, name)) if not member.startswith("_")}
        assert members == names.members(name, version), name


def test_what_a_version_lacks_is_neither_read_nor_set(machine):
    config = machine.trt.Builder(machine.log).create_builder_config()
    with pytest.raises(AttributeError, match=r"IBuilderConfig' object has no attribute 'best'"):
        _ = config.best
    with pytest.raises(AttributeError, match=r"IBuilderConfig' object has no attribute 'best'"):
        config.best = True
    with pytest.raises(AttributeError, match=r"read-only"):
        config.set_flag = None
    with pytest.raises(AttributeError, match=r"property of 'IBuilderConfig' object has no setter"):
        config.flags = 0
    assert hasattr(machine.trt.BuilderFlag, "FP16") == (machine.trt.__version__[:2] != "11")


def test_what_is_not_stood_in_says_so(ten):
    network, _ = ten.network(tiny())
    with pytest.raises(
        NotImplementedError, match=r"the stand-in has no INetworkDefinition.add_cast"
    ):
        network.add_cast(network.get_input(0), ten.trt.float16)
    with pytest.raises(NotImplementedError, match=r"the stand-in has no get_plugin_registry"):
        ten.trt.get_plugin_registry()
    config = ten.builder.create_builder_config()
    with pytest.raises(NotImplementedError, match=r"the stand-in has no IBuilderConfig.plugins"):
        config.plugins_to_serialize = []
    assert hasattr(ten.trt.IBuilderConfig, "plugins_to_serialize")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c, t: c.set_flag(1),
        lambda c, t: c.set_memory_pool_limit(t.MemoryPoolType.WORKSPACE, 1.5),
        lambda c, t: c.set_memory_pool_limit(t.MemoryPoolType.WORKSPACE, -1),
        lambda c, t: c.set_memory_pool_limit(0, 1),
        lambda c, t: c.set_timing_cache(None, False),
        lambda c, t: setattr(c, "hardware_compatibility_level", 1),
        lambda c, t: setattr(c, "progress_monitor", "monitor"),
        lambda c, t: t.Builder(t.Logger()).create_optimization_profile().set_shape("x", 1, 1, 1),
        lambda c, t: t.Builder(t.Logger()).create_optimization_profile().get_shape(0),
        lambda c, t: c.set_preview_feature(t.PreviewFeature.PROFILE_SHARING_0806, 1),
        lambda c, t: t.Dims(3),
        lambda c, t: t.BuilderFlag.TF32 | 1,
        lambda c, t: t.Dims((1, 2)) == t.Dims((1, 2)),
        lambda c, t: hash(t.Dims((1, 2))),
        lambda c, t: t.Builder(None),
        lambda c, t: t.INetworkDefinition(),
        lambda c, t: t.Runtime(t.Logger()).deserialize_cuda_engine("plan"),
        lambda c, t: len(c.create_timing_cache(b"").serialize()),
        lambda c, t: c.create_timing_cache(b"").serialize()[0],
    ],
)
def test_wrong_types_are_refused_as_pybind11_does(ten, wrong):
    config = ten.trt.Builder(ten.log).create_builder_config()
    with pytest.raises(TypeError):
        wrong(config, ten.trt)


def test_settings_are_what_they_were_set_to(ten):
    trt, config = ten.trt, ten.trt.Builder(ten.log).create_builder_config()
    assert config.flags == 1 << trt.BuilderFlag.TF32.value
    config.clear_flag(trt.BuilderFlag.TF32)
    assert (config.flags, config.get_flag(trt.BuilderFlag.TF32)) == (0, False)
    pool = trt.MemoryPoolType.WORKSPACE
    assert config.get_memory_pool_limit(pool) == 8 << 30
    config.set_memory_pool_limit(pool, 1 << 20)
    assert config.get_memory_pool_limit(pool) == 1 << 20
    sharing = trt.PreviewFeature.PROFILE_SHARING_0806
    assert not config.get_preview_feature(sharing)
    config.set_preview_feature(sharing, True)
    assert config.get_preview_feature(sharing)
    assert config.hardware_compatibility_level == trt.HardwareCompatibilityLevel.NONE
    assert config.default_device_type == trt.DeviceType.GPU


def test_profiles_are_ranges_of_shapes(ten):
    builder = ten.trt.Builder(ten.log)
    profile = builder.create_optimization_profile()
    profile.set_shape("x", (1, 2), [2, 2], ten.trt.Dims((3, 2)))
    assert profile.get_shape("x") == [(1, 2), (2, 2), (3, 2)]
    assert profile.get_shape("y") == []
    config = builder.create_builder_config()
    assert (config.add_optimization_profile(profile), config.num_optimization_profiles) == (0, 1)


def test_shapes_are_sequences(ten):
    shape = ten.trt.Dims((1, 2, 3))
    assert (tuple(shape), len(shape), shape[1:], str(shape)) == ((1, 2, 3), 3, (2, 3), "(1, 2, 3)")
    assert shape == [1, 2, 3]
    assert shape != (1, 2)
    assert ten.trt.volume(shape) == 6
    with pytest.raises(ValueError, match="Max expected length is 8"):
        ten.trt.Dims([1] * 9)


def test_what_must_be_overridden_says_so(ten):
    class Nothing(ten.trt.ILogger):
        pass

    with pytest.raises(RuntimeError, match='pure virtual function "ILogger::log"'):
        Nothing().log(ten.trt.ILogger.ERROR, "")
    monitor = ten.trt.IProgressMonitor()
    for method, arguments in (
        (ten.trt.IProfiler().report_layer_time, 2),
        (monitor.phase_start, 3),
        (monitor.step_complete, 2),
        (monitor.phase_finish, 1),
    ):
        with pytest.raises(RuntimeError, match="pure virtual function"):
            method(*[""] * arguments)


def test_tensorrts_own_logger_keeps_what_is_grave_enough(ten):
    logger = ten.trt.Logger(ten.trt.Logger.ERROR)
    logger.log(ten.trt.Logger.WARNING, "a warning")
    assert logger.min_severity == ten.trt.Logger.ERROR
    logger.min_severity = ten.trt.Logger.INFO
    logger.log(ten.trt.Logger.WARNING, "another")
    assert logger._lines == [("WARNING", "another")]


def test_a_subclass_must_call_the_base(ten):
    class Silent(ten.trt.ILogger):
        def __init__(self):
            self.lines = []

    with pytest.raises(TypeError) as error:
        Silent()
    assert str(error.value) == (
        "tensorrt.tensorrt.ILogger.__init__() must be called when overriding __init__"
    )


def test_enumerations_are_pybind11s(ten):
    flag = ten.trt.BuilderFlag.TF32
    assert (flag.name, int(flag), str(flag)) == ("TF32", flag.value, "BuilderFlag.TF32")
    assert flag != int(flag)
    assert ten.trt.BuilderFlag.__members__["TF32"] == flag
    assert 1 << int(flag) == 1 << flag.value
    assert ten.trt.nptype(ten.trt.float32) is np.float32
    assert ten.trt.DataType.HALF.itemsize == 2
    with pytest.raises(TypeError, match="numpy datatype"):
        ten.trt.nptype(ten.trt.bfloat16)


def test_bits_differ_between_versions():
    bits = {v: Machine(v).trt.NetworkDefinitionCreationFlag for v in ("10.3.0", "11.4.0.106")}
    assert [int(flags.STRONGLY_TYPED) for flags in bits.values()] == [1, 0]
    assert int(Machine("10.3.0").trt.BuilderFlag.TF32) != int(
        Machine("11.4.0.106").trt.BuilderFlag.TF32
    )


# parsing


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


# building


def test_a_plan_holds_the_weights_and_is_read_as_a_buffer(machine):
    plan = machine.build(tiny())
    assert bytes(plan)[:4] == b"ptrt"
    assert plan.nbytes == len(bytes(plan)) > tiny().ByteSize()


def test_shapes_must_be_given_and_fit(ten):
    assert ten.build(tiny(), batch=None) is None
    assert "no optimization profile has been defined" in ten.errors[-1]
    assert ten.build(tiny(), batch=(4, 2, 8)) is None
    assert "profile has min=4, opt=2, max=8" in ten.errors[-1]
    assert ten.errors[-1].startswith("IBuilder::buildSerializedNetwork: Error Code 4: API Usage")


def test_a_network_of_nothing_is_not_built(ten):
    network, _ = ten.network(b"")
    assert ten.build(None, network=network, batch=None) is None
    assert ten.errors[-1].endswith("(Network must have at least one output)")


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ({}, "Dynamic input tensor keypoints is missing dimensions in profile 0."),
        ({INPUT: [(1, 9)] * 3}, "Number of dimensions of tensor keypoints and profile 0 differ."),
        ({INPUT: [(1, 8, 17, 3)] * 3}, "profile has min=8, opt=8, max=8 but tensor has 9."),
    ],
)
def test_every_profile_is_for_every_input(ten, shapes, told):
    network, _ = ten.network(tiny())
    config = ten.builder.create_builder_config()
    profile = ten.builder.create_optimization_profile()
    for name, ranges in shapes.items():
        profile.set_shape(name, *ranges)
    config.add_optimization_profile(profile)
    assert ten.builder.build_serialized_network(network, config) is None
    assert told in ten.errors[-1]


@pytest.mark.parametrize(
    ("cores", "flags", "core", "told"),
    [
        (0, ["GPU_FALLBACK"], 0, "DLA core is out of range."),
        (2, [], 1, "fallback is not enabled"),
        (2, ["GPU_FALLBACK"], 1, None),
    ],
)
def test_a_dla_needs_a_core_and_a_fallback(cores, flags, core, told):
    machine = Machine("10.3.0", dla_cores=cores)
    settings = {"default_device_type": machine.trt.DeviceType.DLA, "DLA_core": core}
    plan = machine.build(tiny(), *flags, **settings)
    assert (plan is None) == (told is not None)
    assert machine.builder.num_DLA_cores == cores
    assert told is None or told in machine.errors[-1]


def test_eight_tells_errors_in_its_own_form():
    machine = Machine("8.6.1")
    machine.build(tiny(), batch=None)
    assert machine.errors[-1].startswith("4: [builder.cpp::buildSerializedNetwork::0] Error Code 4")


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0"])
def test_a_weakly_typed_build_needs_the_flags_of_its_types(version):
    machine = Machine(version)
    half = one("Cast", to=TensorProto.FLOAT16, gives=TensorProto.FLOAT16)
    assert machine.build(half) is None
    assert "fp16 is not configured in the builder" in machine.errors[-1]
    assert machine.build(half, "FP16") is not None


def test_a_strongly_typed_build_takes_no_flags_of_types(ten):
    strong = 1 << int(ten.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network, _ = ten.network(one("Relu"), flags=strong)
    assert ten.build(None, "FP16", network=network) is None
    assert "FP16 are not allowed with a strongly typed network" in ten.errors[-1]
    assert ten.build(None, network=network) is not None
    network.get_layer(0).precision = ten.trt.float32
    assert ten.build(None, network=network) is None


def test_whole_numbers_cannot_be_pinned(ten):
    network, _ = ten.network(one("Abs", takes=TensorProto.INT64, gives=TensorProto.INT64))
    network.get_layer(0).precision = ten.trt.float32
    assert ten.build(None, network=network) is None
    assert "any implementation for node only" in ten.errors[-1]


def test_what_is_not_pinned_runs_in_half():
    machine = Machine("10.3.0")
    network, _ = machine.network(tiny())
    pinned = network.get_layer(5)
    pinned.precision = machine.trt.float32
    pinned.set_output_type(0, machine.trt.float32)
    detailed = machine.trt.ProfilingVerbosity.DETAILED
    plan = machine.build(None, "FP16", network=network, profiling_verbosity=detailed)
    formats = {
        layer["Name"]: layer["Outputs"][0]["Format/Datatype"]
        for layer in information(machine, plan)["Layers"]
    }
    assert "FP16" in formats["node_of_product"]
    assert "FP32" in formats["node_of_poses"]


def test_timings_are_kept_and_belong_to_a_machine(ten):
    config = ten.trt.Builder(ten.log).create_builder_config()
    cache = config.create_timing_cache(b"")
    network, _ = ten.network(tiny())
    timed = []
    for _ in range(2):
        config = ten.builder.create_builder_config()
        profile = ten.builder.create_optimization_profile()
        profile.set_shape(INPUT, *[(size, 9, 17, 3) for size in (1, 2, 4)])
        config.add_optimization_profile(profile)
        assert config.set_timing_cache(cache, False)
        assert ten.builder.build_serialized_network(network, config)
        timed.append(len(ten.trt.stand_in.timed))
        cache = config.create_timing_cache(bytes(config.get_timing_cache().serialize()))
    assert timed[0] > 0 == timed[1]
    other = Machine("10.3.0", gpu_name="another").trt
    config = other.Builder(other.Logger()).create_builder_config()
    assert not config.set_timing_cache(config.create_timing_cache(cache.serialize()), False)
    assert config.set_timing_cache(config.create_timing_cache(cache.serialize()), True)


def test_caches_of_timings_are_combined(ten):
    config = ten.trt.Builder(ten.log).create_builder_config()
    one_, two = config.create_timing_cache(b""), config.create_timing_cache(b"")
    two._times["a layer"] = 1.0
    assert one_.combine(two, False)
    assert one_._times == {"a layer": 1.0}
    assert one_.reset()
    two._made_for = ["10.3.0", "another"]
    assert (one_.combine(two, False), one_._times) == (False, {})


@pytest.mark.parametrize(("version", "empty"), [("8.6.1", False), ("10.3.0", True)])
def test_a_spoilt_cache_of_timings_is_none_or_empty(version, empty):
    machine = Machine(version)
    config = machine.trt.Builder(machine.log).create_builder_config()
    assert (config.create_timing_cache(b"spoilt") is not None) == empty


def test_a_build_tells_how_far_it_is_and_can_be_ended(ten, capsys):
    class Monitor(ten.trt.IProgressMonitor):
        def __init__(self, answers):
            super().__init__()
            self.told, self.answers = [], answers

        def phase_start(self, phase, parent, steps):
            self.told.append(("start", phase, parent))

        def step_complete(self, phase, step):
            return self.answers(step)

        def phase_finish(self, phase):
            self.told.append(("finish", phase))

    monitor = Monitor(lambda step: True)
    assert ten.build(tiny(), progress_monitor=monitor) is not None
    assert monitor.told[0] == ("start", "Building engine", None)
    assert monitor.told[-1] == ("finish", "Building engine")
    assert len(monitor.told) == 8
    assert ten.build(tiny(), progress_monitor=Monitor(lambda step: False)) is None
    assert ten.errors[-1] == (
        "IBuilder::buildSerializedNetwork: Error Code 7: BuildCanceled (Build canceled by user)"
    )
    assert ten.build(tiny(), progress_monitor=Monitor(lambda step: 1 / 0)) is None
    assert "Exception caught in step_complete(): ZeroDivisionError" in capsys.readouterr().err


def test_without_a_gpu_there_is_no_builder(ten):
    ten.gpu.fail["TensorRT"] = "cudaErrorInsufficientDriver"
    with pytest.raises(TypeError, match="factory function returned nullptr"):
        ten.trt.Builder(ten.log)
    assert ("WARNING", "CUDA initialization failure with error: 35") in ten.log._lines
    rtx = Machine(RTX, "tensorrt-rtx", devices=0)
    plan = rtx.build(tiny())
    assert bytes(plan)[:4] == b"vtrt"
    assert rtx.load(plan)[1] is None
