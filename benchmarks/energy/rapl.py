"""Energy of an x86 processor: the counters of RAPL, which AMD's have under the same names.

Source: Documentation/power/powercap/powercap.rst of the kernel.
"""

import re
from pathlib import Path

from h2ot_edge.benchmarks.energy.meter import Meter, Unmeasured
from h2ot_edge.benchmarks.energy.sysfs import integer, reading, words

__all__ = ["rapl_meter"]

# The counter moves every ms; samples are only to see it begin again.
_HZ = 10.0
_SHORTEST_S = 1.0

# Beside them are the same counters over another road, intel-rapl-mmio:N, which would count twice.
_ZONE = re.compile(r"intel-rapl(:[0-9]+)+")
_PACKAGE = re.compile(r"package-[0-9]+(-die-[0-9]+)?")


def rapl_meter(root: Path) -> Meter:
    """The energy of all packages.

    Raises:
        Unmeasured: there are no counters, or only root may read them.
    """
    zones = _zones(root)
    packages = {name: zone for name, zone in zones.items() if _PACKAGE.fullmatch(name)}
    if not packages:
        seen = f" (seen: {', '.join(zones)})" if zones else ""
        raise Unmeasured(
            f"the processor shows no energy counter of a package{seen}; RAPL is not in virtual "
            "machines, in many containers, and not on Arm"
        )
    _check_readable(packages)
    others = [name for name in zones if name not in packages]
    apart = f" (not added: {', '.join(others)})" if others else ""
    meter = Meter(
        source=f"RAPL: {' + '.join(packages)}{apart}",
        rails=tuple(packages),
        read=lambda: [_joules(zone, name) for name, zone in packages.items()],
        hz=_HZ,
        shortest_s=_SHORTEST_S,
        counts=True,
        ranges=tuple((integer(z / "max_energy_range_uj") or 0) / 1e6 for z in packages.values()),
    )
    meter.read()
    return meter


def _zones(root: Path) -> dict[str, Path]:
    found = sorted(root.glob("sys/class/powercap/intel-rapl:*"))
    return {words(z / "name") or z.name: z for z in found if _ZONE.fullmatch(z.name)}


def _joules(zone: Path, name: str) -> float:
    return reading(zone / "energy_uj", name) / 1e6


def _check_readable(packages: dict[str, Path]) -> None:
    for zone in packages.values():
        try:
            (zone / "energy_uj").open("rb").close()
        except PermissionError as error:
            raise Unmeasured(
                "the processor has RAPL, but only root may read its energy_uj: measure as root, or "
                "first sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
            ) from error
        except OSError:
            continue
