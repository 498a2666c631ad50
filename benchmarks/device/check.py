"""Everything that can be tried on this machine, in one command, with one result file.

    python -m h2ot_edge.benchmarks.device.check [--quick] [--allow-no-gpu] [-o RESULT.json]

Sets up nothing: it runs with the environment at hand. Each step runs in a process of its own, so
that one that fails, crashes or hangs is written down and the next one begins. Exit status: 0 if
everything that is possible here works and an engine ran on a GPU, else 1; 2 for wrong use. The
file is written after every step.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from h2ot_edge._files import sha256_of, write_whole
from h2ot_edge._names import versions_of
from h2ot_edge._version import __version__
from h2ot_edge.backends import checked_device
from h2ot_edge.benchmarks.device import PRECISIONS, Setting, steps_for
from h2ot_edge.benchmarks.device.isolation import run_step
from h2ot_edge.benchmarks.device.setting import DEFAULT
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import H2OTError, UsageError
from h2ot_edge.zoo import resolve

__all__ = ["SCHEMA_VERSION", "main", "summary"]

SCHEMA_VERSION = 1
LIBRARIES = (
    *("numpy", "onnxruntime", "onnxruntime-gpu", "onnx", "torch", "tensorrt", "tensorrt-rtx"),
    *("cuda-python", "cuda-bindings", "pycuda", "filelock"),
)

Document = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run all steps, write, print; the exit status."""
    args = _parser().parse_args(argv)
    try:
        result = _begun(args)
        for step in _steps(args):
            result["steps"].append(step)
            result["verdict"] = _verdict(result["steps"], allow_no_gpu=args.allow_no_gpu)
            # After each: a device that runs out of memory may take everything down with it.
            write_whole(args.output, json.dumps(result, indent=1).encode())
    except (H2OTError, OSError) as error:
        sys.stderr.write(f"device_check: error: {error}\n")
        return error.exit_status if isinstance(error, H2OTError) else H2OTError.exit_status
    sys.stdout.write(f"{summary(result)}\nWritten: {args.output}\n")
    return 0 if result["verdict"]["ok"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m h2ot_edge.benchmarks.device.check",
        description="Try on this machine everything that can be tried, and write down what works.",
    )
    parser.add_argument(
        "--fp32", default=DEFAULT, metavar="MODEL", help="a float32 .onnx file, or a name"
    )
    parser.add_argument(
        "--fp16", type=Path, metavar="FILE.onnx", help="the same in float16 (default: made here)"
    )
    parser.add_argument(
        "--int8", type=Path, metavar="FILE.onnx", help="the same in int8 (default: made here)"
    )
    parser.add_argument("-d", "--device", default="cuda:0", metavar="cuda:N")
    parser.add_argument(
        "--quick", action="store_true", help="fewer calls, and int8 only if it is given"
    )
    parser.add_argument(
        "--allow-no-gpu", action="store_true", help="status 0 also if no engine ran on a GPU"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("device-check.json"), metavar="RESULT.json"
    )
    return parser


def _begun(args: argparse.Namespace) -> Document:
    """A result without steps."""
    if not checked_device(args.device).startswith("cuda:"):
        raise UsageError(f"--device {args.device}: the steps are about a GPU; give cuda:N")
    source = resolve(args.fp32)
    card = ModelCard.from_onnx(source)
    return {
        "schema_version": SCHEMA_VERSION,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "quick": args.quick,
        "device": args.device,
        "h2ot_edge": __version__,
        "python": sys.version.split()[0],
        # As pip knows them; None is not installed, or not by pip.
        "libraries": {**dict.fromkeys(LIBRARIES), **versions_of(*LIBRARIES)},
        "model": {"name": args.fp32, "sha256": sha256_of(source), "card": card.to_dict()},
        "steps": [],
    }


def _steps(args: argparse.Namespace) -> Iterator[Document]:
    """Run all steps."""
    models = {name: str(getattr(args, name)) for name in PRECISIONS if getattr(args, name)}
    precisions = tuple(p for p in PRECISIONS if p != "int8" or not args.quick or "int8" in models)
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(
            folder=Path(folder),
            models=models,
            device=checked_device(args.device),
            rounds=20 if args.quick else 500,
            calls=200 if args.quick else 10_000,
            seconds=0.5 if args.quick else 5.0,
        )
        for name, step in steps_for(precisions).items():
            sys.stderr.write(f"{name} ... ")
            sys.stderr.flush()
            done = {"name": name, **run_step(step, setting)}
            sys.stderr.write(f"{done['status']} ({done['seconds']:.1f} s): {done['line']}\n")
            yield done


def _verdict(steps: Iterable[Mapping[str, Any]], *, allow_no_gpu: bool) -> Document:
    steps = list(steps)
    count = {
        status.replace(" ", "_"): sum(step["status"] == status for step in steps)
        for status in ("passed", "failed", "not possible")
    }
    # To agree with the CPU an engine must have run on the GPU.
    on_gpu = any(s["name"].startswith("agree ") and s["status"] == "passed" for s in steps)
    return {**count, "ran_on_gpu": on_gpu, "ok": not count["failed"] and (on_gpu or allow_no_gpu)}


def summary(result: Mapping[str, Any]) -> str:
    """A result as a page of Markdown."""
    verdict = result["verdict"]
    gpu = "an engine ran on a GPU" if verdict["ran_on_gpu"] else "**no engine ran on a GPU**"
    rows = (
        f"| {step['name']} | {step['status']} | {step['seconds']:.1f} | "
        f"{step['line'].replace('|', '/')} |"
        for step in result["steps"]
    )
    return "\n".join(
        [
            f"# h2ot-edge {result['h2ot_edge']} on a device, {result['date']}",
            "",
            f"{result['model']['name']}: {verdict['passed']} passed, {verdict['failed']} failed, "
            f"{verdict['not_possible']} not possible here; {gpu}.",
            "",
            "| step | | s | |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
