"""What a live stream costs, and how late its poses are: `python -m h2ot_edge.benchmarks.live`.

Four measurements: the cost of a frame with several hops, over that of a window; of a push without
the network; people at camera rates, through `LiveSession` as an app has it; memory over pushes.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.latency import timed_ns
from h2ot_edge.benchmarks.live_people import Filmed, endless, people_at_a_rate
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.live import Stream, stream
from h2ot_edge.sample import sample_clip
from h2ot_edge.spec import FloatArray

__all__ = ["HopCost", "cost_of_a_push", "cost_of_hops", "main", "memory"]

MOST = 1.1
"""A stream with hop h may cost this over h of a window for each frame."""

MOST_GROWTH_MIB = 2.0
"""Of the process over all pushes after the first tenth; its allocator keeps some pages."""

_HOPS = (1, 2, 4, 8)
_RATES = (30.0, 60.0)
_PEOPLE = (1, 4, 8)


@dataclass(frozen=True, kw_only=True)
class HopCost:
    """Cost of a stream.

    Attributes:
        hop: h.
        frame_ms: median over cycles of h pushes, of a push.
        ratio: median over rounds of that cost over a window's in the same round.
    """

    hop: int
    frame_ms: float
    ratio: float

    @property
    def holds(self) -> bool:
        """Whether it is within `MOST` / h."""
        return self.ratio <= MOST / self.hop


def cost_of_hops(
    engine: Engine, clip: Filmed, *, lookahead: int, rounds: int, hops: Sequence[int] = _HOPS
) -> tuple[float, list[HopCost]]:
    """Time a window and streams of every hop in turns.

    Returns:
        Milliseconds of a window (`Engine.run_windows`, median), and the cost of each hop.

    Raises:
        H2OTError: as `stream` and `Stream.push`.
    """
    window = np.zeros((1, engine.card.frames, 17, engine.card.channels), np.float32)
    frames = endless(clip)
    made = {h: stream(engine, lookahead=lookahead, hop=h, image_size=clip.image_size) for h in hops}
    for hop, one in made.items():
        for _ in range(one.delay + hop):
            one.push(frames())
    windows: list[float] = []
    costs: dict[int, list[float]] = {hop: [] for hop in hops}
    for _ in range(rounds):
        windows.append(_ms(lambda: engine.run_windows(window)))
        for hop, one in made.items():
            costs[hop].append(_ms(lambda one=one, hop=hop: _cycle(one, frames, hop)) / hop)  # type: ignore[misc]
    return float(np.median(windows)), [
        HopCost(
            hop=hop,
            frame_ms=float(np.median(costs[hop])),
            ratio=float(np.median(np.array(costs[hop]) / windows)),
        )
        for hop in hops
    ]


def cost_of_a_push(engine: Engine, clip: Filmed) -> float:
    """Median milliseconds of a push, of which few run the network."""
    hop = engine.card.frames
    made = stream(engine, lookahead=0, hop=hop, image_size=clip.image_size)
    frames = endless(clip)
    return float(np.median([_ms(lambda: made.push(frames())) for _ in range(20 * hop)]))


def memory(engine: Engine, clip: Filmed, *, pushes: int) -> tuple[float, float]:
    """MiB of the process after a tenth of the pushes, and after all of them.

    Raises:
        H2OTError: as `stream` and `Stream.push`.
    """
    made = stream(engine, lookahead=0, hop=engine.card.frames, image_size=clip.image_size)
    frames, sizes = endless(clip), []
    for number in range(pushes):
        made.push(frames())
        if number in (pushes // 10, pushes - 1):
            sizes.append(_resident_mib())
    return sizes[0], sizes[-1]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and report; 1 if a promise does not hold."""
    args = _parser().parse_args(argv)
    clip = sample_clip()
    try:
        with Engine.load(args.model, threads=args.threads, device=args.device) as engine:
            engine.warmup()
            _write(_heading(engine, args.threads))
            held = _report_hops(engine, clip, args)
            _report_rates(engine, clip, args)
            held &= _report_memory(engine, clip, args.pushes)
    except H2OTError as error:
        sys.stderr.write(f"live: error: {error}\n")
        return error.exit_status
    return 0 if held else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="motionbert-s", metavar="MODEL")
    parser.add_argument("-d", "--device", default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads of a call")
    parser.add_argument("--lookahead", type=int, default=4, metavar="K")
    parser.add_argument("--hops", type=int, nargs="+", default=list(_HOPS), metavar="N")
    parser.add_argument("--rates", type=float, nargs="+", default=list(_RATES), metavar="HZ")
    parser.add_argument("--people", type=int, nargs="+", default=list(_PEOPLE), metavar="N")
    parser.add_argument("--rounds", type=int, default=100, help="timed windows of each hop")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each row of people")
    parser.add_argument("--pushes", type=int, default=100_000, help="of the memory's measurement")
    return parser


def _report_hops(engine: Engine, clip: Filmed, args: argparse.Namespace) -> bool:
    window, costs = cost_of_hops(
        engine, clip, lookahead=args.lookahead, rounds=args.rounds, hops=args.hops
    )
    rows = [
        [
            str(cost.hop),
            f"{cost.frame_ms:.2f}",
            f"{cost.ratio:.3f}",
            f"{MOST / cost.hop:.3f}",
            "yes" if cost.holds else "NO",
        ]
        for cost in costs
    ]
    _write(f"A window takes {window:.2f} ms.\n\n")
    _write(table(["hop", "ms a frame", "of a window", "allowed", "holds"], rows, words=0) + "\n")
    quiet = cost_of_a_push(engine, clip)
    _write(f"A push that does not run the network takes {quiet:.3f} ms.\n\n")
    return all(cost.holds for cost in costs)


def _report_rates(engine: Engine, clip: Filmed, args: argparse.Namespace) -> None:
    rows = []
    given: dict[str, Any] = {"seconds": args.seconds, "lookahead": args.lookahead}
    for rate, people, hop in product(args.rates, args.people, args.hops):
        found = people_at_a_rate(engine, clip, people=people, rate=rate, hop=hop, **given)
        waited = 1e3 * (args.lookahead + hop - 1) / rate
        times = [f"{ms:.1f}" for ms in found.late_ms]
        missed, dropped = f"{100 * found.missed:.1f}", str(found.dropped)
        rows.append([f"{rate:g}", str(people), str(hop), f"{waited:.0f}", *times, missed, dropped])
    head = ["Hz", "people", "hop", "waits, ms", "p50, ms", "p99", "p99.9", "missed, %", "dropped"]
    _write(table(head, rows, words=0) + "\n")


def _report_memory(engine: Engine, clip: Filmed, pushes: int) -> bool:
    early, late = memory(engine, clip, pushes=pushes)
    held = late - early <= MOST_GROWTH_MIB
    _write(
        f"Memory: {early:.1f} MiB after {pushes // 10} pushes, {late:.1f} MiB after {pushes} "
        f"({'flat' if held else 'NOT FLAT'}).\n"
    )
    return held


def _heading(engine: Engine, threads: int | None) -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{engine!r}\n{os.cpu_count()} CPU cores, {threads or 'all'} threads a call, load "
        f"before: {load}\n"
    )


def _cycle(made: Stream, frames: Callable[[], FloatArray], hop: int) -> None:
    for _ in range(hop):
        made.push(frames())


def _ms(call: Callable[[], object]) -> float:
    return timed_ns(call) / 1e6


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
