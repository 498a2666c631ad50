"""What a recoverer is: how f frames come back after k were kept."""

from typing import Any

from torch import Tensor, nn


class Recoverer(nn.Module):
    """Brings pruned frames back, as tokens before the head or as poses after it.

    The base class does neither; a recoverer overrides one of the two.
    """

    learned = False
    """Whether it has weights of its own, which only a network trained with it can fill."""

    @classmethod
    def attach(cls, backbone: nn.Module, frames: int, kept: int, **sizes: Any) -> "Recoverer":
        """Build a recoverer for a backbone.

        Args:
            backbone: gets the learned parameters, if there are any, under their published names.
            frames: f of the window.
            kept: k of the first pruning step.
            sizes: `width`, `heads` and `bias` of a recovering attention.
        """
        return cls()

    def kept_tokens(self, rows: Tensor) -> Tensor:
        """Rows (k b j, c) right behind the first pruning step -> the same, or marked as kept."""
        return rows

    def tokens(self, rows: Tensor, kept: int) -> Tensor:
        """Rows (k b j, c) before the head -> rows (f b j, c), or unchanged."""
        return rows

    def absorb(self, behind: nn.Linear) -> bool:
        """Take over the Linear that follows `tokens`, if that saves work; whether it was done."""
        return False

    def poses(self, poses: Tensor, kept: Tensor) -> Tensor:
        """Poses (k, b, j, 3) after the head -> (f, b, j, 3), or unchanged.

        Args:
            poses: of the kept frames.
            kept: (b, k) or, where it is the same for all windows, (1, k) frame numbers, ascending.
        """
        return poses


def mix(weights: Tensor, poses: Tensor) -> Tensor:
    """Weights (b or 1, f, k) over kept frames, poses (k, b, j, 3) -> poses (f, b, j, 3)."""
    kept, joints, axes = poses.shape[0], poses.shape[2], poses.shape[3]
    frames = weights.shape[1]
    by_window = poses.reshape(kept, -1, joints * axes).permute(1, 0, 2)
    return (weights @ by_window).permute(1, 0, 2).reshape(frames, -1, joints, axes)
