"""Machines as the doctor sees them, made up."""

from h2ot_edge.doctor import ROADS, probes
from h2ot_edge.doctor.asking import Answer
from h2ot_edge.doctor.machine import Machine
from h2ot_edge.system import Jetson

ORIN = {"name": "Orin", "compute_capability": "8.7", "memory_bytes": 65879896064}
RTX_4090 = {
    "name": "NVIDIA GeForce RTX 4090",
    "compute_capability": "8.9",
    "memory_bytes": 25386352640,
}
TARGETS = ["SM75", "SM80", "SM86", "SM89", "SM120", "SM121"]
NOT_INSTALLED = Answer(there=False)
SPARE = "DLL load failed"


def cuda(*gpus, **facts):
    """CUDA's answer, where it works."""
    base = {"binding": "cuda-python 12.6.0", "runtime": "12.6", "driver": "12.6"}
    return Answer(facts={**base, "gpus": list(gpus), **facts})


def no_cuda(name, why, **facts):
    """CUDA's answer, where it has an error."""
    base = {"binding": "cuda-python 13.4.4", "runtime": "13.4", "driver": None}
    return Answer(why=why, facts={**base, "error": name, **facts})


NO_DRIVER = no_cuda(
    "cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"
)
ORT = Answer(
    facts={
        "version": "1.31.1",
        "wheels": {"onnxruntime": "1.31.1"},
        "providers": ["AzureExecutionProvider", "CPUExecutionProvider"],
    }
)
ORT_GPU = Answer(
    facts={
        "version": "1.31.1",
        "wheels": {"onnxruntime-gpu": "1.31.1"},
        "providers": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
    }
)
NOTHING = dict.fromkeys(probes.PROBES, NOT_INSTALLED)


def machine(answers=(), **facts):
    """A machine on which nothing is installed but what is said."""
    base = {"platform": "linux-x86_64", "python": "3.11.2", "answers": {**NOTHING, **dict(answers)}}
    return Machine(**{**base, **facts})


def jetson(answers=(), l4t="36.4.3", jetpack="6.2", module="NVIDIA Jetson AGX Orin", **facts):
    return machine(
        answers,
        **{
            "platform": "jetson",
            "jetson": Jetson(module, l4t, jetpack),
            "python": "3.10.12",
            **facts,
        },
    )


def with_ort(cuda_answer=NOT_INSTALLED, tensorrt=NOT_INSTALLED, ort=ORT_GPU, gpus=(RTX_4090,)):
    return machine(
        {
            "cuda": cuda(*gpus),
            "onnxruntime": ort,
            "onnxruntime_cuda": cuda_answer,
            "onnxruntime_tensorrt": tensorrt,
        }
    )


def judged(name, on):
    """State, why and fix of a road."""
    found = ROADS[name].finding(name, on)
    assert (found.name, found.what) == (name, ROADS[name].what)
    return found.state, found.why, found.fix


FLASH = (
    "flash JetPack 6.2 or 7.2 (7.0 and 7.1 are for Thor only); until then run the .onnx file on "
    "the CPU"
)
XAVIER = {"l4t": "35.4.1", "jetpack": "5.1.2", "module": "Jetson-AGX"}
