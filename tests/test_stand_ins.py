"""The stand-ins for CUDA: that they look like it, and that they notice what is done wrong."""

import builtins
import importlib
import inspect
import sys
import threading

import numpy as np
import pytest
from cuda_stand_in import make_cuda_runtime
from pycuda_stand_in import make_pycuda
from stand_ins.cuda_names import CONSTANTS, ENUMS, ERRORS
from stand_ins.memory import KEPT

KINDS = {"in": "cudaMemcpyHostToDevice", "out": "cudaMemcpyDeviceToHost"}


@pytest.fixture
def cuda():
    return make_cuda_runtime()


class Caller:
    """Calls that must succeed, and the memory that they are about."""

    def __init__(self, cuda):
        self.cuda = cuda

    def __getattr__(self, name):
        def call(*args):
            error, *values = getattr(self.cuda, name)(*args)
            assert error == self.cuda.cudaError_t.cudaSuccess, (name, error)
            return values[0] if len(values) == 1 else values

        return call

    def stream(self):
        return self.cudaStreamCreateWithFlags(self.cuda.cudaStreamNonBlocking)

    def copy(self, way, dst, src, size, stream):
        kind = getattr(self.cuda.cudaMemcpyKind, KINDS[way])
        return self.cudaMemcpyAsync(dst, src, size, kind, stream)

    def bytes_at(self, address, size):
        return self.cuda.gpu.memory.view(address, size, "look")


@pytest.fixture
def call(cuda):
    return Caller(cuda)


def error_of(answer):
    return answer[0].name


# names


def test_every_name_is_one_of_the_real_binding(cuda):
    real = pytest.importorskip("cuda.bindings.runtime")
    names = [name for name in dir(cuda) if not name.startswith("_") and name != "gpu"]
    assert len(names) > 40
    assert [name for name in names if not hasattr(real, name)] == []
    for name in (name for name in names if inspect.ismethod(getattr(cuda, name))):
        ours = list(inspect.signature(getattr(cuda, name)).parameters)
        assert ours == list(inspect.signature(getattr(real, name)).parameters), name


def test_numbers_and_texts_are_those_of_the_real_binding(cuda):
    real = pytest.importorskip("cuda.bindings.runtime")
    for kind in ENUMS:
        theirs = getattr(real, kind.__name__)
        assert all(getattr(theirs, member.name) == member.value for member in kind)
    assert {name: getattr(real, name) for name in CONSTANTS} == CONSTANTS
    for name, (_, text) in ERRORS.items():
        assert real.cudaGetErrorString(getattr(real.cudaError_t, name))[1].decode() == text
        ours = getattr(cuda.cudaError_t, name)
        assert cuda.cudaGetErrorString(ours)[1].decode() == text
        assert cuda.cudaGetErrorName(ours)[1].decode() == name


def test_enumerations_are_not_subscriptable(cuda):
    for module in (cuda, pytest.importorskip("cuda.bindings.runtime")):
        with pytest.raises(TypeError):
            module.cudaMemcpyKind["cudaMemcpyDefault"]


def test_answers_are_tuples_and_handles_are_opaque(cuda, call):
    assert cuda.cudaGetDeviceCount() == (0, 1)
    assert cuda.cudaMemGetInfo() == (0, 8 << 30, 8 << 30)
    stream = call.stream()
    assert (stream == int(stream), stream == type(stream)(int(stream))) == (False, True)
    properties = call.cudaGetDeviceProperties(0)
    assert (properties.name, properties.major, properties.minor) == (b"NVIDIA Orin", 8, 7)
    cuda.gpu.fail["cudaMemGetInfo"] = "cudaErrorUnknown"
    assert [error_of(cuda.cudaMemGetInfo()), *cuda.cudaMemGetInfo()[1:]] == [
        "cudaErrorUnknown",
        None,
        None,
    ]


# memory


