"""The runtime: engines of plans, if version and GPU are those that they were built for."""

import onnx
import onnxruntime
from onnx import shape_inference

from stand_ins.bindings import setting, takes
from stand_ins.memory import Fault
from stand_ins.trt_basics import host_memory
from stand_ins.trt_builder import start
from stand_ins.trt_plan import Unreadable, pack, unpack, with_weights

MAGIC = "Serialization assertion plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed."
SIZE = "Assertion bufferSize >= minBufferSize failed. "
OTHER_MODEL = (
    "Using an engine plan file across different models of devices is not recommended and is likely "
    "to affect performance or even cause errors."
)


class Refused(Exception):
    """A plan that is not taken: number and kind of the error, and its text."""

    def __init__(self, code, kind, text):
        super().__init__(text)
        self.code, self.kind = code, kind


class Plan:
    """What an engine and its contexts share.

    Attributes:
        header: see `trt_builder`.
        tensors: name, dtype, shape and whether it is an input, by name.
    """

    def __init__(self, library, header, graph):
        self.library, self.header = library, header
        self.model = onnx.load_from_string(graph)
        self.missing = set(header["stripped"])
        self.device = library.gpu.device
        self.tensors = {
            tensor["name"]: {**tensor, "input": kind == "inputs"}
            for kind in ("inputs", "outputs")
            for tensor in header[kind]
        }
        self._session, self._inferred = None, {}

    def run(self, feed):
        """Arrays of the outputs, by name."""
        if self._session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 3
            self._session = onnxruntime.InferenceSession(
                self.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        types = {value.name: value.type for value in self._session.get_inputs()}
        wide = {
            name: array.astype("int64") if types[name] == "tensor(int64)" else array
            for name, array in feed.items()
        }
        names = [tensor["name"] for tensor in self.header["outputs"]]
        return dict(zip(names, self._session.run(names, wide), strict=True))

    def output_shapes(self, shapes):
        """Shapes of the outputs for shapes of the inputs, by name."""
        key = str(sorted(shapes.items()))
        if key not in self._inferred:
            self._inferred[key] = _infer(self.model, shapes)
        return self._inferred[key]

    def refit(self, weights):
        """Exchange weights."""
        with_weights(self.model, weights)
        self.missing -= set(weights)
        self._session = None

    @property
    def weight_bytes(self):
        return max(256, sum(len(t.raw_data) for t in self.model.graph.initializer))

    @property
    def free(self):
        """Whether a shape is free."""
        return any(-1 in tensor["shape"] for tensor in self.tensors.values() if tensor["input"])


def _infer(model, shapes):
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        for size, dim in zip(shapes[value.name], value.type.tensor_type.shape.dim, strict=True):
            dim.dim_value = size
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    graph = shape_inference.infer_shapes(fixed, data_prop=True).graph
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in graph.output
    }


class Runtime:
    """Makes engines of plans."""

    @takes("ILogger")
    def __init__(self, logger):
        self._logger, self._settings = logger, {}
        start(self._lib, logger)
        self._lib.lives.born(self, "a TensorRT runtime")

    DLA_core = setting("DLA_core", "int", -1)
    max_threads = setting("max_threads", "int", 1)
    engine_host_code_allowed = setting("engine_host_code_allowed", "bool", False)
    temporary_directory = setting("temporary_directory", "str", "")
    error_recorder = setting("error_recorder", "any", None)
    gpu_allocator = setting("gpu_allocator", "any", None)

    @property
    def logger(self):
        return self._logger

    @property
    def num_DLA_cores(self):
        return self._lib.dla_cores

    @takes("buffer")
    def deserialize_cuda_engine(self, serialized_engine):
        try:
            with self._lib.gpu.called("deserialize_cuda_engine"):
                return self._engine(serialized_engine)
        except Refused as error:
            method = "IRuntime::deserializeCudaEngine"
            self._lib.complain(self._logger, method, error.code, error.kind, str(error))
        except Fault as fault:
            text = f"Requested size was not available: {fault}"
            method = "IRuntime::deserializeCudaEngine"
            self._lib.complain(self._logger, method, 2, "OutOfMemory", text)
        return None

    @takes("buffer")
    def get_engine_validity(self, buffer):
        validity = self._lib.trt.EngineValidity
        try:
            unpack(buffer, rtx=True)
        except Unreadable:
            return validity.INVALID, 0
        return validity.VALID, 0

    def __del__(self):
        if hasattr(self, "_settings"):
            self._lib.lives.died(self, "engine")

    def _engine(self, data):
        try:
            header, graph = unpack(data, self._lib.rtx)
            self._check_version(header)
            self._check_gpu(header)
            plan = Plan(self._lib, header, graph)
        except Unreadable as error:
            raise Refused(1, "Serialization", MAGIC if error.reason == "magic" else SIZE) from error
        except (onnx.onnx_cpp2py_export.checker.ValidationError, Exception) as error:
            if isinstance(error, Refused):
                raise
            raise Refused(1, "Serialization", f"Serialization assertion failed. {error}") from error
        block = self._lib.gpu.allocate("device", plan.weight_bytes, "a TensorRT engine")
        made = object.__new__(self._lib.trt.ICudaEngine)._init(plan, self._logger, block)
        self._lib.lives.born(made, "a TensorRT engine", self)
        return made

    def _check_version(self, header):
        here, there = self._lib.full_version, header["version"]
        compatible = "VERSION_COMPATIBLE" in header["flags"]
        if compatible and not self.engine_host_code_allowed:
            text = (
                "Plan contains host code, which is not allowed; see "
                "IRuntime::setEngineHostCodeAllowed."
            )
            raise Refused(6, "API Usage Error", text)
        if here == there or (compatible and _is_later(here, there)):
            return
        raise Refused(
            6,
            "API Usage Error",
            "The engine plan file is not compatible with this version of TensorRT, expecting "
            f"library version {here} got {there}, please rebuild.",
        )

    def _check_gpu(self, header):
        if self._lib.rtx:
            return
        device = self._lib.gpu.devices[self._lib.gpu.device]
        here, there = list(device.compute_capability), header["compute_capability"]
        if header["hardware"] == "AMPERE_PLUS" and here >= [8, 0] and there >= [8, 0]:
            return
        if here != there:
            raise Refused(
                6,
                "API Usage Error",
                "The engine plan file is generated on an incompatible device, expecting compute "
                f"{here[0]}.{here[1]} got compute {there[0]}.{there[1]}, please rebuild.",
            )
        if device.name != header["gpu"] and header["hardware"] == "NONE":
            self._lib.log(self._logger, "WARNING", OTHER_MODEL)


