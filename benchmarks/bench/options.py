"""What a bench is asked for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2ot_edge._names import look_up
from h2ot_edge.benchmarks.bench.provenance import named_content
from h2ot_edge.errors import UsageError

__all__ = ["SCENARIOS", "BenchOptions"]

SCENARIOS: Mapping[str, str] = {
    "single": "the next window when the last one is done (MLPerf's SingleStream)",
    "multi": "8 windows a query (MLPerf's MultiStream)",
    "offline": "many windows at once (MLPerf's Offline)",
    "stream": "people before a camera that does not wait",
}
"""With MLPerf's names and meaning, but shorter than its rules ask: these are no MLPerf results."""


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """See `h2ot-bench --help`.

    Attributes:
        backend, device, threads: as `Engine.load`.
        scenarios: of `SCENARIOS`.
        seconds: about how long each series of calls is timed.
        rates_hz: of cameras.
        people: before each of them.
        lookahead, hop: of their streams.
        data: files with the truth, for MPJPE.
        protocol: how they are read; see `h2ot-eval`.
    """

    backend: str = "auto"
    device: str = "auto"
    threads: int | None = None
    scenarios: tuple[str, ...] = tuple(SCENARIOS)
    seconds: float = 5.0
    rates_hz: tuple[float, ...] = (30.0,)
    people: tuple[int, ...] = (1,)
    lookahead: int = 4
    hop: int = 1
    data: tuple[Path, ...] = ()
    protocol: str = "cmu"

    def check(self) -> None:
        """Raise for what cannot be carried out.

        Raises:
            UnknownName: no such scenario.
            UsageError: a number out of its range.
        """
        for name in self.scenarios:
            look_up("scenario", name, SCENARIOS)
        for option, values in (("--seconds", (self.seconds,)), ("--rate", self.rates_hz)):
            for value in values:
                if not 0 < value < math.inf:
                    raise UsageError(f"{option}: expected a finite number above 0, got {value:g}")
        for path in self.data:
            if not path.exists():
                raise UsageError(f"--data {path}: no such file; give one that h2ot-eval reads")
        if min(self.people, default=1) < 1:
            raise UsageError(f"--people: expected at least 1, got {min(self.people)}")

    def to_settings(self) -> dict[str, Any]:
        """As `settings` of a result; files by name and content."""
        return {
            **vars(self),
            "scenarios": list(self.scenarios),
            "rates_hz": list(self.rates_hz),
            "people": list(self.people),
            "data": [named_content(path) for path in self.data],
        }
