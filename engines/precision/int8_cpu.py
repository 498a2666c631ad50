"""INT8 for ONNX Runtime on CPUs: weights quantised once, what meets them anew in every call.

Weights are signed, one scale for each output channel, and take 7 of their 8 bits. With all 8, CPUs
without VNNI (x86 before 2019, many after) saturate when they add two products in 16 bits, silently
and tenfold off. Unsigned weights are safe there too, but gain next to nothing on CPUs with VNNI
(motionbert-s: 0.93 of float32's time, signed ones 0.74).
"""

import tempfile
from collections.abc import Collection
from pathlib import Path

import onnx

from h2ot_edge._names import require
from h2ot_edge.engines.precision.graph import PRODUCTS, Graph
from h2ot_edge.engines.precision.int8 import products, without_advice

__all__ = ["to_int8_cpu"]


def to_int8_cpu(model: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """Quantise the products with weights.

    Args:
        model: float32, nodes with names of their own.
        float32: names of the nodes that stay.

    Raises:
        UsageError: if no product is left.
    """
    library = require("onnxruntime.quantization", "precision")
    graph = Graph.of(model)
    chosen = set(products(graph, float32, attention=False))
    left_out = [name for name in graph.node if name not in chosen]
    # The library splits a Gemm into a MatMul of this name and an addition before it looks.
    left_out += [f"{name}_MatMul" for name in left_out]
    with tempfile.TemporaryDirectory() as folder, without_advice():
        path = Path(folder) / "quantised.onnx"
        library.quantize_dynamic(
            model,
            path,
            op_types_to_quantize=list(PRODUCTS),
            per_channel=True,
            reduce_range=True,
            weight_type=library.QuantType.QInt8,
            nodes_to_exclude=left_out,
            extra_options={"MatMulConstBOnly": True},
        )
        return onnx.load(path)
