"""The roads from a model to poses: whether each works here, why not, and what helps."""

from collections.abc import Callable
from dataclasses import dataclass

from h2ot_edge.doctor import gpus, jetpack
from h2ot_edge.doctor.finding import Finding, Verdict
from h2ot_edge.doctor.machine import Machine

__all__ = ["ROADS", "Road"]


@dataclass(frozen=True)
class Road:
    """One road.

    Attributes:
        what: it is, in words.
        asks: the probes that the verdict needs.
        runs: whether it ends in poses; other roads end in a file.
        judge: the verdict.
    """

    what: str
    asks: tuple[str, ...]
    runs: bool
    judge: Callable[[Machine], Verdict]

    def finding(self, name: str, machine: Machine) -> Finding:
        """The verdict on a machine."""
        return Finding(name, self.what, *self.judge(machine))


def _onnxruntime_cpu(machine: Machine) -> Verdict:
    answer = machine.answers["onnxruntime"]
    if not answer.there:
        return "not here", "onnxruntime is not installed", "pip install 'h2ot-edge[ort]'"
    if answer.why is not None:
        wheels = list(answer.facts.get("wheels", {})) or ["onnxruntime"]
        fix = f"pip install --force-reinstall {wheels[0]}"
        if machine.jetson is not None:  # for which PyPI's onnxruntime-gpu is not
            fix = f"pip uninstall -y {' '.join(wheels)} && pip install 'h2ot-edge[ort]'"
        return "broken", f"onnxruntime: {answer.why}", fix
    return "works", f"ONNX Runtime {answer.facts['version']} ran a graph", None


def _onnxruntime_cuda(machine: Machine) -> Verdict:
    if machine.answers["onnxruntime_cuda"].works:
        version = machine.fact("onnxruntime", "version")
        return "works", f"ONNX Runtime {version} ran a graph on cuda:0", None
    return _provider_fails(machine, "onnxruntime_cuda", "CUDAExecutionProvider")


def _onnxruntime_tensorrt(machine: Machine) -> Verdict:
    if machine.answers["onnxruntime_tensorrt"].works and machine.gpus:
        version = machine.fact("onnxruntime_tensorrt", "tensorrt")
        which = f"its TensorRT, {version}," if version else "its TensorRT"
        return "works", f"{which} can be loaded; no engine was built", None
    return _provider_fails(machine, "onnxruntime_tensorrt", "TensorrtExecutionProvider")


def _tensorrt_build(machine: Machine) -> Verdict:
    failed = _tensorrt_fails(machine, "tensorrt_builder")
    if failed is not None:
        return failed
    on = f"{machine.fact('tensorrt_builder', 'version')} on {gpus.named(machine)}"
    more = " unless it is built for more"
    if machine.jetson is not None:
        more = "; hardware-compatible engines are not for a Jetson"
    return "works", f"{on}; an engine runs on that GPU and that version only{more}", None


def _tensorrt(machine: Machine) -> Verdict:
    failed = _tensorrt_fails(machine, "tensorrt")
    if failed is not None:
        return failed
    version = machine.fact("tensorrt", "version")
    return "works", f"{version} on {gpus.named(machine)}", None


def _rtx_build(machine: Machine) -> Verdict:
    answer = machine.answers["tensorrt_rtx"]
    if machine.jetson is not None:
        why = "there is no TensorRT-RTX for Jetson"
        return "not here", why, jetpack.instead(machine)
    if not answer.there:
        return "not here", "tensorrt-rtx is not installed", "pip install 'h2ot-edge[rtx]'"
    if answer.why is not None:
        fix = "pip install --force-reinstall tensorrt-rtx"
        return "broken", f"tensorrt-rtx: {answer.why}", fix
    targets = ", ".join(answer.facts["targets"])
    return "works", f"{answer.facts['version']}, with or without a GPU, for {targets}", None


def _rtx(machine: Machine) -> Verdict:
    state, why, fix = _rtx_build(machine)
    if state != "works":
        return state, why, fix
    if not machine.gpus:
        return gpus.needed(machine)
    kind = "SM" + machine.gpus[0]["compute_capability"].replace(".", "")
    targets = machine.fact("tensorrt_rtx", "targets")
    version = machine.fact("tensorrt_rtx", "version")
    if kind not in targets:
        why = f"{gpus.named(machine)} is {kind}; TensorRT-RTX {version} is for {', '.join(targets)}"
        return "not here", why, "h2ot-infer --backend tensorrt"
    if kind == "SM75":
        why = f"{gpus.named(machine)} takes no engine with float32 matrix products"
        fix = "h2ot-build --target tensorrt-rtx --precision fp16 --compute-capability SM75"
        return "warning", why, fix
    return "works", f"{version} on {gpus.named(machine)}", None


