"""Command line of the study; see the package's docstring."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from h2ot_edge._bars import progress_bar
from h2ot_edge._names import require
from h2ot_edge.benchmarks.accuracy.study import report
from h2ot_edge.benchmarks.accuracy.study.pieces import measured
from h2ot_edge.benchmarks.accuracy.study.setting import Study
from h2ot_edge.cli.output import write_rows
from h2ot_edge.cli.running import add_running
from h2ot_edge.errors import H2OTError, UsageError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, measure, write, report; the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    logging.basicConfig(
        format="study: %(levelname)s: %(message)s",
        level=logging.INFO if args.verbose else logging.WARNING,
    )
    defaults = {name: parser.get_default(name) for name in vars(args)}
    try:
        files = _run(args, defaults)
    except (H2OTError, OSError) as error:
        sys.stderr.write(f"study: error: {error}\n")
        return error.exit_status if isinstance(error, H2OTError) else H2OTError.exit_status
    write_rows(("written", str(path)) for path in files)
    return 0


def _run(args: argparse.Namespace, defaults: dict[str, object]) -> list[Path]:
    require("matplotlib", "viz")  # better to know before the work than after it
    with Study.of(args) as study:
        folder: Path = args.output
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"-o {folder}: expected the name of a folder, this is a file")
        folder.mkdir(parents=True, exist_ok=True)
        told = report.command(study, defaults)
        results = folder / "results.json"
        pieces = report.pieces(study)
        with progress_bar("piece", shown=not args.verbose) as progress:
            found = measured(results, report.about(study, told), pieces, progress=progress)
        return [*report.write(study, found, told, folder), results]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m h2ot_edge.benchmarks.accuracy.study",
        description="Answer questions about accuracy with figures. What results.json in the "
        "folder has already, from the same files and choices, is not measured again.",
    )
    parser.add_argument(
        "--models", nargs="+", required=True, metavar="MODEL", help="default model first"
    )
    parser.add_argument(
        "--dense", metavar="NAME", help="of the models: the default's unpruned twin"
    )
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="FILE")
    parser.add_argument("--real", type=Path, metavar="FILE.npz", help="real detections with 3-D")
    parser.add_argument("--noise", default="noisy", metavar="NAME", help="noisy or clean")
    parser.add_argument("--views", type=int, default=1, metavar="N", help="cameras a motion")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--stride", type=int, default=25, metavar="FRAMES", help="between windows of samples"
    )
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="of timing")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/accuracy"), metavar="DIR")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what is measured")
    add_running(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
