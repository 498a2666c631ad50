"""`h2ot train`, as a user runs it."""

import json

import pytest
import torch
from motions import save_motions, walkers

from h2ot_edge.cli import main

SMALL = ["--steps", "2,2,2", "--windows", "8,2,2", "--frames", "9", "--threads", "1"]


@pytest.fixture
def data(tmp_path):
    threads = torch.get_num_threads()
    yield save_motions(tmp_path / "walks.npz", walkers(3))
    torch.set_num_threads(threads)


def train(*arguments):
    return main(["train", *map(str, arguments)])


def test_a_run_leaves_weights_a_log_and_a_report(data, tmp_path, capsys):
    run = tmp_path / "run"
    options = [*SMALL, "--data", data, "--validation-subjects", "b", "-o", run]
    assert train(*options, "--preset", "none", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["weights"] == str(run / "weights.pt")
    assert report["val_mpjpe_mm"] > 0
    assert {"last.pt", "weights.pt", "log.jsonl"} == {path.name for path in run.iterdir()}


def test_weights_go_from_run_to_run_and_into_the_export(data, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    common = [*SMALL, "--data", data, "--validation-subjects", "b"]
    assert train(*common, "--preset", "none", "-o", first) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == [
        "weights",
        "seconds",
        "val_mpjpe_mm",
        "val_mpjve_mm",
    ]
    pruning = ["--prune", "tps", "--keep", "1:3", "--recover", "tri"]
    begin = ["--begin", first / "weights.pt", "--steps", "0,0,1"]
    assert train(*common, *begin, *pruning, "-o", second) == 0
    network = ["--backbone", "motionbert", "--variant", "s", "--frames", "9", *pruning]
    model = ["--checkpoint", str(second / "weights.pt"), "-o", str(tmp_path / "model.onnx")]
    assert main(["export", *network, *model]) == 0


def refusal(capsys, *arguments):
    assert train(*arguments) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--steps", "1,2"],
            "--steps 1,2: expected three numbers, one for each stage, such as 4500,1500,600",
        ),
        (
            ["--rates", "1,2,x"],
            "--rates 1,2,x: expected three numbers, one for each stage, such as 4500,1500,600",
        ),
        (["--steps", "0,0,0"], "steps: expected none below 0 and one above, got (0, 0, 0)"),
        (["--steps", "2,2,-1"], "steps: expected none below 0 and one above, got (2, 2, -1)"),
        (["--windows", "1,0,1"], "windows: expected at least 1 for each stage, got (1, 0, 1)"),
        (["--rates", "1,0,1"], "rates: expected numbers above 0, got (1.0, 0.0, 1.0)"),
        (
            ["--validation-subjects", "b,x"],
            "--validation-subjects: no x in the data (there are a, b, c)",
        ),
        (
            ["--validation-subjects", "a,b,c"],
            "--validation-subjects: expected some of a, b, c, but not all, got a, b, c; name the "
            "people to test on",
        ),
        (
            [],
            "--validation-subjects: expected some of a, b, c, but not all, got none; name the "
            "people to test on",
        ),
        (["--variant", "xxl"], "no variant of motionbert 'xxl' (known: s, lite, full)"),
        (["--threads", "0"], "--threads 0: expected at least 1"),
    ],
)
def test_wrong_use_is_refused(data, tmp_path, capsys, options, message):
    arguments = [*SMALL, "--data", data, "-o", tmp_path / "run", *options]
    assert refusal(capsys, *arguments) == f"h2ot train: error: {message}\n"
    assert not (tmp_path / "run").exists()


def test_a_missing_gpu_is_never_replaced(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = [*SMALL, "--data", data, "--validation-subjects", "b", "-o", tmp_path / "run"]
    assert refusal(capsys, *arguments, "--device", "cuda") == (
        f"h2ot train: error: --device cuda:0: this PyTorch ({torch.__version__}) sees no CUDA "
        "device; install a CUDA build and its driver, or train with --device cpu\n"
    )
    assert refusal(capsys, *arguments, "--device", "tpu") == (
        "h2ot train: error: no device 'tpu'; did you mean 'cpu'? (known: cpu, cuda, cuda:0)\n"
    )
