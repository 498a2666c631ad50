"""`h2ot export`, and the road from there to poses."""

import hashlib
import io
import json
import re
import subprocess
import sys
import sysconfig
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_models import ACCURACY, READY, TRAINING, UNREADY, trained
from small_networks import FAMILY, SmallMotionBERT, run

from h2ot_edge import ModelCard, cli, zoo
from h2ot_edge.benchmarks.motion.probe_windows import probe_windows
from h2ot_edge.export import BACKBONES
from h2ot_edge.export.backbones import Variant
from h2ot_edge.export.pipeline import STAGES

WALK = str(files("h2ot_edge") / "data" / "walk.npz")
NAME = "small-base-9-hot-random.onnx"
RANDOM = (
    "{prog}: warning: no checkpoint was given: the weights are random (seed {seed}) and the poses "
    "mean nothing; give --checkpoint FILE\n"
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """With a registry of backbones that has one line more."""
    monkeypatch.setitem(BACKBONES, "small", FAMILY)
    monkeypatch.chdir(tmp_path)


def written():
    return sorted(path.name for path in Path().iterdir())


# what it writes and says


def test_the_shortest_command(capsys):
    assert cli.export(["--backbone", "small"]) == 0
    out, err = capsys.readouterr()
    assert err == RANDOM.format(prog="h2ot-export", seed=0)
    assert written() == [NAME]
    card = ModelCard.from_onnx(NAME)
    megabytes = Path(NAME).stat().st_size / 1e6
    published, graph = card.flops["published"], card.flops["graph"]
    assert out == (
        f"model    {NAME} ({megabytes:.1f} MB, opset 17)\n"
        f"network  small base, {card.parameters / 1e6:.2f} M parameters\n"
        "tokens   3 from block 1 (hot: pruned by tpc, recovered by tra)\n"
        f"GFLOPs   {graph['total'] / 1e9:.2f} a window (as published: "
        f"{published['total'] / 1e9:.2f}, Linear and Conv only {published['linear'] / 1e9:.2f})\n"
        f"parity   largest difference from PyTorch {card.parity['largest']:.1e} of rms "
        f"{card.parity['rms']:.2g} on 8 windows, 0 kept frames differ\n"
        "weights  source random, seed 0\n"
    )


def test_json_is_one_document_and_quiet_is_quiet(capsys):
    arguments = ["export", "--backbone", "small", "--seed", "3", "-o", "sub/a.onnx"]
    assert cli.main([*arguments, "--json", "-q"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    assert sorted(report) == ["bytes", "card", "output"]
    assert report["output"] == "sub/a.onnx"
    assert report["bytes"] == Path("sub/a.onnx").stat().st_size
    assert ModelCard.from_json(json.dumps(report["card"])) == ModelCard.from_onnx("sub/a.onnx")
    assert report["card"]["weights"] == {"source": "random", "seed": 3}
    assert report["card"]["parity"]["windows"] == 8


def test_every_option_reaches_the_card(capsys):
    arguments = "--backbone small --variant long --frames 18 --prune tpa --keep 1:5 --recover tri"
    arguments += " --batch dynamic --opset 20 --with-kept --flip-tta --seed 7 -v"
    assert cli.main(["export", *arguments.split()]) == 0
    name = "small-long-18-tpa-1x5-tri-flip-random.onnx"
    assert written() == [name]
    card = ModelCard.from_onnx(name)
    told = (card.variant, card.frames, card.preset, card.prune, card.schedule, card.recover)
    assert told == ("long", 18, "custom", "tpa", {1: 5}, "tri")
    assert (card.batch, card.opset, card.with_kept, card.flip_tta) == (None, 20, True, True)
    assert card.weights["seed"] == 7
    out, err = capsys.readouterr()
    assert "tokens   5 from block 1 (custom: pruned by tpa, recovered by tri)\n" in out
    assert err == RANDOM.format(prog="h2ot export", seed=7) + (
        f"h2ot export: info: wrote {name}, {Path(name).stat().st_size / 1e6:.1f} MB\n"
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("--preset none", "small-base-9-dense-random.onnx"),
        ("--preset h2ot --mode seq2frame", "small-base-9-h2ot-seq2frame-random.onnx"),
    ],
)
def test_the_name_tells_exports_apart(arguments, name, capsys):
    assert cli.export(["--backbone", "small", "-q", *arguments.split()]) == 0
    assert written() == [name]
    assert capsys.readouterr().out.startswith(f"model    {name} (")


def test_progress_is_drawn_on_a_terminal_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, quiet = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.export(["--backbone", "small"]) == 0
    for stage in STAGES[1:]:
        assert stage in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", quiet)
    assert cli.export(["--backbone", "small", "-q"]) == 0
    assert quiet.getvalue() == ""


# wrong use


KNOWN = "known: motionbert, mixste, mhformer, motionagformer, small"


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            "--backbone motionbret",
            "UnknownName",
            f"no backbone 'motionbret'; did you mean 'motionbert'? ({KNOWN})",
        ),
        ("--backbone x", "UnknownName", f"no backbone 'x' ({KNOWN})"),
        (
            "--backbone small --variant bas",
            "UnknownName",
            "no variant of small 'bas'; did you mean 'base'? (known: base, long)",
        ),
        (
            "--backbone small --preset hto",
            "UnknownName",
            "no preset 'hto'; did you mean 'hot'? (known: none, hot, h2ot)",
        ),
        (
            "--backbone small --prune tpcc --keep 1:3",
            "UnknownName",
            "no pruner 'tpcc'; did you mean 'tpc'? (known: tpc, tpa, tpmo, tps)",
        ),
        (
            "--backbone small --recover trx",
            "UnknownName",
            "no recoverer 'trx'; did you mean 'tri'? (known: tra, tri, nearest, none)",
        ),
        (
            "--backbone small --preset hot --prune tpc",
            "UsageError",
            "--preset and --prune/--keep exclude each other; give one of them",
        ),
        (
            "--backbone small --preset hot --keep 1:3",
            "UsageError",
            "--preset and --prune/--keep exclude each other; give one of them",
        ),
        (
            "--backbone small --keep 1:3",
            "UsageError",
            "--keep says how many frames stay; give --prune to say which",
        ),
        (
            "--backbone small --prune tpc",
            "UsageError",
            "pruner 'tpc' and schedule '' do not belong together; give both --prune and --keep, or "
            "--prune none alone",
        ),
        (
            "--backbone small --preset none --recover tri",
            "UsageError",
            "--recover tri has nothing to do: nothing is pruned; leave it out",
        ),
        (
            "--backbone small --mode seq2frame --recover tri",
            "UsageError",
            "--recover tri has nothing to do: seq2frame keeps the centre frame; leave it out",
        ),
        (
            "--backbone small --recover none",
            "UsageError",
            "a pruned seq2seq model must recover its frames; choose --recover tra, tri or nearest, "
            "or --mode seq2frame",
        ),
        (
            "--backbone small --batch 0",
            "UsageError",
            "--batch 0: expected a positive number or 'dynamic'",
        ),
        (
            "--backbone small --batch many",
            "UsageError",
            "--batch many: expected a positive number or 'dynamic'",
        ),
        (
            "--backbone small --opset 15",
            "UsageError",
            "--opset 15: expected one of [16, 17, 18, 19, 20]",
        ),
        (
            "--backbone small --preset none --with-kept",
            "UsageError",
            "--with-kept: nothing is pruned, so there are no kept frames to give",
        ),
        (
            "--backbone small -o model.pt",
            "UsageError",
            "--output model.pt: expected a name that ends in .onnx",
        ),
        (
            "--backbone small --frames 28",
            "UsageError",
            "--frames 28: expected at most 27 for this backbone",
        ),
        (
            "--backbone small --frames 0",
            "UsageError",
            "--frames 0: expected a positive number for this backbone",
        ),
        (
            "--backbone mhformer --frames 28",
            "UsageError",
            "--frames 28: expected a positive multiple of 9 for this backbone",
        ),
        (
            "--backbone small --prune tpc --keep 1-3",
            "ScheduleError",
            "schedule '1-3': expected BLOCK:K[,BLOCK:K...] such as 1:121,3:81, got '1-3'",
        ),
        (
            "--backbone small --prune tpc --keep 1:3,1:2",
            "ScheduleError",
            "schedule '1:3,1:2': block 1 is named twice",
        ),
        (
            "--backbone small --prune tpc --keep 2:3",
            "ScheduleError",
            "schedule step 2:3: expected a block from 0 to 1, got 2",
        ),
        (
            "--backbone small --prune tpc --keep 0:3,1:3",
            "ScheduleError",
            "schedule step 1:3: expected fewer than the 3 frames that are there before block 1, "
            "got 3",
        ),
        (
            "--backbone motionbert --frames 82",
            "UsageError",
            "--frames 82: expected at most 81 for variant s",
        ),
        (
            "--backbone small --checkpoint none.pth --random-weights",
            "UsageError",
            "--checkpoint and --random-weights exclude each other; give one",
        ),
        (
            "--backbone small --checkpoint none.pth --seed 0",
            "UsageError",
            "--seed 0: no weights are random here; leave it out, or add --random-weights",
        ),
        (
            "--backbone small --checkpoint none.pth",
            "CheckpointError",
            "none.pth: no such file; expected a PyTorch checkpoint",
        ),
        (
            "--variant base",
            "UsageError",
            "the following arguments are required: --backbone; h2ot export --help shows what it "
            "takes",
        ),
        (
            "--backbone small --frames many",
            "UsageError",
            "argument --frames: invalid int value: 'many'; h2ot export --help shows what it takes",
        ),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, kind, message, capsys):
    assert cli.main(["export", *arguments.split(), "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": {"type": kind, "message": message}}
    assert err == f"h2ot export: error: {message}\n"
    assert written() == []


def test_attention_before_the_first_block_is_refused(capsys):
    arguments = "--backbone small --prune tpa --keep 0:3 -q"
    assert cli.export(arguments.split()) == 2
    assert capsys.readouterr().err.startswith("h2ot-export: error: schedule step 0:3: ")


class Misfolded(SmallMotionBERT):
    """A backbone whose author made a mistake: folding moves every pose."""

    def fold(self):
        super().fold()
        self.head.bias.data[0] += 0.01


def test_a_graph_that_is_not_the_network_is_status_1(capsys, monkeypatch):
    family = type(FAMILY)(**{**vars(FAMILY), "network": Misfolded})
    monkeypatch.setitem(BACKBONES, "misfolded", family)
    assert cli.export(["--backbone", "misfolded", "-q", "--json"]) == 1
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert error["type"] == "ParityError"
    assert re.fullmatch(
        r"the graph is not the network: mean difference 0\.00333, allowed \S+; largest difference "
        r"0\.01, allowed \S+ \(worst on the window '.+', frame \d\); nothing was written",
        error["message"],
    )
    assert err == f"h2ot-export: error: {error['message']}\n"
    assert written() == []


# weights that ship


def assert_same_poses(one, other):
    windows = probe_windows(9, 3)[:1]
    first, second = (run(onnx.load(path), windows)[0] for path in (one, other))
    np.testing.assert_array_equal(first, second)


def test_weights_that_ship_are_taken_for_the_plan_they_were_trained_with(
    small_zoo, released, capsys
):
    assert cli.export(["--backbone", "small", "-v"]) == 0
    assert written() == ["small-base-9-hot.onnx"]
    out, err = capsys.readouterr()
    assert "warning" not in err
    card = ModelCard.from_onnx("small-base-9-hot.onnx")
    ready = ModelCard.from_onnx(released / "models" / f"{READY}.onnx")
    assert card == ready
    digest = hashlib.sha256((released / "weights" / f"{READY}.npz").read_bytes()).hexdigest()
    assert card.weights == {"source": "shipped", "name": READY, "sha256": digest}
    assert (card.accuracy, card.training) == (ACCURACY, TRAINING)
    assert out.endswith(f"\nweights  source shipped, name {READY}, sha256 {digest}\n")
    assert_same_poses("small-base-9-hot.onnx", released / "models" / f"{READY}.onnx")


def test_unpruned_weights_that_ship_are_taken_where_nothing_of_the_plan_is_learned(
    small_zoo, capsys
):
    assert cli.export(["--backbone", "small", "--preset", "h2ot", "-v"]) == 0
    name = "small-base-9-h2ot.onnx"
    assert written() == [name]
    assert capsys.readouterr().err.startswith(
        f"h2ot-export: warning: the weights are those of {UNREADY}, which were not trained with "
        "this window and pruning; the accuracy is not known\n"
    )
    card = ModelCard.from_onnx(name)
    assert card.weights["name"] == UNREADY
    assert card.weights["trained_with_plan"] is False
    assert (card.accuracy, card.training) == ({}, TRAINING)


@pytest.mark.parametrize("wish", ["--recover tra --prune tpa --keep 1:3", "--variant long"])
def test_random_weights_are_what_is_left_where_none_that_ship_fit(small_zoo, wish, capsys):
    assert cli.export(["--backbone", "small", *wish.split()]) == 0
    (name,) = written()
    assert name.endswith("-random.onnx")
    assert capsys.readouterr().err == RANDOM.format(prog="h2ot-export", seed=0)


def test_random_weights_can_be_asked_for(small_zoo, capsys):
    assert cli.export(["--backbone", "small", "--random-weights", "--seed", "3"]) == 0
    assert written() == [NAME]
    assert capsys.readouterr().err == (
        "h2ot-export: warning: the weights are random (seed 3), as asked for, and the poses mean "
        "nothing\n"
    )
    assert ModelCard.from_onnx(NAME).weights == {"source": "random", "seed": 3}


def test_accuracy_is_that_of_the_very_same_computation(small_zoo):
    assert cli.export(["--backbone", "small", "--flip-tta", "-o", "flip.onnx"]) == 0
    card = ModelCard.from_onnx("flip.onnx")
    assert (card.accuracy, card.training) == ({}, TRAINING)


def test_a_seed_of_weights_that_ship_is_refused(small_zoo, capsys):
    assert cli.export(["--backbone", "small", "--seed", "3"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-export: error: --seed 3: no weights are random here; leave it out, or add "
        "--random-weights\n"
    )


def test_weights_that_are_not_those_of_the_index_are_refused(
    small_zoo, released, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(zoo, "WEIGHTS", folder)
    expected = zoo.models()[READY].card.weights["sha256"]
    path = folder / f"{READY}.npz"
    for found in ("no file", hashlib.sha256(b"other").hexdigest()):
        if found != "no file":
            path.write_bytes(b"other")
        assert cli.export(["--backbone", "small"]) == 2
        assert capsys.readouterr().err == (
            f"h2ot-export: error: {path}: expected weights with sha256 {expected}, as the index of "
            f"models says, got {found}; install h2ot-edge again\n"
        )


def test_terms_of_a_checkpoint_of_ones_own(tmp_path, monkeypatch):
    own = Variant(frames=9, licence="ours")
    monkeypatch.setitem(BACKBONES, "small", replace(FAMILY, variants={"base": own}))
    weights = trained(tmp_path / "mine.pt", "hot")
    assert cli.export(["--backbone", "small", "--checkpoint", str(weights), "-o", "a.onnx"]) == 0
    assert ModelCard.from_onnx("a.onnx").licence == "a checkpoint: ask whoever trained it"


# the default


def test_the_default_gives_metres_about_the_hip():
    arguments = ["--backbone", "motionbert", "--frames", "9", "--random-weights"]
    assert cli.export([*arguments, "--preset", "h2ot", "-o", "s.onnx"]) == 0
    card = ModelCard.from_onnx("s.onnx")
    assert (card.variant, card.output.unit) == ("s", "m")
    assert card.output.frame_of_reference == "camera orientation, origin at the hip (joint 0)"
    (poses,) = run(onnx.load("s.onnx"), probe_windows(9, 3)[:1])
    assert (poses[:, :, 0] == 0).all()
    assert np.abs(poses).max() > 1e-3


# the installed command, in its own process


def test_the_command_from_the_shell(tmp_path):
    command = Path(sysconfig.get_path("scripts")) / "h2ot-export"
    arguments = ["--backbone", "motionbert", "--variant", "lite", "--frames", "9"]
    arguments += ["--preset", "h2ot"]
    done = subprocess.run(
        [command, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, RANDOM.format(prog="h2ot-export", seed=0))
    name = "motionbert-lite-9-h2ot-random.onnx"
    assert done.stdout.startswith(f"model    {name} (")
    assert written() == [name]


def test_help_needs_no_torch():
    code = (
        "import sys; from h2ot_edge.cli import export; status = export(['--help']); "
        "sys.exit(3 if 'torch' in sys.modules else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for group in ("network:", "weights:", "tokens:", "graph:", "precision:", "output:", "talking:"):
        assert f"\n{group}\n" in done.stdout
    assert "16 to 20 (default: 17; 19 with --precision int8)" in " ".join(done.stdout.split())


# export -> inspect -> infer


def test_the_whole_road(capsys):
    arguments = "--backbone small --variant long --batch dynamic --with-kept -o model.onnx -q"
    assert cli.main(["export", *arguments.split()]) == 0
    capsys.readouterr()
    assert cli.main(["inspect", "model.onnx"]) == 0
    shown = re.sub(r" {2,}", "  ", capsys.readouterr().out)
    for line in (
        "model  small long, 27 frames, seq2seq\n",
        "tokens  9 from block 1 (hot: pruned by tpc, recovered by tra)\n",
        "input  keypoints float32 [batch, 27, 17, 3]\n",
        "output  poses float32 [batch, 27, 17, 3]\n",
        "kept int64 [batch, 9]\n",
        "weights  seed 0, source random\n",
    ):
        assert line in shown
    assert cli.main(["infer", "model.onnx", WALK, "-o", "poses.npz", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    with np.load(WALK) as clip, np.load("poses.npz") as saved:
        frames = len(clip["keypoints"])
        assert saved["poses"].shape == (frames, 17, 3)
        assert np.isfinite(saved["poses"]).all()
        assert np.abs(np.diff(saved["poses"], axis=0)).max() > 1e-4
    assert (report["frames"], report["unit"]) == (frames, "normalised")
    assert err == (
        "h2ot infer: warning: the weights of this model are random, so its poses mean nothing\n"
    )
