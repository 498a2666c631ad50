"""What an engine does, layer by layer: times, precisions, and what was fused with what.

Not run on a GPU yet: written against the documents of EngineInspector and IProfiler.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.backends import open_backend, resolve_backend
from h2ot_edge.backends.trt import TensorRtBackend
from h2ot_edge.errors import ModelFileError

__all__ = ["EngineProfile", "Layer", "layers_of", "profile_engine"]

ROUNDS = 20
WARMUP = 3

_PRECISIONS = (
    ("int8", r"int8"),
    ("fp8", r"fp8"),
    ("bf16", r"bf16|bfloat16"),
    ("fp16", r"fp16|half"),
    ("fp32", r"fp32|float"),
)
"""What the versions call the types of tensors, the narrower ones first."""


@dataclass(frozen=True)
class Layer:
    """One layer of an engine.

    Attributes:
        name: as TensorRT calls it.
        kind: such as `gemm`, `Reformat` or `kgen`; empty if the engine does not tell.
        precision: of what it gives; empty if the engine does not tell.
        nodes: names of the ONNX nodes that it carries out.
        median_ms: time on the GPU; None if it was not run.
    """

    name: str
    kind: str
    precision: str
    nodes: tuple[str, ...]
    median_ms: float | None = None


@dataclass(frozen=True)
class EngineProfile:
    """The layers of an engine, in the order in which they run."""

    layers: tuple[Layer, ...]

    @property
    def total_ms(self) -> float:
        """Sum of the layers' times; copies and gaps between layers are not in it."""
        return sum(layer.median_ms or 0 for layer in self.layers)

    @property
    def attentions(self) -> tuple[int, int]:
        """Softmaxes that run inside one layer with products, and all softmaxes."""
        with_softmax = [layer for layer in self.layers if _names(layer, "softmax")]
        fused = [layer for layer in with_softmax if _names(layer, "matmul")]
        count = sum(_names(layer, "softmax") for layer in with_softmax)
        return sum(_names(layer, "softmax") for layer in fused), count

    def rows(self) -> Iterator[tuple[str, str]]:
        """The layers by time, and what became of the attentions."""
        fused, softmaxes = self.attentions
        yield "layers", f"{len(self.layers)}, {self.total_ms:.3f} ms in all"
        yield "attention", f"{fused} of {softmaxes} softmaxes run in one layer with products"
        for layer in sorted(self.layers, key=lambda layer: -(layer.median_ms or 0)):
            ms = layer.median_ms or 0
            share = ms / self.total_ms if self.total_ms else 0
            what = " ".join(filter(None, (layer.precision, layer.kind)))
            yield f"{ms:.3f} ms", f"{share:6.1%}  {what or '-'}  {_short(layer.name)}"

    def to_dict(self) -> dict[str, Any]:
        """The profile, ready for JSON."""
        return {
            "total_ms": self.total_ms,
            "fused_softmaxes": self.attentions[0],
            "softmaxes": self.attentions[1],
            "layers": [asdict(layer) for layer in self.layers],
        }


def profile_engine(path: Path, *, device: str = "cuda:0", cuda: str = "auto") -> EngineProfile:
    """Run an engine and time its layers.

    Inside the clock: each layer on the GPU, as TensorRT measures it between events; layers run one
    after the other meanwhile, so that the sum is more than a call takes.

    Raises:
        ModelFileError: the engine tells nothing of its layers, or as `Engine.load`.
        DeviceError: the device failed.
    """
    name = resolve_backend(path)
    backend = open_backend(path, backend=name, device=device, cuda=cuda)
    assert isinstance(backend, TensorRtBackend)
    try:
        times = _layer_times(backend)
        # Afterwards: types and sizes of a free batch are those of the latest call.
        return EngineProfile(_timed(layers_of(backend.layer_information(), path), times))
    finally:
        backend.close()


def layers_of(text: str, path: Path) -> list[Layer]:
    """The layers in what an engine inspector says.

    Args:
        text: JSON, from `EngineInspector.get_engine_information`.
        path: of the engine, for messages.

    Raises:
        ModelFileError: it holds no layers.
    """
    try:
        # Not strict: names of nodes are put together with control characters.
        described = list(json.loads(text, strict=False)["Layers"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileError(
            f"{path}: the engine tells nothing of its layers; build it with --profile"
        ) from error
    # An engine that was built without details gives names only.
    return [
        _layer(entry) if isinstance(entry, Mapping) else Layer(entry, "", "", ())
        for entry in described
    ]


def _layer(entry: Mapping[str, Any]) -> Layer:
    outputs = entry.get("Outputs") or [{}]
    # `Format/Datatype` until 10, of which 11 makes two fields.
    told = (str(value) for key, value in outputs[0].items() if "datatype" in key.lower())
    form = " ".join(told).lower()
    precision = next((name for name, pattern in _PRECISIONS if re.search(pattern, form)), "")
    nodes = re.findall(r"\[ONNX Layer: ([^\]]+)\]", str(entry.get("Metadata", "")))
    return Layer(str(entry["Name"]), str(entry.get("LayerType", "")), precision, tuple(nodes))


def _layer_times(backend: TensorRtBackend) -> dict[str, float]:
    """Median time of each layer in milliseconds."""
    samples: dict[str, list[float]] = {}

    class Profiler(backend.library.trt.IProfiler):  # type: ignore[misc, name-defined]
        """Keeps what TensorRT tells of each layer after a call."""

        def __init__(self) -> None:
            super().__init__()

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            samples.setdefault(layer_name, []).append(ms)

    feed = {spec.name: _noise(spec.shape, backend.batch_range[0]) for spec in backend.inputs}
    for _ in range(WARMUP):
        backend.run(feed)
    profiler = Profiler()
    for _ in range(ROUNDS):
        backend.profiled(feed, profiler)
    return {name: float(np.median(times)) for name, times in samples.items()}


def _noise(shape: tuple[int | None, ...], batch: int) -> Any:
    # Not zeros: a network that scales by the person's size would divide by none.
    sizes = [batch if size is None else size for size in shape]
    return np.random.default_rng(0).uniform(-1, 1, sizes).astype(np.float32)


def _timed(layers: list[Layer], times: Mapping[str, float]) -> tuple[Layer, ...]:
    known = {layer.name for layer in layers}
    unknown = [Layer(name, "", "", (), ms) for name, ms in times.items() if name not in known]
    timed = [replace(layer, median_ms=times.get(layer.name)) for layer in layers]
    return (*timed, *unknown)


def _names(layer: Layer, operator: str) -> int:
    """How many of a layer's nodes are of an operator, by the names that the export gives them."""
    return sum(operator in node.rpartition("/")[2].lower() for node in layer.nodes)


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:40]} ... {name[-15:]}"
