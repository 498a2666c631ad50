"""Times of operators and layers."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from graphs import model_of, node
from stand_in_engines import RTX, machine_of

from h2ot_edge.benchmarks.bench.operators import (
    OperatorTime,
    figures_of,
    gemm_share,
    operator_times,
    profiled,
)

WINDOWS = np.ones((1, 40, 64), np.float32)

ON_DEVICE = """
import sys
from pathlib import Path
sys.modules["onnx"] = sys.modules["torch"] = None
import numpy as np
import h2ot_edge.benchmarks.bench.peak
from h2ot_edge.benchmarks.bench.operators import operator_times
how = {"backend": "onnxruntime", "device": "cpu", "threads": 1}
found = operator_times(Path(sys.argv[1]), **how, windows=np.ones((1, 40, 64), np.float32))
print(sorted(entry["type"] for entry in found["by_type"]))
"""

TIMES = [
    OperatorTime("/a/Gemm", "Gemm", 3.0, True),
    OperatorTime("/b/Softmax", "Softmax", 0.5, False),
    OperatorTime("/b/Gemm", "Gemm", 4.5, True),
    *(OperatorTime(f"/c/Add_{i}", "Add", 0.2, False) for i in range(10)),
]


@pytest.fixture
def path(tmp_path):
    nodes = [
        node("MatMul", "keypoints w", "h", name="first"),
        node("Sin", "h", "s", name="wave"),
        node("MatMul", "s w", "y", name="second"),
    ]
    model = model_of(nodes, {"keypoints": [1, 40, 64]}, {"w": (64, 64)}, opset=17)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_figures_of_a_document():
    figures = figures_of(TIMES)
    assert figures["gemm_share"] == pytest.approx(0.75)
    assert figures["by_type"] == [
        {"type": "Gemm", "ms": 7.5, "share": pytest.approx(0.75)},
        {"type": "Add", "ms": pytest.approx(2.0), "share": pytest.approx(0.2)},
        {"type": "Softmax", "ms": 0.5, "share": pytest.approx(0.05)},
    ]
    assert len(figures["slowest"]) == 10
    assert [entry["name"] for entry in figures["slowest"][:4]] == [
        "/b/Gemm",
        "/a/Gemm",
        "/b/Softmax",
        "/c/Add_0",
    ]
    share = pytest.approx(0.45)
    assert figures["slowest"][0] == {"name": "/b/Gemm", "type": "Gemm", "ms": 4.5, "share": share}
    assert json.loads(json.dumps(figures)) == figures


@pytest.mark.parametrize("times", [[], [OperatorTime("a", "Add", 0.0, False)]])
def test_no_time_at_all(times):
    assert figures_of(times) is None
    assert gemm_share(times) is None


def test_a_share_of_what_is_not_told():
    assert gemm_share([*TIMES, OperatorTime("a", "layer", 1.0, None)]) is None


def test_operators_of_a_file(path):
    how = {"backend": "onnxruntime", "device": "cpu", "threads": 1}
    figures = operator_times(path, **how, windows=WINDOWS)
    assert 0 < figures["gemm_share"] < 1
    assert {entry["type"] for entry in figures["by_type"]} == {"MatMul", "Sin"}
    assert {entry["name"] for entry in figures["slowest"]} == {"first", "wave", "second"}
    assert sum(entry["share"] for entry in figures["by_type"]) == pytest.approx(1)
    assert list(path.parent.iterdir()) == [path]


def test_nodes_without_names_are_told_apart(path):
    model = onnx.load(path)
    for one in model.graph.node:
        one.name = ""
    times = profiled(model.SerializeToString(), WINDOWS, threads=1, runs=2)
    assert sorted(time.kind for time in times) == ["MatMul", "MatMul", "Sin"]


def test_a_device_has_neither_onnx_nor_torch(path):
    told = subprocess.run(
        [sys.executable, "-c", ON_DEVICE, path], capture_output=True, text=True, check=True
    )
    assert told.stdout == "['MatMul', 'Sin']\n"
    assert told.stderr == ""


def test_a_gpu_of_onnx_runtime_is_not_timed(path):
    how = {"backend": "onnxruntime", "device": "cuda:0", "threads": None}
    assert operator_times(path, **how, windows=WINDOWS) is None


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0", "11.4.0.106", RTX])
def test_layers_of_an_engine(monkeypatch, tmp_path, version):
    with machine_of(monkeypatch, tmp_path, version) as machine:
        engine = machine.engine(layer_details=True)
        how = {"backend": machine.target, "device": "cuda:0", "threads": None}
        figures = operator_times(engine, **how, windows=WINDOWS)
    assert figures["gemm_share"] == pytest.approx(0.25)
    assert [entry["name"] for entry in figures["slowest"]] == [
        "ONNXTRT_Broadcast",
        "node_of_product",
        "ONNXTRT_Broadcast_4",
        "node_of_poses",
    ]
    assert {entry["type"]: entry["ms"] for entry in figures["by_type"]} == pytest.approx(
        {"Shuffle": 0.02, "MatrixMultiply": 0.01, "Elementwise": 0.01}
    )


def test_an_engine_without_details_has_no_share_of_products(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, "10.3.0") as machine:
        how = {"backend": "tensorrt", "device": "cuda:0", "threads": None}
        figures = operator_times(machine.engine(), **how, windows=WINDOWS)
    assert figures["gemm_share"] is None
    assert figures["by_type"] == [{"type": "layer", "ms": 0.04, "share": 1.0}]
