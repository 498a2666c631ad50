"""Facts about the machine, read from the files in which Linux tells them.

Every function takes the root of the file system, so that a made tree can stand for a machine. A
file that is missing, cut off or not as expected makes the answer None and never raises.
"""

import math
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Clock",
    "CpuClock",
    "Jetson",
    "PowerMode",
    "cpu_clock",
    "cpu_model",
    "driver_version",
    "gpu_clock",
    "jetson",
    "jetson_part",
    "memory_mib",
    "os_name",
    "platform_tag",
    "power_mode",
    "power_modes",
    "temperatures",
]

ROOT = Path("/")

# L4T is the system below JetPack; only L4T tells its version. A release, or all of a line.
_JETPACK_OF_L4T = {
    "35.2.1": "5.1",
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5": "5.1.3-5.1.6",
    "35.6": "5.1.3-5.1.6",
    "36.3": "6.0",
    "36.4.0": "6.1",
    "36.4.2": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
    "36.4.5": "6.2.1",
    "36.4.6": "6.2.1",
    "36.4.7": "6.2.1",
    "36.5.0": "6.2.2",
    "38.2": "7.0",
    "38.4": "7.1",
    "39.2.0": "7.2",
    "39.2.1": "7.2.1",
}
_ENOUGH = 1 << 16  # bytes; what is wanted stands at the beginning
_GPU_NAMES = {"gpu", "ga10b", "gv11b", "gp10b"}  # of a Jetson's GPU among the devices with a clock
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_PATIENCE = 2.0  # seconds for nvpmodel, which reads two files


@dataclass(frozen=True)
class Jetson:
    """A Jetson; None is what its files do not tell, as in many containers."""

    module: str | None
    """As the device tree has it: `NVIDIA Jetson AGX Orin Developer Kit`."""
    l4t: str | None
    """`36.4.3`."""
    jetpack: str | None
    """`6.2`, or a range, of the releases with this L4T; None for an L4T that is not known here."""


@dataclass(frozen=True)
class PowerMode:
    """What `nvpmodel` is set to."""

    name: str
    number: int


@dataclass(frozen=True)
class Clock:
    """The range in which the GPU's clock may move, in Hz."""

    min_hz: int
    max_hz: int

    @property
    def locked(self) -> bool:
        """Whether it cannot move; `jetson_clocks` does this."""
        return self.min_hz == self.max_hz


@dataclass(frozen=True)
class CpuClock:
    """Of the first processor, in MHz; None is what the kernel does not tell, as in most clouds."""

    governor: str | None
    """What sets it: `performance`, `schedutil`, ..."""
    min_mhz: float | None
    max_mhz: float | None
    now_mhz: float | None


def jetson(root: Path = ROOT) -> Jetson | None:
    """Which Jetson this is; None on other machines."""
    l4t = _l4t(root)
    if l4t is None and not _is_tegra(root):
        return None
    jetpack = None
    if l4t is not None:
        jetpack = _JETPACK_OF_L4T.get(l4t) or _JETPACK_OF_L4T.get(l4t.rpartition(".")[0])
    return Jetson(_line(root / "proc/device-tree/model"), l4t, jetpack)


def jetson_part(root: Path = ROOT) -> str | None:
    """Part number of a Jetson's module, such as `p3767-0005`; some kits carry another's name."""
    tree = _text(root / "proc/device-tree/compatible") or ""
    found = re.search(r"nvidia,p\d{4}-\d{4}\+(p\d{4}-\d{4})", tree)
    return found[1] if found else None


def platform_tag(root: Path = ROOT) -> str:
    """The kind of machine, for which engines are built.

    Returns:
        `jetson`, or the system and the processor: `linux-x86_64`, `linux-aarch64`, `windows-...`.
    """
    if jetson(root) is not None:
        return "jetson"
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"


def driver_version(root: Path = ROOT) -> str | None:
    """Version of NVIDIA's kernel module, such as `550.54.15`."""
    text = _text(root / "proc/driver/nvidia/version") or ""
    found = re.search(r"NVRM version:.*?\bKernel Module\b.*?\s(\d+\.\d+(?:\.\d+)*)\s", text)
    return found[1] if found else None


