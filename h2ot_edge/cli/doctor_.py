"""`h2ot doctor`: what there is on a machine, what of h2ot-edge works on it, and what helps."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from h2ot_edge.cli.output import write_json, write_rows
from h2ot_edge.doctor import ROADS, SCHEMA_VERSION, Diagnosis, Finding, examine, examine_road
from h2ot_edge.errors import UsageError

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "tell what works on this machine, and what helps where it does not"

Rows = Iterator[tuple[str, str]]

_ROAD = "tensorrt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--health", action="store_true", help="check one road only, in one line, for containers"
    )
    parser.add_argument(
        "--road",
        metavar="NAME",
        help=f"that --health checks: {', '.join(ROADS)} (default: {_ROAD})",
    )


def run(args: argparse.Namespace) -> int:
    """Look, tell, and return 1 if no model can be run."""
    if args.health:
        return _health(args.road or _ROAD, as_json=args.json)
    if args.road is not None:
        raise UsageError("--road: names what --health checks; give both, or neither to see all")
    found = examine()
    if args.json:
        write_json(found.to_dict())
    else:
        write_rows(_fact_rows(found.machine.to_dict()))
        sys.stdout.write("\n")
        write_rows(_finding_rows(found))
    return 0 if found.runs_on else 1


def _health(road: str, *, as_json: bool) -> int:
    found = examine_road(road)
    if as_json:
        write_json({"schema_version": SCHEMA_VERSION, "finding": asdict(found)})
    else:
        write_rows([(found.state, f"{found.what}: {found.why}")])
    return 0 if found.usable else 1


def _finding_rows(diagnosis: Diagnosis) -> Rows:
    for found in diagnosis.findings:
        yield from _rows(found)
    where = ", ".join(found.name for found in diagnosis.runs_on)
    yield "models", f"run here on: {where}" if where else "cannot be run here; see the fixes above"


def _rows(found: Finding) -> Rows:
    yield found.state, f"{found.what}: {found.why}"
    if found.fix is not None:
        yield "", f"  fix: {found.fix}"


def _fact_rows(facts: dict[str, Any]) -> Rows:
    environment = facts["environment"]
    cores = f"{facts['cores']} cores"
    virtual = f" in a virtual environment ({environment})" if environment else ""
    yield "h2ot-edge", facts["h2ot_edge"]
    yield "Python", f"{facts['python']}{virtual}, numpy {facts['numpy']}"
    yield "system", f"{facts['os'] or 'unknown'}, {facts['kernel']}, {facts['platform']}"
    yield "CPU", f"{facts['cpu']}, {cores}" if facts["cpu"] else cores
    if facts["jetson"]:
        yield from _jetson_rows(facts)
    # A Jetson's driver may be part of its kernel.
    yield "driver", facts["driver"] or ("unknown" if facts["jetson"] else "none")
    yield from _cuda_rows(facts)
    yield "TensorRT", facts["tensorrt"] or "none"
    yield "TensorRT-RTX", facts["tensorrt_rtx"] or "none"
    yield "ONNX Runtime", _onnxruntime(facts["onnxruntime"])
    exporting = ", ".join(f"{name} {version}" for name, version in facts["exporting"].items())
    yield "exporting", exporting or "none"


def _jetson_rows(facts: dict[str, Any]) -> Rows:
    jetson, mode, clock = facts["jetson"], facts["power_mode"], facts["gpu_clock"]
    jetpack = f"JetPack {jetson['jetpack'] or 'unknown'}, L4T {jetson['l4t'] or 'unknown'}"
    yield "Jetson", f"{jetson['module'] or 'unnamed'}, {jetpack}"
    yield "power mode", f"{mode['name']} (mode {mode['number']})" if mode else "unknown"
    if clock:
        low, high = (f"{clock[end] / 1e6:.0f}" for end in ("min_hz", "max_hz"))
        yield "GPU clock", f"locked at {high} MHz" if clock["locked"] else f"{low} to {high} MHz"


def _cuda_rows(facts: dict[str, Any]) -> Rows:
    for gpu in facts["gpus"]:
        memory = f"{gpu['memory_bytes'] / 2**30:.1f} GiB"
        yield "GPU", f"{gpu['name']}, compute capability {gpu['compute_capability']}, {memory}"
    if facts["cuda_visible_devices"] is not None:
        yield "", f"CUDA_VISIBLE_DEVICES={facts['cuda_visible_devices']}"
    cuda = facts["cuda"]
    error = f" ({cuda['error']})" if cuda["error"] else ""
    driver = f"driver for CUDA {cuda['driver']}" if cuda["driver"] else "no driver"
    told = f"{cuda['binding']} for CUDA {cuda['runtime']}, {driver}{error}"
    yield "CUDA", told if cuda["binding"] else "neither cuda-python nor pycuda"


def _onnxruntime(facts: dict[str, Any]) -> str:
    if not facts["version"]:
        return "none"
    wheels = ", ".join(f"{name} {version}" for name, version in facts["wheels"].items())
    return f"{facts['version']} ({wheels or 'no wheel'}): {', '.join(facts['providers'])}"
