"""What `h2ot-live` says when it has ended."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from h2ot_edge.engine import Engine
from h2ot_edge.live_view import Clocks, LiveScenes, Recording
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Source

__all__ = ["Ran", "report_of", "rows_of"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Ran:
    """Something that ran, and what it left.

    Attributes:
        source: what was shown.
        engine: what lifted.
        detector: its name.
        scenes: counts frames.
        clocks: count what was shown.
        times: of the stages.
        recording: what was lifted.
        lookahead: in frames.
        hop: in frames.
        ended_by: an error, if it did not end well.
    """

    source: Source
    engine: Engine
    detector: str
    scenes: LiveScenes
    clocks: Clocks
    times: StageTimes
    recording: Recording
    lookahead: int
    hop: int
    ended_by: Exception | None


def report_of(args: argparse.Namespace, ran: Ran, written: list[str]) -> dict[str, Any]:
    """Everything, for --json."""
    card, delays = ran.engine.card, ran.clocks.delays_ms()
    return {
        "source": ran.source.name,
        "size": list(ran.source.size),
        "detector": ran.detector,
        "model": f"{card.backbone} {card.variant}",
        "backend": ran.engine.backend,
        "device": ran.engine.device,
        "frames": ran.scenes.read,
        "dropped": ran.scenes.dropped,
        "lifted": ran.recording.frames,
        "shown": ran.clocks.shown,
        "people": list(ran.recording.people),
        "lookahead": ran.lookahead,
        "hop": ran.hop,
        "delay_ms": delays and {name: round(value, 1) for name, value in delays.items()},
        "stages_ms": {name: round(value, 3) for name, value in ran.times.as_dict().items()},
        "stages": ran.times.summary(),
        "show": args.show,
        "outputs": written,
    }


def rows_of(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The same, to be read."""
    width, height = report["size"]
    yield "source", f"{report['source']}, {width} x {height}"
    yield (
        "frames",
        (
            f"{report['frames']} read, {report['dropped']} dropped, {report['lifted']} lifted, "
            f"{report['shown']} shown"
        ),
    )
    yield "people", _people_in_words(report["people"])
    if report["delay_ms"]:
        yield (
            "delay",
            "p50 {p50:.0f} ms, p99 {p99:.0f} ms".format(**report["delay_ms"])
            + (f", with lookahead {report['lookahead']} and hop {report['hop']}"),
        )
    yield "stages", report["stages"]
    yield "model", f"{report['model']}, {report['backend']} on {report['device']}"
    yield "detector", report["detector"]
    for output in report["outputs"]:
        yield "poses", output


def _people_in_words(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more if names else "none"
