"""The one FLOPs counter: over an ONNX graph, exact, per window.

A multiply-add counts as two. `linear` is what the papers of this field print: Linear and Conv
layers only. `total` adds the products of two activations: attention and graph convolutions, and
token selection. Everything else (norms, activations, softmax, sums) is left out, as it is there.
An operator that is not known to be without products is refused, never left out.

`node_flops` knows the costs of nodes; everything else is derived from them.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx
from onnx import NodeProto, helper

from h2ot_edge.benchmarks.flops.product_operators import CONVOLUTIONS, FACTORS, WITHOUT_PRODUCTS
from h2ot_edge.benchmarks.flops.shapes import Shape, Tensors, batch_of, fixed_batch, known_shapes
from h2ot_edge.errors import ExportError

__all__ = [
    "Flops",
    "batch_of",
    "count_flops",
    "factors_of",
    "fixed_batch",
    "is_linear",
    "known_shapes",
    "node_flops",
]


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one window.

    Attributes:
        linear: of Linear and Conv layers: products with weights.
        products: of matrix products of two activations.
    """

    linear: int = 0
    products: int = 0

    @property
    def total(self) -> int:
        """Both."""
        return self.linear + self.products

    def to_dict(self) -> dict[str, int]:
        """As the model card holds it."""
        return {"linear": self.linear, "total": self.total}

    @classmethod
    def sum(cls, parts: Iterable["Flops"]) -> "Flops":
        """Of all parts."""
        found = list(parts)
        return cls(sum(part.linear for part in found), sum(part.products for part in found))


def count_flops(model: onnx.ModelProto) -> Flops:
    """Count the operations of one window.

    Args:
        model: a graph whose only free size is the batch, the first axis of its inputs.

    Raises:
        ExportError: a shape that is needed is not known, or there is no rule for an operator.
    """
    return Flops.sum(node_flops(model, Tensors.of(model)))


def node_flops(model: onnx.ModelProto, tensors: Tensors) -> list[Flops]:
    """Operations of each node of a graph for one window, in the order of the nodes.

    Raises:
        ExportError: a shape that is needed is not known, or there is no rule for an operator.
    """
    costs = []
    for node in model.graph.node:
        cost = _cost(node, tensors) // tensors.windows
        costs.append(Flops(linear=cost) if is_linear(node, tensors) else Flops(products=cost))
    return costs


def factors_of(node: NodeProto) -> tuple[str, str] | None:
    """The two tensors that a node multiplies as matrices; None if it does not."""
    places = FACTORS.get(node.op_type)
    return None if places is None else (node.input[places[0]], node.input[places[1]])


def is_linear(node: NodeProto, tensors: Tensors) -> bool:
    """Whether a node is a convolution, or multiplies with one constant matrix on the right.

    A constant on the left mixes joints or frames, as attention does.
    """
    if node.op_type in CONVOLUTIONS:
        return True
    factors = factors_of(node)
    if factors is None or factors[1] not in tensors.constants:
        return False
    return len(_shape(tensors, node, factors[1])) == 2


def _cost(node: NodeProto, tensors: Tensors) -> int:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in CONVOLUTIONS:
        return _convolution(node, tensors)
    factors = factors_of(node)
    if factors is not None and not _moves_batch(attributes):
        left, right = (_shape(tensors, node, name) for name in factors)
        return _product(left, right, attributes)
    if node.op_type not in WITHOUT_PRODUCTS:
        what = f"the operator {node.op_type} (node {node.name or node.output[0]})"
        raise ExportError(
            f"cannot count FLOPs: there is no rule for {what}; export the model with plain "
            "operators, or add a rule to benchmarks/flops/product_operators.py"
        )
    return 0


def _moves_batch(attributes: dict[str, object]) -> bool:
    """Whether a product of ONNX Runtime's takes an axis of the batch for one of the matrix."""
    return bool(attributes.get("transBatchA") or attributes.get("transBatchB"))


def _shape(tensors: Tensors, node: NodeProto, name: str, place: str = "input") -> Shape:
    shape = tensors.shapes.get(name)
    if shape is None:
        raise ExportError(
            f"cannot count FLOPs: {node.op_type} {node.name} has an {place} of unknown shape "
            f"({name}); export the model with fixed sizes, the batch apart"
        )
    return shape


def _product(left: Shape, right: Shape, attributes: dict[str, object]) -> int:
    """2 m n k of a matrix product, batched as ONNX broadcasts it."""
    left = left if len(left) > 1 else (1, *left)
    right = right if len(right) > 1 else (*right, 1)
    rows, inner = reversed(left[-2:]) if attributes.get("transA") else left[-2:]
    columns = right[-2] if attributes.get("transB") else right[-1]
    return 2 * math.prod(_broadcast(left[:-2], right[:-2])) * rows * inner * columns


def _broadcast(left: Shape, right: Shape) -> Iterator[int]:
    length = max(len(left), len(right))
    left = (1,) * (length - len(left)) + left
    right = (1,) * (length - len(right)) + right
    yield from (max(a, b) for a, b in zip(left, right, strict=True))


def _convolution(node: NodeProto, tensors: Tensors) -> int:
    """2 x weights x positions: each weight meets each place of the output once.

    In a transposed convolution it meets each place of the input once, padding included. Groups are
    in the weights' shape, strides and dilations in the output's.
    """
    image, kernel = (node.input[place] for place in CONVOLUTIONS[node.op_type])
    over = _shape(tensors, node, image)
    if node.op_type != "ConvTranspose":
        over = _shape(tensors, node, node.output[0], "output")
    return 2 * over[0] * math.prod(over[2:]) * math.prod(_shape(tensors, node, kernel))
