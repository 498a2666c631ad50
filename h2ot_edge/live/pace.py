"""Whether a stream's frames come at a rate that the model is good at."""

from h2ot_edge.card import ModelCard
from h2ot_edge.live.options import LiveOptions
from h2ot_edge.live.track import Track
from h2ot_edge.rates import trained_fps, warn_of_span

__all__ = ["Pace"]


class Pace:
    """Warns once of windows that span too short or too long a time.

    It goes by `fps`, and by the first full window of every stream: cameras differ, and frames that
    come with timestamps need not have that rate.
    """

    def __init__(self, card: ModelCard, options: LiveOptions) -> None:
        self._card = card
        trained_fps(card)  # a card that tells none is refused now, not while frames come
        self._told = card.frames < 2 or (
            options.fps is not None and warn_of_span(card, options.fps)
        )

    def look(self, track: Track) -> None:
        """Look at a stream that has got a frame."""
        if track.full_after_s is not None and not self._told:
            self._told = warn_of_span(self._card, (self._card.frames - 1) / track.full_after_s)
