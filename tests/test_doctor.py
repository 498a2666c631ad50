"""What is found on machines: these, made ones, and this one."""

import json
import os
import sys
from importlib.metadata import version

import pytest
from doctor_machines import (
    NO_DRIVER,
    NOT_INSTALLED,
    ORIN,
    ORT_GPU,
    RTX_4090,
    cuda,
    jetson,
    machine,
    no_cuda,
)
from machine_trees import AGX_ORIN_6_2, DESKTOP_4090, ORIN_NANO_7_2, XAVIER_5_1, tree

from h2ot_edge import __version__, doctor, system
from h2ot_edge.doctor import ROADS, Diagnosis, Finding, asking, examine, examine_road
from h2ot_edge.doctor.asking import Answer
from h2ot_edge.doctor.gpus import gpu
from h2ot_edge.doctor.machine import look_at
from h2ot_edge.errors import UnknownName
from h2ot_edge.system import Clock, Jetson, PowerMode

NO_GPU_HERE = pytest.mark.skipif(system.driver_version() is not None, reason="there is a GPU")

# the GPU


@pytest.mark.parametrize(
    ("on", "state", "why", "fix"),
    [
        (
            machine({"cuda": cuda(RTX_4090, driver="12.8")}),
            "works",
            "NVIDIA GeForce RTX 4090, through cuda-python 12.6.0 and a driver for CUDA 12.8",
            None,
        ),
        (
            machine({"cuda": NO_DRIVER}),
            "not here",
            "no NVIDIA driver is loaded",
            "install NVIDIA's driver; in a container, start it with docker run --gpus all",
        ),
        (
            machine({"cuda": NO_DRIVER}, driver="550.54.15"),
            "broken",
            "driver 550.54.15 is loaded, and its libcuda.so.1 is not found",
            "in a container, start it with docker run --gpus all",
        ),
        (
            jetson({"cuda": NO_DRIVER}),
            "not here",
            "no NVIDIA driver is loaded",
            "in a container, start it with docker run --runtime nvidia",
        ),
        (
            machine({"cuda": no_cuda("cudaErrorInsufficientDriver", "", driver="12.4")}),
            "broken",
            "the driver is for CUDA 12.4, too old for cuda-python 13.4.4, which is for CUDA 13.4",
            "update the driver, or pip install 'cuda-python<12.5'",
        ),
        (
            jetson({"cuda": no_cuda("cudaErrorInsufficientDriver", "", driver="12.6")}),
            "broken",
            "the driver is for CUDA 12.6, too old for cuda-python 13.4.4, which is for CUDA 13.4",
            "pip install 'cuda-python<12.7'",
        ),
        (
            jetson({"cuda": no_cuda("cudaErrorInsufficientDriver", "", driver="11.4")}),
            "broken",
            "the driver is for CUDA 11.4, too old for cuda-python 13.4.4, which is for CUDA 13.4",
            "pip install 'cuda-python<12'",
        ),
        (
            machine({"cuda": no_cuda("cudaErrorNoDevice", "no CUDA-capable device")}),
            "not here",
            "the driver shows no GPU",
            "see whether nvidia-smi lists one",
        ),
        (
            machine({"cuda": cuda()}),
            "not here",
            "the driver shows no GPU",
            "see whether nvidia-smi lists one",
        ),
        (
            machine({"cuda": no_cuda("cudaErrorNoDevice", "no CUDA-capable device")}, hidden=""),
            "not here",
            "the driver shows no GPU; CUDA_VISIBLE_DEVICES is ''",
            "unset CUDA_VISIBLE_DEVICES, or set it to a number that nvidia-smi lists",
        ),
        (
            jetson({"cuda": no_cuda("cudaErrorNoDevice", "no CUDA-capable device")}),
            "broken",
            "the driver shows no GPU",
            "sudo usermod -aG video $USER and log in again; in a container, --group-add video",
        ),
        (
            machine({"cuda": no_cuda("cudaErrorSystemDriverMismatch", "unlike the driver")}),
            "broken",
            "CUDA does not start: unlike the driver (cudaErrorSystemDriverMismatch)",
            "see what nvidia-smi says; after an update of the driver, start the machine again",
        ),
        (
            machine(driver="550.54.15"),
            "not here",
            "neither cuda-python nor pycuda is installed, so CUDA cannot be asked",
            "pip install 'h2ot-edge[cuda]'",
        ),
        (
            machine(),
            "not here",
            "no NVIDIA driver is loaded, and neither cuda-python nor pycuda is installed, so CUDA "
            "cannot be asked",
            "install NVIDIA's driver; in a container, start it with docker run --gpus all",
        ),
        (
            jetson(),
            "not here",
            "neither cuda-python nor pycuda is installed, so CUDA cannot be asked",
            "pip install 'cuda-python<12.7'",
        ),
        (
            jetson(l4t="36.3.0"),
            "not here",
            "neither cuda-python nor pycuda is installed, so CUDA cannot be asked",
            "pip install 'cuda-python<12.3'",
        ),
        (
            jetson(l4t="39.2.0"),
            "not here",
            "neither cuda-python nor pycuda is installed, so CUDA cannot be asked",
            "pip install 'cuda-python<13.3'",
        ),
        (
            jetson(l4t=None),
            "not here",
            "neither cuda-python nor pycuda is installed, so CUDA cannot be asked",
            "pip install 'h2ot-edge[cuda]'",
        ),
        (
            machine({"cuda": Answer(why="libcurand.so.10: cannot open shared object file")}),
            "broken",
            "CUDA's binding: libcurand.so.10: cannot open shared object file",
            "pip install 'h2ot-edge[cuda]' --force-reinstall",
        ),
        (
            jetson({"cuda": Answer(why="libcuda.so.1: cannot open shared object file")}),
            "not here",
            "no NVIDIA driver is loaded",
            "in a container, start it with docker run --runtime nvidia",
        ),
    ],
)
def test_the_gpu(on, state, why, fix):
    assert gpu(on) == Finding("gpu", "NVIDIA GPU", state, why, fix)


