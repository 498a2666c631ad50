"""h2ot-bench on a GPU: there is none here, so a model on the CPU says that it runs on one."""

import json
import sys
import types

import pytest
from cuda_stand_in import make_cuda_runtime
from tiny_models import save_tiny, tiny_card

from h2ot_edge import cli
from h2ot_edge.backends import open_backend
from h2ot_edge.benchmarks import latency
from h2ot_edge.benchmarks.bench import cold, subject
from h2ot_edge.benchmarks.bench import run as bench_run
from h2ot_edge.benchmarks.bench.peak import Peak
from h2ot_edge.benchmarks.bench.results import read_result

NO_BINDING = (
    "the library's call alone, on inputs that lie on the GPU: neither cuda-python nor pycuda is "
    "installed, and one of them moves the data to the GPU; pip install 'h2ot-edge[cuda]'"
)


class OnGpu:
    """ONNX Runtime, which takes host arrays to a GPU without a binding of CUDA."""

    device = "cuda:0"

    def __init__(self, backend):
        self._backend, self.taken = backend, 0

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def run_on_device(self, feed):
        assert {array.shape for array in feed.values()} == {(1, 9, 17, 3)}
        self.taken += 1
        return {}


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """What opens models and would run on a GPU."""
    opened = []

    def opening(path, **_):
        opened.append(OnGpu(open_backend(path, device="cpu", threads=1)))
        return opened[-1]

    names = ("import_ms", "load_ms", "first_call_ms", "peak_host_mib", "peak_device_mib")
    none = dict.fromkeys(names, 1.0)
    peak = {"backend": "onnxruntime", "device": "cuda:0", "threads": None, "precision": "fp32"}
    monkeypatch.setattr(subject, "open_backend", opening)
    monkeypatch.setattr(bench_run, "cold_start", lambda *_, **__: none)
    monkeypatch.setattr(bench_run, "operator_times", lambda *_, **__: None)
    monkeypatch.setattr(
        bench_run, "measure_peak", lambda **_: Peak(**peak, gflops=1.0, gbs=1.0, how="made up")
    )
    monkeypatch.setattr(latency, "_LONGEST_WARMUP_S", 0.02)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    without_binding(monkeypatch)
    return opened


def without_binding(monkeypatch):
    for name in ("cuda.bindings.runtime", "cuda.cudart", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)


def bench(path, out, *more):
    words = [str(path), "--out", str(out), "-d", "cuda", "--seconds", "0.02", "--no-report"]
    assert cli.bench([*words, "--scenario", "single", *more]) == 0
    document = read_result(out / "result.json")
    rows = {row["boundary"]: row for row in document["rows"] if row["kind"] == "latency"}
    (model,) = document["models"].values()
    return rows, model["unknown"]


def test_with_a_binding_inputs_lie_on_the_gpu(gpu, tmp_path, monkeypatch):
    runtime = make_cuda_runtime()
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", runtime)
    rows, unknown = bench(save_tiny(tmp_path / "tiny.onnx", tiny_card(batch=1)), tmp_path / "out")
    assert (list(rows), unknown) == (["model", "host", "end_to_end"], [])
    assert rows["model"]["figures"]["calls"] <= gpu[0].taken
    assert runtime.gpu.misuse == []


def test_without_a_binding_the_other_rows_are_made(gpu, tmp_path, capsys):
    rows, unknown = bench(save_tiny(tmp_path / "tiny.onnx"), tmp_path / "out")
    assert (list(rows), unknown, gpu[0].taken) == (["host", "end_to_end"], [NO_BINDING], 0)
    out = capsys.readouterr().out
    (told,) = [line for line in out.splitlines() if "runtime: " in line]
    assert told.endswith(" ms from pixels to Poses")
    assert "library's call, " not in told


def test_without_a_card_either_host_arrays_are_timed(tmp_path):
    bare = save_tiny(tmp_path / "bare.onnx", tiny_card(batch=1), metadata={})
    rows, unknown = bench(bare, tmp_path / "out", "-q")
    assert list(rows) == ["host"]
    assert rows["host"]["inside"] == "the library's call on host arrays, copies included"
    assert unknown[-1] == NO_BINDING


@pytest.mark.parametrize(
    ("before", "after", "grown"),
    [(5000.0, 5812.5, 812.5), (5000.0, 4000.0, None), (None, 812.5, None), (None, None, None)],
)
def test_memory_that_others_hold_is_not_that_of_the_model(before, after, grown, monkeypatch):
    told = json.dumps({"load_ms": 1.0, "peak_device_mib": after})
    done = types.SimpleNamespace(returncode=0, stdout=f"\n{told}\n", stderr="")
    monkeypatch.setattr(cold, "device_mib", lambda device: before)
    monkeypatch.setattr(cold.subprocess, "run", lambda *_, **__: done)
    found = cold.cold_start("m.onnx", backend="onnxruntime", device="cuda:0", threads=None)
    assert found == {"load_ms": 1.0, "peak_device_mib": grown}
