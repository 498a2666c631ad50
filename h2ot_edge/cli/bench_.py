"""`h2ot bench`: how fast models are here, what that costs, and what it is worth."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2ot_edge._bars import named_progress
from h2ot_edge.cli.bench_options import (
    WALK,
    add_clips,
    add_output,
    add_running,
    check_folder,
    opened_result,
    show,
)
from h2ot_edge.cli.output import write_rows
from h2ot_edge.cli.running import named_models
from h2ot_edge.clips import read_clip

if TYPE_CHECKING:
    from h2ot_edge.benchmarks.bench.options import BenchOptions
    from h2ot_edge.benchmarks.bench.results import Result

__all__ = ["SUBCOMMANDS", "SUMMARY", "add_arguments", "run"]

SUMMARY = (
    "measure latency, FLOPs, memory, energy and accuracy of models on this machine; "
    "see also: h2ot-bench sweep|peers|report|compare|submit --help"
)

SUBCOMMANDS = {
    "compare": "h2ot_edge.cli.bench_compare",
    "peers": "h2ot_edge.cli.bench_peers",
    "report": "h2ot_edge.cli.bench_report",
    "submit": "h2ot_edge.cli.bench_submit",
    "sweep": "h2ot_edge.cli.bench_sweep",
}
"""What may stand in the place of the first MODEL."""

RESULT = "result.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL",
        help=".onnx file, engine, or name of a model that ships; several are timed in one run",
    )  # fmt: skip
    add_running(parser.add_argument_group("running"))
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--scenario", action="append", metavar="NAME",
        help="single, multi, offline (MLPerf's SingleStream, MultiStream, Offline) or stream; may "
        "be given several times (default: all)",
    )  # fmt: skip
    group.add_argument(
        "--seconds", type=float, default=5.0, metavar="S", help="of each series of calls"
    )
    group.add_argument(
        "--rate", type=float, nargs="+", default=[30.0], metavar="HZ", help="of the streams"
    )
    group.add_argument(
        "--people", type=int, nargs="+", default=[1], metavar="N", help="before each camera"
    )
    group.add_argument("--lookahead", type=int, default=4, metavar="FRAMES", help="of the streams")
    group.add_argument("--hop", type=int, default=1, metavar="FRAMES", help="of the streams")
    add_clips(group)
    group = parser.add_argument_group("output")
    add_output(group, "bench", f"{RESULT}, which grows as rows are measured, and report.html")
    group.add_argument(
        "--baseline", type=Path, metavar="RESULT.json", help="to compare with, in the report too"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, write down, show."""
    from h2ot_edge.benchmarks.bench.results import read_result
    from h2ot_edge.benchmarks.bench.run import Bench

    options = _options(args)
    models = named_models(args.models)
    baseline = None if args.baseline is None else read_result(args.baseline)
    clip = read_clip(args.clips or WALK)
    result = _result(args, options, models)
    with named_progress("step", shown=not (args.json or args.quiet)) as progress:
        Bench(models, clip, options, result, baseline).run(progress)
    show(args, result, "report.html", _tell, baseline)
    if baseline is not None and not args.json:
        _show_comparison(result.document, baseline)
    return 0


def _options(args: argparse.Namespace) -> "BenchOptions":
    from h2ot_edge.benchmarks.bench.options import SCENARIOS, BenchOptions

    options = BenchOptions(
        backend=args.backend,
        device=args.device,
        threads=args.threads,
        scenarios=tuple(args.scenario or SCENARIOS),
        seconds=args.seconds,
        rates_hz=tuple(args.rate),
        people=tuple(args.people),
        lookahead=args.lookahead,
        hop=args.hop,
        data=tuple(args.data),
        protocol=args.protocol,
    )
    options.check()
    return options


def _result(args: argparse.Namespace, options: "BenchOptions", models: dict[str, Path]) -> "Result":
    """The document, begun or gone on with."""
    from h2ot_edge._files import sha256_of
    from h2ot_edge.backends import device_of, resolve_backend
    from h2ot_edge.benchmarks.bench.provenance import named_content

    check_folder(args)
    sums = {name: sha256_of(path) for name, path in models.items() if path.is_file()}
    clip = None if args.clips is None else named_content(Path(args.clips))
    settings = {**options.to_settings(), "clips": clip, "models": sums}
    ways = {resolve_backend(path, options.backend) for path in models.values()}
    # Of several the GPU, whose name says more.
    device = max(device_of(way, options.device) for way in ways)
    return opened_result(args, RESULT, settings, device)


def _tell(document: Mapping[str, Any]) -> None:
    write_rows(_rows(document))
    sys.stdout.write("\n")


def _rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The result in a few lines."""
    yield "machine", document["machine"]["name"]
    for row in document["rows"]:
        line = _line(row)
        if line is not None:
            yield row["model"], line
        if row["boundary"] == "end_to_end" and row["scenario"] == "single":
            yield row["model"], f"runtime: {', '.join(_overhead(row, document['rows']))}"
    yield "clock", f"costs {document['clock']['overhead_ns'] / 1e3:.2g} us a call"
    for reason in document["noise"]["reasons"]:
        yield "noisy", reason
    for name, model in document["models"].items():
        for what in model["unknown"]:
            yield name, f"not known: {what}"


def _overhead(row: Mapping[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """What this project adds to the library's call, by the boundaries of one run."""
    way = row["id"].removesuffix("end_to_end")
    medians = {other["id"]: other["figures"].get("median_ms") for other in rows}
    host, model = medians[f"{way}host"], medians.get(f"{way}model")
    if model is not None:
        yield f"{host - model:+.2f} ms on the library's call"
    yield f"{row['figures']['median_ms'] - host:+.2f} ms from pixels to Poses"


def _line(row: Mapping[str, Any]) -> str | None:
    figures = row["figures"]
    if row["kind"] == "latency":
        each = f" for {figures['windows_per_call']} windows" * (figures["windows_per_call"] > 1)
        share = figures["share_of_peak"]
        peak = "" if share is None else f", {share:.0%} of the peak"
        boundary = {"model": ", model only", "end_to_end": ", end to end"}.get(row["boundary"], "")
        return (
            f"{row['scenario']}{boundary}: {figures['median_ms']:.2f} ms{each} (p99 "
            f"{figures['p99_ms']:.2f}), {figures['windows_per_s']:.1f} windows/s{peak}"
        )
    if row["kind"] == "cold":
        return (
            f"cold: import {figures['import_ms']:.0f}, load {figures['load_ms']:.0f}, first call "
            f"{figures['first_call_ms']:.0f} ms"
        )
    if row["kind"] == "stream":
        return (
            f"{figures['people']} at {figures['rate_hz']:g} Hz: {figures['missed']:.1%} late, p50 "
            f"{figures['late_p50_ms']:.1f}, p99 {figures['late_p99_ms']:.1f} ms behind the "
            f"{figures['waits_ms']:.0f} ms of look-ahead"
        )
    if row["kind"] == "accuracy" and figures["mpjpe_mm"] is not None:
        return f"MPJPE {figures['mpjpe_mm']:.1f} mm on {figures['data']}"
    if row["kind"] == "accuracy" and figures["mean_mm"] is not None:
        return f"drift {figures['mean_mm']:.3g} mm from {figures['reference']}"
    return None


def _show_comparison(document: Mapping[str, Any], baseline: Mapping[str, Any]) -> None:
    from h2ot_edge.benchmarks.compare import compare

    sys.stdout.write(f"\n{compare(baseline, document, ()).text()}")
