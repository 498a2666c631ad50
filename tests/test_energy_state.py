"""What a machine's power is set to, and what slows it down, from made trees of files."""

import pytest
from machine_trees import NVPMODEL, tree
from power_trees import (
    AGX_ORIN,
    AGX_XAVIER,
    GPU,
    I2C,
    ORIN_NANO,
    clocks,
    over_currents,
    thermal,
    write,
)

from h2ot_edge.benchmarks.energy import (
    PowerState,
    clocks_locked,
    power_state,
    throttle_events,
    throttled,
)
from h2ot_edge.system import PowerMode

SENSOR = f"{I2C}/1-0040/hwmon/hwmon3"


def warm(*counts):
    """Counters of x86, core and package of each CPU."""
    folder = "sys/devices/system/cpu/cpu{}/thermal_throttle/{}_throttle_count"
    return {
        folder.format(cpu, part): f"{count}\n"
        for cpu, pair in enumerate(counts)
        for part, count in zip(("core", "package"), pair, strict=True)
    }


def test_state_of_an_agx_orin(tmp_path):
    assert power_state(tree(tmp_path, AGX_ORIN)) == PowerState(
        PowerMode("MODE_30W", 2), False, {"cpu-thermal": 52.968, "gpu-thermal": 47.625}
    )
    assert throttled(tmp_path) == []


def test_state_of_an_orin_nano_after_jetson_clocks(tmp_path):
    assert power_state(tree(tmp_path, ORIN_NANO)) == PowerState(PowerMode("15W", 0), True, {})
    assert throttled(tmp_path) == []


def test_state_of_a_machine_that_tells_nothing(tmp_path):
    assert power_state(tmp_path) == PowerState(None, None, {})
    assert (throttle_events(tmp_path), throttled(tmp_path, {})) == ({}, [])


@pytest.mark.parametrize(
    ("files", "locked"),
    [
        (AGX_XAVIER, False),
        (AGX_XAVIER | clocks(2, 1, 1, 1), False),
        ({n: t for n, t in ORIN_NANO.items() if "cpufreq" not in n}, None),
        (ORIN_NANO | clocks(1, 729600, 1728000, 1728000), False),
        ({n: t for n, t in ORIN_NANO.items() if not n.startswith(GPU)}, None),
        (clocks(2, 800, 800, 800), True),
        (clocks(2, 800, 4000, 800), False),
    ],
)
def test_whether_clocks_are_locked(tmp_path, files, locked):
    assert clocks_locked(tree(tmp_path, files)) is locked


def test_alarms_of_currents(tmp_path):
    root = tree(tmp_path, AGX_ORIN)
    write(root / SENSOR / "curr1_max_alarm", 1)
    write(root / SENSOR / "curr3_crit_alarm", 1)
    write(root / SENSOR / "curr4_crit_alarm", 1)
    (root / SENSOR / "in3_label").unlink()
    assert throttled(root) == [
        "current of VDD_GPU_SOC: max alarm",
        "current of rail 3: crit alarm",
        "current of all rails: crit alarm",
    ]


def test_cooling_devices_that_slow_down_and_a_fan_that_does_not(tmp_path):
    cooling = {"pwm-fan": 3, "gpu-throttle-alert": 1, "hot-surface-alert": 1, "cpufreq-cpu0": 2}
    more = {"thermal-devfreq-0": 1, "cpu-throttle-alert": 0, "intel_powerclamp": -1}
    assert throttled(tree(tmp_path, thermal({}, cooling | more))) == [
        "cooling by gpu-throttle-alert: state 1",
        "cooling by cpufreq-cpu0: state 2",
        "cooling by thermal-devfreq-0: state 1",
    ]


def test_clocks_that_are_not_where_they_are_locked(tmp_path):
    root = tree(tmp_path, ORIN_NANO | clocks(2, 1728000, 1728000, 1190400))
    write(root / GPU / "cur_freq", 612000000)
    assert throttled(root) == [
        "clock of 2 of 6 CPUs: 1190 MHz, locked to 1728 MHz",
        "clock of the GPU: 612 MHz, locked to 1020 MHz",
    ]


def test_clocks_a_little_lower_or_not_locked_are_as_they_should_be(tmp_path):
    root = tree(tmp_path, ORIN_NANO | clocks(6, 1728000, 1728000, 1700000))
    write(root / GPU / "cur_freq", 1000000000)
    assert throttled(root) == []
    assert throttled(tree(tmp_path / "x86", clocks(4, 3000, 3000, 800))) == []


def test_over_currents_count_from_before_the_run(tmp_path):
    root = tree(tmp_path, AGX_ORIN)
    before = throttle_events(root)
    assert before == {
        "under-voltage events": 0,
        "mean over-current events": 15,
        "momentary over-current events": 37,
    }
    assert throttled(root, before) == []
    tree(root, over_currents(1, 15, 40))
    assert throttled(root) == []
    assert throttled(root, before) == [
        "under-voltage events: 1 during the run",
        "momentary over-current events: 3 during the run",
    ]


def test_counters_of_x86(tmp_path):
    root = tree(tmp_path, warm((3, 7), (4, 7)))
    before = throttle_events(root)
    assert before == {"times a CPU core was too warm": 7, "times a CPU package was too warm": 14}
    tree(root, warm((5, 7), (4, 7)))
    assert throttled(root, before) == ["times a CPU core was too warm: 2 during the run"]


def test_events_that_could_not_be_read_before_are_none(tmp_path):
    root = tree(tmp_path, over_currents(0, 0, 9))
    assert throttled(root, {}) == []


def test_files_with_garbage_slow_nothing_down(tmp_path):
    odd = {name: "\xff\0?" for name in AGX_ORIN if name.startswith("sys/") and "name" not in name}
    root = tree(tmp_path, {**AGX_ORIN, **odd, NVPMODEL: "#!/bin/sh\nexit 1\n"})
    assert power_state(root) == PowerState(None, None, {})
    assert (throttle_events(root), throttled(root, {})) == ({}, [])
