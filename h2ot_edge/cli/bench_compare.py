"""`h2ot bench compare`: what changed between two results."""

import argparse
import sys
from pathlib import Path

from h2ot_edge.cli.output import write_json

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "compare two results row by row, and fail if a figure got worse than it may"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("before", type=Path, metavar="A.json", help="a result of h2ot-bench")
    parser.add_argument("after", type=Path, metavar="B.json", help="another one")
    parser.add_argument(
        "--fail-if", action="append", default=[], metavar="RULE",
        help="such as 'p50>+5%%' or 'drift_mm>1mm'; may be given several times. Figures: p50, p90, "
        "p99, p999, max, mj, flops, drift_mm, mpjpe, missed, memory, device_memory, load",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Compare and tell; 1 if a rule is broken."""
    from h2ot_edge.benchmarks.bench.results import read_result
    from h2ot_edge.benchmarks.compare import compared

    comparison = compared(read_result(args.before), read_result(args.after), args.fail_if)
    if args.json:
        comparison.check()
        write_json(comparison.to_dict())
        return 0
    sys.stdout.write(comparison.text())
    comparison.check()
    return 0
