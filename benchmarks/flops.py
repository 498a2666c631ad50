"""The one FLOPs counter: over an ONNX graph, exact, per window.

A multiply-add counts as two. `linear` is what the papers of this field print: Linear and Conv
layers only. `total` adds the products of two activations: attention and graph convolutions, and
token selection. Everything else (norms, activations, softmax, sums) is left out, as it is there.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import onnx
from onnx import NodeProto, helper, shape_inference

from h2ot_edge.errors import ExportError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one window.

    Attributes:
        linear: of Linear and Conv layers: products with weights.
        products: of matrix products of two activations.
    """

    linear: int
    products: int

    @property
    def total(self) -> int:
        """Both."""
        return self.linear + self.products

    def to_dict(self) -> dict[str, int]:
        """As the model card holds it."""
        return {"linear": self.linear, "total": self.total}


def count_flops(model: onnx.ModelProto) -> Flops:
    """Count the operations of one window.

    Args:
        model: a graph whose only free size is the batch, the first axis of its inputs.

    Raises:
        ExportError: if a shape that is needed is not known.
    """
    windows = batch_of(model) or 1
    shapes = known_shapes(fixed_batch(model, windows))
    weights = _constants(model)
    linear = products = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            linear += _conv(node, shapes)
        elif node.op_type in ("MatMul", "Gemm"):
            cost = _product(node, shapes)
            if node.input[1] in weights and len(_shape(shapes, node, 1)) == 2:
                linear += cost
            else:
                products += cost
    return Flops(linear // windows, products // windows)


def batch_of(model: onnx.ModelProto) -> int | None:
    """Windows a call of the graph takes; None if any number."""
    return model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or None


def fixed_batch(model: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    """A copy whose inputs have this batch size and whose inner shapes are not yet inferred."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    return fixed


def known_shapes(model: onnx.ModelProto) -> dict[str, Shape | None]:
    """Shape of every tensor of a graph; None where it is not wholly known."""
    inferred = shape_inference.infer_shapes(
        model, check_type=True, strict_mode=True, data_prop=True
    )
    graph = inferred.graph
    shapes: dict[str, Shape | None] = {t.name: tuple(t.dims) for t in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        tensor = value.type.tensor_type
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
        known = tensor.HasField("shape") and None not in sizes
        shapes[value.name] = tuple(s or 0 for s in sizes) if known else None
    return shapes


def _constants(model: onnx.ModelProto) -> set[str]:
    """Names of tensors that do not depend on the input."""
    names = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if all(name in names for name in node.input if name):
            names.update(node.output)
    return names


def _shape(shapes: dict[str, Shape | None], node: NodeProto, index: int) -> Shape:
    shape = shapes.get(node.input[index])
    if shape is None:
        raise ExportError(
            f"cannot count FLOPs: {node.op_type} {node.name} has an input of unknown shape "
            f"({node.input[index]}); infer shapes first"
        )
    return shape


def _product(node: NodeProto, shapes: dict[str, Shape | None]) -> int:
    """2 m n k of a matrix product, batched as ONNX broadcasts it."""
    left, right = _shape(shapes, node, 0), _shape(shapes, node, 1)
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    inner = left[-2] if attributes.get("transA") else left[-1]
    rows = left[-1] if attributes.get("transA") else left[-2]
    columns = right[-2] if attributes.get("transB") else right[-1]
    return 2 * _broadcast(left[:-2], right[:-2]) * rows * inner * columns


def _broadcast(left: Shape, right: Shape) -> int:
    return math.prod(_pairs(left, right))


def _pairs(left: Shape, right: Shape) -> Iterator[int]:
    length = max(len(left), len(right))
    left = (1,) * (length - len(left)) + left
    right = (1,) * (length - len(right)) + right
    yield from (max(a, b) for a, b in zip(left, right, strict=True))


def _conv(node: NodeProto, shapes: dict[str, Shape | None]) -> int:
    """2 x weights x output positions of a convolution of stride 1 that keeps its length."""
    image, kernel = _shape(shapes, node, 0), _shape(shapes, node, 1)
    output = shapes.get(node.output[0])
    positions = math.prod((output or image)[2:])
    return 2 * image[0] * positions * math.prod(kernel)
