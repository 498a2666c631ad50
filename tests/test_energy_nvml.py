"""Energy of NVIDIA's desktop GPUs, with a stand-in for NVML, as there is none of them here."""

import sys

import pytest
from nvml_stand_in import Gpu, Nvml

from h2ot_edge.benchmarks.energy import Recorder, Unmeasured, open_meter, why_not
from h2ot_edge.benchmarks.energy.nvml import nvml_meter, nvml_watch
from h2ot_edge.benchmarks.energy.sources import open_watch

WHICH = (
    "which GPU of NVML is cuda:{} is not known; set CUDA_DEVICE_ORDER=PCI_BUS_ID, and name whole "
    "GPUs in CUDA_VISIBLE_DEVICES"
)
ONE, TWO = Gpu("GPU-1", millijoules=1000), Gpu("GPU-2", millijoules=2000)
BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@pytest.fixture
def machine(monkeypatch):
    def make(*gpus):
        nvml = Nvml(None if gpus == (None,) else gpus)
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        return nvml

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return make


def test_the_stand_in_has_names_of_the_real_one():
    real = pytest.importorskip("pynvml")
    names = [name for name in vars(Nvml) if name.lower().startswith("nvml")]
    assert len(names) == 14
    for name in names:
        value = getattr(Nvml, name)
        assert hasattr(real, name), name
        assert not isinstance(value, int) or value == getattr(real, name)


def test_without_a_driver():
    real = pytest.importorskip("pynvml")
    try:
        real.nvmlInit()
    except real.NVMLError as error:
        said = str(error)
    else:
        real.nvmlShutdown()
        pytest.skip("there is a driver")
    assert why_not("cuda") == f"NVML, a part of NVIDIA's driver, cannot be used: {said}"


def test_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_meter("cuda", tmp_path) is None
    assert why_not("cuda", tmp_path) == (
        "pynvml cannot be imported (import of pynvml halted; None in sys.modules); "
        "pip install 'h2ot-edge[bench]'"
    )


def test_the_counter_of_a_gpu(machine, tmp_path):
    gpu = Gpu(millijoules=5000, milliwatts=70_000)
    nvml = machine(gpu)
    meter = open_meter("cuda:0", tmp_path)
    assert meter.source == "NVML: energy counter of NVIDIA RTX GPU-0"
    assert (meter.rails, meter.counts, meter.shortest_s) == (("GPU",), True, 2.0)
    gpu.millijoules = 7500
    assert meter.read() == [7.5]
    assert nvml.opened == 1
    meter.close()
    assert why_not("cuda:0", tmp_path) is None
    assert nvml.opened == 0


def test_power_where_there_is_no_counter(machine, tmp_path):
    machine(Gpu(milliwatts=70_500))
    meter = open_meter("cuda", tmp_path)
    assert meter.source == "NVML: mean power of the last second of NVIDIA RTX GPU-0"
    assert (meter.counts, meter.shortest_s, meter.read()) == (False, 5.0, [70.5])


def test_a_gpu_that_tells_nothing_or_stops_to(machine, tmp_path):
    gpu = Gpu()
    nvml = machine(gpu)
    assert why_not("cuda", tmp_path) == "cuda:0 does not tell its power: Not Supported"
    gpu.milliwatts = 4e9
    assert why_not("cuda", tmp_path) == ("GPU: 4e+06 W was read, which cannot be (0 to 1000 W)")
    assert nvml.opened == 0
    gpu.milliwatts = 1
    meter = open_meter("cuda", tmp_path)
    gpu.milliwatts = None
    with pytest.raises(Unmeasured) as caught:
        meter.read()
    assert str(caught.value) == "GPU: NVML stopped telling its power: Not Supported"


def test_what_slows_a_gpu_down(machine, tmp_path):
    gpu = Gpu(millijoules=1)
    machine(gpu)
    meter = open_meter("cuda", tmp_path)
    gpu.reasons = 0x1 | 0x2 | 0x4  # idle, clocks that were set, the cap on power
    assert meter.throttled() == []
    gpu.reasons = 0x8 | 0x20 | 0x40 | 0x80
    assert meter.throttled() == [
        "the GPU is slowed down by its hardware",
        "the GPU is slowed down by its driver, too warm",
        "the GPU is slowed down by its hardware, too warm",
        "the GPU is slowed down by its power supply",
    ]
    gpu.reasons = None
    assert meter.throttled() == []


def test_throttling_of_a_gpu_is_seen_where_no_energy_is_measured(machine, tmp_path):
    gpu = Gpu(reasons=0x20)  # one that does not tell its power
    nvml = machine(gpu)
    with Recorder(None, tmp_path, device="cuda:0") as recorder:
        assert nvml.opened == 1
    assert recorder.slowed == ("the GPU is slowed down by its driver, too warm",)
    assert nvml.opened == 0
    for device in ("cpu", "cuda:1"):
        with Recorder(None, tmp_path, device=device) as recorder:
            pass
        assert recorder.slowed == ()
    assert nvml.opened == 0


def test_a_gpu_that_nobody_can_ask(machine, tmp_path, monkeypatch):
    machine(ONE, TWO)
    with pytest.raises(Unmeasured) as caught:
        nvml_watch(0, {})
    assert str(caught.value) == WHICH.format(0)
    with pytest.raises(Unmeasured) as caught:
        nvml_watch(2, BUS)
    assert str(caught.value) == "cuda:2 cannot be asked: Invalid Argument"
    assert open_watch("cuda:0", tmp_path) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_watch("cuda:0", tmp_path) is None


@pytest.mark.parametrize(
    ("number", "environ", "joules"),
    [
        (0, BUS, 1.0),
        (1, BUS, 2.0),
        (0, {"CUDA_VISIBLE_DEVICES": "1", **BUS}, 2.0),
        (1, {"CUDA_VISIBLE_DEVICES": "1, 0", **BUS}, 1.0),
        (0, {"CUDA_VISIBLE_DEVICES": "GPU-2"}, 2.0),
    ],
)
def test_which_of_two_gpus(machine, number, environ, joules):
    machine(ONE, TWO)
    assert nvml_meter(number, environ).read() == [joules]


@pytest.mark.parametrize(
    ("number", "environ", "reason"),
    [
        (0, {}, WHICH.format(0)),
        (1, {"CUDA_VISIBLE_DEVICES": "0", **BUS}, WHICH.format(1)),
        (0, {"CUDA_VISIBLE_DEVICES": "MIG-7", **BUS}, WHICH.format(0)),
        (0, {"CUDA_VISIBLE_DEVICES": "GPU-3"}, "cuda:0 does not tell its power: Not Found"),
        (2, BUS, "cuda:2 does not tell its power: Invalid Argument"),
    ],
)
def test_a_gpu_that_cannot_be_told_apart(machine, number, environ, reason):
    nvml = machine(ONE, TWO)
    with pytest.raises(Unmeasured) as caught:
        nvml_meter(number, environ)
    assert str(caught.value) == reason
    assert nvml.opened == 0


def test_one_gpu_is_the_first_whatever_the_order(machine):
    machine(ONE)
    assert nvml_meter(0, {}).read() == [1.0]
