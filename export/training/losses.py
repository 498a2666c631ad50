"""What training makes small. Poses are (b, f, j, 3) metres; every loss is a mean in metres."""

import torch
from torch import Tensor

VELOCITY_WEIGHT = 2.0
"""MixSTE weighs its velocity error by 2 (Zhang et al., CVPR 2022, section 3.4)."""

SCALE_FREE_WEIGHT = 0.5
"""MotionBERT adds half of the scale-free error (Zhu et al., ICCV 2023, supplement)."""


def position_error(poses: Tensor, truth: Tensor) -> Tensor:
    """MPJPE: mean distance of a joint to its true place."""
    error: Tensor = torch.linalg.vector_norm(poses - truth, dim=-1).mean()
    return error


def scale_free_error(poses: Tensor, truth: Tensor) -> Tensor:
    """N-MPJPE: as `position_error`, each frame first scaled by the factor that fits best."""
    fit = (poses * truth).sum(dim=(-2, -1), keepdim=True)
    size = (poses * poses).sum(dim=(-2, -1), keepdim=True)
    return position_error(poses * fit / (size + 1e-9), truth)


def velocity_error(poses: Tensor, truth: Tensor) -> Tensor:
    """MPJVE: mean distance of a joint's step between two frames to its true step."""
    return position_error(poses.diff(dim=1), truth.diff(dim=1))


def training_loss(poses: Tensor, truth: Tensor) -> Tensor:
    """Positions, their shape without its size, and, where there is time, velocities."""
    loss = position_error(poses, truth)
    loss = loss + SCALE_FREE_WEIGHT * scale_free_error(poses, truth)
    if poses.shape[1] > 1:
        loss = loss + VELOCITY_WEIGHT * velocity_error(poses, truth)
    return loss