def _precision(machine: Machine) -> Verdict:
    answers = {name: machine.answers[name] for name in ("onnx", "onnxruntime")}
    missing = [name for name, answer in answers.items() if not answer.there]
    if missing:
        why = f"not installed: {', '.join(missing)}"
        return "not here", why, "pip install 'h2ot-edge[precision]'"
    if answers["onnx"].why is not None:
        return "broken", f"onnx: {answers['onnx'].why}", "pip install --force-reinstall onnx"
    runtime = _onnxruntime_cpu(machine)
    if runtime[0] != "works":
        return runtime
    versions = " and ".join(f"{name} {a.facts['version']}" for name, a in answers.items())
    return "works", f"{versions} load", None


def _export(machine: Machine) -> Verdict:
    missing = [name for name in ("torch", "onnx", "onnxslim") if name not in machine.exporting]
    if missing:
        fix = "pip install 'h2ot-edge[export]'"
        if machine.jetson is not None:
            fix = "export on a PC and copy the .onnx file"
        return "not here", f"not installed: {', '.join(missing)}", fix
    found = ", ".join(f"{name} {version}" for name, version in machine.exporting.items())
    return "works", f"{found} are installed; not loaded here, which takes seconds", None


ROADS = {
    "onnxruntime-cpu": Road(
        "ONNX Runtime on the CPU", ("onnxruntime",), runs=True, judge=_onnxruntime_cpu
    ),
    "onnxruntime-cuda": Road(
        "ONNX Runtime with CUDA",
        ("cuda", "onnxruntime", "onnxruntime_cuda"),
        runs=True,
        judge=_onnxruntime_cuda,
    ),
    "onnxruntime-tensorrt": Road(
        "ONNX Runtime with TensorRT",
        ("cuda", "onnxruntime", "onnxruntime_tensorrt"),
        runs=True,
        judge=_onnxruntime_tensorrt,
    ),
    "tensorrt": Road("TensorRT, running engines", ("cuda", "tensorrt"), runs=True, judge=_tensorrt),
    "tensorrt-build": Road(
        "TensorRT, building engines",
        ("cuda", "tensorrt_builder"),
        runs=False,
        judge=_tensorrt_build,
    ),
    "tensorrt-rtx": Road(
        "TensorRT-RTX, running engines", ("cuda", "tensorrt_rtx"), runs=True, judge=_rtx
    ),
    "tensorrt-rtx-build": Road(
        "TensorRT-RTX, building engines", ("tensorrt_rtx",), runs=False, judge=_rtx_build
    ),
    "precision": Road(
        "lowering the precision", ("onnx", "onnxruntime"), runs=False, judge=_precision
    ),
    "export": Road("exporting models", (), runs=False, judge=_export),
}
"""The roads by name."""


def _provider_fails(machine: Machine, probe: str, provider: str) -> Verdict:
    answer = machine.answers[probe]
    if answer.works or not gpus.may_be_there(machine):
        return gpus.needed(machine)
    if not answer.there:
        fix = "pip install 'h2ot-edge[ort-gpu]'"
        if machine.jetson is not None:  # for which PyPI has none
            fix = jetpack.instead(machine)
        return "not here", "onnxruntime is not installed", fix
    there = provider in (machine.fact("onnxruntime", "providers") or ())
    return "broken" if there else "not here", str(answer.why), answer.fix


def _tensorrt_fails(machine: Machine, probe: str) -> Verdict | None:
    answer = machine.answers[probe]
    if not gpus.may_be_there(machine):
        return gpus.needed(machine)
    if not answer.there:
        if machine.jetson is not None:
            return "not here", *jetpack.tensorrt_missing(machine)
        return "not here", "tensorrt is not installed", "pip install 'h2ot-edge[tensorrt]'"
    if answer.why is not None:
        if machine.jetson is not None:
            return "broken", *jetpack.tensorrt_broken(machine, answer.why)
        fix = "pip uninstall -y tensorrt && pip install 'h2ot-edge[tensorrt]'"
        return "broken", f"tensorrt: {answer.why}", fix
    if not machine.gpus:
        return gpus.needed(machine)
    version = str(machine.fact(probe, "version"))
    if version.startswith("8.5."):
        why = f"TensorRT {version} has no LayerNormalization, which models have from opset 17 on"
        return "warning", why, "export the model with h2ot-export --opset 16"
    return None
