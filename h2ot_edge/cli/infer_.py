"""`h2ot infer`: lift the people of a film, or the keypoints of a file, to poses."""

import argparse
import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge._bars import progress_bar
from h2ot_edge.cli.infer_input import Input, open_input
from h2ot_edge.cli.infer_options import add_input, is_bar_shown, told_name
from h2ot_edge.cli.infer_output import Outputs, Result, add_output, poses_of, rows_of
from h2ot_edge.cli.infer_people import warn_of_orientation
from h2ot_edge.cli.output import status_of, write_error, write_json, write_rows
from h2ot_edge.cli.running import add_running, load_engine
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.missing import Gaps
from h2ot_edge.recording import Gathered, Lifted, Recording, lift
from h2ot_edge.stages import StageTimes

__all__ = ["SUMMARY", "add_arguments", "run"]

_logger = logging.getLogger(__name__)

SUMMARY = "lift a film, or the 2-D keypoints of a clip, to 3-D poses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "model", metavar="MODEL", help="an .onnx file, or a name that h2ot-models lists"
    )
    add_input(parser)
    add_output(parser)
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    """Find, lift, write, draw, report."""
    outputs, stages = Outputs(args), StageTimes()
    given = open_input(args, pictures=outputs.pictures)
    try:
        with load_engine(args.model, args) as engine:
            outputs.prepare(engine.card, given.fps)
            gathered = given.gather(stages)
            _tell_of_the_end(args, gathered)
            report = _worked(engine, given, gathered.recording, outputs, stages)
    finally:
        given.close()
    ended = _ended_by(gathered, outputs)
    if not args.json:
        write_rows(_rows(engine, report, stages))
    elif isinstance(ended, H2OTError | OSError):
        write_error(ended, report)  # the one document, with what there is all the same
        _logger.error("%s", ended)
        return status_of(ended)
    else:
        write_json(report)
    if ended is not None:
        raise ended
    return 0


def _worked(
    engine: Engine, given: Input, recording: Recording, outputs: Outputs, stages: StageTimes
) -> dict[str, Any]:
    """Lift and write; the report."""
    args = outputs.args
    warn_of_orientation(args, recording)
    start = time.perf_counter()
    lifted = _lifted(engine, recording, args, stages)
    seconds = time.perf_counter() - start
    result = Result(
        poses=poses_of(lifted, alone=given.alone),
        lifted=lifted,
        card=engine.card,
        title=f"{Path(told_name(args)).name.partition('?')[0]}, {_title(engine)}",
        film=given.film,
    )
    written = outputs.write(result, stages)
    times = _times(stages, recording.frames)
    return {**written, **_report(engine, result, args, seconds), **times}


def _ended_by(gathered: Gathered, outputs: Outputs) -> BaseException | None:
    """What the command ends with, after all that could be done is done and told."""
    if gathered.ended_by is not None and outputs.tried.error is not None:
        _logger.error("%s", outputs.tried.error)
    interrupted = KeyboardInterrupt() if outputs.interrupted else None
    return gathered.ended_by or outputs.tried.error or interrupted


def _tell_of_the_end(args: argparse.Namespace, gathered: Gathered) -> None:
    """Say that what was gathered is not all, and that it is not lost."""
    if gathered.ended_by is None:
        return
    ended = gathered.ended_by
    why = "interrupted" if isinstance(ended, KeyboardInterrupt) else str(ended)
    _logger.warning(
        "%s: ended after %d frames (%s); what was found until then is lifted and written",
        told_name(args), gathered.recording.frames, why,
    )  # fmt: skip


def _lifted(
    engine: Engine, recording: Recording, args: argparse.Namespace, stages: StageTimes
) -> Lifted:
    with (
        progress_bar("window", shown=is_bar_shown(args)) as bar,
        stages("lift", frames=recording.frames),
    ):
        return lift(
            engine,
            recording,
            progress=bar,
            on_missing=args.on_missing,
            max_gap_s=args.max_gap_s,
        )


def _title(engine: Engine) -> str:
    random = engine.card.weights.get("source") == "random"
    meaning = ", random weights: the poses mean nothing" if random else ""
    return f"{engine.card.backbone} {engine.card.variant}{meaning}"


def _report(
    engine: Engine, result: Result, args: argparse.Namespace, seconds: float
) -> dict[str, Any]:
    convention, lifted = engine.card.output, result.lifted
    return {
        "frames": lifted.recording.frames,
        "people": [_person(lifted, place) for place in range(len(lifted.poses))],
        "gaps": _gaps(lifted, args.on_missing),
        "windows": lifted.windows,
        "overlap": engine.overlap,
        "ms_per_window": round(seconds / lifted.windows * 1e3, 3),
        "backend": engine.backend,
        "device": engine.device,
        "unit": convention.unit,
        "frame_of_reference": convention.frame_of_reference,
        "axes": list(convention.axes),
        "weights": engine.card.weights.get("source"),
    }


def _person(lifted: Lifted, place: int) -> dict[str, Any]:
    """Who they are, and in which frames of the film they are there."""
    recording = lifted.recording
    person = recording.people[place]
    return {
        "name": person.name or None,
        "first_frame": int(recording.numbers[person.first]),
        "last_frame": int(recording.numbers[person.stop - 1]),
        "frames_seen": person.seen,
    }


def _gaps(lifted: Lifted, on_missing: str) -> dict[str, Any]:
    """How much was missing, and what became of it; what was filled in has confidence 0."""
    seen = np.concatenate([poses.confidence for poses in lifted.poses]) > 0
    gaps = Gaps.of(seen, np.concatenate([poses.valid for poses in lifted.poses]))
    return {"on_missing": on_missing, **dataclasses.asdict(gaps)}


def _times(stages: StageTimes, frames: int) -> dict[str, Any]:
    times = stages.as_dict(frames)
    return {"stages_ms": {name: round(taken, 3) for name, taken in times.items()}}


def _gaps_in_words(gaps: Mapping[str, Any]) -> str:
    if not gaps["missing"]:
        return "none, every joint was seen"
    frames = gaps["empty_frames"]
    return (
        f"{gaps['missing']} of {gaps['joints']} joints were missing, "
        f"{frames} frame{'' if frames == 1 else 's'} as a whole; filled in by "
        f"{gaps['on_missing']}, {gaps['invalid'] or 'none'} of them not valid"
    )


def _people_in_words(people: list[dict[str, Any]]) -> str:
    named = [f"{each['name']} ({each['first_frame']}-{each['last_frame']})" for each in people]
    more = f" and {len(people) - 8} more" if len(people) > 8 else ""
    return f"{len(people)}, by name and frames: {', '.join(named[:8])}{more}"


def _rows(engine: Engine, report: dict[str, Any], stages: StageTimes) -> Iterator[tuple[str, str]]:
    card = engine.card
    windows = "1 window" if report["windows"] == 1 else f"{report['windows']} windows"
    yield from rows_of(report)
    if report["people"][0]["name"] is not None:
        yield "people", _people_in_words(report["people"])
    yield "gaps", _gaps_in_words(report["gaps"])
    yield "model", f"{card.backbone} {card.variant}, {card.frames} frames, {card.mode}"
    on = f"{report['backend']} on {report['device']}"
    yield "time", f"{windows}, {report['ms_per_window']:.1f} ms a window, {on}"
    if len(report["stages_ms"]) > 1:
        yield "stages", stages.summary(report["frames"])
    yield "unit", report["unit"]
    yield "frame", f"{report['frame_of_reference']}; {', '.join(report['axes'])}"
