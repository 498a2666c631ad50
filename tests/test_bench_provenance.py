"""What a result says of its machine, from made trees and from this one."""

import re

import pytest
from bench_documents import document
from machine_trees import AGX_ORIN_6_2, DESKTOP_4090, tree

from h2ot_edge import system
from h2ot_edge.benchmarks.bench.provenance import command_words, machine_of, without_folders
from h2ot_edge.benchmarks.bench.results import check_document
from h2ot_edge.system import CpuClock

CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"
ORIN = {
    **AGX_ORIN_6_2,
    f"{CPUFREQ}/scaling_governor": "schedutil\n",
    f"{CPUFREQ}/scaling_min_freq": "729600\n",
    f"{CPUFREQ}/scaling_max_freq": "2201600\n",
    f"{CPUFREQ}/scaling_cur_freq": "1728000\n",
    "proc/meminfo": "MemTotal:       64349392 kB\nMemFree:        60000000 kB\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "51406\n",
    "sys/class/thermal/thermal_zone1/type": "cv0-thermal\n",
    "sys/class/thermal/thermal_zone2/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone2/temp": "48000\n",
    "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device0/temp": "3\n",
}


def test_a_jetson(tmp_path):
    machine = machine_of(root=tree(tmp_path, ORIN))
    module = "NVIDIA Jetson AGX Orin Developer Kit (p3701-0005)"
    assert machine["jetson"] == {"module": module, "l4t": "36.4.3", "jetpack": "6.2"}
    assert (machine["name"], machine["platform"]) == (module, "jetson")
    assert machine["power_mode"] == {"name": "MODE_30W", "number": 2}
    assert machine["memory_mib"] == 62841
    assert machine["temperatures_c"] == {"cpu-thermal": 51.406}
    clock = {"governor": "schedutil", "min_mhz": 729.6, "max_mhz": 2201.6, "now_mhz": 1728.0}
    assert {name: machine["cpu"][name] for name in clock} == clock
    check_document(document(machine=machine), "here")


@pytest.mark.parametrize("files", [DESKTOP_4090, {}], ids=["desktop", "nothing"])
def test_other_machines(tmp_path, files):
    machine = machine_of(root=tree(tmp_path, files))
    assert (machine["jetson"], machine["gpu"], machine["power_mode"]) == (None, None, None)
    assert machine["name"] == (system.cpu_model(tmp_path) or system.platform_tag(tmp_path))
    check_document(document(machine=machine), "here")


def test_a_clock_that_is_told_in_cpuinfo_only(tmp_path):
    root = tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\ncpu MHz\t\t: 2596.136\n"})
    assert system.cpu_clock(root) == CpuClock(None, None, None, 2596.136)


def test_this_machine():
    machine = machine_of()
    check_document(document(machine=machine), "here")
    assert machine["cpu"]["cores"] >= 1
    assert re.fullmatch(r"3\.\d+\.\d+", machine["versions"]["python"])


def test_a_gpu_that_cannot_be_asked_is_not_known():
    assert machine_of("cuda:7")["gpu"] is None


def test_of_paths_only_the_last_part_is_told():
    words = ["h2ot-bench", "/home/joe/x.onnx", "--out=/a/b/c", "C:\\me\\y.onnx", "0:27,1:9"]
    assert command_words(words) == ["h2ot-bench", "x.onnx", "--out=...", "y.onnx", "0:27,1:9"]
    words = ["--out", "/home/john", "--clips", "/home/john doe/my clips/x.npz", "--data=/a=b/c.npz"]
    assert command_words(words) == ["--out", "...", "--clips", "x.npz", "--data=c.npz"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/joe/w.bin: a pickle", "w.bin: a pickle"),
        ("C:\\me\\w.bin holds 1/2 of it", "w.bin holds 1/2 of it"),
        ("nothing to hide, 5 ms", "nothing to hide, 5 ms"),
    ],
)
def test_messages_name_no_folder(text, told):
    assert without_folders(text) == told
