"""The page of one model, in Markdown."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from h2ot_edge._version import __version__
from h2ot_edge.benchmarks.accuracy.model_card import facts
from h2ot_edge.benchmarks.accuracy.model_card.failures import Failure, find_failures, shares
from h2ot_edge.benchmarks.accuracy.model_card.kinds import KINDS
from h2ot_edge.benchmarks.accuracy.model_card.measuring import Measured
from h2ot_edge.benchmarks.accuracy.protocols import Protocol, ProtocolOptions
from h2ot_edge.benchmarks.accuracy.tables import table, tables
from h2ot_edge.benchmarks.latency import Latency
from h2ot_edge.card import ModelCard

__all__ = ["Subject", "page_of"]

Lines = Iterator[str]

SEEN = (
    "**The model was trained on some of these people: the figures say nothing about people it has "
    "not seen.**"
)
"""Under a title that says so already, because figures are copied without titles."""

REAL = (
    "The truth of these clips is no measurement of its own: it was triangulated from the same "
    "detections, of several cameras, and its joints are defined otherwise, 1 to 4 cm from those "
    "of motion capture. Read the figures as plausible or not, never as an absolute error."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """What a page is about.

    Attributes:
        name: of the model, its page and the folder of its pictures.
        model: how it is asked for: the name, if it ships, or its file's.
        summary: what it is for, in a line; empty if nobody said.
        card: of the model.
        size_bytes: of its ONNX file.
        measured: what was found.
        title: what the results on motion capture are called.
        protocol, options: how they were made.
        data, real: names of the files that were measured on.
        cpu: what the latency was measured on.
    """

    name: str
    model: str
    summary: str
    card: ModelCard
    size_bytes: int
    measured: Measured
    title: str
    protocol: Protocol
    options: ProtocolOptions
    data: Sequence[str]
    real: str | None
    cpu: str

    @property
    def subjects(self) -> list[str]:
        """Whose clips were measured, in alphabetical order."""
        return sorted({lifted.clip.subject for lifted in self.measured.lifted})


def page_of(about: Subject) -> tuple[str, list[Failure]]:
    """The page's text, and the frames whose pictures it shows.

    A picture is expected at `NAME/PICTURE.png` beside the page.
    """
    card, measured = about.card, about.measured
    failures = find_failures(measured.lifted)
    parts: Mapping[str, Iterable[str]] = {
        "What it is": facts.network(card, about.size_bytes),
        "What goes in and comes out": facts.tensors(card),
        "Data, licence, credit": facts.data_of(card),
        "Training": facts.training(card),
        f"Accuracy: {about.title}": _accuracy(about),
        "Accuracy: real detections": _real(about),
        "Latency": _latency(measured.latency, card, about.cpu),
        "Parity of the export": _parity(card),
        "Where it fails": _failures(about, failures),
    }
    lines = [f"# {about.name}", "", *_introduction(about)]
    for heading, part in parts.items():
        text = list(part)
        if text:
            lines += ["", f"## {heading}", "", *text]
    lines += ["", f"Written by h2ot-edge {__version__}: `{_command(about)}`."]
    return "\n".join(lines) + "\n", failures


def _introduction(about: Subject) -> Lines:
    if about.summary:
        yield f"{about.summary[0].upper()}{about.summary[1:].rstrip('.')}."
    if about.card.weights.get("source") == "random":
        yield "**The weights are random: the poses and every figure below mean nothing.**"


def _accuracy(about: Subject) -> Lines:
    options, subjects = about.options, about.subjects
    if about.title != about.protocol.title:
        yield _wrapped(SEEN)
        yield ""
    yield _wrapped(
        f"{', '.join(about.data)}: subjects {', '.join(subjects)}; virtual cameras a motion: "
        f"{options.views}; seed {options.seed}. Source: {about.protocol.source}."
    )
    yield ""
    yield _wrapped(
        "Noisy 2-D is the project's simulated detector (jitter, lost and swapped joints), clean "
        "2-D the exact points. Poses are compared about the root."
    )
    yield ""
    named = {f"{noise} 2-D": found for noise, found in about.measured.accuracies.items()}
    # Here the rows are not models; both words are equally long.
    yield tables(named).replace("| model ", "| input ").rstrip("\n")


def _real(about: Subject) -> Lines:
    if about.measured.real is None:
        return
    yield _wrapped(f"{about.real}, detections as they came. {REAL}")
    yield ""
    yield tables({about.name: about.measured.real}).rstrip("\n")


def _latency(latency: Mapping[int, Latency], card: ModelCard, cpu: str) -> Lines:
    if not latency:
        return
    windows = card.batch or 1
    what = "one window" if windows == 1 else f"{windows} windows in one call"
    calls = next(iter(latency.values())).calls
    yield _wrapped(
        f"{cpu}, FP32, {what}, in turns, {calls} calls each. Inside the clock: one call of the "
        "model, host array in to host array out."
    )
    yield ""
    head = ["threads", "median, ms", "p99, ms"]
    rows = [[str(n), f"{at.median_ms:.1f}", f"{at.p99_ms:.1f}"] for n, at in latency.items()]
    yield table(head, rows, words=0).rstrip("\n")


def _parity(card: ModelCard) -> Lines:
    yield "The graph in ONNX Runtime against the network in PyTorch, as the export measured it:"
    yield ""
    yield from facts.parity(card.parity)


def _failures(about: Subject, failures: Sequence[Failure]) -> Lines:
    clips = about.measured.lifted
    first = "MPJPE" if about.card.output.unit == "m" else "P-MPJPE"
    frames = sum(len(lifted.errors_mm) for lifted in clips)
    yield f"Noisy 2-D, {frames} frames. Errors are the {first} of a frame. Frames of a kind:"
    yield ""
    rows = [
        [
            KINDS[share.kind].title,
            str(share.frames),
            f"{share.percent:.1f}",
            "-" if share.error_mm is None else f"{share.error_mm:.1f}",
        ]
        for share in shares(clips)
    ]
    yield table(["kind", "frames", "%", f"{first}, mm"], rows, words=1).rstrip("\n")
    yield ""
    yield _wrapped(
        "Pictures: keypoints as the model got them (joints that were not found are left out), "
        "truth and answer as the camera sees them, and both from the left."
    )
    for failure in failures:
        yield from ("", f"### {failure.title}", "", *_failure(about.name, failure))


def _failure(name: str, failure: Failure) -> Lines:
    clip = failure.lifted.clip
    kind = KINDS.get(failure.name)
    means = f" This kind: {kind.means}." if kind else ""
    yield _wrapped(
        f"Action group {clip.action}, motion {failure.lifted.motion}, clip {clip.name}, frame "
        f"{failure.frame} (of {len(failure.lifted.errors_mm)}, counted from 0): "
        f"{failure.error_mm:.1f} mm.{means}"
    )
    yield ""
    yield f"![{failure.title}]({name}/{failure.name}.png)"


def _command(about: Subject) -> str:
    """What makes the page again, where model and data are in the working folder."""
    options, default = about.options, about.protocol.defaults
    parts = ["python -m h2ot_edge.benchmarks.accuracy.model_card", about.model]
    parts += ["--data", *about.data]
    if about.real is not None:
        parts += ["--real", about.real]
    if options.views != default.views:
        parts += ["--views", str(options.views)]
    if options.subjects:
        parts += ["--subjects", ",".join(options.subjects)]
    return " ".join(parts)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)
