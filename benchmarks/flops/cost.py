"""What a graph costs at least, before it runs anywhere: operations, parameters, bytes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import NodeProto, TensorProto

from h2ot_edge.benchmarks.flops.counting import Flops, node_flops
from h2ot_edge.benchmarks.flops.shapes import Tensors
from h2ot_edge.benchmarks.flops.stages import PRUNED_STAGES, Stage, stages_of

__all__ = ["Cost", "cost_of"]

_REAL = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
_QUANTISED = (TensorProto.INT8, TensorProto.UINT8)


@dataclass(frozen=True)
class Cost:
    """The cost of one window.

    Attributes:
        flops: of the whole graph.
        by_operator: operations of each type of operator, both conventions' together.
        by_stage: the four of a pruned graph, or `whole`; their sum is `flops`.
        parameters: real numbers that the graph holds. Not quite those of the published network:
            the export folds some into others, and holds equal ones once.
        bytes_least: what must be moved: every constant, the input and the output once, at the
            precision that they have in the graph; with several windows in a call, a window's share
            of the constants. What operators pass on to each other is not in it, nor its peak: a
            device may keep that in its caches, or may not.
    """

    flops: Flops
    by_operator: Mapping[str, int]
    by_stage: Mapping[Stage, Flops]
    parameters: int
    bytes_least: int

    @property
    def intensity(self) -> float:
        """Operations (full convention) per byte, at most."""
        return self.flops.total / self.bytes_least

    def to_dict(self) -> dict[str, Any]:
        """As a result document holds it; operations in 1e9."""
        by_operator = sorted(self.by_operator.items(), key=lambda item: -item[1])
        return {
            **_in_giga(self.flops),
            "parameters": self.parameters,
            "bytes_least": self.bytes_least,
            "intensity": self.intensity,
            "by_operator": {name: count / 1e9 for name, count in by_operator},
            "by_stage": {stage: _in_giga(flops) for stage, flops in self.by_stage.items()},
        }


def cost_of(model: onnx.ModelProto) -> Cost:
    """Count what a window costs.

    Args:
        model: a graph whose only free size is the batch, the first axis of its inputs.

    Raises:
        ExportError: a shape that is needed is not known, or there is no rule for an operator.
    """
    tensors = Tensors.of(model)
    flops, stages = node_flops(model, tensors), stages_of(model, tensors)
    by_operator: Counter[str] = Counter()
    for node, cost in zip(model.graph.node, flops, strict=True):
        by_operator[node.op_type] += cost.total
    return Cost(
        flops=Flops.sum(flops),
        by_operator=+by_operator,
        by_stage=_by_stage(flops, stages),
        parameters=_parameters(model, tensors, stages),
        bytes_least=_bytes(model, tensors) // tensors.windows,
    )


def _in_giga(flops: Flops) -> dict[str, float]:
    return {"linear_gflop": flops.linear / 1e9, "total_gflop": flops.total / 1e9}


def _by_stage(flops: Sequence[Flops], stages: Sequence[Stage]) -> dict[Stage, Flops]:
    pruned = any(stage != "whole" for stage in stages)
    names: tuple[Stage, ...] = PRUNED_STAGES if pruned else ("whole",)
    pairs = list(zip(flops, stages, strict=True))
    return {name: Flops.sum(cost for cost, stage in pairs if stage == name) for name in names}


def _bytes(model: onnx.ModelProto, tensors: Tensors) -> int:
    """Of one call."""
    held = {name for name, _ in _held(model, tensors)}
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name for value in model.graph.input} - constants
    return tensors.bytes(held | inputs | {value.name for value in model.graph.output})


def _parameters(model: onnx.ModelProto, tensors: Tensors, stages: Sequence[Stage]) -> int:
    scales = set(_scales(model.graph.node))
    found = {
        name
        for name, taker in _held(model, tensors)
        if stages[taker] != "selection" and name not in scales and _is_parameter(name, tensors)
    }
    return sum(map(tensors.size, found))


def _is_parameter(name: str, tensors: Tensors) -> bool:
    if tensors.types[name] in _REAL:
        # One number alone is an epsilon, or a half of GELU.
        return tensors.size(name) > 1
    # Of what is quantised, zero points have one axis.
    return tensors.types[name] in _QUANTISED and len(tensors.shapes[name] or ()) > 1


def _scales(nodes: Iterable[NodeProto]) -> Iterator[str]:
    """What quantised numbers are multiplied by."""
    of_calls: set[str] = set()
    for node in nodes:
        if node.op_type == "DynamicQuantizeLinear":
            of_calls.add(node.output[1])
        elif node.op_type in ("DequantizeLinear", "QuantizeLinear"):
            yield from node.input[1:]
        elif not of_calls.isdisjoint(node.input):
            yield from node.input


def _held(model: onnx.ModelProto, tensors: Tensors) -> Iterator[tuple[str, int]]:
    """Constants as they lie in memory, each with the number of a node that takes it."""
    maker = {name: node for node in model.graph.node for name in node.output}
    for number, node in enumerate(model.graph.node):
        if any(name not in tensors.constants for name in node.output):
            for name in filter(tensors.constants.__contains__, node.input):
                yield from ((held, number) for held in _stored(name, maker))


def _stored(name: str, maker: Mapping[str, NodeProto]) -> Iterator[str]:
    """A constant, or what it is dequantised from."""
    node = maker.get(name)
    if node is None or node.op_type != "DequantizeLinear":
        yield name
    else:
        yield from node.input
