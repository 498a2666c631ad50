"""Facts about machines, from made trees of files and from this machine."""

import platform
import random
import time

import pytest
from machine_trees import (
    AGX_ORIN_6_2,
    DESKTOP_4090,
    DESKTOP_DRIVER,
    L4T_36_4_3,
    NVPMODEL,
    ORIN_NANO_7_2,
    TEGRA_DRIVER,
    XAVIER_5_1,
    tree,
)

from h2ot_edge import system
from h2ot_edge.system import Clock, Jetson, PowerMode

ALL = (
    system.jetson,
    system.platform_tag,
    system.driver_version,
    system.power_mode,
    system.power_modes,
    system.gpu_clock,
    system.cpu_model,
    system.os_name,
)
RELEASE, MODEL = "etc/nv_tegra_release", "proc/device-tree/model"
COMPATIBLE, FAMILY = "proc/device-tree/compatible", "sys/devices/soc0/family"
DRIVER, GPU = "proc/driver/nvidia/version", "sys/class/devfreq/17000000.gpu"


def facts(root):
    return tuple(read(root) for read in ALL)


# machines


def test_agx_orin_with_jetpack_6_2(tmp_path):
    assert facts(tree(tmp_path, AGX_ORIN_6_2)) == (
        Jetson("NVIDIA Jetson AGX Orin Developer Kit", "36.4.3", "6.2"),
        "jetson",
        "540.4.0",
        PowerMode("MODE_30W", 2),
        (PowerMode("MAXN", 0), PowerMode("MODE_15W", 1), PowerMode("MODE_30W", 2)),
        Clock(306000000, 1300500000),
        None,
        "Ubuntu 22.04.5 LTS",
    )


def test_orin_nano_with_jetpack_7_2(tmp_path):
    root = tree(tmp_path, ORIN_NANO_7_2)
    module = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
    assert system.jetson(root) == Jetson(module, "39.2.0", "7.2")
    assert system.power_mode(root) == PowerMode("15W", 0)
    assert PowerMode("MAXN_SUPER", 2) in system.power_modes(root)
    assert system.gpu_clock(root) == Clock(1020000000, 1020000000)


def test_xavier_with_jetpack_5_1(tmp_path):
    root = tree(tmp_path, XAVIER_5_1)
    assert system.jetson(root) == Jetson("Jetson-AGX", "35.4.1", "5.1.2")
    assert system.gpu_clock(root) == Clock(114750000, 1377000000)
    assert system.power_mode(root) is None


def test_a_desktop(tmp_path, monkeypatch):
    root = tree(tmp_path, DESKTOP_4090)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert facts(root) == (
        *(None, "linux-x86_64", "550.54.15", None, (), None),
        *("AMD Ryzen 9 7950X 16-Core Processor", "Ubuntu 24.04 LTS"),
    )


@pytest.mark.parametrize(
    ("name", "machine", "tag"),
    [
        ("Linux", "aarch64", "linux-aarch64"),
        ("Windows", "AMD64", "windows-x86_64"),
        ("Darwin", "arm64", "darwin-aarch64"),
    ],
)
def test_machines_have_one_name_on_every_system(tmp_path, monkeypatch, name, machine, tag):
    monkeypatch.setattr(platform, "system", lambda: name)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert system.platform_tag(tmp_path) == tag


def test_this_machine():
    assert system.platform_tag() == system.platform_tag(system.ROOT)
    assert system.os_name() == platform.freedesktop_os_release()["PRETTY_NAME"]
    if system.jetson() is None and (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        assert system.platform_tag() == "linux-x86_64"
        assert system.cpu_model()


# Jetsons


@pytest.mark.parametrize(
    ("major", "revision", "jetpack"),
    [
        (35, "2.1", "5.1"),
        (35, "3.1", "5.1.1"),
        (35, "4.1", "5.1.2"),
        (35, "5.0", "5.1.3-5.1.6"),
        (35, "6.4", "5.1.3-5.1.6"),
        (36, "3.0", "6.0"),
        (36, "4.0", "6.1"),
        (36, "4.2", "6.1"),
        (36, "4.3", "6.2"),
        (36, "4.4", "6.2.1"),
        (36, "4.7", "6.2.1"),
        (36, "5.0", "6.2.2"),
        (38, "2.1", "7.0"),
        (38, "4.0", "7.1"),
        (39, "2.0", "7.2"),
        (39, "2.1", "7.2.1"),
        (32, "7.1", None),
        (36, "4.9", None),
        (36, "30.0", None),
        (99, "1.0", None),
    ],
)
def test_jetpack_is_known_by_its_l4t(tmp_path, major, revision, jetpack):
    line = f"# R{major} (release), REVISION: {revision}, GCID: 1, BOARD: generic\n"
    root = tree(tmp_path, {RELEASE: line})
    assert system.jetson(root) == Jetson(None, f"{major}.{revision}", jetpack)


@pytest.mark.parametrize(
    "files",
    [
        {COMPATIBLE: "nvidia,p3768-0000\0nvidia,tegra234\0"},
        {FAMILY: "Tegra\n"},
        {COMPATIBLE: "nvidia,tegra264\0", RELEASE: "# R36 (release), REVIS"},
    ],
)
def test_a_container_may_hide_the_release(tmp_path, files):
    root = tree(tmp_path, files)
    assert system.jetson(root) == Jetson(None, None, None)
    assert system.platform_tag(root) == "jetson"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {RELEASE: ""},
        {RELEASE: "# R36 (release)\n"},
        {RELEASE: L4T_36_4_3[:30]},  # "REVISION: 4." of 4.3 would be another release
        {RELEASE: b"\x7fELF\x02\x01\x01\0\xff\xfe"},
        {COMPATIBLE: "raspberrypi,4-model-b\0brcm,bcm2711\0", MODEL: "Raspberry Pi 4\0"},
        {FAMILY: "Snapdragon\n"},
    ],
)
def test_other_machines_are_no_jetson(tmp_path, files):
    assert system.jetson(tree(tmp_path, files)) is None


