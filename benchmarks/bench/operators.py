"""Where the time of a model goes: operators in ONNX Runtime, layers in a TensorRT engine."""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from h2ot_edge.benchmarks.flops.product_operators import PRODUCTS
from h2ot_edge.benchmarks.ort_session import bare_session
from h2ot_edge.engine_file import is_engine
from h2ot_edge.spec import FloatArray

if TYPE_CHECKING:
    from h2ot_edge.engines.layers import Layer

__all__ = ["OperatorTime", "gemm_share", "operator_times", "profiled"]

RUNS = 10
WARMUP = 2
SLOWEST = 10

_KERNEL = "_kernel_time"
_MULTIPLYING = re.compile(r"conv|gemm|matmul|matrixmultiply|mha", re.IGNORECASE)
"""In what the versions of TensorRT call layers, and the export nodes."""


@dataclass(frozen=True)
class OperatorTime:
    """Time of one operator in a call.

    Attributes:
        name: of the node or layer.
        kind: of operator or layer.
        ms: median.
        multiplies: whether it multiplies matrices, alone or fused with others; None if the engine
            does not tell.
    """

    name: str
    kind: str
    ms: float
    multiplies: bool | None


def operator_times(
    path: Path, *, backend: str, device: str, threads: int | None, windows: FloatArray
) -> dict[str, Any] | None:
    """Time each operator of a model by itself.

    Args:
        path: ONNX, or an engine.
        backend: a name from `BACKENDS`.
        device: `cpu` or `cuda:N`.
        threads: for one call; None leaves it to the library.
        windows: (b, f, j, c) of one call; engines get noise instead.

    Returns:
        `gemm_share` (None if an engine was built without details), `by_type` and `slowest`; None
        for ONNX Runtime on a GPU, whose profiler times the launches of operators, and for an ONNX
        file in TensorRT, whose engine lies in the cache.

    Raises:
        MissingExtra: the library is not installed.
        H2OTError: as `profile_engine`, for an engine.
    """
    if is_engine(path):
        return figures_of(_layers(path, device))
    if backend != "onnxruntime" or device != "cpu":
        return None
    return figures_of(profiled(path, windows, threads=threads))


def profiled(
    model: Path | bytes, windows: FloatArray, *, threads: int | None = None, runs: int = RUNS
) -> list[OperatorTime]:
    """Operators of a model by ONNX Runtime's profiler, on the CPU.

    Args:
        model: a file, or what is in one.
        windows: (b, f, j, c) of one call.
        threads: for one call; None leaves it to ONNX Runtime.
        runs: timed calls.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = bare_session(model, device="cpu", threads=threads, profile=Path(folder) / "times")
        (given,) = session.get_inputs()
        for _ in range(WARMUP + runs):
            session.run(None, {given.name: windows})
        events = json.loads(Path(session.end_profiling()).read_text())
    return list(_operators(events))


def gemm_share(times: Sequence[OperatorTime]) -> float | None:
    """Share of the time that products take; None if it is not told which they are."""
    total = sum(item.ms for item in times)
    if not total or any(item.multiplies is None for item in times):
        return None
    return sum(item.ms for item in times if item.multiplies) / total


def figures_of(times: Sequence[OperatorTime]) -> dict[str, Any] | None:
    """As a result document holds them; None of none."""
    total = sum(item.ms for item in times)
    if not total:
        return None
    by_kind: defaultdict[str, float] = defaultdict(float)
    for item in times:
        by_kind[item.kind] += item.ms
    kinds = sorted(by_kind.items(), key=lambda entry: -entry[1])
    slowest = sorted(times, key=lambda item: -item.ms)[:SLOWEST]
    return {
        "gemm_share": gemm_share(times),
        "by_type": [{"type": kind, "ms": ms, "share": ms / total} for kind, ms in kinds],
        "slowest": [
            {"name": item.name, "type": item.kind, "ms": item.ms, "share": item.ms / total}
            for item in slowest
        ],
    }


def _operators(events: Sequence[Mapping[str, Any]]) -> Iterator[OperatorTime]:
    """Of the events in a profile, which are in microseconds."""
    taken: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            name, told = event["name"].removesuffix(_KERNEL), event["args"]
            # Nodes may have no names.
            taken[told["node_index"], name, told["op_name"]].append(event["dur"])
    for (_, name, kind), samples in taken.items():
        ms = float(np.median(samples[WARMUP:])) / 1e3
        yield OperatorTime(name, kind, ms, kind in PRODUCTS)


def _layers(path: Path, device: str) -> list[OperatorTime]:
    from h2ot_edge.engines.layers import profile_engine

    return [
        OperatorTime(layer.name, layer.kind or "layer", layer.median_ms, _multiplies(layer))
        for layer in profile_engine(path, device=device).layers
        if layer.median_ms is not None
    ]


def _multiplies(layer: "Layer") -> bool | None:
    """Whether a layer holds a product, by its kind and its nodes."""
    told = [*filter(None, [layer.kind]), *(node.rpartition("/")[2] for node in layer.nodes)]
    return any(map(_MULTIPLYING.search, told)) if told else None