def test_memory_has_real_addresses_and_is_nan_until_written(call):
    address = call.cudaMalloc(12)
    assert address % 256 == 0
    assert np.isnan(call.bytes_at(address, 12).view(np.float32)).all()
    call.bytes_at(address, 12)[:] = 0
    assert call.cudaFree(address) == call.cudaFree(0) == []


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [
        (lambda c, a: c.cudaFree(a + 256), "cudaErrorInvalidValue", "which is no device memory"),
        (lambda c, a: c.cudaFreeHost(a), "cudaErrorInvalidValue", "which is no pinned memory"),
        (lambda c, a: c.cudaMalloc(0), "cudaErrorInvalidValue", "an allocation of 0 bytes"),
        (lambda c, a: c.cudaStreamSynchronize(77), "cudaErrorInvalidResourceHandle", "stream 0x4d"),
        (lambda c, a: c.cudaEventSynchronize(77), "cudaErrorInvalidResourceHandle", "event 0x4d"),
        (lambda c, a: c.cudaSetDevice(1), "cudaErrorInvalidDevice", "device 1 of 1"),
        (lambda c, a: c.cudaStreamEndCapture(0), "cudaErrorIllegalState", "never began"),
        (
            lambda c, a: c.cudaMemcpyAsync(a, a, 4, c.cudaMemcpyKind.cudaMemcpyHostToDevice, 0),
            "cudaErrorInvalidValue",
            "is device memory, not pinned",
        ),
        (
            lambda c, a: c.cudaMemcpyAsync(a, a, 9, c.cudaMemcpyKind.cudaMemcpyDeviceToDevice, 0),
            "cudaErrorInvalidValue",
            "9 bytes from byte 0 of 8 bytes",
        ),
        (
            lambda c, a: c.cudaMemcpyAsync(8, a, 8, c.cudaMemcpyKind.cudaMemcpyDeviceToDevice, 0),
            "cudaErrorInvalidValue",
            "0x8 was never allocated",
        ),
    ],
)
def test_wrong_use_is_answered_and_written_down(cuda, call, wrong, code, told):
    address = call.cudaMalloc(8)
    assert error_of(wrong(cuda, address)) == code
    assert len(cuda.gpu.misuse) == 1
    assert told in cuda.gpu.misuse[0]


def test_freed_memory_is_neither_freed_nor_used_again(cuda, call):
    address, host, stream = call.cudaMalloc(8), call.cudaHostAlloc(8, 0), call.stream()
    call.cudaFree(address)
    assert error_of(cuda.cudaFree(address)) == "cudaErrorInvalidValue"
    kind = cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
    answer = cuda.cudaMemcpyAsync(host, address, 8, kind, stream)
    assert error_of(answer) == "cudaErrorInvalidValue"
    freed, copied = cuda.gpu.misuse
    assert freed.startswith("cudaFree: double free of 8 bytes of device memory")
    assert copied.startswith("cudaMemcpyAsync: copy of 8 bytes: 8 bytes of device memory")
    assert copied.endswith("was freed")


def test_free_before_the_work_is_done_breaks_the_device(cuda, call):
    address, host, stream = call.cudaMalloc(8), call.cudaHostAlloc(8, 0), call.stream()
    call.copy("in", address, host, 8, stream)
    call.cudaFree(address)
    assert "was freed before copy of 8 bytes was done" in cuda.gpu.misuse[0]
    assert error_of(cuda.cudaStreamSynchronize(stream)) == "cudaErrorIllegalAddress"
    assert error_of(cuda.cudaMalloc(8)) == "cudaErrorIllegalAddress"


def test_memory_ends(call, cuda):
    cuda.gpu.memory.limit = 100
    address = call.cudaMalloc(60)
    assert error_of(cuda.cudaMalloc(60)) == "cudaErrorMemoryAllocation"
    assert cuda.gpu.misuse == []
    call.cudaFree(address)
    call.cudaMalloc(60)


