"""TPA: keep the frames that receive the most temporal attention in the block before."""

from torch import Tensor

from h2ot_edge.export.tokens.ranking import keep_best
from h2ot_edge.export.tokens.step import PruningStep


def select(step: PruningStep) -> Tensor:
    """Positions (b, k) of the frames with the most attention received."""
    if step.received is None:
        raise ValueError("TPA was asked to select without the attention of the block before")
    return keep_best(step.received, step.keep, step.always)
