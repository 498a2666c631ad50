"""What is tried on a device, one function a step; `benchmarks.device.check` runs them.

A step takes a `Setting`, returns what it `Found`, and raises what went wrong: one of `NOT_HERE` if
the machine lacks something, anything else if something that is there does not work. Steps hand
files on to later ones in the setting's folder, and nothing else.
"""

from collections.abc import Callable
from functools import partial

from h2ot_edge._tensorrt import TARGETS, Target
from h2ot_edge.benchmarks.device.building import (
    build,
    cache,
    doctor,
    infer_on_cpu,
    lower,
    profile,
    trtexec,
)
from h2ot_edge.benchmarks.device.isolation import Step
from h2ot_edge.benchmarks.device.running import (
    agree,
    bench,
    bindings,
    device_arrays,
    latency,
    memory,
    threads,
)
from h2ot_edge.benchmarks.device.setting import PRECISIONS, Found, Setting

__all__ = ["PRECISIONS", "Setting", "steps_for"]

_OF_A_TARGET: dict[str, Callable[[Target, Setting], Found]] = {
    "profile": profile,
    "latency": latency,
    "bindings": bindings,
    "device arrays": device_arrays,
    "threads": threads,
    "memory": memory,
    "cache": cache,
    "bench": bench,
}


def steps_for(precisions: tuple[str, ...]) -> dict[str, Step]:
    """All steps by name, in the order in which they are run.

    Args:
        precisions: of the models, `fp32` the first.
    """
    steps: dict[str, Step] = {"doctor": doctor, "infer cpu": infer_on_cpu}
    for precision in precisions[1:]:
        steps[f"lower {precision}"] = partial(lower, precision)
    for target in TARGETS:
        for precision in precisions:
            steps[f"build {target} {precision}"] = partial(build, target, precision)
        for precision in precisions:
            steps[f"agree {target} {precision}"] = partial(agree, target, precision)
        for name, step in _OF_A_TARGET.items():
            steps[f"{name} {target}"] = partial(step, target)
    steps["trtexec"] = trtexec
    return steps
