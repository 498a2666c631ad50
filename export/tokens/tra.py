"""TRA: learned queries, one per frame, attend to the kept tokens of the same joint."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from h2ot_edge.export.layers import CrossAttention, split_heads
from h2ot_edge.export.tokens.recovery import Recoverer


class TokenAttention(Recoverer):
    """result = x_token + cross_attention(x_token, tokens, tokens).

    The parameters belong to the backbone, under their published names `pos_embed_token`,
    `x_token` and `cross_attention`; this class only uses them.
    """

    learned = True

    def __init__(
        self, position: nn.Parameter, x_token: nn.Parameter, cross_attention: CrossAttention
    ) -> None:
        super().__init__()
        # Held in a tuple so that they are not registered here a second time.
        self._borrowed = (position, x_token, cross_attention)
        self._query: Tensor | None = None
        self._behind: PerFrameLinear | None = None

    @classmethod
    def attach(cls, backbone: nn.Module, frames: int, kept: int, **sizes: Any) -> "TokenAttention":
        """Give the backbone `pos_embed_token`, `x_token` and `cross_attention`."""
        width = sizes["width"]
        position = nn.Parameter(torch.zeros(1, kept, width))
        x_token = nn.Parameter(torch.zeros(1, frames, width))
        attention = CrossAttention(width, sizes["heads"], bias=sizes["bias"])
        backbone.register_parameter("pos_embed_token", position)
        backbone.register_parameter("x_token", x_token)
        backbone.add_module("cross_attention", attention)
        return cls(position, x_token, attention)

    def kept_tokens(self, rows: Tensor) -> Tensor:
        """Add the learned embedding of a token's place among the kept ones."""
        kept, width = self._position.shape[1:]
        marked = rows.reshape(kept, -1, width) + self._position.permute(1, 0, 2)
        return marked.reshape(-1, width)

    def tokens(self, rows: Tensor, kept: int) -> Tensor:
        """Rows (k b j, c) -> rows (f b j, c), or what the absorbed Linear gives for them."""
        frames, channels = self._x_token.shape[1:]
        learned = self._x_token.permute(1, 0, 2)  # (f, 1, c)
        attended: Tensor
        if self._query is None:
            per_frame = rows.reshape(kept, -1, channels).shape[1]
            repeated = learned.expand(-1, per_frame, -1).reshape(-1, channels)
            attended = self._attention(repeated, rows, rows, frames, kept)
        else:
            attended = self._attention.mix(self._query, rows, rows, kept)
            if self._behind is not None:
                attended = self._behind(attended)
                return attended
            attended = self._attention.proj(attended)
        return (learned + attended.reshape(frames, -1, channels)).reshape(-1, channels)

    @torch.no_grad()
    def fold(self) -> None:
        """Project the learned queries once: they are the same for every window and joint."""
        x_token, attention = self._x_token, self._attention
        query = attention.linear_q(x_token[0]) * attention.scale
        self._query = split_heads(query, attention.heads, len(query), "outer")

    @torch.no_grad()
    def absorb(self, behind: nn.Linear) -> bool:
        """Take over the Linear that follows: its product with `proj` is one smaller Linear."""
        x_token, attention = self._x_token, self._attention
        table = behind(x_token[0] + attention.proj.bias)
        self._behind = PerFrameLinear(behind.weight @ attention.proj.weight, table)
        return True

    @property
    def _position(self) -> nn.Parameter:
        return self._borrowed[0]

    @property
    def _x_token(self) -> nn.Parameter:
        return self._borrowed[1]

    @property
    def _attention(self) -> CrossAttention:
        return self._borrowed[2]


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
