"""Which parts of a graph stay float32 in every precision: rules, not lists of nodes.

Node names begin with the name of the module that made them, which the export sets; a rule may ask
for that, for the operator, or for where a node stands between input, products and outputs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from onnx import NodeProto, numpy_helper

from h2ot_edge.engines.precision.graph import Graph

__all__ = ["RULES", "Islands", "Kind", "Rule", "find_islands"]

HALF_MAX = 65504.0
HEADROOM = 0.25
"""Largest share of float16's range that a tensor may take on calibration windows."""

CHOOSING = ("/selection.", "/neighbours/")
"""Scopes of the modules that choose: frames to keep, MotionAGFormer's neighbours in time."""

POOLING = frozenset(
    ("Concat", "Gather", "ReduceMean", "ReduceSum", "Reshape", "Slice", "Transpose", "Unsqueeze")
)
"""Operators by which the selection's features come from tokens and attention."""

PARTS_OF_NORM = frozenset(("ReduceMean", "Pow", "Sqrt"))
"""Operators that only a norm has in one module."""

NARROW = 16
"""Products with fewer outputs are too small to gain by int8."""

Kind = Literal["float16", "static int8", "dynamic int8"]
INT8: tuple[Kind, ...] = ("static int8", "dynamic int8")

Ranges = Mapping[str, tuple[float, float]]
"""Lowest and highest value of a tensor on calibration windows."""


@dataclass(frozen=True)
class Rule:
    """One reason to stay float32.

    Attributes:
        name: in reports.
        reason: why float16 would do harm.
        find: names of the nodes.
        harmed: the kinds of arithmetic that it keeps away.
    """

    name: str
    reason: str
    find: Callable[[Graph, Ranges], set[str]]
    harmed: tuple[Kind, ...] = ("float16", "static int8", "dynamic int8")


@dataclass(frozen=True)
class Islands:
    """What stays as it is.

    Attributes:
        nodes: by the name of the rule; a node may obey several.
    """

    nodes: Mapping[str, frozenset[str]]

    def without(self, kind: Kind) -> frozenset[str]:
        """Nodes that such arithmetic is kept away from."""
        rules = (rule.name for rule in RULES if kind in rule.harmed)
        return frozenset().union(*(self.nodes[name] for name in rules))

    def counted(self, *kinds: Kind) -> dict[str, int]:
        """Nodes of each rule that keeps one of these kinds of arithmetic away."""
        rules = (rule.name for rule in RULES if set(kinds) & set(rule.harmed))
        return {name: len(self.nodes[name]) for name in rules if self.nodes[name]}


def find_islands(graph: Graph, ranges: Ranges) -> Islands:
    """Apply every rule of `RULES`."""
    return Islands({rule.name: frozenset(rule.find(graph, ranges)) for rule in RULES})


def _selection(graph: Graph, ranges: Ranges) -> set[str]:
    """The choosing modules, and the means over joints and heads that they choose by."""
    chosen = _in_scope(*CHOOSING)(graph, ranges)
    features = [tensor for name in chosen for tensor in graph.node[name].input]
    above = graph.above(
        [tensor for tensor in features if graph.is_float(tensor)],
        stop=lambda node: node.op_type not in POOLING and node.name not in chosen,
    )
    return chosen | {
        name for name in above if name in chosen or graph.node[name].op_type in POOLING
    }


def _keypoints(graph: Graph, ranges: Ranges) -> set[str]:
    inputs = [value.name for value in graph.model.graph.input]
    return graph.below(inputs, stop=graph.is_weighted)


def _poses(graph: Graph, ranges: Ranges) -> set[str]:
    outputs = [value.name for value in graph.model.graph.output if graph.is_float(value.name)]
    return graph.above(outputs, stop=graph.is_weighted)


def _regression(graph: Graph, ranges: Ranges) -> set[str]:
    """The last two learned products and what is between them."""
    last = _poses(graph, ranges)
    inputs = [tensor for name in last for tensor in graph.node[name].input]
    return last | graph.above(
        [tensor for tensor in inputs if graph.producer.get(tensor) not in last],
        stop=graph.is_weighted,
    )


def _narrow(graph: Graph, ranges: Ranges) -> set[str]:
    def outputs(node: NodeProto) -> int:
        rows = node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute)
        return int(graph.constants[node.input[1]].dims[0 if rows else -1])

    products = (node for node in graph.node.values() if graph.is_weighted(node))
    return {node.name for node in products if node.op_type != "Conv" and outputs(node) < NARROW}


def _in_scope(*scopes: str) -> Callable[[Graph, Ranges], set[str]]:
    def find(graph: Graph, ranges: Ranges) -> set[str]:
        return {name for name in graph.node if any(scope in name for scope in scopes)}

    return find


def _operators(*kinds: str) -> Callable[[Graph, Ranges], set[str]]:
    def find(graph: Graph, ranges: Ranges) -> set[str]:
        return {name for name, node in graph.node.items() if node.op_type in kinds}

    return find


def _statistics(graph: Graph, ranges: Ranges) -> set[str]:
    """LayerNormalization, and what it is made of before operator set 17."""
    modules: dict[str, set[str]] = {}
    for name, node in graph.node.items():
        modules.setdefault(name.rpartition("/")[0], set()).add(node.op_type)
    norms = {module for module, kinds in modules.items() if kinds >= PARTS_OF_NORM}
    parts = {name for name in graph.node if name.rpartition("/")[0] in norms}
    return parts | _operators("LayerNormalization")(graph, ranges)


def _range(graph: Graph, ranges: Ranges) -> set[str]:
    limit = HEADROOM * HALF_MAX
    wide = {name for name, (low, high) in ranges.items() if not max(-low, high) <= limit}
    for name, tensor in graph.constants.items():
        if graph.is_float(name) and not np.abs(numpy_helper.to_array(tensor)).max() <= limit:
            wide.add(name)

    def touches(node: NodeProto) -> bool:
        return any(tensor in wide for tensor in (*node.input, *node.output))

    return {name for name, node in graph.node.items() if touches(node)}


RULES = (
    Rule(
        "selection",
        "in float16 four to six of ten kept frames are others than in float32",
        _selection,
    ),
    Rule(
        "keypoints",
        "float16 has a step of half a pixel at the edge of a full HD picture, before the pose is "
        "centred; up to and with the first learned product",
        _keypoints,
    ),
    Rule(
        "poses",
        "float16 has a step of 0.5 mm at a metre, which is jitter; from the last learned product "
        "on, interpolation and its weights with it",
        _poses,
    ),
    Rule(
        "regression",
        "int8 in the last two learned products alone costs 5 and 11 mm (motionbert-s), in all "
        "blocks together 1 mm",
        _regression,
        INT8,
    ),
    Rule("narrow", "products with a handful of outputs gain no time", _narrow, INT8),
    Rule(
        "pose embedding",
        "its hidden layers have no norm; fixed scales cost 3 mm (motionbert-s), scales of each "
        "call 2 mm",
        _in_scope("/pose_embed/"),
        ("static int8",),
    ),
    Rule("statistics", "sums of squares overflow or lose digits", _statistics),
    Rule("softmax", "exponentials and their sum lose digits", _operators("Softmax")),
    Rule("range", "calibration windows come near the end of float16's range", _range),
)
