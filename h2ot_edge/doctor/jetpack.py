"""What helps on a Jetson, where TensorRT comes with the system and a wheel from pip hides it."""

from h2ot_edge.doctor.finding import Finding
from h2ot_edge.doctor.machine import Machine
from h2ot_edge.system import PowerMode

__all__ = [
    "clock",
    "cuda_of_driver",
    "instead",
    "power",
    "tensorrt_broken",
    "tensorrt_missing",
    "without_tensorrt",
]

_NEW_PYTHON = 36  # the first L4T whose bindings are for a Python that h2ot-edge runs on
_SBSA = 38  # the first L4T on which the ordinary builds for Arm servers run
_CUDA_OF_L4T = {"35": "11.4", "36.3": "12.2", "36": "12.6", "38": "13.0", "39": "13.2"}
_SHARED = "python3 -m venv --system-site-packages"


def cuda_of_driver(machine: Machine) -> str | None:
    """The CUDA that the driver of this JetPack is for; None if the JetPack is not known."""
    l4t = (machine.jetson.l4t if machine.jetson else None) or ""
    lines = (version for line, version in _CUDA_OF_L4T.items() if f"{l4t}.".startswith(f"{line}."))
    return next(lines, None)


def is_too_old(machine: Machine) -> bool:
    """Whether this JetPack's TensorRT cannot be used."""
    return machine.l4t_line is not None and machine.l4t_line < _NEW_PYTHON


def tensorrt_missing(machine: Machine) -> tuple[str, str]:
    """Why TensorRT is not found, and what helps."""
    if is_too_old(machine):
        of = machine.jetpack
        why = f"TensorRT of {of} is for Python 3.8 or older, h2ot-edge is for 3.10 or later"
        return why, without_tensorrt(machine)
    if machine.bindings and machine.python_line not in machine.bindings:
        python = machine.bindings[-1]
        why = f"JetPack's TensorRT is for Python {python}, this is {machine.python_line}"
        fix = f"python{python} -m venv --system-site-packages .venv, and h2ot-edge into that"
        return why, fix
    isolated = machine.environment == "isolated"
    if machine.bindings and isolated:
        why = "this virtual environment hides JetPack's TensorRT"
        return why, f"make it again with {_SHARED}"
    fix = "sudo apt install python3-libnvinfer"
    if isolated:
        fix += f", and make this virtual environment again with {_SHARED}"
    return "tensorrt is not installed", fix


def tensorrt_broken(machine: Machine, reason: str) -> tuple[str, str]:
    """Why TensorRT is found and cannot be loaded, and what helps."""
    why, line = f"tensorrt: {reason}", machine.l4t_line
    if machine.wheels and line is not None and line < _SBSA:
        names = " ".join(machine.wheels)
        why += f"; pip installed {names}, which hides JetPack's and is not for {machine.jetpack}"
        return why, f"pip uninstall -y tensorrt {names}"
    if "libnvdla_compiler" in reason and line is not None and line >= _SBSA:
        # Those images bring JetPack 6's TensorRT, and JetPack 7.2 has no such library.
        fix = "use the image nvcr.io/nvidia/tensorrt:YY.MM-py3, not one that ends in -igpu"
        return why, fix
    fix = "sudo apt install --reinstall python3-libnvinfer"
    return why, f"{fix}; in a container, start it with docker run --runtime nvidia"


def instead(machine: Machine) -> str:
    """What to do instead of what is not for a Jetson."""
    return without_tensorrt(machine) if is_too_old(machine) else "h2ot-infer --backend tensorrt"


def without_tensorrt(machine: Machine) -> str:
    """What helps where JetPack's TensorRT does not do; only an Orin takes a later JetPack."""
    module = (machine.jetson.module if machine.jetson else None) or ""
    cpu = "run the .onnx file on the CPU"
    if "Orin" not in module:
        return cpu
    return f"flash JetPack 6.2 or 7.2 (7.0 and 7.1 are for Thor only); until then {cpu}"


def power(machine: Machine) -> Finding | None:
    """Whether the module is held back."""
    mode = machine.power_mode
    if mode is None or "MAXN" in mode.name:
        return None
    best = _fastest(machine.power_modes)
    if best is None and machine.power_modes:
        return None
    why = f"{mode.name} (mode {mode.number}) holds the module back"
    fix = "sudo nvpmodel -m N, N being the ID of MAXN in /etc/nvpmodel.conf"
    if best is not None:
        fix = f"sudo nvpmodel -m {best.number} ({best.name})"
    return Finding("power-mode", "power mode", "warning", why, fix)


def clock(machine: Machine) -> Finding | None:
    """Whether the GPU's clock moves while one measures."""
    if machine.jetson is None or machine.clock is None or machine.clock.locked:
        return None
    low, high = machine.clock.min_hz / 1e6, machine.clock.max_hz / 1e6
    why = f"moves between {low:.0f} and {high:.0f} MHz, so what is measured does too"
    fix = "sudo jetson_clocks (until the next start)"
    return Finding("gpu-clock", "GPU clock", "warning", why, fix)


def _fastest(modes: tuple[PowerMode, ...]) -> PowerMode | None:
    """Its number differs between modules and JetPacks; MAXN_SUPER is above MAXN."""
    free = [mode for mode in modes if mode.name.startswith("MAXN")]
    return max(free, key=lambda mode: len(mode.name), default=None)
