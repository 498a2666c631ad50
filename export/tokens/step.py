"""What a pruner is, and what it is told at one pruning step."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PruningStep:
    """The frames before a pruning step and how many may stay. Floats are float32.

    Attributes:
        features: (b, f, c), mean over joints of the block's input.
        received: (b, f), the temporal attention each frame received in the block before, averaged
            over heads, joints and queries; None unless the pruner asks for it.
        keep: k, frames to keep.
        always: (b, f) or (1, f) bool, true at the frame that must stay; None if there is none.
    """

    features: Tensor
    received: Tensor | None
    keep: int
    always: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Pruner:
    """A token pruning module. Exactly one of `select` and `positions` is set.

    Attributes:
        summary: one line for help texts.
        select: from a step to the kept positions, (b, k) int64 ascending, as part of the graph.
        positions: from (frames, keep, position that must stay or None) to the kept positions,
            for pruners that do not look at the data.
        needs_attention: whether `PruningStep.received` must be filled.
    """

    summary: str
    select: Callable[[PruningStep], Tensor] | None = None
    positions: Callable[[int, int, int | None], list[int]] | None = None
    needs_attention: bool = False
