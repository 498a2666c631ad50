"""Options of commands that lower the precision of a model."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from h2ot_edge._names import require
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.engines.precision import PrecisionOptions

__all__ = ["add_precision", "precision_of_arguments"]


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add what `precision_of_arguments` reads."""
    group = parser.add_argument_group("precision")
    group.add_argument(
        "--precision",
        default="fp32",
        metavar="NAME",
        help="fp16, int8 (TensorRT: Q/DQ, the rest float16), int8-cpu (ONNX Runtime, CPU), fp32",
    )
    group.add_argument(
        "--calibration", type=Path, nargs="+", default=[], metavar="CLIP",
        help="clips, or folders of them, to calibrate on (default: the project's own walks)",
    )  # fmt: skip
    group.add_argument(
        "--image-size", nargs=2, type=float, metavar=("W", "H"),
        help="size of the image in pixels, of calibration clips that do not say it",
    )  # fmt: skip
    group.add_argument(
        "--calibration-method", default="max", metavar="NAME",
        help="how the ranges of int8 are found: max, percentile or entropy",
    )  # fmt: skip
    group.add_argument(
        "--int8-attention", action="store_true",
        help="quantise the products in attentions that have no weights too",
    )  # fmt: skip
    group.add_argument(
        "--max-drift-mm", type=float, metavar="X",
        help="largest mean distance from the float32 model (default: 5 for int8 and int8-cpu)",
    )  # fmt: skip
    group.add_argument(
        "--min-speedup", type=float, default=1.1, metavar="X",
        help="int8-cpu must be so many times as fast as float32 on this machine; 0 to not ask",
    )  # fmt: skip


def precision_of_arguments(args: argparse.Namespace) -> "PrecisionOptions | None":
    """What the arguments of `add_precision` ask for; None for fp32.

    Raises:
        UsageError: if they cannot be carried out together.
        MissingExtra: onnx is not installed.
    """
    if args.precision == "fp32":
        given = {
            "--calibration": args.calibration,
            "--int8-attention": args.int8_attention,
            "--max-drift-mm": args.max_drift_mm is not None,
        }
        unused = next((option for option, value in given.items() if value), None)
        if unused is not None:
            raise UsageError(f"{unused}: nothing to do with --precision fp32")
        return None
    require("onnx", "precision")
    from h2ot_edge.engines.precision import PrecisionOptions

    return PrecisionOptions(
        precision=args.precision,
        calibration=tuple(args.calibration),
        image_size=tuple(args.image_size) if args.image_size else None,
        method=args.calibration_method,
        int8_attention=args.int8_attention,
        max_drift_mm=args.max_drift_mm,
        min_speedup=args.min_speedup,
    )
