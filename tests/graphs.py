"""Small ONNX graphs made by hand."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def model_of(nodes, shapes, constants=None, outputs=("y",), opset=17):
    """A graph with float32 inputs of `shapes`, and constants of which only the shape matters."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["?", "?"]) for name in outputs],
        [
            numpy_helper.from_array(
                value if isinstance(value, np.ndarray) else np.ones(value, "f"), name
            )
            for name, value in (constants or {}).items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(operator, inputs, outputs="y", **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)