# notes


def notes(on):
    """What is found beside the GPU and the roads."""
    return [found for found in doctor._findings(on) if found.name not in {"gpu", *ROADS}]


def test_there_are_no_notes_on_a_good_machine():
    assert notes(machine()) == []
    locked = Clock(1300500000, 1300500000)
    assert notes(jetson(power_mode=PowerMode("MAXN", 0), clock=locked)) == []
    assert notes(machine(clock=Clock(1, 2))) == [], "of a Mali, say"


@pytest.mark.parametrize("python", ["3.9.2", "3.13.1", "3.14.0"])
def test_another_python_is_said(python):
    why = f"this is {python}; h2ot-edge is tested on 3.10 to 3.12"
    fix = "make a virtual environment with Python 3.12"
    assert notes(machine(python=python)) == [Finding("python", "Python", "warning", why, fix)]


@pytest.mark.parametrize(("on", "extra"), [(machine, "ort-gpu"), (jetson, "ort")])
def test_two_wheels_in_one_place_are_said(on, extra):
    wheels = {"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"}
    why = "onnxruntime and onnxruntime-gpu are both installed, and overwrite each other's files"
    fix = f"pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'h2ot-edge[{extra}]'"
    found = notes(on({"onnxruntime": Answer(facts={**ORT_GPU.facts, "wheels": wheels})}))
    assert found == [Finding("onnxruntime-wheels", "onnxruntime", "warning", why, fix)]


MODES = (PowerMode("15W", 0), PowerMode("25W", 1), PowerMode("MAXN_SUPER", 2))


