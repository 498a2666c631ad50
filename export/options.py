"""What an export is asked for, resolved once into something concrete."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from h2ot_edge._names import look_up, unknown
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import UsageError
from h2ot_edge.export.backbones import BACKBONES, Backbone, Family
from h2ot_edge.export.shipped import Shipped, plan_of_card, shipped_weights
from h2ot_edge.export.tokens import PRUNERS, RECOVERERS, TokenPlan, format_schedule
from h2ot_edge.export.tokens.plan import Mode

PRESETS = ("none", "hot", "h2ot")
OPSETS = (16, 17, 18, 19, 20)
"""16 has norms in parts, for TensorRT 8.5; 17 is the first with LayerNormalization, and what
TensorRT 8.6 to 11 takes; 20 brings Gelu."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """One export, completely described.

    Attributes:
        backbone, variant: which network.
        plan: window, pruning, recovery and mode; see `choose_plan`.
        checkpoint: weights file; None for weights that ship, or random ones if none fit.
        random: whether the weights are random even if some that fit ship.
        batch: windows a call takes, None for any number.
        opset: ONNX operator set.
        with_kept: whether the graph also gives the kept frames.
        flip_tta: whether the graph averages over the mirrored input.
        seed: of random weights.
    """

    backbone: str
    variant: str
    plan: TokenPlan
    checkpoint: Path | None = None
    random: bool = False
    batch: int | None = 1
    opset: int = 17
    with_kept: bool = False
    flip_tta: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        variants = look_up("backbone", self.backbone, BACKBONES).variants
        look_up(f"variant of {self.backbone}", self.variant, variants)
        if self.random and self.checkpoint is not None:
            raise UsageError("--checkpoint and --random-weights exclude each other; give one")
        if self.opset not in OPSETS:
            raise UsageError(f"--opset {self.opset}: expected one of {list(OPSETS)}")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed {self.seed}: expected a number from 0 to 2^63 - 1")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"--batch {self.batch}: expected a positive number or 'dynamic'")
        if self.with_kept and self.plan.prune == "none":
            raise UsageError("--with-kept: nothing is pruned, so there are no kept frames to give")

    @property
    def family(self) -> Family:
        """The backbone's entry in the registry, as the variant has it."""
        return BACKBONES[self.backbone].for_variant(self.variant)

    @property
    def shipped(self) -> Shipped | None:
        """The weights that ship, where they are what is exported."""
        if self.random or self.checkpoint is not None:
            return None
        return shipped_weights(self.backbone, self.variant, self.plan)

    @property
    def preset(self) -> str:
        """Name of the preset that the plan equals, else `custom`."""
        blank = TokenPlan(frames=self.plan.frames, mode=self.plan.mode)
        for name in PRESETS:
            if preset_plan(self.family, name, blank) == self.plan:
                return name
        return "custom"

    def build(self) -> Backbone:
        """The network, without weights."""
        return self.family.build(self.variant, self.plan)

    def file_name(self, precision: str = "fp32") -> str:
        """Default name: network and tokens, `random` where the weights are, and the precision."""
        plan, tokens = self.plan, [self.preset]
        if self.preset == "none":
            tokens = ["dense"]
        elif self.preset == "custom":
            schedule = format_schedule(plan.schedule).replace(":", "x").replace(",", "-")
            tokens = [plan.prune, schedule, *([plan.recover] if plan.recover != "none" else [])]
        parts = [self.backbone, self.variant, str(plan.frames), *tokens]
        parts += [plan.mode] if plan.mode != self.family.mode else []
        parts += ["flip"] if self.flip_tta else []
        random = self.checkpoint is None and self.shipped is None
        parts += ["random"] if random else []
        parts += [precision] if precision != "fp32" else []
        return "-".join(parts) + ".onnx"


def options_of_card(card: ModelCard) -> ExportOptions:
    """What a model that ships was exported with, without its weights."""
    return ExportOptions(
        backbone=card.backbone,
        variant=card.variant,
        plan=plan_of_card(card),
        batch=card.batch,
        opset=card.opset,
        with_kept=card.with_kept,
        flip_tta=card.flip_tta,
    )


def choose_plan(
    family: Family,
    frames: int,
    *,
    preset: str | None = None,
    prune: str | None = None,
    schedule: dict[int, int] | None = None,
    recover: str | None = None,
    mode: Mode | None = None,
) -> TokenPlan:
    """The token plan that the options ask for.

    Args:
        family: the backbone, as the variant has it.
        frames: window length.
        preset: `none`, `hot` or `h2ot`; None for the family's, unless `prune` is given.
        prune: pruner, instead of a preset.
        schedule: block -> kept frames, for `prune`.
        recover: recoverer; None for the preset's, `tri` behind a schedule of one's own.
        mode: None for the family's.

    Raises:
        UnknownName: for a preset, pruner or recoverer that does not exist.
        UsageError: for options that exclude each other.
    """
    if preset is not None and (prune is not None or schedule is not None):
        raise UsageError("--preset and --prune/--keep exclude each other; give one of them")
    if prune is None and schedule is not None:
        raise UsageError("--keep says how many frames stay; give --prune to say which")
    blank = TokenPlan(frames=frames, mode=mode or family.mode)
    if prune is None:
        plan = preset_plan(family, preset or family.preset, blank)
    elif prune == "none":
        plan = replace(blank, schedule=schedule or {})
    else:
        look_up("pruner", prune, PRUNERS)
        plan = replace(blank, prune=prune, schedule=schedule or {}, recover=_default(blank, "tri"))
    if recover is None:
        return plan
    if recover not in (*RECOVERERS, "none"):
        raise unknown("recoverer", recover, (*RECOVERERS, "none"))
    return replace(plan, recover=recover)


def preset_plan(family: Family, preset: str, blank: TokenPlan) -> TokenPlan:
    """The plan of a preset for the window and mode of `blank`.

    `hot` is the published one step (to a third of the frames, but 61 of 243 for seq2frame MixSTE),
    chosen by TPC and, in seq2seq, recovered by TRA.
    `h2ot` prunes in steps, evenly in time (TPS), and interpolates the poses (TRI): it has no
    weights of its own and no computation, so it also runs on checkpoints trained without pruning.
    Its steps are this project's choice, not the paper's.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    if preset == "none":
        return blank
    if preset == "hot":
        block, share = family.hot_block, Fraction(1, 3)
        if blank.mode == "seq2frame" and family.hot_seq2frame is not None:
            block, share = family.hot_seq2frame
        schedule = {block: max(1, int(blank.frames * share))}
        return replace(blank, prune="tpc", schedule=schedule, recover=_default(blank, "tra"))
    schedule = {b: max(1, int(blank.frames * part)) for b, part in family.h2ot_steps.items()}
    return replace(blank, prune="tps", schedule=schedule, recover=_default(blank, "tri"))


def _default(blank: TokenPlan, recover: str) -> str:
    return recover if blank.mode == "seq2seq" else "none"
