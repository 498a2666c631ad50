"""Steps that build: models in other precisions, engines, the cache of engines."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from h2ot_edge._tensorrt import Target, tensorrt_library
from h2ot_edge.benchmarks.device.setting import (
    CLIP,
    DEFAULT,
    Found,
    NotPossible,
    Setting,
    command,
)
from h2ot_edge.engine import Engine
from h2ot_edge.engines.cache import EngineCache
from h2ot_edge.zoo import card_of

__all__ = ["build", "cache", "doctor", "infer_on_cpu", "lower", "profile", "trtexec"]

INT8_OPSET = 19
"""The first in which float16 can be quantised."""

TRTEXEC = "/usr/src/tensorrt/bin"
"""Where JetPack has it, which is not on the path."""


def doctor(setting: Setting) -> Found:
    """What the machine is."""
    document = command("doctor")
    return Found(f"models run here on: {', '.join(document['runs_on'])}", document)


def infer_on_cpu(setting: Setting) -> Found:
    """What all others are compared with: float32 and ONNX Runtime."""
    poses = str(setting.folder / "poses.npz")
    report = command("infer", setting.model("fp32"), str(CLIP), "-o", poses, "--device", "cpu")
    return Found(f"{report['ms_per_window']} ms a window", report)


def lower(precision: str, setting: Setting) -> Found:
    """Make the model in another precision."""
    if precision in setting.models:
        return Found(f"{setting.models[precision]} was given", {})
    source, arguments = setting.model("fp32"), ["-o", str(setting.lowered(precision))]
    arguments += ["--precision", precision]
    if precision == "fp16" or card_of(source).opset >= INT8_OPSET:
        report = command("build", source, *arguments)
    elif source == DEFAULT:  # the weights are here, to export them once more
        report = command("export", "--backbone", "motionbert", *arguments)
    else:
        raise NotPossible(f"{source} has an operator set below {INT8_OPSET}; give --int8 FILE.onnx")
    figures = report["card"]["precision"]
    return Found(figures["verdict"], figures)


def build(target: Target, precision: str, setting: Setting) -> Found:
    """Build an engine."""
    path = setting.engine(target, precision)
    if target == "tensorrt" and precision == "int8" and tensorrt_library(target).version < (10,):
        raise NotPossible("TensorRT 8 does not take the float16 scales of int8 models")
    report = command("build", *_arguments(target, precision, path, setting))
    return Found(f"{report['plan_bytes'] / 1e6:.1f} MB in {report['build_seconds']} s", report)


def profile(target: Target, setting: Setting) -> Found:
    """Build with what `--profile` needs, run, and read each layer's time and precision."""
    *_, precision = setting.built(target)
    path = setting.folder / f"profiled.{target}.engine"
    report = command("build", *_arguments(target, precision, path, setting), "--profile")
    layers = report["profile"]["layers"]
    return Found(f"{len(layers)} layers of {precision}", report["profile"])


def _arguments(target: Target, precision: str, path: Path, setting: Setting) -> list[str]:
    arguments = [setting.model(precision), "--target", target, "--device", setting.device]
    if target == "tensorrt":  # else the engine that is profiled takes minutes once more
        arguments += ["--timing-cache", str(setting.folder / "tensorrt.timing")]
    return [*arguments, "-o", str(path)]


def cache(target: str, setting: Setting) -> Found:
    """`Engine.load` of the ONNX file builds the first time and finds the engine the second."""
    os.environ["H2OT_HOME"] = str(setting.folder / "home")
    seconds, written = [], []
    for _ in range(2):
        start = time.perf_counter()
        Engine.load(setting.model("fp32"), backend=target, device=setting.device).close()
        seconds.append(round(time.perf_counter() - start, 3))
        written.append(
            {entry.plan: entry.plan.stat().st_mtime_ns for entry in EngineCache().entries()}
        )
    line = f"first load {seconds[0]} s, second {seconds[1]} s"
    if not written[0] or written[0] != written[1]:
        raise AssertionError(f"{line}; expected the second load to find what the first one built")
    return Found(line, {"seconds": seconds, "verify": command("cache", "verify")})


def trtexec(setting: Setting) -> Found:
    """An engine is a plain plan: NVIDIA's own tool runs it."""
    tool = shutil.which("trtexec", path=f"{os.environ['PATH']}:{TRTEXEC}")
    if tool is None:
        raise NotPossible(f"there is no trtexec, neither on the path nor in {TRTEXEC}")
    (path, *_) = setting.built("tensorrt").values()
    done = subprocess.run(
        [tool, f"--loadEngine={path}", "--iterations=10"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = " ".join(done.stderr.split()[-100:])
        raise AssertionError(f"trtexec ends with status {done.returncode}: {said}")
    return Found("trtexec runs the engine", {"log": done.stdout.splitlines()[-20:]})
