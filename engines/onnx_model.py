"""ONNX models in memory: reading and writing them with their cards, checking and running them."""

from pathlib import Path
from typing import Any

import onnx

from h2ot_edge._files import write_whole
from h2ot_edge._version import __version__
from h2ot_edge.benchmarks.flops.counting import batch_of, fixed_batch, known_shapes
from h2ot_edge.benchmarks.ort_session import bare_session
from h2ot_edge.card import METADATA_KEY, ModelCard
from h2ot_edge.errors import ExportError

__all__ = ["check_graph", "open_session", "write_model"]

FORBIDDEN = ("Einsum", "If", "Loop", "NonZero", "Random", "Scan", "Scatter", "Unique")
"""Operators (or beginnings of their names) that make a graph random, dynamic or hard to build."""


def write_model(model: onnx.ModelProto, card: ModelCard, path: Path) -> int:
    """Put the card into the model and write it, whole or not at all; gives its size in bytes."""
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    model.producer_name, model.producer_version = "h2ot-edge", __version__
    data = model.SerializeToString(deterministic=True)
    write_whole(path, data)
    return len(data)


def check_graph(model: onnx.ModelProto) -> None:
    """Check that a graph is what the export promises.

    Raises:
        ExportError: naming the operators or tensors that break the promise.
    """
    onnx.checker.check_model(model)
    foreign = sorted({n.op_type for n in model.graph.node if n.domain not in ("", "ai.onnx")})
    forbidden = sorted({n.op_type for n in model.graph.node if n.op_type.startswith(FORBIDDEN)})
    if foreign or forbidden:
        raise ExportError(
            f"the graph has operators that are random, dynamic or not standard ONNX: "
            f"{', '.join(foreign + forbidden)}; this is a bug of the exporter, please report it"
        )
    shapes = known_shapes(fixed_batch(model, batch_of(model) or 2))
    unknown = sorted(
        name for node in model.graph.node for name in node.output if shapes.get(name) is None
    )
    if unknown:
        raise ExportError(
            f"{len(unknown)} tensors of the graph have no static shape, the first is {unknown[0]}; "
            "this is a bug of the exporter, please report it"
        )


def open_session(model: onnx.ModelProto, threads: int | None = None) -> Any:
    """An ONNX Runtime session on the CPU.

    Args:
        model: the graph.
        threads: None leaves their number to ONNX Runtime.

    Raises:
        MissingExtra: onnxruntime is not installed.
    """
    return bare_session(model.SerializeToString(), device="cpu", threads=threads)
