"""Execution contexts: they give the GPU work, which is done by onnxruntime."""

import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np

from stand_ins.bindings import setting, takes
from stand_ins.memory import Fault
from stand_ins.streams import Operation
from stand_ins.trt_shapes import Shapes

DEFAULT_STREAM = (
    "Using default stream in enqueueV3() may lead to performance issues due to additional calls to "
    "cudaStreamSynchronize() by TensorRT to ensure correct synchronization. Please use non-default "
    "stream instead."
)
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


class IExecutionContext(Shapes):
    """The state of one run at a time."""

    def _init(self, engine, block):
        self._settings, self._engine = {}, weakref.ref(engine)
        self._plan, self._logger, self._block = engine._plan, engine._logger, block
        self._shapes, self._addresses = {}, {}
        self._warm, self._profile = False, -1
        self._flight = SimpleNamespace(stream=None, thread=None, count=0)
        self._entered = threading.Lock()
        if not self._others_with(0):
            self._profile = 0
        return self

    profiler = setting("profiler", "IProfiler|None", None)

    @property
    def engine(self):
        return self._engine()

    @property
    def active_optimization_profile(self):
        return self._profile

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

    def _execute(self, handle):
        gpu = self._lib.gpu
        if self._engine() is None:
            gpu.misuse.append("a context was used after its engine was destroyed")
        if not self._is_ready():
            return False
        stream = gpu.get("stream", handle, "execute")
        if stream.capture and not self._may_capture(stream):
            return False
        if handle == 0:
            self._lib.log(self._logger, "WARNING", DEFAULT_STREAM)
        self._touch(handle)
        gpu.enqueue(handle, self._operation(handle, counted=stream.capture is None))
        self._warm = self._warm or stream.capture is None
        if self.profiler is not None:
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
            self._lib.gpu.check_context(self._lib.gpu.memory.find(address), name)
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
            self._lib.gpu.reclaim(self._block)


def _run(plan, spans, shapes):
    """Read the inputs, run the graph, write the outputs."""
    memory, feed = plan.library.gpu.memory, {}
    for name, address, size in spans:
        view = memory.view(address, size, f"TensorRT's {name}")
        if plan.tensors[name]["input"]:
            feed[name] = view.view(NUMPY[plan.tensors[name]["dtype"]]).reshape(shapes[name])
    try:
        made = plan.run(feed)
    except Exception as error:  # of onnxruntime, whose errors share no base
        raise Fault("cudaErrorLaunchFailure", f"the engine failed: {error}") from error
    for name, address, size in spans:
        if name in made:
            array = np.ascontiguousarray(made[name].astype(NUMPY[plan.tensors[name]["dtype"]]))
            memory.view(address, size, f"TensorRT's {name}")[:] = array.reshape(-1).view(np.uint8)
