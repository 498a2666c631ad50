"""`h2ot eval`."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from motions import save_motions, walkers
from tiny_models import save_tiny, tiny_card

import h2ot_edge
from h2ot_edge import cli
from h2ot_edge.benchmarks.accuracy import PROTOCOLS
from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.protocols import CMU, Protocol, ProtocolOptions
from h2ot_edge.card import OutputConvention
from h2ot_edge.cli import eval_
from h2ot_edge.engine import Engine
from h2ot_edge.gait import Walk

TRAINED = {"source": "checkpoint", "sha256": "0" * 64, "file": "a.pth"}
POSE = Walk().joints(np.zeros(1)).astype(np.float32)


@pytest.fixture
def data(tmp_path):
    return str(save_motions(tmp_path / "walkers.npz", walkers(2, frames=30)))


@pytest.fixture
def model(tmp_path):
    return save(tmp_path / "tiny.onnx")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results" / "tiny"


def save(path, **card):
    """A model that is not far from a person, even of a frame without keypoints."""
    bias = np.repeat(POSE - POSE[:, :1], 9, axis=0)
    return str(save_tiny(path, tiny_card(weights=TRAINED, **card), bias=bias))


def accuracy(model, data, **options):
    """What the command should find."""
    with Engine.load(model) as engine:
        return evaluate(engine, CMU.read([data], ProtocolOptions(**options)))


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def figures(document, name="tiny"):
    return document["models"][name]["overall"]["metrics"]


def run(capsys, *arguments):
    """The document of a run that went well."""
    assert cli.evaluate([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def failed(capsys, *arguments):
    """The message of a run that went wrong."""
    assert cli.evaluate([*arguments, "-q"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.removeprefix("h2ot-eval: error: ").rstrip("\n")


# what it finds


def test_tables_are_printed(model, data, capsys):
    assert cli.evaluate([model, "--data", data]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    heading, overall, action, joint = out.split("\n\n")
    assert heading == (
        "CMU held-out subjects (walkers.npz, a b, noise noisy, views 2, seed 0, flip no)"
    )
    mpjpe = accuracy(model, data).overall.metrics["mpjpe"]
    assert overall.splitlines()[2].startswith(f"| tiny  |     4 |    120 | {mpjpe:>9.1f} |")
    assert action.splitlines()[2].startswith("| walk, run | tiny  |     4 |    120 |")
    assert len(joint.splitlines()) == 19


def test_json_is_one_document(model, data, capsys):
    document = run(capsys, model, "--data", data)
    settings = document["models"]["tiny"].pop("settings")
    expected = accuracy(model, data).to_dict()
    del expected["settings"]
    assert document == {
        "protocol": "cmu",
        "title": "CMU held-out subjects",
        "source": CMU.source,
        "models": {"tiny": expected},
        "files": [],
    }
    assert settings == {
        "h2ot_edge": h2ot_edge.__version__,
        "model_sha256": digest(model),
        "protocol": "cmu",
        "noise": "noisy",
        "views": 2,
        "seed": 0,
        "metrics": ["mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "pck", "auc"],
        "flip": False,
        "root": "subtracted",
        "overlap": 1,
        "backend": "onnxruntime",
        "device": "cpu",
        "subjects": ["a", "b"],
        "data": ["walkers.npz"],
        "actions_first": False,
        "joints": {},
        "unit": "m",
        "weights": "checkpoint",
    }


def test_options_reach_the_protocol(model, data, capsys):
    options = ["--noise", "clean", "--views", "3", "--subjects", "b"]
    document = run(capsys, model, "--data", data, *options)
    expected = accuracy(model, data, noise="clean", views=3, subjects=("b",))
    assert figures(document) == expected.overall.metrics
    assert document["models"]["tiny"]["settings"]["subjects"] == ["b"]


def test_flip_and_overlap_reach_the_model(model, data, capsys):
    plain = figures(run(capsys, model, "--data", data))
    document = run(capsys, model, "--data", data, "--flip", "--overlap", "0", "--threads", "1")
    settings = document["models"]["tiny"]["settings"]
    assert (settings["flip"], settings["overlap"]) == (True, 0)
    assert figures(document) != plain


def test_a_protocol_says_whether_to_flip_and_how_to_average(model, data, capsys, monkeypatch):
    def clips(paths, options):
        return CMU.read(paths, ProtocolOptions())

    other = Protocol(
        name="other",
        title="Other",
        source="here",
        clips=clips,
        metrics=("p_mpjpe",),
        actions_first=True,
        flip=True,
        root="zeroed",
        joints={"p_mpjpe": (0, 16)},
    )
    monkeypatch.setitem(PROTOCOLS, "other", other)
    arguments = [model, "--data", data, "--protocol", "other"]
    document = run(capsys, *arguments)
    settings = document["models"]["tiny"]["settings"]
    assert (settings["flip"], settings["actions_first"]) == (True, True)
    assert (settings["noise"], settings["metrics"]) == (None, ["p_mpjpe"])
    assert (settings["root"], settings["joints"]) == ("zeroed", {"p_mpjpe": ["hip", "rwrist"]})
    per_joint = document["models"]["tiny"]["per_joint"]
    mean = (per_joint["hip"]["p_mpjpe"] + per_joint["rwrist"]["p_mpjpe"]) / 2
    assert figures(document) == {"p_mpjpe": pytest.approx(mean)}
    document = run(capsys, *arguments, "--no-flip")
    assert document["models"]["tiny"]["settings"]["flip"] is False
    assert cli.evaluate(arguments) == 0
    assert capsys.readouterr().out.startswith("Other (walkers.npz, a b, flip yes)\n")
    assert failed(capsys, *arguments, "--noise", "clean") == (
        "noise: protocol other has no such choice; leave out --noise"
    )


def test_models_are_compared(model, data, tmp_path, capsys):
    card = {"output": OutputConvention(unit="normalised")}
    other = save(tmp_path / "other.onnx", **card)
    assert cli.evaluate([model, other, "--data", data]) == 0
    out, err = capsys.readouterr()
    assert err == (
        "h2ot-eval: warning: the poses of this model are normalised, not metres: MPJPE, MPJVE, "
        "PCK@150, AUC cannot be measured, P-MPJPE, N-MPJPE can\n"
    )
    overall = out.split("\n\n")[1].splitlines()
    assert [line.split()[1] for line in overall[2:]] == ["tiny", "other"]
    assert overall[3].split()[7] == "-"


def test_random_weights_are_told(data, tmp_path, capsys):
    bias = np.repeat(POSE - POSE[:, :1], 9, axis=0)
    model = save_tiny(tmp_path / "random.onnx", bias=bias)
    assert cli.evaluate([str(model), "--data", data]) == 0
    assert capsys.readouterr().err == (
        "h2ot-eval: warning: the weights of this model are random, so its poses mean nothing\n"
    )


def test_subjects_seen_in_training_change_the_title(model, data, tmp_path, capsys):
    other = save(tmp_path / "other.onnx", training={"train_subjects": ["a", "x"]})
    arguments = [model, other, "--data", data]
    assert cli.evaluate(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("CMU subjects, seen in training (walkers.npz, a b, ")
    assert err == (
        "h2ot-eval: warning: other was trained on a: its figures say nothing about people it has "
        "not seen; choose others with --subjects\n"
    )
    assert run(capsys, *arguments)["title"] == "CMU subjects, seen in training"
    assert run(capsys, *arguments, "--subjects", "b")["title"] == "CMU held-out subjects"


# what it writes


def test_the_folder_has_table_document_and_picture(model, data, out, capsys):
    assert cli.evaluate([model, "--data", data, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    names = ["accuracy.json", "accuracy.md", "accuracy.png", "tiny.jsonl"]
    assert sorted(path.name for path in out.iterdir()) == names
    table = (out / "accuracy.md").read_text()
    assert printed == table + (
        f"\ntable  {out}/accuracy.md\nJSON   {out}/accuracy.json\nplot   {out}/accuracy.png\n"
    )
    assert (out / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    document = run(capsys, model, "--data", data, "--out", str(out))
    assert document.pop("files") == [str(out / name) for name in names[1::-1] + names[2:3]]
    assert document == json.loads((out / "accuracy.json").read_text())


def test_an_interrupted_run_goes_on(model, data, out, capsys, monkeypatch):
    calls = []
    infer = Engine.infer

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return infer(self, *args, **kwargs)

    monkeypatch.setattr(Engine, "infer", interrupted)
    arguments = [model, "--data", data, "--out", str(out)]
    assert cli.evaluate(arguments) == 130
    assert [path.name for path in out.iterdir()] == ["tiny.jsonl"]
    assert cli.evaluate([*arguments, "-v"]) == 0
    assert f"h2ot-eval: info: {out}/tiny.jsonl: has the results of 2 clips\n" in (
        capsys.readouterr().err
    )
    assert len(calls) == 3 + 2
    assert (
        json.loads((out / "accuracy.json").read_text())["models"]["tiny"]["overall"]
        == (accuracy(model, data).to_dict()["overall"])
    )


def test_subjects_of_one_run_serve_another(model, data, out, capsys, monkeypatch):
    arguments = [model, "--data", data, "--out", str(out), "--no-plot"]
    run(capsys, *arguments)
    monkeypatch.setattr(Engine, "infer", None)
    document = run(capsys, *arguments, "--subjects", "a")
    assert document["models"]["tiny"]["overall"]["clips"] == 2


def test_results_of_other_settings_are_not_mixed(model, data, out, capsys):
    arguments = [model, "--data", data, "--out", str(out), "--no-plot"]
    run(capsys, *arguments)
    assert failed(capsys, *arguments, "--noise", "clean", "--flip") == (
        f'{out}/tiny.jsonl: holds results of other settings (noise "noisy" there, "clean" now; '
        "flip false there, true now); choose another folder with --out, or remove the file"
    )


def test_results_of_another_model_are_not_mixed(model, data, out, capsys):
    arguments = [model, "--data", data, "--out", str(out), "--no-plot"]
    first = run(capsys, *arguments)["models"]["tiny"]["settings"]["model_sha256"]
    save_tiny(model, tiny_card(weights=TRAINED))
    second = digest(model)
    assert failed(capsys, *arguments) == (
        f'{out}/tiny.jsonl: holds results of other settings (model_sha256 "{first}" there, '
        f'"{second}" now); choose another folder with --out, or remove the file'
    )


def test_without_matplotlib(model, data, out, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments = [model, "--data", data, "--out", str(out)]
    assert failed(capsys, *arguments) == (
        "matplotlib cannot be imported (import of matplotlib halted; None in sys.modules); "
        "pip install 'h2ot-edge[viz]'"
    )
    assert not out.exists()
    assert run(capsys, *arguments, "--no-plot")["files"] == [
        str(out / "accuracy.md"),
        str(out / "accuracy.json"),
    ]


# what it refuses


def test_two_models_of_one_name(model, data, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    other = save(tmp_path / "other" / "tiny.onnx")
    assert failed(capsys, model, other, "--data", data) == (
        f"{other}: another model is called 'tiny' as well; results are told apart by the names of "
        "the files, so rename one"
    )


def test_wrong_names_are_found_before_the_data_is_read(model, capsys):
    assert failed(capsys, model, "--data", "none.npz", "--protocol", "cmuu") == (
        f"no protocol 'cmuu'; did you mean 'cmu'? (known: {', '.join(PROTOCOLS)})"
    )
    assert failed(capsys, model, "--data", "none.npz", "--noise", "none") == (
        "no noise 'none' (known: noisy, clean)"
    )
    assert failed(capsys, "none.onnx", "--data", "none.npz").startswith("none.onnx: ")
    assert failed(capsys, model, "--data", "none.npz").startswith("none.npz: no such file")


def test_a_subject_that_is_not_there(model, data, capsys):
    assert failed(capsys, model, "--data", data, "--subjects", "a,c") == (
        "no subject 'c' (known: a, b)"
    )


def test_the_folder_is_no_file(model, data, capsys):
    assert failed(capsys, model, "--data", data, "--out", data) == (
        f"--out {data}: expected the name of a folder, this is a file"
    )


def test_data_must_be_given(model, capsys):
    assert failed(capsys, model) == (
        "the following arguments are required: --data; h2ot-eval --help shows what it takes"
    )


# how it is called


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("arguments", "shown"), [([], True), (["-q"], False)])
def test_a_bar_counts_frames_on_a_terminal(model, data, monkeypatch, arguments, shown):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.evaluate([model, "--data", data, *arguments]) == 0
    assert ("frame/s" in terminal.getvalue()) is shown


def test_h2ot_eval_is_the_same(model, data, capsys):
    assert cli.main(["eval", model, "--data", data]) == 0
    first = capsys.readouterr().out
    assert cli.evaluate([model, "--data", data]) == 0
    assert capsys.readouterr().out == first


def test_help_has_groups_and_defaults(capsys):
    assert cli.evaluate(["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: h2ot-eval ")
    for group in ("data:", "output:", "running:", "talking:"):
        assert f"\n{group}\n" in out
    assert "cmu, h36m or 3dhp (default: cmu)" in out
    assert set(PROTOCOLS) == {"cmu", "h36m", "3dhp"}
    assert "default: None" not in out
    assert (
        "folder for a table, JSON and a picture of these models, which take the place of earlier "
        "ones, and for the results of every clip as they come;"
    ) in " ".join(out.split())


@pytest.mark.parametrize("heavy", ["torch", "onnx", "matplotlib", "tqdm"])
def test_evaluating_needs_nothing_heavy(heavy, model, data):
    code = (
        "import sys; from h2ot_edge.cli import main; "
        "status = main(['eval', sys.argv[1], '--data', sys.argv[2], '--json']); "
        f"sys.exit(3 if {heavy!r} in sys.modules else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model, data], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_parser_imports_nothing_of_the_benchmarks():
    code = (
        "import sys; from h2ot_edge.cli import main; status = main(['--help']); "
        "sys.exit(3 if 'h2ot_edge.benchmarks' in sys.modules else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_summary_is_one_line():
    assert "\n" not in eval_.SUMMARY
