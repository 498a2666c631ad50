"""From what was timed to figures and problems of rows, as schema.json has them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from h2ot_edge.benchmarks.bench.results import NOISE_LIMIT
from h2ot_edge.benchmarks.latency import Latency, Timed
from h2ot_edge.benchmarks.live_people import Cameras

__all__ = ["achieved", "latency_figures", "latency_problems", "stream_figures"]

_MOST_SAMPLES = 2000
_FOR_P999 = 1000


def latency_figures(timed: Timed, windows: int) -> dict[str, Any]:
    """Figures of kind `latency`; what a model's cost or a meter tells is still unknown.

    Args:
        timed: the calls.
        windows: of a call.
    """
    found = Latency.of(timed.samples_ns)
    return {
        **{name: _rounded(value) for name, value in asdict(found).items()},
        "calls": found.calls,
        "windows_per_call": windows,
        "warmup_calls": timed.warmup_calls,
        "stable": timed.stable,
        "windows_per_s": _rounded(windows * 1e3 / found.median_ms),
        "samples_ms": _thinned(timed.samples_ns),
        "gflops": None,
        "share_of_peak": None,
        "energy": None,
    }


def latency_problems(figures: Mapping[str, Any]) -> list[str]:
    """What to think of before figures of kind `latency` are believed."""
    problems = []
    if not figures["stable"]:
        problems.append("times were still changing when the warm-up ended")
    if figures["spread"] > NOISE_LIMIT:
        problems.append(
            f"medians of fifths of the calls lie {figures['spread']:.0%} apart: the machine was "
            "not quiet"
        )
    if figures["calls"] < _FOR_P999:
        problems.append(f"p99.9 of {figures['calls']} calls is nearly the longest of them")
    return problems


def achieved(
    figures: Mapping[str, Any], gflop: float, peak_gflops: float | None
) -> dict[str, float | None]:
    """Rate of arithmetic, and its share of what the device can do.

    Args:
        figures: of kind `latency`.
        gflop: of a window.
        peak_gflops: of the same device, threads and precision; None if it is not known.
    """
    rate = gflop * figures["windows_per_call"] / figures["median_ms"] * 1e3
    share = None if peak_gflops is None else _rounded(rate / peak_gflops)
    return {"gflops": _rounded(rate), "share_of_peak": share}


def stream_figures(
    found: Cameras, *, rate: float, people: int, lookahead: int, hop: int, seconds: float
) -> dict[str, Any]:
    """Figures of kind `stream`."""
    p50, p99, p999 = (_rounded(max(value, 0.0)) for value in found.late_ms)
    return {
        "rate_hz": rate,
        "people": people,
        "lookahead": lookahead,
        "hop": hop,
        "seconds": seconds,
        "waits_ms": _rounded(1e3 * (lookahead + hop - 1) / rate),
        "late_p50_ms": p50,
        "late_p99_ms": p99,
        "late_p999_ms": p999,
        "missed": min(max(_rounded(found.missed), 0.0), 1.0),
        "dropped": found.dropped,
    }


def _thinned(samples_ns: Sequence[int]) -> list[float]:
    """Milliseconds, evenly taken of a long series."""
    places = np.linspace(0, len(samples_ns) - 1, min(len(samples_ns), _MOST_SAMPLES), dtype=int)
    return [_rounded(samples_ns[place] / 1e6) for place in places]


def _rounded(value: float) -> float:
    """To six digits, which no clock has."""
    return float(f"{value:.6g}")
