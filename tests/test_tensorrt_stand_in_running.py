"""The stand-in for TensorRT: its rules of loading and running, and that it computes."""

import re
import threading

import numpy as np
import onnx
import pytest
from graphs import model_of, node
from stand_ins.by_hand import (
    INPUT,
    OUTPUT,
    ROUND_TRIP,
    RTX,
    Machine,
    information,
    one,
    ready,
    tiny,
    windows,
)
from tiny_models import answer


@pytest.fixture(params=ROUND_TRIP)
def machine(request):
    return Machine(request.param)


@pytest.fixture
def ten():
    return Machine("10.3.0")


# loading


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda plan: plan[:10], "bufferSize >= minBufferSize"),
        (lambda plan: plan[:-1], "bufferSize >= minBufferSize"),
        (lambda plan: b"junk" + plan[4:], "header.magicTag == rt::kPLAN_MAGIC_TAG failed"),
        (lambda plan: plan[:30] + b"\0" + plan[31:], "bufferSize >= minBufferSize"),
    ],
)
def test_a_damaged_plan_is_not_loaded(machine, damage, told):
    plan = bytes(machine.build(tiny()))
    assert machine.load(damage(plan))[1] is None
    assert told in machine.errors[-1]


def test_another_version_is_refused(ten):
    plan = bytes(ten.build(tiny()))
    newer = Machine("10.13.3.9")
    assert newer.load(plan)[1] is None
    assert newer.errors == [
        "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is "
        "not compatible with this version of TensorRT, expecting library version 10.13.3.9 got "
        "10.3.0, please rebuild.)"
    ]


def test_a_version_compatible_plan_needs_trust(ten):
    plan = bytes(ten.build(tiny(), "VERSION_COMPATIBLE"))
    newer = Machine("11.4.0.106")
    runtime = newer.trt.Runtime(newer.log)
    assert runtime.deserialize_cuda_engine(plan) is None
    assert "host code" in newer.errors[-1]
    runtime.engine_host_code_allowed = True
    assert runtime.deserialize_cuda_engine(plan) is not None
    older = Machine("8.6.1")
    runtime = older.trt.Runtime(older.log)
    runtime.engine_host_code_allowed = True
    assert runtime.deserialize_cuda_engine(plan) is None


def test_a_plan_whose_graph_is_no_graph(ten):
    plan = bytearray(bytes(ten.build(tiny())))
    plan[-tiny().ByteSize() :] = b"\xff" * tiny().ByteSize()
    assert ten.load(bytes(plan))[1] is None
    assert "Error Code 1: Serialization" in ten.errors[-1]


@pytest.mark.parametrize(
    ("target", "capability", "loads"),
    [(None, (8, 6), True), (None, (7, 5), False), ("SM86", (8, 6), True), ("SM86", (8, 9), False)],
)
def test_an_engine_of_rtx_is_for_its_target(target, capability, loads):
    machine = Machine(RTX, "tensorrt-rtx", compute_capability=capability)
    network, _ = machine.network(one("Relu"))
    config = machine.builder.create_builder_config()
    if target:
        config.num_compute_capabilities = 1
        chosen = getattr(machine.trt.ComputeCapability, target)
        assert config.set_compute_capability(chosen, 0)
        assert not config.set_compute_capability(chosen, 1)
    plan = machine.builder.build_serialized_network(network, config)
    assert (machine.load(plan)[1] is not None) == loads


def test_another_gpu_is_refused_or_warned_of(ten):
    plan = bytes(ten.build(tiny()))
    ada = Machine("10.3.0", compute_capability=(8, 9))
    assert ada.load(plan)[1] is None
    assert "expecting compute 8.9 got compute 8.7, please rebuild." in ada.errors[-1]
    other = Machine("10.3.0", gpu_name="another")
    assert other.load(plan)[1] is not None
    assert other.log._lines[-1][0] == "WARNING"
    assert "different models of devices is not recommended" in other.log._lines[-1][1]
    level = ten.trt.HardwareCompatibilityLevel.AMPERE_PLUS
    plan = bytes(ten.build(tiny(), hardware_compatibility_level=level))
    assert ada.load(plan)[1] is not None


def test_an_engine_tells_of_its_tensors(machine):
    _runtime, engine = machine.load(machine.build(tiny()))
    assert [engine.get_tensor_name(n) for n in range(engine.num_io_tensors)] == [INPUT, OUTPUT]
    modes = machine.trt.TensorIOMode
    assert engine.get_tensor_mode(INPUT) == modes.INPUT
    assert engine.get_tensor_mode("other") == modes.NONE
    assert engine.get_tensor_location(INPUT) == machine.trt.TensorLocation.DEVICE
    assert engine.get_tensor_profile_shape(OUTPUT, 0) == []
    assert engine.hardware_compatibility_level == machine.trt.HardwareCompatibilityLevel.NONE
    assert engine.profiling_verbosity == machine.trt.ProfilingVerbosity.LAYER_NAMES_ONLY
    assert (engine.num_optimization_profiles, engine.refittable) == (1, False)
    assert engine.get_tensor_dtype(OUTPUT) == machine.trt.float32
    assert tuple(engine.get_tensor_shape(OUTPUT)) == (-1, 9, 17, 3)
    shapes = engine.get_tensor_profile_shape(INPUT, 0)
    assert [tuple(shape) for shape in shapes] == [(size, 9, 17, 3) for size in (1, 2, 4)]


