"""`h2ot build`, and `h2ot export --precision`."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_networks import FAMILY, options
from tiny_models import save_tiny, tiny_card

from h2ot_edge import ModelCard, cli
from h2ot_edge.engines.precision.drift import Drift
from h2ot_edge.export import BACKBONES, export_model

LENIENT = ["--max-drift-mm", "1e6", "--min-speedup", "0"]
DRIFT = (
    r"mean [\d.]+, p95 [\d.]+, worst [\d.]+, velocity [\d.]+ mm at a torso of 500 mm on 32 "
    r"windows; \d+ of 96 kept frames differ"
)
WORST = (
    r"\(worst on the window '[a-z0-9, ]+', frame \d: \d+\.\d mm at a torso of 500 mm\); "
    "nothing was written"
)
RANDOM = (
    "{prog}: warning: no checkpoint was given: the weights are random (seed 0) and the poses mean "
    "nothing; give --checkpoint FILE\n"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A small pruned model of operator set 19."""
    path = tmp_path_factory.mktemp("source") / "small.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        export_model(options(opset=19, batch=16), path)
    return path


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch, small_backbone):
    monkeypatch.chdir(tmp_path)


def written():
    return sorted(path.name for path in Path().iterdir())


def rows(out):
    """Names and values of a report."""
    return dict(re.split("  +", line, maxsplit=1) for line in out.splitlines())


CALIBRATED = {"calibration": "clips walking_windows, seed 0, windows 64"}


def kept(kind, more=""):
    return rf"{kind} kept: {more}\+[\d.]+ mm at a torso of 500 mm"


# what it writes and says


@pytest.mark.parametrize(
    ("precision", "islands", "measured", "verdict"),
    [
        ("fp16", "", {**CALIBRATED, "drift": DRIFT, "drift emulated": DRIFT}, kept("FP16")),
        (
            "int8",
            r"regression \d+, narrow \d+, ",
            {**CALIBRATED, "drift": DRIFT, "drift emulated": DRIFT},
            kept("INT8") + ", speed against FP16 to be measured on the device",
        ),
        (
            "int8-cpu",
            r"regression \d+, narrow \d+, ",
            {"drift": DRIFT, "time": r"fp32_ms [\d.]+, int8-cpu_ms [\d.]+"},
            kept("INT8", r"\d+\.\d\dx, "),
        ),
    ],
)
def test_the_report_is_in_rows(source, precision, islands, measured, verdict, capsys):
    assert cli.main(["build", str(source), "--precision", precision, *LENIENT]) == 0
    name = f"small-{precision}.onnx"
    assert written() == [name]
    out, err = capsys.readouterr()
    assert err == ""
    expected = {
        "model": rf"{name} \({Path(name).stat().st_size / 1e6:.1f} MB\)",
        "precision": precision,
        "islands": rf"selection \d+, keypoints \d+, poses \d+, {islands}statistics \d+, "
        r"softmax \d+, range \d+ nodes stay as they are",
        **measured,
        "verdict": verdict,
    }
    told = rows(out)
    assert list(told) == list(expected)
    for row, pattern in expected.items():
        assert re.fullmatch(pattern, told[row]), told[row]
    width = max(map(len, told))
    assert all(line[width : width + 2] == "  " for line in out.splitlines())
    assert ModelCard.from_onnx(name).precision["verdict"] == told["verdict"]


