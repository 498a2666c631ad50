"""The roofline bound of a window: no faster than its arithmetic, nor than its memory traffic."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from h2ot_edge._names import look_up
from h2ot_edge.benchmarks.projection.devices import PRECISIONS, Device, Mode, devices
from h2ot_edge.errors import InputError, UsageError

__all__ = ["LABEL", "Bound", "bound"]

LABEL = "no faster than"
"""What has to stand before every bound that is shown."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """No window can be done in less time; how much more it takes, only a measurement tells.

    Attributes:
        device, mode: ids in the table of devices.
        precision: of the arithmetic; see `PRECISIONS`.
        bound_ms: the longer of the two times, in milliseconds a window.
        limit: which of the two it is.
        compute_ms: all matrix products at the documented dense rate.
        memory_ms: what does not fit in the caches, read at the documented bandwidth; None if the
            bytes or the caches are not known.
        tflops, gbs: the two ceilings.
        label: `LABEL`.
        measured_ms: milliseconds a window that somebody measured there; None if nobody did.
        share_of_bound: bound over measured, at most 1 if all is right; None without a measurement.
        measured: where the measurement comes from; None without one.
        remark: what to think of; None if nothing.
    """

    device: str
    mode: str
    precision: str
    bound_ms: float
    limit: Literal["compute", "memory"]
    compute_ms: float
    memory_ms: float | None
    tflops: float
    gbs: float
    label: str = LABEL
    measured_ms: float | None = None
    share_of_bound: float | None = None
    measured: Mapping[str, Any] | None = None
    remark: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def bound(
    cost: Mapping[str, Any], device: str, mode: str, precision: str, *, counted_in: str = "fp32"
) -> Bound:
    """The least time of a window.

    Elementwise work, launches and copies are left out, and weights that fit in the caches of the
    device are taken to lie there: each makes the bound lower, never higher.

    Args:
        cost: of a model, as results have it.
        device: id in the table.
        mode: one of its power modes; `boost` of GPUs that have none.
        precision: one of `PRECISIONS`.
        counted_in: precision of the graph whose bytes were counted.

    Raises:
        UnknownName: no such device, mode or precision.
        UsageError: no rate of this precision is documented.
        InputError: the cost is not one.
    """
    entry = look_up("device", device, devices())
    ceilings = entry.mode(mode)
    wide = look_up("precision", precision, PRECISIONS)
    tflops = ceilings.tflops[precision]
    if tflops is None:
        known = ", ".join(name for name, rate in ceilings.tflops.items() if rate is not None)
        raise UsageError(
            f"{entry.title}: no rate of {precision} is documented, so there is no bound; there is "
            f"one of {known}"
        )
    compute_ms = _positive(cost, "total_gflop") / tflops
    # Never wider: not every number of a quantised graph was made narrow.
    memory_ms = _memory_ms(cost, entry, ceilings, min(1.0, wide / _width(counted_in)))
    return Bound(
        device=device,
        mode=mode,
        precision=precision,
        bound_ms=max(compute_ms, memory_ms or 0.0),
        limit="memory" if memory_ms is not None and memory_ms > compute_ms else "compute",
        compute_ms=compute_ms,
        memory_ms=memory_ms,
        tflops=tflops,
        gbs=ceilings.gbs,
    )


def _memory_ms(
    cost: Mapping[str, Any], device: Device, mode: Mode, narrower: float
) -> float | None:
    if cost["bytes_least"] is None or device.cache_bytes is None:
        return None
    read = max(_positive(cost, "bytes_least") * narrower - device.cache_bytes, 0.0)
    return read / mode.gbs / 1e6


def _width(counted_in: str) -> int:
    """Bytes of a number; of `int8-cpu` too."""
    return look_up("precision", counted_in.removesuffix("-cpu"), PRECISIONS)


def _positive(cost: Mapping[str, Any], name: str) -> float:
    value = cost[name]
    if not (math.isfinite(value) and value > 0):
        raise InputError(
            f"{name} is {value}, expected a number above 0: there is no bound of a window without "
            "work; count its cost again"
        )
    return float(value)
