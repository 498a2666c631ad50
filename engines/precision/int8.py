"""INT8 for the TensorRT family: pairs of QuantizeLinear and DequantizeLinear in the graph.

What NVIDIA's parsers ask for: symmetric int8, zero points of 0, a scale for each output channel of
a weight, no quantised bias, the weights themselves still real numbers in front of their pair.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import onnx

from h2ot_edge._names import require
from h2ot_edge.engines.precision.graph import PRODUCTS, Graph
from h2ot_edge.errors import UsageError

__all__ = ["products", "to_int8", "without_advice"]


def products(graph: Graph, float32: Collection[str], *, attention: bool) -> list[str]:
    """Names of the products that are quantised.

    Args:
        graph: of the model.
        float32: names of nodes that stay.
        attention: whether products of two tensors count too, not only those with weights.

    Raises:
        UsageError: if there is none.
    """
    found = [
        name
        for name, node in graph.node.items()
        if node.op_type in PRODUCTS and name not in float32
        if attention or graph.is_weighted(node)
    ]
    if not found:
        raise UsageError(
            "no product is left to quantise: all of them stay float32; export with --precision fp16"
        )
    return found


def to_int8(model: onnx.ModelProto, ranges: Any, nodes: list[str]) -> onnx.ModelProto:
    """Put pairs in front of what these products take.

    Args:
        model: float32.
        ranges: of the tensors, see `calibration.tensor_ranges`.
        nodes: from `products`.
    """
    library = require("onnxruntime.quantization", "precision")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    quantizer = library.QDQQuantizer(
        onnx.shape_inference.infer_shapes(copy),
        per_channel=True,
        reduce_range=False,
        weight_qType=library.QuantType.QInt8,
        activation_qType=library.QuantType.QInt8,
        tensors_range=ranges,
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=list(PRODUCTS),
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "AddQDQPairToWeight": True,
            # What comes out of a product goes into sums and norms, which are not quantised.
            "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
        },
    )
    with without_advice():
        quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantised: onnx.ModelProto = quantizer.model.model
    del quantised.graph.value_info[:]
    _leave_others_real(quantised, nodes)
    return quantised


def _leave_others_real(model: onnx.ModelProto, nodes: Collection[str]) -> None:
    """Let only the factors of these products be dequantised.

    The library gives what it dequantises to all who take the tensor: a choice of neighbours or of
    frames, a residual, or a product that is to stay as it is.
    """
    quantised = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    real = {
        node.output[0]: quantised[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
    }
    for node in model.graph.node:
        factors = 2 if node.name in nodes else 0
        for place in range(factors, len(node.input)):
            node.input[place] = real.get(node.input[place], node.input[place])


@contextmanager
def without_advice() -> Iterator[None]:
    """Keep ONNX Runtime's quantiser from advising on the root logger, below errors."""
    root = logging.getLogger()
    root.addFilter(_is_error)
    try:
        yield
    finally:
        root.removeFilter(_is_error)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
