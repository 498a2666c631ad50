"""Which products suffer from int8."""

import pytest
from small_networks import FAMILY, options

from h2ot_edge.benchmarks.studies.sensitivity import main, sensitivities
from h2ot_edge.export import BACKBONES, export_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("sensitivity") / "small.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "small", FAMILY)
        export_model(options(opset=19, batch=16), path)
    return path


@pytest.mark.parametrize("scales", ["call", "fixed"])
def test_every_product_drifts_alone(model, scales):
    found = list(sensitivities(model, scales))
    names = [name for name, _, _ in found]
    assert len(set(names)) == len(names) == found[0][2] > 20
    assert all(0 < drift < 500 for _, drift, _ in found)
    assert "/backbone/head/Gemm" in names


def test_the_worst_come_first(model, capsys):
    assert main([str(model), "--most", "3"]) == 0
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert (head.split("|")[2].strip(), rule.strip("|- :")) == ("drift, mm", "")
    drifts = [float(row.split("|")[2]) for row in rows]
    assert len(drifts) == 3
    assert drifts == sorted(drifts, reverse=True)


def test_a_model_that_is_not_there(capsys):
    assert main(["none.onnx"]) == 2
    assert capsys.readouterr().err.startswith("sensitivity: error: none.onnx")
