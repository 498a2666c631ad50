"""People before cameras that do not wait, as a row."""

from collections.abc import Mapping
from typing import Any

from h2ot_edge.benchmarks.bench.figures import stream_figures
from h2ot_edge.benchmarks.bench.options import BenchOptions
from h2ot_edge.benchmarks.bench.results import Row
from h2ot_edge.benchmarks.bench.subject import Subject
from h2ot_edge.benchmarks.energy import Recorder
from h2ot_edge.benchmarks.live_people import people_at_a_rate

__all__ = ["stream_row"]


def stream_row(
    subject: Subject, named: Mapping[str, Any], options: BenchOptions, rate: float, people: int
) -> Row:
    """Measure a model on streams.

    Args:
        subject: with a card.
        named: what `Subject.row` says of the row.
        options: look-ahead, hop and seconds.
        rate: of each camera, Hz.
        people: before it.

    Raises:
        InputError, OutputError, DeviceError: as `LiveSession`.
    """
    assert subject.engine is not None
    lookahead, hop, seconds = options.lookahead, options.hop, options.seconds
    with Recorder(None, device=subject.backend.device) as recorder:
        found = people_at_a_rate(
            subject.engine,
            subject.clip,
            people=people,
            rate=rate,
            seconds=seconds,
            lookahead=lookahead,
            hop=hop,
        )
    return Row(
        **named,
        scenario="stream",
        boundary="end_to_end",
        inside="from the push of the newest frame that a pose needs to that pose",
        valid=not recorder.slowed,
        problems=list(recorder.slowed),
        figures=stream_figures(
            found, rate=rate, people=people, lookahead=lookahead, hop=hop, seconds=seconds
        ),
    )
