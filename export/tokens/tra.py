"""TRA: learned queries, one per frame, attend to the kept tokens of the same joint."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from h2ot_edge.export.backbones.layers import CrossAttention, split_heads
from h2ot_edge.export.tokens.recovery import Recoverer


class TokenAttention(Recoverer):
    """result = x_token + cross_attention(x_token, tokens, tokens).

    The parameters belong to the backbone, under their published names `x_token` and
    `cross_attention`; this class only uses them.
    """

    learned = True

    def __init__(self, x_token: nn.Parameter, cross_attention: CrossAttention) -> None:
        super().__init__()
        # Held in a tuple so that they are not registered here a second time.
        self._owned = (x_token, cross_attention)
        self._query: Tensor | None = None
        self._behind: PerFrameLinear | None = None

    def tokens(self, rows: Tensor, kept: int) -> Tensor:
        """Rows (k b j, c) -> rows (f b j, c), or what the absorbed Linear gives for them."""
        x_token, attention = self._owned
        frames, channels = x_token.shape[1:]
        learned = x_token.permute(1, 0, 2)  # (f, 1, c)
        if self._query is None:
            per_frame = rows.reshape(kept, -1, channels).shape[1]
            repeated = learned.expand(-1, per_frame, -1).reshape(-1, channels)
            attended = attention(repeated, rows, rows, frames, kept)
        else:
            attended = attention.mix(self._query, rows, rows, kept)
            if self._behind is not None:
                return self._behind(attended)
            attended = attention.proj(attended)
        return (learned + attended.reshape(frames, -1, channels)).reshape(-1, channels)

    @torch.no_grad()
    def fold(self) -> None:
        """Project the learned queries once: they are the same for every window and joint."""
        x_token, attention = self._owned
        query = attention.linear_q(x_token[0]) * attention.scale
        self._query = split_heads(query, attention.heads, len(query), "outer")

    @torch.no_grad()
    def absorb(self, behind: nn.Linear) -> None:
        """Take over the Linear that follows: its product with `proj` is one smaller Linear."""
        x_token, attention = self._owned
        table = behind(x_token[0] + attention.proj.bias)
        self._behind = PerFrameLinear(behind.weight @ attention.proj.weight, table)


class PerFrameLinear(nn.Module):
    """rows W^T plus a bias of its own for every frame."""

    def __init__(self, weight: Tensor, table: Tensor) -> None:
        """`weight` is (out, c), `table` (f, out)."""
        super().__init__()
        self.weight = weight
        self.table = table

    def forward(self, rows: Tensor) -> Tensor:
        """Rows (f b j, c) -> rows (f b j, out)."""
        frames, width = self.table.shape
        out = functional.linear(rows, self.weight).reshape(frames, -1, width)
        return (out + self.table.unsqueeze(1)).reshape(-1, width)
