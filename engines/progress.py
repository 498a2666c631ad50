"""How far a build is, and ending it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from h2ot_edge._bars import NamedProgress
from h2ot_edge._tensorrt import Library

__all__ = ["Held", "holding_interrupts", "monitor_of"]


@dataclass
class Held:
    """What was raised where it may not pass through the library, which would swallow it."""

    raised: BaseException | None = None


@contextmanager
def holding_interrupts() -> Iterator[Held]:
    """Raise at the end of the block what Ctrl-C raises within it, and what is put in `raised`.

    Python notices Ctrl-C where the library calls back: in its log or its monitor.
    """
    held = Held()
    before = signal.getsignal(signal.SIGINT)

    def hold(number: int, frame: FrameType | None) -> None:
        assert callable(before)
        try:
            before(number, frame)
        except BaseException as error:
            held.raised = held.raised or error

    # Other threads are never interrupted, and must not set handlers.
    ours = callable(before) and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, hold)
    try:
        yield held
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
        if held.raised is not None:
            raise held.raised


def monitor_of(library: Library, progress: NamedProgress | None, held: Held) -> Any:
    """A monitor of the library that tells `progress`, for TensorRT 10.0 and later.

    What `progress` raises goes to `held`, and whatever is there ends the build.
    """

    class Monitor(library.trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        """Tells the steps of all phases, which lie within each other."""

        def __init__(self) -> None:
            super().__init__()
            self._open: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self._open[phase] = steps
            self._tell(phase, 0)

        def step_complete(self, phase: str, step: int) -> bool:
            self._tell(phase, step + 1)
            return held.raised is None

        def phase_finish(self, phase: str) -> None:
            self._tell(phase, self._open.pop(phase, 0))

        def _tell(self, phase: str, done: int) -> None:
            if progress is None or held.raised is not None:
                return
            try:
                progress(phase, done, self._open.get(phase, done))
            except BaseException as error:
                held.raised = error

    return Monitor()