def test_every_way_to_cut_off_a_release_is_seen(tmp_path):
    whole = L4T_36_4_3.index("4.3,") + len("4.3,")
    for length in range(whole):
        root = tree(tmp_path, {RELEASE: L4T_36_4_3[:length]})
        assert system.jetson(root) is None, L4T_36_4_3[:length]


@pytest.mark.parametrize("model", [b"", b"\0", b"\xff\xfe\0", b"two\nlines", b"a\0b\0"])
def test_a_model_that_is_no_text_is_none(tmp_path, model):
    root = tree(tmp_path, {MODEL: model, COMPATIBLE: "nvidia,tegra234"})
    assert system.jetson(root) == Jetson(None, None, None)


# the driver


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (DESKTOP_DRIVER, "550.54.15"),
        (TEGRA_DRIVER, "540.4.0"),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.142  Release Build\n",
            "580.142",
        ),
        (DESKTOP_DRIVER[: DESKTOP_DRIVER.index("54.15") + 1], None),
        ("GCC version:  gcc version 12.3.0\n", None),
        ("NVRM version: ", None),
        (b"\0\xff\x80", None),
    ],
)
def test_the_driver_is_read_from_either_kernel_module(tmp_path, text, version):
    assert system.driver_version(tree(tmp_path, {DRIVER: text})) == version


# power and clocks


@pytest.mark.parametrize(
    ("script", "mode"),
    [
        ("#!/bin/sh\necho 'NV Power Mode: MAXN'\necho 0\n", PowerMode("MAXN", 0)),
        ("#!/bin/sh\necho 'NV Power Mode: MAXN'\n", None),
        ("#!/bin/sh\nexit 1\n", None),
        ("#!/bin/sh\nprintf '\\377\\000'\n", None),
        ("#!/no/such/shell\n", None),
        (b"\x7fELF", None),
        ('#!/bin/sh\n[ "$1" = -q ] && echo "NV Power Mode: 25W" && echo 1\n', PowerMode("25W", 1)),
    ],
)
def test_the_power_mode_is_what_nvpmodel_says(tmp_path, script, mode):
    assert system.power_mode(tree(tmp_path, {NVPMODEL: script})) == mode


def test_an_nvpmodel_that_hangs_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "_PATIENCE", 0.2)
    root = tree(tmp_path, {NVPMODEL: "#!/bin/sh\nexec sleep 60\n"})
    start = time.perf_counter()
    assert system.power_mode(root) is None
    assert time.perf_counter() - start < 30


def test_an_nvpmodel_that_may_not_be_run_is_none(tmp_path):
    root = tree(tmp_path, {NVPMODEL: "#!/bin/sh\necho 'NV Power Mode: MAXN'\necho 0\n"})
    (root / NVPMODEL).chmod(0o644)
    assert system.power_mode(root) is None


@pytest.mark.parametrize(
    ("files", "clock"),
    [
        ({"min_freq": "1\n", "max_freq": "2\n"}, Clock(1, 2)),
        ({"min_freq": "1\n"}, None),
        ({"min_freq": "1\n", "max_freq": ""}, None),
        ({"min_freq": "-1\n", "max_freq": "many\n"}, None),
        ({"min_freq": "9" * 5000, "max_freq": "1"}, None),
    ],
)
def test_a_clock_has_two_ends(tmp_path, files, clock):
    root = tree(tmp_path, {f"{GPU}/{name}": text for name, text in files.items()})
    assert system.gpu_clock(root) == clock


def test_a_thor_has_its_gpu_under_another_name(tmp_path):
    folder = "sys/class/devfreq/gpu-gpc-0"
    root = tree(tmp_path, {f"{folder}/min_freq": "1", f"{folder}/max_freq": "1"})
    assert system.gpu_clock(root) == Clock(1, 1)


@pytest.mark.parametrize(("low", "high", "locked"), [(5, 5, True), (4, 5, False)])
def test_a_clock_is_locked_if_it_cannot_move(low, high, locked):
    assert Clock(low, high).locked is locked


# odd files


def test_folders_in_the_place_of_files_are_nothing(tmp_path):
    for name in AGX_ORIN_6_2:
        (tmp_path / name).mkdir(parents=True)
    assert facts(tmp_path)[2:] == (None, None, (), None, None, None)
    assert system.jetson(tmp_path) is None


def test_noise_in_files_raises_nothing(tmp_path):
    noise = random.Random(0)
    names = [name for name in (*AGX_ORIN_6_2, FAMILY) if name != NVPMODEL]
    for number in range(0, 60, 4):
        files = {}
        for name in names:
            content = bytearray(AGX_ORIN_6_2.get(name, "Tegra").encode())
            for _ in range(number):
                content.insert(noise.randrange(len(content) + 1), noise.randrange(256))
            files[name] = bytes(content[: noise.randrange(len(content) + 1)])
        found = facts(tree(tmp_path, files))
        assert len(found) == len(ALL)
        assert found[1] == "jetson" if found[0] else found[1] != "jetson"
