"""The road every backbone shares: embed, blocks with pruning between them, recover, head."""

from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from h2ot_edge.errors import ScheduleError
from h2ot_edge.export.backbones.token_state import Tokens
from h2ot_edge.export.tokens import PRUNERS, RECOVERERS, TokenPlan
from h2ot_edge.export.tokens.constants import constant
from h2ot_edge.export.tokens.recovery import Recoverer
from h2ot_edge.export.tokens.selection import Selection


@runtime_checkable
class Foldable(Protocol):
    """A module that can rewrite its weights for inference."""

    def fold(self) -> None:
        """Same function, fewer operations; the weights no longer are the published ones."""


class Backbone(nn.Module):
    """A video pose transformer with token pruning.

    A backbone sets `depth`, builds its modules after calling `super().__init__`, and overrides
    `embed`, `block`, `finish` and `regress`. Learned token parameters carry their published
    names: `pos_embed_token` (1, k, c), added after the first pruning step, `x_token` (1, f, c)
    and `cross_attention`.
    """

    channels_in: int
    depth: int

    def __init__(
        self, plan: TokenPlan, *, width: int, joints: int, heads: int, bias: bool = True
    ) -> None:
        """Build the token parameters.

        Args:
            plan: what is pruned and recovered.
            width: channels of a token.
            joints: tokens of a frame: 17, or 1 where joints are merged into the channels.
            heads: heads of the recovering attention.
            bias: whether its q, k, v have biases.
        """
        super().__init__()
        plan.check(self.depth)
        self.plan = plan
        self.joints = joints
        self.folded = False
        self.pruner = PRUNERS.get(plan.prune)
        if self.pruner is not None and self.pruner.needs_attention and 0 in plan.schedule:
            raise ScheduleError(
                f"schedule step 0:{plan.schedule[0]}: pruner {plan.prune!r} looks at the attention "
                "of the block before, and there is none before block 0; begin at block 1 or later"
            )
        self.selection = nn.ModuleDict(self._selections())
        recoverer = RECOVERERS.get(plan.recover, Recoverer)
        self.recoverer = recoverer.attach(
            self, plan.frames, self._first_kept(), width=width, heads=heads, bias=bias
        )

    def _first_kept(self) -> int:
        """Frames left by the first pruning step."""
        return max(self.plan.schedule.values(), default=self.plan.frames)

    def _selections(self) -> dict[str, Selection]:
        """One selection per pruning step that looks at the data; they have no parameters."""
        if self.pruner is None or self.pruner.select is None:
            return {}
        return {
            str(index): Selection(self.pruner.select, keep, self.joints)
            for index, keep in self.plan.schedule.items()
        }

    def embed(self, keypoints: Tensor) -> Tensor:
        """Keypoints (f, b, j, c) -> rows (f b j, c)."""
        raise NotImplementedError

    def block(self, index: int, tokens: Tokens, received: list[Tensor] | None) -> Tensor:
        """Run block `index` over the rows; see `Attention.forward` for `received`."""
        raise NotImplementedError

    def finish(self, rows: Tensor) -> Tensor:
        """What stands between the last block and the recoverer."""
        return rows

    def regress(self, rows: Tensor) -> Tensor:
        """Rows (m, c) -> poses, (m, 3) or (m, 51)."""
        raise NotImplementedError

    def representation(self) -> nn.Sequential | None:
        """The part of the head that begins with a Linear `fc` right behind the recoverer."""
        return None

    def forward(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Lift windows.

        Args:
            keypoints: (b, f, j, c) float32, normalised as the model card says.

        Returns:
            Poses (b, f, j, 3), or (b, 1, j, 3) in seq2frame, and the numbers of the frames that
            were kept to the end, (b, k) int64.
        """
        tokens = self.tokens_of(keypoints)
        # Zeros as many as windows, made of the data: expanding to the batch's size would put
        # arithmetic on shapes into the graph. Nothing is greater than infinity, not even NaN.
        zeros = (keypoints[:, :1, 0, 0] > torch.inf).to(torch.int64)
        kept = tokens.numbers_by_window() + zeros
        if self.plan.mode == "seq2frame":
            tokens = self._centre_of(tokens)
        rows = self.recoverer.tokens(tokens.rows, tokens.frames)
        frames = self.plan.frames if self.recoverer.learned else tokens.frames
        poses = self.regress(rows).reshape(frames, -1, 17, 3)
        if self.plan.mode == "seq2seq":
            poses = self.recoverer.poses(poses, tokens.numbers_by_window())
        return poses.permute(1, 0, 2, 3), kept

    def tokens_of(self, keypoints: Tensor) -> Tokens:
        """Everything before recoverer and head: keypoints (b, f, j, c) -> tokens."""
        plan = self.plan
        rows = self.embed(keypoints.permute(1, 0, 2, 3))
        tokens = Tokens(rows, plan.frames, tuple(range(plan.frames)))
        received: list[Tensor] | None = None
        for index in range(self.depth):
            if index in plan.schedule:
                tokens = self._prune(tokens, index, received)
            watch = self.pruner is not None and self.pruner.needs_attention
            received = [] if watch and index + 1 in plan.schedule else None
            tokens = replace(tokens, rows=self.block(index, tokens, received))
        return replace(tokens, rows=self.finish(tokens.rows))

    def fold(self) -> None:
        """Rewrite the weights for inference: same function, fewer operations.

        Once only; afterwards the state dict no longer is the published one.
        """
        assert not self.folded, "a network can be folded once; fold a fresh copy"
        self.folded = True
        for module in self.modules():
            if module is not self and isinstance(module, Foldable):
                module.fold()
        representation = self.representation()
        if representation is not None:
            first = representation.get_submodule("fc")
            assert isinstance(first, nn.Linear)
            if self.recoverer.absorb(first):
                representation.add_module("fc", nn.Identity())

    def extra_published_products(self) -> int:
        """FLOPs of products that the published code has and this network does without."""
        return 0

    def _prune(self, tokens: Tokens, index: int, received: list[Tensor] | None) -> Tokens:
        keep = self.plan.schedule[index]
        if str(index) in self.selection:
            chosen = self.selection[str(index)](
                tokens.rows, tokens.frames, received, self._must_stay(tokens)
            )
            tokens = tokens.take(chosen, keep, self.joints)
        else:
            tokens = self._prune_fixed(tokens, keep)
        if index == min(self.plan.schedule):
            tokens = replace(tokens, rows=self.recoverer.kept_tokens(tokens.rows))
        return tokens

    def _prune_fixed(self, tokens: Tokens, keep: int) -> Tokens:
        assert self.pruner is not None
        assert self.pruner.positions is not None
        assert isinstance(tokens.numbers, tuple)
        seq2frame = self.plan.mode == "seq2frame"
        always = tokens.numbers.index(self.plan.centre) if seq2frame else None
        return tokens.take_fixed(self.pruner.positions(tokens.frames, keep, always))

    def _must_stay(self, tokens: Tokens) -> Tensor | None:
        """(b or 1, frames) bool, true at the centre frame, which seq2frame must keep."""
        if self.plan.mode == "seq2seq":
            return None
        if isinstance(tokens.numbers, tuple):
            return constant([[number == self.plan.centre for number in tokens.numbers]])
        return tokens.numbers == self.plan.centre

    def _centre_of(self, tokens: Tokens) -> Tokens:
        """Only the window's centre frame."""
        if isinstance(tokens.numbers, tuple):
            return tokens.take_fixed([tokens.numbers.index(self.plan.centre)])
        earlier = (tokens.numbers < self.plan.centre).to(torch.int64)
        return tokens.take(earlier.sum(dim=1, keepdim=True), 1, self.joints)
