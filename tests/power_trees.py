"""File systems of machines that measure their power, as the kernel's documentation has them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine_trees import AGX_ORIN_6_2, ORIN_NANO_7_2, XAVIER_5_1

I2C = "sys/bus/i2c/devices"
GPU = "sys/class/devfreq/17000000.gpu"
Channel = tuple[str, int, int] | None


def ina3221(device: str, hwmon: str, *channels: Channel) -> dict[str, str]:
    """A sensor of the kernel's driver: label, mV and mA of each channel; None is not connected."""
    folder = f"{I2C}/{device}/hwmon/{hwmon}"
    files = {f"{I2C}/{device}/name": "ina3221\n", f"{folder}/name": "ina3221\n"}
    for number, channel in enumerate(channels, 1):
        files[f"{folder}/in{number}_enable"] = "0\n" if channel is None else "1\n"
        for kind in ("max", "crit"):
            files[f"{folder}/curr{number}_{kind}_alarm"] = "0\n"
        if channel is not None:
            label, millivolts, milliamperes = channel
            files[f"{folder}/in{number}_label"] = f"{label}\n"
            files[f"{folder}/in{number}_input"] = f"{millivolts}\n"
            files[f"{folder}/curr{number}_input"] = f"{milliamperes}\n"
            files[f"{folder}/in{number + 3}_input"] = f"{2 * milliamperes}\n"
    files[f"{folder}/in7_label"] = "sum of shunt voltages\n"
    files[f"{folder}/in7_input"] = "12345\n"
    files[f"{folder}/curr4_input"] = "6789\n"
    files[f"{folder}/curr4_crit_alarm"] = "0\n"
    return files


def ina3221x(device: str, *channels: tuple[str, int]) -> dict[str, str]:
    """A sensor of the driver in L4T up to 32: name and mW of each channel."""
    folder = f"{I2C}/{device}/iio:device0"
    files = {f"{I2C}/{device}/name": "ina3221x\n"}
    for number, (name, milliwatts) in enumerate(channels):
        files[f"{folder}/rail_name_{number}"] = f"{name}\n"
        files[f"{folder}/in_power{number}_input"] = f"{milliwatts}\n"
        files[f"{folder}/in_voltage{number}_input"] = "5000\n"
        files[f"{folder}/in_current{number}_input"] = f"{milliwatts // 5}\n"
    return files


def clocks(cpus: int, low: int, high: int, now: int) -> dict[str, str]:
    """Clocks of all CPUs, in kHz."""
    folder = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_{}_freq"
    values = {"min": low, "max": high, "cur": now}
    return {folder.format(n, k): f"{v}\n" for n in range(cpus) for k, v in values.items()}


def thermal(zones: dict[str, str], cooling: dict[str, int]) -> dict[str, str]:
    """Thermal zones, in thousandths of a degree, and cooling devices with their state."""
    files = {}
    for number, (kind, value) in enumerate(zones.items()):
        files[f"sys/class/thermal/thermal_zone{number}/type"] = f"{kind}\n"
        files[f"sys/class/thermal/thermal_zone{number}/temp"] = value
    for number, (kind, state) in enumerate(cooling.items()):
        files[f"sys/class/thermal/cooling_device{number}/type"] = f"{kind}\n"
        files[f"sys/class/thermal/cooling_device{number}/cur_state"] = f"{state}\n"
    return files


def over_currents(*counts: int) -> dict[str, str]:
    """Events that tegra23x-oc-event has counted: under-voltage, mean and momentary current."""
    files = {"sys/class/hwmon/hwmon2/name": "soctherm_oc\n"}
    for number, count in enumerate(counts, 1):
        files[f"sys/class/hwmon/hwmon2/oc{number}_event_cnt"] = f"{count}\n"
        files[f"sys/class/hwmon/hwmon2/oc{number}_throt_en"] = "1\n"
    return files


