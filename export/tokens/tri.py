"""TRI: linear interpolation in time between the poses of the kept frames."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from h2ot_edge.export.tokens.constants import constant
from h2ot_edge.export.tokens.recovery import Recoverer, mix


class Interpolation(Recoverer):
    """Interpolates 3-D poses; frames outside the kept ones take the first or last one's pose."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    @classmethod
    def attach(cls, backbone: nn.Module, frames: int, kept: int, **sizes: Any) -> "Interpolation":
        """It has no parameters and needs only f."""
        return cls(frames)

    def poses(self, poses: Tensor, kept: Tensor) -> Tensor:
        """(k, b, j, 3) -> (f, b, j, 3)."""
        return mix(tents(kept.to(torch.float32), self.frames), poses)


def tents(kept: Tensor, frames: int) -> Tensor:
    """Weights of linear interpolation, (b, k) kept frame numbers -> (b, f, k).

    Kept frame i weighs 1 at its own time, falls linearly to 0 at its kept neighbours, and stays 1
    before the first and after the last. This is dense arithmetic where a search for the two
    neighbours would make the graph depend on the data.
    """
    far = torch.full_like(kept[:, :1], 2.0 * frames)
    previous = torch.cat([-far, kept[:, :-1]], dim=1)
    following = torch.cat([kept[:, 1:], far], dim=1)
    time = constant(np.arange(frames, dtype=np.float32).reshape(1, frames, 1))
    # The outermost neighbours are so far away that the slope to them must be cut off at 1.
    is_first = torch.arange(kept.shape[1]) == 0
    is_last = torch.arange(kept.shape[1]) == kept.shape[1] - 1
    rising = (time - previous.unsqueeze(1)) / (kept - previous).unsqueeze(1)
    falling = (following.unsqueeze(1) - time) / (following - kept).unsqueeze(1)
    rising = torch.where(is_first, torch.ones_like(rising), rising)
    falling = torch.where(is_last, torch.ones_like(falling), falling)
    # Both are 1 at the frame's own time and at most one of them is above 1 elsewhere.
    return torch.minimum(rising, falling).clamp(min=0.0)
