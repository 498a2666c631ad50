"""What lower precision costs and gains.

    python -m h2ot_edge.benchmarks.studies.precision MODEL... -o DIR

Writes README.md, a table, and results.json, from which a model is not measured again as long as
its file, the clips and the version of this package are the same.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from h2ot_edge._files import sha256_of, write_whole
from h2ot_edge._version import __version__
from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.protocols import CMU, ProtocolOptions
from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.output import tokens_in_words, write_rows
from h2ot_edge.cli.running import named_models
from h2ot_edge.engine import Engine
from h2ot_edge.engines.precision import PRECISIONS, PrecisionOptions, lower_precision
from h2ot_edge.engines.precision.drift import verification_windows
from h2ot_edge.engines.precision.timing import times_in_turns
from h2ot_edge.errors import H2OTError, PrecisionRejected

__all__ = ["main"]

_logger = logging.getLogger(__name__)

Document = dict[str, Any]

HEAD = ("precision", "MB", "time", "drift", "p95", "worst", "velocity", "kept differ", "MPJPE")

INTRODUCTION = """# Precision

Every model in every precision, against its own float32. Written by

    {command}

on {cpus} CPU cores with ONNX Runtime {onnxruntime}, h2ot-edge {version}. Time: one window through
the bare graph, keypoints in to poses out, median (p99) in milliseconds, threads: {threads}, all
precisions of a model in turns, {rounds} rounds after a warm-up. A CPU gains nothing by float16, and
int8 is laid out for TensorRT; what a GPU makes of them **has not been measured yet**.

