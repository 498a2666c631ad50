"""The stand-in for TensorRT: its names, and its rules of parsing and building."""

import collections

import numpy as np
import pytest
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
    assert hasattr(config, "max_workspace_size") == (machine.trt.__version__ == "8.6.1")
    assert hasattr(machine.trt.BuilderFlag, "FP16") == (machine.trt.__version__[:2] != "11")


def test_what_is_not_stood_in_says_so(ten):
    network, _ = ten.network(tiny())
    with pytest.raises(
        NotImplementedError, match=r"the stand-in has no INetworkDefinition.add_cast"
    ):
        network.add_cast(network.get_input(0), ten.trt.float16)
    with pytest.raises(NotImplementedError, match=r"the stand-in has no get_plugin_registry"):
        ten.trt.get_plugin_registry()


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
