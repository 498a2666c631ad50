"""`h2ot models`, and names of models in the other commands."""

import json
from importlib.resources import files

import numpy as np
import pytest
from small_models import ACCURACY, READY, TRAINING, UNREADY

from h2ot_edge import ModelCard, cli, zoo
from h2ot_edge.cli.models_ import _accuracy

WALK = str(files("h2ot_edge") / "data" / "walk.npz")


def facts(name):
    """The second line of a listed model, without its file."""
    card = zoo.models()[name].card
    gflops = card.flops["graph"]["total"] / 1e9
    kept = {READY: "3 kept", UNREADY: "all kept"}[name]
    return (
        f"window of 9 frames, {kept}; {card.parameters / 1e6:.2f} M parameters, "
        f"{gflops:.2f} GFLOPs a window"
    )


def test_models_are_listed(small_zoo, capsys):
    assert cli.models([]) == 0
    megabytes = zoo.path_of(READY).stat().st_size / 1e6
    expected = (
        f"small-base        small, preset hot\n"
        f"                  {facts(READY)}; {megabytes:.1f} MB, ready\n"
        "                  accuracy: data ten walks, mpjpe_mm 43.21, noise none\n"
        "                  licence: none\n"
        f"small-base-dense  small, preset none\n"
        f"                  {facts(UNREADY)}; exported on first use, which needs torch\n"
        "                  accuracy: data ten walks, mpjpe_mm 43.21, noise none\n"
        "                  licence: none\n"
    )
    assert capsys.readouterr() == (expected, "")
    path = zoo.path_of(UNREADY)
    assert cli.models(["-q"]) == 0
    cached = f"{path.stat().st_size / 1e6:.1f} MB, cached"
    again = expected.replace("exported on first use, which needs torch", cached)
    assert capsys.readouterr().out == again


def test_no_models_are_no_error(tmp_path, monkeypatch, capsys):
    (tmp_path / "index.json").write_text("{}")
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    assert cli.models([]) == 0
    assert capsys.readouterr().out == (
        "models  none ship with this version; h2ot-export makes one\n"
    )
    assert cli.models(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"models": []}


def told(name, state):
    model = zoo.models()[name]
    there = state != "needs export"
    return {
        "name": name,
        "summary": model.summary,
        "state": state,
        "path": str(model.path) if there else None,
        "bytes": model.path.stat().st_size if there else None,
        "frames": 9,
        "kept": model.card.kept,
        "parameters": model.card.parameters,
        "flops": model.card.flops["graph"]["total"],
        "accuracy": ACCURACY,
        "licence": "none",
    }


def test_json_is_one_document(small_zoo, capsys):
    assert cli.main(["models", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {"models": [told(READY, "ready"), told(UNREADY, "needs export")]}


@pytest.mark.parametrize(("name", "state"), [(READY, "ready"), (UNREADY, "needs export")])
def test_one_model_is_shown_with_its_card(small_zoo, name, state, capsys):
    assert cli.models([name, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    card = ModelCard.from_json(json.dumps(document.pop("card")))
    assert card == zoo.models()[name].card
    assert document == told(name, state)

    assert cli.models([name]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert cli.inspect([name]) == 0
    inspected = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == [["name", name], ["summary", zoo.models()[name].summary]]
    assert lines[2][0] == "file"
    assert lines[3:] == inspected
    assert ["accuracy", "data: ten walks"] in inspected
    assert ["training", "data: nothing"] in inspected
    assert TRAINING["data"] == "nothing"


def test_an_unknown_model_has_a_near_miss(small_zoo, capsys):
    assert cli.models(["small-bas"]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-models: error: no model 'small-bas'; did you mean '{READY}'? "
        f"(known: {READY}, {UNREADY})\n"
    )


def test_a_damaged_file_is_said(small_zoo, released, tmp_path, monkeypatch, capsys):
    (tmp_path / "index.json").write_bytes((released / "models" / "index.json").read_bytes())
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    path = tmp_path / f"{READY}.onnx"
    assert cli.models([READY]) == 2
    message = f"{path}: no such file; expected an ONNX model from h2ot-export"
    assert capsys.readouterr().err == f"h2ot-models: error: {message}\n"


# names in other commands


def test_poses_of_a_model_by_its_name(small_zoo, tmp_path, capsys):
    output = tmp_path / "poses.npz"
    assert cli.infer([READY, WALK, "-o", str(output)]) == 0
    out, err = capsys.readouterr()
    assert err == "", "the weights are not random"
    assert "model  small base, 9 frames, seq2seq\n" in out
    with np.load(output) as saved:
        assert saved["poses"].shape == (300, 17, 3)


def test_poses_of_a_model_that_is_exported_first(small_zoo, tmp_path, capsys):
    output = tmp_path / "poses.npz"
    assert cli.infer([UNREADY, WALK, "-o", str(output)]) == 0
    assert capsys.readouterr().err == (
        f"h2ot-infer: warning: exporting model '{UNREADY}' for the first time, which takes some "
        f"seconds; it is kept in {small_zoo}\n"
    )
    assert output.is_file()


def test_a_name_that_is_neither_is_said(small_zoo, tmp_path, capsys):
    assert cli.infer(["small-bas", WALK, "-o", str(tmp_path / "poses.npz")]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: no model 'small-bas'; did you mean '{READY}'? "
        f"(known: {READY}, {UNREADY}), and no file of that name; give one of these, or the path of "
        "an .onnx file\n"
    )


def test_the_error_alone_is_listed_where_there_is_a_protocol():
    noisy, clean = {"mpjpe_mm": 61.25, "pck_percent": 90.0}, {"mpjpe_mm": 50.0}
    document = {"protocol": "CMU held-out subjects", "views": 2, "noisy": noisy, "clean": clean}
    assert _accuracy(document) == (
        "CMU held-out subjects, MPJPE 61.2 mm (noisy 2-D), 50.0 mm (clean 2-D)"
    )
    assert _accuracy({}) == "not measured"
