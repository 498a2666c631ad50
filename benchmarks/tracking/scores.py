"""How well ids agree with who people are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field

import numpy as np

from h2ot_edge.benchmarks.tracking.pairing import best_pairs
from h2ot_edge.benchmarks.tracking.scenes import NO_PERSON, Seen
from h2ot_edge.tracking import NOBODY

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
    changes = _Changes()
    for frame, names in zip(scene, ids, strict=True):
        for who, name in zip(frame.who.tolist(), names, strict=True):
            both[who, name] += 1
            if who != NO_PERSON:
                changes.add(who, name)
    return Counts(
        right=_right(both),
        people=sum(n for (who, _), n in both.items() if who != NO_PERSON),
        named=sum(n for (_, name), n in both.items() if name != NOBODY),
        switches=changes.switches,
        taken=changes.taken,
        broken=changes.broken,
        false=len({name for _, name in both} - changes.of_id.keys() - {NOBODY}),
    )


@dataclass
class _Changes:
    """Of ids, detection by detection.

    Attributes:
        switches: as in `Counts`; `taken` and `broken` too.
        of_person: the last id of each person.
        of_id: the last person with each id.
        gaps: people who had an id and have none at present.
    """

    switches: int = 0
    taken: int = 0
    broken: int = 0
    of_person: dict[int, int] = field(default_factory=dict)
    of_id: dict[int, int] = field(default_factory=dict)
    gaps: set[int] = field(default_factory=set)

    def add(self, who: int, name: int) -> None:
        """Take a detection of a person."""
        before = self.of_person.get(who)
        if name == NOBODY:
            self.gaps.update(() if before is None else (who,))
            return
        self.broken += who in self.gaps
        self.gaps.discard(who)
        self.switches += before is not None and before != name
        self.taken += before != name and self.of_id.get(name, who) != who
        self.of_person[who], self.of_id[name] = name, who


def _right(both: Counter[tuple[int, int]]) -> float:
    people = sorted({who for who, _ in both} - {NO_PERSON})
    names = sorted({name for _, name in both} - {NOBODY})
    gains = np.array([[both[who, name] for name in names] for who in people], np.float64)
    if not gains.size:
        return 0.0
    return float(sum(gains[pair] for pair in best_pairs(gains)))
