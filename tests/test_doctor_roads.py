"""Every road: whether it works on a machine, why not, and what helps."""

import dataclasses
import re

import pytest
from doctor_machines import (
    FLASH,
    NO_DRIVER,
    NOT_INSTALLED,
    NOTHING,
    ORIN,
    ORT,
    ORT_GPU,
    RTX_4090,
    SPARE,
    TARGETS,
    XAVIER,
    cuda,
    jetson,
    judged,
    machine,
    no_cuda,
    with_ort,
)

from h2ot_edge.doctor import ROADS
from h2ot_edge.doctor.asking import Answer

# all of them


@pytest.mark.parametrize(
    "road", ["onnxruntime-cuda", "onnxruntime-tensorrt", "tensorrt", "tensorrt-build"]
)
def test_without_a_gpu_the_first_thing_is_the_gpu(road):
    on = machine({"cuda": NO_DRIVER})
    assert judged(road, on) == (
        "not here",
        "needs an NVIDIA GPU: no NVIDIA driver is loaded",
        None,
    )
    old = machine({"cuda": no_cuda("cudaErrorInsufficientDriver", "", driver="12.4")})
    state, why, fix = judged(road, old)
    assert (state, fix) == ("broken", None)
    assert why == (
        "needs an NVIDIA GPU: the driver is for CUDA 12.4, too old for cuda-python 13.4.4, which "
        "is for CUDA 13.4"
    )


# ONNX Runtime


@pytest.mark.parametrize(
    ("answer", "state", "why", "fix"),
    [
        (ORT, "works", "ONNX Runtime 1.31.1 ran a graph", None),
        (
            NOT_INSTALLED,
            *("not here", "onnxruntime is not installed", "pip install 'h2ot-edge[ort]'"),
        ),
        (
            Answer(why=SPARE, facts={"wheels": {"onnxruntime-gpu": "1.24.4"}}),
            *("broken", f"onnxruntime: {SPARE}"),
            "pip install --force-reinstall onnxruntime-gpu",
        ),
        (
            Answer(why="crashed (SIGSEGV)"),
            *("broken", "onnxruntime: crashed (SIGSEGV)"),
            "pip install --force-reinstall onnxruntime",
        ),
    ],
)
def test_onnxruntime_on_the_cpu(answer, state, why, fix):
    assert judged("onnxruntime-cpu", machine({"onnxruntime": answer})) == (state, why, fix)


CUDA_LIBRARIES = Answer(
    why="cuda:0: ONNX Runtime's CUDAExecutionProvider cannot be loaded: libcudnn.so.9: cannot open",
    fix="pip install 'onnxruntime-gpu[cuda,cudnn]'",
)
TENSORRT_10 = Answer(
    why="cuda:0: this ONNX Runtime was built for TensorRT 10; installed: tensorrt 11.4.0.106",
    fix="pip install 'tensorrt-cu13>=10,<11'",
)


def test_onnxruntime_with_cuda():
    road = "onnxruntime-cuda"
    works = ("works", "ONNX Runtime 1.31.1 ran a graph on cuda:0", None)
    assert judged(road, with_ort(Answer())) == works
    unasked = machine({"onnxruntime": ORT_GPU, "onnxruntime_cuda": Answer()})
    assert judged(road, unasked) == works, "ONNX Runtime needs no binding"
    assert judged(road, with_ort(CUDA_LIBRARIES)) == (
        "broken",
        CUDA_LIBRARIES.why,
        CUDA_LIBRARIES.fix,
    )
    refused = Answer(why="cuda:0: this build has CPUExecutionProvider", fix="pip uninstall")
    assert judged(road, with_ort(refused, ort=ORT)) == ("not here", refused.why, refused.fix)
    none = with_ort(ort=NOT_INSTALLED)
    fix = "pip install 'h2ot-edge[ort-gpu]'"
    assert judged(road, none) == ("not here", "onnxruntime is not installed", fix)
    fix = "h2ot-infer --backend tensorrt"
    assert judged(road, jetson()) == ("not here", "onnxruntime is not installed", fix)
    old = judged(road, jetson(**XAVIER))
    assert old == ("not here", "onnxruntime is not installed", "run the .onnx file on the CPU")


