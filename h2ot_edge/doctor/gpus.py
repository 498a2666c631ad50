"""Whether there is a GPU that CUDA can use."""

from h2ot_edge.cuda import Gpu
from h2ot_edge.doctor import jetpack
from h2ot_edge.doctor.finding import Finding, Verdict
from h2ot_edge.doctor.machine import Machine

__all__ = ["gpu", "may_be_there", "named", "needed"]

_TOO_OLD = "cudaErrorInsufficientDriver"
_NO_DEVICE = "no CUDA-capable device"


def gpu(machine: Machine) -> Finding:
    """The finding on the GPUs."""
    return Finding("gpu", "NVIDIA GPU", *(_trouble(machine) or ("works", _all(machine), None)))


def needed(machine: Machine) -> Verdict:
    """The verdict on what needs a GPU where there is none; the fix is that of `gpu`."""
    found = gpu(machine)
    return found.state, f"needs an NVIDIA GPU: {found.why}", None


def may_be_there(machine: Machine) -> bool:
    """Whether there is one, or CUDA could not be asked and a driver is loaded."""
    asked = machine.fact("cuda", "gpus") is not None or machine.fact("cuda", "error") is not None
    return bool(machine.gpus) or (not asked and (machine.driver or machine.jetson) is not None)


def named(machine: Machine) -> str:
    """The first GPU, which is `cuda:0`."""
    return str(Gpu(**machine.gpus[0]))


def _all(machine: Machine) -> str:
    cuda = machine.answers["cuda"].facts
    names = ", ".join(gpu["name"] for gpu in machine.gpus)
    return f"{names}, through {cuda['binding']} and a driver for CUDA {cuda['driver']}"


def _trouble(machine: Machine) -> Verdict | None:
    answer, error = machine.answers["cuda"], machine.fact("cuda", "error")
    why = answer.why or ""
    if not answer.there:
        return _no_binding(machine)
    if "libcuda.so" in why:  # without which PyCUDA cannot even be imported
        return _no_driver(machine)
    if error == _TOO_OLD:
        return _no_driver(machine) if machine.fact("cuda", "driver") is None else _old(machine)
    if _NO_DEVICE in why or (answer.works and not machine.gpus):
        return _no_device(machine)
    if error is not None:
        fix = "see what nvidia-smi says; after an update of the driver, start the machine again"
        return "broken", f"CUDA does not start: {why} ({error})", fix
    if why:
        return "broken", f"CUDA's binding: {why}", f"{_install(machine)} --force-reinstall"
    return None


def _no_binding(machine: Machine) -> Verdict:
    why = "neither cuda-python nor pycuda is installed, so CUDA cannot be asked"
    if may_be_there(machine):
        return "not here", why, _install(machine)
    return "not here", f"no NVIDIA driver is loaded, and {why}", _driver_fix(machine)


def _no_driver(machine: Machine) -> Verdict:
    if machine.driver is None:
        return "not here", "no NVIDIA driver is loaded", _driver_fix(machine)
    # The kernel has it, and this process does not see its libraries.
    why = f"driver {machine.driver} is loaded, and its libcuda.so.1 is not found"
    return "broken", why, _container_fix(machine)


def _old(machine: Machine) -> Verdict:
    cuda = machine.answers["cuda"].facts
    why = (
        f"the driver is for CUDA {cuda['driver']}, too old for {cuda['binding']}, which is for "
        f"CUDA {cuda['runtime']}"
    )
    older = _cuda_python(cuda["driver"])
    if machine.jetson is not None:  # where the driver comes with JetPack
        return "broken", why, older
    return "broken", why, f"update the driver, or {older}"


def _no_device(machine: Machine) -> Verdict:
    why = "the driver shows no GPU"
    if machine.hidden is not None:
        fix = "unset CUDA_VISIBLE_DEVICES, or set it to a number that nvidia-smi lists"
        return "not here", f"{why}; CUDA_VISIBLE_DEVICES is {machine.hidden!r}", fix
    if machine.jetson is not None:  # where its files belong to that group
        fix = "sudo usermod -aG video $USER and log in again; in a container, --group-add video"
        return "broken", why, fix
    return "not here", why, "see whether nvidia-smi lists one"


def _install(machine: Machine) -> str:
    cuda = jetpack.cuda_of_driver(machine)
    return _cuda_python(cuda) if cuda else "pip install 'h2ot-edge[cuda]'"


def _cuda_python(cuda: str) -> str:
    """How to install the last one that is not too new for a driver."""
    major, minor = (int(number) for number in cuda.split("."))
    # There was no release for some of the 11s, and all of them work with each other.
    above = "12" if major < 12 else f"{major}.{minor + 1}"
    return f"pip install 'cuda-python<{above}'"


def _driver_fix(machine: Machine) -> str:
    if machine.jetson is not None:
        return _container_fix(machine)
    return f"install NVIDIA's driver; {_container_fix(machine)}"


def _container_fix(machine: Machine) -> str:
    option = "--runtime nvidia" if machine.jetson is not None else "--gpus all"
    return f"in a container, start it with docker run {option}"
