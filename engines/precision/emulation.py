"""What float16 hardware rounds, on a CPU.

ONNX Runtime's CPU kernels compute float16 operators in float32 and do not round in between. Here
every operator of a float16 graph runs in float32 and its result is rounded to float16, as on
hardware that adds up in float32; the features that a selection sees are rounded with the rest.
"""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from h2ot_edge.engines.precision.graph import Graph

__all__ = ["emulated", "has_half"]


def has_half(model: onnx.ModelProto) -> bool:
    """Whether anything in the graph is float16."""
    return TensorProto.FLOAT16 in Graph.of(model).types.values()


def emulated(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in float32, with a rounding to float16 behind every float16 operator."""
    graph = Graph.of(model)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.initializer[:], result.graph.value_info[:]
    result.graph.initializer.extend(_widened(tensor) for tensor in graph.constants.values())
    for node in model.graph.node:
        result.graph.node.extend(_rounding(node, graph))
    onnx.checker.check_model(result, full_check=True)
    return result


def _widened(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != TensorProto.FLOAT16:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)


def _rounding(node: NodeProto, graph: Graph) -> list[NodeProto]:
    """The node in float32, and casts to float16 and back for what was float16."""
    copy = NodeProto()
    copy.CopyFrom(node)
    nodes = [copy]
    if node.op_type == "Cast":
        for attribute in copy.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
    for place, name in enumerate(node.output):
        if graph.types.get(name) != TensorProto.FLOAT16:
            continue
        exact, rounded = f"{name}_exact", f"{name}_rounded"
        copy.output[place] = exact
        nodes += [
            helper.make_node("Cast", [exact], [rounded], to=TensorProto.FLOAT16),
            helper.make_node("Cast", [rounded], [name], to=TensorProto.FLOAT),
        ]
    return nodes
