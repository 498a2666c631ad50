"""Timing calls against each other, so that a busy machine is busy for all of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Latency", "Timed", "clock_cost", "in_blocks", "in_turns", "timed_ns"]

Call = Callable[[], object]

BLOCKS = 5
"""Parts of a series whose medians are compared to see whether the machine was quiet."""

PAUSE_S = 0.05
"""Idle threads of the library that ran before wait busily for a while, and would take the cores
from the next one."""

TURN_S = 0.25

_STEADY = 0.02
"""Warm-up ends when the medians of three groups of calls lie within this of each other."""

_GROUP_S = 0.1
_LONGEST_WARMUP_S = 5.0


@dataclass(frozen=True)
class Latency:
    """Wall-clock times of one call, in milliseconds; percentiles of all calls after the warm-up.

    Attributes:
        median_ms, p99_ms, best_ms: as they are called.
        calls: how many were timed.
        p90_ms, p999_ms, max_ms: as they are called; of fewer than 1000 calls p99.9 is nearly the
            longest.
        jitter_ms: 90th percentile less the 10th.
        drift: median of the second half over that of the first, less 1.
        spread: longest median of a fifth of the calls over the shortest, less 1.
    """

    median_ms: float
    p99_ms: float
    best_ms: float
    calls: int
    p90_ms: float
    p999_ms: float
    max_ms: float
    jitter_ms: float
    drift: float
    spread: float

    @classmethod
    def of(cls, samples_ns: Sequence[int]) -> "Latency":
        """Statistics of samples in nanoseconds, in the order in which they were taken."""
        ms = np.asarray(samples_ns) / 1e6
        p10, median, p90, p99, p999 = np.percentile(ms, [10, 50, 90, 99, 99.9]).tolist()
        halves = [float(np.median(half)) for half in np.array_split(ms, min(2, len(ms)))]
        parts = [float(np.median(part)) for part in np.array_split(ms, min(BLOCKS, len(ms)))]
        return cls(
            median_ms=median,
            p99_ms=p99,
            best_ms=float(ms.min()),
            calls=len(samples_ns),
            p90_ms=p90,
            p999_ms=p999,
            max_ms=float(ms.max()),
            jitter_ms=p90 - p10,
            drift=halves[-1] / halves[0] - 1,
            spread=max(parts) / min(parts) - 1,
        )


@dataclass(frozen=True)
class Timed:
    """What came of timing one call.

    Attributes:
        samples_ns: of every call after the warm-up, in order.
        warmup_calls: before them.
        stable: whether the warm-up ended because times no longer changed.
    """

    samples_ns: list[int]
    warmup_calls: int
    stable: bool


def in_turns(
    calls: Mapping[str, Call],
    *,
    rounds: int,
    warmup: int = 2,
    pause_s: float = PAUSE_S,
) -> dict[str, Latency]:
    """Time each call once a round.

    Args:
        calls: what is timed, by name; everything a call does is inside the clock.
        rounds: timed rounds.
        warmup: rounds before them.
        pause_s: rest before each call, in seconds.
    """
    samples: dict[str, list[int]] = {name: [] for name in calls}
    for number in range(warmup + rounds):
        for name, call in calls.items():
            time.sleep(pause_s)
            taken = timed_ns(call)
            if number >= warmup:
                samples[name].append(taken)
    return {name: Latency.of(taken) for name, taken in samples.items()}


def in_blocks(
    calls: Mapping[str, Call],
    *,
    seconds: float,
    least: int = 50,
    most: int = 20_000,
    group_of: Callable[[str], str] = lambda name: name,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Timed]:
    """Warm each call up until it is steady, then time all of them in turns of many calls.

    In a turn of a quarter of a second one call follows the other without a pause, as in use; then
    it is the next group's turn, so that whatever disturbs the machine for longer disturbs all.
    Calls of one group follow each other one by one, so that even small differences can be told.

    Args:
        calls: what is timed, by name; everything a call does is inside the clock.
        seconds: about how long each is timed.
        least: fewest calls of each.
        most: most calls of each.
        group_of: group of a name. Calls of a group must share their threads, if they have any.
        progress: told the rounds done, and how many there are.
    """
    warm = {name: _warmed(call) for name, call in calls.items()}
    groups: dict[str, list[str]] = {}
    for name in calls:
        groups.setdefault(group_of(name), []).append(name)
    samples: dict[str, list[int]] = {name: [] for name in calls}
    rounds = max(BLOCKS, round(seconds / TURN_S))
    for number in range(1, rounds + 1):
        for names in groups.values():
            slowest = max(warm[name][0] for name in names)
            count = round(min(max(seconds * 1e9 / slowest, least), most))
            time.sleep(PAUSE_S)
            # What is due by now, as a round's share may be less than a call.
            for _ in range(count * number // rounds - len(samples[names[0]])):
                for name in names:
                    samples[name].append(timed_ns(calls[name]))
        progress(number, rounds)
    return {name: Timed(samples[name], *warm[name][1:]) for name in calls}


def clock_cost() -> tuple[float, float]:
    """What the clock adds to a call that it times, and its smallest step, in nanoseconds."""
    nothing = [timed_ns(lambda: None) for _ in range(10_000)]
    ticks = np.diff([time.perf_counter_ns() for _ in range(10_000)])
    return float(np.median(nothing)), float(ticks[ticks > 0].min())


def timed_ns(call: Call) -> int:
    """Nanoseconds of a call."""
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


def _warmed(call: Call) -> tuple[float, int, bool]:
    """Nanoseconds of a call when it is warm, how many calls that took, and whether it is steady."""
    medians: list[float] = []
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < _LONGEST_WARMUP_S:
        begun, taken = time.perf_counter(), [timed_ns(call)]
        while time.perf_counter() - begun < _GROUP_S:
            taken.append(timed_ns(call))
        done += len(taken)
        medians.append(float(np.median(taken)))
        last = medians[-3:]
        if len(last) == 3 and max(last) / min(last) - 1 <= _STEADY:
            return last[-1], done, True
    return medians[-1], done, False