def test_the_inspector_tells_what_was_asked_for(machine):
    silent = machine.trt.ProfilingVerbosity.NONE
    told = information(machine, machine.build(tiny(), profiling_verbosity=silent))
    assert set(told["Layers"]) == {""}
    told = information(machine, machine.build(tiny()))
    tensors = "I/O Tensors" if machine.trt.__version__[:2] == "11" else "Bindings"
    assert told.keys() == {"Layers", tensors}
    assert told["Layers"][-1] == "node_of_poses"
    detailed = machine.trt.ProfilingVerbosity.DETAILED
    told = information(machine, machine.build(tiny(), profiling_verbosity=detailed))
    last = told["Layers"][-1]
    assert last["Metadata"] == "[ONNX Layer: node_of_poses]"
    assert last["Outputs"] == [
        {
            "Name": OUTPUT,
            "Location": "Device",
            "Dimensions": [-1, 9, 17, 3],
            "Format/Datatype": "Row major linear FP32",
        }
    ]


def test_the_inspector_tells_in_lines_too(ten):
    _runtime, engine = ten.load(ten.build(tiny()))
    form = ten.trt.LayerInformationFormat.ONELINE
    told = engine.create_engine_inspector().get_engine_information(form)
    assert told.split("\n")[-5:] == ["node_of_poses", "", "Bindings:", INPUT, OUTPUT]


def test_attention_is_one_layer(ten):
    model = model_of(
        [
            node("MatMul", "q k", "s", name="scores"),
            node("Softmax", "s", "p", name="softmax"),
            node("MatMul", "p v", "y", name="mix"),
        ],
        {"q": (4, 8), "k": (8, 4), "v": (4, 8)},
    )
    detailed = ten.trt.ProfilingVerbosity.DETAILED
    told = information(ten, ten.build(model, profiling_verbosity=detailed))
    (layer,) = (found for found in told["Layers"] if found["LayerType"] == "Myelin")
    assert layer["Name"] == "{ForeignNode[scores...mix]}"
    assert re.findall(r"ONNX Layer: (\w+)", layer["Metadata"]) == ["scores", "softmax", "mix"]


# running


def test_it_computes_what_the_model_computes(machine):
    runtime, engine = machine.load(machine.build(tiny()))
    context, stream = engine.create_execution_context(), machine.stream()
    for count in (1, 4):
        given = windows(count, seed=count)
        _, output = machine.bind(context, given)
        assert tuple(context.get_tensor_shape(OUTPUT)) == given.shape
        assert context.execute_async_v3(stream)
        assert np.isnan(machine.see(output, given.shape)).all()
        machine.cuda.cudaStreamSynchronize(stream)
        np.testing.assert_allclose(machine.see(output, given.shape), answer(given), atol=1e-5)
    del context, engine, runtime
    assert machine.gpu.misuse == []
    assert machine.gpu.live()["TensorRT"] == 0


def test_a_graph_replays_an_engine_at_its_addresses(machine):
    _runtime, engine = machine.load(machine.build(tiny()))
    context, stream = engine.create_execution_context(), machine.stream()
    source, output = machine.bind(context, windows(2))
    assert context.execute_async_v3(stream)
    machine.cuda.cudaStreamBeginCapture(
        stream, machine.cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    )
    assert context.execute_async_v3(stream)
    _, graph = machine.cuda.cudaStreamEndCapture(stream)
    _, execution = machine.cuda.cudaGraphInstantiateWithFlags(graph, 0)
    for seed in (1, 2):
        given = windows(2, seed)
        machine.see(source, given.shape)[:] = given
        machine.cuda.cudaGraphLaunch(execution, stream)
        machine.cuda.cudaStreamSynchronize(stream)
        np.testing.assert_allclose(machine.see(output, given.shape), answer(given), atol=1e-5)
    assert machine.gpu.misuse == []
    del context
    machine.cuda.cudaGraphLaunch(execution, stream)
    assert machine.cuda.cudaStreamSynchronize(stream)[0].name == "cudaErrorIllegalAddress"
    assert "a destroyed TensorRT context was run" in machine.gpu.misuse[-1]


