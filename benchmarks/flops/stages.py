"""Which stage of pruning each node of a graph belongs to, told by the graph alone.

Not by names, which quantisers change, but by how tensors depend on each other. Positions of frames
are whole numbers (int64); the rest is real, or stands for a real number.

* What leads to poses only by way of positions is the selection.
* A step of pruning takes some of the frames of what goes on to attention.
* Frames come back by a product with weights of more rows than columns, one row for each frame of
  the window, one column for each kept one: of an attention, or made of positions alone.
"""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import onnx
from onnx import NodeProto, TensorProto

from h2ot_edge.benchmarks.flops.counting import factors_of, is_linear
from h2ot_edge.benchmarks.flops.shapes import Tensors

__all__ = ["PRUNED_STAGES", "Stage", "stages_of"]

Stage = Literal["before_pruning", "selection", "pruned", "recovery", "whole"]
"""`recovery`: also what stands behind it, as the head behind TRA; `whole`: nothing is pruned."""

PRUNED_STAGES: tuple[Stage, ...] = ("before_pruning", "selection", "pruned", "recovery")

_TAKES = ("Gather", "GatherElements", "GatherND")
_ROUNDS = ("Cast", "DequantizeLinear", "QuantizeLinear")


def stages_of(model: onnx.ModelProto, tensors: Tensors) -> list[Stage]:
    """The stage of each node, in the order of the nodes."""
    graph = _Graph(model, tensors)
    pruned = graph.below(step for step in graph.nodes if graph.is_pruning(step))
    recovered = graph.recovery(pruned)

    def stage(node: int) -> Stage:
        if not pruned:
            return "whole"
        if node not in graph.nodes:
            return "selection"
        if node in recovered:
            return "recovery"
        return "pruned" if node in pruned else "before_pruning"

    return [stage(node) for node in range(len(model.graph.node))]


class _Graph:
    """The nodes that poses are made of, by number, joined by tensors that are not positions."""

    def __init__(self, model: onnx.ModelProto, tensors: Tensors) -> None:
        self._node = list(model.graph.node)
        self._tensors = tensors
        self._maker: dict[str, int] = {}
        self._takers: dict[str, list[int]] = {}
        for number, node in enumerate(self._node):
            self._maker.update((name, number) for name in node.output if self._is_real(name))
            for name in node.input:
                self._takers.setdefault(name, []).append(number)
        self.nodes = self.above(value.name for value in model.graph.output)

    def above(
        self, names: Iterable[str], stop: Callable[[int], bool] = lambda number: False
    ) -> set[int]:
        """Nodes that tensors are made of, up to those that `stop` names and with them."""
        found: set[int] = set()
        waiting = list(names)
        while waiting:
            number = self._maker.get(waiting.pop())
            if number is not None and number not in found:
                found.add(number)
                waiting += [] if stop(number) else self._node[number].input
        return found

    def below(self, nodes: Iterable[int]) -> set[int]:
        """These nodes and those that are made of what they give."""
        waiting = list(nodes)
        found: set[int] = set()
        while waiting:
            number = waiting.pop()
            if number in found or number not in self.nodes:
                continue
            found.add(number)
            for name in filter(self._is_real, self._node[number].output):
                waiting += self._takers.get(name, [])
        return found

    def is_pruning(self, number: int) -> bool:
        """Whether a node takes some of its tokens, and attention follows.

        The centre's answer is taken too, with nothing behind it but the head; so are the parts of
        a packed q, k, v, by one number and not by a list.
        """
        node = self._node[number]
        if node.op_type not in _TAKES or node.input[0] in self._tensors.constants:
            return False
        rank = self._tensors.shapes.get(node.input[1])
        if node.input[1] in self._tensors.constants and rank == ():
            return False
        if not self._size(node.output[0]) < self._size(node.input[0]):
            return False
        behind = self.below([number])
        return any(self._is_mixing(other, behind) for other in behind)

    def recovery(self, pruned: set[int]) -> set[int]:
        """Nodes that bring frames back, and those behind them."""
        begun: set[int] = set()
        for number in pruned:
            factors = factors_of(self._node[number])
            if factors is None or is_linear(self._node[number], self._tensors):
                continue
            if not self._is_tall(factors[0]):
                continue
            if self._maker.get(factors[0]) not in pruned:
                begun.add(number)
            elif self._is_attention(factors[0]):
                begun |= {number} | self.above(factors, stop=self._ends_product)
        return self.below(begun) | begun

    def _is_real(self, name: str) -> bool:
        return self._tensors.types.get(name) != TensorProto.INT64

    def _size(self, name: str) -> int:
        return math.prod(self._tensors.shapes.get(name) or ())

    def _is_tall(self, name: str) -> bool:
        shape = self._tensors.shapes.get(name) or (0, 0)
        return len(shape) > 1 and shape[-2] > shape[-1]

    def _is_mixing(self, number: int, behind: set[int]) -> bool:
        """Whether a node multiplies two tensors that both come from `behind`."""
        factors = factors_of(self._node[number])
        return factors is not None and all(self._maker.get(name) in behind for name in factors)

    def _is_attention(self, name: str) -> bool:
        """Whether a tensor comes straight from a softmax."""
        node: NodeProto | None = self._node[self._maker[name]]
        while node is not None and node.op_type in _ROUNDS:
            maker = self._maker.get(node.input[0])
            node = None if maker is None else self._node[maker]
        return node is not None and node.op_type == "Softmax"

    def _ends_product(self, number: int) -> bool:
        """Whether a node is a Linear, or finds the scale of what goes into one."""
        node = self._node[number]
        return node.op_type == "DynamicQuantizeLinear" or is_linear(node, self._tensors)
