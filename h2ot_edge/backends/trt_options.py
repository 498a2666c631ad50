"""Keywords of the TensorRT backends."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from h2ot_edge._names import look_up
from h2ot_edge.cuda import BINDINGS, Binding
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.engines.options import BuildOptions

__all__ = ["TensorRtOptions"]


@dataclass(frozen=True, kw_only=True)
class TensorRtOptions:
    """How an engine is run.

    Attributes:
        cuda: what moves the data: `cuda-python`, `pycuda`, or `auto` as in `open_cuda`.
        cuda_graph: replay calls of one shape as a CUDA graph, which costs the CPU less; calls on
            device arrays are never replayed. cuda-python only.
        contexts: how many calls may run at a time; each has buffers and a stream of its own, a
            call that finds none waits.
        build: how to build the engine, if an ONNX file is given.
        weights: the ONNX file that an engine was built from, if it was built without weights.
    """

    cuda: Binding = "auto"
    cuda_graph: bool = False
    contexts: int = 1
    build: "BuildOptions | None" = None
    weights: str | Path | None = None

    def __post_init__(self) -> None:
        look_up("CUDA binding", self.cuda, dict.fromkeys(BINDINGS))
        if self.contexts < 1:
            raise UsageError(f"contexts: expected at least 1, got {self.contexts}")