def test_freed_memory_is_given_back_in_the_end(call, cuda):
    for _ in range(10):
        call.cudaFree(call.cudaMalloc(KEPT // 4))
    assert len(cuda.gpu.memory._blocks) <= 4


def test_what_is_alive_is_told(cuda, call):
    assert cuda.gpu.leaks() == []
    address, _, stream = call.cudaMalloc(8), call.cudaHostAlloc(8, 0), call.stream()
    call.cudaEventCreateWithFlags(0)
    live = cuda.gpu.live()
    assert {kind: count for kind, count in live.items() if count} == {
        "device": 1,
        "pinned": 1,
        "stream": 1,
        "event": 1,
    }
    assert len(cuda.gpu.leaks()) == 4
    call.cudaFree(address)
    call.cudaStreamDestroy(stream)
    assert len(cuda.gpu.leaks()) == 2
    assert cuda.gpu.calls["cudaFree"] == 1


# streams


def test_a_copy_is_done_when_its_stream_is_waited_for(call):
    address, host, stream = call.cudaMalloc(4), call.cudaHostAlloc(4, 0), call.stream()
    call.bytes_at(host, 4)[:] = 7
    call.copy("in", address, host, 4, stream)
    call.cudaStreamSynchronize(call.stream())
    assert call.bytes_at(address, 4).tolist() == [255] * 4
    call.bytes_at(host, 4)[:] = 8
    call.cudaStreamSynchronize(stream)
    assert call.bytes_at(address, 4).tolist() == [8] * 4


def test_ordinary_memory_is_staged_at_once_and_counted(cuda, call):
    address, stream = call.cudaMalloc(4), call.stream()
    array = np.arange(4, dtype=np.uint8)
    call.copy("in", address, array.ctypes.data, 4, stream)
    assert call.bytes_at(address, 4).tolist() == [0, 1, 2, 3]
    assert (cuda.gpu.pageable, cuda.gpu.misuse) == (1, [])


def test_a_stream_is_not_destroyed_with_work_in_it(cuda, call):
    address, host, stream = call.cudaMalloc(4), call.cudaHostAlloc(4, 0), call.stream()
    call.copy("in", address, host, 4, stream)
    assert error_of(cuda.cudaStreamQuery(stream)) == "cudaErrorNotReady"
    call.cudaStreamDestroy(stream)
    assert cuda.gpu.misuse == ["a stream was destroyed with 1 operation to do"]
    assert error_of(cuda.cudaStreamSynchronize(stream)) == "cudaErrorInvalidResourceHandle"


def test_an_event_orders_streams(call, cuda):
    a, b, host = call.cudaMalloc(4), call.cudaMalloc(4), call.cudaHostAlloc(4, 0)
    first, second = call.stream(), call.stream()
    call.bytes_at(host, 4)[:] = 5
    call.copy("in", a, host, 4, first)
    event = call.cudaEventCreateWithFlags(cuda.cudaEventDisableTiming)
    call.cudaEventRecord(event, first)
    call.cudaStreamWaitEvent(second, event, 0)
    call.cudaEventDestroy(event)
    call.cudaMemcpyAsync(b, a, 4, cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice, second)
    call.cudaStreamSynchronize(second)
    assert call.bytes_at(b, 4).tolist() == [5] * 4


def test_without_an_event_the_other_stream_is_not_waited_for(call, cuda):
    a, b, host = call.cudaMalloc(4), call.cudaMalloc(4), call.cudaHostAlloc(4, 0)
    first, second = call.stream(), call.stream()
    call.copy("in", a, host, 4, first)
    call.bytes_at(host, 4)[:] = 5
    call.cudaMemcpyAsync(b, a, 4, cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice, second)
    call.cudaStreamSynchronize(second)
    call.cudaStreamSynchronize(first)
    assert call.bytes_at(b, 4).tolist() == [255] * 4


def test_an_event_is_waited_for_up_to_where_it_was_recorded(call, cuda):
    a, b, host = call.cudaMalloc(4), call.cudaMalloc(4), call.cudaHostAlloc(4, 0)
    stream, event = call.stream(), call.cudaEventCreateWithFlags(0)
    call.bytes_at(host, 4)[:] = 5
    call.copy("in", a, host, 4, stream)
    call.cudaEventRecord(event, stream)
    call.copy("in", b, host, 4, stream)
    assert error_of(cuda.cudaEventQuery(event)) == "cudaErrorNotReady"
    call.cudaEventSynchronize(event)
    assert call.bytes_at(a, 4).tolist() == [5] * 4
    assert call.bytes_at(b, 4).tolist() == [255] * 4


def test_the_default_stream_and_that_of_the_thread_are_streams(call):
    a, b, host = call.cudaMalloc(4), call.cudaMalloc(4), call.cudaHostAlloc(4, 0)
    call.bytes_at(host, 4)[:] = 5
    call.copy("in", a, host, 4, 1)
    call.copy("in", b, host, 4, 2)
    call.cudaStreamSynchronize(0)
    assert call.bytes_at(a, 4).tolist() == [5] * 4
    assert call.bytes_at(b, 4).tolist() == [255] * 4
    call.cudaDeviceSynchronize()
    assert call.bytes_at(b, 4).tolist() == [5] * 4


def test_devices_are_of_the_thread_and_streams_of_the_device():
    cuda = make_cuda_runtime(devices=2)
    call = Caller(cuda)
    call.cudaSetDevice(1)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(call.cudaGetDevice()))
    thread.start()
    thread.join()
    assert (seen, call.cudaGetDevice()) == ([0], 1)
    address, host, stream = call.cudaMalloc(4), call.cudaHostAlloc(4, 0), call.stream()
    assert call.cudaPointerGetAttributes(address).device == 1
    call.cudaSetDevice(0)
    kind = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
    answer = cuda.cudaMemcpyAsync(address, host, 4, kind, stream)
    assert error_of(answer) == "cudaErrorInvalidResourceHandle"


# graphs


def begin(call, stream, mode="ThreadLocal"):
    modes = call.cuda.cudaStreamCaptureMode
    call.cudaStreamBeginCapture(stream, getattr(modes, f"cudaStreamCaptureMode{mode}"))


def test_a_graph_does_again_what_was_captured(call, cuda):
    address, host, stream = call.cudaMalloc(4), call.cudaHostAlloc(4, 0), call.stream()
    begin(call, stream)
    call.copy("in", address, host, 4, stream)
    graph = call.cudaStreamEndCapture(stream)
    call.cudaStreamSynchronize(stream)
    assert call.bytes_at(address, 4).tolist() == [255] * 4
    execution = call.cudaGraphInstantiateWithFlags(graph, 0)
    call.cudaGraphDestroy(graph)
    for value in (3, 4):
        call.bytes_at(host, 4)[:] = value
        call.cudaGraphLaunch(execution, stream)
        call.cudaStreamSynchronize(stream)
        assert call.bytes_at(address, 4).tolist() == [value] * 4
    call.cudaGraphExecDestroy(execution)
    assert error_of(cuda.cudaGraphLaunch(execution, stream)) == "cudaErrorInvalidResourceHandle"


def test_a_graph_keeps_its_addresses_and_they_must_stay(call, cuda):
    address, host, stream = call.cudaMalloc(4), call.cudaHostAlloc(4, 0), call.stream()
    begin(call, stream)
    call.copy("in", address, host, 4, stream)
    execution = call.cudaGraphInstantiate(call.cudaStreamEndCapture(stream), 0)
    call.cudaFree(address)
    call.cudaGraphLaunch(execution, stream)
    assert error_of(cuda.cudaStreamSynchronize(stream)) == "cudaErrorIllegalAddress"
    assert "was freed" in cuda.gpu.misuse[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c, s: c.cudaMalloc(4),
        lambda c, s: c.cudaHostAlloc(4, 0),
        lambda c, s: c.cudaStreamSynchronize(s),
        lambda c, s: c.cudaDeviceSynchronize(),
    ],
)
def test_what_a_capture_forbids_spoils_it(call, cuda, spoil):
    stream = call.stream()
    begin(call, stream)
    assert error_of(spoil(cuda, stream)) == "cudaErrorStreamCaptureUnsupported"
    assert error_of(cuda.cudaStreamEndCapture(stream)) == "cudaErrorStreamCaptureInvalidated"
    assert len(cuda.gpu.misuse) == 2


