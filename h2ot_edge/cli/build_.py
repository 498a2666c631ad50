"""`h2ot build`: an exported model, in another precision."""

import argparse
from pathlib import Path

from h2ot_edge.cli.output import precision_rows, write_json, write_rows
from h2ot_edge.cli.precision import add_precision, precision_of_arguments, precision_progress
from h2ot_edge.errors import UsageError
from h2ot_edge.zoo import resolve

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "lower the precision of an exported model, and judge the result"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "model", metavar="MODEL", help="a float32 .onnx file, or a name that h2ot-models lists"
    )
    add_precision(parser, required=True)
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", type=Path, metavar="FILE.onnx",
        help="where to (default: the model's name and the precision)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Lower, judge, report."""
    options = precision_of_arguments(args)
    if options is None:
        raise UsageError("--precision fp32: the model is that already; give fp16, int8 or int8-cpu")
    from h2ot_edge.engines.precision import lower_precision

    name = Path(args.model).name.removesuffix(".onnx")
    path = args.output or Path(f"{name}-{options.precision}.onnx")
    if path.suffix != ".onnx":
        raise UsageError(f"--output {path}: expected a name that ends in .onnx")
    if path.is_dir():
        raise UsageError(f"--output {path}: expected the name of a file, this is a folder")
    with precision_progress(shown=not (args.json or args.quiet)) as progress:
        card = lower_precision(resolve(args.model), path, options, progress)
    size = path.stat().st_size
    if args.json:
        write_json({"output": str(path), "bytes": size, "card": card.to_dict()})
    else:
        write_rows([("model", f"{path} ({size / 1e6:.1f} MB)"), *precision_rows(card)])
    return 0
