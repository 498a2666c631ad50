"""What a window costs in energy, from the sensors that a machine has.

    meter = open_meter("cuda:0")              # None: why_not("cuda:0") says why
    idle = idle_power(meter)                  # with the model loaded and nothing running
    with Recorder(meter) as recorder:
        ...                                   # the run
    found = recorder.result(idle=idle, windows=1000, frames=27)

`found.energy` is None where it could not be measured, and `found.why` says why. Needs nothing but
numpy, and for NVIDIA's desktop GPUs nvidia-ml-py.
"""

from h2ot_edge.benchmarks.energy.meter import Meter, Unmeasured
from h2ot_edge.benchmarks.energy.recorder import Energy, Idle, Measured, Recorder, idle_power
from h2ot_edge.benchmarks.energy.sources import open_meter, why_not
from h2ot_edge.benchmarks.energy.state import (
    PowerState,
    clocks_locked,
    power_state,
    throttle_events,
    throttled,
)

__all__ = [
    "Energy",
    "Idle",
    "Measured",
    "Meter",
    "PowerState",
    "Recorder",
    "Unmeasured",
    "clocks_locked",
    "idle_power",
    "open_meter",
    "power_state",
    "throttle_events",
    "throttled",
    "why_not",
]
