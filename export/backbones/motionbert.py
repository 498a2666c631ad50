"""MotionBERT's DSTformer (Zhu et al., ICCV 2023) and HoT-MotionBERT (Li et al., CVPR 2024)."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from h2ot_edge.export.backbones.base import Backbone
from h2ot_edge.export.backbones.family import Family, Variant
from h2ot_edge.export.backbones.pose_embedding import PoseEmbedding
from h2ot_edge.export.backbones.token_state import Tokens
from h2ot_edge.export.layers import Attention, Mlp, TwoStreamFusion, make_plain
from h2ot_edge.export.tokens import TokenPlan

LONGEST_WINDOW = 243


class DualBlock(nn.Module):
    """Attention and MLP over joints and over frames, in either order, all residual."""

    def __init__(self, width: int, heads: int, hidden: int, *, spatial_first: bool) -> None:
        super().__init__()
        self.spatial_first = spatial_first
        self.norm1_s = nn.LayerNorm(width, eps=1e-6)
        self.norm1_t = nn.LayerNorm(width, eps=1e-6)
        self.norm2_s = nn.LayerNorm(width, eps=1e-6)
        self.norm2_t = nn.LayerNorm(width, eps=1e-6)
        self.attn_s = Attention(width, heads)
        self.attn_t = Attention(width, heads)
        self.mlp_s = Mlp(width, hidden)
        self.mlp_t = Mlp(width, hidden)

    def forward(self, rows: Tensor, frames: int, received: list[Tensor] | None) -> Tensor:
        """Rows (m, c) -> rows (m, c)."""
        if self.spatial_first:
            return self._temporal(self._spatial(rows), frames, received)
        return self._spatial(self._temporal(rows, frames, received))

    def _spatial(self, rows: Tensor) -> Tensor:
        rows = rows + self.attn_s(self.norm1_s(rows), 17, "inner")
        result: Tensor = rows + self.mlp_s(self.norm2_s(rows))
        return result

    def _temporal(self, rows: Tensor, frames: int, received: list[Tensor] | None) -> Tensor:
        rows = rows + self.attn_t(self.norm1_t(rows), frames, "outer", received)
        result: Tensor = rows + self.mlp_t(self.norm2_t(rows))
        return result

    def fold(self) -> None:
        """Move the affine parts of the norms into the Linears behind them.

        The first norms of the two streams then are the same computation on the same input.
        """
        self.attn_s.absorb(self.norm1_s)
        self.attn_t.absorb(self.norm1_t)
        self.mlp_s.absorb(self.norm2_s)
        self.mlp_t.absorb(self.norm2_t)
        for norm in (self.norm1_s, self.norm1_t, self.norm2_s, self.norm2_t):
            make_plain(norm)


class MotionBERT(Backbone):
    """Dual-stream spatio-temporal transformer; (b, f, 17, 3) -> (b, f, 17, 3)."""

    channels_in = 3
    depth = 5

    def __init__(
        self,
        plan: TokenPlan,
        *,
        width: int,
        mlp_ratio: int,
        heads: int = 8,
        rep: int = 512,
        depth: int | None = None,
        pose_hidden: int | None = None,
        longest: int = LONGEST_WINDOW,
    ) -> None:
        """Build the network.

        Args:
            plan: what is pruned and recovered.
            width: channels of a token.
            mlp_ratio: hidden units of an MLP, in widths.
            heads: of every attention.
            rep: width of the representation in front of the head.
            depth: blocks of each of the two streams; None for the published five.
            pose_hidden: hidden units of a `PoseEmbedding`; None for the published embedding of
                single joints, which leaves centring and the root to the data.
            longest: frames that have an embedding of their place in the window.
        """
        if depth is not None:
            self.depth = depth
        super().__init__(plan, width=width, joints=17, heads=heads)
        self.pose_embed = PoseEmbedding(width, pose_hidden) if pose_hidden is not None else None
        if self.pose_embed is None:
            self.joints_embed = nn.Linear(3, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, width))
        self.temp_embed = nn.Parameter(torch.zeros(1, longest, 1, width))
        hidden = mlp_ratio * width
        self.blocks_st = nn.ModuleList(
            DualBlock(width, heads, hidden, spatial_first=True) for _ in range(self.depth)
        )
        self.blocks_ts = nn.ModuleList(
            DualBlock(width, heads, hidden, spatial_first=False) for _ in range(self.depth)
        )
        self.ts_attn = nn.ModuleList(TwoStreamFusion(width) for _ in range(self.depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pre_logits = nn.Sequential(OrderedDict(fc=nn.Linear(width, rep), act=nn.Tanh()))
        self.head = nn.Linear(rep, 3)

    def embed(self, keypoints: Tensor) -> Tensor:
        """(f, b, 17, 3) -> rows (f b 17, c)."""
        if self.pose_embed is not None:
            rows = self.pose_embed(keypoints)
        else:
            rows = self.joints_embed(keypoints.reshape(-1, 3))
        width = rows.shape[-1]
        # (f, 1, 17, c): one constant of the graph, one addition.
        place = self.temp_embed[0, : self.plan.frames].unsqueeze(1) + self.pos_embed
        result: Tensor = (rows.reshape(self.plan.frames, -1, 17, width) + place).reshape(-1, width)
        return result

    def block(self, index: int, tokens: Tokens, received: list[Tensor] | None) -> Tensor:
        """Both streams from the same rows, then their weighted sum."""
        spatial_first = self.blocks_st[index](tokens.rows, tokens.frames, received)
        temporal_first = self.blocks_ts[index](tokens.rows, tokens.frames, received)
        result: Tensor = self.ts_attn[index](spatial_first, temporal_first)
        return result

    def finish(self, rows: Tensor) -> Tensor:
        """The last norm stands before the recoverer."""
        result: Tensor = self.norm(rows)
        return result

    def representation(self) -> nn.Sequential:
        """Linear and tanh behind the recoverer."""
        return self.pre_logits

    def regress(self, rows: Tensor) -> Tensor:
        """Rows (m, c) -> (m, 3)."""
        result: Tensor = self.head(self.pre_logits(rows))
        if self.pose_embed is None:
            return result
        poses = result.reshape(-1, 17, 3)
        return (poses - poses[:, :1]).reshape(-1, 3)


def _own(*, frames: int, **sizes: Any) -> Variant:
    """A size of this project: trained on its own window, on motion capture in metres."""
    return Variant(
        frames=frames,
        longest=frames,
        # What docs/accuracy measured best for its arithmetic: every third frame from the start.
        preset="h2ot",
        h2ot_steps={0: 1 / 3},
        sizes={**sizes, "longest": frames},
        unit="m",
        root_relative=True,
        licence="Apache-2.0; trained on CMU motion capture: The data used in this project was "
        "obtained from mocap.cs.cmu.edu. The database was created with funding from NSF "
        "EIA-0196217.",
    )


FAMILY = Family(
    summary="dual-stream transformer (DSTformer), up to 243 frames",
    network=MotionBERT,
    variants={
        "s": _own(frames=81, width=64, mlp_ratio=2, heads=4, rep=128, pose_hidden=1024),
        "lite": Variant(frames=243, sizes={"width": 256, "mlp_ratio": 4}),
        "full": Variant(frames=243, sizes={"width": 512, "mlp_ratio": 2}),
    },
    hot_block=1,
    h2ot_steps={1: 1 / 2, 2: 1 / 3, 3: 1 / 4},
    unit="normalised",
    licence="published weights: code Apache-2.0, trained on Human3.6M and others (their own terms)",
    longest=LONGEST_WINDOW,
)
