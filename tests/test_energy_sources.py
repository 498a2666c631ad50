"""Sources of energy, from made trees of files of machines that are not here."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from machine_trees import tree
from power_trees import (
    AGX_ORIN,
    AGX_XAVIER,
    I2C,
    ORIN_NANO,
    ORIN_NX,
    RAIL,
    TWO_SOCKETS,
    XAVIER_NX_L4T_32,
    ZONE,
    as_nobody,
    ina3221,
    rapl,
    write,
)

from h2ot_edge.benchmarks.energy import Meter, Unmeasured, open_meter, why_not
from h2ot_edge.errors import UnknownName

NO_SENSOR = (
    "this Jetson shows no INA3221 power sensor with named rails; some carrier boards have none, "
    "and some containers hide it"
)
NO_RAPL = (
    "the processor shows no energy counter of a package{}; RAPL is not in virtual machines, in "
    "many containers, and not on Arm"
)


def without(files, *names):
    return {name: text for name, text in files.items() if name not in names}


def unknown_rails(names):
    return (
        f"the power rails {names} are of no board known here; they are not added up, as one may be "
        "part of another"
    )


def refused(root, device="cuda"):
    """Why there is no meter, which both functions agree on."""
    assert open_meter(device, root) is None
    return why_not(device, root)


# Jetson


def test_agx_orin_adds_three_rails_and_not_the_one_inside(tmp_path):
    meter = open_meter("cuda:0", tree(tmp_path, AGX_ORIN))
    assert meter.source == (
        "INA3221 of AGX Orin: VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0 (VDDQ_VDD2_1V8AO inside, "
        "not added)"
    )
    assert meter.rails == ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")
    assert meter.read() == pytest.approx([3.8, 1.9, 3.0])
    assert (meter.counts, meter.hz, meter.shortest_s) == (False, 20.0, 1.0)
    assert meter.throttled() == []
    assert why_not("cuda:0", tmp_path) is None


@pytest.mark.parametrize(("files", "watts"), [(ORIN_NX, 6.5), (ORIN_NANO, 9.250304)])
def test_orin_nx_and_nano_take_the_rail_of_the_whole_module(tmp_path, files, watts):
    meter = open_meter("cpu", tree(tmp_path, files))
    assert meter.source == (
        "INA3221 of Orin NX, Orin Nano or Xavier NX: VDD_IN (VDD_CPU_GPU_CV, VDD_SOC inside, not "
        "added)"
    )
    assert (meter.rails, meter.read()) == (("VDD_IN",), [pytest.approx(watts)])


def test_agx_xavier_adds_six_rails_of_two_sensors(tmp_path):
    meter = open_meter("cuda", tree(tmp_path, AGX_XAVIER))
    assert meter.source == "INA3221 of AGX Xavier: GPU + CPU + SOC + CV + VDDRQ + SYS5V"
    assert meter.read() == pytest.approx([0.19, 0.38, 0.57, -0.152, 0.19, 1.5])


def test_the_driver_of_l4t_32_gives_milliwatts(tmp_path):
    meter = open_meter("cuda", tree(tmp_path, XAVIER_NX_L4T_32))
    assert (meter.rails, meter.read()) == (("VDD_IN",), [3.6])


def test_a_number_of_the_hwmon_does_not_matter_nor_do_other_sensors(tmp_path):
    files = {name.replace("hwmon1", "hwmon17"): text for name, text in ORIN_NX.items()}
    other = {f"{I2C}/1-0044/hwmon/hwmon0/name": "ina219\n", f"{I2C}/1-0044/name": "ina219\n"}
    assert open_meter("cuda", tree(tmp_path, files | other)).rails == ("VDD_IN",)


def test_channels_that_are_off_or_not_connected_are_no_rails(tmp_path):
    second = ina3221("1-0041", "hwmon2", ("NC", 5000, 10), ("OFF", 5000, 10), ("", 5000, 10))
    second[f"{I2C}/1-0041/hwmon/hwmon2/in2_enable"] = "0\n"
    assert why_not("cuda", tree(tmp_path, ORIN_NX | second)) is None


def test_rails_of_an_unknown_board_are_named_and_not_added(tmp_path):
    thor = ina3221("2-0040", "hwmon4", ("VDD_GPU", 12000, 6), ("VDD_CPU_SOC_MSS", 12000, 5), None)
    files = {**without(AGX_ORIN, *(n for n in AGX_ORIN if n.startswith(I2C))), **thor}
    root = tree(tmp_path, files)
    assert refused(root) == unknown_rails("VDD_CPU_SOC_MSS, VDD_GPU")


def test_a_known_board_with_another_rail_is_unknown(tmp_path):
    root = tree(tmp_path, ORIN_NX | ina3221("1-0043", "hwmon9", ("VDD_MUX", 5000, 10)))
    assert refused(root) == unknown_rails("VDD_CPU_GPU_CV, VDD_IN, VDD_MUX, VDD_SOC")


def test_a_board_that_lacks_a_rail_is_unknown(tmp_path):
    root = tree(tmp_path, AGX_ORIN | {f"{I2C}/1-0040/hwmon/hwmon3/in2_enable": "0\n"})
    assert refused(root) == unknown_rails("VDDQ_VDD2_1V8AO, VDD_GPU_SOC, VIN_SYS_5V0")


def test_two_rails_of_a_name(tmp_path):
    root = tree(tmp_path, ORIN_NX | ina3221("1-0041", "hwmon2", ("VDD_IN", 5000, 10)))
    assert refused(root) == "two power rails are called VDD_IN; which is meant is not known"


@pytest.mark.parametrize("garbage", [{}, {f"{RAIL}/name": b"\xff\xfe"}, {f"{RAIL}/in1_label": ""}])
def test_a_jetson_without_sensors_or_with_garbage_for_their_names(tmp_path, garbage):
    kept = {f"{RAIL}/name", f"{RAIL}/in1_label"} & set(garbage)
    files = {n: t for n, t in ORIN_NX.items() if not n.startswith(I2C) or n in kept}
    assert refused(tree(tmp_path, files | garbage)) == NO_SENSOR


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("in1_input", "four", "VDD_IN: in1_input holds 'four', expected a whole number"),
        ("in1_input", "", "VDD_IN: in1_input holds '', expected a whole number"),
        ("curr1_input", "nan", "VDD_IN: curr1_input holds 'nan', expected a whole number"),
        ("curr1_input", None, "VDD_IN: curr1_input cannot be read (No such file or directory)"),
        ("curr1_input", "-100", "VDD_IN: -0.5 W was read, which cannot be (0 to 1000 W)"),
        ("curr1_input", "400000", "VDD_IN: 2000 W was read, which cannot be (0 to 1000 W)"),
        ("in1_input", "-5000", "VDD_IN: -6.5 W was read, which cannot be (0 to 1000 W)"),
    ],
)
def test_readings_that_cannot_be(tmp_path, name, value, reason):
    root = tree(tmp_path, ORIN_NX)
    meter = open_meter("cuda", root)
    (root / RAIL / name).unlink() if value is None else write(root / RAIL / name, value)
    with pytest.raises(Unmeasured) as caught:
        meter.read()
    assert str(caught.value) == refused(root) == reason


# x86


def test_rapl_adds_packages_and_nothing_else(tmp_path):
    meter = open_meter("cpu", tree(tmp_path, TWO_SOCKETS))
    assert meter.source == "RAPL: package-0 + package-1 (not added: dram, psys)"
    assert (meter.rails, meter.read()) == (("package-0", "package-1"), [1.0, 2.0])
    assert (meter.counts, meter.ranges) == (True, (262143.32885, 262143.32885))


def test_rapl_of_a_processor_of_two_dies(tmp_path):
    files = rapl("intel-rapl:0", "package-0-die-0", 5) | rapl("intel-rapl:1", "package-0-die-1", 6)
    meter = open_meter("cpu", tree(tmp_path, files))
    assert meter.source == "RAPL: package-0-die-0 + package-0-die-1"


def test_no_rapl(tmp_path):
    assert refused(tmp_path, "cpu") == NO_RAPL.format("")
    root = tree(tmp_path, rapl("intel-rapl:0", "psys", 1))
    assert refused(root, "cpu") == NO_RAPL.format(" (seen: psys)")


def test_rapl_for_root_alone():
    with tempfile.TemporaryDirectory() as folder:
        root = tree(Path(folder), rapl("intel-rapl:0", "package-0", 1))
        root.chmod(0o755)
        (root / ZONE / "energy_uj").chmod(0)
        with as_nobody():
            assert refused(root, "cpu") == (
                "the processor has RAPL, but only root may read its energy_uj: measure as root, or "
                "first sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
            )


def test_rapl_with_a_counter_that_is_not_there(tmp_path):
    root = tree(tmp_path, without(rapl("intel-rapl:0", "package-0", 1), f"{ZONE}/energy_uj"))
    assert refused(root, "cpu") == (
        "package-0: energy_uj cannot be read (No such file or directory)"
    )


def counter(*ranges):
    rails = tuple(f"package-{n}" for n in range(len(ranges)))
    return Meter(
        source="RAPL", rails=rails, read=list, hz=10, shortest_s=1, counts=True, ranges=ranges
    )


def test_a_counter_that_begins_again_goes_on():
    readings = np.array([[980.0, 5], [995.0, 6], [10.0, 8], [30.0, 8]])
    joules = counter(1000.0, 1000.0).joules(np.arange(4.0), readings)
    np.testing.assert_allclose(joules, [[0, 0], [15, 1], [30, 3], [50, 3]])


def test_a_counter_without_a_range_must_not_go_back():
    with pytest.raises(Unmeasured) as caught:
        counter(1000.0, 0.0).joules(np.arange(2.0), np.array([[1.0, 5], [2, 4]]))
    assert str(caught.value) == "package-1: its counter went back during the run; measure again"


def test_a_counter_that_was_set_back_is_none_that_began_again():
    with pytest.raises(Unmeasured) as caught:
        counter(262144.0).joules(np.arange(2.0) / 10, np.array([[1000.0], [0]]))
    assert str(caught.value) == "package-0: 8.705e+05 W was read, which cannot be (0 to 1000 W)"


def test_power_between_samples_is_a_line():
    meter = Meter(source="", rails=("a", "b"), read=list, hz=10, shortest_s=1)
    joules = meter.joules(np.array([0.0, 1, 3]), np.array([[2.0, 1], [4, 1], [0, 1]]))
    np.testing.assert_allclose(joules, [[0, 0], [3, 1], [7, 3]])


def test_other_devices():
    with pytest.raises(UnknownName) as caught:
        open_meter("dla:0")
    assert (
        str(caught.value) == "no device 'dla:0'; did you mean 'cuda:0'? (known: cpu, cuda, cuda:0)"
    )
