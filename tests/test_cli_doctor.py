"""`h2ot doctor`, as a user sees it."""

import json
import os
import subprocess
import sys

import pytest
from machine_trees import AGX_ORIN_6_2, DESKTOP_4090, tree

from h2ot_edge import __version__, cli, doctor
from h2ot_edge.cli import doctor_
from h2ot_edge.doctor import ROADS, Finding, examine
from h2ot_edge.doctor.asking import Answer
from h2ot_edge.doctor.probes import PROBES

NOTHING = {name: Answer(there=False) for name in PROBES}
ORT = {
    "version": "1.24.4",
    "wheels": {"onnxruntime": "1.24.4"},
    "providers": ["AzureExecutionProvider", "CPUExecutionProvider"],
}
CUDA = {
    "binding": "cuda-python 12.6.0",
    "runtime": "12.6",
    "driver": "12.6",
    "gpus": [{"name": "Orin", "compute_capability": "8.7", "memory_bytes": 65879896064}],
}
NO_PROVIDER = Answer(why="cuda:0: this build has CPUExecutionProvider", fix="use tensorrt")
ORIN = {
    **NOTHING,
    "cuda": Answer(facts=CUDA),
    "tensorrt": Answer(facts={"version": "10.3.0"}),
    "tensorrt_builder": Answer(facts={"version": "10.3.0"}),
    "onnxruntime": Answer(facts=ORT),
    "onnxruntime_cuda": NO_PROVIDER,
    "onnxruntime_tensorrt": NO_PROVIDER,
}


@pytest.fixture
def on(tmp_path, monkeypatch):
    """Puts the command on another machine: its files, and what its libraries answer."""

    def put(files, answers):
        root = tree(tmp_path, files)
        monkeypatch.setattr(doctor, "ask", lambda names: {name: answers[name] for name in names})
        monkeypatch.setattr(doctor_, "examine", lambda: examine(root))
        road = doctor.examine_road
        monkeypatch.setattr(doctor_, "examine_road", lambda name: road(name, root))
        for name, value in {
            "platform.python_version": lambda: "3.10.12",
            "platform.system": lambda: "Linux",
            "platform.release": lambda: "5.15.148-tegra",
            "platform.machine": lambda: "x86_64",
            "os.cpu_count": lambda: 12,
            "numpy.__version__": "1.26.4",
            "h2ot_edge.doctor.machine.versions_of": lambda *names: {},
            "h2ot_edge.doctor.machine._environment": lambda: "with system packages",
        }.items():
            monkeypatch.setattr(name, value)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return put


ON_AN_ORIN = f"""\
h2ot-edge     {__version__}
Python        3.10.12 in a virtual environment (with system packages), numpy 1.26.4
system        Ubuntu 22.04.5 LTS, Linux 5.15.148-tegra, jetson
CPU           12 cores
Jetson        NVIDIA Jetson AGX Orin Developer Kit, JetPack 6.2, L4T 36.4.3
power mode    MODE_30W (mode 2)
GPU clock     306 to 1300 MHz
driver        540.4.0
GPU           Orin, compute capability 8.7, 61.4 GiB
CUDA          cuda-python 12.6.0 for CUDA 12.6, driver for CUDA 12.6
TensorRT      10.3.0
TensorRT-RTX  none
ONNX Runtime  1.24.4 (onnxruntime 1.24.4): AzureExecutionProvider, CPUExecutionProvider
exporting     none

works     NVIDIA GPU: Orin, through cuda-python 12.6.0 and a driver for CUDA 12.6
works     ONNX Runtime on the CPU: ONNX Runtime 1.24.4 ran a graph
not here  ONNX Runtime with CUDA: cuda:0: this build has CPUExecutionProvider
            fix: use tensorrt
not here  ONNX Runtime with TensorRT: cuda:0: this build has CPUExecutionProvider
            fix: use tensorrt
works     TensorRT, running engines: 10.3.0 on Orin (compute capability 8.7)
works     TensorRT, building engines: 10.3.0 on Orin (compute capability 8.7); an engine runs on \
that GPU and that version only; hardware-compatible engines are not for a Jetson
not here  TensorRT-RTX, running engines: there is no TensorRT-RTX for Jetson
            fix: h2ot-infer --backend tensorrt
not here  TensorRT-RTX, building engines: there is no TensorRT-RTX for Jetson
            fix: h2ot-infer --backend tensorrt
not here  lowering the precision: not installed: onnx
            fix: pip install 'h2ot-edge[precision]'
not here  exporting models: not installed: torch, onnx, onnxslim
            fix: export on a PC and copy the .onnx file
warning   power mode: MODE_30W (mode 2) holds the module back
            fix: sudo nvpmodel -m 0 (MAXN)
warning   GPU clock: moves between 306 and 1300 MHz, so what is measured does too
            fix: sudo jetson_clocks (until the next start)
models    run here on: onnxruntime-cpu, tensorrt
"""