def test_a_run_needs_shapes_addresses_and_room(ten):
    _runtime, engine = ten.load(ten.build(tiny()))
    context, stream = engine.create_execution_context(), ten.stream()
    assert list(context.infer_shapes()) == [INPUT]
    assert not context.execute_async_v3(stream)
    assert "allInputDimensionsSpecified" in ten.errors[-1]
    assert not context.set_input_shape(INPUT, (5, 9, 17, 3))
    assert "Valid range for profile 0: [1,9,17,3]..[4,9,17,3]." in ten.errors[-1]
    assert not context.set_input_shape(INPUT, (2, 8, 17, 3))
    assert "Static dimension mismatch" in ten.errors[-1]
    assert context.set_input_shape(INPUT, (2, 9, 17, 3))
    assert not context.execute_async_v3(stream)
    assert f"Address is not set for tensor {INPUT}" in ten.errors[-1]
    assert not context.set_tensor_address("other", 256)
    context.set_tensor_address(INPUT, ten.memory(3672))
    context.set_tensor_address(OUTPUT, ten.memory(8))
    assert not context.execute_async_v3(stream)
    assert "3672 bytes from byte 0 of 8 bytes" in ten.gpu.misuse[0]


def test_names_are_those_of_the_engine(ten):
    _runtime, _engine, context, (source, _) = ready(ten)
    assert context.get_tensor_address(INPUT) == source
    assert not context.set_input_shape(OUTPUT, (1, 9, 17, 3))
    assert tuple(context.get_tensor_shape("other")) == ()
    assert not context.set_optimization_profile_async(1, ten.stream())
    assert context.active_optimization_profile == 0
    assert len(ten.errors) == 3


def test_the_default_stream_is_warned_of(ten):
    _runtime, _engine, context, _ = ready(ten)
    assert context.execute_async_v3(0)
    ten.cuda.cudaStreamSynchronize(0)
    assert "Using default stream in enqueueV3()" in ten.log._lines[-1][1]


def test_a_run_that_fails_breaks_the_device(ten):
    _runtime, _engine, context, _ = ready(ten)
    context._plan.model.graph.node[0].op_type = "NoSuchOperator"
    stream = ten.stream()
    assert context.execute_async_v3(stream)
    assert ten.cuda.cudaStreamSynchronize(stream)[0].name == "cudaErrorLaunchFailure"
    assert "the engine failed" in ten.gpu.misuse[0]


def test_memory_must_live_until_the_run_is_done(ten):
    _runtime, _engine, context, (source, _) = ready(ten)
    stream = ten.stream()
    assert context.execute_async_v3(stream)
    ten.cuda.cudaFree(source)
    assert "was freed before a run of TensorRT was done" in ten.gpu.misuse[0]
    assert ten.cuda.cudaStreamSynchronize(stream)[0].name == "cudaErrorIllegalAddress"


def test_addresses_are_aligned(ten):
    _runtime, _engine, context, (source, _) = ready(ten)
    context.set_tensor_address(INPUT, source + 4)
    assert "is not aligned to 256 bytes" in ten.gpu.misuse[0]


def test_a_first_run_is_not_captured(ten):
    _runtime, _engine, context, _ = ready(ten)
    stream = ten.stream()
    ten.cuda.cudaStreamBeginCapture(stream, ten.cuda.cudaStreamCaptureMode(1))
    assert not context.execute_async_v3(stream)
    assert ten.cuda.cudaStreamEndCapture(stream)[0].name == "cudaErrorStreamCaptureInvalidated"
    assert "before it had run with its shapes" in ten.gpu.misuse[0]


def test_a_context_is_of_one_thread_and_stream_at_a_time(ten):
    _runtime, _engine, context, _ = ready(ten)
    assert context.execute_async_v3(ten.stream())
    assert context.execute_async_v3(ten.stream())
    assert ten.gpu.misuse == ["a context ran in two streams at once"]
    thread = threading.Thread(target=context.set_input_shape, args=(INPUT, (1, 9, 17, 3)))
    thread.start()
    thread.join()
    assert ten.gpu.misuse[1:] == ["a context was used by a thread while it ran for another"]


def test_threads_in_one_context_are_noticed(ten):
    _runtime, _engine, context, _ = ready(ten)
    context._entered.acquire()  # as the other thread has it
    assert not context.execute_async_v3(ten.stream())
    assert ten.gpu.misuse == ["a context was used by two threads at once"]


def test_the_order_of_freeing_counts(ten):
    runtime, engine, context, _ = ready(ten)
    del runtime
    assert ten.gpu.misuse == ["a TensorRT runtime was destroyed before 1 engine of it"]
    del engine
    assert ten.gpu.misuse[1:] == ["a TensorRT engine was destroyed before 1 context of it"]
    assert context.engine is None
    context.execute_async_v3(ten.stream())
    assert ten.gpu.misuse[2:] == ["a context was used after its engine was destroyed"]
    del context
    assert ten.gpu.misuse[3:] == ["a context was destroyed before its work was done"]
    assert [line for line in ten.gpu.leaks() if "TensorRT" in line] == []


