"""From a float32 model to one of lower precision, with a verdict on it."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import onnx

from h2ot_edge._bars import NamedProgress
from h2ot_edge._files import sha256_of
from h2ot_edge._names import look_up
from h2ot_edge.card import ModelCard
from h2ot_edge.engines.onnx_model import check_graph, write_model
from h2ot_edge.engines.precision.calibration import (
    METHODS,
    Calibration,
    Method,
    calibration_of,
    spans,
    tensor_ranges,
)
from h2ot_edge.engines.precision.drift import Drift, compare, outputs_of, verification_windows
from h2ot_edge.engines.precision.emulation import emulated, has_half
from h2ot_edge.engines.precision.graph import PRODUCTS, Graph, with_named_nodes
from h2ot_edge.engines.precision.half import to_half
from h2ot_edge.engines.precision.int8 import products, to_int8
from h2ot_edge.engines.precision.int8_cpu import to_int8_cpu
from h2ot_edge.engines.precision.islands import find_islands
from h2ot_edge.engines.precision.timing import times_in_turns
from h2ot_edge.errors import PrecisionRejected, UsageError

__all__ = ["PRECISIONS", "Precision", "PrecisionOptions", "lower_precision", "lowered"]

_logger = logging.getLogger(__name__)

Precision = Literal["fp16", "int8", "int8-cpu"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

QUANTISED_HALF_OPSET = 19
"""The first operator set in which QuantizeLinear takes float16."""

ROUNDS = 20
"""Of timing float32 and int8-cpu against each other."""


@dataclass(frozen=True, kw_only=True)
class PrecisionOptions:
    """One lowering, completely described.

    Attributes:
        precision: `fp16`; `int8` (TensorRT: Q/DQ, the rest float16); `int8-cpu` (ONNX Runtime).
        calibration: clips or folders of them; none for the project's own walks.
        image_size: (width, height) in pixels of clips that do not say it.
        method: how the ranges of int8 are found.
        int8_attention: whether int8 also takes the products of two tensors in attentions.
        max_drift_mm: largest mean drift; None for 5 with int8 and int8-cpu, none with fp16.
        min_speedup: of int8-cpu against float32; below it is rejected.
    """

    precision: Precision
    calibration: tuple[Path, ...] = ()
    image_size: tuple[float, float] | None = None
    method: Method = "max"
    int8_attention: bool = False
    max_drift_mm: float | None = None
    min_speedup: float = 1.1

    def __post_init__(self) -> None:
        look_up("precision", self.precision, dict.fromkeys(PRECISIONS))
        look_up("calibration method", self.method, dict.fromkeys(METHODS))
        if self.max_drift_mm is not None and not self.max_drift_mm > 0:
            raise UsageError(f"--max-drift-mm {self.max_drift_mm}: expected a number above 0")
        if not self.min_speedup >= 0:
            raise UsageError(f"--min-speedup {self.min_speedup}: expected 0 or more")
        if self.int8_attention and self.precision != "int8":
            raise UsageError(f"--int8-attention: nothing to do with --precision {self.precision}")
        if self.calibration and self.precision == "int8-cpu":
            raise UsageError(
                "--calibration: int8-cpu finds its scales in every call and needs none; leave it "
                "out"
            )

    def check_opset(self, opset: int) -> None:
        """Check that the operator set has what the precision needs.

        Raises:
            UsageError: if it is too old.
        """
        if self.precision == "int8" and opset < QUANTISED_HALF_OPSET:
            raise UsageError(
                f"--precision int8: needs operator set {QUANTISED_HALF_OPSET} or later, in which "
                f"float16 can be quantised, got {opset}; export the model with "
                f"--opset {QUANTISED_HALF_OPSET}"
            )

    @property
    def drift_limit(self) -> float | None:
        """Largest mean drift in millimetres, None for any."""
        if self.max_drift_mm is not None or self.precision == "fp16":
            return self.max_drift_mm
        return INT8_DRIFT_MM


INT8_DRIFT_MM = 5.0
"""A tenth to a fifteenth of what the networks err by; more would be seen in results."""


def lower_precision(
    source: Path,
    path: Path,
    options: PrecisionOptions,
    progress: NamedProgress = lambda doing, done, total: None,
) -> ModelCard:
    """Lower the precision of a model file and write the result with its card.

    Args:
        source: float32 ONNX with a card.
        path: the ONNX file; it is replaced only once everything has succeeded.
        options: what to do.
        progress: told what is being done.

    Returns:
        The card that is in the file; `ModelCard.precision` has the report.

    Raises:
        ModelFileError: `source` has no readable card.
        UsageError: it is not float32, its operator set is too old, or nothing can be quantised.
        InputError: the calibration clips are of another kind or too few.
        PrecisionRejected: with the report, if it drifts too far or is not faster; nothing is
            written.
    """
    card = ModelCard.from_onnx(source)
    if card.precision_name != "fp32":
        raise UsageError(
            f"{source}: expected a float32 model, this one is {card.precision_name} already; give "
            "the model it was made from"
        )
    options.check_opset(card.opset)
    model = with_named_nodes(onnx.load(source))
    calibration = None
    if options.precision != "int8-cpu":
        calibration = calibration_of(options.calibration, card, options.image_size)
    result, report = lowered(model, calibration, options, progress)
    check_graph(result)
    report |= measured(model, result, card, options, progress)
    verdict = judged(report, options)
    card = replace(
        card,
        precision={
            "name": options.precision,
            "source_sha256": sha256_of(source),
            **report,
            "verdict": verdict,
        },
        # Those were measured with the source.
        accuracy={},
    )
    size = write_model(result, card, path)
    _logger.info("wrote %s, %.1f MB: %s", path, size / 1e6, verdict)
    return card


def lowered(
    model: onnx.ModelProto,
    calibration: Calibration | None,
    options: PrecisionOptions,
    progress: NamedProgress = lambda doing, done, total: None,
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The graph in lower precision, and what was done to it.

    Args:
        model: float32, nodes with names of their own (`with_named_nodes`).
        calibration: windows; not looked at for int8-cpu.
        options: what to do.
        progress: told what is being done.
    """
    graph = Graph.of(model)
    if options.precision == "int8-cpu":
        islands = find_islands(graph, {})
        report: dict[str, Any] = {"islands": islands.counted("dynamic int8")}
        return to_int8_cpu(model, islands.without("dynamic int8")), report
    assert calibration is not None
    ranges = tensor_ranges(
        model, calibration, "max", progress=lambda *count: progress("ranges", *count)
    )
    islands = find_islands(graph, spans(ranges))
    report = {"calibration": calibration.source}
    if options.precision == "fp16":
        report["islands"] = islands.counted("float16")
        return to_half(model, islands.without("float16")), report
    if options.method != "max":
        ranges = tensor_ranges(
            model,
            calibration,
            options.method,
            operators=PRODUCTS,
            progress=lambda *count: progress(options.method, *count),
        )
    kept_real = islands.without("static int8")
    chosen = products(graph, kept_real, attention=options.int8_attention)
    quantised = with_named_nodes(to_int8(model, ranges, chosen))
    report |= {
        "islands": islands.counted("float16", "static int8"),
        "method": options.method,
        "quantised_products": len(chosen),
    }
    return to_half(quantised, islands.without("float16")), report