WITH_NOTHING = f"""\
h2ot-edge     {__version__}
Python        3.10.12 in a virtual environment (with system packages), numpy 1.26.4
system        Ubuntu 24.04 LTS, Linux 5.15.148-tegra, linux-x86_64
CPU           AMD Ryzen 9 7950X 16-Core Processor, 12 cores
driver        550.54.15
CUDA          neither cuda-python nor pycuda
TensorRT      none
TensorRT-RTX  none
ONNX Runtime  none
exporting     none

not here  NVIDIA GPU: neither cuda-python nor pycuda is installed, so CUDA cannot be asked
            fix: pip install 'h2ot-edge[cuda]'
not here  ONNX Runtime on the CPU: onnxruntime is not installed
            fix: pip install 'h2ot-edge[ort]'
not here  ONNX Runtime with CUDA: onnxruntime is not installed
            fix: pip install 'h2ot-edge[ort-gpu]'
not here  ONNX Runtime with TensorRT: onnxruntime is not installed
            fix: pip install 'h2ot-edge[ort-gpu]'
not here  TensorRT, running engines: tensorrt is not installed
            fix: pip install 'h2ot-edge[tensorrt]'
not here  TensorRT, building engines: tensorrt is not installed
            fix: pip install 'h2ot-edge[tensorrt]'
not here  TensorRT-RTX, running engines: tensorrt-rtx is not installed
            fix: pip install 'h2ot-edge[rtx]'
not here  TensorRT-RTX, building engines: tensorrt-rtx is not installed
            fix: pip install 'h2ot-edge[rtx]'
not here  lowering the precision: not installed: onnx, onnxruntime
            fix: pip install 'h2ot-edge[precision]'
not here  exporting models: not installed: torch, onnx, onnxslim
            fix: pip install 'h2ot-edge[export]'
models    cannot be run here; see the fixes above
"""


def test_an_orin(on, capsys):
    on(AGX_ORIN_6_2, ORIN)
    assert cli.doctor([]) == 0
    assert capsys.readouterr() == (ON_AN_ORIN, "")


def test_nothing_works(on, capsys):
    on(DESKTOP_4090, NOTHING)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr() == (WITH_NOTHING, "")


HEALTHY = "works  TensorRT, running engines: 10.3.0 on Orin (compute capability 8.7)\n"


def test_health_is_one_line(on, capsys):
    on(AGX_ORIN_6_2, ORIN)
    assert cli.doctor(["--health"]) == 0
    assert capsys.readouterr() == (HEALTHY, "")
    assert cli.doctor(["--health", "--road", "onnxruntime-cuda"]) == 1
    line = "not here  ONNX Runtime with CUDA: cuda:0: this build has CPUExecutionProvider\n"
    assert capsys.readouterr() == (line, "")


def test_health_as_json(on, capsys):
    on(AGX_ORIN_6_2, ORIN)
    assert cli.doctor(["--health", "--road", "tensorrt-rtx", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "finding": {
            "name": "tensorrt-rtx",
            "what": "TensorRT-RTX, running engines",
            "state": "not here",
            "why": "there is no TensorRT-RTX for Jetson",
            "fix": "h2ot-infer --backend tensorrt",
        },
    }


@pytest.mark.parametrize(
    ("state", "status"), [("works", 0), ("warning", 0), ("not here", 1), ("broken", 1)]
)
def test_what_can_be_used_is_healthy(monkeypatch, capsys, state, status):
    monkeypatch.setattr(doctor_, "examine_road", lambda name: Finding(name, "road", state, "why"))
    assert cli.doctor(["--health"]) == status
    assert capsys.readouterr().out == f"{state}  road: why\n"


def test_json_is_one_document(on, capsys):
    on(AGX_ORIN_6_2, ORIN)
    assert cli.doctor(["--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err == ""
    assert document["schema_version"] == 1
    assert document["runs_on"] == ["onnxruntime-cpu", "tensorrt"]
    assert document["facts"]["gpus"] == CUDA["gpus"]
    assert document["findings"][1] == {
        "name": "onnxruntime-cpu",
        "what": "ONNX Runtime on the CPU",
        "state": "works",
        "why": "ONNX Runtime 1.24.4 ran a graph",
        "fix": None,
    }


def test_wrong_use_is_said(capsys):
    assert cli.doctor(["--road", "tensorrt"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-doctor: error: --road: names what --health checks; give both, or neither to see all\n"
    )
    assert cli.doctor(["--health", "--road", "tensor"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-doctor: error: no road 'tensor'; did you mean 'tensorrt'? "
        f"(known: {', '.join(ROADS)})\n"
    )


def test_it_runs_here_as_a_command():
    pytest.importorskip("onnxruntime")
    code = "from h2ot_edge.cli import doctor; raise SystemExit(doctor())"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"h2ot-edge     {__version__}"
    assert "              CUDA_VISIBLE_DEVICES=0" in lines
    assert lines[-1].startswith("models    run here on: onnxruntime-cpu")
