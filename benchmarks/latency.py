"""Timing calls against each other, in turns, so that a busy machine is busy for all of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Latency:
    """Wall-clock times of one call, host arrays in to host arrays out, in milliseconds.

    Attributes:
        median_ms, p99_ms, best_ms: of all calls after the warm-up.
        calls: how many were timed.
    """

    median_ms: float
    p99_ms: float
    best_ms: float
    calls: int

    @classmethod
    def of(cls, samples_ns: list[int]) -> "Latency":
        """Statistics of samples in nanoseconds."""
        ms = np.asarray(samples_ns) / 1e6
        return cls(
            float(np.median(ms)), float(np.percentile(ms, 99)), float(ms.min()), len(samples_ns)
        )


def in_turns(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warmup: int = 2,
    pause_s: float = 0.05,
) -> dict[str, Latency]:
    """Time each call once a round.

    Args:
        calls: what is timed, by name; everything a call does is inside the clock.
        rounds: timed rounds.
        warmup: rounds before them.
        pause_s: rest before each call, in seconds. Idle threads of the library that ran before
            wait busily for a while, and would take the cores from the next one.
    """
    samples: dict[str, list[int]] = {name: [] for name in calls}
    for number in range(warmup + rounds):
        for name, call in calls.items():
            time.sleep(pause_s)
            start = time.perf_counter_ns()
            call()
            if number >= warmup:
                samples[name].append(time.perf_counter_ns() - start)
    return {name: Latency.of(taken) for name, taken in samples.items()}
