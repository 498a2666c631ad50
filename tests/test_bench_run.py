"""h2ot-bench on models of two nodes: every row, resuming, models without a card."""

import json
import time
from functools import partial

import numpy as np
import onnx
import pytest
from tiny_models import save_tiny, tiny_card

from h2ot_edge import cli
from h2ot_edge.benchmarks import latency
from h2ot_edge.benchmarks.bench import power
from h2ot_edge.benchmarks.bench import run as bench_run
from h2ot_edge.benchmarks.bench.cold import cold_start
from h2ot_edge.benchmarks.bench.peak import Peak
from h2ot_edge.benchmarks.bench.results import read_result
from h2ot_edge.benchmarks.energy import Idle, Meter

WEIGHTS = {"source": "checkpoint", "sha256": "12" * 32, "file": "w.bin"}
QUICK = ["--seconds", "0.05", "--threads", "1", "--rate", "100", "--no-report", "-q"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What takes seconds has tests of its own."""

    def measured(*, backend, device, threads, precision="fp32"):
        found = Peak(
            backend=backend,
            device=device,
            threads=threads,
            precision=precision,
            gflops=100.0,
            gbs=10.0,
            how="made up",
        )
        return found

    monkeypatch.setattr(bench_run, "measure_peak", measured)
    monkeypatch.setattr(bench_run, "cold_start", partial(cold_start, repeats=1))
    monkeypatch.setattr(latency, "_LONGEST_WARMUP_S", 0.05)


@pytest.fixture
def model(tmp_path):
    return save_tiny(tmp_path / "tiny.onnx", tiny_card(weights=WEIGHTS))


def bench(*words, status=0):
    assert cli.bench([str(word) for word in words]) == status


def rows_of(folder):
    return {row["id"]: row for row in read_result(folder / "result.json")["rows"]}


def test_every_row_of_a_model(model, tmp_path):
    bench(model, *QUICK, "--out", tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    way = "tiny/onnxruntime/cpu/1"
    assert set(rows) == {
        *(f"{way}/single-{boundary}" for boundary in ("model", "host", "end_to_end")),
        *(f"{way}/{name}" for name in ("cold", "multi", "offline", "operators", "stream-100hz-1")),
    }
    single = rows[f"{way}/single-host"]
    assert single["inside"].startswith("Engine.run_windows: host array in to host arrays out")
    figures = single["figures"]
    assert figures["calls"] >= 50
    order = [figures[name] for name in ("best_ms", "median_ms", "p90_ms", "p99_ms", "max_ms")]
    assert order == sorted(order)
    assert figures["gflops"] == pytest.approx(_mflop(model) / figures["median_ms"], rel=1e-4)
    assert figures["share_of_peak"] == pytest.approx(figures["gflops"] / 100, rel=1e-4)
    assert any(problem.startswith("energy: ") for problem in single["problems"])
    assert rows[f"{way}/multi"]["figures"]["windows_per_call"] == 8
    assert rows[f"{way}/offline"]["figures"]["windows_per_call"] == 64


def _mflop(model):
    from h2ot_edge.benchmarks.flops.counting import count_flops

    return count_flops(onnx.load(model)).total / 1e6


def test_what_is_known_of_a_model(model, tmp_path):
    bench(model, *QUICK, "--out", tmp_path / "out", "--scenario", "single")
    (found,) = read_result(tmp_path / "out/result.json")["models"].values()
    assert (found["name"], found["file"], found["kind"]) == ("tiny", "tiny.onnx", "onnx")
    assert found["bytes"] == model.stat().st_size
    assert found["card"]["frames"] == 9
    assert found["unknown"] == []
    assert found["cost"]["total_gflop"] == pytest.approx(_mflop(model) / 1e3)


def test_the_document_names_no_folder(model, tmp_path):
    bench(model, *QUICK, "--out", tmp_path / "out", "--scenario", "single")
    assert str(tmp_path) not in (tmp_path / "out/result.json").read_text()


def test_without_onnx_the_cost_is_that_of_the_card(model, tmp_path, monkeypatch):
    from h2ot_edge.benchmarks.bench.models import describe_model

    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    found = describe_model("tiny", model)
    assert found["unknown"] == [
        "cost by operator and stage: onnx cannot be imported (import of onnx halted; None in "
        "sys.modules); pip install 'h2ot-edge[precision]'"
    ]
    assert found["cost"]["total_gflop"] == 2754 / 1e9


def test_a_model_without_a_card_is_measured_with_what_is_known(tmp_path):
    path = save_tiny(tmp_path / "bare.onnx", tiny_card(batch=1), metadata={})
    bench(path, *QUICK, "--out", tmp_path / "out")
    assert set(rows_of(tmp_path / "out")) == {
        f"bare/onnxruntime/cpu/1/{name}"
        for name in ("single-model", "cold", "multi", "offline", "operators")
    }
    (found,) = read_result(tmp_path / "out/result.json")["models"].values()
    assert found["card"] is None
    assert found["unknown"] == [
        "card: the file has none, so units, accuracy and normalisation are unknown, and it is fed "
        "noise; export the model with h2ot-export"
    ]


def test_models_of_one_network_are_compared_in_millimetres(model, tmp_path):
    lower = tiny_card(weights=WEIGHTS, precision={"name": "int8"})
    bias = np.zeros((9, 1, 3), np.float32)
    bias[:, 0, 2] = np.arange(9) / 100 + 0.003
    other = save_tiny(tmp_path / "lower.onnx", lower, bias=bias)
    bench(model, other, *QUICK, "--out", tmp_path / "out", "--scenario", "single")
    figures = rows_of(tmp_path / "out")["lower/onnxruntime/cpu/1/accuracy"]["figures"]
    assert figures["reference"] == "tiny"
    assert figures["mean_mm"] == pytest.approx(3, rel=1e-3)
    assert figures["windows"] == 32


def test_a_run_goes_on_where_it_stopped(model, tmp_path, monkeypatch):
    words = [model, *QUICK, "--out", tmp_path / "out", "--scenario", "single", "--resume"]

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bench_run, "operator_times", interrupted)
        bench(*words, status=130)
    before = rows_of(tmp_path / "out")
    assert len(before) == 4
    assert read_result(tmp_path / "out/result.json")["ended"] is None
    bench(*words)
    after = rows_of(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert len(after) == 5
    assert read_result(tmp_path / "out/result.json")["ended"] is not None


def test_a_baseline_is_shown(model, tmp_path, capsys):
    bench(model, *QUICK[:-1], "--out", tmp_path / "a", "--scenario", "single")
    baseline = tmp_path / "a/result.json"
    words = [model, *QUICK[:-1], "--out", tmp_path / "b", "--scenario", "single"]
    capsys.readouterr()
    bench(*words, "--baseline", baseline)
    assert "tiny/onnxruntime/cpu/1/single-host: p50 " in capsys.readouterr().out


def test_a_baseline_of_something_else_is_told_before_anything_is_measured(model, tmp_path, capsys):
    bench(model, *QUICK, "--out", tmp_path / "a", "--scenario", "single")
    other = save_tiny(tmp_path / "other.onnx", tiny_card())
    words = [other, *QUICK, "--out", tmp_path / "b", "--baseline", tmp_path / "a/result.json"]
    assert refused(capsys, *words) == (
        "h2ot-bench: error: the baseline has no valid row of what is to be measured; rows belong "
        "together if model, backend, device, threads, scenario and boundary are the same\n"
    )
    assert not (tmp_path / "b").exists()


def drawing(monkeypatch, watts):
    """A machine that draws so much; None is one that does not tell."""

    def read():
        return [watts * time.monotonic()]

    told = {"source": "made up", "rails": ("all",), "read": read, "hz": 20, "shortest_s": 0}
    meter = watts and Meter(**told, counts=True, ranges=(0.0,))
    monkeypatch.setattr(power, "open_meter", lambda device: meter)
    monkeypatch.setattr(power, "why_not", lambda device: "nobody tells")
    monkeypatch.setattr(power, "idle_power", lambda meter, why: Idle(1.0))


def test_energy_that_was_not_known_is_looked_for_again(model, tmp_path, monkeypatch):
    """Also that of a model without a card, of which only the library's call is timed."""
    bare = save_tiny(tmp_path / "bare.onnx", tiny_card(batch=1), metadata={})
    words = [model, bare, *QUICK, "--out", tmp_path / "out", "--scenario", "single", "--resume"]
    ids = [f"{name}/onnxruntime/cpu/1/single-{what}" for name, what in OF_ENERGY]

    def measured():
        bench(*words)
        rows = rows_of(tmp_path / "out")
        problems = [told for name in ids for told in rows[name]["problems"]]
        energies = [rows[name]["figures"]["energy"] for name in ids]
        return [told for told in problems if told.startswith("energy")], energies

    drawing(monkeypatch, None)
    assert measured() == (["energy: nobody tells"] * 2, [None, None])
    drawing(monkeypatch, 3.0)
    problems, energies = measured()
    assert problems == []
    assert [energy["mean_w"] for energy in energies] == [pytest.approx(3, rel=0.01)] * 2
    drawing(monkeypatch, 9.0)
    assert measured() == ([], energies)


OF_ENERGY = [("tiny", "host"), ("bare", "model")]


def test_json_is_one_document(model, tmp_path, capsys):
    bench(model, *QUICK, "--out", tmp_path / "out", "--scenario", "single", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [str(tmp_path / "out/result.json")]
    assert told["rows"] == list(rows_of(tmp_path / "out").values())


def refused(capsys, *words):
    bench(*words, status=2)
    return capsys.readouterr().err


def test_what_cannot_be_measured_is_refused(model, tmp_path, capsys):
    error = "h2ot-bench: error: "
    out = ("--out", tmp_path / "out")
    assert refused(capsys, model, *QUICK, *out, "--scenario", "sinlge") == (
        f"{error}no scenario 'sinlge'; did you mean 'single'? (known: single, multi, offline, "
        "stream)\n"
    )
    assert refused(capsys, model, *out, "--seconds", "nan") == (
        f"{error}--seconds: expected a finite number above 0, got nan\n"
    )
    assert refused(capsys, model, *out, "--people", "0") == (
        f"{error}--people: expected at least 1, got 0\n"
    )
    assert refused(capsys, model, "--out", model) == (
        f"{error}--out {model}: expected the name of a folder, this is a file\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_clip_of_another_layout_is_refused(model, tmp_path, capsys):
    clip = tmp_path / "clip.npz"
    np.savez(clip, keypoints=np.zeros((20, 5, 2), np.float32))
    assert refused(capsys, model, *QUICK, "--out", tmp_path / "out", "--clips", clip).startswith(
        f"h2ot-bench: error: {clip}: "
    )


def test_an_input_that_nobody_knows_is_refused(tmp_path, capsys):
    path = save_tiny(tmp_path / "free.onnx", tiny_card(), metadata={})
    loaded = onnx.load(path)
    loaded.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "frames"
    loaded.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(loaded, path)
    assert refused(capsys, path, *QUICK, "--out", tmp_path / "out").endswith(
        f"error: {path}: a model without a card can be measured if it has one float32 input whose "
        "sizes are fixed but for the first, it has keypoints float32[batch, batch, 17, 3]; export "
        "it with h2ot-export\n"
    )
