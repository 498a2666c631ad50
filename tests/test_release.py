"""From a training's result to what ships."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from small_models import ACCURACY, READY, TRAINING, UNREADY, options, trained, use
from small_networks import FAMILY, SmallMotionBERT

from h2ot_edge import ModelCard, zoo
from h2ot_edge.errors import CheckpointError, ParityError, UsageError
from h2ot_edge.export import BACKBONES
from h2ot_edge.export.release import main, release


@pytest.fixture
def package(released, tmp_path, monkeypatch):
    """A copy of the released models that may be changed."""
    folder = tmp_path / "package"
    shutil.copytree(released, folder)
    use(folder, monkeypatch)
    return folder


@pytest.fixture
def weights(tmp_path):
    return trained(tmp_path / "training.pt", "h2ot", seed=9)


def held(folder):
    """Name and digest of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.*")
    }


def command(name, weights, *more):
    return [name, "--summary", "new", "--backbone", "small", "--checkpoint", str(weights), *more]


def test_the_command_writes_weights_file_and_index(package, weights, tmp_path, capsys):
    before = held(package)
    documents = {"accuracy": ACCURACY, "training": TRAINING}
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    more = [f"--{name}={tmp_path / name}.json" for name in documents]
    assert main(command("small-h2ot", weights, "--preset", "h2ot", *more)) == 0
    after = held(package)
    new = {"models/small-h2ot.onnx", "weights/small-h2ot.npz"}
    assert after.keys() - before.keys() == new
    assert {name for name in before if after[name] != before[name]} == {"models/index.json"}

    model = zoo.models()["small-h2ot"]
    assert list(zoo.models()) == [READY, UNREADY, "small-h2ot"]
    assert (model.summary, model.ready, model.card.preset) == ("new", True, "h2ot")
    assert (model.card.accuracy, model.card.training) == (ACCURACY, TRAINING)
    assert model.card.weights["sha256"] == after["weights/small-h2ot.npz"]
    assert model.card.licence == FAMILY.licence
    assert ModelCard.from_onnx(model.path) == model.card
    state = torch.load(weights, weights_only=True)
    with np.load(model.weights, allow_pickle=False) as arrays:
        assert sorted(arrays.files) == sorted(state)
        assert {arrays[name].dtype for name in state} == {np.dtype("float16")}
        assert all(np.array_equal(arrays[name], state[name].half().numpy()) for name in state)
    parity = model.card.parity
    assert capsys.readouterr().out == (
        f"model    small-h2ot ({model.path})\n"
        f"weights  {model.weights} ({model.weights.stat().st_size / 1e6:.1f} MB)\n"
        f"sha256   {model.card.weights['sha256']}\n"
        f"parity   largest difference {parity['largest']:.1e} of rms {parity['rms']:.2g}\n"
    )


def test_a_release_is_the_same_bytes_again(package, tmp_path):
    before = held(package)
    release(
        READY,
        options("hot", checkpoint=trained(tmp_path / "again.pt", "hot")),
        summary="small, preset hot",
        accuracy=ACCURACY,
        training=TRAINING,
    )
    assert held(package) == before


def test_weights_alone_can_ship(package, weights, capsys):
    arguments = command("small-h2ot", weights, "--preset", "h2ot")
    assert main(arguments) == 0
    assert main([*arguments, "--weights-only"]) == 0
    assert "model    small-h2ot (exported on first use)\n" in capsys.readouterr().out
    assert "models/small-h2ot.onnx" not in held(package)
    model = zoo.models()["small-h2ot"]
    assert (model.ready, model.card.accuracy, model.card.training) == (False, {}, {})


class Misfolded(SmallMotionBERT):
    """A backbone whose author made a mistake: folding moves every pose."""

    def fold(self):
        super().fold()
        self.head.bias.data[0] += 0.01


def test_a_release_that_fails_leaves_everything_as_it_was(package, weights, monkeypatch):
    before = held(package)
    family = type(FAMILY)(**{**vars(FAMILY), "network": Misfolded})
    monkeypatch.setitem(BACKBONES, "small", family)
    with pytest.raises(ParityError):
        release("small-h2ot", options("h2ot", checkpoint=weights), summary="")
    with pytest.raises(CheckpointError):
        release("small-hot", options("hot", variant="long", checkpoint=weights), summary="")
    assert held(package) == before


@pytest.mark.parametrize("name", ["Small", "small_base", "small.base", "-a", "a--b", "a/b", ""])
def test_names_are_plain(package, weights, name):
    with pytest.raises(UsageError) as caught:
        release(name, options("h2ot", checkpoint=weights), summary="")
    assert str(caught.value) == (
        f"{name}: expected a name of small letters, digits and hyphens, such as motionbert-s"
    )


def test_there_is_one_model_for_a_network_and_plan(package, weights, capsys):
    assert main(command("another", weights, "--preset", "none")) == 2
    assert capsys.readouterr().err == (
        f"release: error: another: {UNREADY} already is small base with this window and pruning; "
        "release it under that name, or remove it from the index\n"
    )


def test_trained_weights_are_needed(package):
    with pytest.raises(UsageError) as caught:
        release("small-h2ot", options("h2ot"), summary="")
    assert str(caught.value) == "a release needs trained weights; give --checkpoint FILE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            None,
            "cannot be read as JSON ([Errno 2] No such file or directory: '{path}')",
        ),
        ("{", "cannot be read as JSON (Expecting property name enclosed in double quotes: "
         "line 1 column 2 (char 1))"),
        ("[1]", "expected a JSON object, got a list"),
    ],
)  # fmt: skip
def test_documents_are_json_objects(package, weights, tmp_path, text, message, capsys):
    path = tmp_path / "accuracy.json"
    if text is not None:
        path.write_text(text)
    assert main(command("small-h2ot", weights, "--accuracy", str(path))) == 2
    message = message.format(path=path) if text is None else message
    assert capsys.readouterr().err == f"release: error: {path}: {message}\n"
