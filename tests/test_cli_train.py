"""`h2ot train`, as a user runs it."""

import json

import pytest
import torch
from motions import save_motions, walkers

from h2ot_edge import ModelCard
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
    files = {"last.pt", "weights.pt", "log.jsonl", "training.json"}
    assert files == {path.name for path in run.iterdir()}
    told = json.loads((run / "training.json").read_text())
    assert told["train_subjects"] == ["a", "c"]
    assert told["validation_subjects"] == ["b"]
    assert told["data"]["files"] == ["walks.npz"]
    assert told["plan"]["prune"] == "none"
    assert told["fps"] == 50.0


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
    training = ModelCard.from_onnx(tmp_path / "model.onnx").training
    assert training["plan"]["schedule"] == {"1": 3}
    assert training["begin"]["train_subjects"] == ["a", "c"]
    assert training["fps"] == training["begin"]["fps"] == 50.0


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
        (["--metres-per-unit", "0.01"], "{data}: is in metres; leave out metres_per_unit"),
        (["--threads", "0"], "--threads 0: expected at least 1"),
        (["--seed", "-1"], "--seed -1: expected a number from 0 to 2^63 - 1"),
        (
            ["--variant", "lite", "--preset", "none"],
            "motionbert lite: expected a network that gives metres about the hip, which the "
            "published ones do not; train motionbert s",
        ),
    ],
)
def test_wrong_use_is_refused(data, tmp_path, capsys, options, message):
    arguments = [*SMALL, "--data", data, "-o", tmp_path / "run", *options]
    expected = message.format(data=data)
    assert refusal(capsys, *arguments) == f"h2ot train: error: {expected}\n"
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


def test_a_run_does_not_go_on_with_other_data_or_noise(data, tmp_path, capsys):
    common = [*SMALL, "--preset", "none", "--data", data, "-o", tmp_path / "run"]
    assert train(*common, "--validation-subjects", "b") == 0
    other = [*common, "--validation-subjects", "c", "--noise", "clean"]
    people = "data.sha256_of_poses, data.train_subjects, data.validation_subjects"
    changed = f"augmentation, {people}, noise"
    assert refusal(capsys, *other) == (
        f"h2ot train: error: {tmp_path / 'run'}: holds a run that was made of something else "
        f"({changed}); give the same options to go on with it, or another --output\n"
    )


def test_word_of_other_weights_is_refused(data, tmp_path, capsys):
    run = tmp_path / "run"
    common = [*SMALL, "--preset", "none", "--data", data, "--validation-subjects", "b"]
    assert train(*common, "-o", run) == 0
    path = run / "training.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "sha256_of_weights": "0"}))
    capsys.readouterr()
    digest = told["sha256_of_weights"]
    begin = ["--begin", run / "weights.pt", "-o", tmp_path / "next"]
    assert refusal(capsys, *common, *begin) == (
        f"h2ot train: error: {path}: is about weights with sha256 0, weights.pt has {digest}; "
        "move one of the two elsewhere\n"
    )
    path.write_text("[]")
    assert refusal(capsys, *common, *begin) == (
        f"h2ot train: error: {path}: expected what h2ot-train writes, got something else "
        "(KeyError); move it elsewhere\n"
    )