@pytest.mark.parametrize(
    ("modes", "fix"),
    [
        (MODES, "sudo nvpmodel -m 2 (MAXN_SUPER)"),
        ((PowerMode("MAXN", 3), *MODES), "sudo nvpmodel -m 2 (MAXN_SUPER)"),
        ((PowerMode("MAXN", 0), PowerMode("15W", 1)), "sudo nvpmodel -m 0 (MAXN)"),
        ((), "sudo nvpmodel -m N, N being the ID of MAXN in /etc/nvpmodel.conf"),
    ],
)
def test_a_module_that_is_held_back_is_said(modes, fix):
    why = "15W (mode 0) holds the module back"
    found = notes(jetson(power_mode=PowerMode("15W", 0), power_modes=modes))
    assert found == [Finding("power-mode", "power mode", "warning", why, fix)]


def test_a_module_without_maxn_is_not_held_back():
    modes = (PowerMode("15W", 0), PowerMode("7W", 1))
    assert notes(jetson(power_mode=PowerMode("15W", 0), power_modes=modes)) == []


def test_a_clock_that_moves_is_said():
    why = "moves between 306 and 1300 MHz, so what is measured does too"
    fix = "sudo jetson_clocks (until the next start)"
    found = notes(jetson(clock=Clock(306000000, 1300500000)))
    assert found == [Finding("gpu-clock", "GPU clock", "warning", why, fix)]


# machines from their files


def test_a_jetson_is_read_from_its_files(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    on = look_at(tree(tmp_path, AGX_ORIN_6_2), {})
    assert on.jetson == Jetson("NVIDIA Jetson AGX Orin Developer Kit", "36.4.3", "6.2")
    assert (on.platform, on.driver, on.bindings) == ("jetson", "540.4.0", ("3.10",))
    assert (on.power_mode, on.power_modes[0]) == (PowerMode("MODE_30W", 2), PowerMode("MAXN", 0))
    assert (on.clock, on.hidden) == (Clock(306000000, 1300500000), "0")
    assert (on.os, on.cpu) == ("Ubuntu 22.04.5 LTS", None)


@pytest.mark.parametrize(
    ("files", "bindings"),
    [
        (XAVIER_5_1, ("3.8",)),
        (ORIN_NANO_7_2, ()),
        (DESKTOP_4090, ()),
        ({"usr/local/lib/python3.12/dist-packages/tensorrt/__init__.py": ""}, ("3.12",)),
    ],
)
def test_jetpacks_bindings_are_found(tmp_path, files, bindings):
    assert look_at(tree(tmp_path, files), {}).bindings == bindings


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        ("include-system-site-packages = true\n", "with system packages"),
        ("include-system-site-packages = false\n", "isolated"),
        (None, "isolated"),
    ],
)
def test_the_kind_of_environment(tmp_path, monkeypatch, settings, environment):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    if settings is not None:
        (tmp_path / "pyvenv.cfg").write_text(f"home = /usr/bin\n{settings}version = 3.10.12\n")
    assert look_at(tmp_path, {}).environment == environment
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert look_at(tmp_path, {}).environment is None


def test_wheels_of_tensorrt_are_found(tmp_path, monkeypatch):
    names = ("tensorrt_cu13_libs", "tensorrt-cu12", "tensorrt_rtx_cu13", "tensorrt", "torch")
    for name in names:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert look_at(tmp_path, {}).wheels == ("tensorrt-cu12", "tensorrt_cu13_libs")


# this machine


@pytest.fixture(scope="module")
def here():
    """What is found on this machine, and in how many seconds of its CPU."""
    start = cpu_seconds()
    return examine(), cpu_seconds() - start


