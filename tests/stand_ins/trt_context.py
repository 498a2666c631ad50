"""Execution contexts: they give the GPU work, which is done by onnxruntime."""

import threading
import time
from types import SimpleNamespace

import numpy as np

from stand_ins.bindings import setting, takes
from stand_ins.memory import Fault
from stand_ins.streams import Operation

NUMPY = {"FLOAT": "f4", "HALF": "f2", "INT8": "i1", "UINT8": "u1", "INT32": "i4", "INT64": "i8"}
NUMPY["BOOL"] = "?"


def new_context(library, engine):
    """What `create_execution_context` gives."""
    gpu = library.gpu
    try:
        with gpu.called("create_execution_context"):
            block = gpu.allocate("device", 1024, "a TensorRT context")
    except Fault as fault:
        text = f"Requested size was 1024 bytes: {fault}"
        library.complain(
            engine._logger, "ICudaEngine::createExecutionContext", 2, "OutOfMemory", text
        )
        return None
    made = object.__new__(library.trt.IExecutionContext)._init(engine, block)
    library.lives.born(made, "a TensorRT context", engine)
    return made


class IExecutionContext:
    """The state of one run at a time."""

    def _init(self, engine, block):
        import weakref

        self._settings, self._engine = {}, weakref.ref(engine)
        self._plan, self._logger, self._block = engine._plan, engine._logger, block
        self._shapes, self._addresses = {}, {}
        self._profile, self._warm, self._last = self._first_profile(engine), False, None
        self._flight = SimpleNamespace(stream=None, thread=None, count=0)
        self._entered = threading.Lock()
        return self

    def _first_profile(self, engine):
        """Before 10 contexts of an engine could not share a profile unless asked."""
        shared = self._plan.header["previews"].get("PROFILE_SHARING_0806")
        if self._lib.version >= (10,) or self._lib.rtx or shared or not self._plan.free:
            return 0
        taken = self._lib.lives.dependants(engine)
        if any(context._profile == 0 for context in taken):
            text = (
                "Profile 0 has been chosen by another IExecutionContext. Use another profileIndex "
                "or destroy the IExecutionContext that use this profile."
            )
            self._complain("setOptimizationProfileInternal", text, "Internal Error")
            return -1
        return 0

    name = setting("name", "str", "")
    debug_sync = setting("debug_sync", "bool", False)
    profiler = setting("profiler", "IProfiler|None", None)
    enqueue_emits_profile = setting("enqueue_emits_profile", "bool", True)
    error_recorder = setting("error_recorder", "any", None)
    persistent_cache_limit = setting("persistent_cache_limit", "size", 0)

    @property
    def engine(self):
        return self._engine()

    @property
    def active_optimization_profile(self):
        return self._profile

    @property
    def all_binding_shapes_specified(self):
        return not self._unset()

    @takes("size", "int")
    def set_optimization_profile_async(self, profile_index, stream_handle):
        if profile_index >= max(1, len(self._plan.header["profiles"])):
            self._complain("setOptimizationProfileAsync", f"there is no profile {profile_index}.")
            return False
        if profile_index != self._profile:
            self._profile, self._warm = profile_index, False
            self._shapes.clear()
        return True

    @takes("str", "shape")
    def set_input_shape(self, name, shape):
        self._touch()
        tensor, wanted = self._plan.tensors.get(name), tuple(shape)
        if tensor is None or not tensor["input"]:
            self._complain("setInputShape", f"{name} is no input tensor.")
            return False
        if not self._fits(tensor, wanted):
            return False
        if self._shapes.get(name) != wanted:
            self._warm = False
        self._shapes[name] = wanted
        return True

    def _fits(self, tensor, wanted):
        fixed = tensor["shape"]
        same = len(fixed) == len(wanted)
        if not same or any(f not in (-1, size) for f, size in zip(fixed, wanted, strict=True)):
            text = (
                "Parameter check failed, condition: engineDims.d[i] == dims.d[i]. Static dimension "
                f"mismatch while setting input shape for {tensor['name']}. Set dimensions are "
                f"{_text(wanted)}. Expected dimensions are {_text(fixed)}."
            )
            self._complain("setInputShape", text)
            return False
        profiles = self._plan.header["profiles"]
        if not profiles or -1 not in fixed:
            return True
        low, _, high = profiles[self._profile][tensor["name"]] if self._profile >= 0 else (0, 0, 0)
        if self._profile >= 0 and all(
            a <= size <= b for a, size, b in zip(low, wanted, high, strict=True)
        ):
            return True
        text = (
            f"Parameter check failed, condition: satisfyProfile. Set dimension {_text(wanted)} for "
            f"tensor {tensor['name']} does not satisfy any optimization profiles. Valid range for "
            f"profile 0: {_text(low)}..{_text(high)}."
        )
        self._complain("setInputShape", text)
        return False

    @takes("str")
    def get_tensor_shape(self, name):
        tensor = self._plan.tensors.get(name)
        if tensor is None:
            self._complain("getTensorShape", f"{name} is no tensor of the engine.")
            return self._lib.dims([])
        return self._lib.dims(list(self._shape_of(tensor)))

    def _shape_of(self, tensor):
        if tensor["input"]:
            return self._shapes.get(tensor["name"], tuple(tensor["shape"]))
        if -1 not in tensor["shape"] or self._unset():
            return tuple(tensor["shape"])
        return self._plan.output_shapes(self._input_shapes())[tensor["name"]]

    def _input_shapes(self):
        inputs = [tensor for tensor in self._plan.tensors.values() if tensor["input"]]
        return {tensor["name"]: self._shape_of(tensor) for tensor in inputs}

    def _unset(self):
        return [name for name, shape in self._input_shapes().items() if -1 in shape]

    def infer_shapes(self):
        return self._unset()

    # addresses

    @takes("str", "int")
    def set_tensor_address(self, name, memory):
        self._touch()
        if name not in self._plan.tensors:
            self._complain("setTensorAddress", f"{name} is no tensor of the engine.")
            return False
        if memory % 256:
            self._lib.gpu.misuse.append(f"{name}: address {memory:#x} is not aligned to 256 bytes")
        self._addresses[name] = memory
        return True

    @takes("str")
    def get_tensor_address(self, name):
        return self._addresses.get(name, 0)

    # running

    @takes("int")
    def execute_async_v3(self, stream_handle):
        if not self._entered.acquire(blocking=False):
            self._lib.gpu.misuse.append("a context was used by two threads at once")
            return False
        try:
            time.sleep(0)  # lets the other thread in, if there is one
            with self._lib.gpu.called("execute_async_v3"):
                return self._execute(stream_handle)
        except Fault as fault:
            self._complain("enqueueV3", str(fault), "Cuda Runtime", 1)
            return False
        finally:
            self._entered.release()

    def report_to_profiler(self):
        if self.profiler is None or self._last is None:
            return False
        self._report(self.profiler)
        return True

    def _execute(self, handle):
        gpu = self._lib.gpu
        if self._engine() is None:
            gpu.misuse.append("a context was used after its engine was destroyed")
        if not self._is_ready():
            return False
        stream = gpu.get("stream", handle, "execute")
        if stream.capture and not self._may_capture(stream):
            return False
        self._touch(handle)
        gpu.enqueue(handle, self._operation(handle, counted=stream.capture is None))
        self._warm = self._warm or stream.capture is None
        if self.profiler is not None and self.enqueue_emits_profile:
            gpu.synchronize(handle)
            self._report(self.profiler)
        return True

    def _is_ready(self):
        if self._plan.missing:
            self._complain("enqueueV3", f"weights are missing: {sorted(self._plan.missing)}")
            return False
        if self._unset():
            text = "Parameter check failed, condition: allInputDimensionsSpecified(routine)."
            self._complain("enqueueV3", text)
            return False
        for name in self._plan.tensors:
            if not self._addresses.get(name):
                text = (
                    f"Address is not set for tensor {name}. Call setTensorAddress before "
                    "enqueue/execute."
                )
                self._complain("enqueueV3", text)
                return False
        for name, address, size in self._spans():
            self._lib.gpu.memory.view(address, size, f"execute with {name}")
        return True

    def _may_capture(self, stream):
        if self._warm and self.profiler is None:
            return True
        stream.capture.valid = False
        self._lib.gpu.misuse.append(
            "a context was captured before it had run with its shapes, or with a profiler"
        )
        return False

    def _spans(self):
        for name, tensor in self._plan.tensors.items():
            shape = self._shape_of(tensor)
            size = int(np.prod(shape)) * np.dtype(NUMPY[tensor["dtype"]]).itemsize
            yield name, self._addresses[name], size

    def _operation(self, handle, counted):
        import weakref

        spans, shapes = list(self._spans()), self._input_shapes()
        plan, alive, flight = self._plan, weakref.ref(self), self._flight
        if counted:
            flight.stream, flight.thread = handle, threading.get_ident()
            flight.count += 1

        def run():
            flight.count -= counted
            if alive() is None:
                raise Fault("cudaErrorIllegalAddress", "a destroyed TensorRT context was run")
            _run(plan, spans, shapes)
            alive()._last = True

        return Operation("a run of TensorRT", tuple(a for _, a, _ in spans), run)

    def _report(self, profiler):
        for layer in self._plan.header["layers"]:
            profiler.report_layer_time(layer["Name"], 0.01)

    def _touch(self, handle=None):
        """Notice what changes a context while it runs elsewhere."""
        flight = self._flight
        if flight.count and flight.thread != threading.get_ident():
            self._lib.gpu.misuse.append("a context was used by a thread while it ran for another")
        if flight.count and handle is not None and flight.stream != handle:
            self._lib.gpu.misuse.append("a context ran in two streams at once")

    def _complain(self, method, text, kind="API Usage Error", code=3):
        self._lib.complain(self._logger, f"IExecutionContext::{method}", code, kind, text)

    def __del__(self):
        if hasattr(self, "_block"):
            if self._flight.count and self._lib.gpu.sticky is None:
                self._lib.gpu.misuse.append("a context was destroyed before its work was done")
            self._lib.gpu.memory.free("device", self._block)


def _run(plan, spans, shapes):
    """Read the inputs, run the graph, write the outputs."""
    memory, feed = plan.library.gpu.memory, {}
    for name, address, size in spans:
        view = memory.view(address, size, f"TensorRT's {name}")
        if plan.tensors[name]["input"]:
            feed[name] = view.view(NUMPY[plan.tensors[name]["dtype"]]).reshape(shapes[name])
    made = plan.run(feed)
    for name, address, size in spans:
        if name in made:
            array = np.ascontiguousarray(made[name].astype(NUMPY[plan.tensors[name]["dtype"]]))
            memory.view(address, size, f"TensorRT's {name}")[:] = array.reshape(-1).view(np.uint8)


def _text(shape):
    return f"[{','.join(map(str, shape))}]"
