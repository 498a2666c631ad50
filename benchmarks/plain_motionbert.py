"""HoT-MotionBERT written the plain way: the yardstick for the graph that this project exports.

Packed qkv with five-dimensional permutations, scores scaled after the product, fusion by
concatenation and softmax, tokens as (b f, j, c): the shape of published transformer code, exported
as it is. It takes the weights of `h2ot_edge.export.backbones.motionbert.MotionBERT` unchanged.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from h2ot_edge.export.backbones.motionbert import MotionBERT
from h2ot_edge.export.layers import Attention, CrossAttention, Mlp


class PlainMotionBERT(nn.Module):
    """The function of `network`, computed the plain way; (b, f, 17, 3) -> (b, f, 17, 3)."""

    def __init__(self, network: MotionBERT) -> None:
        super().__init__()
        self.network = network

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift windows."""
        net, plan = self.network, self.network.plan
        x = _embedded(net, keypoints)
        for index in range(net.depth):
            if index in plan.schedule:
                x = self._prune(x, index)
            first = _dual(net.blocks_st[index], x)
            second = _dual(net.blocks_ts[index], x)
            fusion = net.ts_attn[index]
            both = torch.cat([first, second], dim=-1)
            share = functional.linear(both, fusion.weight, fusion.bias).softmax(dim=-1)  # type: ignore[arg-type]
            x = first * share[..., 0:1] + second * share[..., 1:2]
        x = net.norm(x)
        if plan.schedule:
            x = _recover(net, x)
        poses: Tensor = net.head(net.pre_logits(x))
        return poses if net.pose_embed is None else poses - poses[:, :, :1]

    def _prune(self, x: Tensor, index: int) -> Tensor:
        """(b, f, j, c) -> (b, k, j, c); the choice itself is the library's."""
        _, frames, joints, width = x.shape
        rows = x.permute(1, 0, 2, 3).reshape(-1, width)
        chosen = self.network.selection[str(index)](rows, frames, None, None)
        wanted = chosen[:, :, None, None].expand(-1, -1, joints, width)
        return x.gather(1, wanted) + self.network.get_parameter("pos_embed_token").unsqueeze(2)


def _embedded(net: MotionBERT, keypoints: Tensor) -> Tensor:
    """(b, f, 17, 3) -> (b, f, 17, c)."""
    batch, frames = keypoints.shape[:2]
    if net.pose_embed is None:
        x = net.joints_embed(keypoints.reshape(batch * frames, 17, 3)) + net.pos_embed
        embedded: Tensor = x.reshape(batch, frames, 17, -1) + net.temp_embed[:, :frames]
        return embedded
    # Of this project's own variants: nobody published it, so there is no other way to write it.
    posed: Tensor = net.pose_embed(keypoints.transpose(0, 1)).transpose(0, 1)
    return posed + net.pos_embed + net.temp_embed[:, :frames]


def _dual(block: nn.Module, x: Tensor) -> Tensor:
    for axis in "st" if block.spatial_first else "ts":
        norm1, norm2 = getattr(block, f"norm1_{axis}"), getattr(block, f"norm2_{axis}")
        attend = _spatial if axis == "s" else _temporal
        x = x + attend(getattr(block, f"attn_{axis}"), norm1(x))
        x = x + _mlp(getattr(block, f"mlp_{axis}"), norm2(x))
    return x


def _mlp(mlp: Mlp, x: Tensor) -> Tensor:
    out: Tensor = mlp.fc2(functional.gelu(mlp.fc1(x)))
    return out


def _packed(attention: Attention, x: Tensor) -> Tensor:
    """(b, f, j, c) -> query, key and value in one, (3, b f, h, j, d)."""
    _, _, joints, width = x.shape
    qkv: Tensor = attention.qkv(x.reshape(-1, joints, width))
    heads = attention.heads
    return qkv.reshape(-1, joints, 3, heads, width // heads).permute(2, 0, 3, 1, 4)


def _spatial(attention: Attention, x: Tensor) -> Tensor:
    batch, frames, joints, width = x.shape
    qkv = _packed(attention, x)
    query, key, value = qkv[0], qkv[1], qkv[2]
    weights = ((query @ key.transpose(-2, -1)) * attention.scale).softmax(dim=-1)
    mixed = (weights @ value).transpose(1, 2).reshape(batch, frames, joints, width)
    out: Tensor = attention.proj(mixed)
    return out


def _temporal(attention: Attention, x: Tensor) -> Tensor:
    batch, frames, joints, width = x.shape
    heads, depth = attention.heads, width // attention.heads
    qkv = _packed(attention, x)
    split = [
        part.reshape(batch, frames, heads, joints, depth).permute(0, 2, 3, 1, 4) for part in qkv
    ]
    query, key, value = split  # (b, h, j, f, d) each
    weights = ((query @ key.transpose(-2, -1)) * attention.scale).softmax(dim=-1)
    mixed = (weights @ value).permute(0, 3, 2, 1, 4).reshape(batch * frames, joints, width)
    out: Tensor = attention.proj(mixed)
    return out.reshape(batch, frames, joints, width)


def _recover(net: MotionBERT, x: Tensor) -> Tensor:
    """(b, k, j, c) -> (b, f, j, c), the learned queries repeated for every joint."""
    batch, kept, joints, width = x.shape
    frames = net.plan.frames
    by_joint = x.permute(0, 2, 1, 3).reshape(batch * joints, kept, width)
    queries = net.get_parameter("x_token").expand(batch * joints, -1, -1)
    attention = net.get_submodule("cross_attention")
    assert isinstance(attention, CrossAttention)
    mixed = queries + _cross(attention, queries, by_joint)
    return mixed.reshape(batch, joints, frames, width).permute(0, 2, 1, 3)


def _cross(attention: CrossAttention, asked: Tensor, given: Tensor) -> Tensor:
    heads = attention.heads
    query, key, value = (
        linear(x).reshape(len(given), -1, heads, given.shape[-1] // heads).permute(0, 2, 1, 3)
        for linear, x in (
            (attention.linear_q, asked),
            (attention.linear_k, given),
            (attention.linear_v, given),
        )
    )
    weights = ((query @ key.transpose(-2, -1)) * attention.scale).softmax(dim=-1)
    mixed = (weights @ value).transpose(1, 2).reshape(len(given), -1, given.shape[-1])
    out: Tensor = attention.proj(mixed)
    return out