def cpu_seconds():
    """Of this process and of those it waited for; a busy machine takes as many."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def found_here(here, name):
    (found,) = (found for found in here[0].findings if found.name == name)
    return found.state, found.why, found.fix


def test_it_is_quick(here):
    assert here[1] < asking.PATIENCE, "one second or two"


def test_onnxruntime_runs_here(here):
    ort = pytest.importorskip("onnxruntime")
    why = f"ONNX Runtime {ort.__version__} ran a graph"
    assert found_here(here, "onnxruntime-cpu") == ("works", why, None)
    assert "onnxruntime-cpu" in [found.name for found in here[0].runs_on]


def test_tensorrt_rtx_builds_here(here):
    trt = pytest.importorskip("tensorrt_rtx")
    names = [name for name in trt.ComputeCapability.__members__ if name.startswith("SM")]
    why = f"{trt.__version__}, with or without a GPU, for {', '.join(names)}"
    assert found_here(here, "tensorrt-rtx-build") == ("works", why, None)


@NO_GPU_HERE
def test_there_is_no_gpu_here(here):
    pytest.importorskip("cuda.bindings.runtime")
    fix = "install NVIDIA's driver; in a container, start it with docker run --gpus all"
    assert found_here(here, "gpu") == ("not here", "no NVIDIA driver is loaded", fix)
    needed = ("not here", "needs an NVIDIA GPU: no NVIDIA driver is loaded", None)
    for name in ("onnxruntime-cuda", "onnxruntime-tensorrt", "tensorrt", "tensorrt-build"):
        assert found_here(here, name) == needed
    assert here[0].machine.fact("cuda", "error") == "cudaErrorInsufficientDriver"


@pytest.mark.gpu
@pytest.mark.skipif(system.driver_version() is None, reason="there is no GPU")
def test_there_is_a_gpu_here(here):
    state, why, _ = found_here(here, "gpu")
    assert state == "works"
    assert here[0].machine.gpus[0]["name"] in why


def test_a_diagnosis_is_plain_data(here):
    document = json.loads(json.dumps(here[0].to_dict()))
    assert set(document) == {"schema_version", "runs_on", "facts", "findings"}
    assert document["schema_version"] == 1
    assert document["runs_on"] == [found.name for found in here[0].runs_on]
    names = [found["name"] for found in document["findings"]]
    assert names[: 1 + len(ROADS)] == ["gpu", *ROADS]
    assert set(document["findings"][0]) == {"name", "what", "state", "why", "fix"}
    facts = document["facts"]
    assert (facts["h2ot_edge"], facts["numpy"]) == (__version__, version("numpy"))
    assert facts["python"] == ".".join(str(number) for number in sys.version_info[:3])


def test_facts_of_a_jetson_are_plain_data(tmp_path):
    answers = {"cuda": cuda(ORIN), "tensorrt": Answer(facts={"version": "10.3.0"})}
    facts = look_at(tree(tmp_path, AGX_ORIN_6_2), answers).to_dict()
    assert facts["jetson"] == {
        "module": "NVIDIA Jetson AGX Orin Developer Kit",
        "l4t": "36.4.3",
        "jetpack": "6.2",
    }
    assert facts["power_mode"] == {"name": "MODE_30W", "number": 2}
    assert facts["gpu_clock"] == {
        "min_hz": 306000000,
        "max_hz": 1300500000,
        "locked": False,
    }
    assert (facts["gpus"], facts["tensorrt"], facts["tensorrt_rtx"]) == ([ORIN], "10.3.0", None)
    assert facts["onnxruntime"] == {"version": None, "wheels": None, "providers": None}
    assert facts == json.loads(json.dumps(facts))


def test_a_model_runs_where_a_road_that_runs_one_works():
    states = {"onnxruntime-cpu": "broken", "tensorrt-rtx": "warning", "export": "works"}
    findings = tuple(Finding(name, "", state, "") for name, state in states.items())
    runs = Diagnosis(machine(), findings).runs_on
    assert [found.name for found in runs] == ["tensorrt-rtx"]


def test_one_road_asks_only_what_it_needs(monkeypatch):
    asked_for = []

    def ask_and_note(names):
        asked_for.extend(names)
        return dict.fromkeys(names, NOT_INSTALLED)

    monkeypatch.setattr(doctor, "ask", ask_and_note)
    for name, road in ROADS.items():
        asked_for.clear()
        assert examine_road(name).name == name
        assert asked_for == list(road.asks)


def test_an_unknown_road_has_a_near_miss():
    with pytest.raises(UnknownName) as caught:
        examine_road("tensorr")
    assert str(caught.value) == (
        f"no road 'tensorr'; did you mean 'tensorrt'? (known: {', '.join(ROADS)})"
    )
