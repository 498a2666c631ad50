"""`cuda.bindings.runtime`, without a GPU.

    cuda = make_cuda_runtime("Orin", (8, 7))
    err, address = cuda.cudaMalloc(1024)

Memory is memory of this process; streams run when somebody waits for them; what was done wrong is
in `cuda.gpu.misuse`, what was not freed in `cuda.gpu.leaks()`. See `stand_ins/gpu.py`.

Stricter than CUDA: pinned memory must not be passed off as device memory, nor the other way round,
and a stream must not be destroyed before its work is done.
"""

import functools
from types import ModuleType, SimpleNamespace

from stand_ins.cuda_names import (
    CONSTANTS,
    ENUMS,
    ERRORS,
    cudaError_t,
    cudaMemoryType,
    cudaStreamCaptureMode,
)
from stand_ins.gpu import Gpu
from stand_ins.memory import Fault
from stand_ins.streams import Device, Event, Stream

WAYS = [("pinned", "pinned"), ("device", "pinned"), ("pinned", "device"), ("device", "device")]
"""By kind of copy: what the destination and the source must be."""


class Handle:
    """An opaque pointer; an `int` of it is its number, and nothing else is."""

    def __init__(self, init_value=0):
        self._number = int(init_value)

    def __int__(self):
        return self._number

    def __eq__(self, other):
        return type(other) is type(self) and int(other) == self._number

    def __hash__(self):
        return self._number


HANDLES = {
    kind: type(name, (Handle,), {})
    for kind, name in {
        "stream": "cudaStream_t",
        "event": "cudaEvent_t",
        "graph": "cudaGraph_t",
        "graph execution": "cudaGraphExec_t",
    }.items()
}


def make_cuda_runtime(
    gpu_name="NVIDIA Orin",
    compute_capability=(8, 7),
    *,
    memory=8 << 30,
    devices=1,
    integrated=True,
    processors=8,
    driver=12060,
    runtime=12060,
    fail=(),
):
    """A module of its own GPU, which is `.gpu`.

    Args:
        gpu_name: as `cudaGetDeviceProperties` gives it.
        compute_capability: major and minor.
        memory: bytes of each device.
        devices: how many there are, all alike.
        integrated: whether the GPU shares the CPU's memory, as Jetson's do.
        processors: streaming multiprocessors.
        driver, runtime: versions of CUDA, 1000 * major + 10 * minor.
        fail: see `stand_ins.gpu.Gpu.fail`.
    """
    device = Device(gpu_name, compute_capability, memory, integrated, processors)
    functions = CudaRuntime(Gpu([device] * devices, dict(fail)), driver, runtime)
    module = ModuleType("cuda.bindings.runtime")
    module.gpu = functions.gpu
    for name in vars(CudaRuntime):
        if name.startswith("cuda"):
            setattr(module, name, getattr(functions, name))
    for kind in (*ENUMS, *HANDLES.values()):
        setattr(module, kind.__name__, kind)
    vars(module).update(CONSTANTS)
    return module


def answers(values=0):
    """Make a function answer as cuda-python does: an error code and `values` values."""

    def wrap(function):
        @functools.wraps(function)
        def call(self, *args, **kwargs):
            try:
                with self.gpu.called(function.__name__):
                    given = function(self, *args, **kwargs)
            except Fault as fault:
                return (getattr(cudaError_t, fault.code), *[None] * values)
            return (cudaError_t.cudaSuccess, *([given] if values == 1 else given or ()))

        return call

    return wrap


