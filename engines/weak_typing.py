"""Precision of a weakly typed network: that of the graph, where it is float32.

A weakly typed TensorRT takes casts for hints and may run any layer in any precision that the flags
allow. So each layer that is float32 in the graph is pinned to it; the others are left to TensorRT.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from h2ot_edge._tensorrt import Library
from h2ot_edge.engines.versions import cast_type

__all__ = ["LayerTypes", "graph_types", "pin_float32"]


@dataclass(frozen=True)
class LayerTypes:
    """What the layers of a network compute with, by the graph.

    Attributes:
        outputs: type of each tensor, by name.
        pinned: numbers of the layers that compute in float32.
        half, int8: whether anything is.
    """

    outputs: dict[str, Any]
    pinned: list[int]
    half: bool
    int8: bool


def graph_types(library: Library, network: Any) -> LayerTypes:
    """Carry the types of the inputs, constants and casts through the network.

    That is what strong typing does. The types that the tensors of a weakly typed network report
    are no help: they are TensorRT's to change.
    """
    types = library.trt.DataType
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    found: dict[str, Any] = {tensor.name: tensor.dtype for tensor in inputs}
    pinned = []
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        kind, given = _type_of(library, layer, found)
        for tensor in _outputs(layer):
            # Indices and shapes are whole numbers whatever the layer computes with.
            found[tensor.name] = given if _is_float(library, tensor.dtype) else tensor.dtype
        if kind == "computed" and given == types.FLOAT and _gives_float(library, layer):
            pinned.append(index)
    kinds = set(found.values())
    return LayerTypes(found, pinned, types.HALF in kinds, types.INT8 in kinds)


def pin_float32(library: Library, network: Any, types: LayerTypes) -> None:
    """Pin the layers that are float32 in the graph."""
    float32 = library.trt.DataType.FLOAT
    for index in types.pinned:
        layer = network.get_layer(index)
        layer.precision = float32
        for output, tensor in enumerate(_outputs(layer)):
            if _is_float(library, tensor.dtype):
                layer.set_output_type(output, float32)


def _type_of(library: Library, layer: Any, found: dict[str, Any]) -> tuple[str, Any]:
    """How a layer comes by the type of its floating outputs, and which it is."""
    trt = library.trt
    if layer.type == trt.LayerType.CONSTANT:
        return "constant", layer.get_output(0).dtype
    cast = cast_type(library, layer)
    if cast is not None:
        return "cast", cast
    if layer.type == trt.LayerType.QUANTIZE:
        return "quantized", trt.DataType.INT8
    inputs = [layer.get_input(index) for index in range(layer.num_inputs)]
    # Only the number of a TopK comes after it, which is a whole one.
    kinds = {found.get(tensor.name, tensor.dtype) for tensor in inputs if tensor is not None}
    if layer.type == trt.LayerType.DEQUANTIZE:
        return "quantized", found[inputs[1].name]
    given = trt.DataType.HALF if trt.DataType.HALF in kinds else trt.DataType.FLOAT
    return "computed", given


def _outputs(layer: Any) -> Iterator[Any]:
    return (layer.get_output(index) for index in range(layer.num_outputs))


def _is_float(library: Library, dtype: Any) -> bool:
    types = library.trt.DataType
    return dtype in (types.FLOAT, types.HALF, types.INT8)


def _gives_float(library: Library, layer: Any) -> bool:
    return any(_is_float(library, tensor.dtype) for tensor in _outputs(layer))
