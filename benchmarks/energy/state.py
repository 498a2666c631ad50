"""What a machine's power is set to, and whether something slows it down.

Sources: as in ina3221.py; Documentation/ABI/testing/sysfs-class-thermal and
Documentation/admin-guide/thermal of the kernel; for over-currents tegra23x-oc-event of L4T.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from h2ot_edge import system
from h2ot_edge.benchmarks.energy.ina3221 import folders
from h2ot_edge.benchmarks.energy.sysfs import integer, words
from h2ot_edge.system import PowerMode

__all__ = ["PowerState", "clocks_locked", "power_state", "throttle_events", "throttled"]

# Below this part of where it is locked, a clock is not where it is said to be.
_HELD = 0.95

_EVENTS = {1: "under-voltage", 2: "mean over-current", 3: "momentary over-current"}
_SLOWS = re.compile(r".*throttle.*|(thermal-)?(cpufreq|devfreq)-.*")
_GPU_NAMES = {"gpu", "ga10b", "gv11b", "gp10b"}


@dataclass(frozen=True)
class PowerState:
    """What energy and speed depend on, besides the model.

    Attributes:
        mode: of a Jetson; None elsewhere, and where `nvpmodel` does not tell.
        clocks_locked: whether clocks cannot move, as after `jetson_clocks`; None if not known.
        temperatures_c: by thermal zone.
    """

    mode: PowerMode | None
    clocks_locked: bool | None
    temperatures_c: Mapping[str, float]


def power_state(root: Path = system.ROOT) -> PowerState:
    """The state of this machine now."""
    return PowerState(system.power_mode(root), clocks_locked(root), system.temperatures(root))


def clocks_locked(root: Path = system.ROOT) -> bool | None:
    """Whether the clocks of all CPUs, and of a Jetson's GPU, cannot move; None if not known."""
    cpus = _cpu_clocks(root)
    found = [all(low == high for low, high, _ in cpus) if cpus else None]
    if system.jetson(root) is not None:
        gpu = system.gpu_clock(root)
        found.append(None if gpu is None else gpu.locked)
    return False if False in found else None if None in found else True


def throttle_events(root: Path = system.ROOT) -> dict[str, int]:
    """What the kernel has counted since the start of the machine, by name."""
    found: Counter[str] = Counter()
    for folder in root.glob("sys/class/hwmon/hwmon*"):
        if words(folder / "name") == "soctherm_oc":
            for number, name in _EVENTS.items():
                count = integer(folder / f"oc{number}_event_cnt")
                if count is not None:
                    found[f"{name} events"] += count
    for folder in root.glob("sys/devices/system/cpu/cpu*/thermal_throttle"):
        for part in ("core", "package"):
            count = integer(folder / f"{part}_throttle_count")
            if count is not None:
                found[f"times a CPU {part} was too warm"] += count
    return dict(found)


def throttled(root: Path = system.ROOT, since: Mapping[str, int] | None = None) -> list[str]:
    """Why the machine is slower than it is set to be.

    Args:
        root: of the file system.
        since: `throttle_events` of before the run; None to leave events out.

    Returns:
        A reason each, `what: how much`; none if nothing slows it down.
    """
    return [
        *_alarms(root),
        *_cooling(root),
        *_slow_clocks(root),
        *([] if since is None else _events(root, since)),
    ]


def _events(root: Path, since: Mapping[str, int]) -> Iterator[str]:
    for name, count in throttle_events(root).items():
        more = count - since.get(name, count)
        if more > 0:
            yield f"{name}: {more} during the run"


def _alarms(root: Path) -> Iterator[str]:
    for folder in folders(root):
        for channel in (1, 2, 3, 4):
            # The fourth is the sum of the three.
            rail = words(folder / f"in{channel}_label") if channel < 4 else "all rails"
            for kind in ("max", "crit"):
                if integer(folder / f"curr{channel}_{kind}_alarm") == 1:
                    yield f"current of {rail or f'rail {channel}'}: {kind} alarm"


def _cooling(root: Path) -> Iterator[str]:
    for folder in sorted(root.glob("sys/class/thermal/cooling_device*")):
        kind, state = words(folder / "type") or "", integer(folder / "cur_state") or 0
        if state > 0 and _SLOWS.fullmatch(kind):
            yield f"cooling by {kind}: state {state}"


def _slow_clocks(root: Path) -> Iterator[str]:
    """On a Jetson alone: elsewhere processors that idle also show a low clock."""
    if system.jetson(root) is None:
        return
    cpus = [(now, high) for low, high, now in _cpu_clocks(root) if low == high and now is not None]
    slow = [(now, high) for now, high in cpus if now < _HELD * high]
    if slow:
        now, high = min(slow)
        yield (
            f"clock of {len(slow)} of {len(cpus)} CPUs: {now / 1e3:.0f} MHz, "
            f"locked to {high / 1e3:.0f} MHz"
        )
    gpu, running = system.gpu_clock(root), _gpu_hz(root)
    if gpu is not None and gpu.locked and running is not None and running < _HELD * gpu.max_hz:
        yield f"clock of the GPU: {running / 1e6:.0f} MHz, locked to {gpu.max_hz / 1e6:.0f} MHz"


def _cpu_clocks(root: Path) -> list[tuple[int, int, int | None]]:
    """Lowest, highest and present clock of each CPU that is on, in kHz."""
    found = []
    for folder in sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq")):
        low, high, now = (integer(folder / f"scaling_{n}_freq") for n in ("min", "max", "cur"))
        if low is not None and high is not None:
            found.append((low, high, now))
    return found


def _gpu_hz(root: Path) -> int | None:
    for folder in sorted(root.glob("sys/class/devfreq/*")):
        name = words(folder / "device/of_node/name") or folder.name
        if not _GPU_NAMES.isdisjoint(re.split(r"[.-]", name)):
            return integer(folder / "cur_freq")
    return None
