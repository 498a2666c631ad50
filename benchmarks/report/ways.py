"""The rows of documents, sorted by what was run on what, each way with a name that tells it."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from h2ot_edge.benchmarks.report.content import Look
from h2ot_edge.benchmarks.report.words import shortened

__all__ = ["BOUNDARIES", "Row", "Way", "letter_of", "look_of", "place_of", "ways_of"]

Document = Mapping[str, Any]
Row = Mapping[str, Any]

BOUNDARIES: Mapping[str, str] = {"model": "model", "host": "host", "end_to_end": "end to end"}
"""What was inside the clock, from the inside out, with the words for it."""

MOST = 34
"""Letters of a name in a plot."""

_NOTHING: Row = {
    **{"name": "", "file": None, "kind": "onnx", "bytes": None, "sha256": None},
    **{"precision": None, "card": None, "cost": None, "unknown": []},
}


@dataclass(frozen=True)
class Way:
    """A model of a document as it was run there.

    Attributes:
        document: its number, from 0.
        model: id of the model.
        described: what the document says of it; nothing known if it does not name it.
        backend, device, threads: as its rows have them.
        rows: of it.
        label: a name that no other way of these documents has.
        short: such a name for plots, without what the names of all models begin with if that makes
            them too long.
    """

    document: int
    model: str
    described: Mapping[str, Any]
    backend: str
    device: str
    threads: int | None
    rows: Sequence[Row] = field(repr=False)
    label: str = ""
    short: str = ""

    @property
    def runs_on(self) -> str:
        """Backend, device and threads in words."""
        return place_of(self.backend, self.device, self.threads)

    @property
    def cost(self) -> Mapping[str, Any] | None:
        """FLOPs and bytes of the model; None if they are not known."""
        cost: Mapping[str, Any] | None = self.described["cost"]
        return cost

    def of(self, kind: str) -> list[Row]:
        """Rows of a kind."""
        return [row for row in self.rows if row["kind"] == kind]

    def latency(self, scenario: str, boundary: str) -> Row | None:
        """The row of latencies with this scenario and boundary."""
        for row in self.of("latency"):
            if (row["scenario"], row["boundary"]) == (scenario, boundary):
                return row
        return None

    def window(self) -> Row | None:
        """Latencies of single windows: at the host, else of the model, else from end to end."""
        found = (self.latency("single", name) for name in ("host", "model", "end_to_end"))
        return next((row for row in found if row is not None), None)


def letter_of(document: int) -> str:
    """What a document is called: A, B, ..."""
    return chr(ord("A") + document) if document < 26 else str(document + 1)


def look_of(row: Row | None) -> Look:
    """Of cells with figures of a row."""
    return "" if row is None or row["valid"] else "invalid"


def place_of(backend: str, device: str, threads: int | None) -> str:
    """Where something ran, in words."""
    behind = "" if threads is None else f", {_threads(threads)}"
    return f"{backend}, {device}{behind}"


def ways_of(documents: Sequence[Document]) -> list[Way]:
    """Every way in which a model was run, those that were timed first, in the order of the rows."""
    ways = [way for number, each in enumerate(documents) for way in _ways(number, each)]
    labels = _told_apart([_label(way, ways, len(documents) > 1) for way in ways])
    shorts = labels
    if any(len(label) > MOST for label in labels):
        start = len(_common_start({way.model for way in ways}))
        whole = [way.model for way in ways]
        shorts = [
            label.replace(model, model[start:], 1)
            for label, model in zip(labels, whole, strict=True)
        ]
    shorts = _told_apart([shortened(label, MOST) for label in shorts])
    return [
        replace(way, label=label, short=short)
        for way, label, short in zip(ways, labels, shorts, strict=True)
    ]


def _told_apart(labels: Sequence[str]) -> list[str]:
    """With a number before each of those that are alike."""
    seen, numbers = Counter(labels), Counter[str]()
    told = []
    for label in labels:
        numbers[label] += 1
        told.append(f"{numbers[label]}: {label}" if seen[label] > 1 else label)
    return told


def _common_start(models: Collection[str]) -> str:
    """What all names begin with, up to a hyphen; nothing if there is one name only."""
    words = [model.split("-")[:-1] for model in models] if len(models) > 1 else []
    same = takewhile(lambda each: len(set(each)) == 1, zip(*words, strict=False))
    return "".join(f"{each[0]}-" for each in same)


def _threads(threads: int | None) -> str:
    return "all threads" if threads is None else f"{threads} thread{'s' * (threads != 1)}"


def _ways(number: int, document: Document) -> Iterator[Way]:
    sorted_rows: dict[tuple[str, str, str, int | None], list[Row]] = {}
    for row in sorted(document["rows"], key=lambda row: row["kind"] != "latency"):
        key = (row["model"], row["backend"], row["device"], row["threads"])
        sorted_rows.setdefault(key, []).append(row)
    for (model, backend, device, threads), rows in sorted_rows.items():
        described = document["models"].get(model, _NOTHING)
        yield Way(number, model, described, backend, device, threads, rows)


def _label(way: Way, ways: Sequence[Way], several: bool) -> str:
    """The model, and of the rest what tells it from others of this model."""
    others = [other for other in ways if other.model == way.model]
    parts = [way.model]
    for name in ("backend", "device", "threads"):
        if len({getattr(other, name) for other in others}) > 1:
            parts.append(_threads(way.threads) if name == "threads" else getattr(way, name))
    if several:
        parts.insert(0, letter_of(way.document))
    return " \u00b7 ".join(parts)
