"""TPC: keep cluster centres of the frames (HoT's token pruning cluster, DPC-KNN).

Density peaks clustering (Rodriguez and Laio, Science 2014) with k nearest neighbours (Du et al.,
Knowledge-Based Systems 2016), as HoT uses it, with its random tie-break replaced by the frame
number: of equally dense frames, and of equal scores, the earlier one is ahead.
"""

import numpy as np
import torch
from torch import Tensor

from h2ot_edge.export.tokens.constants import constant
from h2ot_edge.export.tokens.ranking import before, keep_best
from h2ot_edge.export.tokens.step import PruningStep


def select(step: PruningStep) -> Tensor:
    """Positions (b, k) of the frames with the largest density x distance to a denser frame.

    In logarithms, so that no product underflows: log(rho delta) = log(delta) - nn^2 / 2, where
    nn^2 is the squared distance to the nearest neighbour. The 2 nearest "neighbours" of DPC-KNN
    are the frame itself at distance 0 and that one, so rho = exp(-nn^2 / 2).
    """
    squared = squared_distances(step.features)
    frames = squared.shape[1]
    beyond_all = constant(np.eye(frames) * np.finfo(np.float32).max)
    nearest = (squared + beyond_all).amin(dim=2)  # (b, f), not the frame itself
    denser = _denser(nearest)
    everything = squared.amax(dim=2, keepdim=True).amax(dim=1, keepdim=True)
    # The densest frame has no denser one: it gets the largest distance of all.
    delta = torch.where(denser, squared, everything).amin(dim=2)
    return keep_best(0.5 * torch.log(delta) - 0.5 * nearest, step.keep, step.always)


def squared_distances(features: Tensor) -> Tensor:
    """(b, f, c) -> (b, f, f) squared distances over c: symmetric, zero on the diagonal.

    Distances do not change when the mean over frames is taken off first, but the product form
    |x|^2 + |y|^2 - 2 x.y then keeps its digits instead of cancelling large, nearly equal numbers.
    """
    centred = features - features.mean(dim=1, keepdim=True)
    gram = centred @ centred.transpose(1, 2)
    length = (centred * centred).sum(dim=2)
    squared = length.unsqueeze(2) + length.unsqueeze(1) - 2.0 * gram
    symmetric = (squared + squared.transpose(1, 2)) * (0.5 / features.shape[2])
    off_diagonal = constant(1.0 - np.eye(features.shape[1]))
    return symmetric.clamp(min=0.0) * off_diagonal


def _denser(nearest: Tensor) -> Tensor:
    """(b, f) nearest distances -> (b, f, f), true where the column's frame is denser."""
    row, column = nearest.unsqueeze(2), nearest.unsqueeze(1)
    return (column < row) | ((column == row) & before(nearest.shape[1]))
