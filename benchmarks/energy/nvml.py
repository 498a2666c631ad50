"""Energy of NVIDIA's desktop and server GPUs, as their driver tells it through NVML.

Source: NVIDIA's NVML API Reference Guide. The counter is of Volta and later.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from h2ot_edge._names import require
from h2ot_edge.benchmarks.energy.meter import Meter, Unmeasured, believed
from h2ot_edge.errors import MissingExtra

__all__ = ["Watch", "nvml_meter", "nvml_watch"]

_HZ = 10.0
_COUNTER_SHORTEST_S = 2.0
# From Ampere on a reading of power is the mean of the second before it.
_POWER_SHORTEST_S = 5.0

# The cap on power is left out: it is a setting of the machine, as a Jetson's power mode is.
_SLOWED = {
    "nvmlClocksThrottleReasonHwSlowdown": "by its hardware",
    "nvmlClocksThrottleReasonSwThermalSlowdown": "by its driver, too warm",
    "nvmlClocksThrottleReasonHwThermalSlowdown": "by its hardware, too warm",
    "nvmlClocksThrottleReasonHwPowerBrakeSlowdown": "by its power supply",
}


@dataclass(frozen=True)
class Watch:
    """Sees what slows a GPU down, and reads nothing else.

    Attributes:
        throttled: why it is slowed down now.
        close: gives back what was opened.
    """

    throttled: Callable[[], list[str]]
    close: Callable[[], object]


def nvml_meter(number: int, environ: Mapping[str, str] = os.environ) -> Meter:
    """The energy of a whole GPU with its memory, whoever uses it.

    Args:
        number: N of `cuda:N`.
        environ: environment variables, of which CUDA's decide which GPU that is.

    Raises:
        Unmeasured: no nvidia-ml-py, no driver, or a GPU that does not tell.
    """
    with _asked(number, environ, "does not tell its power") as (nvml, handle):
        return _meter(nvml, handle)


def nvml_watch(number: int, environ: Mapping[str, str] = os.environ) -> Watch:
    """What slows a GPU down, whether it tells its power or not.

    Args:
        number: N of `cuda:N`.
        environ: as `nvml_meter`.

    Raises:
        Unmeasured: no nvidia-ml-py, no driver, or no such GPU.
    """
    with _asked(number, environ, "cannot be asked") as (nvml, handle):
        return Watch(lambda: _slowed(nvml, handle), nvml.nvmlShutdown)


@contextmanager
def _asked(number: int, environ: Mapping[str, str], wrong: str) -> Iterator[tuple[Any, Any]]:
    """NVML and a GPU's handle, which stay open unless something is wrong."""
    nvml = _initialised()
    try:
        yield nvml, _handle(nvml, number, environ)
    except nvml.NVMLError as error:
        nvml.nvmlShutdown()
        raise Unmeasured(f"cuda:{number} {wrong}: {error}") from error
    except Unmeasured:
        nvml.nvmlShutdown()
        raise


def _initialised() -> Any:
    try:
        nvml = require("pynvml", "bench")
    except MissingExtra as error:
        raise Unmeasured(str(error)) from error
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise Unmeasured(f"NVML, a part of NVIDIA's driver, cannot be used: {error}") from error
    return nvml


def _meter(nvml: Any, handle: Any) -> Meter:
    counts = _has_counter(nvml, handle)

    def read() -> list[float]:
        try:
            if counts:
                return [nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3]
            return [believed("GPU", nvml.nvmlDeviceGetPowerUsage(handle) / 1e3)]
        except nvml.NVMLError as error:
            raise Unmeasured(f"GPU: NVML stopped telling its power: {error}") from error

    read()
    what = "energy counter" if counts else "mean power of the last second"
    return Meter(
        source=f"NVML: {what} of {nvml.nvmlDeviceGetName(handle)}",
        rails=("GPU",),
        read=read,
        hz=_HZ,
        shortest_s=_COUNTER_SHORTEST_S if counts else _POWER_SHORTEST_S,
        counts=counts,
        ranges=(0.0,),
        throttled=lambda: _slowed(nvml, handle),
        close=nvml.nvmlShutdown,
    )


def _has_counter(nvml: Any, handle: Any) -> bool:
    try:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:
        nvml.nvmlDeviceGetPowerUsage(handle)
        return False
    return True


def _slowed(nvml: Any, handle: Any) -> list[str]:
    try:
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    except nvml.NVMLError:
        return []
    return [
        f"the GPU is slowed down {why}"
        for name, why in _SLOWED.items()
        if reasons & getattr(nvml, name)
    ]


def _handle(nvml: Any, number: int, environ: Mapping[str, str]) -> Any:
    """CUDA numbers GPUs by speed, NVML by their place on the bus."""
    names = [name.strip() for name in environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if names == [""]:
        names = [str(n) for n in range(number + 1)]
    name = names[number] if number < len(names) else ""
    if name.startswith("GPU-"):
        return nvml.nvmlDeviceGetHandleByUUID(name)
    alone = nvml.nvmlDeviceGetCount() == 1
    if not name.isdecimal() or not (alone or environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"):
        raise Unmeasured(
            f"which GPU of NVML is cuda:{number} is not known; set CUDA_DEVICE_ORDER=PCI_BUS_ID, "
            "and name whole GPUs in CUDA_VISIBLE_DEVICES"
        )
    return nvml.nvmlDeviceGetHandleByIndex(int(name))
