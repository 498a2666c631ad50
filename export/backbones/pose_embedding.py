"""An embedding that knows the whole pose: centred, scaled, and mixed over joints by an MLP.

Attention over joints learns slowly what an MLP on a whole pose learns in minutes, and does not see
where a person stands in the picture once the pose is centred. So here every joint's token begins
with its own share of an MLP's view of the frame. Centring and scaling are part of the graph: the
input contract stays that of the published networks.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 3 * 17 + 3
"""x, y and confidence of 17 joints about their centre; the centre, and the scale's logarithm.

The confidence is cut to [0, 1], as some detectors give scores beyond."""

_TINY = 1e-4
"""Keeps a window without a single joint finite: its scale becomes 0.01 half widths."""


class PoseEmbedding(nn.Module):
    """Keypoints (f, b, 17, 3) -> one vector per joint, (f, b, 17, c).

    Each frame is centred at the mean of its joints, weighted by confidence, and each window
    divided by the root mean square of their distances to it. A joint with confidence 0 is absent:
    nothing of its position is used.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(FEATURES, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 17 * width)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(f, b, 17, 3) -> (f, b, 17, c)."""
        hidden = functional.gelu(self.fc1(features(keypoints)))
        hidden = functional.gelu(self.fc2(hidden))
        result: Tensor = self.fc3(hidden).reshape(*keypoints.shape[:3], -1)
        return result


def features(keypoints: Tensor) -> Tensor:
    """Keypoints (f, b, 17, 3) -> what the MLP sees of each frame, (f, b, FEATURES)."""
    points, confidence = keypoints[..., :2], keypoints[..., 2:]
    weight = confidence.clamp(0.0, 1.0)
    present = (confidence > 0).to(points.dtype)
    total = weight.sum(dim=2, keepdim=True)
    centre = (points * weight).sum(dim=2, keepdim=True) / (total + _TINY)
    apart = (points - centre) * present
    spread = (apart.square() * weight).sum(dim=(0, 2, 3)) / (weight.sum(dim=(0, 2, 3)) + _TINY)
    scale = (spread + _TINY).sqrt().reshape(1, -1, 1)
    frames = keypoints.shape[0]
    flat = (apart / scale.unsqueeze(-1)).reshape(frames, -1, 34)
    place = [centre.reshape(frames, -1, 2), torch.log(scale).expand(frames, -1, -1)]
    return torch.cat([flat, weight.reshape(frames, -1, 17), *place], dim=-1)
