"""`h2ot export --budget-ms`."""

import json
from pathlib import Path

import pytest
from bench_documents import document, latency_row, model, point
from small_networks import options

from h2ot_edge import ModelCard, cli
from h2ot_edge.benchmarks import latency
from h2ot_edge.benchmarks.bench.provenance import machine_of
from h2ot_edge.benchmarks.bench.results import check_document
from h2ot_edge.benchmarks.sweep import plans as sweep_plans

EXPORT = ["--backbone", "small", "-q"]
POINTS = {"dense": ("", 3.0, 0.0), "third": ("1:3", 2.0, 4.0), "ninth": ("1:1", 1.0, 9.0)}
"""Schedule, milliseconds, millimetres."""


@pytest.fixture(autouse=True)
def in_an_empty_folder(small_zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(latency, "_LONGEST_WARMUP_S", 0.01)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def curve(tmp_path):
    """The name of one that was measured here."""
    curve = [
        point(keep, mm, model=name, **({} if keep else {"prune": "none", "recover": "none"}))
        for name, (keep, _, mm) in POINTS.items()
    ]
    made = document(
        curve=curve,
        rows=[latency_row(ms, model=name) for name, (_, ms, _) in POINTS.items()],
        models={name: model(name) for name in POINTS},
        machine=machine_of(),
        settings={"network": sweep_plans.identity(sweep_plans.unpruned(options()))},
    )
    check_document(made, "here")
    Path("curve.json").write_text(json.dumps(made))
    return "curve.json"


def failed(capsys, *arguments, status=2):
    """The message of a run that went wrong."""
    assert cli.export([*EXPORT, *arguments]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(path.suffix for path in Path().iterdir() if path.suffix == ".onnx") == []
    return err.removeprefix("h2ot-export: error: ").rstrip("\n")


def test_the_best_in_the_budget_is_exported(curve, capsys):
    assert cli.export([*EXPORT, "--budget-ms", "2.5", "--curve", curve]) == 0
    name = "small-base-9-tps-1x3-tri.onnx"
    card = ModelCard.from_onnx(name)
    assert (card.prune, card.schedule, card.recover) == ("tps", {1: 3}, "tri")
    assert card.weights["name"] == "small-base-dense"
    lines = capsys.readouterr().out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("budget"))
    p99 = {ms: latency_row(ms)["figures"]["p99_ms"] for ms in (1.0, 2.0, 3.0)}
    machine = machine_of()["name"]
    assert lines[start:] == [
        "budget   2.5 ms for the median of one window, host array in to host array out, "
        f"onnxruntime, 1 thread, {machine}",
        f"chosen   tps 1:3 tri: 2.00 ms (p99 {p99[2.0]:.2f}), 2 GFLOP, drift 4.0 mm",
        f"better   unpruned: 3.00 ms (p99 {p99[3.0]:.2f}), 2 GFLOP, drift 0.0 mm",
        f"faster   tps 1:1 tri: 1.00 ms (p99 {p99[1.0]:.2f}), 2 GFLOP, drift 9.0 mm",
    ]


def test_the_unpruned_network_where_there_is_time(curve, capsys):
    arguments = ["--budget-ms", "3", "--curve", curve, "-o", "a.onnx", "--json"]
    assert cli.export([*EXPORT, *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["output"] == "a.onnx"
    assert found["card"]["prune"] == "none"
    assert found["budget"]["point"]["model"] == "dense"
    assert found["budget"]["slower"] is None
    assert found["budget"]["faster"]["model"] == "third"
    assert found["budget"]["noisy"] == []


def test_without_a_curve_a_few_points_are_measured(monkeypatch, capsys):
    monkeypatch.setattr(sweep_plans, "usual_keeps", lambda base: ({1: 3},))
    arguments = ["--budget-ms", "10000", "--threads", "1", "-o", "a.onnx", "--json"]
    assert cli.export([*EXPORT, *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)["budget"]
    assert (found["point"]["prune"], found["point"]["accuracy_mm"]) == ("none", 0)
    assert found["way"].startswith("onnxruntime, 1 thread, ")
    assert [path.name for path in Path().glob("*.onnx")] == ["a.onnx"]


def test_nothing_meets_the_budget(curve, capsys):
    message = failed(capsys, "--budget-ms", "0.5", "--curve", curve, status=1)
    p99 = latency_row(1.0)["figures"]["p99_ms"]
    assert message == (
        "--budget-ms 0.5: no point meets it; the fastest is tps 1:1 tri with 1.00 ms (p99 "
        f"{p99:.2f}), 2 GFLOP, drift 9.0 mm: allow more time, or take a smaller network"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--curve a.json",
            "--curve: is for --budget-ms, which is not given; leave it out, or add that",
        ),
        (
            "--backend onnxruntime",
            "--backend: is for --budget-ms, which is not given; leave it out, or add that",
        ),
        (
            "-d cpu",
            "--device: is for --budget-ms, which is not given; leave it out, or add that",
        ),
        (
            "--threads 1",
            "--threads: is for --budget-ms, which is not given; leave it out, or add that",
        ),
        ("--budget-ms 0", "--budget-ms: expected a finite number above 0, got 0"),
        ("--budget-ms nan", "--budget-ms: expected a finite number above 0, got nan"),
        (
            "--budget-ms 8 --preset hot",
            "--budget-ms and --preset exclude each other: it chooses the tokens",
        ),
        (
            "--budget-ms 8 --prune tps --keep 1:3",
            "--budget-ms and --prune exclude each other: it chooses the tokens",
        ),
        (
            "--budget-ms 8 --keep 1:3",
            "--budget-ms and --keep exclude each other: it chooses the tokens",
        ),
        (
            "--budget-ms 8 --recover tri",
            "--budget-ms and --recover exclude each other: it chooses the tokens",
        ),
        (
            "--budget-ms 8 --with-kept",
            "--budget-ms and --with-kept exclude each other: models are measured without that "
            "output",
        ),
        (
            "--budget-ms 8 --random-weights",
            "--budget-ms and --random-weights exclude each other: it weighs accuracy",
        ),
        (
            "--budget-ms 8 --batch dynamic",
            "--budget-ms and --batch dynamic exclude each other: it is the time of a call with one "
            "window",
        ),
        (
            "--budget-ms 8 --precision fp16",
            "--budget-ms and --precision fp16 exclude each other: float32 models are measured; "
            "lower the one that is chosen with h2ot-build",
        ),
        (
            "--budget-ms 8 --variant long",
            "--budget-ms weighs accuracy, and no weights of small long with 27 frames ship; give "
            "--checkpoint",
        ),
        (
            "--budget-ms 8 -o a.engine",
            "--output a.engine: expected a name that ends in .onnx",
        ),
        (
            "--budget-ms 8 --device gpu",
            "no device 'gpu'; did you mean 'cpu'? (known: auto, cpu, cuda, cuda:0)",
        ),
        (
            "--budget-ms 8 --curve a.json",
            "a.json: cannot be read (No such file or directory); expected a result of h2ot-bench",
        ),
    ],
)
def test_wrong_use(arguments, message, capsys):
    assert failed(capsys, *arguments.split()) == message


def test_a_curve_of_another_network_is_refused(curve, capsys):
    message = failed(capsys, "--budget-ms", "8", "--curve", curve, "--mode", "seq2frame")
    assert message == (
        "--curve curve.json: is of something else: mode seq2seq there, seq2frame asked for; "
        "measure one with h2ot-bench sweep, or leave --curve out"
    )
