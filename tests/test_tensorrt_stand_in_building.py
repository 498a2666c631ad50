"""The stand-in for TensorRT: what it builds, and what it refuses to."""

import pytest
from onnx import TensorProto
from stand_ins.by_hand import (
    INPUT,
    ROUND_TRIP,
    RTX,
    Machine,
    information,
    one,
    tiny,
)


@pytest.fixture(params=ROUND_TRIP)
def machine(request):
    return Machine(request.param)


@pytest.fixture
def ten():
    return Machine("10.3.0")


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
