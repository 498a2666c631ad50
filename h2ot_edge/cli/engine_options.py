"""Options of building an engine, and its report."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from h2ot_edge._tensorrt import TARGETS
from h2ot_edge.backends import checked_device
from h2ot_edge.cuda import BINDINGS, Cuda, open_cuda
from h2ot_edge.engine_file import EngineRecord
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.engines.options import BuildOptions

__all__ = [
    "add_engine_options",
    "build_options",
    "device_of",
    "engine_rows",
    "refuse_engine_options",
]

_BATCH = "1:1:8"


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add what `build_options` and `device_of` read."""
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--target", metavar="NAME",
        help=f"{' or '.join(TARGETS)} (default: {TARGETS[0]}, if an engine is built)",
    )  # fmt: skip
    group.add_argument(
        "-d", "--device", default="cuda:0", help="the GPU to build on and for: cuda or cuda:N"
    )
    group.add_argument(
        "--cuda", default="auto", metavar="NAME", help=f"binding of CUDA: {', '.join(BINDINGS)}"
    )
    group.add_argument(
        "--batch", default=_BATCH, metavar="MIN:OPT:MAX",
        help="windows of a call: fewest, usual, most; where the model leaves them free",
    )  # fmt: skip
    group.add_argument(
        "--workspace-mib", type=int, metavar="N", help="most scratch memory (default: all)"
    )
    group.add_argument(
        "--optimization-level", type=int, metavar="0-5",
        help="how long to look for a fast engine (default: the library's, 3)",
    )  # fmt: skip
    group.add_argument(
        "--typing", default="auto", metavar="NAME",
        help="strong: types are those of the graph; weak: or more precise; auto: strong if it can",
    )  # fmt: skip
    group.add_argument(
        "--timing-cache", type=Path, metavar="FILE",
        help="what earlier builds measured; read if it is there, and written",
    )  # fmt: skip
    group.add_argument(
        "--version-compatible", action="store_true", help="later versions may load the engine"
    )
    group.add_argument(
        "--hardware-compatibility", default="none", metavar="NAME",
        help="GPUs that may load it: none (this one), same (compute capability), ampere+",
    )  # fmt: skip
    weights = group.add_mutually_exclusive_group()
    weights.add_argument("--refit", action="store_true", help="weights may be exchanged later")
    weights.add_argument(
        "--strip-weights", action="store_true", help="leave the weights out; loading takes them"
    )
    group.add_argument("--dla-core", type=int, metavar="N", help="build for a DLA of a Jetson")
    group.add_argument(
        "--compute-capability", metavar="SMxx",
        help="GPU to build for; tensorrt-rtx only (default: any from Ampere on)",
    )  # fmt: skip
    group.add_argument(
        "--profile", action="store_true", help="run the engine and tell the time of each layer"
    )
    group.add_argument(
        "--force", action="store_true", help="build even if the file is what would be built"
    )


def build_options(args: argparse.Namespace) -> "BuildOptions":
    """What the arguments of `add_engine_options` ask for.

    Raises:
        UnknownName, UsageError: if they cannot be carried out.
    """
    from h2ot_edge.engines.options import BuildOptions, batch_of_text

    return BuildOptions(
        target=args.target or TARGETS[0],
        batch=batch_of_text(args.batch),
        workspace_mib=args.workspace_mib,
        optimization_level=args.optimization_level,
        typing=args.typing,
        version_compatible=args.version_compatible,
        hardware_compatibility=args.hardware_compatibility,
        refit=args.refit,
        strip_weights=args.strip_weights,
        dla_core=args.dla_core,
        compute_capability=args.compute_capability,
        layer_details=args.profile,
    )


def refuse_engine_options(args: argparse.Namespace) -> None:
    """Refuse what says how to build an engine, where none is built.

    Raises:
        UsageError: with the first such option.
    """
    given = {
        "--batch": args.batch != _BATCH,
        "--workspace-mib": args.workspace_mib is not None,
        "--optimization-level": args.optimization_level is not None,
        "--typing": args.typing != "auto",
        "--timing-cache": args.timing_cache is not None,
        "--version-compatible": args.version_compatible,
        "--hardware-compatibility": args.hardware_compatibility != "none",
        "--refit": args.refit,
        "--strip-weights": args.strip_weights,
        "--dla-core": args.dla_core is not None,
        "--compute-capability": args.compute_capability is not None,
        "--profile": args.profile,
        "--force": args.force,
    }
    for option in (option for option, value in given.items() if value):
        raise UsageError(
            f"{option}: no engine is built here; leave it out, or give --target or -o FILE.engine"
        )


def device_of(args: argparse.Namespace) -> Cuda | None:
    """The GPU that is needed; None where a build needs none.

    Raises:
        UsageError: it is the CPU.
        DeviceUnavailable: it is not there.
        MissingExtra: no binding of CUDA is installed.
    """
    device = checked_device(args.device)
    if device == "cpu":
        raise UsageError("--device cpu: engines run on GPUs; give cuda:N, or leave it out")
    if args.target == "tensorrt-rtx" and not args.profile:
        return None
    return open_cuda(args.cuda, int(device.removeprefix("cuda:")))


def engine_rows(path: Path, record: EngineRecord, *, built: bool) -> Iterator[tuple[str, str]]:
    """An engine, line by line."""
    size = f"{record.plan_bytes / 1e6:.1f} MB"
    done = f"built in {record.build_seconds:.1f} s" if built else "up to date, not built again"
    yield "engine", f"{path} ({size}), {done}"
    card = record.card
    yield "model", f"{card.backbone} {card.variant}, {card.frames} frames, {card.precision_name}"
    yield "for", f"{record.target} {record.tensorrt}, {_gpu_in_words(record)}"


def _gpu_in_words(record: EngineRecord) -> str:
    if record.gpu is not None:
        return f"{record.gpu['name']} (compute capability {record.gpu['compute_capability']})"
    return str(record.options.get("compute_capability") or "any RTX GPU from Ampere on")
