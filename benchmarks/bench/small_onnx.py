"""Writes graphs of a few nodes as ONNX files, without the onnx package.

For a calibration on devices that have none. An ONNX file is one protobuf message (onnx/onnx.proto);
nodes here have no attributes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Node", "small_onnx"]

Node = tuple[str, Sequence[str], str]
"""An operator, what it takes, and what it gives."""

OPSET = 13
IR_VERSION = 7

_VARINT, _BYTES = 0, 2  # protobuf wire types
_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
"""Numbers in TensorProto.DataType."""


def small_onnx(
    nodes: Sequence[Node],
    *,
    inputs: Mapping[str, tuple[str, Sequence[int]]],
    outputs: Mapping[str, tuple[str, Sequence[int]]],
    constants: Mapping[str, NDArray[Any]],
) -> bytes:
    """A graph as an ONNX file.

    Args:
        nodes: in order.
        inputs: type and shape of what it takes.
        outputs: type and shape of what it gives.
        constants: what is in it.
    """
    # Numbers of fields are those of GraphProto, then of ModelProto.
    graph = b"".join(
        [
            *(_message(1, _node(*node)) for node in nodes),
            _message(2, b"graph"),
            *(_message(5, _tensor(name, values)) for name, values in constants.items()),
            *(_message(11, _value(name, *what)) for name, what in inputs.items()),
            *(_message(12, _value(name, *what)) for name, what in outputs.items()),
        ]
    )
    opset = _message(1, b"") + _number(2, OPSET)
    return _number(1, IR_VERSION) + _message(7, graph) + _message(8, opset)


def _node(operator: str, inputs: Sequence[str], output: str) -> bytes:
    taken = b"".join(_message(1, name.encode()) for name in inputs)
    return taken + _message(2, output.encode()) + _message(4, operator.encode())


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    dims = b"".join(_number(1, size) for size in values.shape)
    kind = _number(2, _TYPES[values.dtype.name])
    # Little-endian, as ONNX wants it and every machine that runs this has it.
    data = np.ascontiguousarray(values).tobytes()
    return dims + kind + _message(8, name.encode()) + _message(9, data)


def _value(name: str, kind: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(_message(1, _number(1, size)) for size in shape)
    tensor = _number(1, _TYPES[kind]) + _message(2, dims)
    return _message(1, name.encode()) + _message(2, _message(1, tensor))


def _message(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])
