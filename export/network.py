"""The network in the form in which it is exported."""

import copy

import torch
from torch import Tensor, nn

from h2ot_edge.export.backbones import Backbone
from h2ot_edge.export.tokens.constants import constant
from h2ot_edge.skeleton import MIRROR


class Lifter(nn.Module):
    """Keypoints (b, f, 17, c) -> poses, and the kept frames if something is pruned.

    With `flip_tta` the batch runs together with its mirror image, whose poses are mirrored back
    and averaged in; the kept frames are those of the original.
    """

    def __init__(self, backbone: Backbone, *, flip_tta: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.flip_tta = flip_tta

    def forward(self, keypoints: Tensor) -> tuple[Tensor, ...]:
        """Keypoints (b, f, 17, c) -> poses (b, f or 1, 17, 3) [, kept (b, k)]."""
        if self.flip_tta:
            keypoints = torch.cat([keypoints, mirrored(keypoints)], dim=0)
        poses, kept = self.backbone(keypoints)
        if self.flip_tta:
            # As (2, b, ...): halves of a free batch without arithmetic on its size.
            original, flipped = poses.reshape(2, -1, *poses.shape[1:])
            poses = 0.5 * (original + mirrored(flipped))
            kept = kept.reshape(2, -1, kept.shape[1])[0]
        return (poses, kept) if self.backbone.plan.schedule else (poses,)


def mirrored(points: Tensor) -> Tensor:
    """Mirror (..., 17, c): x changes sign, left and right joints change places."""
    signs = constant([-1.0] + [1.0] * (points.shape[-1] - 1))
    return points[..., constant(MIRROR), :] * signs


def folded(backbone: Backbone) -> Backbone:
    """A copy with its weights rewritten for inference; see `Backbone.fold`."""
    twin = copy.deepcopy(backbone)
    twin.fold()
    return twin
