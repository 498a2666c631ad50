"""`h2ot-infer --html`."""

import json
import re

import numpy as np
import pytest
from tiny_models import save_tiny

from h2ot_edge import cli


@pytest.fixture
def arguments(tmp_path):
    model = save_tiny(tmp_path / "tiny.onnx", bias=np.zeros((9, 1, 3), np.float32))
    pixels = np.random.default_rng(0).uniform(0, 480, (20, 17, 3))
    np.savez(tmp_path / "<clip>.npz", keypoints=pixels, image_size=[640, 480], fps=50)
    return [str(model), str(tmp_path / "<clip>.npz"), "-o", str(tmp_path / "poses.npz")]


def test_a_page_is_written(arguments, tmp_path, capsys):
    page = tmp_path / "new" / "page.html"
    assert cli.infer([*arguments, "--html", str(page)]) == 0
    assert f"page   {page}\n" in capsys.readouterr().out
    (found,) = re.findall(
        r'<script type="application/json" id="poses">(.*?)</script>', page.read_text("utf-8")
    )
    document = json.loads(found)
    assert (document["frames"], document["fps"], document["kept"]) == (20, 50, None)
    assert document["title"] == ("<clip>.npz, tiny linear, random weights: the poses mean nothing")


def test_the_report_names_it(arguments, tmp_path, capsys):
    for more, named in (
        ([], None),
        (["--html", str(tmp_path / "a.html")], str(tmp_path / "a.html")),
    ):
        assert cli.infer([*arguments, *more, "--json", "-q"]) == 0
        assert json.loads(capsys.readouterr().out)["html"] == named


def test_a_wrong_name_is_refused_before_the_work(arguments, tmp_path, capsys):
    arguments[0] = "no-model.onnx"
    assert cli.infer([*arguments, "--html", "page.pdf"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: page.pdf: a page is written as .html, .htm; end the name in one\n"
    )
    assert not (tmp_path / "poses.npz").exists()
