"""`h2ot bench report`: results as a page, with plots, as Markdown too."""

import argparse
from pathlib import Path

from h2ot_edge.cli.output import write_json, write_rows

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "write results as one HTML page that needs no network, as Markdown, and plots as PNGs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULT.json",
        help="of h2ot-bench; several stand side by side",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("report.html"), metavar="FILE.html",
        help="the page; FILE.md and FILE-*.png come beside it",
    )  # fmt: skip
    parser.add_argument(
        "--baseline", type=Path, metavar="RESULT.json", help="to compare each of them with"
    )
    parser.add_argument(
        "--submissions", nargs="+", type=Path, default=[], metavar="FILE",
        help="of h2ot-bench submit, or folders of them: measurements beside the bounds of devices",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write the files and say which."""
    from h2ot_edge.benchmarks.bench.results import read_result
    from h2ot_edge.benchmarks.projection.submit import read_submissions
    from h2ot_edge.benchmarks.report import write_report

    files = write_report(
        [read_result(path) for path in args.results],
        args.output,
        None if args.baseline is None else read_result(args.baseline),
        submissions=read_submissions(args.submissions),
    )
    page, markdown, *plots = (str(file) for file in files)
    if args.json:
        write_json({"page": page, "markdown": markdown, "plots": plots})
    elif not args.quiet:
        write_rows([("page", page), ("Markdown", markdown), *(("plot", plot) for plot in plots)])
    return 0
