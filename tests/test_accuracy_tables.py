"""Tables and pictures of accuracies."""

import sys

import pytest

from h2ot_edge.benchmarks.accuracy.bars import plot_accuracies
from h2ot_edge.benchmarks.accuracy.results import Accuracy, ClipErrors
from h2ot_edge.benchmarks.accuracy.tables import actions_of, tables
from h2ot_edge.errors import MissingExtra, UsageError


def accuracy(action="walk", **figures):
    errors = {metric: (float(value),) * 17 for metric, value in figures.items()}
    result = ClipErrors(
        name="one", subject="a", action=action, frames=1200, digest="d", errors=errors
    )
    return Accuracy.of([result], list(figures))


def test_one_model():
    table = tables({"tiny": accuracy(mpjpe=45.678, mpjve=2.345, pck=100)})
    overall, action, joint = table.split("\n\n")
    assert overall == (
        "| model | clips | frames | MPJPE, mm | MPJVE, mm/frame | PCK@150, % |\n"
        "| ----- | ----: | -----: | --------: | --------------: | ---------: |\n"
        "| tiny  |     1 |   1200 |      45.7 |            2.35 |      100.0 |"
    )
    assert action == (
        "| action | model | clips | frames | MPJPE, mm | MPJVE, mm/frame | PCK@150, % |\n"
        "| ------ | ----- | ----: | -----: | --------: | --------------: | ---------: |\n"
        "| walk   | tiny  |     1 |   1200 |      45.7 |            2.35 |      100.0 |"
    )
    lines = joint.splitlines()
    assert len(lines) == 2 + 17
    assert lines[:3] == [
        "| joint     | model | MPJPE, mm | MPJVE, mm/frame | PCK@150, % |",
        "| --------- | ----- | --------: | --------------: | ---------: |",
        "| hip       | tiny  |      45.7 |            2.35 |      100.0 |",
    ]


def test_what_was_not_measured_is_a_dash():
    both = {"metres": accuracy("sit", mpjpe=10, p_mpjpe=8), "unit": accuracy("walk", p_mpjpe=9)}
    assert actions_of(both) == ["sit", "walk"]
    overall, action, _ = tables(both).split("\n\n")
    assert overall.splitlines()[2:] == [
        "| metres |     1 |   1200 |      10.0 |         8.0 |",
        "| unit   |     1 |   1200 |         - |         9.0 |",
    ]
    assert action.splitlines()[2:] == [
        "| sit    | metres |     1 |   1200 |      10.0 |         8.0 |",
        "| sit    | unit   |     0 |      0 |         - |           - |",
        "| walk   | metres |     0 |      0 |         - |           - |",
        "| walk   | unit   |     1 |   1200 |         - |         9.0 |",
    ]


def axes_of(monkeypatch, accuracies, path):
    """The axes that were drawn."""
    from matplotlib.figure import Figure

    figures = []
    start = Figure.__init__
    monkeypatch.setattr(
        Figure, "__init__", lambda self, *a, **k: (figures.append(self), start(self, *a, **k))[1]
    )
    assert plot_accuracies(accuracies, path, title="What it is") == path
    (figure,) = figures
    assert figure.get_suptitle() == "What it is"
    return figure.axes


def test_bars_are_of_the_first_metric_that_all_have(tmp_path, monkeypatch):
    both = {"metres": accuracy("sit", mpjpe=10, p_mpjpe=8), "unit": accuracy("walk", p_mpjpe=9)}
    path = tmp_path / "accuracy.png"
    joints, actions = axes_of(monkeypatch, both, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert joints.get_ylabel() == actions.get_ylabel() == "P-MPJPE, mm"
    assert [bar.get_height() for bar in joints.patches] == [8] * 17 + [9] * 17
    assert [label.get_text() for label in actions.get_xticklabels()] == ["sit", "walk"]
    heights = [bar.get_height() for bar in actions.patches]
    assert (heights[0], heights[3]) == (8, 9)
    assert [label.get_text() for label in joints.get_legend().get_texts()] == ["metres", "unit"]


@pytest.mark.parametrize(
    "accuracies", [{}, {"metres": accuracy(mpjpe=1), "unit": accuracy(p_mpjpe=1)}]
)
def test_models_without_a_common_metric(accuracies, tmp_path):
    with pytest.raises(UsageError) as caught:
        plot_accuracies(accuracies, tmp_path / "a.png")
    assert str(caught.value) == (
        "models: expected a metric that all of them were measured with, found none"
    )


def test_drawing_needs_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra) as caught:
        plot_accuracies({"a": accuracy(mpjpe=1)}, tmp_path / "a.png")
    assert str(caught.value) == (
        "matplotlib.figure cannot be imported (import of matplotlib.figure halted; None in "
        "sys.modules); pip install 'h2ot-edge[viz]'"
    )
