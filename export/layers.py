"""Attention, MLP and pre-norm block, shared by all backbones.

Letters: b batch, f frames, j joints, c channels, h heads, d = c / h, t attended tokens, m rows.

Activations are *rows*: a matrix (m, c) whose rows are ordered (frames, batch, joints). Every Linear
is then one Gemm, frames are the outermost axis and joints the innermost, so that temporal and
spatial attention are the same code with another reshape, and a free batch size needs no shape
arithmetic in the graph.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Axis = Literal["outer", "inner"]
"""Which axis of the rows is attended: the outermost (frames) or the innermost (joints)."""


def split_heads(rows: Tensor, heads: int, tokens: int, axis: Axis) -> Tensor:
    """Rows (m, c) -> (n, h, t, d), n being everything that is not attended."""
    depth = rows.shape[-1] // heads
    if axis == "outer":
        return rows.reshape(tokens, -1, heads, depth).permute(1, 2, 0, 3)
    return rows.reshape(-1, tokens, heads, depth).permute(0, 2, 1, 3)


def join_heads(attended: Tensor, channels: int, axis: Axis) -> Tensor:
    """The inverse of `split_heads`: (n, h, t, d) -> rows (m, c)."""
    order = (2, 0, 1, 3) if axis == "outer" else (0, 2, 1, 3)
    return attended.permute(*order).reshape(-1, channels)


def weights_of(query: Tensor, key: Tensor, axis: Axis, heads: int, tokens: int) -> Tensor:
    """Softmax of query (n or 1, h, t, d), already scaled, times key rows (m, c)."""
    depth = key.shape[-1] // heads
    # Laid out transposed in one step: ONNX Runtime absorbs this permutation into its MatMul.
    if axis == "outer":
        transposed = key.reshape(tokens, -1, heads, depth).permute(1, 2, 3, 0)
    else:
        transposed = key.reshape(-1, tokens, heads, depth).permute(0, 2, 3, 1)
    return torch.softmax(query @ transposed, dim=-1)


def absorb_norm(norm: nn.LayerNorm, linear: nn.Linear) -> None:
    """Fold the affine part of `norm` into the `linear` that follows it; `norm` stays as it is."""
    bias = linear.weight @ norm.bias
    linear.bias = nn.Parameter(bias if linear.bias is None else linear.bias + bias)
    linear.weight = nn.Parameter(linear.weight * norm.weight)


def make_plain(norm: nn.LayerNorm) -> None:
    """Leave `norm` without an affine part, once all its readers have absorbed it."""
    norm.weight = nn.Parameter(torch.ones_like(norm.weight))
    norm.bias = nn.Parameter(torch.zeros_like(norm.bias))


class Attention(nn.Module):
    """Multi-head self attention with the published packed `qkv` and `proj` parameters.

    softmax((q k^T) * d^-0.5) v, then `proj`. The key's bias is left out: it adds the same number
    to all scores of a query, which softmax does not see.
    """

    def __init__(self, channels: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels, bias=bias)
        self.proj = nn.Linear(channels, channels)
        self.scale = (channels // heads) ** -0.5
        self.absorbed = False

    def forward(
        self, rows: Tensor, tokens: int, axis: Axis, received: list[Tensor] | None = None
    ) -> Tensor:
        """Attend over `tokens` tokens of `axis`.

        Args:
            rows: (m, c).
            tokens: attended tokens, frames or joints.
            axis: the attended axis.
            received: if given, the attention each token receives, (n, t), averaged over heads
                and queries, is appended to it.
        """
        query, key, value = self._project(rows)
        query = split_heads(query, self.heads, tokens, axis)
        weights = weights_of(query, key, axis, self.heads, tokens)
        if received is not None:
            received.append(weights.mean(dim=(1, 2)))
        value = split_heads(value, self.heads, tokens, axis)
        result: Tensor = self.proj(join_heads(weights @ value, rows.shape[-1], axis))
        return result

    def _project(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight_q, weight_k, weight_v = self.qkv.weight.chunk(3)
        bias_q = bias_v = None
        if self.qkv.bias is not None:
            bias_q, _, bias_v = self.qkv.bias.chunk(3)
        query = functional.linear(rows, weight_q, bias_q)
        key = functional.linear(rows, weight_k)
        if self.absorbed:
            return query, key, functional.linear(rows, weight_v)
        return query * self.scale, key, functional.linear(rows, weight_v, bias_v)

    @torch.no_grad()
    def absorb(self, norm: nn.LayerNorm) -> None:
        """Absorb the affine part of the norm in front, the scale, and the value's bias.

        The rows of the softmax sum to 1, so the value's bias reaches `proj` unchanged.
        """
        absorb_norm(norm, self.qkv)
        query_bias, _, value_bias = self.qkv.bias.chunk(3)
        self.qkv.weight[: len(query_bias)].mul_(self.scale)
        query_bias.mul_(self.scale)
        self.proj.bias.add_(self.proj.weight @ value_bias)
        self.absorbed = True


class CrossAttention(nn.Module):
    """Multi-head attention of one set of tokens to another, parameters `linear_q/k/v`, `proj`."""

    def __init__(self, channels: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q = nn.Linear(channels, channels, bias=bias)
        self.linear_k = nn.Linear(channels, channels, bias=bias)
        self.linear_v = nn.Linear(channels, channels, bias=bias)
        self.proj = nn.Linear(channels, channels)
        self.scale = (channels // heads) ** -0.5

    def forward(self, query: Tensor, key: Tensor, value: Tensor, asked: int, tokens: int) -> Tensor:
        """Attend from `asked` to `tokens` tokens of the outer axis; all arguments are rows."""
        query = split_heads(self.linear_q(query) * self.scale, self.heads, asked, "outer")
        result: Tensor = self.proj(self.mix(query, key, value, tokens))
        return result

    def mix(self, query: Tensor, key: Tensor, value: Tensor, tokens: int) -> Tensor:
        """`forward` without its first and last Linear.

        Args:
            query: projected, scaled and split, (n or 1, h, t, d).
            key: rows (m, c).
            value: rows (m, c).
            tokens: how many there are of key and value.
        """
        projected = functional.linear(key, self.linear_k.weight)
        weights = weights_of(query, projected, "outer", self.heads, tokens)
        split = split_heads(self.linear_v(value), self.heads, tokens, "outer")
        return join_heads(weights @ split, key.shape[-1], "outer")


class Mlp(nn.Module):
    """`fc1`, exact GELU, `fc2`."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)
        self.parts = 1

    def forward(self, rows: Tensor) -> Tensor:
        """Rows (m, c) -> rows (m, c)."""
        total: Tensor = self.fc2.bias
        first = zip(self.fc1.weight.chunk(self.parts), self.fc1.bias.chunk(self.parts), strict=True)
        second = self.fc2.weight.chunk(self.parts, dim=1)
        for (weight1, bias1), weight2 in zip(first, second, strict=True):
            hidden = functional.gelu(torch.addmm(bias1, rows, weight1.t()))
            total = torch.addmm(total, hidden, weight2.t())
        return total

    @torch.no_grad()
    def absorb(self, norm: nn.LayerNorm) -> None:
        """Absorb the affine part of the norm in front, and go through the hidden units in halves.

        Half of them, for all rows of a window, still fit the cache between the two Linears: 3 %
        of HoT-MotionBERT's time in ONNX Runtime on a CPU with 32 MB of it. The sum is the second
        Gemm's addend.
        """
        absorb_norm(norm, self.fc1)
        self.parts = 2


