"""nearest: every frame takes the pose of the kept frame nearest in time."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from h2ot_edge.export.tokens.constants import constant
from h2ot_edge.export.tokens.recovery import Recoverer, mix


class Nearest(Recoverer):
    """Repeats 3-D poses; between two equally near kept frames the earlier one is taken."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    @classmethod
    def attach(cls, backbone: nn.Module, frames: int, kept: int, **sizes: Any) -> "Nearest":
        """It has no parameters and needs only f."""
        return cls(frames)

    def poses(self, poses: Tensor, kept: Tensor) -> Tensor:
        """(k, b, j, 3) -> (f, b, j, 3)."""
        return mix(nearest_weights(kept.to(torch.float32), self.frames), poses)


def nearest_weights(kept: Tensor, frames: int) -> Tensor:
    """(b, k) kept frame numbers -> (b, f, k), 1 at the nearest kept frame and 0 elsewhere."""
    time = constant(np.arange(frames, dtype=np.float32).reshape(1, frames, 1))
    ahead = kept.unsqueeze(1) - time
    # Twice the distance, plus 1 for later frames: whole numbers, never equal for two kept frames.
    distance = 2.0 * ahead.abs() + (ahead > 0).to(torch.float32)
    return (distance == distance.amin(dim=2, keepdim=True)).to(torch.float32)
