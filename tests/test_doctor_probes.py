"""Libraries are asked in processes of their own: stand-ins for them, which may break, and ours."""

import textwrap
import time
from importlib.util import find_spec

import onnx
import pytest
from doctor_machines import NOT_INSTALLED, judged, machine, with_ort

from h2ot_edge.doctor import asking, probes
from h2ot_edge.doctor.asking import Answer, ask
from h2ot_edge.doctor.gpus import gpu

# asking libraries, in processes of their own


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Writes a stand-in for a library, which is found before the real one."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name, code):
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(tmp_path).parents:
            if folder.name:
                (tmp_path / folder / "__init__.py").touch()
        path.write_text(textwrap.dedent(code))

    return write


def asked(name):
    return ask([name])[name]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os.kill(os.getpid(), 11)", "crashed (SIGSEGV)"),
        ("import os; os.abort()", "crashed (SIGABRT)"),
        ("import ctypes; ctypes.string_at(0)", "crashed (SIGSEGV)"),
        (
            "raise OSError('libnvinfer.so.10: cannot open shared object file')",
            "libnvinfer.so.10: cannot open shared object file",
        ),
        ("import no_such_part_of_it", "No module named 'no_such_part_of_it'"),
        ("raise ImportError('two\\n  lines')", "two lines"),
        ("raise RuntimeError", "RuntimeError"),
        ("import sys; sys.exit('no licence')", "gave no answer: no licence"),
        ("import os; os._exit(0)", "gave no answer: and no reason"),
    ],
)
def test_a_library_that_breaks_is_an_answer(library, code, why):
    library("onnx", code)
    assert asked("onnx") == Answer(why=why)


def test_a_library_that_hangs_is_left(library, monkeypatch):
    monkeypatch.setattr(asking, "PATIENCE", 0.5)
    library("onnx", "import time; time.sleep(600)")
    start = time.perf_counter()
    assert asked("onnx") == Answer(why="did not answer within 0.5 s")
    assert time.perf_counter() - start < 60


def test_what_a_library_prints_is_not_the_answer(library):
    code = """
        import os
        print("hello")
        os.system("echo hello from C")
        os.write(1, b"{}")
        __version__ = "1.0"
    """
    library("onnx", code)
    assert asked("onnx") == Answer(facts={"version": "1.0"})


def test_a_file_in_the_current_folder_is_no_library(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "onnx.py").write_text("raise RuntimeError('not this one')")
    assert asked("onnx") == Answer(facts={"version": onnx.__version__})


MEETING = """
    import time
    from pathlib import Path

    Path(__file__).with_suffix(".began").touch()
    while not Path(__file__).with_name("{other}.began").exists():
        time.sleep(0.01)
"""


def test_libraries_are_asked_at_a_time(library, monkeypatch):
    """Each of them waits for the other to be asked."""
    monkeypatch.setattr(asking, "PATIENCE", 60.0)
    library("onnx", MEETING.format(other="tensorrt") + "    __version__ = '1.0'")
    library("tensorrt", MEETING.format(other="onnx") + "    raise OSError('gone')")
    found = ask(["onnx", "tensorrt"])
    assert (found["onnx"].works, found["tensorrt"].why) == (True, "gone")
    assert ask([]) == {}


# CUDA, as far as it is asked

CUDA = """
    from enum import IntEnum
    from types import SimpleNamespace

    class cudaError_t(IntEnum):
        cudaSuccess = 0
        cudaErrorInsufficientDriver = 35
        cudaErrorNoDevice = 100

    OK = cudaError_t.cudaSuccess
    TEXTS = {{35: b"CUDA driver version is insufficient", 100: b"no CUDA-capable device"}}

    def cudaGetDeviceCount():
        return {count}

    def cudaDriverGetVersion():
        return OK, {driver}

    def cudaRuntimeGetVersion():
        return OK, 12060

    def cudaGetErrorName(error):
        return OK, error.name.encode()

    def cudaGetErrorString(error):
        return OK, TEXTS[error]

    def cudaGetDeviceProperties(number):
        name = [b"Orin", b"NVIDIA GeForce RTX 4090"][number]
        return OK, SimpleNamespace(name=name, major=8, minor=7 + 2 * number, totalGlobalMem=1 << 30)
"""