def _is_later(here, there):
    """A version-compatible plan runs in later versions of its major, and in the next but 9."""
    mine, its = ([int(n) for n in v.split(".")[:2]] for v in (here, there))
    following = {8: 10, 10: 11}.get(its[0])
    return mine >= its if mine[0] == its[0] else mine[0] == following


class ICudaEngine:
    """An engine."""

    def _init(self, plan, logger, block):
        self._plan, self._logger, self._block = plan, logger, block
        self._settings = {}
        return self

    error_recorder = setting("error_recorder", "any", None)

    @property
    def name(self):
        return "Unnamed Network 0"

    @property
    def num_io_tensors(self):
        return len(self._plan.tensors)

    @property
    def num_layers(self):
        return len(self._plan.header["layers"])

    @property
    def num_optimization_profiles(self):
        return max(1, len(self._plan.header["profiles"]))

    @property
    def refittable(self):
        return bool({"REFIT", "STRIP_PLAN", "REFIT_IDENTICAL"} & set(self._plan.header["flags"]))

    @property
    def device_memory_size(self):
        return 1024

    device_memory_size_v2 = device_memory_size

    @property
    def hardware_compatibility_level(self):
        levels = self._lib.trt.HardwareCompatibilityLevel
        return getattr(levels, self._plan.header["hardware"])

    @property
    def profiling_verbosity(self):
        return getattr(self._lib.trt.ProfilingVerbosity, self._plan.header["verbosity"])

    @property
    def num_aux_streams(self):
        return 0

    @property
    def has_implicit_batch_dimension(self):
        return False

    @takes("size")
    def get_tensor_name(self, index):
        return list(self._plan.tensors)[index]

    @takes("str")
    def get_tensor_mode(self, name):
        modes = self._lib.trt.TensorIOMode
        tensor = self._tensor(name, "getTensorIOMode")
        return modes.NONE if tensor is None else modes.INPUT if tensor["input"] else modes.OUTPUT

    @takes("str")
    def get_tensor_shape(self, name):
        tensor = self._tensor(name, "getTensorShape")
        return self._lib.dims(tensor["shape"] if tensor else [])

    @takes("str")
    def get_tensor_dtype(self, name):
        tensor = self._tensor(name, "getTensorDataType")
        return self._lib.trt.DataType._members[tensor["dtype"] if tensor else "FLOAT"]

    @takes("str")
    def get_tensor_location(self, name):
        self._tensor(name, "getTensorLocation")
        return self._lib.trt.TensorLocation.DEVICE

    @takes("str")
    def get_tensor_format(self, name):
        self._tensor(name, "getTensorFormat")
        return self._lib.trt.TensorFormat.LINEAR

    @takes("str")
    def is_shape_inference_io(self, name):
        self._tensor(name, "isShapeInferenceIO")
        return False

    @takes("str", "size")
    def get_tensor_profile_shape(self, name, profile_index):
        tensor = self._tensor(name, "getProfileShape")
        if tensor is None or not tensor["input"]:
            return []
        profiles = self._plan.header["profiles"]
        ranges = profiles[profile_index].get(name) if profiles else None
        return [self._lib.dims(list(shape)) for shape in ranges or [tensor["shape"]] * 3]

    @takes("any")
    def create_execution_context(self, strategy=None):
        return self._lib.new_context(self)

    def create_engine_inspector(self):
        made = object.__new__(self._lib.trt.EngineInspector)
        return made._init(self._plan)

    def create_runtime_config(self):
        return object.__new__(self._lib.trt.IRuntimeConfig)._init()

    def serialize(self):
        data = pack(self._plan.header, self._plan.model, self._lib.rtx)
        return host_memory(self._lib, data)

    def _tensor(self, name, method):
        tensor = self._plan.tensors.get(name)
        if tensor is None:
            text = f"Parameter check failed, condition: {name} is a tensor of the engine."
            self._lib.complain(self._logger, f"ICudaEngine::{method}", 3, "API Usage Error", text)
        return tensor

    def __del__(self):
        if hasattr(self, "_plan"):
            self._lib.lives.died(self, "context")
            self._lib.gpu.memory.free("device", self._block)