class Block(nn.Module):
    """Pre-norm transformer block: x + attn(norm1(x)), then x + mlp(norm2(x))."""

    def __init__(self, channels: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = Mlp(channels, hidden)

    def forward(
        self, rows: Tensor, tokens: int, axis: Axis, received: list[Tensor] | None = None
    ) -> Tensor:
        """Rows (m, c) -> rows (m, c); see `Attention.forward`."""
        rows = rows + self.attn(self.norm1(rows), tokens, axis, received)
        result: Tensor = rows + self.mlp(self.norm2(rows))
        return result

    def fold(self) -> None:
        """Move the affine parts of both norms into the Linears behind them."""
        self.attn.absorb(self.norm1)
        self.mlp.absorb(self.norm2)
        make_plain(self.norm1)
        make_plain(self.norm2)


class TwoStreamFusion(nn.Linear):
    """Weighted sum of two streams, weights from softmax of Linear(2c, 2) on both.

    A softmax of two is a sigmoid of their difference, and the concatenation is never made.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(2 * channels, 2)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:  # type: ignore[override]
        """Two streams of rows (m, c) -> rows (m, c)."""
        on_first, on_second = (self.weight[:1] - self.weight[1:]).chunk(2, dim=1)
        logit = functional.linear(second, on_second, self.bias[:1] - self.bias[1:])
        share = torch.sigmoid(functional.linear(first, on_first) + logit)
        return second + share * (first - second)


def published_init(module: nn.Module, generator: torch.Generator) -> None:
    """Fill every parameter with seeded numbers that keep activations in a trained range.

    Matrices get Xavier-scaled normals, embeddings N(0, 0.02), norms 1 and 0. Random weights stand
    in for a checkpoint; they only have to exercise the graph as trained ones would.
    """
    for name, parameter in sorted(module.named_parameters()):
        if parameter.dim() == 1:
            is_gain = name.endswith("weight") or "layer_scale" in name
            nn.init.constant_(parameter, 1.0 if is_gain else 0.0)
        elif "embed" in name.rsplit(".", 1)[-1] or name.endswith("x_token"):
            nn.init.normal_(parameter, std=0.02, generator=generator)
        else:
            fan = parameter[0].numel()
            nn.init.normal_(parameter, std=1.0 / math.sqrt(fan), generator=generator)
