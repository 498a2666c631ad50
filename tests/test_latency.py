"""Timing: statistics, warm-up, blocks in turns, what the clock costs."""

import itertools
import time
from functools import partial

import pytest

from h2ot_edge.benchmarks.bench.figures import (
    achieved,
    latency_figures,
    latency_problems,
    stream_figures,
)
from h2ot_edge.benchmarks.latency import Latency, Timed, clock_cost, in_blocks
from h2ot_edge.benchmarks.live_people import Cameras

MS = 1_000_000


def test_statistics_of_a_series():
    found = Latency.of([number * MS for number in range(1, 1002)])
    parts = (found.median_ms, found.p90_ms, found.p99_ms, found.p999_ms)
    assert parts == pytest.approx((501, 901, 991, 1000))
    assert (found.best_ms, found.max_ms, found.calls) == (1, 1001, 1001)
    assert found.jitter_ms == 901 - 101
    assert found.drift == pytest.approx(751.5 / 251 - 1)
    assert found.spread == pytest.approx(901.5 / 101 - 1)


def test_a_steady_series_neither_drifts_nor_spreads():
    found = Latency.of([7 * MS] * 10)
    assert (found.drift, found.spread, found.jitter_ms) == (0, 0, 0)


def test_one_call_is_a_series_too():
    found = Latency.of([3 * MS])
    assert (found.median_ms, found.drift, found.spread) == (3, 0, 0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that calls move, and nothing else but sleep."""
    now = itertools.count()
    state = {"ns": 0}
    monkeypatch.setattr(time, "perf_counter_ns", lambda: state["ns"])
    monkeypatch.setattr(time, "perf_counter", lambda: state["ns"] / 1e9)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    def takes(ms):
        def call():
            state["ns"] += int(next(ms) * MS)
            next(now)

        return call

    return takes


def test_calls_are_timed_in_blocks_after_they_are_steady(clock):
    slow, fast = clock(itertools.chain([90, 50], itertools.repeat(10))), clock(itertools.repeat(2))
    turns = []
    found = in_blocks(
        {"slow": slow, "fast": fast}, seconds=1, progress=lambda *done: turns.append(done)
    )
    assert set(found["slow"].samples_ns) == {10 * MS}
    assert (len(found["slow"].samples_ns), len(found["fast"].samples_ns)) == (100, 500)
    assert found["slow"].stable
    assert found["slow"].warmup_calls > 10
    assert turns == [(number, 5) for number in range(1, 6)]


def test_calls_that_never_become_steady_are_timed_all_the_same(clock):
    worse = clock(itertools.count(10))
    found = in_blocks({"worse": worse}, seconds=1, least=5)["worse"]
    assert not found.stable
    assert len(found.samples_ns) >= 5
    assert latency_problems(latency_figures(found, 1))[0] == (
        "times were still changing when the warm-up ended"
    )


def test_few_and_many_calls_are_limited(clock):
    calls = {"long": clock(itertools.repeat(1000)), "short": clock(itertools.repeat(0.001))}
    found = in_blocks(calls, seconds=1, least=10, most=100)
    assert [len(found[name].samples_ns) for name in calls] == [10, 100]


def test_calls_of_a_group_follow_each_other_one_by_one(clock):
    order, tick = [], clock(itertools.repeat(10))
    calls = {name: partial(_noted, order, name, tick) for name in ("a host", "a model", "b host")}
    found = in_blocks(calls, seconds=0.2, least=10, group_of=lambda name: name[0])
    assert [len(timed.samples_ns) for timed in found.values()] == [20, 20, 20]
    last = order[-3 * 20 :]
    assert last == (["a host", "a model"] * 4 + ["b host"] * 4) * 5


def _noted(order, name, tick):
    order.append(name)
    tick()


def test_the_clock_costs_less_than_a_hundredth_of_a_millisecond():
    overhead, resolution = clock_cost()
    assert 0 < resolution <= overhead * 10
    assert overhead < 10_000


def timed(samples_ms, stable=True):
    return Timed([int(ms * MS) for ms in samples_ms], 12, stable)


def test_figures_of_a_row():
    figures = latency_figures(timed([10.0] * 50), 8)
    assert figures["windows_per_s"] == 800
    assert (figures["windows_per_call"], figures["warmup_calls"]) == (8, 12)
    assert figures["samples_ms"] == [10.0] * 50
    assert (figures["gflops"], figures["share_of_peak"], figures["energy"]) == (None, None, None)


def test_long_series_are_thinned():
    assert len(latency_figures(timed([1.0] * 5000), 1)["samples_ms"]) == 2000


def test_what_to_think_of():
    noisy = latency_figures(timed([10.0] * 40 + [12.0] * 10), 1)
    assert latency_problems(noisy) == [
        "medians of fifths of the calls lie 20% apart: the machine was not quiet",
        "p99.9 of 50 calls is nearly the longest of them",
    ]
    assert latency_problems(latency_figures(timed([10.0] * 1000), 1)) == []


def test_the_rate_of_arithmetic():
    figures = latency_figures(timed([10.0] * 10), 2)
    assert achieved(figures, 1.5, 600.0) == {"gflops": 300.0, "share_of_peak": 0.5}
    assert achieved(figures, 1.5, None) == {"gflops": 300.0, "share_of_peak": None}


def test_figures_of_a_stream():
    found = Cameras(late_ms=(-0.1, 2.0, 9.0), missed=0.25, dropped=3, poses=75)
    how = {"rate": 50.0, "people": 2, "lookahead": 4, "hop": 2, "seconds": 1.0}
    figures = stream_figures(found, **how)
    assert (figures["late_p50_ms"], figures["waits_ms"], figures["missed"]) == (0, 100, 0.25)
