"""What is in a plan: a header in JSON and the ONNX graph. Damage to the graph is not noticed."""

import json
import struct

import numpy as np
import onnx
from onnx import numpy_helper

MAGIC = b"ptrt"
RTX_MAGIC = b"vtrt"
_HEAD = struct.Struct("<4sQQ")
STRIPPED = 1024  # bytes, from which on a weight is left out


class Unreadable(Exception):
    """Bytes that are no whole plan; `reason` is `magic`, `size` or `content`."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def pack(header, model, rtx=False):
    """The bytes of a plan."""
    text = json.dumps(header).encode()
    graph = model.SerializeToString()
    magic = RTX_MAGIC if rtx else MAGIC
    return _HEAD.pack(magic, len(text), len(graph)) + text + graph


def unpack(data, rtx=False):
    """Header and ONNX bytes of a plan.

    Raises:
        Unreadable: it is none, or not whole.
    """
    if len(data) < _HEAD.size:
        raise Unreadable("size")
    magic, text, graph = _HEAD.unpack(data[: _HEAD.size])
    if magic != (RTX_MAGIC if rtx else MAGIC):
        raise Unreadable("magic")
    if len(data) < _HEAD.size + text + graph:
        raise Unreadable("size")
    body = data[_HEAD.size :]
    try:
        return json.loads(body[:text]), body[text : text + graph]
    except ValueError as error:
        raise Unreadable("content") from error


def without_weights(model):
    """A copy of a model whose larger constants are zero, and their names."""
    stripped = onnx.ModelProto()
    stripped.CopyFrom(model)
    names = []
    for tensor in stripped.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.nbytes >= STRIPPED:
            names.append(tensor.name)
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
            tensor.ClearField("int64_data")
    return stripped, names


def with_weights(model, weights):
    """Put arrays back, by name."""
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            array = np.asarray(weights[tensor.name]).reshape(tensor.dims)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return model
