"""In which frame of each hop the network runs for a stream, so that streams take turns."""

from collections import Counter
from collections.abc import Iterable

__all__ = ["free_turn"]


def free_turn(taken: Iterable[int], natural: int, hop: int, batch: int) -> int:
    """The turn of a new stream: where one more window makes for the fewest calls of the model.

    Frames of a camera are counted; who has turn i is run in those whose number has the remainder i
    by `hop`.

    Args:
        taken: turns of the streams there are.
        natural: the turn of a stream that is alone, which goes before others that are as good,
            and then the frames before it.
        hop: frames between two runs of a stream.
        batch: windows of a call.
    """
    loads = Counter(taken)
    turns = ((natural - earlier) % hop for earlier in range(hop))
    return min(turns, key=lambda turn: loads[turn] // batch)
