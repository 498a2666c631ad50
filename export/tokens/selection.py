"""One data-dependent pruning step as a module, so that the graph's node names say what it is."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from h2ot_edge.export.tokens.step import PruningStep


class Selection(nn.Module):
    """From the tokens in front of a block to the positions of the frames that stay.

    Everything in here is float32 in every precision of the exported graph: the choice of frames
    breaks long before the arithmetic does. It has no parameters.
    """

    def __init__(self, select: Callable[[PruningStep], Tensor], keep: int, joints: int) -> None:
        super().__init__()
        self.select = select
        self.keep = keep
        self.joints = joints

    def forward(
        self, rows: Tensor, frames: int, received: list[Tensor] | None, always: Tensor | None
    ) -> Tensor:
        """Rows (f b j, c) -> positions (b, k) int64, ascending.

        Args:
            rows: the block's input.
            frames: f.
            received: attention each frame received, one (b j, f) per attention of the block before.
            always: (b or 1, f) bool, true at a frame that must stay.
        """
        by_joint = rows.to(torch.float32).reshape(frames, -1, self.joints, rows.shape[-1])
        step = PruningStep(
            features=by_joint.mean(dim=2).permute(1, 0, 2),
            received=self._mean_received(received, frames),
            keep=self.keep,
            always=always,
        )
        return self.select(step)

    def _mean_received(self, received: list[Tensor] | None, frames: int) -> Tensor | None:
        """List of (b j, f) -> (b, f)."""
        if not received:
            return None
        mean = torch.stack(received).to(torch.float32).mean(dim=0)
        return mean.reshape(-1, self.joints, frames).mean(dim=1)
