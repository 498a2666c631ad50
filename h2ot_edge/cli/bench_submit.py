"""`h2ot bench submit`: write what may be sent of a result; nothing is sent."""

import argparse
import sys
from pathlib import Path

from h2ot_edge.cli.output import write_json

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "write a file with the figures of a result and nothing private, for the table of devices"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("result", type=Path, metavar="RESULT.json", help="of h2ot-bench")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.json", help="where to"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file and say how to send it."""
    from h2ot_edge.benchmarks.projection.submit import write_submission

    told = write_submission(args.result, args.output)
    if args.json:
        write_json({"submission": str(args.output), "how_to_send": told})
    else:
        sys.stdout.write(f"{told}\n")
    return 0
