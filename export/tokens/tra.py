"""TRA: learned queries, one per frame, attend to the kept tokens of the same joint."""

import torch
from torch import Tensor, nn

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

    def tokens(self, rows: Tensor, kept: int) -> Tensor:
        """Rows (k b j, c) -> rows (f b j, c)."""
        x_token, attention = self._owned
        frames, channels = x_token.shape[1:]
        learned = x_token.reshape(frames, 1, channels)
        if self._query is not None:
            attended = attention.attend(self._query, rows, rows, kept)
        else:
            per_frame = rows.reshape(kept, -1, channels).shape[1]
            repeated = learned.expand(-1, per_frame, -1).reshape(-1, channels)
            attended = attention(repeated, rows, rows, frames, kept)
        return (learned + attended.reshape(frames, -1, channels)).reshape(-1, channels)

    @torch.no_grad()
    def fold(self) -> None:
        """Project the learned queries once: they are the same for every window and joint."""
        x_token, attention = self._owned
        query = attention.linear_q(x_token[0]) * attention.scale
        self._query = split_heads(query, attention.heads, len(query), "outer")