def test_a_capture_must_not_wait_for_work_outside(call, cuda):
    stream, event = call.stream(), call.cudaEventCreateWithFlags(0)
    call.cudaEventRecord(event, call.stream())
    begin(call, stream)
    answer = cuda.cudaStreamWaitEvent(stream, event, 0)
    assert error_of(answer) == "cudaErrorStreamCaptureIsolation"
    assert error_of(cuda.cudaStreamEndCapture(stream)) == "cudaErrorStreamCaptureInvalidated"


@pytest.mark.parametrize(
    ("mode", "code"),
    [("ThreadLocal", "cudaSuccess"), ("Global", "cudaErrorStreamCaptureUnsupported")],
)
def test_other_threads_may_allocate_as_the_mode_says(call, cuda, mode, code):
    begin(call, call.stream(), mode)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(error_of(cuda.cudaMalloc(4))))
    thread.start()
    thread.join()
    assert seen == [code]


def test_a_capture_is_ended_by_its_thread(call, cuda):
    stream = call.stream()
    begin(call, stream)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(cuda.cudaStreamEndCapture(stream)))
    thread.start()
    thread.join()
    assert error_of(seen[0]) == "cudaErrorStreamCaptureWrongThread"


def test_the_default_stream_is_not_captured_and_no_other_twice(call, cuda):
    mode = cuda.cudaStreamCaptureMode.cudaStreamCaptureModeRelaxed
    assert error_of(cuda.cudaStreamBeginCapture(0, mode)) == "cudaErrorStreamCaptureImplicit"
    stream = call.stream()
    call.cudaStreamBeginCapture(stream, mode)
    assert error_of(cuda.cudaStreamBeginCapture(stream, mode)) == "cudaErrorIllegalState"


