"""Energy of a Jetson: the rails that its INA3221 sensors measure.

Sources: Documentation/hwmon/ina3221.rst and drivers/hwmon/ina3221.c of the kernel; the device trees
tegra194-p2888, tegra194-p3668, tegra234-p3701 and tegra234-p3767; NVIDIA's Jetson Linux Developer
Guide, "Platform Power and Performance". Up to L4T 32 the driver was NVIDIA's own, `ina3221x`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from h2ot_edge.benchmarks.energy.meter import Meter, Unmeasured, believed
from h2ot_edge.benchmarks.energy.sysfs import integer, reading, words

__all__ = ["folders", "jetson_meter"]

# A reading waits for the sensor's next conversion, 6.6 ms as the driver sets it; voltages and
# currents of three rails take up to 40 ms.
_HZ = 20.0
_SHORTEST_S = 1.0

# The datasheet's offset, 80 uV, and a step of 40 uV, over 2 mOhm, the smallest shunt on a Jetson:
# a rail that is off may read that much below nothing.
_OFFSET_MA = -60


@dataclass(frozen=True)
class _Board:
    """Jetsons with the same rails.

    Attributes:
        adds: rails that together are the module.
        inside: rails that are part of those.
    """

    names: str
    adds: tuple[str, ...]
    inside: tuple[str, ...] = ()

    def is_of(self, rails: Mapping[str, object]) -> bool:
        """Whether these are its rails, and no others."""
        return set(self.adds) <= set(rails) <= {*self.adds, *self.inside}


_BOARDS = (
    _Board("AGX Orin", ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), ("VDDQ_VDD2_1V8AO",)),
    _Board("Orin NX, Orin Nano or Xavier NX", ("VDD_IN",), ("VDD_CPU_GPU_CV", "VDD_SOC")),
    _Board("AGX Xavier", ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")),
)


def jetson_meter(root: Path) -> Meter:
    """The power of a Jetson's module, whichever of its processors works.

    Raises:
        Unmeasured: no sensor, or one whose rails are of no board known here.
    """
    rails = _rails(root)
    if not rails:
        raise Unmeasured(
            "this Jetson shows no INA3221 power sensor with named rails; some carrier boards have "
            "none, and some containers hide it"
        )
    board = next((known for known in _BOARDS if known.is_of(rails)), None)
    if board is None:
        raise Unmeasured(
            f"the power rails {', '.join(sorted(rails))} are of no board known here; they are not "
            "added up, as one may be part of another"
        )
    reads = [rails[name] for name in board.adds]
    meter = Meter(
        source=_source(board, rails),
        rails=board.adds,
        read=lambda: [read() for read in reads],
        hz=_HZ,
        shortest_s=_SHORTEST_S,
    )
    meter.read()
    return meter


def folders(root: Path) -> list[Path]:
    """Where the kernel's driver shows the sensors, one folder each."""
    found = root.glob("sys/bus/i2c/devices/*/hwmon/hwmon*")
    return sorted(folder for folder in found if words(folder / "name") == "ina3221")


def _source(board: _Board, rails: Mapping[str, object]) -> str:
    inside = [name for name in rails if name in board.inside]
    apart = f" ({', '.join(inside)} inside, not added)" if inside else ""
    return f"INA3221 of {board.names}: {' + '.join(board.adds)}{apart}"


def _rails(root: Path) -> dict[str, Callable[[], float]]:
    """What reads each rail, in watts; those that are off or not connected are left out."""
    rails: dict[str, Callable[[], float]] = {}
    for name, read in [*_of_the_kernel(root), *_of_l4t_32(root)]:
        if name in rails:
            raise Unmeasured(f"two power rails are called {name}; which is meant is not known")
        rails[name] = read
    return rails


def _of_the_kernel(root: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    for folder in folders(root):
        # Channels from 4 on are sums, and voltages of shunts.
        for channel in (1, 2, 3):
            name = words(folder / f"in{channel}_label")
            if _connected(name) and integer(folder / f"in{channel}_enable") != 0:
                yield name or "", _Channel(name or "", folder, channel)


def _of_l4t_32(root: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    for folder in sorted(root.glob("sys/bus/i2c/devices/*/iio:device*")):
        for channel in (0, 1, 2):
            name = words(folder / f"rail_name_{channel}")
            if _connected(name):
                yield name or "", _OldChannel(name or "", folder, channel)


def _connected(name: str | None) -> bool:
    return name is not None and name != "NC"


@dataclass(frozen=True)
class _Channel:
    rail: str
    folder: Path
    number: int

    def __call__(self) -> float:
        millivolts = reading(self.folder / f"in{self.number}_input", self.rail)
        milliamperes = reading(self.folder / f"curr{self.number}_input", self.rail)
        least = _OFFSET_MA * max(millivolts, 0) / 1e6
        return believed(self.rail, millivolts * milliamperes / 1e6, least=least)


@dataclass(frozen=True)
class _OldChannel:
    rail: str
    folder: Path
    number: int

    def __call__(self) -> float:
        return believed(
            self.rail, reading(self.folder / f"in_power{self.number}_input", self.rail) / 1e3
        )
