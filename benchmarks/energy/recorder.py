"""A thread that reads a meter while something runs, and what comes of it."""

import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from h2ot_edge import system
from h2ot_edge.benchmarks.energy.meter import FEWEST, Meter, Unmeasured
from h2ot_edge.benchmarks.energy.nvml import Watch
from h2ot_edge.benchmarks.energy.sources import open_watch
from h2ot_edge.benchmarks.energy.state import (
    PowerState,
    power_state,
    throttle_events,
    throttled,
)

__all__ = ["IDLE_S", "Energy", "Idle", "Measured", "Recorder", "idle_power"]

IDLE_S = 3.0
"""Seconds for which the power of the idle machine is measured, at least."""

_LOOK_S = 1.0  # between looks at what slows the machine down


@dataclass(frozen=True)
class Energy:
    """What a run drew; `to_dict` is `energy` of a result.

    Attributes:
        source: what was read, and what of it was added up.
        rails: mean power of each, W, with that of the idle machine.
        idle_w: power before the run, W, all rails.
        mean_w: during the run, W, all rails.
        seconds: of the run.
        windows: of the run.
        mj_per_window: (mean_w - idle_w) * seconds / windows, in mJ.
        mj_per_frame: of it, the part of one frame of a window.
        samples_hz: readings a second, as they came.
        samples: readings.
    """

    source: str
    rails: dict[str, float]
    idle_w: float
    mean_w: float
    seconds: float
    windows: int
    mj_per_window: float
    mj_per_frame: float
    samples_hz: float
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Idle:
    """Power of the machine that does nothing, W; None if it could not be measured, and why."""

    watts: float | None
    why: str | None = None


@dataclass(frozen=True)
class Measured:
    """What is known of a run.

    Attributes:
        energy: None if it could not be measured.
        why: why not; None if it could.
        throttled: what slowed the machine down; if there is anything, the row is not valid.
        before: state of the machine.
        after: the same.
    """

    energy: Energy | None
    why: str | None
    throttled: tuple[str, ...]
    before: PowerState
    after: PowerState


