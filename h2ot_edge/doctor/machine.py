"""All that is known of a machine, before anything is judged."""

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge import __version__, system
from h2ot_edge._names import versions_of
from h2ot_edge.doctor.asking import Answer
from h2ot_edge.system import Clock, Jetson, PowerMode

__all__ = ["Machine", "look_at"]

_EXPORTING = ("torch", "onnx", "onnxslim")


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        platform: see `system.platform_tag`.
        python: version of this Python.
        answers: of the libraries that were asked, by the names of the probes.
        driver: version of NVIDIA's kernel module.
        power_modes: those that can be set.
        environment: `isolated` or `with system packages` for a virtual one, else None.
        bindings: Python versions for which JetPack brought TensorRT.
        wheels: what pip installed of TensorRT, beside the package of that name itself.
        exporting: versions of what exporting a model needs; not loaded, which takes seconds.
        hidden: the value of CUDA_VISIBLE_DEVICES.
    """

    platform: str
    python: str
    answers: Mapping[str, Answer]
    jetson: Jetson | None = None
    driver: str | None = None
    power_mode: PowerMode | None = None
    power_modes: tuple[PowerMode, ...] = ()
    clock: Clock | None = None
    os: str | None = None
    cpu: str | None = None
    environment: str | None = None
    bindings: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()
    exporting: Mapping[str, str] = field(default_factory=dict)
    hidden: str | None = None

    @property
    def python_line(self) -> str:
        """`3.10` of `3.10.12`."""
        return ".".join(self.python.split(".")[:2])

    @property
    def l4t_line(self) -> int | None:
        """36 of L4T 36.4.3: JetPack 6 is 36, JetPack 7 is 38 and later."""
        l4t = self.jetson.l4t if self.jetson else None
        return int(l4t.partition(".")[0]) if l4t else None

    @property
    def jetpack(self) -> str:
        """JetPack, for messages."""
        if self.jetson is None or self.jetson.l4t is None:
            return "this JetPack"
        known = self.jetson.jetpack
        return f"JetPack {known}" if known else f"the JetPack of L4T {self.jetson.l4t}"

    @property
    def gpus(self) -> list[dict[str, Any]]:
        """As `cuda.Gpu` has them."""
        return list(self.fact("cuda", "gpus") or [])

    def fact(self, probe: str, name: str) -> Any:
        """What a probe learnt, or None."""
        answer = self.answers.get(probe)
        return answer.facts.get(name) if answer else None

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain data; None is what is not there or not known."""
        return {
            "h2ot_edge": __version__,
            "python": self.python,
            "numpy": np.__version__,
            "environment": self.environment,
            "os": self.os,
            "kernel": f"{platform.system()} {platform.release()}",
            "platform": self.platform,
            "cpu": self.cpu,
            "cores": os.cpu_count(),
            "jetson": asdict(self.jetson) if self.jetson else None,
            "power_mode": asdict(self.power_mode) if self.power_mode else None,
            "gpu_clock": {**asdict(self.clock), "locked": self.clock.locked}
            if self.clock
            else None,
            "driver": self.driver,
            "cuda_visible_devices": self.hidden,
            "gpus": self.gpus,
            "cuda": {
                name: self.fact("cuda", name) for name in ("binding", "runtime", "driver", "error")
            },
            "tensorrt": self.fact("tensorrt", "version"),
            "tensorrt_rtx": self.fact("tensorrt_rtx", "version"),
            "onnxruntime": {
                name: self.fact("onnxruntime", name) for name in ("version", "wheels", "providers")
            },
            "exporting": dict(self.exporting),
        }


def look_at(root: Path, answers: Mapping[str, Answer]) -> Machine:
    """Read the rest from files."""
    return Machine(
        platform=system.platform_tag(root),
        python=platform.python_version(),
        answers=answers,
        jetson=system.jetson(root),
        driver=system.driver_version(root),
        power_mode=system.power_mode(root),
        power_modes=system.power_modes(root),
        clock=system.gpu_clock(root),
        os=system.os_name(root),
        cpu=system.cpu_model(root),
        environment=_environment(),
        bindings=_bindings(root),
        wheels=_wheels(),
        exporting=versions_of(*_EXPORTING),
        hidden=os.environ.get("CUDA_VISIBLE_DEVICES"),
    )


def _environment() -> str | None:
    if sys.prefix == sys.base_prefix:
        return None
    try:
        settings = (Path(sys.prefix) / "pyvenv.cfg").read_text(errors="replace")
    except OSError:
        return "isolated"
    shared = re.search(r"(?im)^include-system-site-packages *= *true", settings)
    return "with system packages" if shared else "isolated"


def _bindings(root: Path) -> tuple[str, ...]:
    folders = (root / "usr/lib", root / "usr/local/lib")
    found = [path for folder in folders for path in folder.glob("python3.*/dist-packages/tensorrt")]
    return tuple(sorted({path.parts[-3].removeprefix("python") for path in found}))


def _wheels() -> tuple[str, ...]:
    names = {str(item.metadata["Name"]) for item in distributions()}
    ours = re.compile(r"tensorrt([-_]cu\d+)?([-_](bindings|libs))?")
    return tuple(sorted(name for name in names - {"tensorrt"} if ours.fullmatch(name)))
