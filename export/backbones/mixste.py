"""MixSTE (Zhang et al., CVPR 2022) and HoT-/TPC-MixSTE (Li et al., CVPR 2024)."""

from fractions import Fraction

import torch
from torch import Tensor, nn

from h2ot_edge.export.backbones.base import Backbone
from h2ot_edge.export.backbones.family import Family, Variant
from h2ot_edge.export.backbones.token_state import Tokens
from h2ot_edge.export.layers import Block
from h2ot_edge.export.tokens import TokenPlan


class MixSTE(Backbone):
    """Spatial and temporal transformer blocks in turn; (b, f, 17, 2) -> (b, f, 17, 3)."""

    channels_in = 2
    depth = 8

    def __init__(self, plan: TokenPlan, *, width: int = 512, heads: int = 8) -> None:
        super().__init__(plan, width=width, joints=17, heads=heads)
        self.Spatial_patch_to_embedding = nn.Linear(2, width)
        self.Spatial_pos_embed = nn.Parameter(torch.zeros(1, 17, width))
        self.Temporal_pos_embed = nn.Parameter(torch.zeros(1, plan.frames, width))
        blocks = [Block(width, heads, 2 * width) for _ in range(2 * self.depth)]
        self.STEblocks = nn.ModuleList(blocks[: self.depth])
        self.TTEblocks = nn.ModuleList(blocks[self.depth :])
        self.Spatial_norm = nn.LayerNorm(width, eps=1e-6)
        self.Temporal_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3))

    def embed(self, keypoints: Tensor) -> Tensor:
        """(f, b, 17, 2) -> rows (f b 17, c)."""
        rows = self.Spatial_patch_to_embedding(keypoints.reshape(-1, 2))
        width = rows.shape[-1]
        result: Tensor = (rows.reshape(-1, 17, width) + self.Spatial_pos_embed).reshape(-1, width)
        return result

    def block(self, index: int, tokens: Tokens, received: list[Tensor] | None) -> Tensor:
        """Spatial block, shared norm, temporal block, shared norm."""
        rows = self.Spatial_norm(self.STEblocks[index](tokens.rows, 17, "inner"))
        if index == 0:
            rows = self._with_time(rows, tokens)
        rows = self.TTEblocks[index](rows, tokens.frames, "outer", received)
        result: Tensor = self.Temporal_norm(rows)
        return result

    def regress(self, rows: Tensor) -> Tensor:
        """Rows (m, c) -> (m, 3)."""
        result: Tensor = self.head(rows)
        return result

    def _with_time(self, rows: Tensor, tokens: Tokens) -> Tensor:
        time = tokens.of_table(self.Temporal_pos_embed[0], self.plan.frames).unsqueeze(2)
        width = rows.shape[-1]
        return (rows.reshape(tokens.frames, -1, 17, width) + time).reshape(-1, width)


FAMILY = Family(
    summary="alternating spatial and temporal attention, 243 frames",
    network=MixSTE,
    variants={"base": Variant(frames=243)},
    hot_block=3,
    hot_seq2frame=(7, Fraction(61, 243)),
    h2ot_steps={2: 1 / 2, 4: 1 / 3, 6: 1 / 4},
    unit="m",
    licence="published weights: code without a licence file, trained on Human3.6M (its own terms)",
)
