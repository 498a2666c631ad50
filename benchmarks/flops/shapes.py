"""What ONNX says of a graph's tensors before it runs: shapes, types, and what is constant."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import onnx
from onnx import helper, shape_inference

from h2ot_edge.errors import ExportError

__all__ = ["Shape", "Tensors", "batch_of", "fixed_batch", "known_shapes", "without_weights"]

Shape = tuple[int, ...]

SMALL = 1024
"""Constants of so many elements or fewer may be sizes, of which shapes are computed."""


@dataclass(frozen=True)
class Tensors:
    """The tensors of a graph, by name.

    Attributes:
        windows: in one call; 1 if any number can be, and shapes are those of one.
        shapes: None where one is not wholly known.
        types: ONNX's element types.
        constants: those that do not depend on the input.
    """

    windows: int
    shapes: Mapping[str, Shape | None]
    types: Mapping[str, int]
    constants: frozenset[str]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> "Tensors":
        """Infer them, once.

        Args:
            model: a graph whose only free size is the batch, the first axis of its inputs.
        """
        windows = batch_of(model) or 1
        values = _inferred(fixed_batch(model, windows))
        types = {name: value.elem_type for name, value in values.items()}
        return cls(windows, _shapes(values), types, frozenset(_constants(model)))

    def size(self, name: str) -> int:
        """Elements of a tensor.

        Raises:
            ExportError: they are not known.
        """
        shape = self.shapes.get(name)
        if shape is None:
            raise ExportError(
                f"cannot count bytes: the shape of {name} is not known; export the model with "
                "fixed sizes, the batch apart"
            )
        return math.prod(shape)

    def bytes(self, names: Iterable[str]) -> int:
        """What tensors take in memory.

        Raises:
            ExportError: the shape of one is not known.
        """
        return sum(self.size(name) * _width(self.types[name]) for name in names)


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
    return _shapes(_inferred(model))


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with inputs in the place of its large constants: megabytes that tell no shape."""
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    light.functions.extend(model.functions)
    graph = light.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    inputs = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= SMALL:
            graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            graph.input.append(value)
    return light


def _inferred(model: onnx.ModelProto) -> dict[str, onnx.TypeProto.Tensor]:
    """Every tensor's type with what is known of its shape."""
    graph = shape_inference.infer_shapes(
        without_weights(model), check_type=True, strict_mode=True, data_prop=True
    ).graph
    constants = (
        helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in graph.initializer
    )
    values = (*constants, *graph.value_info, *graph.input, *graph.output)
    return {value.name: value.type.tensor_type for value in values}


def _shapes(values: Mapping[str, onnx.TypeProto.Tensor]) -> dict[str, Shape | None]:
    shapes: dict[str, Shape | None] = {}
    for name, tensor in values.items():
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
        known = tensor.HasField("shape") and None not in sizes
        shapes[name] = tuple(s or 0 for s in sizes) if known else None
    return shapes


def _constants(model: onnx.ModelProto) -> set[str]:
    """Names of tensors that do not depend on the input."""
    names = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if all(name in names for name in node.input if name):
            names.update(node.output)
    return names


def _width(kind: int) -> int:
    """Bytes of an element."""
    return int(helper.tensor_dtype_to_np_dtype(kind).itemsize)
