"""MHFormer (Li et al., CVPR 2022) and TPC-MHFormer (Li et al., CVPR 2024).

Tokens of the first stage are the 34 coordinates of a pose, their channels the f frames; three
encoders make three hypotheses. Behind the embedding tokens are frames, and the hypotheses stand
side by side in 3c channels.
"""

import torch
from torch import Tensor, nn

from h2ot_edge.export.backbones.base import Backbone
from h2ot_edge.export.backbones.family import Family, Variant
from h2ot_edge.export.backbones.token_state import Tokens
from h2ot_edge.export.layers import Attention, Block, CrossAttention, Mlp, make_plain
from h2ot_edge.export.tokens import TokenPlan

HYPOTHESES = (1, 2, 3)


class CoordinateEncoder(nn.Module):
    """Four blocks over the 34 coordinates, with a learned position embedding and a last norm."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, 34, frames))
        self.blocks = nn.ModuleList(Block(frames, 9, 2 * frames) for _ in range(4))
        self.norm = nn.LayerNorm(frames, eps=1e-6)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows (b 34, f) -> rows (b 34, f)."""
        frames = rows.shape[-1]
        rows = (rows.reshape(-1, 34, frames) + self.pos_embed).reshape(-1, frames)
        for block in self.blocks:
            rows = block(rows, 34, "inner")
        result: Tensor = self.norm(rows)
        return result


class SelfHypothesisBlock(nn.Module):
    """SHR: self attention in each hypothesis, then one MLP over all three."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        for i in HYPOTHESES:
            self.add_module(f"norm1_{i}", nn.LayerNorm(width, eps=1e-6))
            self.add_module(f"attn_{i}", Attention(width, heads))
        self.norm2 = nn.LayerNorm(3 * width, eps=1e-6)
        self.mlp = Mlp(3 * width, hidden)

    def forward(self, rows: Tensor, frames: int, received: list[Tensor] | None) -> Tensor:
        """Rows (f b, 3c) -> rows (f b, 3c)."""
        parts = []
        for i, part in zip(HYPOTHESES, rows.chunk(3, dim=1), strict=True):
            norm, attention = getattr(self, f"norm1_{i}"), getattr(self, f"attn_{i}")
            parts.append(part + attention(norm(part), frames, "outer", received))
        rows = torch.cat(parts, dim=1)
        result: Tensor = rows + self.mlp(self.norm2(rows))
        return result

    def fold(self) -> None:
        """Move the affine parts of the norms into the Linears behind them."""
        for i in HYPOTHESES:
            getattr(self, f"attn_{i}").absorb(getattr(self, f"norm1_{i}"))
            make_plain(getattr(self, f"norm1_{i}"))
        self.mlp.absorb(self.norm2)
        make_plain(self.norm2)


class CrossHypothesisBlock(nn.Module):
    """CHI: hypotheses attend to one another, strictly one after the other, then one MLP."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        for i in HYPOTHESES:
            self.add_module(f"attn_{i}", CrossAttention(width, heads))
            for part in HYPOTHESES:
                self.add_module(f"norm3_{i}{part}", nn.LayerNorm(width, eps=1e-6))
        self.norm2 = nn.LayerNorm(3 * width, eps=1e-6)
        self.mlp = Mlp(3 * width, hidden)

    def forward(self, rows: Tensor, frames: int, received: list[Tensor] | None) -> Tensor:
        """Rows (f b, 3c) -> rows (f b, 3c)."""
        one, two, three = rows.chunk(3, dim=1)
        one = one + self._cross(1, two, three, one, frames)
        two = two + self._cross(2, one, three, two, frames)
        three = three + self._cross(3, one, two, three, frames)
        rows = torch.cat([one, two, three], dim=1)
        result: Tensor = rows + self.mlp(self.norm2(rows))
        return result

    def _cross(self, i: int, query: Tensor, key: Tensor, value: Tensor, frames: int) -> Tensor:
        norms = [getattr(self, f"norm3_{i}{part}") for part in HYPOTHESES]
        query, key, value = (n(x) for n, x in zip(norms, (query, key, value), strict=True))
        attended: Tensor = getattr(self, f"attn_{i}")(query, key, value, frames, frames)
        return attended

    def fold(self) -> None:
        """Move the affine part of the last norm into the MLP."""
        self.mlp.absorb(self.norm2)
        make_plain(self.norm2)