def test_onnxruntime_with_tensorrt():
    road = "onnxruntime-tensorrt"
    loaded = Answer(facts={"tensorrt": "10.13.3"})
    why = "its TensorRT, 10.13.3, can be loaded; no engine was built"
    assert judged(road, with_ort(tensorrt=loaded)) == ("works", why, None)
    unknown = Answer(facts={"tensorrt": None})
    why = "its TensorRT can be loaded; no engine was built"
    assert judged(road, with_ort(tensorrt=unknown)) == ("works", why, None)
    assert judged(road, with_ort(tensorrt=TENSORRT_10)) == (
        "broken",
        TENSORRT_10.why,
        TENSORRT_10.fix,
    )
    why = "needs an NVIDIA GPU: the driver shows no GPU"
    assert judged(road, with_ort(tensorrt=loaded, gpus=())) == ("not here", why, None)


# TensorRT


def test_tensorrt_runs_and_builds():
    answers = {
        "cuda": cuda(RTX_4090),
        "tensorrt": Answer(facts={"version": "10.13.3.9"}),
        "tensorrt_builder": Answer(facts={"version": "10.13.3.9"}),
    }
    on = "10.13.3.9 on NVIDIA GeForce RTX 4090 (compute capability 8.9)"
    assert judged("tensorrt", machine(answers)) == ("works", on, None)
    limits = "an engine runs on that GPU and that version only"
    why = f"{on}; {limits} unless it is built for more"
    assert judged("tensorrt-build", machine(answers)) == ("works", why, None)
    answers["cuda"] = cuda(ORIN)
    why = (
        "10.13.3.9 on Orin (compute capability 8.7); an engine runs on that GPU and that version "
        "only; hardware-compatible engines are not for a Jetson"
    )
    assert judged("tensorrt-build", jetson(answers)) == ("works", why, None)


def with_tensorrt(answer, on=machine, gpus=(RTX_4090,), **facts):
    return on({"cuda": cuda(*gpus), "tensorrt": answer}, **facts)


GPU_WHEEL = r"\binstall\b[^&]*onnxruntime-gpu"
APT = "sudo apt install python3-libnvinfer"