Drift: distance of a joint from where float32 has it, over 32 windows of people who walk, stand, and
are detected badly. Of fp16 and int8 it is the emulated one, where every float16 operator's result
is rounded to float16, as hardware does and ONNX Runtime on a CPU does not. Velocity: the mean
difference of a joint's step from one frame to the next. Kept differ: frames that float32 keeps and
this one does not, of all that it keeps; a dash where the data do not decide. MPJPE: CMU held-out
subjects with the stated noise, one camera a motion, mm; the one of fp16 is without emulation.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, measure, write, report; the exit status."""
    args = _parser().parse_args(argv)
    logging.basicConfig(
        format="precision: %(levelname)s: %(message)s",
        level=logging.INFO if args.verbose else logging.WARNING,
    )
    try:
        files = _run(args)
    except (H2OTError, OSError) as error:
        sys.stderr.write(f"precision: error: {error}\n")
        return error.exit_status if isinstance(error, H2OTError) else H2OTError.exit_status
    write_rows(("written", str(path)) for path in files)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m h2ot_edge.benchmarks.studies.precision",
        description="Lower models to every precision, and write a table of what that costs.",
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="float32, operator set 19 or later"
    )
    parser.add_argument("--data", nargs="+", type=Path, default=[], metavar="FILE.npz")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="of timing")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/precision"), metavar="DIR")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what is measured")
    return parser


def _run(args: argparse.Namespace) -> list[Path]:
    models = named_models(args.models)
    clips = CMU.read(args.data, CMU.resolved(ProtocolOptions(views=1))) if args.data else ()
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "results.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    about = {"h2ot_edge": __version__, "data": [sha256_of(file) for file in args.data]}
    results: dict[str, Document] = {}
    for name, file in models.items():
        inputs = {**about, "model": sha256_of(file), "threads": args.threads}
        if known.get(name, {}).get("inputs") != inputs:
            _logger.info("%s: measuring", name)
            known[name] = {"inputs": inputs, **_measured(file, clips, args)}
            write_whole(path, json.dumps(known, indent=1, sort_keys=True).encode())
        results[name] = known[name]
    page = args.output / "README.md"
    write_whole(page, _page(results, args).encode())
    return [page, path]


def _measured(source: Path, clips: Sequence[LabelledClip], args: argparse.Namespace) -> Document:
    """Everything about one model: precision -> figures."""
    card = ModelCard.from_onnx(source)
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, Path] = {"fp32": source}
        figures: dict[str, Document] = {"fp32": {"name": "fp32"}}
        for precision in PRECISIONS:
            path = Path(folder) / f"{precision}.onnx"
            # Speed is measured below, for all of them in turns.
            options = PrecisionOptions(precision=precision, min_speedup=0)
            try:
                report = dict(lower_precision(source, path, options).precision)
                files[precision] = path
            except PrecisionRejected as error:
                report = {"name": precision, "verdict": str(error), **error.report}
            figures[precision] = report
            _logger.info("%s: %s", precision, report["verdict"])
        _time(files, figures, card, args)
        for name, path in files.items():
            figures[name]["bytes"] = path.stat().st_size
            if clips and card.output.unit == "m":
                with Engine.load(path, device="cpu") as engine:
                    accuracy = evaluate(engine, clips, metrics=["mpjpe"])
                figures[name]["mpjpe"] = accuracy.overall.metrics["mpjpe"]
    network = f"{card.backbone} {card.variant}, {card.frames} frames; {tokens_in_words(card)}"
    return {"network": network, "weights": card.weights["source"], "precisions": figures}


def _time(
    files: Mapping[str, Path],
    figures: Mapping[str, Document],
    card: ModelCard,
    args: argparse.Namespace,
) -> None:
    """Add `median_ms` and `p99_ms`."""
    models = {name: onnx.load(path) for name, path in files.items()}
    windows = verification_windows(card)
    taken = times_in_turns(models, windows, rounds=args.rounds, threads=args.threads)
    for name, times in taken.items():
        figures[name] |= {"median_ms": times.median_ms, "p99_ms": times.p99_ms}


def _page(results: Mapping[str, Document], args: argparse.Namespace) -> str:
    from h2ot_edge._names import require

    names = " ".join(f"{name}.onnx" for name in results)
    data = f" --data {' '.join(path.name for path in args.data)}" if args.data else ""
    parts = [
        INTRODUCTION.format(
            command=f"python -m h2ot_edge.benchmarks.studies.precision {names}{data}",
            cpus=os.cpu_count(),
            onnxruntime=require("onnxruntime", "precision").__version__,
            version=__version__,
            threads=args.threads,
            rounds=args.rounds,
        )
    ]
    for name, found in results.items():
        # As read back from the file they are in alphabetical order.
        precisions = {key: found["precisions"][key] for key in ("fp32", *PRECISIONS)}
        random = found["weights"] == "random"
        worst = " Random weights, so this is the worst case and says little.\n" if random else ""
        rows = list(_rows(precisions))
        verdicts = [
            f"- {precision}: {figures['verdict']}\n"
            for precision, figures in precisions.items()
            if "verdict" in figures
        ]
        parts += [
            f"## {name}\n\n{found['network']}.{worst}\n",
            table(HEAD, rows, words=1),
            "".join(verdicts),
        ]
    return "\n".join(parts)


def _rows(precisions: Mapping[str, Document]) -> Iterator[list[str]]:
    whole = precisions["fp32"]
    for name, figures in precisions.items():
        drift = figures.get("drift_emulated", figures.get("drift"))
        yield [
            name,
            f"{figures['bytes'] / 1e6:.1f}" if "bytes" in figures else "-",
            _time_in_words(figures, whole),
            *([f"{drift[key]:.2f}" for key in ("mean", "p95", "worst")] if drift else "---"),
            f"{drift['velocity']:.2f}" if drift and drift["velocity"] is not None else "-",
            f"{drift['kept_differ']}/{drift['kept']}" if drift and drift["kept"] else "-",
            f"{figures['mpjpe']:.1f}" if "mpjpe" in figures else "-",
        ]


def _time_in_words(figures: Document, whole: Document) -> str:
    if "median_ms" not in figures:
        return "-"
    share = figures["median_ms"] / whole["median_ms"]
    return f"{figures['median_ms']:.1f} ({figures['p99_ms']:.1f}), {share:.2f} of fp32"


if __name__ == "__main__":
    sys.exit(main())