class HypothesisTransformer(nn.Module):
    """Two SHR blocks, one CHI block, a last norm over 3c."""

    def __init__(self, frames: int, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        for i in HYPOTHESES:
            setattr(self, f"pos_embed_{i}", nn.Parameter(torch.zeros(1, frames, width)))
        self.SHR_blocks = nn.ModuleList(SelfHypothesisBlock(width, hidden, heads) for _ in "12")
        self.CHI_blocks = nn.ModuleList([CrossHypothesisBlock(width, hidden, heads)])
        self.norm = nn.LayerNorm(3 * width, eps=1e-6)

    def pos_embed(self) -> Tensor:
        """(f, 1, 3c), the three position embeddings side by side."""
        parts = [getattr(self, f"pos_embed_{i}") for i in HYPOTHESES]
        return torch.cat(parts, dim=2).permute(1, 0, 2)


class MHFormer(Backbone):
    """Multi-hypothesis transformer; (b, f, 17, 2) -> (b, f, 17, 3), trained for the centre."""

    channels_in = 2
    depth = 3

    def __init__(
        self, plan: TokenPlan, *, width: int = 512, hidden: int = 1024, heads: int = 8
    ) -> None:
        super().__init__(plan, width=3 * width, joints=1, heads=heads)
        frames = plan.frames
        for i in HYPOTHESES:
            self.add_module(f"norm_{i}", nn.LayerNorm(frames))
            self.add_module(f"Transformer_encoder_{i}", CoordinateEncoder(frames))
            self.add_module(f"embedding_{i}", _embedding(frames, width))
        self.Transformer_hypothesis = HypothesisTransformer(frames, width, hidden, heads)
        self.regression = nn.Sequential(
            nn.BatchNorm1d(3 * width), nn.Conv1d(3 * width, 51, kernel_size=1)
        )

    def embed(self, keypoints: Tensor) -> Tensor:
        """(f, b, 17, 2) -> rows (f b, 3c)."""
        frames = self.plan.frames
        rows = keypoints.reshape(frames, -1).permute(1, 0)  # (b 34, f)
        hypotheses = []
        for i in HYPOTHESES:
            norm, encoder = getattr(self, f"norm_{i}"), getattr(self, f"Transformer_encoder_{i}")
            rows = rows + encoder(norm(rows))
            by_coordinate = rows.reshape(-1, 34, frames)
            hypotheses.append(getattr(self, f"embedding_{i}")(by_coordinate))  # (b, c, f)
        rows = torch.cat(hypotheses, dim=1).permute(2, 0, 1)
        rows = rows + self.Transformer_hypothesis.pos_embed()
        return rows.reshape(-1, rows.shape[-1])

    def block(self, index: int, tokens: Tokens, received: list[Tensor] | None) -> Tensor:
        """Blocks 0 and 1 are SHR, block 2 is CHI."""
        stage = self.Transformer_hypothesis
        block = [*stage.SHR_blocks, *stage.CHI_blocks][index]
        rows: Tensor = block(tokens.rows, tokens.frames, received)
        return rows

    def finish(self, rows: Tensor) -> Tensor:
        """The last norm over 3c stands before the recoverer."""
        result: Tensor = self.Transformer_hypothesis.norm(rows)
        return result

    def regress(self, rows: Tensor) -> Tensor:
        """Rows (m, 3c) -> (m, 51), output 3 * joint + axis."""
        result: Tensor = self.regression(rows.unsqueeze(2)).squeeze(2)
        return result


def _embedding(frames: int, width: int) -> nn.Module:
    """Published windows of up to 27 frames have BatchNorm and ReLU behind the convolution."""
    convolution = nn.Conv1d(34, width, kernel_size=1)
    if frames > 27:
        return convolution
    return nn.Sequential(convolution, nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.25))


FAMILY = Family(
    summary="three hypotheses, 351 frames, made for the centre frame",
    network=MHFormer,
    variants={"base": Variant(frames=351)},
    mode="seq2frame",
    hot_block=1,
    h2ot_steps={1: 1 / 2, 2: 1 / 3},
    unit="m",
    licence="published weights: code MIT, trained on Human3.6M (its own terms)",
    frames_divisor=9,
)
