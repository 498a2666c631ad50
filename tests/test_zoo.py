"""The models that ship: by name, from the package, the cache, or exported on first use."""

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_models import ACCURACY, NAMES, READY, TRAINING, UNREADY
from small_networks import run
from tiny_models import save_tiny, tiny_card

from h2ot_edge import Engine, ModelCard, zoo
from h2ot_edge.benchmarks.motion.probe_windows import KINDS, probe_windows
from h2ot_edge.errors import MissingExtra, ModelFileError, UnknownName, UsageError
from h2ot_edge.export.options import options_of_card
from h2ot_edge.export.pipeline import export_shipped

KNOWN = f"known: {READY}, {UNREADY}"


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# the index


def test_the_index_lists_models(small_zoo, released):
    assert list(zoo.models()) == NAMES
    model = zoo.models()[READY]
    assert (model.name, model.summary, model.ready) == (READY, "small, preset hot", True)
    assert model.weights == released / "weights" / f"{READY}.npz"
    assert model.card == ModelCard.from_onnx(released / "models" / f"{READY}.onnx")
    assert (model.card.accuracy, model.card.training) == (ACCURACY, TRAINING)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "FileNotFoundError: [Errno 2] No such file or directory: '{path}'"),
        ("", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("[]", "AttributeError: 'list' object has no attribute 'items'"),
        ('{"a": {}}', "KeyError: 'weights'"),
        ('{"a": 3}', "TypeError: 'int' object is not subscriptable"),
    ],
)
def test_an_index_that_cannot_be_read(text, why, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    path = tmp_path / "index.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelFileError) as caught:
        zoo.models()
    assert str(caught.value) == (
        f"{path}: not a readable index of models ({why.format(path=path)}); install h2ot-edge again"
    )


def test_a_card_in_the_index_is_read_as_any_card(small_zoo, released, tmp_path, monkeypatch):
    index = json.loads((released / "models" / "index.json").read_text())
    index[READY]["card"]["schema_version"] = 4
    (tmp_path / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    with pytest.raises(ModelFileError) as caught:
        zoo.models()
    assert str(caught.value) == (
        f"{tmp_path / 'index.json'}: {READY}: the model card has schema 4, this h2ot-edge reads up "
        "to 3; upgrade h2ot-edge or export the model again with this version"
    )


# where a model is


def test_a_ready_model_is_in_the_package(small_zoo, released):
    assert zoo.path_of(READY) == released / "models" / f"{READY}.onnx"
    assert zoo.models()[READY].state == "ready"
    assert not small_zoo.exists()


def test_a_model_that_ships_as_weights_is_exported_once_and_kept(small_zoo, caplog):
    model = zoo.models()[UNREADY]
    assert model.state == "needs export"
    assert zoo.card_of(UNREADY) == model.card
    with caplog.at_level(logging.WARNING):
        path = zoo.path_of(UNREADY)
    assert caplog.messages == [
        f"exporting model '{UNREADY}' for the first time, which takes some seconds; it is kept in "
        f"{small_zoo}"
    ]
    assert path == model.path
    assert list(small_zoo.iterdir()) == [path]
    assert model.state == "cached"
    assert ModelCard.from_onnx(path) == model.card == zoo.card_of(UNREADY)
    caplog.clear()
    written = path.stat().st_mtime_ns
    assert zoo.path_of(UNREADY) == path
    assert (path.stat().st_mtime_ns, caplog.messages) == (written, [])


def test_threads_that_ask_at_once_export_once(small_zoo, monkeypatch):
    made = []

    def export(model, path):
        made.append(path)
        path.write_bytes(b"")

    monkeypatch.setattr("h2ot_edge.export.pipeline.export_shipped", export)
    threads = [threading.Thread(target=zoo.path_of, args=(UNREADY,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_kept_model_is_not_taken_for_other_weights_or_another_exporter(
    small_zoo, released, tmp_path, monkeypatch
):
    before = zoo.models()[UNREADY].path
    assert before == zoo.models()[UNREADY].path
    monkeypatch.setattr(zoo, "_digest_of_exporter", lambda: "another")
    assert zoo.models()[UNREADY].path != before
    monkeypatch.undo()
    index = json.loads((released / "models" / "index.json").read_text())
    index[UNREADY]["card"]["weights"]["sha256"] = "0" * 64
    (tmp_path / "index.json").write_text(json.dumps(index))
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    monkeypatch.setenv("H2OT_HOME", str(before.parents[1]))
    after = zoo.models()[UNREADY].path
    assert after != before
    assert after.parent == before.parent


def test_without_torch_the_extra_is_named(small_zoo, monkeypatch):
    monkeypatch.setitem(sys.modules, "h2ot_edge.export.pipeline", None)
    with pytest.raises(MissingExtra) as caught:
        zoo.path_of(UNREADY)
    assert str(caught.value) == (
        f"model '{UNREADY}' ships as weights, from which its ONNX file must be exported: "
        "h2ot_edge.export.pipeline cannot be imported (import of h2ot_edge.export.pipeline halted; "
        "None in sys.modules); pip install 'h2ot-edge[export]'"
    )


def test_a_ready_model_whose_file_is_missing(small_zoo, released, tmp_path, monkeypatch):
    (tmp_path / "index.json").write_bytes((released / "models" / "index.json").read_bytes())
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    with pytest.raises(ModelFileError) as caught:
        zoo.path_of(READY)
    assert str(caught.value) == (
        f"{tmp_path / READY}.onnx: the file of model '{READY}' is missing; install h2ot-edge again"
    )


# the cache


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"H2OT_HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/onnx"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/h2ot-edge/onnx"),
        ({"H2OT_HOME": "", "XDG_CACHE_HOME": ""}, "/somebody/.cache/h2ot-edge/onnx"),
    ],
)
def test_where_exported_models_are_kept(variables, folder, monkeypatch):
    for name in ("H2OT_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/somebody", **variables}.items():
        monkeypatch.setenv(name, value)
    assert zoo.cache_folder() == Path(folder)


def test_a_user_without_a_home(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("H2OT_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(UsageError) as caught:
        zoo.cache_folder()
    assert str(caught.value) == (
        "exported models have no place: the user has no home folder; set H2OT_HOME to a folder "
        "that can be written"
    )


def test_a_cache_that_cannot_be_written(small_zoo, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("H2OT_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError) as caught:
        zoo.path_of(UNREADY)
    folder = tmp_path / "file" / "onnx"
    assert str(caught.value) == (
        f"{folder}: exported models cannot be kept there ([Errno 20] Not a directory: "
        f"'{folder}'); set H2OT_HOME to a folder that can be written"
    )


# names and files


def test_a_name_is_resolved_to_its_file(small_zoo, released):
    assert zoo.resolve(READY) == released / "models" / f"{READY}.onnx"


@pytest.mark.parametrize("path", [f"./{READY}", f"{READY}.onnx", f"a/{READY}", Path(READY)])
def test_what_is_written_as_a_path_is_a_path(small_zoo, in_an_empty_folder, path):
    assert zoo.resolve(path) == Path(path)


def test_a_file_goes_before_a_name(small_zoo, in_an_empty_folder):
    save_tiny(in_an_empty_folder / READY)
    assert zoo.resolve(READY) == Path(READY)
    assert zoo.card_of(READY) == tiny_card()
    with Engine.load(READY, backend="onnxruntime") as engine:
        assert engine.card == tiny_card()


def test_a_folder_does_not(small_zoo, in_an_empty_folder):
    (in_an_empty_folder / READY).mkdir()
    with Engine.load(READY) as engine:
        assert engine.card.backbone == "small"


@pytest.mark.parametrize(
    ("name", "hint"), [("smal-base", f"; did you mean '{READY}'?"), ("mixste", "")]
)
@pytest.mark.parametrize("use", [Engine.load, zoo.resolve, zoo.card_of])
def test_a_name_that_nothing_has(small_zoo, in_an_empty_folder, use, name, hint):
    with pytest.raises(UnknownName) as caught:
        use(name)
    assert str(caught.value) == (
        f"no model {name!r}{hint} ({KNOWN}), and no file of that name; give one of these, or the "
        "path of an .onnx file"
    )


def test_a_name_where_no_model_ships(tmp_path, monkeypatch):
    (tmp_path / "index.json").write_text("{}")
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    with pytest.raises(UnknownName) as caught:
        zoo.resolve("motionbert-s")
    assert str(caught.value) == (
        "no model 'motionbert-s' (known: none), and no file of that name; give one of these, or "
        "the path of an .onnx file"
    )


def test_an_unknown_model_has_no_path(small_zoo):
    with pytest.raises(UnknownName) as caught:
        zoo.path_of("small")
    assert str(caught.value).startswith("no model 'small'")


# on a device: numpy and onnxruntime, or numpy alone

THREE_LINES = """
import sys
for name in {without!r}:
    sys.modules[name] = None
from pathlib import Path
from h2ot_edge import Engine, read_clip, zoo
zoo.MODELS, zoo.WEIGHTS = Path(sys.argv[1], "models"), Path(sys.argv[1], "weights")
{code}
"""


def in_a_process(released, code, *, without, home):
    code = THREE_LINES.format(without=without, code=code)
    environment = {**os.environ, "H2OT_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code, released],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_three_lines_give_poses_with_onnxruntime_alone(released, tmp_path):
    code = (
        f"engine = Engine.load({READY!r})\n"
        "clip = read_clip(sys.argv[1] + '/../walk.npz')\n"
        "print(engine.infer(clip.keypoints, image_size=clip.image_size).shape)\n"
    )
    walk = Path(zoo.__file__).parent / "data" / "walk.npz"
    (released.parent / "walk.npz").write_bytes(walk.read_bytes())
    without = ("torch", "onnx", "onnxslim", "tqdm", "matplotlib")
    assert in_a_process(released, code, without=without, home=tmp_path) == "(300, 17, 3)\n"


def test_the_base_install_lists_models_and_reads_cards(released, tmp_path):
    code = (
        "print(*zoo.models())\n"
        "print(*(zoo.card_of(name).backbone for name in zoo.models()))\n"
        "from h2ot_edge.cli import main\n"
        "assert main(['models', '--json']) == 0\n"
    )
    without = ("torch", "onnx", "onnxslim", "onnxruntime", "tqdm", "matplotlib")
    names, backbones, *told = in_a_process(
        released, code, without=without, home=tmp_path
    ).splitlines()
    assert (names.split(), backbones.split()) == (NAMES, ["small", "small"])
    assert [model["name"] for model in json.loads("".join(told))["models"]] == NAMES


# what really ships


SHIPPED = sorted(zoo.models())


def test_no_file_ships_that_the_index_does_not_know():
    known = zoo.models().values()
    onnx_files = {model.path for model in known if model.ready} | {zoo.MODELS / "index.json"}
    assert set(zoo.MODELS.iterdir()) == onnx_files
    held = set(zoo.WEIGHTS.iterdir()) if zoo.WEIGHTS.is_dir() else set()
    assert held == {model.weights for model in known}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_is_complete(name):
    model = zoo.models()[name]
    card = model.card
    assert model.summary
    assert card.weights["source"] == "shipped"
    assert card.weights["name"] == name
    assert hashlib.sha256(model.weights.read_bytes()).hexdigest() == card.weights["sha256"]
    assert card.parity["windows"] == len(KINDS)
    assert card.parity["repeatable"] is True
    assert card.licence.startswith("Apache-2.0; ")
    for told in (card.accuracy, card.training, card.flops["graph"], card.versions):
        assert told
    shipped = options_of_card(card).shipped
    assert shipped is not None
    assert (shipped.model, shipped.trained_with_plan) == (model, True)


@pytest.mark.parametrize("name", [name for name in SHIPPED if zoo.models()[name].ready])
def test_a_shipped_model_loads_and_lifts(name):
    with Engine.load(name, threads=1) as engine:
        assert engine.card == zoo.models()[name].card
        window = probe_windows(engine.card.frames, engine.card.channels)[0]
        poses = engine.infer(window)
    assert poses.shape == (engine.card.frames, 17, 3)
    assert np.isfinite(poses).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_export_to_the_shipped_poses(name, tmp_path):
    model = zoo.models()[name]
    card = export_shipped(model, tmp_path / "again.onnx")
    differing = {"parity", "versions"}
    assert {k: v for k, v in card.to_dict().items() if k not in differing} == {
        k: v for k, v in model.card.to_dict().items() if k not in differing
    }
    if not model.ready:
        return
    windows = probe_windows(card.frames, card.channels)[: card.batch or 1]
    again, shipped = (
        run(onnx.load(path), windows)[0] for path in (tmp_path / "again.onnx", model.path)
    )
    np.testing.assert_allclose(again, shipped, atol=1e-4 * card.parity["rms"])
