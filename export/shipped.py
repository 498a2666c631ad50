"""Which of the weights that ship an export takes."""

from dataclasses import dataclass

from h2ot_edge import zoo
from h2ot_edge.card import ModelCard
from h2ot_edge.export.tokens import RECOVERERS, Recoverer, TokenPlan

__all__ = ["Shipped", "plan_of_card", "shipped_weights"]


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """Weights that ship.

    Attributes:
        model: whose they are.
        trained_with_plan: whether they were trained with the very plan they are exported with.
    """

    model: zoo.ZooModel
    trained_with_plan: bool


def shipped_weights(backbone: str, variant: str, plan: TokenPlan) -> Shipped | None:
    """The weights for a network.

    Those that were trained with the plan; else, if nothing of the plan is learned, those of the
    unpruned network of the same size; else none.

    Raises:
        ModelFileError: if the index of models cannot be read.
    """
    known = [
        (model, plan_of_card(model.card))
        for model in zoo.models().values()
        if (model.card.backbone, model.card.variant) == (backbone, variant)
    ]
    for model, trained in known:
        if trained == plan:
            return Shipped(model=model, trained_with_plan=True)
    if RECOVERERS.get(plan.recover, Recoverer).learned:
        return None
    for model, trained in known:
        if not trained.schedule:
            return Shipped(model=model, trained_with_plan=False)
    return None


def plan_of_card(card: ModelCard) -> TokenPlan:
    """The plan that a model was exported with."""
    return TokenPlan(
        frames=card.frames,
        schedule=dict(card.schedule),
        prune=card.prune,
        recover=card.recover,
        mode=card.mode,
    )