class Recorder:
    """Reads a meter from the begin of a `with` block to its end, and looks for throttling.

    Args:
        meter: None to look for throttling alone.
        root: of the file system.
        device: `cpu` or `cuda:N`, which is looked at where there is no meter.
        why: what to answer where there is no meter, from `why_not`.
    """

    def __init__(
        self,
        meter: Meter | None,
        root: Path = system.ROOT,
        *,
        device: str = "cpu",
        why: str | None = None,
    ) -> None:
        self._meter, self._root, self._trouble = meter, root, why
        self._device = device
        self._gpu: Watch | None = None
        self._times: list[float] = []
        self._readings: list[list[float]] = []
        self._slowed: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="energy", daemon=True)
        self._begin = self._end = 0.0

    def __enter__(self) -> "Recorder":
        self.before = self.after = power_state(self._root)
        self._events = throttle_events(self._root)
        if self._meter is None:
            self._gpu = open_watch(self._device, self._root)
        self._sample()
        self._thread.start()
        self._begin = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end = time.monotonic()
        self._stop.set()
        self._thread.join()
        self._sample()
        self._look(self._events)
        if self._gpu is not None:
            self._gpu.close()
        self.after = power_state(self._root)

    @property
    def seconds(self) -> float:
        """How long the block took."""
        return self._end - self._begin

    @property
    def slowed(self) -> tuple[str, ...]:
        """What slowed the machine down during the block."""
        return tuple(self._slowed.values())

    def watts(self) -> dict[str, float]:
        """Mean power of each rail during the block.

        Raises:
            Unmeasured: there is no meter, the block was too short, or a reading cannot be.
        """
        meter = self._usable()
        times = np.array(self._times)
        total = meter.joules(times, np.array(self._readings))
        return {
            rail: float(np.diff(np.interp([self._begin, self._end], times, joules))[0])
            / self.seconds
            for rail, joules in zip(meter.rails, total.T, strict=True)
        }

    def result(self, *, idle: Idle, windows: int, frames: int) -> Measured:
        """What the block drew, without what the idle machine draws.

        Args:
            idle: from `idle_power`, right before the run.
            windows: that went through the model in the block.
            frames: of a window.
        """
        energy, why = None, None
        try:
            energy = self._energy(idle, windows, frames)
        except Unmeasured as error:
            why = str(error)
        return Measured(energy, why, self.slowed, self.before, self.after)

    def _energy(self, idle: Idle, windows: int, frames: int) -> Energy:
        rails, meter = self.watts(), self._usable()
        if idle.watts is None:
            raise Unmeasured(f"the idle machine could not be measured: {idle.why}")
        mean, count = sum(rails.values()), len(self._times)
        if not mean > idle.watts:
            raise Unmeasured(
                f"the run drew {mean:.2f} W, no more than the idle machine before it "
                f"({idle.watts:.2f} W); let nothing else run, and measure again"
            )
        window = (mean - idle.watts) * self.seconds / windows * 1e3
        return Energy(
            source=meter.source,
            rails=rails,
            idle_w=idle.watts,
            mean_w=mean,
            seconds=self.seconds,
            windows=windows,
            mj_per_window=window,
            mj_per_frame=window / frames,
            samples_hz=(count - 1) / (self._times[-1] - self._times[0]),
            samples=count,
        )

    def _usable(self) -> Meter:
        if self._trouble is not None or self._meter is None:
            raise Unmeasured(self._trouble or "no source of energy was given")
        shortest = self._meter.shortest_s
        if not self.seconds >= shortest:
            raise Unmeasured(
                f"the run took {self.seconds:.2f} s, and this sensor needs {shortest:g} s at "
                "least; run more windows"
            )
        if len(self._times) < FEWEST and not self._meter.counts:
            raise Unmeasured(
                f"only {len(self._times)} readings of power in {self.seconds:.2f} s, expected "
                f"{FEWEST} at least; leave a CPU free, or run more windows"
            )
        return self._meter

    def _watch(self) -> None:
        period = _LOOK_S if self._meter is None else 1 / self._meter.hz
        due = look = time.monotonic()
        while True:
            due = max(due + period, time.monotonic())
            if self._stop.wait(due - time.monotonic()):
                return
            self._sample()
            if time.monotonic() - look >= _LOOK_S:
                self._look(None)
                look = time.monotonic()

    def _sample(self) -> None:
        if self._meter is None or self._trouble is not None:
            return
        asked = time.monotonic()
        try:
            reading = [float(value) for value in self._meter.read()]
        except Unmeasured as error:
            self._trouble = str(error)
            return
        # A sensor may make one wait for its next conversion.
        self._times.append((asked + time.monotonic()) / 2)
        self._readings.append(reading)

    def _look(self, since: dict[str, int] | None) -> None:
        asked = self._gpu if self._meter is None else self._meter
        mine = [] if asked is None else asked.throttled()
        for reason in [*mine, *throttled(self._root, since)]:
            self._slowed.setdefault(reason.partition(":")[0], reason)


def idle_power(
    meter: Meter | None,
    root: Path = system.ROOT,
    *,
    seconds: float = IDLE_S,
    why: str | None = None,
) -> Idle:
    """Power of the machine while this process sleeps; load the model first.

    Args:
        meter: None is answered at once, with `why`.
        root: of the file system.
        seconds: of sleep; a sensor that needs longer gets what it needs.
        why: there is no meter, from `why_not`.
    """
    if meter is None:
        return Idle(None, why)
    with Recorder(meter, root) as recorder:
        time.sleep(max(seconds, meter.shortest_s))
    try:
        return Idle(sum(recorder.watts().values()))
    except Unmeasured as error:
        return Idle(None, str(error))