def measured(
    source: onnx.ModelProto,
    result: onnx.ModelProto,
    card: ModelCard,
    options: PrecisionOptions,
    progress: NamedProgress,
) -> dict[str, Any]:
    """Drift, emulated drift where there is float16, and times where the CPU is what counts."""
    windows = verification_windows(card)

    def run(model: onnx.ModelProto, doing: str) -> Any:
        return outputs_of(model, windows, lambda *count: progress(doing, *count))

    expected = run(source, "source")
    found: dict[str, Any] = {"drift": compare(run(result, "drift"), expected, card).to_dict()}
    if has_half(result):
        rounded = run(emulated(result), "emulation")
        found["drift_emulated"] = compare(rounded, expected, card).to_dict()
    if options.precision == "int8-cpu":
        models = {"fp32": source, "int8-cpu": result}
        taken = times_in_turns(models, windows, rounds=ROUNDS)
        found["time"] = {f"{name}_ms": round(one.median_ms, 3) for name, one in taken.items()}
    return found


def judged(report: Mapping[str, Any], options: PrecisionOptions) -> str:
    """The verdict in a line.

    Raises:
        PrecisionRejected: with the report, if it is one against the model.
    """
    figures = report.get("drift_emulated", report["drift"])
    drift, limit = Drift(**figures), options.drift_limit
    speedup = None
    if "time" in report:
        speedup = report["time"]["fp32_ms"] / report["time"]["int8-cpu_ms"]
    kind = "INT8" if options.precision != "fp16" else "FP16"
    facts = f"{speedup:.2f}x, " if speedup is not None else ""
    facts += f"+{float(f'{drift.mean:.2g}'):g} {drift.unit}"  # 100, not 1e+02
    against = []
    if not math.isfinite(drift.mean):
        against.append("gives poses that are not finite")
    elif limit is not None and drift.exceeds(limit):
        against.append(f"drifts by more than {limit:g} mm on average")
    if speedup is not None and not speedup >= options.min_speedup:
        against.append(f"is not {options.min_speedup:g} times as fast as float32")
    if against:
        raise PrecisionRejected(
            f"{kind} rejected: {facts}; it {' and '.join(against)} (worst on the window "
            f"{drift.worst_window!r}, frame {drift.worst_frame}: {drift.worst:.1f} {drift.unit}); "
            "nothing was written",
            dict(report),
        )
    if options.precision == "int8":
        facts += ", speed against FP16 to be measured on the device"
    return f"{kind} kept: {facts}"
