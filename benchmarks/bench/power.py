"""The energy of a model, in a run of its own: a thread that reads sensors disturbs timings."""

import time
from contextlib import ExitStack

from h2ot_edge.benchmarks.bench.subject import Subject
from h2ot_edge.benchmarks.energy import Measured, Recorder, idle_power, open_meter, why_not

__all__ = ["drawn_by"]


def drawn_by(subject: Subject, seconds: float) -> Measured:
    """What single windows draw, one after the other, at the boundary `of_energy`.

    Args:
        subject: the model, loaded and at rest.
        seconds: of the run; not even begun where nothing can be measured.
    """
    device, windows = subject.backend.device, 0
    meter = open_meter(device)
    why = None if meter else why_not(device)
    call = subject.call(subject.of_energy)
    with ExitStack() as stack:
        if meter is not None:
            stack.callback(meter.close)
        idle = idle_power(meter, why=why)
        with Recorder(meter, device=device, why=why) as recorder:
            end = time.monotonic() + (seconds if meter else 0.0)
            while time.monotonic() < end:
                call()
                windows += subject.batch
    return recorder.result(idle=idle, windows=max(windows, 1), frames=subject.windows.shape[1])
