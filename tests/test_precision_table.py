"""The table of what lower precision costs."""

import json
import re

import pytest
from small_networks import FAMILY, options

from h2ot_edge.benchmarks.studies.precision import main
from h2ot_edge.export import BACKBONES, export_model


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a model, and what was written about it."""
    folder = tmp_path_factory.mktemp("precision")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        export_model(options(opset=19, batch=16), folder / "small.onnx")
    arguments = [str(folder / "small.onnx"), "--threads", "1", "--rounds", "2"]
    assert main([*arguments, "-o", str(folder / "out")]) == 0
    return folder, arguments


def test_every_precision_has_a_row(written):
    folder, _ = written
    page = (folder / "out" / "README.md").read_text()
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert rows == ["precision", "---------", "fp32", "fp16", "int8", "int8-cpu"]
    assert "## small\n\nsmall base, 9 frames; 3 from block 1 (hot: pruned by tpc" in page
    assert "Random weights, so this is the worst case" in page
    assert re.search(r"^\| fp32 +\| +\d+\.\d \| +[\d.]+ \([\d.]+\), 1\.00 of fp32 \|", page, re.M)
    assert re.search(r"^- fp16: FP16 kept: \+[\d.]+ mm at a torso of 500 mm$", page, re.M)
    assert str(folder) not in page


def test_figures_are_kept_and_not_measured_again(written):
    folder, arguments = written
    results = folder / "out" / "results.json"
    before = results.read_text()
    found = json.loads(before)["small"]
    assert found["weights"] == "random"
    assert set(found["precisions"]) == {"fp32", "fp16", "int8", "int8-cpu"}
    assert found["precisions"]["fp16"]["drift_emulated"]["kept"] == 3 * 32
    assert main([*arguments, "-o", str(folder / "out")]) == 0
    assert results.read_text() == before
    assert main([*arguments[:-1], "3", "--threads", "2", "-o", str(folder / "out")]) == 0
    assert results.read_text() != before


def test_a_model_that_cannot_be_lowered(tmp_path, capsys):
    assert main([str(tmp_path / "none.onnx"), "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("precision: error: ")
