"""FLOPs as the papers print them, by PyTorch's own counter.

They belong to the published network, not to the graph: HoT's recovering attention, for one,
projects the same learned queries again for each joint, and the exported graph does not.
`h2ot_edge.benchmarks.flops.counting` counts what the graph does.
"""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from h2ot_edge.benchmarks.flops.counting import Flops
from h2ot_edge.export.backbones import Backbone

_ATEN = torch.ops.aten
_LINEAR = (_ATEN.mm, _ATEN.addmm, _ATEN.convolution)


class _AllRows(nn.Module):
    """Regresses every frame that is left."""

    def __init__(self, network: Backbone) -> None:
        super().__init__()
        self.network = network

    def forward(self, keypoints: Tensor) -> Tensor:
        tokens = self.network.tokens_of(keypoints)
        rows = self.network.recoverer.tokens(tokens.rows, tokens.frames)
        return self.network.regress(rows)


def published_flops(network: Backbone) -> Flops:
    """Operations of one window of a network that is not folded.

    The papers regress all frames that are left, also in seq2frame, and do not count the choice of
    frames.
    """
    window = torch.zeros(1, network.plan.frames, 17, network.channels_in)
    # PyTorch's counter watches gradients of module inputs, and fails on views of parameters.
    network.requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _AllRows(network)(window)
    counts = counter.get_flop_counts()
    linear = sum(counts["Global"].get(operator, 0) for operator in _LINEAR)
    selection = sum(
        sum(by_operator.values())
        for scope, by_operator in counts.items()
        if scope.split(".")[-2:-1] == ["selection"]
    )
    products = sum(counts["Global"].values()) - linear - selection
    return Flops(linear, products + network.extra_published_products())
