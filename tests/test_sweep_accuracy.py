"""What the points of a curve are held against."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from bench_documents import accuracy_row, document, model, point
from motions import save_motions, walkers
from small_models import TRAINING, options, trained, use
from tiny_models import save_tiny, tiny_card

from h2ot_edge.benchmarks.sweep import known_accuracies
from h2ot_edge.benchmarks.sweep.accuracy import Exported, Yardstick
from h2ot_edge.benchmarks.sweep.plans import identity
from h2ot_edge.benchmarks.sweep.plans import unpruned as unpruned_of
from h2ot_edge.card import OutputConvention
from h2ot_edge.engine import Engine
from h2ot_edge.export import export_model
from h2ot_edge.export.release import release
from h2ot_edge.gait import Walk

TRAINED = {"source": "checkpoint", "sha256": "0" * 64, "file": "a.pth"}
POSE = Walk().joints(np.zeros(1)).astype(np.float32)
BIAS = np.repeat(POSE - POSE[:, :1], 9, axis=0)


@pytest.fixture
def data(tmp_path):
    return [save_motions(tmp_path / "walkers.npz", walkers(2, frames=30))]


def tiny(path, *, bias=BIAS, **card):
    """A point whose model is not far from a person."""
    made = tiny_card(**{"weights": TRAINED, **card})
    save_tiny(path, made, bias=bias)
    return Exported(id=path.stem, options=options(), path=path, card=made)


def held(yardstick, model):
    with Engine.load(model.path) as engine:
        return yardstick.hold(model, engine)


def test_the_truth_where_there_are_data(tmp_path, small_zoo, data):
    model, yardstick = tiny(tmp_path / "a.onnx"), Yardstick([], data, "cmu")
    found = held(yardstick, model)
    assert yardstick.kind == "mpjpe"
    assert 10 < found.figures["mpjpe_mm"] < 1000
    assert (found.figures["mean_mm"], found.unknown, found.problems) == (None, None, ())
    assert found.figures["data"].endswith(" (walkers.npz)")


def test_poses_that_are_not_in_metres(tmp_path, small_zoo, data):
    card = {"output": OutputConvention(unit="normalised")}
    found = held(Yardstick([], data, "cmu"), tiny(tmp_path / "a.onnx", **card))
    assert found.figures["mpjpe_mm"] is None
    assert found.figures["p_mpjpe_mm"] > 0
    assert found.unknown == (
        "accuracy: the poses of this model are not in metres, so MPJPE is not known; without "
        "--data drift from the unpruned network is measured"
    )


def test_drift_is_in_millimetres(tmp_path, small_zoo):
    """A model whose hips are 30 mm off, of which 1 of 17 joints is."""
    moved = BIAS.copy()
    moved[:, 4, 0] += 0.030
    unpruned, model = tiny(tmp_path / "whole.onnx"), tiny(tmp_path / "a.onnx", bias=moved)
    yardstick = Yardstick([unpruned], (), "cmu")
    assert yardstick.kind == "drift"
    figures = held(yardstick, model).figures
    assert figures["mean_mm"] == pytest.approx(30 / 17, rel=1e-4)
    assert figures["worst_mm"] == pytest.approx(30, rel=1e-4)
    assert (figures["reference"], figures["windows"], figures["mpjpe_mm"]) == ("whole", 32, None)
    assert figures["data"] == "windows of people who walk, simulated; mm"
    assert held(yardstick, unpruned).figures["mean_mm"] == 0


def test_random_weights_have_no_accuracy(tmp_path, small_zoo, data):
    model = tiny(tmp_path / "a.onnx", weights={"source": "random", "seed": 0})
    found = held(Yardstick([model], data, "cmu"), model)
    assert found.figures is None
    assert found.unknown == "accuracy: the weights are random; give --checkpoint with trained ones"


def test_nothing_to_compare_with(tmp_path, small_zoo):
    found = held(Yardstick([], (), "cmu"), tiny(tmp_path / "a.onnx"))
    assert found.figures is None
    assert found.unknown == (
        "accuracy: there is no unpruned network with these weights to compare with; give --data "
        "with the truth"
    )


def test_what_was_measured_before_is_taken_if_it_is_all(tmp_path, small_zoo):
    unpruned, model = tiny(tmp_path / "whole.onnx"), tiny(tmp_path / "a.onnx", backbone="other")
    figures = {"mpjpe_mm": 50.0}
    known = {("none", "", "none", "0" * 64): figures}
    yardstick = Yardstick([unpruned, model], (), "cmu", known)
    assert yardstick.kind == "mpjpe"
    found = held(yardstick, model)
    assert found.figures == figures
    assert found.problems == ("measured before, not in this run: accuracy holds on every machine",)
    pruned = {"prune": "tps", "schedule": {1: 3}, "recover": "tri", "preset": "custom"}
    other = tiny(tmp_path / "b.onnx", **pruned)
    assert Yardstick([unpruned, other], (), "cmu", known).kind == "drift"


def test_accuracies_are_those_of_the_same_network(tmp_path, small_zoo, monkeypatch):
    monkeypatch.setattr(known_accuracies, "RESULTS", tmp_path)
    base, asked = unpruned_of(options()), known_accuracies.known_accuracies
    assert asked(base) == {}
    card = {"weights": {"sha256": "1" * 64}}
    made = document(
        rows=[accuracy_row(None, mpjpe_mm=50.0), accuracy_row(3.0, model="drifted")],
        models={"small": model(card=card), "drifted": model(card=card)},
        curve=[
            point("1:3", 50.0, accuracy="mpjpe"),
            point("1:2", 3.0, model="drifted"),
        ],
        settings={"network": {**identity(base), "opset": 19}},
    )
    (tmp_path / "a.json").write_text('{"other": "things"}')
    (tmp_path / "b.json").write_text(json.dumps(made))
    figures = accuracy_row(None, mpjpe_mm=50.0)["figures"]
    assert asked(base) == {("tps", "1:3", "tri", "1" * 64): figures}
    assert asked(replace(base, flip_tta=True)) == {}


def test_retrained_weights_are_held_by_those_they_began_with(tmp_path, released, monkeypatch):
    """Drift of one training from another would be no cost of pruning."""
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    use(tmp_path, monkeypatch)
    weights = trained(tmp_path / "h2ot.pt", "h2ot", seed=9)
    asked = options("h2ot", checkpoint=weights)
    release("small-h2ot", asked, summary="", accuracy={}, training=TRAINING, ready=False)
    retrained, unpruned = exported(tmp_path, "h2ot"), exported(tmp_path, "none")
    assert retrained.card.weights["name"] == "small-h2ot"
    same = retrained_with(tmp_path, unpruned)
    yardstick = Yardstick([unpruned], (), "cmu")
    found, expected = held(yardstick, retrained), held(yardstick, same)
    assert found.figures == expected.figures
    assert found.figures["mean_mm"] > 0
    assert expected.problems == ()
    assert found.problems == (
        "drift is that of the weights of small-base-dense under this pruning; the model has those "
        "of small-h2ot, which were trained with it: --data tells what they are worth",
    )


def exported(folder, preset, **changes):
    path = folder / f"{preset}{len(changes)}.onnx"
    asked = options(preset, **changes)
    return Exported(id=preset, options=asked, path=path, card=export_model(asked, path))


def retrained_with(folder, unpruned):
    """The pruned network with the weights of the unpruned one."""
    return exported(folder, "h2ot", checkpoint=unpruned.options.shipped.model.weights)
