"""In which frame of each hop the network runs for a stream, so that streams take turns."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["FrameCount", "Place", "take_turn"]


@dataclass(eq=False)
class FrameCount:
    """Counts the frames of a camera, or of all of them, by the streams that come.

    Attributes:
        newest: number of the newest frame.
    """

    newest: int = 0


@dataclass(eq=False)
class Place:
    """A stream's place among those whose frames are counted together.

    Attributes:
        count: of their frames.
        frame: number of its newest one; None before the first.
        turn: the remainder, by hop, of the numbers of those in which it is run.
    """

    count: FrameCount = field(default_factory=FrameCount)
    frame: int | None = None
    turn: int = 0

    @property
    def following(self) -> int:
        """Number of the frame that it comes with next."""
        # Who comes again shows that the camera has gone on to its next frame.
        return self.count.newest + (self.frame == self.count.newest)

    def come(self) -> None:
        """Take note that it came."""
        self.frame = self.count.newest = self.following


def take_turn(
    places: Iterable[Place],
    others: Iterable[Iterable[Place]],
    *,
    first_run: int,
    hop: int,
    batch: int,
) -> None:
    """Give a new stream its turns: where one more window makes for the fewest calls of the model.

    Args:
        places: of the stream; those that come first go before others. Cameras of different rates
            have no turns in common that would last, so its own comes before all of them.
        others: places of each other stream.
        first_run: frames that there are when it runs first if it is alone. That goes before others
            that are as good, and then the frames before it.
        hop: frames between two runs of a stream.
        batch: windows of a call.
    """
    mine = list(places)
    taken = [place for one in others for place in one]
    loads = [Counter(o.turn for o in taken if o.count is place.count) for place in mine]
    natural = [place.following + first_run - 1 for place in mine]

    def calls(earlier: int) -> list[int]:
        turns = [(turn - earlier) % hop for turn in natural]
        return [load[turn] // batch for load, turn in zip(loads, turns, strict=True)]

    earlier = min(range(hop), key=calls)
    for place, turn in zip(mine, natural, strict=True):
        place.turn = (turn - earlier) % hop