def test_an_event_in_a_capture_stays_in_it(call, cuda):
    stream, event = call.stream(), call.cudaEventCreateWithFlags(0)
    call.cudaEventSynchronize(event)
    call.cudaStreamWaitEvent(stream, event, 0)
    begin(call, stream)
    call.cudaEventRecord(event, stream)
    assert error_of(cuda.cudaEventSynchronize(event)) == "cudaErrorCapturedEvent"
    answer = cuda.cudaStreamWaitEvent(call.stream(), event, 0)
    assert error_of(answer) == "cudaErrorStreamCaptureUnsupported"


# failures to order


def test_calls_fail_as_asked_from_the_nth_on(cuda):
    cuda.gpu.fail["cudaMalloc"] = ("cudaErrorMemoryAllocation", 2)
    answers = [error_of(cuda.cudaMalloc(4)) for _ in range(3)]
    assert answers == ["cudaSuccess", *["cudaErrorMemoryAllocation"] * 2]
    assert cuda.gpu.misuse == []


def test_there_may_be_no_gpu():
    cuda = make_cuda_runtime(devices=0)
    assert cuda.cudaGetDeviceCount() == (100, None)
    assert error_of(cuda.cudaMalloc(4)) == "cudaErrorNoDevice"
    assert cuda.cudaRuntimeGetVersion() == cuda.cudaDriverGetVersion() == (0, 12060)


def test_a_device_that_is_not_there_has_no_properties(cuda):
    assert error_of(cuda.cudaGetDeviceProperties(1)) == "cudaErrorInvalidDevice"
    assert hash(cuda.cudaStream_t(5)) == int(cuda.cudaStream_t(5)) == 5


# pycuda


@pytest.fixture
def driver(cuda, monkeypatch):
    for name, module in make_pycuda(cuda).items():
        monkeypatch.setitem(sys.modules, name, module)
    module = importlib.import_module("pycuda.driver")
    module.init()
    return module


@pytest.fixture
def primary(driver):
    context = driver.Device(0).retain_primary_context()
    context.push()
    yield context
    driver.Context.pop()


def test_there_is_no_autoinit(driver):
    with pytest.raises(ImportError, match="autoinit"):
        importlib.import_module("pycuda.autoinit")


def test_pycuda_needs_a_context(driver, cuda):
    assert driver.Context.get_current() is None
    with pytest.raises(driver.LogicError) as error:
        driver.mem_alloc(4)
    assert str(error.value) == "cuMemAlloc failed: invalid device context"
    with pytest.raises(driver.LogicError):
        driver.Context.pop()


def test_pycuda_is_started_first(cuda):
    driver = make_pycuda(cuda)["pycuda.driver"]
    with pytest.raises(driver.LogicError) as error:
        driver.Device(0)
    assert str(error.value) == "cuDeviceGet failed: initialization error"
    cuda.gpu.fail["cuInit"] = "cudaErrorNoDevice"
    with pytest.raises(driver.RuntimeError):
        driver.init()


