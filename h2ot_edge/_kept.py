"""Which frames token pruning kept, as far as a model or its card tells."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.rates import Resampling

__all__ = ["KeptTokens", "evenly_spaced", "kept_of_source"]

BoolArray = NDArray[np.bool_]
Indices = NDArray[np.int64]


_TIE_S = 1e-6
"""Seconds; what rounding leaves of a tie, and many frames lie in the middle of two."""


class KeptTokens:
    """The numbers of the frames whose tokens each window of a model keeps to the end.

    They are known if the model gives them (`card.with_kept`), or if the pruner does not look at the
    data (`tps`) and the card so tells them. Of a model that prunes nothing they say nothing, and
    neither do they of a seq2frame model, which always keeps the frame that it answers.

    Attributes:
        known: whether they are.
    """

    def __init__(self, card: ModelCard) -> None:
        said = bool(card.schedule) and card.mode == "seq2seq"
        self._fixed = _fixed(card) if said and card.prune == "tps" else None
        self._given = said and self._fixed is None and card.with_kept
        self.known = self._given or self._fixed is not None

    def of(self, outputs: Mapping[str, NDArray[Any]]) -> Indices:
        """(b, k) or, where it is the same in all windows, (1, k) frames of the window.

        Args:
            outputs: of the model, b windows.
        """
        if self._fixed is not None:
            return self._fixed
        given: Indices = outputs["kept"]
        return given


def _fixed(card: ModelCard) -> Indices:
    """(1, k) frames that even spacing leaves, step by step as the network takes them."""
    numbers = np.arange(card.frames)
    for _, keep in sorted(card.schedule.items()):
        numbers = numbers[evenly_spaced(len(numbers), keep)]
    return numbers[None]


def evenly_spaced(frames: int, keep: int) -> Indices:
    """(k,) the positions that the pruner `tps` keeps of `frames` where no frame must stay.

    The first and the last are among them; a single one is the middle one.
    """
    if keep == 1:
        return np.array([(frames - 1) // 2])
    gaps = keep - 1  # in whole numbers: the same on every machine
    return (2 * np.arange(keep) * (frames - 1) + gaps) // (2 * gaps)


def kept_of_source(kept: BoolArray, way: Resampling) -> BoolArray:
    """Flags (n, u) of resampled frames as (n, t) of the source's.

    A token that was kept marks the source's frame nearest to it in time, the earlier of two.
    """
    if way.identity:
        return kept
    middles = (way.source[1:] + way.source[:-1]) / 2
    nearest = np.searchsorted(middles, way.target - _TIE_S)
    found = np.zeros((len(kept), len(way.source)), np.bool_)
    clips, frames = np.nonzero(kept)
    found[clips, nearest[frames]] = True
    return found
