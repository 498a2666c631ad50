"""Cold starts: what comes before the first pose, in a process of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge._names import require
from h2ot_edge.backends import open_backend
from h2ot_edge.benchmarks.bench.memory import device_mib, peak_host_mib
from h2ot_edge.errors import DeviceError

__all__ = ["cold_start"]

_CHILD = (
    "import time; begun = time.perf_counter_ns(); "
    "from h2ot_edge.benchmarks.bench import cold; cold.tell(begun)"
)
_LIBRARIES = {"onnxruntime": "ort", "tensorrt": "tensorrt", "tensorrt-rtx": "rtx"}
"""Extras of the backends, whose libraries they import when they open a model."""


def cold_start(
    path: Path, *, backend: str, device: str, threads: int | None, repeats: int = 3
) -> dict[str, Any]:
    """Figures of kind `cold`: medians over processes; files are in the system's cache.

    `peak_device_mib` is by how much the GPU's memory that is taken, by all processes, grows until
    the first call is done: what this process holds already is not in it.

    Inside the clocks: `import_ms` importing h2ot_edge with the backend's library; `load_ms` opening
    the model; `first_call_ms` its first call, on zeros, which allocates what later calls use again.

    Args:
        path: of the model.
        backend: as `open_backend`, not `auto`.
        device: as `open_backend`, not `auto`.
        threads: as `open_backend`.
        repeats: processes.

    Raises:
        DeviceError: a process ended badly, with what it said last.
    """
    given = json.dumps([str(path), backend, device, threads])
    found = []
    for _ in range(repeats):
        before = device_mib(device)
        command = [sys.executable, "-c", _CHILD, given]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise DeviceError(
                f"{path.name}: a process that loads it and runs it once ended with status "
                f"{done.returncode}, its last words: {last}; see whether it runs at all"
            )
        figures = json.loads(done.stdout.splitlines()[-1])
        figures["peak_device_mib"] = _grown(before, figures["peak_device_mib"])
        found.append(figures)
    return {name: _median([one[name] for one in found]) for name in found[0]}


def tell(begun: int) -> None:
    """What the process does; `begun` is when it began to import, by `perf_counter_ns`."""
    path, backend, device, threads = json.loads(sys.argv[1])
    require(backend.replace("-", "_"), _LIBRARIES[backend])
    imported = time.perf_counter_ns()
    opened = open_backend(path, backend=backend, device=device, threads=threads)
    loaded = time.perf_counter_ns()
    windows = opened.batch_range[0]
    feed = {
        spec.name: np.zeros((windows, *(size or 1 for size in spec.shape[1:])), spec.dtype)
        for spec in opened.inputs
    }
    before = time.perf_counter_ns()
    opened.run(feed)
    ran = time.perf_counter_ns()
    figures = {
        "import_ms": (imported - begun) / 1e6,
        "load_ms": (loaded - imported) / 1e6,
        "first_call_ms": (ran - before) / 1e6,
        "peak_host_mib": peak_host_mib(),
        "peak_device_mib": device_mib(device),
    }
    opened.close()
    sys.stdout.write(f"\n{json.dumps(figures)}\n")


def _grown(before: float | None, after: float | None) -> float | None:
    """By how much; None if it is not known, or if others gave memory back meanwhile."""
    if before is None or after is None or not after > before:
        return None
    return round(after - before, 1)


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.median(known)), 3) if len(known) == len(values) else None