@pytest.mark.parametrize(
    ("on", "state", "why", "fix"),
    [
        (
            with_tensorrt(NOT_INSTALLED),
            *("not here", "tensorrt is not installed", "pip install 'h2ot-edge[tensorrt]'"),
        ),
        (
            with_tensorrt(Answer(why="libnvinfer.so.10: cannot open shared object file")),
            *("broken", "tensorrt: libnvinfer.so.10: cannot open shared object file"),
            "pip uninstall -y tensorrt && pip install 'h2ot-edge[tensorrt]'",
        ),
        (
            with_tensorrt(Answer(facts={"version": "8.5.3.1"})),
            "warning",
            "TensorRT 8.5.3.1 has no LayerNormalization, which models have from opset 17 on",
            "export the model with h2ot-export --opset 16",
        ),
        (
            machine({"tensorrt": Answer(facts={"version": "10.3.0"})}, driver="550.54.15"),
            "not here",
            "needs an NVIDIA GPU: neither cuda-python nor pycuda is installed, so CUDA cannot be "
            "asked",
            None,
        ),
        (with_tensorrt(NOT_INSTALLED, jetson), "not here", "tensorrt is not installed", APT),
        (
            with_tensorrt(NOT_INSTALLED, jetson, environment="isolated"),
            *("not here", "tensorrt is not installed"),
            f"{APT}, and make this virtual environment again with python3 -m venv "
            "--system-site-packages",
        ),
        (
            with_tensorrt(NOT_INSTALLED, jetson, environment="isolated", bindings=("3.10",)),
            *("not here", "this virtual environment hides JetPack's TensorRT"),
            "make it again with python3 -m venv --system-site-packages",
        ),
        (
            with_tensorrt(NOT_INSTALLED, jetson, python="3.12.3", bindings=("3.10",)),
            *("not here", "JetPack's TensorRT is for Python 3.10, this is 3.12"),
            "python3.10 -m venv --system-site-packages .venv, and h2ot-edge into that",
        ),
        (
            with_tensorrt(NOT_INSTALLED, jetson, bindings=("3.8",), **XAVIER),
            "not here",
            "TensorRT of JetPack 5.1.2 is for Python 3.8 or older, h2ot-edge is for 3.10 or later",
            "run the .onnx file on the CPU",
        ),
        (
            with_tensorrt(NOT_INSTALLED, jetson, l4t="35.9.9", jetpack=None),
            "not here",
            "TensorRT of the JetPack of L4T 35.9.9 is for Python 3.8 or older, h2ot-edge is for "
            "3.10 or later",
            FLASH,
        ),
        (
            with_tensorrt(Answer(facts={"version": "8.5.2.2"}), jetson, l4t=None),
            "warning",
            "TensorRT 8.5.2.2 has no LayerNormalization, which models have from opset 17 on",
            "export the model with h2ot-export --opset 16",
        ),
        (
            with_tensorrt(Answer(why="libnvinfer.so.10: cannot open"), jetson),
            *("broken", "tensorrt: libnvinfer.so.10: cannot open"),
            "sudo apt install --reinstall python3-libnvinfer; in a container, start it with docker "
            "run --runtime nvidia",
        ),
        (
            with_tensorrt(
                Answer(why="libnvinfer.so.11: cannot open"),
                jetson,
                wheels=("tensorrt_cu13_bindings", "tensorrt_cu13_libs"),
            ),
            "broken",
            "tensorrt: libnvinfer.so.11: cannot open; pip installed tensorrt_cu13_bindings "
            "tensorrt_cu13_libs, which hides JetPack's and is not for JetPack 6.2",
            "pip uninstall -y tensorrt tensorrt_cu13_bindings tensorrt_cu13_libs",
        ),
        (
            with_tensorrt(Answer(why="libnvdla_compiler.so: cannot open"), jetson, l4t="39.2.0"),
            *("broken", "tensorrt: libnvdla_compiler.so: cannot open"),
            "use the image nvcr.io/nvidia/tensorrt:YY.MM-py3, not one that ends in -igpu",
        ),
        (
            with_tensorrt(Answer(why="libnvdla_compiler.so: cannot open"), jetson),
            *("broken", "tensorrt: libnvdla_compiler.so: cannot open"),
            "sudo apt install --reinstall python3-libnvinfer; in a container, start it with docker "
            "run --runtime nvidia",
        ),
    ],
)
def test_tensorrt_that_does_not_work(on, state, why, fix):
    assert judged("tensorrt", on) == (state, why, fix)
    builds = dataclasses.replace(
        on, answers={**on.answers, "tensorrt_builder": on.answers["tensorrt"]}
    )
    assert judged("tensorrt-build", builds) == (state, why, fix)


def test_no_fix_on_a_jetson_is_a_wheel_of_nvidia():
    answers = [
        NOT_INSTALLED,
        Answer(why="cannot open"),
        Answer(why="cannot open", facts={"wheels": {"onnxruntime-gpu": "1.23.0"}}),
        Answer(facts={"version": "8.5.2.2"}),
    ]
    for answer in answers:
        for l4t in (None, "35.4.1", "36.3.0", "36.4.3", "39.2.0"):
            for environment in (None, "isolated", "with system packages"):
                given = dict.fromkeys(NOTHING, answer)
                on = jetson(given, l4t=l4t, environment=environment)
                fixes = [judged(name, on)[2] or "" for name in ROADS]
                assert not [fix for fix in fixes if "pip install" in fix and "tensorrt" in fix]
                assert not [fix for fix in fixes if re.search(GPU_WHEEL, fix)]


def test_a_broken_onnxruntime_on_a_jetson_is_that_of_the_cpu_again():
    broken = Answer(why="cannot open", facts={"wheels": {"onnxruntime-gpu": "1.23.0"}})
    assert judged("onnxruntime-cpu", jetson({"onnxruntime": broken})) == (
        "broken",
        "onnxruntime: cannot open",
        "pip uninstall -y onnxruntime-gpu && pip install 'h2ot-edge[ort]'",
    )


# TensorRT-RTX

RTX = Answer(facts={"version": "1.7.1.116", "targets": TARGETS})


