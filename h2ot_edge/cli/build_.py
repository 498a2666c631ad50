"""`h2ot build`: an engine of an exported model, or the model in another precision, or both."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from h2ot_edge._bars import named_progress
from h2ot_edge._tensorrt import tensorrt_library
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.engine_options import (
    add_engine_options,
    build_options,
    device_of,
    engine_rows,
    refuse_engine_options,
)
from h2ot_edge.cli.output import precision_rows, write_json, write_rows
from h2ot_edge.cli.precision import add_precision, precision_of_arguments
from h2ot_edge.cuda import Cuda
from h2ot_edge.engine_file import ENGINE_SUFFIXES, EngineRecord, is_engine
from h2ot_edge.errors import UsageError
from h2ot_edge.zoo import resolve

if TYPE_CHECKING:
    from h2ot_edge.engines.options import BuildOptions
    from h2ot_edge.engines.precision import PrecisionOptions

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "build an engine of an exported model, or lower its precision, or both"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "model", metavar="MODEL", help="an .onnx file, or a name that h2ot-models lists"
    )
    add_precision(parser)
    add_engine_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="FILE.engine, or FILE.onnx to only lower the precision (default: the model's name)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Lower, build, report."""
    precision = precision_of_arguments(args)
    path = _output(args, precision)
    source = resolve(args.model)
    ModelCard.from_onnx(source)  # or that error, before a GPU is looked for
    if not is_engine(path):
        assert precision is not None
        refuse_engine_options(args)
        return _lower(source, path, precision, args)
    if precision is not None:
        _check_lowered_first(precision, args)
    # What goes wrong with the engine is better known before the minutes of a lowering.
    options, cuda = build_options(args), device_of(args)
    if precision is None:
        return _build(source, path, options, cuda, args)
    tensorrt_library(options.target)
    with TemporaryDirectory() as folder:
        lowered = Path(folder) / path.with_suffix(".onnx").name
        _lowered(source, lowered, precision, args)
        return _build(lowered, path, options, cuda, args)


def _check_lowered_first(precision: "PrecisionOptions", args: argparse.Namespace) -> None:
    """Refuse engines of models that are lowered on the way, where they would be of no use."""
    if precision.precision == "int8-cpu":
        raise UsageError(
            "--precision int8-cpu: such models are for ONNX Runtime on CPUs, which run no engines; "
            "give fp16 or int8, or -o FILE.onnx and no --target"
        )
    if args.strip_weights:
        raise UsageError(
            "--strip-weights with --precision: loading the engine takes the weights from the "
            "lowered model; write that with -o FILE.onnx first, and build the engine from it"
        )


def _output(args: argparse.Namespace, precision: "PrecisionOptions | None") -> Path:
    """Where to, which says what is made.

    Raises:
        UsageError: that is not clear, or is a folder.
    """
    name = Path(args.model).name.removesuffix(".onnx")
    if precision is not None:
        name += f"-{precision.precision}"
    engine = args.target is not None or precision is None
    path = args.output or Path(f"{name}{'.engine' if engine else '.onnx'}")
    if path.is_dir():
        raise UsageError(f"--output {path}: expected the name of a file, this is a folder")
    if is_engine(path) or (path.suffix == ".onnx" and not engine):
        return Path(path)
    expected = "" if engine else ".onnx or "
    raise UsageError(
        f"--output {path}: expected a name that ends in {expected}{' or '.join(ENGINE_SUFFIXES)}"
        + ("" if precision is not None else "; a model is only lowered with --precision")
    )


def _lower(
    source: Path, path: Path, precision: "PrecisionOptions", args: argparse.Namespace
) -> int:
    card = _lowered(source, path, precision, args)
    size = path.stat().st_size
    if args.json:
        write_json({"output": str(path), "bytes": size, "card": card.to_dict()})
    else:
        write_rows([("model", f"{path} ({size / 1e6:.1f} MB)"), *precision_rows(card)])
    return 0


def _lowered(
    source: Path, path: Path, precision: "PrecisionOptions", args: argparse.Namespace
) -> Any:
    from h2ot_edge.engines.precision import lower_precision

    with named_progress("window", shown=not (args.json or args.quiet)) as progress:
        return lower_precision(source, path, precision, progress)


def _build(
    source: Path,
    path: Path,
    options: "BuildOptions",
    cuda: Cuda | None,
    args: argparse.Namespace,
) -> int:
    from h2ot_edge.engines.build import build_engine, is_current

    built = args.force or not is_current(path, source, options, cuda)
    if built:
        with named_progress("step", shown=not (args.json or args.quiet)) as progress:
            record = build_engine(
                source, path, options,
                cuda=cuda, timing_cache=args.timing_cache, progress=progress,
            )  # fmt: skip
    else:
        record = EngineRecord.read(path)
    profile = _profile(path, args) if args.profile else None
    if args.json:
        document = {"output": str(path), "built": built, **record.to_dict()}
        write_json(document if profile is None else {**document, "profile": profile.to_dict()})
        return 0
    write_rows(engine_rows(path, record, built=built))
    if profile is not None:
        write_rows(profile.rows())
    return 0


def _profile(path: Path, args: argparse.Namespace) -> Any:
    from h2ot_edge.engines.layers import profile_engine

    return profile_engine(path, device=args.device, cuda=args.cuda)
