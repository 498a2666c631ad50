"""How much memory a process takes."""

import re
from pathlib import Path

from h2ot_edge.cuda import open_cuda
from h2ot_edge.errors import H2OTError

__all__ = ["device_mib", "peak_host_mib"]


def peak_host_mib(status: Path = Path("/proc/self/status")) -> float | None:
    """Most memory that this process ever held, in MiB; None where Linux does not tell."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    except OSError:
        return None
    return round(int(found[1]) / 1024, 1) if found else None


def device_mib(device: str) -> float | None:
    """Memory of a GPU that is taken, by all processes, in MiB; None of the CPU and untold."""
    if device == "cpu":
        return None
    try:
        cuda = open_cuda("auto", int(device.removeprefix("cuda:")))
        with cuda.current():
            free, total = cuda.memory()
    except H2OTError:
        return None
    return round((total - free) / 2**20, 1)
