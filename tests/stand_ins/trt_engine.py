"""Engines: what is in a plan, and what they say of themselves."""

import onnx
import onnxruntime
from onnx import shape_inference

from stand_ins.bindings import takes
from stand_ins.trt_plan import with_weights


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


class ICudaEngine:
    """An engine."""

    def _init(self, plan, logger, block):
        self._plan, self._logger, self._block = plan, logger, block
        self._settings = {}
        return self

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
    def hardware_compatibility_level(self):
        return getattr(self._lib.trt.HardwareCompatibilityLevel, self._plan.header["hardware"])

    @property
    def profiling_verbosity(self):
        return getattr(self._lib.trt.ProfilingVerbosity, self._plan.header["verbosity"])

    @property
    def refittable(self):
        return bool({"REFIT", "STRIP_PLAN", "REFIT_IDENTICAL"} & set(self._plan.header["flags"]))

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

    def _tensor(self, name, method):
        tensor = self._plan.tensors.get(name)
        if tensor is None:
            text = f"Parameter check failed, condition: {name} is a tensor of the engine."
            self._lib.complain(self._logger, f"ICudaEngine::{method}", 3, "API Usage Error", text)
        return tensor

    def __del__(self):
        if hasattr(self, "_plan"):
            self._lib.lives.died(self, "context")
            self._lib.gpu.reclaim(self._block)