@pytest.mark.parametrize("name", ["cuda.bindings.runtime", "cuda.cudart"])
def test_gpus_are_found(library, name):
    library(name, CUDA.format(count="OK, 2", driver=12080))
    answer = asked("cuda")
    assert answer.works, answer.why
    assert {**answer.facts, "binding": ""} == {
        "binding": "",
        "runtime": "12.6",
        "driver": "12.8",
        "gpus": [
            {"name": "Orin", "compute_capability": "8.7", "memory_bytes": 1 << 30},
            {
                "name": "NVIDIA GeForce RTX 4090",
                "compute_capability": "8.9",
                "memory_bytes": 1 << 30,
            },
        ],
    }
    assert answer.facts["binding"].startswith("cuda-python")
    on = machine({"cuda": answer, "tensorrt": Answer(facts={"version": "10.3.0"})})
    assert judged("tensorrt", on) == ("works", "10.3.0 on Orin (compute capability 8.7)", None)


@pytest.mark.parametrize(
    ("error", "driver", "why", "finding"),
    [
        (
            *("cudaErrorInsufficientDriver", 12020, "CUDA driver version is insufficient"),
            ("broken", "the driver is for CUDA 12.2, too old for {}, which is for CUDA 12.6"),
        ),
        (
            *("cudaErrorInsufficientDriver", 0, "CUDA driver version is insufficient"),
            ("not here", "no NVIDIA driver is loaded"),
        ),
        (
            *("cudaErrorNoDevice", 12060, "no CUDA-capable device"),
            ("not here", "the driver shows no GPU"),
        ),
    ],
)
def test_cudas_errors_are_told_apart(library, error, driver, why, finding):
    count = f"cudaError_t.{error}, None"
    library("cuda.bindings.runtime", CUDA.format(count=count, driver=driver))
    answer = asked("cuda")
    assert (answer.why, answer.facts["error"]) == (why, error)
    state, text = finding
    found = gpu(machine({"cuda": answer}))
    assert (found.state, found.why) == (state, text.format(answer.facts["binding"]))


PYCUDA = """
    class Device:
        def __init__(self, number):
            assert initialised

        def count():
            return 1

        def name(self):
            return "Orin"

        def compute_capability(self):
            return 8, 7

        def total_memory(self):
            return 1 << 30

    initialised = False

    def init():
        global initialised
        initialised = True
        {init}

    def get_version():
        return 12, 6, 0

    def get_driver_version():
        return 12060
"""


@pytest.fixture
def no_cuda_python(library):
    """A package `cuda` without the bindings, as others bring one."""
    library("cuda.pathfinder", "")


def test_gpus_are_found_through_pycuda(library, no_cuda_python):
    library("pycuda.driver", PYCUDA.format(init=""))
    facts = {
        "binding": "pycuda",
        "runtime": "12.6",
        "driver": "12.6",
        "gpus": [{"name": "Orin", "compute_capability": "8.7", "memory_bytes": 1 << 30}],
    }
    assert asked("cuda") == Answer(facts=facts)


def test_pycuda_without_a_gpu(library, no_cuda_python):
    why = "cuInit failed: no CUDA-capable device is detected"
    library("pycuda.driver", PYCUDA.format(init=f"raise RuntimeError({why!r})"))
    answer = asked("cuda")
    assert answer.why == why
    found = gpu(machine({"cuda": answer}))
    assert (found.state, found.why) == ("not here", "the driver shows no GPU")


@pytest.mark.skipif(find_spec("pycuda") is not None, reason="pycuda is installed")
def test_neither_binding(no_cuda_python):
    assert asked("cuda") == NOT_INSTALLED


# TensorRT and ONNX Runtime, as far as they are asked

TENSORRT = """
    class ILogger:
        VERBOSE, INFO, WARNING, ERROR = range(4)

        def __init__(self):
            pass

    class Runtime:
        def __init__(self, log):
            {runtime}

    class Builder:
        def __init__(self, log):
            {builder}

    __version__ = "10.13.3.9"
"""
REFUSED = "pybind11::init(): factory function returned nullptr"


