"""TPMo: keep the frames where the features move most."""

import torch
from torch import Tensor

from h2ot_edge.export.tokens.ranking import keep_best
from h2ot_edge.export.tokens.step import PruningStep


def select(step: PruningStep) -> Tensor:
    """Positions (b, k) of the frames with the largest ||x_t - x_(t-1)||; frame 0 takes frame 1's.

    Squares order frames as the norms do.
    """
    if step.features.shape[1] == 1:
        return torch.zeros_like(step.features[:, :, 0], dtype=torch.int64)
    moved = step.features[:, 1:] - step.features[:, :-1]
    squared = (moved * moved).sum(dim=2)
    return keep_best(torch.cat([squared[:, :1], squared], dim=1), step.keep, step.always)
