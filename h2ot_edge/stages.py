"""Where the time of a pipeline goes: decode, detect, track, lift, draw, write."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Stage", "StageTimes"]

T = TypeVar("T")


@dataclass
class Stage:
    """Time that was spent in a stage.

    Attributes:
        ns: nanoseconds of `perf_counter_ns` altogether.
        frames: that went through it.
    """

    ns: int = 0
    frames: int = 0


class StageTimes:
    """Adds up what stages take; one thread at a time may be in a stage.

    `with stages("detect"):` times a block, `stages.each("decode", source)` what comes out of a
    source.
    """

    def __init__(self) -> None:
        self._stages: dict[str, Stage] = {}

    @contextmanager
    def __call__(self, name: str, frames: int = 1) -> Iterator[None]:
        """Time a block in which `frames` frames go through a stage."""
        stage = self._stages.setdefault(name, Stage())
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            stage.ns += time.perf_counter_ns() - start
            stage.frames += frames

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Go through frames and time how long each takes to come."""
        iterator = iter(items)
        stage = self._stages.setdefault(name, Stage())
        while True:
            start = time.perf_counter_ns()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                stage.ns += time.perf_counter_ns() - start
            stage.frames += 1
            yield item

    def as_dict(self, frames: int | None = None) -> dict[str, float]:
        """Milliseconds a frame, by stage, in the order in which stages were first entered.

        Args:
            frames: of the whole, so that stages which saw each frame twice or only some add up;
                None: each stage by the frames that it saw.
        """
        return {
            name: stage.ns / 1e6 / (frames or stage.frames)
            for name, stage in self._stages.items()
            if stage.frames
        }

    def summary(self, frames: int | None = None) -> str:
        """All of it in a line: `decode 2.1, detect 31.0, lift 0.4 ms a frame, 33.5 together`."""
        times = self.as_dict(frames)
        if not times:
            return "no frame"
        stages = ", ".join(f"{name} {taken:.1f}" for name, taken in times.items())
        return f"{stages} ms a frame, {sum(times.values()):.1f} together"
