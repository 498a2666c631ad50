"""The command: measure models, write their pages."""

import argparse
import json
import logging
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from h2ot_edge import zoo
from h2ot_edge._bars import progress_bar
from h2ot_edge._files import write_whole
from h2ot_edge._names import require
from h2ot_edge.benchmarks.accuracy.held_out import title_of
from h2ot_edge.benchmarks.accuracy.model_card.document import card_accuracy
from h2ot_edge.benchmarks.accuracy.model_card.measuring import measure_model
from h2ot_edge.benchmarks.accuracy.model_card.page import Subject, page_of
from h2ot_edge.benchmarks.accuracy.model_card.pictures import draw_failures
from h2ot_edge.benchmarks.accuracy.protocols import CMU, ProtocolOptions
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.real_clips import read_real_clips
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.output import write_rows
from h2ot_edge.cli.running import named_models
from h2ot_edge.errors import H2OTError, UsageError

__all__ = ["main"]

NOISES = ("noisy", "clean")
PAGES = Path("docs/models")

Clips = Sequence[LabelledClip]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Task:
    """What is measured, on what."""

    models: Mapping[str, Path]
    cards: Mapping[str, ModelCard]
    titles: Mapping[str, str]
    options: ProtocolOptions
    clips: Mapping[str, Clips]
    real: Clips


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, measure, write, report; the exit status."""
    logging.basicConfig(format="model_card: %(levelname)s: %(message)s", level=logging.WARNING)
    args = _parser().parse_args(argv)
    try:
        write_rows(_run(args))
    except H2OTError as error:
        sys.stderr.write(f"model_card: error: {error}\n")
        return error.exit_status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="model_card", description="write model cards in Markdown, with pictures of failures"
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="models from h2ot-export, or names of the zoo"
    )
    add = parser.add_argument
    add("--data", nargs="+", type=Path, required=True, metavar="FILE", help="held-out motions")
    add("--real", type=Path, metavar="FILE.npz", help="real detections with triangulated poses")
    add("--views", type=int, metavar="N", help="virtual cameras a motion (default: 2)")
    add("--subjects", metavar="A,B,...", help="only these people's motions")
    add("--threads", type=int, metavar="N", help="CPU threads for the clips (default: all)")
    add("--rounds", type=int, default=20, metavar="N", help="timed calls; 0 for no latency")
    add("--cpu", default=f"CPU ({platform.machine()})", help="what the page calls the processor")
    add("--accuracy-json", type=Path, metavar="DIR", help="folder for the JSON of the cards")
    add("-o", "--output", type=Path, default=PAGES, metavar="DIR", help=f"default: {PAGES}")
    add("-q", "--quiet", action="store_true", help="no progress bar")
    return parser


def _run(args: argparse.Namespace) -> list[tuple[str, str]]:
    task = _task(args)
    every = [clip for part in (*task.clips.values(), task.real) for clip in part]
    done, total = 0, len(task.models) * sum(len(clip.truth) for clip in every)
    written = []
    with progress_bar("frame", shown=not args.quiet) as progress:

        def advance(clip: LabelledClip) -> None:
            nonlocal done
            done += len(clip.truth)
            if progress is not None:
                progress(done, total)

        for name in task.models:
            written += _write(_subject(name, task, args, advance), args)
    return written


def _task(args: argparse.Namespace) -> _Task:
    """Everything that can be wrong is found before a model runs."""
    models = named_models(args.models)
    cards = {name: ModelCard.from_onnx(path) for name, path in models.items()}
    require("matplotlib", "viz")
    if args.rounds < 0:
        raise UsageError(f"--rounds: expected 0 or more, got {args.rounds}")
    options = _options(args)
    clips = {noise: CMU.read(args.data, chosen) for noise, chosen in options.items()}
    people = {clip.subject for clip in clips["noisy"]}
    task = _Task(
        models=models,
        cards=cards,
        titles={name: title_of(CMU, {name: card}, people) for name, card in cards.items()},
        options=options["noisy"],
        clips=clips,
        real=read_real_clips(args.real) if args.real is not None else (),
    )
    for folder in filter(None, (args.output, args.accuracy_json)):
        _make(folder)
    return task


def _options(args: argparse.Namespace) -> Mapping[str, ProtocolOptions]:
    subjects = tuple(args.subjects.split(",")) if args.subjects is not None else None
    return {
        noise: CMU.resolved(ProtocolOptions(subjects=subjects, noise=noise, views=args.views))
        for noise in NOISES
    }


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be made ({error.strerror}); give the name of a folder"
        ) from error


def _shipped(name: str, path: Path) -> zoo.ZooModel | None:
    """The zoo's model, if it is that and not a file of its name."""
    known = zoo.models().get(name)
    return known if known is not None and known.path == path else None


def _subject(
    name: str, task: _Task, args: argparse.Namespace, advance: Callable[[LabelledClip], None]
) -> Subject:
    path = task.models[name]
    shipped = _shipped(name, path)
    return Subject(
        name=name,
        model=name if shipped is not None else path.name,
        summary=shipped.summary if shipped is not None else "",
        card=task.cards[name],
        size_bytes=path.stat().st_size,
        measured=measure_model(
            path,
            task.clips,
            real=task.real,
            threads=args.threads,
            rounds=args.rounds,
            progress=advance,
        ),
        title=task.titles[name],
        protocol=CMU,
        options=task.options,
        data=[path.name for path in args.data],
        real=args.real.name if args.real is not None else None,
        cpu=args.cpu,
    )


def _write(about: Subject, args: argparse.Namespace) -> list[tuple[str, str]]:
    """Pictures, page, and the object for the card; rows that tell where they are."""
    output: Path = args.output
    text, failures = page_of(about)
    draw_failures(failures, output / about.name)
    page = output / f"{about.name}.md"
    write_whole(page, text.encode())
    rows = [("page", str(page)), ("plots", f"{output / about.name} ({len(failures)} pictures)")]
    if args.accuracy_json is not None:
        document = card_accuracy(
            about.measured.accuracies,
            title=about.title,
            options=about.options,
            subjects=about.subjects,
            real=about.measured.real,
        )
        file = args.accuracy_json / f"{about.name}.json"
        told = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        write_whole(file, told.encode())
        rows.append(("JSON", str(file)))
    return rows


if __name__ == "__main__":
    sys.exit(main())
