"""Which source of energy a device has."""

import re
from pathlib import Path

from h2ot_edge import system
from h2ot_edge._names import unknown
from h2ot_edge.benchmarks.energy.ina3221 import jetson_meter
from h2ot_edge.benchmarks.energy.meter import Meter, Unmeasured
from h2ot_edge.benchmarks.energy.nvml import Watch, nvml_meter, nvml_watch
from h2ot_edge.benchmarks.energy.rapl import rapl_meter

__all__ = ["open_meter", "open_watch", "why_not"]


def open_meter(device: str, root: Path = system.ROOT) -> Meter | None:
    """What measures the energy of a device; to be closed after use.

    On a Jetson it is the whole module, whatever the device.

    Args:
        device: `cpu`, `cuda` or `cuda:N`.
        root: of the file system.

    Returns:
        None if nothing does; `why_not` says why.

    Raises:
        UnknownName: another device.
    """
    try:
        return _opened(device, root)
    except Unmeasured:
        return None


def why_not(device: str, root: Path = system.ROOT) -> str | None:
    """Why the energy of a device cannot be measured; None if it can.

    Raises:
        UnknownName: a device other than `cpu`, `cuda` or `cuda:N`.
    """
    try:
        _opened(device, root).close()
    except Unmeasured as error:
        return str(error)
    return None


def open_watch(device: str, root: Path = system.ROOT) -> Watch | None:
    """What sees that a GPU is slowed down, where the system's files do not tell.

    Args:
        device: `cpu`, `cuda` or `cuda:N`.
        root: of the file system.

    Returns:
        To be closed after use; None of the CPU, on a Jetson, and if nobody tells.

    Raises:
        UnknownName: another device.
    """
    number = _number_of(device)
    if number is None or system.jetson(root) is not None:
        return None
    try:
        return nvml_watch(number)
    except Unmeasured:
        return None


def _opened(device: str, root: Path) -> Meter:
    number = _number_of(device)
    if system.jetson(root) is not None:
        return jetson_meter(root)
    return rapl_meter(root) if number is None else nvml_meter(number)


def _number_of(device: str) -> int | None:
    """Of a GPU; None of the CPU."""
    cuda = re.fullmatch(r"cuda(?::([0-9]{1,3}))?", device)
    if cuda is None and device != "cpu":
        raise unknown("device", device, ("cpu", "cuda", "cuda:0"))
    return None if cuda is None else int(cuda[1] or 0)
