"""Rules such as `p50>+5%` that a comparison fails by, and the figures that they are of."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from h2ot_edge._names import look_up
from h2ot_edge.errors import UsageError

__all__ = ["METRICS", "Metric", "Rule"]


@dataclass(frozen=True)
class Metric:
    """A figure that is compared.

    Attributes:
        unit: of its values.
        kind: of the rows that have it; None if models have it.
        value: of figures of such a row, or of a model; None if it is not known.
        of_the_machine: whether another machine gives another value for the same code.
        spread: of the same, relative; None if it is not known.
    """

    unit: str
    kind: str | None
    value: Callable[[Mapping[str, Any]], float | None]
    of_the_machine: bool = True
    spread: Callable[[Mapping[str, Any]], float | None] = lambda _: None


def _of(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda figures: figures[name]


METRICS: Mapping[str, Metric] = {
    "p50": Metric("ms", "latency", _of("median_ms"), spread=_of("spread")),
    "p90": Metric("ms", "latency", _of("p90_ms")),
    "p99": Metric("ms", "latency", _of("p99_ms")),
    "p999": Metric("ms", "latency", _of("p999_ms")),
    "max": Metric("ms", "latency", _of("max_ms")),
    "mj": Metric("mJ", "latency", lambda f: f["energy"] and f["energy"]["mj_per_window"]),
    "missed": Metric("%", "stream", lambda f: 100 * f["missed"]),
    "load": Metric("ms", "cold", _of("load_ms")),
    "memory": Metric("MiB", "cold", _of("peak_host_mib")),
    "device_memory": Metric("MiB", "cold", _of("peak_device_mib")),
    "drift_mm": Metric("mm", "accuracy", _of("mean_mm"), of_the_machine=False),
    "mpjpe": Metric("mm", "accuracy", _of("mpjpe_mm"), of_the_machine=False),
    "flops": Metric(
        "GFLOP", None, lambda m: m["cost"] and m["cost"]["total_gflop"], of_the_machine=False
    ),
}
"""What is compared, by name; of every one, more is worse."""

_RULE = re.compile(r"(\w+)\s*([<>])\s*([+-]?)(\d{1,9}(?:\.\d{1,9})?)\s*([A-Za-z]+|%)")
_SLACK = 1e-9  # 21 over 20, less 1, is a little more than 0.05
_GRAMMAR = (
    "expected NAME>+N% or NAME<-N% for a change against the first result, NAME>+N UNIT for a "
    "difference, or NAME>N UNIT for a value of the second, such as 'p50>+5%' or 'p99>8ms'"
)


@dataclass(frozen=True)
class Rule:
    """What makes a comparison fail.

    Attributes:
        text: as it was given.
        metric: name in `METRICS`.
        above: whether it fails above the limit; below it if not.
        of: what is held against the limit: the relative `change` from the first result to the
            second, the `difference` of the two, or the `value` of the second.
        limit: in units of the metric; of a change, 0.05 is 5 %.
    """

    text: str
    metric: str
    above: bool
    of: Literal["change", "difference", "value"]
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read a rule.

        Raises:
            UsageError: it is none, or its unit is not that of its figure.
            UnknownName: no such figure.
        """
        found = _RULE.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"--fail-if {text!r}: {_GRAMMAR}")
        name, sign, signed, number, unit = found.groups()
        metric = look_up("figure", name, METRICS)
        limit = float(f"{signed}{number}")
        if unit == "%" and signed:
            return cls(text, name, sign == ">", "change", limit / 100)
        if unit.lower() != metric.unit.lower():
            percent = f", and a change a sign: {name}{sign}+{number}%" if unit == "%" else ""
            raise UsageError(f"--fail-if {text!r}: {name} has the unit {metric.unit}{percent}")
        return cls(text, name, sign == ">", "difference" if signed else "value", limit)

    @property
    def needs_one_machine(self) -> bool:
        """Whether it means nothing for results of two machines."""
        return self.of != "value" and METRICS[self.metric].of_the_machine

    def allows(self, before: float, after: float) -> bool:
        """Whether two values keep the rule; values that are no numbers do not."""
        if not (math.isfinite(before) and math.isfinite(after)):
            return False
        held = {
            "change": _ratio(before, after) - 1,
            "difference": after - before,
            "value": after,
        }[self.of]
        return held <= self.limit + _SLACK if self.above else held >= self.limit - _SLACK


def _ratio(before: float, after: float) -> float:
    """After over before; from nothing to something it is infinite."""
    if before == 0:
        return 1.0 if after == 0 else float("inf")
    return after / before