def test_json_is_one_document_and_quiet_is_quiet(capsys):
    save_tiny(Path("tiny.onnx"))
    arguments = ["tiny.onnx", "--precision", "fp16", "-o", "sub/half.onnx", "--json", "-q"]
    assert cli.build(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    assert sorted(report) == ["bytes", "card", "output"]
    assert report["output"] == "sub/half.onnx"
    assert report["bytes"] == Path("sub/half.onnx").stat().st_size
    card = ModelCard.from_onnx("sub/half.onnx")
    assert ModelCard.from_json(json.dumps(report["card"])) == card
    assert report["card"]["precision"]["name"] == "fp16"
    assert report["card"]["precision"]["drift"]["windows"] == 32


def test_what_is_written_is_logged_on_request(capsys):
    save_tiny(Path("tiny.onnx"))
    assert cli.build(["tiny.onnx", "--precision", "fp16", "-v"]) == 0
    assert written() == ["tiny-fp16.onnx", "tiny.onnx"]
    out, err = capsys.readouterr()
    assert rows(out)["verdict"] == "FP16 kept: +0 mm"
    assert err == "h2ot-build: info: wrote tiny-fp16.onnx, 0.0 MB: FP16 kept: +0 mm\n"


@pytest.mark.slow
def test_float16_of_a_model_that_ships_is_close(capsys):
    assert cli.build(["motionbert-s", "--precision", "fp16", "--json"]) == 0
    assert written() == ["motionbert-s-fp16.onnx"]
    report = json.loads(capsys.readouterr().out)["card"]["precision"]
    for name in ("drift", "drift_emulated"):
        drift = Drift(**report[name])
        assert (drift.unit, drift.windows) == ("mm", 32)
        assert 0 < drift.mean < 1
        assert drift.kept_differ <= 0.05 * drift.kept
    assert re.fullmatch(r"FP16 kept: \+0\.\d+ mm", report["verdict"])


def test_clips_are_calibrated_on(capsys):
    keypoints = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 17, 3)).astype(np.float32)
    Path("clips").mkdir()
    np.savez("clips/a.npz", keypoints=np.abs(keypoints))
    save_tiny(Path("tiny.onnx"))
    np.savez("clips/b.npz", keypoints=keypoints)
    arguments = ["--precision", "fp16", "--calibration", "clips", "clips/a.npz", "--json"]
    assert cli.build(["tiny.onnx", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)["card"]["precision"]["calibration"]
    assert sorted(report["clips"].values()) == ["a.npz", "b.npz"]
    assert report["windows"] == 68


# rejections


def test_a_drift_above_the_limit_is_status_1(source, capsys):
    Path("a.onnx").write_bytes(b"an older model")
    arguments = ["build", str(source), "--precision", "fp16", "--max-drift-mm", "1e-3"]
    assert cli.main([*arguments, "-o", "a.onnx", "--json"]) == 1
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert sorted(error) == ["message", "report", "type"]
    assert error["type"] == "PrecisionRejected"
    assert re.fullmatch(
        r"FP16 rejected: \+[\d.]+ mm at a torso of 500 mm; it drifts by more than 0\.001 mm on "
        rf"average {WORST}",
        error["message"],
    )
    assert sorted(error["report"]) == ["calibration", "drift", "drift_emulated", "islands"]
    assert err == f"h2ot build: error: {error['message']}\n"
    assert Path("a.onnx").read_bytes() == b"an older model"
    assert written() == ["a.onnx"]


# wrong use


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            "none.onnx --precision fp16",
            "ModelFileError",
            "none.onnx: no such file; expected an ONNX model from h2ot-export",
        ),
        (
            "motionbert-q --precision fp16",
            "UnknownName",
            "no model 'motionbert-q'; did you mean 'motionbert-s'? (known: motionbert-s, "
            "motionbert-s-dense, motionbert-xs), and no file of that name; give one of these, or "
            "the path of an .onnx file",
        ),
        (
            "none.onnx --precision fp61",
            "UnknownName",
            "no precision 'fp61'; did you mean 'fp16'? (known: fp16, int8, int8-cpu)",
        ),
        (
            "none.onnx --precision int8 --calibration-method mx",
            "UnknownName",
            "no calibration method 'mx'; did you mean 'max'? (known: max, percentile, entropy)",
        ),
        (
            "none.onnx --precision fp16 -o model.bin",
            "UsageError",
            "--output model.bin: expected a name that ends in .onnx or .engine or .plan or .trt",
        ),
        (
            "none.onnx --precision fp16 --target tensorrt -o model.onnx",
            "UsageError",
            "--output model.onnx: expected a name that ends in .engine or .plan or .trt",
        ),
        (
            "none.onnx -o model.onnx",
            "UsageError",
            "--output model.onnx: expected a name that ends in .engine or .plan or .trt; a model "
            "is only lowered with --precision",
        ),
        (
            "none.onnx --precision fp16 --int8-attention",
            "UsageError",
            "--int8-attention: nothing to do with --precision fp16",
        ),
        (
            "none.onnx --precision int8 --max-drift-mm 0",
            "UsageError",
            "--max-drift-mm 0.0: expected a number above 0",
        ),
        (
            "none.onnx --precision int8-cpu --min-speedup -1",
            "UsageError",
            "--min-speedup -1.0: expected 0 or more",
        ),
        (
            "none.onnx",
            "ModelFileError",
            "none.onnx: no such file; expected an ONNX model from h2ot-export",
        ),
        (
            "--precision fp16",
            "UsageError",
            "the following arguments are required: MODEL; h2ot build --help shows what it takes",
        ),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, kind, message, capsys):
    assert cli.main(["build", *arguments.split(), "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": {"type": kind, "message": message}}
    assert err == f"h2ot build: error: {message}\n"
    assert written() == []


def test_a_lowered_model_is_not_lowered_again(capsys):
    save_tiny(Path("half.onnx"), tiny_card(precision={"name": "fp16"}, opset=19))
    assert cli.build(["half.onnx", "--precision", "int8"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-build: error: half.onnx: expected a float32 model, this one is fp16 already; give "
        "the model it was made from\n"
    )
    assert written() == ["half.onnx"]


def test_an_output_that_is_a_folder(capsys):
    Path("folder.onnx").mkdir()
    assert cli.build(["none.onnx", "--precision", "fp16", "-o", "folder.onnx"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-build: error: --output folder.onnx: expected the name of a file, this is a folder\n"
    )


def test_clips_that_do_not_do(source, capsys):
    np.savez("a.npz", keypoints=np.ones((300, 18, 3)))
    assert cli.build([str(source), "--precision", "int8", "--calibration", "a.npz"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-build: error: a.npz: expected keypoints (t, 17, 2|3), got (300, 18, 3); if the "
        "joints are those of openpose18, say so (layout=, or h2ot-infer --layout)\n"
    )
    assert written() == ["a.npz"]


# export in one go


@pytest.mark.parametrize(("precision", "opset"), [("fp16", 17), ("int8", 19), ("int8-cpu", 17)])
def test_export_lowers_what_it_exported(precision, opset, capsys):
    arguments = ["--backbone", "small", "--batch", "16", "--precision", precision, *LENIENT]
    assert cli.export(arguments) == 0
    name = f"small-base-9-hot-random-{precision}.onnx"
    assert written() == [name]
    card = ModelCard.from_onnx(name)
    assert (card.precision_name, card.opset) == (precision, opset)
    assert onnx.load(name).opset_import[0].version == opset
    out, err = capsys.readouterr()
    assert err == RANDOM.format(prog="h2ot-export")
    told = rows(out)
    megabytes = Path(name).stat().st_size / 1e6
    assert told["model"] == f"{name} ({megabytes:.1f} MB, opset {opset})"
    assert told["precision"] == precision
    assert told["verdict"] == card.precision["verdict"]


def test_export_without_a_precision_is_float32(capsys):
    assert cli.export(["--backbone", "small", "--precision", "fp32", "--json", "-q"]) == 0
    assert written() == ["small-base-9-hot-random.onnx"]
    card = json.loads(capsys.readouterr().out)["card"]
    assert (card["precision"], card["opset"]) == ({"name": "fp32"}, 17)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--precision fp61",
            "no precision 'fp61'; did you mean 'fp16'? (known: fp16, int8, int8-cpu)",
        ),
        (
            "--precision fp16 --int8-attention",
            "--int8-attention: nothing to do with --precision fp16",
        ),
        ("--max-drift-mm 2", "--max-drift-mm: nothing to do with --precision fp32"),
        ("--calibration a.npz", "--calibration: nothing to do with --precision fp32"),
    ],
)
def test_export_refuses_what_build_refuses(arguments, message, capsys):
    assert cli.export(["--backbone", "small", *arguments.split()]) == 2
    assert capsys.readouterr().err == f"h2ot-export: error: {message}\n"
    assert written() == []


def test_export_refuses_int8_in_an_old_operator_set(capsys):
    assert cli.export(["--backbone", "small", "--opset", "17", "--precision", "int8", "-q"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "h2ot-export: error: --precision int8: needs operator set 19 or later, in which float16 "
        "can be quantised, got 17; export the model with --opset 19\n"
    )
    assert written() == []
