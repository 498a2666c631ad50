"""How well ids agree with who people are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from h2ot_edge.benchmarks.tracking.pairing import best_pairs
from h2ot_edge.benchmarks.tracking.scenes import NOBODY, Seen
from h2ot_edge.tracking import NOBODY as NO_ID

__all__ = ["Counts", "count", "total"]


@dataclass(frozen=True)
class Counts:
    """What went well and wrong.

    Attributes:
        right: detections with the id that is their person's, if each person is given the one id
            that makes this the highest (IDTP of Ristani et al., 2016, of which IDF1 is made).
        people: detections of people.
        named: detections with an id.
        switches: how often somebody has another id than before.
        taken: how often an id goes to somebody while it was another's before.
        broken: how often somebody is found and has no id, after they had one and before they have
            one again.
        false: ids of nobody but false detections.
    """

    right: float
    people: int
    named: int
    switches: int
    taken: int
    broken: int
    false: int

    @property
    def idf1(self) -> float:
        """0 to 1."""
        return 2 * self.right / max(self.people + self.named, 1)


def total(counts: Iterable[Counts]) -> Counts:
    """All together."""
    columns = zip(*(astuple(each) for each in counts), strict=True)
    return Counts(*(sum(column) for column in columns))


def count(scene: Sequence[Seen], ids: Sequence[Sequence[int]]) -> Counts:
    """Compare the ids of each frame's detections with whose they are."""
    both: Counter[tuple[int, int]] = Counter()
    of_person: dict[int, int] = {}
    of_id: dict[int, int] = {}
    gaps: set[int] = set()
    switches = taken = broken = 0
    for frame, names in zip(scene, ids, strict=True):
        for who, name in zip(frame.who.tolist(), names, strict=True):
            both[who, name] += 1
            if who == NOBODY:
                continue
            if name == NO_ID:
                gaps.update({who} & of_person.keys())
                continue
            broken += who in gaps
            gaps.discard(who)
            before = of_person.get(who)
            switches += before is not None and before != name
            taken += before != name and of_id.get(name, who) != who
            of_person[who], of_id[name] = name, who
    return Counts(
        right=_right(both),
        people=sum(n for (who, _), n in both.items() if who != NOBODY),
        named=sum(n for (_, name), n in both.items() if name != NO_ID),
        switches=switches,
        taken=taken,
        broken=broken,
        false=len({name for _, name in both} - of_id.keys() - {NO_ID}),
    )


def _right(both: Counter[tuple[int, int]]) -> float:
    people = sorted({who for who, _ in both} - {NOBODY})
    names = sorted({name for _, name in both} - {NO_ID})
    gains = np.array([[both[who, name] for name in names] for who in people], np.float64)
    if not gains.size:
        return 0.0
    return float(sum(gains[pair] for pair in best_pairs(gains)))