def test_pycuda_tells_of_the_device(driver, primary):
    device = driver.Context.get_device()
    assert (device.name(), device.compute_capability()) == ("NVIDIA Orin", (8, 7))
    assert device.total_memory() == 8 << 30
    assert (driver.Device.count(), driver.get_version()) == (1, (12, 6, 0))
    assert driver.mem_get_info() == (8 << 30, 8 << 30)
    assert (driver.get_driver_version(), device.pci_bus_id()) == (12060, "0000:00:00.0")
    with pytest.raises(driver.LogicError):
        driver.Device(1)


def test_pycuda_copies_through_a_stream(driver, primary, cuda):
    stream, memory = driver.Stream(1), driver.mem_alloc(8)
    given, taken = driver.pagelocked_empty(2, np.float32), driver.pagelocked_empty((2,), "f4")
    given[:] = 3
    driver.memcpy_htod_async(memory, given, stream)
    driver.memcpy_dtoh_async(taken, int(memory), stream)
    assert np.isnan(taken).all()
    stream.synchronize()
    assert taken.tolist() == [3, 3]
    assert cuda.gpu.misuse == []


def test_pycuda_copies_on_the_device_and_waits_for_all(driver, primary, cuda):
    first, second, taken = (
        driver.mem_alloc(4),
        driver.mem_alloc(4),
        driver.pagelocked_empty(4, "u1"),
    )
    cuda.gpu.memory.view(int(first), 4, "fill")[:] = 5
    driver.memcpy_dtod_async(second, first, 4)
    driver.memcpy_dtoh_async(taken, second)
    driver.Context.synchronize()
    assert taken.tolist() == [5] * 4


def test_a_context_can_be_given_up(driver, cuda):
    own = driver.Device(0).make_context()
    own.detach()
    assert driver.Context.get_current() is None


def test_pycuda_frees_once_or_with_the_object(driver, primary, cuda):
    memory, array = driver.mem_alloc(8), driver.pagelocked_empty(8, np.uint8)
    memory.free()
    array.base.free()
    for block in (memory, array.base):
        with pytest.raises(driver.LogicError, match="free failed: invalid resource handle"):
            block.free()
    kept = [driver.mem_alloc(8), driver.pagelocked_empty(8, np.uint8), driver.Stream()]
    assert len(cuda.gpu.leaks()) == 3
    kept.clear()
    assert cuda.gpu.leaks() == []


def test_another_context_is_another_world(driver, primary, cuda):
    memory, stream = driver.mem_alloc(8), driver.Stream()
    array = driver.pagelocked_empty(8, np.uint8)
    own = driver.Device(0).make_context()
    assert driver.Context.get_current() is own
    with pytest.raises(driver.LogicError):
        driver.memcpy_htod_async(memory, array, stream)
    driver.Context.pop()
    driver.memcpy_htod_async(memory, array, stream)
    stream.synchronize()
    assert len(cuda.gpu.misuse) == 1


def test_pycuda_failures_are_of_its_kinds(driver, primary, cuda):
    cuda.gpu.fail["cuMemAlloc"] = "cudaErrorMemoryAllocation"
    with pytest.raises(driver.MemoryError) as error:
        driver.mem_alloc(4)
    assert str(error.value) == "cuMemAlloc failed: out of memory"
    cuda.gpu.fail["cuStreamCreate"] = "cudaErrorLaunchFailure"
    with pytest.raises(driver.LaunchError):
        driver.Stream()
    assert issubclass(driver.MemoryError, driver.Error)
    assert driver.MemoryError is not builtins.MemoryError


def test_pycuda_takes_its_own_streams_only(driver, primary):
    array, memory = driver.pagelocked_empty(8, np.uint8), driver.mem_alloc(8)
    with pytest.raises(TypeError, match=r"expected a pycuda.driver.Stream, got int"):
        driver.memcpy_htod_async(memory, array, 0x1000)
    with pytest.raises(BufferError):
        driver.memcpy_htod_async(memory, array[::2], driver.Stream())