@pytest.mark.parametrize(
    ("answer", "state", "why", "fix"),
    [
        (
            RTX,
            "works",
            "1.7.1.116, with or without a GPU, for SM75, SM80, SM86, SM89, SM120, SM121",
            None,
        ),
        (
            NOT_INSTALLED,
            "not here",
            "tensorrt-rtx is not installed",
            "pip install 'h2ot-edge[rtx]'",
        ),
        (
            Answer(why="crashed (SIGABRT)"),
            *("broken", "tensorrt-rtx: crashed (SIGABRT)"),
            "pip install --force-reinstall tensorrt-rtx",
        ),
    ],
)
def test_building_with_tensorrt_rtx(answer, state, why, fix):
    on = machine({"tensorrt_rtx": answer})
    assert judged("tensorrt-rtx-build", on) == (state, why, fix)
    if answer is not RTX:
        assert judged("tensorrt-rtx", on) == (state, why, fix)


def of_capability(name, capability):
    return {"name": name, "compute_capability": capability, "memory_bytes": 1}


@pytest.mark.parametrize(
    ("gpus", "state", "why", "fix"),
    [
        (
            [RTX_4090],
            *("works", "1.7.1.116 on NVIDIA GeForce RTX 4090 (compute capability 8.9)", None),
        ),
        ([], "not here", "needs an NVIDIA GPU: the driver shows no GPU", None),
        (
            [of_capability("NVIDIA H100", "9.0")],
            "not here",
            "NVIDIA H100 (compute capability 9.0) is SM90; TensorRT-RTX 1.7.1.116 is for SM75, "
            "SM80, SM86, SM89, SM120, SM121",
            "h2ot-infer --backend tensorrt",
        ),
        (
            [of_capability("NVIDIA T4", "7.5")],
            "warning",
            "NVIDIA T4 (compute capability 7.5) takes no engine with float32 matrix products",
            "h2ot-build --target tensorrt-rtx --precision fp16 --compute-capability SM75",
        ),
    ],
)
def test_running_with_tensorrt_rtx(gpus, state, why, fix):
    on = machine({"cuda": cuda(*gpus), "tensorrt_rtx": RTX})
    assert judged("tensorrt-rtx", on) == (state, why, fix)


@pytest.mark.parametrize("road", ["tensorrt-rtx", "tensorrt-rtx-build"])
def test_there_is_no_tensorrt_rtx_for_jetson(road):
    why = "there is no TensorRT-RTX for Jetson"
    on = jetson({"cuda": cuda(ORIN), "tensorrt_rtx": RTX})
    assert judged(road, on) == ("not here", why, "h2ot-infer --backend tensorrt")
    assert judged(road, jetson(l4t="35.4.1")) == ("not here", why, FLASH)


# roads that end in a file

ONNX = Answer(facts={"version": "1.23.2"})


@pytest.mark.parametrize(
    ("answers", "state", "why", "fix"),
    [
        (
            {"onnx": ONNX, "onnxruntime": ORT},
            *("works", "onnx 1.23.2 and onnxruntime 1.31.1 load", None),
        ),
        (
            {},
            *("not here", "not installed: onnx, onnxruntime", "pip install 'h2ot-edge[precision]'"),
        ),
        (
            {"onnx": Answer(why=SPARE), "onnxruntime": ORT},
            *("broken", f"onnx: {SPARE}", "pip install --force-reinstall onnx"),
        ),
        (
            {"onnx": ONNX, "onnxruntime": Answer(why=SPARE)},
            *("broken", f"onnxruntime: {SPARE}", "pip install --force-reinstall onnxruntime"),
        ),
    ],
)
def test_lowering_a_precision(answers, state, why, fix):
    assert judged("precision", machine(answers)) == (state, why, fix)


def test_exporting():
    there = {"torch": "2.13.0", "onnx": "1.23.2", "onnxslim": "0.1.98"}
    why = (
        "torch 2.13.0, onnx 1.23.2, onnxslim 0.1.98 are installed; not loaded here, which takes "
        "seconds"
    )
    assert judged("export", machine(exporting=there)) == ("works", why, None)
    some = machine(exporting={"onnx": "1.23.2"})
    why = "not installed: torch, onnxslim"
    assert judged("export", some) == ("not here", why, "pip install 'h2ot-edge[export]'")
    why = "not installed: torch, onnx, onnxslim"
    fix = "export on a PC and copy the .onnx file"
    assert judged("export", jetson()) == ("not here", why, fix)
