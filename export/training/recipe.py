"""What a training run does, stage by stage."""

import math
from dataclasses import dataclass, replace

from h2ot_edge.errors import UsageError
from h2ot_edge.export.tokens import TokenPlan

__all__ = ["STAGES", "Recipe", "Stage", "make_stages"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a training run, with a learning rate of its own that rises and falls.

    Attributes:
        name: in the log.
        plan: window and pruning. Networks of different plans share all weights that both have.
        blocks: whether the blocks run; without them a network is its embedding and its head.
        kept_only: whether only the kept frames count, not those interpolated between them.
        frozen: modules of the network that do not learn.
        windows: in a batch.
        steps: batches.
        rate: the highest learning rate.
    """

    name: str
    plan: TokenPlan
    blocks: bool = True
    kept_only: bool = False
    frozen: tuple[str, ...] = ()
    windows: int
    steps: int
    rate: float


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run.

    Attributes:
        backbone, variant: the network.
        stages: one after the other.
        seed: of everything random.
        decay: AdamW's weight decay.
        average: share of the old weights in the running average of each step; it is the average
            that is kept and tested.
        clip: largest norm of the gradient.
        bfloat16: whether products are computed in bfloat16. Twice as fast on CPUs with
            avx512_bf16 or AMX, slow on others; on CUDA it is always so.
    """

    backbone: str
    variant: str
    stages: tuple[Stage, ...]
    seed: int = 0
    decay: float = 0.01
    average: float = 0.998
    clip: float = 1.0
    bfloat16: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed {self.seed}: expected a number from 0 to 2^63 - 1")

    @property
    def steps(self) -> int:
        """Batches of all stages."""
        return sum(stage.steps for stage in self.stages)


STAGES = ("poses", "sparse", "full")
"""Single poses without the blocks; every ninth frame of a window; the network as it is asked for.

Each hands its weights on to the next, which costs several times more a window: what can be learned
from single poses is learned from a thousand cameras a batch, how joints move in time from some
fifty, and only the rest from whole windows. Measured from the same weights in the same time,
windows of 9 frames behind a frozen embedding took 4.3 mm off the error on validation subjects, 27
frames with everything learning 0.6 mm.
"""


def make_stages(
    plan: TokenPlan,
    steps: tuple[int, int, int],
    *,
    windows: tuple[int, int, int] = (1024, 48, 16),
    rates: tuple[float, float, float] = (1e-3, 8e-4, 2e-4),
) -> tuple[Stage, ...]:
    """The stages of `STAGES` that have steps.

    Args:
        plan: of the last stage.
        steps: batches of each stage.
        windows: in a batch of each.
        rates: highest learning rate of each.

    Raises:
        UsageError: if there is nothing to do, or a number makes no sense.
    """
    if min(steps) < 0 or not any(steps):
        raise UsageError(f"steps: expected none below 0 and one above, got {steps}")
    if min(windows) < 1:
        raise UsageError(f"windows: expected at least 1 for each stage, got {windows}")
    if not all(0 < rate < math.inf for rate in rates):
        raise UsageError(f"rates: expected numbers above 0, got {rates}")
    keep = max(1, plan.frames // 9)
    sparse = replace(plan, prune="tps", recover="tri", mode="seq2seq", schedule={0: keep})
    plans = (TokenPlan(frames=1), sparse, plan)
    return tuple(
        Stage(
            name=name,
            plan=plans[number],
            blocks=name != "poses",
            kept_only=name == "sparse",
            frozen=() if name == "poses" else ("pose_embed",),
            windows=windows[number],
            steps=steps[number],
            rate=rates[number],
        )
        for number, name in enumerate(STAGES)
        if steps[number]
    )
