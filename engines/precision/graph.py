"""Looking around in an ONNX graph: who makes a tensor, who takes it, of which type it is."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import onnx
from onnx import NodeProto, TensorProto

__all__ = ["PRODUCTS", "Graph", "with_named_nodes"]

PRODUCTS = ("MatMul", "Gemm")
"""Operators that int8 is for."""

Stop = Callable[[NodeProto], bool]


@dataclass(frozen=True)
class Graph:
    """An index of a model's graph; nodes are told apart by name.

    Attributes:
        model: the model.
        node: by name.
        producer: name of the node that makes a tensor.
        takers: names of the nodes that take a tensor.
        types: ONNX element type of every tensor, constants included.
        constants: tensors that are part of the model.
    """

    model: onnx.ModelProto
    node: dict[str, NodeProto]
    producer: dict[str, str]
    takers: dict[str, list[str]]
    types: dict[str, int]
    constants: dict[str, TensorProto]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> "Graph":
        """Index a model whose nodes all have names of their own (see `with_named_nodes`)."""
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
        constants = {tensor.name: tensor for tensor in inferred.initializer}
        types = {name: tensor.data_type for name, tensor in constants.items()}
        for value in (*inferred.input, *inferred.output, *inferred.value_info):
            types[value.name] = value.type.tensor_type.elem_type
        takers = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                takers[name].append(node.name)
        return cls(
            model=model,
            node={node.name: node for node in model.graph.node},
            producer={name: node.name for node in model.graph.node for name in node.output},
            takers=dict(takers),
            types=types,
            constants=constants,
        )

    def is_weighted(self, node: NodeProto) -> bool:
        """Whether it is a product with learned weights, which stand on the right.

        A constant on the left is the interpolation between frames that are known at export.
        """
        return node.op_type in ("Conv", *PRODUCTS) and node.input[1] in self.constants

    def is_float(self, tensor: str) -> bool:
        """Whether its numbers are real ones, of any precision."""
        half = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
        return self.types.get(tensor) in (TensorProto.FLOAT, TensorProto.DOUBLE, *half)

    def above(self, tensors: Iterable[str], stop: Stop) -> set[str]:
        """Nodes that these tensors are made of, through real numbers only.

        Args:
            tensors: where to begin.
            stop: nodes above which nothing is looked at; they themselves belong to the result.
        """
        found: set[str] = set()
        waiting = list(tensors)
        while waiting:
            name = self.producer.get(waiting.pop())
            if name is None or name in found:
                continue
            found.add(name)
            if not stop(self.node[name]):
                waiting += [tensor for tensor in self.node[name].input if self.is_float(tensor)]
        return found

    def below(self, tensors: Iterable[str], stop: Stop) -> set[str]:
        """Nodes that these tensors go into; otherwise as `above`."""
        found: set[str] = set()
        waiting = list(tensors)
        while waiting:
            for name in self.takers.get(waiting.pop(), []):
                if name not in found:
                    found.add(name)
                    waiting += [] if stop(self.node[name]) else self.node[name].output
        return found


def with_named_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which every node has a name, and no two have the same."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    seen: set[str] = set()
    for number, node in enumerate(copy.graph.node):
        while not node.name or node.name in seen:
            node.name = f"{node.name or node.op_type}.{number}"
        seen.add(node.name)
    return copy
