"""What the exporter knows of a backbone besides its network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, Literal

from h2ot_edge.errors import UsageError
from h2ot_edge.export.backbones.base import Backbone
from h2ot_edge.export.tokens.plan import Mode, TokenPlan

Unit = Literal["m", "normalised"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One size.

    Attributes:
        frames: the window it was published with, the default.
        sizes: keyword arguments of the network.
        preset, hot_block, h2ot_steps, unit, root_relative, licence, longest: instead of the
            family's, where the size is unlike its family; `Family.for_variant` resolves them.
    """

    frames: int
    sizes: Mapping[str, Any] = field(default_factory=dict)
    preset: str | None = None
    hot_block: int | None = None
    h2ot_steps: Mapping[int, float] | None = None
    unit: Unit | None = None
    root_relative: bool | None = None
    licence: str | None = None
    longest: int | None = None


_OWN = tuple(item.name for item in fields(Variant) if item.name not in ("frames", "sizes"))
"""What a variant may have of its own."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A backbone in all its sizes.

    Attributes:
        summary: one line for help texts.
        network: builds the network from a plan and a variant's sizes.
        variants: name -> size; the first is the default.
        mode: how it was published.
        preset: which pruning is the default.
        hot_block: block in front of which HoT prunes to a third of the frames.
        hot_seq2frame: block and share of the frames kept, where seq2frame was published otherwise.
        h2ot_steps: block -> share of the window kept, for the hierarchical preset.
        unit: of the poses that the published weights give.
        root_relative: whether the graph subtracts the hip.
        licence: what is known of the terms of the published weights.
        frames_divisor, longest: which windows the architecture admits.
        ill_conditioned: whether last-bit differences can change the output visibly.
    """

    summary: str
    network: Callable[..., Backbone]
    variants: Mapping[str, Variant]
    mode: Mode = "seq2seq"
    preset: str = "hot"
    hot_block: int
    hot_seq2frame: tuple[int, Fraction] | None = None
    h2ot_steps: Mapping[int, float]
    unit: Unit
    root_relative: bool = False
    licence: str
    frames_divisor: int = 1
    longest: int | None = None
    ill_conditioned: bool = False

    @property
    def default_variant(self) -> str:
        """The first variant."""
        return next(iter(self.variants))

    def for_variant(self, name: str) -> "Family":
        """The family as one of its variants has it."""
        variant = self.variants[name]
        own = {item: value for item in _OWN if (value := getattr(variant, item)) is not None}
        return replace(self, **own)

    def build(self, variant: str, plan: TokenPlan) -> Backbone:
        """An untrained network.

        Raises:
            UsageError: if the architecture does not admit the window, or the plan is wrong.
        """
        if plan.frames < 1 or plan.frames % self.frames_divisor:
            multiple = f"multiple of {self.frames_divisor}" if self.frames_divisor > 1 else "number"
            raise UsageError(
                f"--frames {plan.frames}: expected a positive {multiple} for this backbone"
            )
        longest = self.for_variant(variant).longest
        if longest is not None and plan.frames > longest:
            which = f"variant {variant}" if self.variants[variant].longest else "this backbone"
            raise UsageError(f"--frames {plan.frames}: expected at most {longest} for {which}")
        return self.network(plan, **self.variants[variant].sizes)