def rapl(zone: str, name: str, microjoules: int, most: int = 262143328850) -> dict[str, str]:
    """A zone of powercap."""
    folder = f"sys/class/powercap/{zone}"
    return {
        f"{folder}/name": f"{name}\n",
        f"{folder}/energy_uj": f"{microjoules}\n",
        f"{folder}/max_energy_range_uj": f"{most}\n",
    }


AGX_ORIN = {
    **AGX_ORIN_6_2,
    **ina3221(
        "1-0040",
        "hwmon3",
        ("VDD_GPU_SOC", 19000, 200),
        ("VDD_CPU_CV", 19000, 100),
        ("VIN_SYS_5V0", 5000, 600),
    ),
    **ina3221("1-0041", "hwmon4", None, ("VDDQ_VDD2_1V8AO", 5000, 200), None),
    **clocks(12, 729600, 1728000, 729600),
    **thermal(
        {"cpu-thermal": "52968\n", "gpu-thermal": "47625\n", "cv0-thermal": ""},
        {"pwm-fan": 3, "cpu-throttle-alert": 0, "gpu-throttle-alert": 0, "devfreq-17000000.gpu": 0},
    ),
    **over_currents(0, 15, 37),
    f"{GPU}/cur_freq": "306000000\n",
}
ORIN_NX = {
    "proc/device-tree/model": "NVIDIA Jetson Orin NX Engineering Reference Developer Kit\0",
    "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0000\0nvidia,tegra234\0",
    **ina3221(
        "1-0040",
        "hwmon1",
        ("VDD_IN", 5000, 1300),
        ("VDD_CPU_GPU_CV", 5000, 300),
        ("VDD_SOC", 5000, 280),
    ),
}
ORIN_NANO = {
    **ORIN_NANO_7_2,
    **ina3221(
        "1-0040",
        "hwmon1",
        ("VDD_IN", 4984, 1856),
        ("VDD_CPU_GPU_CV", 4984, 560),
        ("VDD_SOC", 4984, 400),
    ),
    **clocks(6, 1728000, 1728000, 1728000),
    f"{GPU}/cur_freq": "1020000000\n",
}
AGX_XAVIER = {
    **XAVIER_5_1,
    **ina3221("1-0040", "hwmon2", ("GPU", 19000, 10), ("CPU", 19000, 20), ("SOC", 19000, 30)),
    # CV is off, and reads as little below nothing as the sensor's offset allows.
    **ina3221("1-0041", "hwmon3", ("CV", 19000, -8), ("VDDRQ", 19000, 10), ("SYS5V", 5000, 300)),
}
XAVIER_NX_L4T_32 = {
    "proc/device-tree/compatible": "nvidia,p3509-0000+p3668-0000\0nvidia,tegra194\0",
    **ina3221x("7-0040", ("VDD_IN", 3600), ("VDD_CPU_GPU_CV", 640), ("VDD_SOC", 880)),
}
TWO_SOCKETS = {
    **rapl("intel-rapl:0", "package-0", 1_000_000),
    **rapl("intel-rapl:0:0", "dram", 5_000_000),
    **rapl("intel-rapl:1", "package-1", 2_000_000),
    **rapl("intel-rapl:1:0", "dram", 6_000_000),
    **rapl("intel-rapl:2", "psys", 9_000_000),
    **rapl("intel-rapl-mmio:0", "package-0", 77),
}
RAIL = f"{I2C}/1-0040/hwmon/hwmon1"
ZONE = "sys/class/powercap/intel-rapl:0"


def write(path: Path, value: object) -> None:
    """Change a file as the kernel does: nobody sees it empty."""
    new = path.with_name(f".{path.name}")
    new.write_text(f"{value}\n")
    new.replace(path)


@contextmanager
def changing(path: Path, *values: int, every: float = 0.002) -> Iterator[None]:
    """Let the values of a file follow each other, over and over."""
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.wait(every):
            number += 1
            write(path, values[number % len(values)])

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of root, for whom every file can be read."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