def test_contexts_and_engines_take_memory(ten):
    plan = ten.build(tiny())
    _runtime, engine = ten.load(plan)
    assert sum("TensorRT engine" in line for line in ten.gpu.leaks()) == 1
    ten.gpu.fail["create_execution_context"] = "cudaErrorMemoryAllocation"
    assert engine.create_execution_context() is None
    ten.gpu.fail["deserialize_cuda_engine"] = "cudaErrorMemoryAllocation"
    assert ten.load(plan)[1] is None
    assert "OutOfMemory" in ten.errors[-1]


@pytest.mark.parametrize(("version", "shared"), [("8.6.1", False), ("10.3.0", True)])
def test_contexts_share_a_profile_since_ten(version, shared):
    machine = Machine(version)
    _runtime, engine = machine.load(machine.build(tiny()))
    first, second = (engine.create_execution_context() for _ in range(2))
    stream = machine.stream()
    assert first.set_optimization_profile_async(0, stream)
    assert second.set_optimization_profile_async(0, stream) == shared
    assert second.set_input_shape(INPUT, (2, 9, 17, 3)) == shared
    assert not first.set_optimization_profile_async(1, stream)


def test_another_profile_has_other_shapes(ten):
    network, _ = ten.network(tiny())
    config = ten.builder.create_builder_config()
    for size in (1, 3):
        profile = ten.builder.create_optimization_profile()
        profile.set_shape(INPUT, *[(size, 9, 17, 3)] * 3)
        config.add_optimization_profile(profile)
    _runtime, engine = ten.load(ten.builder.build_serialized_network(network, config))
    context = engine.create_execution_context()
    assert context.set_input_shape(INPUT, (1, 9, 17, 3))
    assert context.set_optimization_profile_async(1, ten.stream())
    assert list(context.infer_shapes()) == [INPUT]
    assert not context.set_input_shape(INPUT, (1, 9, 17, 3))
    assert context.set_input_shape(INPUT, (3, 9, 17, 3))


def test_fixed_shapes_need_no_profile(ten):
    _runtime, engine = ten.load(ten.build(one("Relu")))
    context = engine.create_execution_context()
    assert context.infer_shapes() == []
    assert context.set_input_shape("x", (2, 4))
    assert [tuple(shape) for shape in engine.get_tensor_profile_shape("x", 0)] == [(2, 4)] * 3


def test_a_profiler_is_told_of_every_layer(ten):
    class Profiler(ten.trt.IProfiler):
        def __init__(self):
            super().__init__()
            self.times = {}

        def report_layer_time(self, layer, ms):
            self.times[layer] = ms

    _runtime, engine, context, _ = ready(ten)
    context.profiler = Profiler()
    assert context.execute_async_v3(ten.stream())
    assert len(context.profiler.times) == engine.num_layers
    assert min(context.profiler.times.values()) > 0


def test_a_plan_without_weights_runs_when_they_are_put_in(ten, tmp_path):
    path = tmp_path / "wide.onnx"
    weight = np.eye(32, dtype=np.float32)
    model = model_of([node("MatMul", "x w", "y")], {"x": (2, 32)}, {"w": weight})
    onnx.save(model, path)
    plan = ten.build(model, "STRIP_PLAN")
    assert plan.nbytes < ten.build(model).nbytes - weight.nbytes / 2
    _runtime, engine = ten.load(plan)
    context, stream = engine.create_execution_context(), ten.stream()
    source, output = ten.memory(256), ten.memory(256)
    ten.see(source, (2, 32))[:] = 2
    for name, address in (("x", source), ("y", output)):
        context.set_tensor_address(name, address)
    assert not context.execute_async_v3(stream)
    refitter = ten.trt.Refitter(engine, ten.log)
    assert refitter.get_missing_weights() == ["w"]
    assert not refitter.refit_cuda_engine()
    reader = ten.trt.OnnxParserRefitter(refitter, ten.log)
    assert not reader.refit_from_file(str(tmp_path / "none.onnx"))
    assert not reader.refit_from_bytes(b"junk")
    assert reader.refit_from_file(str(path))
    assert refitter.refit_cuda_engine()
    assert context.execute_async_v3(stream)
    ten.cuda.cudaStreamSynchronize(stream)
    assert ten.see(output, (2, 32)).min() == 2


def test_an_engine_that_was_not_built_for_it_is_not_refitted(ten):
    _runtime, engine = ten.load(ten.build(tiny()))
    with pytest.raises(TypeError, match="factory function returned nullptr"):
        ten.trt.Refitter(engine, ten.log)
