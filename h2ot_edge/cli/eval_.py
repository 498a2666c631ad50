"""`h2ot eval`: measure how accurate models are on clips whose true poses are known."""

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2ot_edge._bars import progress_bar
from h2ot_edge._files import replacing, sha256_of
from h2ot_edge._names import look_up, require
from h2ot_edge._version import __version__
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.cli.running import add_running, load_engine, named_models
from h2ot_edge.engine import Engine
from h2ot_edge.errors import UsageError
from h2ot_edge.skeleton import JOINTS

if TYPE_CHECKING:
    from h2ot_edge.benchmarks.accuracy.protocols import Protocol, ProtocolOptions
    from h2ot_edge.benchmarks.accuracy.results import Accuracy
    from h2ot_edge.benchmarks.motion.labelled import LabelledClip

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "measure how accurate models are on clips with known poses"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What every model is measured on, and where the results go."""

    protocol: "Protocol"
    title: str
    options: "ProtocolOptions"
    flip: bool
    data: tuple[Path, ...]
    clips: "tuple[LabelledClip, ...]"
    out: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="models from h2ot-export, or names of the zoo"
    )
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="what the protocol reads",
    )
    group.add_argument("--protocol", default="cmu", metavar="NAME", help="cmu, h36m or 3dhp")
    group.add_argument("--subjects", metavar="A,B,...", help="only these people's clips")
    group.add_argument(
        "--noise", metavar="NAME", help="of simulated detections: noisy or clean (cmu: noisy)"
    )
    group.add_argument("--views", type=int, metavar="N", help="virtual cameras a motion (cmu: 2)")
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for a table, JSON and a picture of these models, which take the place of "
        "earlier ones, and for the results of every clip as they come; the same command goes on "
        "where it was interrupted",
    )
    group.add_argument("--no-plot", action="store_true", help="no picture (needs no matplotlib)")
    add_running(parser)
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="average with the poses of the mirrored keypoints (default: as the protocol says)",
    )


def run(args: argparse.Namespace) -> int:
    """Read, measure every model, write, report."""
    models = named_models(args.models)
    task = _task(args, {name: ModelCard.from_onnx(path) for name, path in models.items()})
    accuracies = _measured(models, task, args)
    files = _write(accuracies, task, plot=not args.no_plot) if task.out is not None else []
    if args.json:
        write_json({**_document(accuracies, task), "files": files})
    else:
        _show(accuracies, task, files)
    return 0


def _task(args: argparse.Namespace, cards: Mapping[str, ModelCard]) -> _Task:
    """Options of protocol and output are checked before the data is read.

    Device, backend, threads and overlap are checked when the first model is opened.
    """
    from h2ot_edge.benchmarks.accuracy import PROTOCOLS
    from h2ot_edge.benchmarks.accuracy.held_out import title_of
    from h2ot_edge.benchmarks.accuracy.protocols import ProtocolOptions

    protocol = look_up("protocol", args.protocol, PROTOCOLS)
    subjects = tuple(args.subjects.split(",")) if args.subjects is not None else None
    chosen = ProtocolOptions(subjects=subjects, noise=args.noise, views=args.views)
    options = protocol.resolved(chosen)
    if args.out is not None:
        if not args.no_plot:
            require("matplotlib", "viz")
        if args.out.exists() and not args.out.is_dir():
            raise UsageError(f"--out {args.out}: expected the name of a folder, this is a file")
        args.out.mkdir(parents=True, exist_ok=True)
    clips = protocol.read(args.data, options)
    return _Task(
        protocol=protocol,
        title=title_of(protocol, cards, {clip.subject for clip in clips}),
        options=options,
        flip=protocol.flip if args.flip is None else args.flip,
        data=tuple(args.data),
        clips=clips,
        out=args.out,
    )


def _measured(
    models: Mapping[str, Path], task: _Task, args: argparse.Namespace
) -> "dict[str, Accuracy]":
    total = len(models) * sum(len(clip.truth) for clip in task.clips)
    accuracies: dict[str, Accuracy] = {}
    done = 0
    with progress_bar("frame", shown=not (args.json or args.quiet)) as progress:

        def advance(clip: "LabelledClip") -> None:
            nonlocal done
            done += len(clip.truth)
            if progress is not None:
                progress(done, total)

        for name, path in models.items():
            with load_engine(path, args) as engine:
                accuracies[name] = _accuracy(engine, name, path, task, advance)
    return accuracies


def _accuracy(
    engine: Engine,
    name: str,
    path: Path,
    task: _Task,
    advance: "Callable[[LabelledClip], None]",
) -> "Accuracy":
    from h2ot_edge.benchmarks.accuracy.evaluation import evaluate, measurable
    from h2ot_edge.benchmarks.accuracy.journal import Journal

    metrics = measurable(engine.card, task.protocol.metrics)
    how = _how(engine, path, metrics, task)
    journal = Journal(task.out / f"{name}.jsonl", how) if task.out is not None else None
    if journal:
        _logger.info("%s: has the results of %d clips", journal.path, len(journal))
    return evaluate(
        engine,
        task.clips,
        metrics=metrics,
        flip=task.flip,
        actions_first=task.protocol.actions_first,
        root=task.protocol.root,
        joints=task.protocol.joints,
        journal=journal,
        settings={**how, **_what(engine, task)},
        progress=advance,
    )


def _how(engine: Engine, path: Path, metrics: Sequence[str], task: _Task) -> dict[str, Any]:
    """Everything that the result of a clip depends on besides the clip."""
    options = dataclasses.asdict(task.options)
    del options["subjects"]
    return {
        "h2ot_edge": __version__,
        "model_sha256": sha256_of(path),
        "protocol": task.protocol.name,
        **options,
        "metrics": list(metrics),
        "flip": task.flip,
        "root": task.protocol.root,
        "overlap": engine.overlap,
        "backend": engine.backend,
        "device": engine.device,
    }


def _what(engine: Engine, task: _Task) -> dict[str, Any]:
    """What else must be known to read the figures rightly."""
    return {
        "subjects": sorted({clip.subject for clip in task.clips}),
        "data": [path.name for path in task.data],
        "actions_first": task.protocol.actions_first,
        "joints": {
            metric: [JOINTS[joint] for joint in joints]
            for metric, joints in task.protocol.joints.items()
        },
        "unit": engine.card.output.unit,
        "weights": engine.card.weights.get("source"),
    }


def _write(accuracies: "Mapping[str, Accuracy]", task: _Task, *, plot: bool) -> list[str]:
    """Table, document and picture in the folder; returns their paths."""
    from h2ot_edge.benchmarks.accuracy.bars import plot_accuracies
    from h2ot_edge.benchmarks.accuracy.tables import tables

    assert task.out is not None
    table, document, picture = (task.out / f"accuracy.{kind}" for kind in ("md", "json", "png"))
    text = f"{_heading(task)}\n\n{tables(accuracies)}"
    content = json.dumps(_document(accuracies, task), indent=2, ensure_ascii=False) + "\n"
    for path, written in ((table, text), (document, content)):
        with replacing(path) as file:
            file.write(written.encode())
    if not plot:
        return [str(table), str(document)]
    plot_accuracies(accuracies, picture, title=_heading(task))
    return [str(table), str(document), str(picture)]


def _document(accuracies: "Mapping[str, Accuracy]", task: _Task) -> dict[str, Any]:
    return {
        "protocol": task.protocol.name,
        "title": task.title,
        "source": task.protocol.source,
        "models": {name: accuracy.to_dict() for name, accuracy in accuracies.items()},
    }


def _show(accuracies: "Mapping[str, Accuracy]", task: _Task, files: Sequence[str]) -> None:
    from h2ot_edge.benchmarks.accuracy.tables import tables

    sys.stdout.write(f"{_heading(task)}\n\n{tables(accuracies)}")
    if files:
        sys.stdout.write("\n")
        write_rows(zip(("table", "JSON", "plot"), files, strict=False))


def _heading(task: _Task) -> str:
    """What the results are called, and the choices that were made."""
    options = {**dataclasses.asdict(task.options), "flip": "yes" if task.flip else "no"}
    del options["subjects"]
    subjects = sorted({clip.subject for clip in task.clips})
    who = " ".join(subjects) if len(subjects) < 5 else f"{len(subjects)} subjects"
    told = [f"{name} {value}" for name, value in options.items() if value is not None]
    data = " ".join(path.name for path in task.data)
    return f"{task.title} ({', '.join([data, who, *told])})"
