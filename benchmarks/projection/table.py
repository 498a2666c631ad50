"""The table of bounds of some models on every device, with what others measured beside them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from h2ot_edge.benchmarks.projection.devices import PRECISIONS, Device, devices, find_machine
from h2ot_edge.benchmarks.projection.roofline import Bound, bound
from h2ot_edge.benchmarks.projection.submit import workload_of

__all__ = ["Projection", "project"]


@dataclass(frozen=True)
class Projection:
    """Bounds of models.

    Attributes:
        bounds: by model id, of every device, mode and precision that has a documented rate.
        left_out: models without bounds and submissions without a place, each with the reason.
    """

    bounds: Mapping[str, Sequence[Bound]]
    left_out: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "bounds": {model: [b.to_dict() for b in each] for model, each in self.bounds.items()},
            "left_out": list(self.left_out),
        }


def project(
    models: Mapping[str, Mapping[str, Any]], submissions: Sequence[Mapping[str, Any]] = ()
) -> Projection:
    """Bounds of models, filled with measurements.

    Args:
        models: of a result, by id.
        submissions: files of `h2ot-bench submit`.

    Raises:
        InputError: a model's cost is not one.
    """
    left_out = [f"{name}: its cost is not known" for name, m in models.items() if not m["cost"]]
    placed = list(_placed(submissions, left_out))
    bounds = {
        name: [_filled(found, model, placed) for found in _bounds(model)]
        for name, model in models.items()
        if model["cost"]
    }
    return Projection(bounds, left_out)


@dataclass(frozen=True)
class _Placed:
    """A measured row and where in the table it belongs."""

    device: str
    mode: str
    precision: str
    workload: Mapping[str, Any]
    ms: float
    origin: Mapping[str, Any]


def _bounds(model: Mapping[str, Any]) -> Iterator[Bound]:
    counted_in = model["precision"] or "fp32"
    for device in devices().values():
        for mode in device.modes.values():
            for precision in PRECISIONS:
                if mode.tflops[precision] is not None:
                    yield bound(
                        model["cost"], device.id, mode.name, precision, counted_in=counted_in
                    )


def _placed(submissions: Iterable[Mapping[str, Any]], left_out: list[str]) -> Iterator[_Placed]:
    for submission in submissions:
        found = find_machine(submission["machine"])
        if isinstance(found, str):
            left_out.append(found)
            continue
        device, mode = found
        for row in submission["rows"]:
            precision = _precision(row, device, mode.name)
            if precision is None:
                left_out.append(f"{submission['machine']['name']}: a row of {row['precision']}")
                continue
            ms = row["median_ms"] / row["windows_per_call"]
            yield _Placed(
                device.id, mode.name, precision, row["workload"], ms, _origin(submission, row)
            )


def _precision(row: Mapping[str, Any], device: Device, mode: str) -> str | None:
    """Where a row belongs: TensorRT runs FP32 models in TF32 where there is a rate of it.

    A model that was quantised for CPUs is no measure of a GPU's INT8.
    """
    rates, name = device.modes[mode].tflops, row["precision"]
    if name == "fp32" and rates["tf32"] is not None and row["backend"].startswith("tensorrt"):
        return "tf32"
    return name if name is not None and rates.get(name) is not None else None


def _origin(submission: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "measured_on": submission["measured_on"],
        "machine": submission["machine"]["name"],
        "noisy": submission["noise"]["noisy"],
        **{name: row[name] for name in ("backend", "boundary", "windows_per_call", "spread")},
        "mj_per_window": row["energy"] and row["energy"]["mj_per_window"],
    }


def _filled(found: Bound, model: Mapping[str, Any], placed: Sequence[_Placed]) -> Bound:
    """The bound with the fastest measurement of the same work there, if there is one."""
    place = (found.device, found.mode, found.precision)
    workload = workload_of(model)
    there = [
        one
        for one in placed
        if (one.device, one.mode, one.precision) == place and one.workload == workload
    ]
    if not there:
        return found
    best = min(there, key=lambda one: one.ms)
    return replace(
        found,
        measured_ms=best.ms,
        share_of_bound=found.bound_ms / best.ms,
        measured=best.origin,
        remark=_BEATEN if best.ms < found.bound_ms else None,
    )


_BEATEN = (
    "measured faster than the bound, so the device did not run as the table says: at a higher "
    "clock, or an FP32 model in TF32"
)
