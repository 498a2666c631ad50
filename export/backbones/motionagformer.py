"""MotionAGFormer (Mehraban et al., WACV 2024) and HoT-MotionAGFormer (H2OT, Li et al., 2025)."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from h2ot_edge.export.backbones.base import Backbone
from h2ot_edge.export.backbones.family import Family, Variant
from h2ot_edge.export.backbones.token_state import Tokens
from h2ot_edge.export.layers import Attention, Mlp, TwoStreamFusion
from h2ot_edge.export.tokens import TokenPlan
from h2ot_edge.export.tokens.constants import constant

NEIGHBOURS = (
    (1, 7), (2, 0), (3, 1), (2,), (5, 0), (6, 4), (5,), (0, 8), (7, 9),
    (8, 10), (9,), (12, 8), (13, 11), (12,), (15, 8), (16, 14), (15,),
)  # fmt: skip
"""Row i of the spatial adjacency has ones at NEIGHBOURS[i]; directed, as published."""


def spatial_adjacency() -> NDArray[np.float32]:
    """(17, 17) normalised adjacency D^-1/2 A D^-1/2, D the row sums."""
    adjacency = np.zeros((17, 17))
    for joint, neighbours in enumerate(NEIGHBOURS):
        adjacency[joint, list(neighbours)] = 1.0
    scale = adjacency.sum(axis=1) ** -0.5
    result: NDArray[np.float32] = (scale[:, None] * adjacency * scale).astype(np.float32)
    return result


class NeighbourSelection(nn.Module):
    """Which frames are the most similar to each frame; float32 in every precision."""

    def __init__(self, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours

    def forward(self, nodes: Tensor, frames: int) -> Tensor:
        """(n, t, c) -> (n, t, t) bool, row i true where S[i, :] >= its n-th largest, S = x x^T.

        Where there are fewer than n frames, all of them are neighbours.
        """
        nodes = nodes.to(torch.float32)
        similarity = nodes @ nodes.transpose(1, 2)
        among = min(self.neighbours, frames)
        threshold = similarity.topk(among, dim=2).values[:, :, -1:]
        return similarity >= threshold


class NodeNorm(nn.BatchNorm1d):
    """BatchNorm1d over the node axis, in eval form."""

    _folded: tuple[Tensor, Tensor] | None = None

    def of_nodes(self) -> tuple[Tensor, Tensor]:
        """Scale and shift of each node, (t,) each."""
        if self._folded is not None:
            return self._folded
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight * (self.running_var + self.eps) ** -0.5
        return scale, self.bias - self.running_mean * scale

    @torch.no_grad()
    def fold(self) -> None:
        """Compute scale and shift once."""
        self._folded = self.of_nodes()


class GraphConvolution(nn.Module):
    """y = relu(x + bn(A V(x) + U(x))) over joints or frames."""

    def __init__(self, width: int, nodes: int) -> None:
        super().__init__()
        self.U = nn.Linear(width, width)
        self.V = nn.Linear(width, width)
        self.batch_norm = NodeNorm(nodes)


class SpatialGraph(GraphConvolution):
    """Over the 17 joints, which the fixed skeleton connects."""

    def __init__(self, width: int) -> None:
        super().__init__(width, nodes=17)

    def forward(self, rows: Tensor, tokens: Tokens, received: object = None) -> Tensor:
        """Rows (m, c) -> rows (m, c)."""
        width = rows.shape[-1]
        mixed = constant(spatial_adjacency()) @ self.V(rows).reshape(-1, 17, width)
        mixed = mixed + self.U(rows).reshape(-1, 17, width)
        scale, shift = self.batch_norm.of_nodes()
        normed = mixed * scale.unsqueeze(1) + shift.unsqueeze(1)
        return torch.relu(rows + normed.reshape(-1, width))


class TemporalGraph(GraphConvolution):
    """Over the frames of each joint, connected to the frames most similar to them."""

    def __init__(self, width: int, nodes: int, neighbours: int) -> None:
        super().__init__(width, nodes)
        self.neighbours = NeighbourSelection(neighbours)

    def forward(self, rows: Tensor, tokens: Tokens, received: object = None) -> Tensor:
        """Rows (m, c) -> rows (m, c), A being D^-1/2 N D^-1/2 of the neighbours N."""
        width = rows.shape[-1]
        chosen = self.neighbours(_by_joint(rows, tokens.frames), tokens.frames).to(rows.dtype)
        scale = chosen.sum(dim=2, keepdim=True) ** -0.5
        adjacency = scale * chosen * scale.transpose(1, 2)
        mixed = (adjacency @ _by_joint(self.V(rows), tokens.frames)).permute(1, 0, 2)
        mixed = mixed.reshape(-1, width) + self.U(rows)
        # (frames, 1 or b, 1, 1): weights trained without pruning have a node for every frame of
        # the window, and the kept frames use their own.
        scale, shift = (
            tokens.of_table(table, self.batch_norm.num_features)[:, :, None, None]
            for table in self.batch_norm.of_nodes()
        )
        normed = mixed.reshape(tokens.frames, -1, 17, width) * scale + shift
        return torch.relu(rows + normed.reshape(-1, width))


def _by_joint(rows: Tensor, frames: int) -> Tensor:
    """Rows (f b j, c) -> (b j, f, c)."""
    return rows.reshape(frames, -1, rows.shape[-1]).permute(1, 0, 2)


class SpatialAttention(Attention):
    """Self attention over the joints, called as the graph mixers are."""

    def forward(self, rows: Tensor, tokens: Tokens, received: object = None) -> Tensor:  # type: ignore[override]
        """Rows (m, c) -> rows (m, c)."""
        return super().forward(rows, 17, "inner")


class TemporalAttention(Attention):
    """Self attention over the frames, called as the graph mixers are."""

    def forward(  # type: ignore[override]
        self, rows: Tensor, tokens: Tokens, received: list[Tensor] | None = None
    ) -> Tensor:
        """Rows (m, c) -> rows (m, c)."""
        return super().forward(rows, tokens.frames, "outer", received)


class ScaledBlock(nn.Module):
    """x + s1 mixer(norm1(x)), then x + s2 mlp(norm2(x)); s1 and s2 are vectors of c."""

    def __init__(self, mixer: Attention | SpatialGraph | TemporalGraph, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.mixer = mixer
        self.mlp = Mlp(width, 4 * width)
        self.layer_scale_1 = nn.Parameter(torch.ones(width))
        self.layer_scale_2 = nn.Parameter(torch.ones(width))

    # Nothing is folded here, unlike in the other backbones. The neighbour threshold turns
    # last-bit differences into other neighbours, so the published order of operations is kept:
    # folded, the mean error against the published network grew from 4e-7 to 1e-5.
    def forward(self, tokens: Tokens, received: list[Tensor] | None = None) -> Tensor:
        """Tokens -> rows (m, c)."""
        mixed = self.mixer(self.norm1(tokens.rows), tokens, received)
        rows = tokens.rows + self.layer_scale_1 * mixed
        result: Tensor = rows + self.layer_scale_2 * self.mlp(self.norm2(rows))
        return result


class AttentionGraphLayer(nn.Module):
    """An attention stream and a graph stream over the same tokens, fused by learned weights."""

    def __init__(self, width: int, heads: int, nodes: int, neighbours: int) -> None:
        super().__init__()
        spatial = SpatialAttention(width, heads, bias=False)
        temporal = TemporalAttention(width, heads, bias=False)
        self.att_spatial = ScaledBlock(spatial, width)
        self.att_temporal = ScaledBlock(temporal, width)
        self.graph_spatial = ScaledBlock(SpatialGraph(width), width)
        self.graph_temporal = ScaledBlock(TemporalGraph(width, nodes, neighbours), width)
        self.fusion = TwoStreamFusion(width)

    def forward(self, tokens: Tokens, received: list[Tensor] | None) -> Tensor:
        """Tokens -> rows (m, c)."""
        attended = replace(tokens, rows=self.att_spatial(tokens))
        graphed = replace(tokens, rows=self.graph_spatial(tokens))
        result: Tensor = self.fusion(
            self.att_temporal(attended, received), self.graph_temporal(graphed)
        )
        return result


class MotionAGFormer(Backbone):
    """Attention and graph convolution side by side; (b, f, 17, 3) -> (b, f, 17, 3)."""

    channels_in = 3

    def __init__(
        self,
        plan: TokenPlan,
        *,
        layers: int,
        width: int,
        heads: int,
        neighbours: int,
        rep: int = 512,
    ) -> None:
        self.depth = layers
        super().__init__(plan, width=width, joints=17, heads=heads, bias=False)
        self.joints_embed = nn.Linear(3, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, width))
        self.layers = nn.ModuleList(
            AttentionGraphLayer(width, heads, nodes, neighbours) for nodes in self._nodes()
        )
        self.norm = nn.LayerNorm(width)
        self.rep_logit = nn.Sequential(OrderedDict(fc=nn.Linear(width, rep), act=nn.Tanh()))
        self.head = nn.Linear(rep, 3)

    def _nodes(self) -> list[int]:
        """Temporal nodes of each layer: k behind a pruning step only if trained with it."""
        plan, nodes, all_nodes = self.plan, self.plan.frames, []
        for layer in range(self.depth):
            if self.recoverer.learned:
                nodes = plan.schedule.get(layer, nodes)
            all_nodes.append(nodes)
        return all_nodes

    def extra_published_products(self) -> int:
        """The published code scales A by the diagonal D^-1/2 as two dense products, here 4 t^3."""
        frames, total = self.plan.frames, 0
        for layer in range(self.depth):
            frames = self.plan.schedule.get(layer, frames)
            total += 4 * (17 * frames**3 + frames * 17**3)
        return total

    def embed(self, keypoints: Tensor) -> Tensor:
        """(f, b, 17, 3) -> rows (f b 17, c)."""
        rows = self.joints_embed(keypoints.reshape(-1, 3))
        width = rows.shape[-1]
        result: Tensor = (rows.reshape(-1, 17, width) + self.pos_embed).reshape(-1, width)
        return result

    def block(self, index: int, tokens: Tokens, received: list[Tensor] | None) -> Tensor:
        """One attention-graph layer."""
        result: Tensor = self.layers[index](tokens, received)
        return result

    def finish(self, rows: Tensor) -> Tensor:
        """The last norm stands before the recoverer."""
        result: Tensor = self.norm(rows)
        return result

    def representation(self) -> nn.Sequential:
        """Linear and tanh behind the recoverer."""
        return self.rep_logit

    def regress(self, rows: Tensor) -> Tensor:
        """Rows (m, c) -> (m, 3)."""
        result: Tensor = self.head(self.rep_logit(rows))
        return result


def _variant(frames: int, layers: int, width: int, heads: int = 8, neighbours: int = 2) -> Variant:
    sizes = {"layers": layers, "width": width, "heads": heads, "neighbours": neighbours}
    return Variant(frames=frames, sizes=sizes)


FAMILY = Family(
    summary="attention and graph convolution side by side, 27 to 243 frames",
    network=MotionAGFormer,
    variants={
        "hot": _variant(243, layers=16, width=128, heads=4, neighbours=4),
        "xs": _variant(27, layers=12, width=64),
        "s": _variant(81, layers=26, width=64),
        "b": _variant(243, layers=16, width=128),
        "l": _variant(243, layers=26, width=128),
    },
    hot_block=7,
    h2ot_steps={3: 1 / 2, 6: 1 / 3, 9: 1 / 4},
    unit="normalised",
    licence="published weights: code Apache-2.0, trained on Human3.6M (its own terms)",
    ill_conditioned=True,
)