def test_tensorrt_is_asked_for_what_each_road_needs(library):
    library("tensorrt", TENSORRT.format(runtime="pass", builder=f"raise TypeError('{REFUSED}')"))
    assert asked("tensorrt") == Answer(facts={"version": "10.13.3.9"})
    assert asked("tensorrt_builder") == Answer(why=REFUSED, facts={"version": "10.13.3.9"})
    library("tensorrt", TENSORRT.format(runtime=f"raise TypeError('{REFUSED}')", builder="pass"))
    assert asked("tensorrt") == Answer(why=REFUSED, facts={"version": "10.13.3.9"})
    assert asked("tensorrt_builder") == Answer(facts={"version": "10.13.3.9"})


ORT_STAND_IN = """
    from types import SimpleNamespace

    __version__ = "1.31.1"
    GraphOptimizationLevel = SimpleNamespace(ORT_ENABLE_ALL=99)
    ExecutionMode = SimpleNamespace(ORT_SEQUENTIAL=0)

    class SessionOptions:
        def add_session_config_entry(self, name, value):
            pass

    def get_available_providers():
        return ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]

    class InferenceSession:
        def __init__(self, *arguments, **keywords):
            {start}

        def get_providers(self):
            return get_available_providers()

        def get_inputs(self):
            return [SimpleNamespace(name="x", type="tensor(float)", shape=[1])]

        def get_outputs(self):
            return [SimpleNamespace(name="y", type="tensor(float)", shape=[1])]

        def run(self, names, feed):
            return [feed["x"] {operation}]
"""


def test_a_cuda_that_does_not_start_is_told_with_its_fix(library):
    refusal = "fallback to CPU EP has been explicitly disabled"
    start = f"raise RuntimeError('{refusal}')"
    library("onnxruntime.__init__", ORT_STAND_IN.format(start=start, operation=""))
    assert asked("onnxruntime_cuda") == Answer(
        why="cuda:0: ONNX Runtime's CUDAExecutionProvider did not start, or cannot run all of the "
        "graph",
        fix="check the driver, and that the CUDA and cuDNN libraries are of the versions that this "
        "onnxruntime-gpu was built for",
    )


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("+ feed['x']", Answer()),
        ("* 0", Answer(why="1 + 1 gave [0.0], expected [2.0]")),
    ],
)
def test_what_a_graph_gives_is_looked_at(library, operation, answer):
    library("onnxruntime.__init__", ORT_STAND_IN.format(start="pass", operation=operation))
    assert asked("onnxruntime_cuda") == answer


def test_another_tensorrt_than_onnxruntime_was_built_for(library, tmp_path):
    library("onnxruntime.__init__", ORT_STAND_IN.format(start="pass", operation=""))
    provider = tmp_path / "onnxruntime/capi/libonnxruntime_providers_tensorrt.so"
    provider.parent.mkdir()
    provider.write_bytes(b"\x7fELF\0libnvinfer.so.987\0libcudart.so.13\0")
    folder = tmp_path / "tensorrt-11.4.0.106.dist-info"
    folder.mkdir()
    text = "Metadata-Version: 2.1\nName: tensorrt\nVersion: 11.4.0.106\n"
    (folder / "METADATA").write_text(text)
    answer = asked("onnxruntime_tensorrt")
    assert answer.why == (
        "cuda:0: this ONNX Runtime was built for TensorRT 987, which cannot be loaded "
        "(libnvinfer.so.987: cannot open shared object file: No such file or directory); "
        "installed: tensorrt 11.4.0.106"
    )
    assert answer.fix == "pip install 'tensorrt-cu13>=987,<988'"
    ort = Answer(facts={"providers": ["TensorrtExecutionProvider"]})
    found = judged("onnxruntime-tensorrt", with_ort(tensorrt=answer, ort=ort))
    assert found == ("broken", answer.why, answer.fix)


def test_the_tiny_graph_is_what_it_is_said_to_be():
    float32 = onnx.TensorProto.FLOAT
    x, y = (onnx.helper.make_tensor_value_info(name, float32, [1]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "x"], ["y"])], "g", [x], [y])
    opset = onnx.helper.make_opsetid("", 13)
    made = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(made)
    assert onnx.load_from_string(probes._TINY) == made