def power_mode(root: Path = ROOT) -> PowerMode | None:
    """The power mode of a Jetson; None where there is no `nvpmodel`, as in containers."""
    command = [str(root / "usr/sbin/nvpmodel"), "-q"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.decode(errors="replace")
    found = re.search(r"^NV Power Mode: *(\S+)\s+(\d{1,3})\s*$", said, re.MULTILINE)
    return PowerMode(found[1], int(found[2])) if found else None


def power_modes(root: Path = ROOT) -> tuple[PowerMode, ...]:
    """The power modes that a Jetson can be set to; their numbers differ between modules."""
    text = _text(root / "etc/nvpmodel.conf") or ""
    found = re.findall(r"^ *< *POWER_MODEL +ID=(\d{1,3}) +NAME=([^\s>]+) *>", text, re.MULTILINE)
    return tuple(PowerMode(name, int(number)) for number, name in found)


def gpu_clock(root: Path = ROOT) -> Clock | None:
    """The clock of a Jetson's GPU."""
    for device in _listed(root / "sys/class/devfreq"):
        name = _line(device / "device/of_node/name") or device.name
        if not _GPU_NAMES.isdisjoint(re.split(r"[.-]", name)):
            low, high = _number(device / "min_freq"), _number(device / "max_freq")
            return None if low is None or high is None else Clock(low, high)
    return None


def cpu_model(root: Path = ROOT) -> str | None:
    """The processor's name; Arm processors mostly have none."""
    found = re.search(r"^model name\s*: *(.+)$", _text(root / "proc/cpuinfo") or "", re.MULTILINE)
    return found[1].strip() if found else None


def cpu_clock(root: Path = ROOT) -> CpuClock:
    """The processor's clock."""
    folder = root / "sys/devices/system/cpu/cpu0/cpufreq"
    khz = (_number(folder / f"scaling_{name}_freq") for name in ("min", "max", "cur"))
    low, high, now = (None if value is None else value / 1e3 for value in khz)
    if now is None:
        told = re.search(
            r"^cpu MHz\s*: *([\d.]+)$", _text(root / "proc/cpuinfo") or "", re.MULTILINE
        )
        now = float(told[1]) if told else None
    return CpuClock(_line(folder / "scaling_governor"), low, high, now)


def memory_mib(root: Path = ROOT) -> int | None:
    """Memory of the machine, in MiB."""
    found = re.search(r"^MemTotal: +(\d+) kB$", _text(root / "proc/meminfo") or "", re.MULTILINE)
    return round(int(found[1]) / 1024) if found else None


def temperatures(root: Path = ROOT) -> dict[str, float]:
    """Degrees Celsius by the names of the thermal zones; zones that are off have none.

    Of zones with one name, as those of two processors, it is the warmest.
    """
    found: dict[str, float] = {}
    for zone in _listed(root / "sys/class/thermal"):
        name, value = _line(zone / "type"), _number(zone / "temp")
        if zone.name.startswith("thermal_zone") and name is not None and value is not None:
            found[name] = max(value / 1e3, found.get(name, -math.inf))
    return found


def os_name(root: Path = ROOT) -> str | None:
    """The distribution, such as `Ubuntu 22.04.5 LTS`."""
    text = _text(root / "etc/os-release") or ""
    found = re.search(r"^PRETTY_NAME=[\"']?([^\"'\n]+)", text, re.MULTILINE)
    return found[1] if found else None


def _l4t(root: Path) -> str | None:
    text = _text(root / "etc/nv_tegra_release") or ""
    found = re.search(r"R(\d+) \(release\), REVISION: (\d+(?:\.\d+)*),", text)
    return f"{found[1]}.{found[2]}" if found else None


def _is_tegra(root: Path) -> bool:
    """Containers often see neither the release nor, where /sys/firmware is hidden, the tree."""
    tree = _text(root / "proc/device-tree/compatible") or ""
    family = _text(root / "sys/devices/soc0/family") or ""
    return "nvidia,tegra" in tree or "tegra" in family.lower()


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_ENOUGH).decode(errors="replace")
    except OSError:
        return None


def _line(path: Path) -> str | None:
    """The only line of a file; the device tree ends its texts with a NUL."""
    text = (_text(path) or "").rstrip("\0\n")
    return text if text and text.isprintable() and "\ufffd" not in text else None


def _number(path: Path) -> int | None:
    text = (_text(path) or "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