class CudaRuntime:
    """The functions, with the parameters that they have in cuda-python."""

    def __init__(self, gpu, driver, runtime):
        self.gpu = gpu
        self._driver, self._runtime = driver, runtime

    # devices

    @answers(1)
    def cudaGetDeviceCount(self):
        return len(self.gpu.devices)

    @answers()
    def cudaSetDevice(self, device):
        self.gpu.device = device

    @answers(1)
    def cudaGetDevice(self):
        return self.gpu.device

    @answers(1)
    def cudaGetDeviceProperties(self, device):
        if not 0 <= device < len(self.gpu.devices):
            raise Fault("cudaErrorInvalidDevice", f"properties of device {device}")
        found = self.gpu.devices[device]
        return SimpleNamespace(
            name=found.name.encode(),
            major=found.compute_capability[0],
            minor=found.compute_capability[1],
            totalGlobalMem=found.memory,
            integrated=int(found.integrated),
            multiProcessorCount=found.processors,
        )

    def cudaDriverGetVersion(self):
        return cudaError_t.cudaSuccess, self._driver

    def cudaRuntimeGetVersion(self):
        return cudaError_t.cudaSuccess, self._runtime

    def cudaGetErrorName(self, error):
        return cudaError_t.cudaSuccess, cudaError_t(error).name.encode()

    def cudaGetErrorString(self, error):
        return cudaError_t.cudaSuccess, ERRORS[cudaError_t(error).name][1].encode()

    @answers()
    def cudaDeviceSynchronize(self):
        self.gpu.synchronize_device()

    # memory

    @answers(1)
    def cudaMalloc(self, size):
        return self.gpu.allocate("device", size)

    @answers()
    def cudaFree(self, devPtr):
        self.gpu.release("device", devPtr)

    @answers(1)
    def cudaHostAlloc(self, size, flags):
        return self.gpu.allocate("pinned", size)

    @answers()
    def cudaFreeHost(self, ptr):
        self.gpu.release("pinned", ptr)

    @answers(2)
    def cudaMemGetInfo(self):
        total = self.gpu.devices[self.gpu.device].memory
        return total - self.gpu.memory.used(self.gpu.device), total

    @answers(1)
    def cudaPointerGetAttributes(self, ptr):
        block = self.gpu.memory.find(ptr)
        known = block is not None and block.live
        kind = {"device": "Device", "pinned": "Host"}[block.kind] if known else "Unregistered"
        return SimpleNamespace(
            type=getattr(cudaMemoryType, f"cudaMemoryType{kind}"),
            device=block.device if known else -1,
            devicePointer=ptr if known else 0,
            hostPointer=ptr if known and block.kind == "pinned" else 0,
        )

    @answers()
    def cudaMemcpyAsync(self, dst, src, count, kind, stream):
        ways = WAYS[kind] if kind < len(WAYS) else (None, None)
        self.gpu.copy(dst, src, count, ways, int(stream))

    # streams

    @answers(1)
    def cudaStreamCreateWithFlags(self, flags):
        stream = Stream(self.gpu.device, self.gpu.context, flags)
        return HANDLES["stream"](self.gpu.make("stream", stream))

    @answers()
    def cudaStreamSynchronize(self, stream):
        self.gpu.synchronize(int(stream))

    @answers()
    def cudaStreamQuery(self, stream):
        if self.gpu.get("stream", int(stream), "query").work:
            raise Fault("cudaErrorNotReady", "query")

    @answers()
    def cudaStreamDestroy(self, stream):
        self.gpu.drop("stream", int(stream))

    @answers()
    def cudaStreamWaitEvent(self, stream, event, flags):
        self.gpu.wait(int(stream), int(event))

    # events

    @answers(1)
    def cudaEventCreateWithFlags(self, flags):
        return HANDLES["event"](self.gpu.make("event", Event(flags)))

    @answers()
    def cudaEventRecord(self, event, stream):
        self.gpu.record(int(event), int(stream))

    @answers()
    def cudaEventSynchronize(self, event):
        self.gpu.finish(int(event))

    @answers()
    def cudaEventQuery(self, event):
        mark = self.gpu.get("event", int(event), "query").mark
        if mark and not mark.done:
            raise Fault("cudaErrorNotReady", "query")

    @answers()
    def cudaEventDestroy(self, event):
        self.gpu.drop("event", int(event))

    # graphs

    @answers()
    def cudaStreamBeginCapture(self, stream, mode):
        self.gpu.begin_capture(int(stream), cudaStreamCaptureMode(mode))

    @answers(1)
    def cudaStreamEndCapture(self, stream):
        return HANDLES["graph"](self.gpu.end_capture(int(stream)))

    @answers(1)
    def cudaGraphInstantiate(self, graph, flags):
        return HANDLES["graph execution"](self.gpu.instantiate(int(graph)))

    @answers(1)
    def cudaGraphInstantiateWithFlags(self, graph, flags):
        return HANDLES["graph execution"](self.gpu.instantiate(int(graph)))

    @answers()
    def cudaGraphLaunch(self, graphExec, stream):
        self.gpu.launch(int(graphExec), int(stream))

    @answers()
    def cudaGraphExecDestroy(self, graphExec):
        self.gpu.drop("graph execution", int(graphExec))

    @answers()
    def cudaGraphDestroy(self, graph):
        self.gpu.drop("graph", int(graph))
