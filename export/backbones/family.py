"""What the exporter knows of a backbone besides its network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from h2ot_edge.errors import UsageError
from h2ot_edge.export.backbones.base import Backbone
from h2ot_edge.export.tokens.plan import Mode, TokenPlan


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One published size.

    Attributes:
        frames: the window it was published with, the default.
        sizes: keyword arguments of the network.
    """

    frames: int
    sizes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A backbone in all its sizes.

    Attributes:
        summary: one line for help texts.
        network: builds the network from a plan and a variant's sizes.
        variants: name -> size; the first is the default.
        mode: how it was published.
        hot_block: block in front of which HoT prunes to a third of the frames.
        hot_seq2frame: block and share of the frames kept, where seq2frame was published otherwise.
        h2ot_steps: block -> share of the window kept, for the hierarchical preset.
        unit: of the poses that the published weights give.
        licence: what is known of the terms of the published weights.
        frames_divisor, longest: which windows the architecture admits.
        ill_conditioned: whether last-bit differences can change the output visibly.
    """

    summary: str
    network: Callable[..., Backbone]
    variants: Mapping[str, Variant]
    mode: Mode = "seq2seq"
    hot_block: int
    hot_seq2frame: tuple[int, Fraction] | None = None
    h2ot_steps: Mapping[int, float]
    unit: Literal["m", "normalised"]
    licence: str
    frames_divisor: int = 1
    longest: int | None = None
    ill_conditioned: bool = False

    @property
    def default_variant(self) -> str:
        """The first variant."""
        return next(iter(self.variants))

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
        if self.longest is not None and plan.frames > self.longest:
            raise UsageError(
                f"--frames {plan.frames}: expected at most {self.longest} for this backbone"
            )
        return self.network(plan, **self.variants[variant].sizes)
