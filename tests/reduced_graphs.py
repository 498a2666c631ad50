"""The small networks in lower precision, and a walk through such a graph.

The walk knows nothing of the rules in `engines/precision/islands.py`: it goes from a decision up to
where its features come from, through tensors of every type.
"""

import functools
from dataclasses import dataclass

import onnx
import torch
from onnx import TensorProto, numpy_helper, shape_inference
from small_networks import SMALL, SmallPosedMotionBERT, graph_of, plan_of

from h2ot_edge.benchmarks.motion.probe_windows import probe_windows
from h2ot_edge.engines.precision.calibration import Calibration, spans, tensor_ranges
from h2ot_edge.engines.precision.graph import Graph, with_named_nodes
from h2ot_edge.engines.precision.islands import find_islands
from h2ot_edge.engines.precision.lowering import PrecisionOptions, lowered
from h2ot_edge.export.layers import published_init

NETWORKS = {**SMALL, "posed": SmallPosedMotionBERT}
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
REAL = (FLOAT, HALF, TensorProto.DOUBLE, TensorProto.BFLOAT16)
PRODUCTS = ("Conv", "Gemm", "MatMul")
QUANTISED = ("DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QuantizeLinear")


@functools.cache
def source(backbone, prune, recover, opset=19):
    network = NETWORKS[backbone](plan_of(prune, recover)).eval()
    published_init(network, torch.Generator().manual_seed(0))
    return with_named_nodes(graph_of(network, opset=opset))


def four_windows(model):
    channels = model.graph.input[0].type.tensor_type.shape.dim[3].dim_value
    return Calibration(probe_windows(9, channels)[:4], {"clips": "probe_windows"})


@functools.cache
def reduced(backbone, prune, recover, precision, attention=False):
    model = source(backbone, prune, recover)
    options = PrecisionOptions(precision=precision, int8_attention=attention)
    return View.of(lowered(model, four_windows(model), options)[0])


@functools.cache
def found(backbone, prune, recover):
    """Ranges and islands of a source."""
    model = source(backbone, prune, recover)
    ranges = tensor_ranges(model, four_windows(model), "max")
    return ranges, find_islands(Graph.of(model), spans(ranges))


# the walk


@dataclass
class View:
    """A model's nodes by what they give, types and shapes by tensor, and its constants."""

    model: onnx.ModelProto
    maker: dict
    types: dict
    shapes: dict
    constants: dict

    @classmethod
    def of(cls, model):
        inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
        constants = {tensor.name: tensor for tensor in inferred.initializer}
        types = {name: tensor.data_type for name, tensor in constants.items()}
        shapes = {name: list(tensor.dims) for name, tensor in constants.items()}
        for value in (*inferred.input, *inferred.output, *inferred.value_info):
            types[value.name] = value.type.tensor_type.elem_type
            shapes[value.name] = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        maker = {name: made for made in model.graph.node for name in made.output}
        return cls(model, maker, types, shapes, constants)

    def nodes(self, *operators):
        return [node for node in self.model.graph.node if node.op_type in operators]

    def is_weighted(self, node):
        return node.op_type in PRODUCTS and node.input[1] in self.constants

    def is_mean_over_joints(self, node):
        """(f, b, j, c) -> (f, b, c)."""
        if node.op_type != "ReduceMean" or len(self.shapes[node.input[0]]) != 4:
            return False
        return numpy_helper.to_array(self.constants[node.input[1]]).tolist() == [2]


@dataclass
class Way:
    """Operators on the way up, the nodes where it ended, and what was wrong."""

    operators: set
    ends: set
    wrong: set


def walk_up(view, start, *, also_ends=lambda node: False):
    """From a node to the attention, the norm or the mean over joints that its features are."""
    way, seen, waiting = Way(set(), set(), set()), set(), [start]
    while waiting:
        node = waiting.pop()
        if node.output[0] in seen:
            continue
        seen.add(node.output[0])
        way.operators.add(node.op_type)
        if node.op_type in QUANTISED:
            way.wrong.add(f"{node.name} is {node.op_type}")
        for tensor in (*node.input, *node.output):
            if view.types.get(tensor) in REAL and view.types[tensor] != FLOAT:
                way.wrong.add(f"{tensor} is {TensorProto.DataType.Name(view.types[tensor])}")
        is_norm = node.op_type in ("LayerNormalization", "Softmax")
        if is_norm or view.is_mean_over_joints(node) or also_ends(node):
            way.ends.add(node.name)
            continue
        for tensor in filter(None, node.input):
            if tensor in view.maker:
                waiting.append(view.maker[tensor])
            elif tensor not in view.constants:
                way.wrong.add(f"{tensor} was reached")
    return way


def decisions(view):
    return [node for node in view.nodes("TopK") if "/selection." in node.name]


def neighbours(view):
    return [node for node in view.nodes("GreaterOrEqual") if "/neighbours/" in node.name]
