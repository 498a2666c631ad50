"""What the commands of `h2ot bench` have in common: options, result files, pages."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2ot_edge.backends import BACKENDS
from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.benchmarks.bench.results import Result

__all__ = [
    "WALK",
    "add_clips",
    "add_output",
    "add_running",
    "check_folder",
    "opened_result",
    "show",
]

WALK = Path(__file__).parents[1] / "data" / "walk.npz"
"""A clip that ships."""


def add_running(group: Any) -> None:
    """Add how models run."""
    group.add_argument("--backend", default="auto", help=f"auto, {', '.join(BACKENDS)}")
    group.add_argument(
        "-d", "--device", default="auto",
        help="cpu, cuda or cuda:N; auto: cpu with onnxruntime, cuda:0 with TensorRT",
    )  # fmt: skip
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all)")


def add_clips(group: Any, *, without: str = "") -> None:
    """Add what models run on, and what their accuracy is measured on.

    Args:
        group: of options.
        without: what is known of accuracy without the truth.
    """
    group.add_argument("--clips", metavar="FILE", help="keypoints to run on (default: a walk)")
    group.add_argument(
        "--data", nargs="+", type=Path, default=[], metavar="FILE",
        help=f"with the truth, for MPJPE, as for h2ot-eval{without}",
    )  # fmt: skip
    group.add_argument("--protocol", default="cmu", metavar="NAME", help="of --data")


def add_output(group: Any, folder: str, files: str) -> None:
    """Add where results go.

    Args:
        group: of options.
        folder: unless another one is named.
        files: what is written there.
    """
    group.add_argument(
        "--out", type=Path, default=Path(folder), metavar="DIR", help=f"folder for {files}"
    )
    group.add_argument(
        "--resume", action="store_true", help="keep what is there, and measure what is missing"
    )
    group.add_argument("--no-report", action="store_true", help="write no page")


def opened_result(
    args: argparse.Namespace, name: str, settings: Mapping[str, Any], device: str
) -> "Result":
    """A document, begun or gone on with.

    Args:
        args: with what `add_output` adds.
        name: of its file.
        settings: everything that rows depend on besides the machine.
        device: `cpu` or `cuda:N`, whose GPU is asked what it is.

    Raises:
        UsageError: the folder is a file, or there are results of another run.
        InputError: what is there is no result.
    """
    from h2ot_edge.benchmarks.bench.provenance import command_words, machine_of
    from h2ot_edge.benchmarks.bench.results import Result

    check_folder(args)
    return Result.open(
        args.out / name,
        command=command_words(["h2ot-bench", *sys.argv[1:]]),
        settings=settings,
        machine=machine_of(device),
        resume=args.resume,
    )


def check_folder(args: argparse.Namespace) -> None:
    """Raise if the folder is a file.

    Raises:
        UsageError: it is.
    """
    if args.out.exists() and not args.out.is_dir():
        raise UsageError(f"--out {args.out}: expected the name of a folder, this is a file")


def show(
    args: argparse.Namespace,
    result: "Result",
    page: str,
    tell: Callable[[Mapping[str, Any]], None],
    baseline: Mapping[str, Any] | None = None,
) -> None:
    """Write the page unless there is to be none, and tell what was found.

    Args:
        args: with what `add_output` adds, and `--json`.
        result: that is done.
        page: name of the file.
        tell: the document in lines, where it is not told as JSON.
        baseline: a result that the page compares with.
    """
    from h2ot_edge.benchmarks.report import write_report

    pages = []
    if not args.no_report:
        pages = [str(p) for p in write_report([result.document], args.out / page, baseline)]
    if args.json:
        write_json({**result.document, "files": [str(result.path), *pages]})
        return
    tell(result.document)
    write_rows([("result", str(result.path)), *(("report", path) for path in pages)])
