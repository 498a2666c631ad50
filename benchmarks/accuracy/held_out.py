"""Whether a model has seen, in its training, the people that it is measured on."""

import logging
from collections.abc import Iterable, Mapping

from h2ot_edge.benchmarks.accuracy.protocols import Protocol
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import ModelFileError

__all__ = ["seen_subjects", "title_of"]

_logger = logging.getLogger(__name__)

_FIELDS = ("train_subjects", "validation_subjects")
"""Of `ModelCard.training`. Validation subjects chose the weights, so they count as seen."""


def seen_subjects(
    card: ModelCard, subjects: Iterable[str], source: str = "card"
) -> tuple[str, ...]:
    """Those of the subjects whom the model was trained or validated on, as its card says.

    Args:
        card: of the model; one that does not name its subjects has seen nobody.
        subjects: names, as the data has them.
        source: of the card, for messages.

    Returns:
        Names in alphabetical order.

    Raises:
        ModelFileError: the card's names are not a list of text.
    """
    seen: set[str] = set()
    for field in _FIELDS:
        names = card.training.get(field, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ModelFileError(
                f"{source}: training.{field}: expected a list of names, got {names!r}; release the "
                "model again"
            )
        seen.update(names)
    return tuple(sorted(seen.intersection(subjects)))


def title_of(protocol: Protocol, cards: Mapping[str, ModelCard], subjects: Iterable[str]) -> str:
    """What results are called; a warning names each model that was trained on these people.

    Args:
        protocol: what is measured.
        cards: of the models, by name.
        subjects: whose clips are measured.

    Raises:
        ModelFileError: as `seen_subjects`.
    """
    if not protocol.title_if_seen:
        return protocol.title
    people, title = set(subjects), protocol.title
    for name, card in cards.items():
        seen = seen_subjects(card, people, source=name)
        if seen:
            title = protocol.title_if_seen
            _logger.warning(
                "%s was trained on %s: its figures say nothing about people it has not seen; "
                "choose others with --subjects",
                name,
                ", ".join(seen),
            )
    return title
