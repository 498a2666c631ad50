"""From one score per frame to the kept frames, in time order, the same on every backend."""

import numpy as np
import torch
from torch import Tensor

from h2ot_edge.export.tokens.constants import constant


def before(frames: int) -> Tensor:
    """Constant (f, f) matrix, true where the column's frame comes before the row's."""
    return constant(np.tri(frames, k=-1, dtype=bool))


def beaten_by(scores: Tensor) -> Tensor:
    """(b, f) scores -> (b, f, f), true where the column's frame beats the row's.

    A frame beats another with a higher score, or with an equal one and a lower number, so any two
    frames have exactly one winner and no backend's order of equal values matters.
    """
    row, column = scores.unsqueeze(2), scores.unsqueeze(1)
    return (column > row) | ((column == row) & before(scores.shape[1]))


def keep_best(scores: Tensor, keep: int, always: Tensor | None = None) -> Tensor:
    """Positions of the `keep` best frames, in time order.

    Args:
        scores: (b, f) float32.
        keep: k, how many to keep.
        always: optional (b, f) or (1, f) bool, the frame that is kept whatever its score; it is
            one of the k.

    Returns:
        (b, k) int64, ascending.
    """
    if always is not None:
        scores = torch.where(always, torch.full_like(scores, torch.inf), scores)
    frames = scores.shape[1]
    rank = beaten_by(scores).to(torch.float32).sum(dim=2)
    # Distinct whole numbers: kept frames first, each group in time order. TopK over them needs no
    # rule for equal values, which TensorRT does not document.
    order = constant(np.arange(frames, 0, -1, dtype=np.float32))
    keys = (rank < keep).to(torch.float32) * frames + order
    return keys.topk(keep, dim=1).indices
