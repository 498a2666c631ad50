"""FP16: weights and arithmetic in float16, float32 on the islands.

Every cast is in the graph, which is strongly typed: TensorRT 10.12 and later take it as it is.

ONNX Runtime's converter (`onnxruntime.transformers.float16`, 1.31) was tried first. It rounds to
float16 and back between two neighbouring float32 nodes, and gives an invalid graph where nodes of
both precisions share an initializer, as the zero biases of an export do.
"""

from collections.abc import Collection

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from h2ot_edge.engines.precision.graph import Graph

__all__ = ["to_half"]

_SUFFIX: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.FLOAT: "float32"}


def to_half(model: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """Convert all but some nodes to float16.

    Args:
        model: float32, its nodes in order and with names of their own; may have pairs of
            QuantizeLinear and DequantizeLinear. Nodes that make its outputs must stay.
        float32: names of the nodes that stay.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    converter = _Converter(Graph.of(model))
    for node in model.graph.node:
        to = TensorProto.FLOAT if node.name in float32 else TensorProto.FLOAT16
        converter.add(node, to)
    del result.graph.node[:], result.graph.initializer[:], result.graph.value_info[:]
    result.graph.node.extend(converter.nodes)
    result.graph.initializer.extend(converter.constants())
    onnx.checker.check_model(result, full_check=True)
    return result


class _Converter:
    """Copies nodes one by one, casting what they take to what they compute in."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[NodeProto] = []
        self._graph = graph
        self._types = {
            value.name: value.type.tensor_type.elem_type for value in graph.model.graph.input
        }
        self._casts: dict[tuple[str, int], str] = {}
        self._used: dict[str, TensorProto] = {}

    def add(self, node: NodeProto, to: int) -> None:
        """Add a node that computes in `to`."""
        copy = NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(node.input):
            if name in self._graph.constants:
                copy.input[place] = self._constant(name, to)
            elif self._graph.is_float(name):
                copy.input[place] = self._cast(name, to)
        for attribute in copy.attribute:
            is_float32 = attribute.name == "to" and attribute.i == TensorProto.FLOAT
            if node.op_type == "Cast" and is_float32:
                attribute.i = to
        self._types.update({name: to for name in node.output if self._graph.is_float(name)})
        self.nodes.append(copy)

    def constants(self) -> list[TensorProto]:
        """The constants that the nodes take."""
        return list(self._used.values())

    def _constant(self, name: str, to: int) -> str:
        tensor = self._graph.constants[name]
        if tensor.data_type != TensorProto.FLOAT or to == TensorProto.FLOAT:
            self._used[name] = tensor
            return name
        new = f"{name}_{_SUFFIX[to]}"
        if new not in self._used:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            self._used[new] = numpy_helper.from_array(half, new)
        return new

    def _cast(self, name: str, to: int) -> str:
        if self._types[name] == to:
            return name
        if (name, to) not in self._casts:
            new = f"{name}_{_SUFFIX[to]}"
            self.nodes.append(helper.make_node("Cast", [name], [new], name=f"{new}_cast", to=to))
            self._casts[name, to] = new
        return self._casts[name, to]
