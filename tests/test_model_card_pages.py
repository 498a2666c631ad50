"""Model cards in Markdown: what they say, and which frames they show."""

import dataclasses
import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from motions import save_motions, walkers
from tiny_models import save_tiny, tiny_card

from h2ot_edge import zoo
from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.benchmarks.accuracy.model_card import facts
from h2ot_edge.benchmarks.accuracy.model_card.__main__ import main
from h2ot_edge.benchmarks.accuracy.model_card.document import card_accuracy
from h2ot_edge.benchmarks.accuracy.model_card.failures import PICTURES, find_failures, shares
from h2ot_edge.benchmarks.accuracy.model_card.kinds import KINDS
from h2ot_edge.benchmarks.accuracy.model_card.lifting import lifted_of
from h2ot_edge.benchmarks.accuracy.model_card.measuring import measure_model
from h2ot_edge.benchmarks.accuracy.protocols import CMU, ProtocolOptions
from h2ot_edge.benchmarks.accuracy.results import Accuracy, Figures
from h2ot_edge.benchmarks.accuracy.tables import tables
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.real_clips import read_real_clips
from h2ot_edge.card import OutputConvention
from h2ot_edge.engine import Engine
from h2ot_edge.gait import Walk
from h2ot_edge.skeleton import JOINTS, MIRROR

pytest.importorskip("matplotlib")

POSE = Walk().joints(np.zeros(1)).astype(np.float32)
STANDING = np.float32([1, -1, 1]) * (POSE - POSE[:, :1])[:, :, [0, 2, 1]]
"""(1, 17, 3) about the hip, x right, y down, z away from the camera."""

TRAINING = {
    "data": "CMU motion capture",
    "credit": "mocap.cs.cmu.edu",
    "recipe": "three stages",
    "seed": 3,
    "train_subjects": ["x", "y"],
    "command": "h2ot-train --seed 3",
    "commit": "0123abc",
    "fps": 50.0,
}


@pytest.fixture
def data(tmp_path):
    return str(save_motions(tmp_path / "walkers.npz", walkers(2, frames=30)))


@pytest.fixture
def model(tmp_path):
    return save(tmp_path / "tiny.onnx")


def save(path, **card):
    weights = {"source": "checkpoint", "file": "a.pth"}
    values = {"weights": weights, "training": TRAINING, "licence": "free", **card}
    bias = np.repeat(STANDING, 9, axis=0)
    return str(save_tiny(path, tiny_card(**values), bias=bias))


def write(folder, *arguments):
    """The page of tiny.onnx, from a run that went well."""
    assert main([*arguments, "-o", str(folder), "--rounds", "0"]) == 0
    return (folder / "tiny.md").read_text()


def failed(capsys, *arguments):
    """The message of a run that went wrong."""
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.removeprefix("model_card: error: ").rstrip("\n")


def section(page, heading):
    return page.split(f"\n## {heading}\n\n")[1].split("\n\n## ")[0]


def real_file(path, **changes):
    rng = np.random.default_rng(0)
    values = {
        "kp2d": rng.uniform(100, 500, (12, 17, 3)).astype(np.float32),
        "cam3d": (np.repeat(STANDING, 12, axis=0) + np.array([0, 0, 4])).astype(np.float32),
        "K": np.repeat(np.diag([500.0, 500.0, 1.0])[None], 2, axis=0),
        "offsets": np.array([0, 5, 12]),
        "size": np.array([[640.0, 480.0]] * 2),
        "trial": np.array(["balance", "static"]),
        "cam": np.array([1, 2]),
        "fps": np.float64(60),
    }
    values.update(changes)
    np.savez(path, **{name: value for name, value in values.items() if value is not None})
    return path


# the page


def test_what_a_page_says_of_the_model(model, data, tmp_path):
    page = write(tmp_path / "out", model, "--data", data)
    assert section(page, "What it is") == (
        "- network: tiny linear, 0.00 M parameters\n"
        "- window: 9 frames, poses of every frame (seq2seq)\n"
        "- pruning: none, all 9 frames go through every block\n"
        "- cost: 0.00 GFLOPs a window, 0.0 MB as ONNX\n"
        "- weights: file a.pth, source checkpoint"
    )
    assert section(page, "What goes in and comes out") == (
        "- in: `keypoints` float32 [any, 9, 17, 3]: x, y, confidence; normalised by image-width "
        "(x spans [-1, 1])\n"
        "- out: `poses` float32 [any, 9, 17, 3], metres\n"
        "- coordinates: camera orientation, origin near the hip (joint 0); x right, y down, z away "
        "from the camera\n"
        f"- joints, in and out: {', '.join(JOINTS)}"
    )
    assert section(page, "Data, licence, credit") == (
        "- data: CMU motion capture\n- credit: mocap.cs.cmu.edu\n- licence of the weights: free"
    )
    assert section(page, "Training") == (
        "- commit: 0123abc\n- fps: 50\n- recipe: three stages\n- seed: 3\n"
        "- train subjects: x, y\n\n"
        "```console\n$ h2ot-train --seed 3\n```"
    )
    assert section(page, "Parity of the export") == (
        "The graph in ONNX Runtime against the network in PyTorch, as the export measured it:\n\n"
        "The card records no check of the export."
    )
    assert page.endswith(
        "`python -m h2ot_edge.benchmarks.accuracy.model_card tiny.onnx --data walkers.npz`.\n"
    )


def test_accuracy_is_what_evaluate_finds(model, data, tmp_path):
    page = write(tmp_path / "out", model, "--data", data)
    with Engine.load(model) as engine:
        found = {
            f"{noise} 2-D": evaluate(engine, CMU.read([data], ProtocolOptions(noise=noise)))
            for noise in ("noisy", "clean")
        }
    text = section(page, "Accuracy: CMU held-out subjects")
    assert text.startswith("walkers.npz: subjects a, b; virtual cameras a motion: 2; seed 0. ")
    assert text.endswith(tables(found).replace("| model ", "| input ").rstrip("\n"))


def test_no_folder_of_this_machine_is_told(model, data, tmp_path):
    real = real_file(tmp_path / "real.npz")
    page = write(tmp_path / "out", model, "--data", data, "--real", str(real))
    assert str(tmp_path) not in page


def test_pictures_are_there_and_told(model, data, tmp_path):
    out = tmp_path / "out"
    (out / "tiny").mkdir(parents=True)
    (out / "tiny" / "lying.png").write_bytes(b"of an earlier page")
    (out / "tiny" / "other.png").write_bytes(b"not ours")
    page = write(out, model, "--data", data)
    drawn = sorted(path.stem for path in (out / "tiny").iterdir())
    told = [name for name in PICTURES if f"](tiny/{name}.png)" in page]
    assert drawn == sorted([*told, "other"])
    assert {"worst-1", "worst-2"} <= set(told)
    assert not {"worst-3", "lying"} & set(told)
    assert (out / "tiny" / "worst-1.png").read_bytes().startswith(b"\x89PNG")
    assert "Action group walk, run, motion a_01, clip a_01/" in page


def test_the_same_twice(model, data, tmp_path):
    arguments = [model, "--data", data, "--accuracy-json"]
    for name in ("one", "two"):
        write(tmp_path / name, *arguments, str(tmp_path / name))
    files = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 4
    for path in files:
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert other.read_bytes() == path.read_bytes()


def test_latency_is_of_a_window_of_the_first_clip(model, data, tmp_path, monkeypatch):
    fed = []
    run = Engine.run_windows
    monkeypatch.setattr(Engine, "infer", lambda self, points, **_: points)
    monkeypatch.setattr(Engine, "run_windows", lambda self, w: [fed.append(w), run(self, w)][1])
    (clip, *_) = CMU.read([data], ProtocolOptions(noise="noisy"))
    measure_model(Path(model), {"noisy": [clip], "clean": [clip]}, rounds=1)
    assert len(fed) == 2 * 3  # threads, and rounds with their warm-up
    for window in fed:
        np.testing.assert_array_equal(window, clip.keypoints[None, :9])


def test_latency_says_on_what(model, data, tmp_path):
    arguments = [model, "--data", data, "--rounds", "2", "--cpu", "Some CPU"]
    assert main([*arguments, "-o", str(tmp_path)]) == 0
    text = section((tmp_path / "tiny.md").read_text(), "Latency")
    assert text.startswith(
        "Some CPU, FP32, one window, in turns, 2 calls each. Inside the clock: one call of the "
        "model, host\narray in to host array out.\n\n"
    )
    assert [line.split("|")[1].strip() for line in text.splitlines()[3:]] == [
        *("threads", "------:", "1", "2")
    ]
    assert "## Latency" not in write(tmp_path, model, "--data", data)


def test_real_clips_come_with_a_caveat(model, data, tmp_path):
    real = real_file(tmp_path / "real.npz")
    page = write(tmp_path / "out", model, "--data", data, "--real", str(real))
    text = section(page, "Accuracy: real detections")
    caveat, table = text.split("\n\n", 1)
    assert caveat.replace("\n", " ") == (
        "real.npz, detections as they came. The truth of these clips is no measurement of its own: "
        "it was triangulated from the same detections, of several cameras, and its joints are "
        "defined otherwise, 1 to 4 cm from those of motion capture. Read the figures as plausible "
        "or not, never as an absolute error."
    )
    with Engine.load(model) as engine:
        assert table == tables({"tiny": evaluate(engine, read_real_clips(real))}).rstrip("\n")
    assert page.endswith("--data walkers.npz --real real.npz`.\n")
    assert "real detections" not in write(tmp_path, model, "--data", data)


def test_people_seen_in_training_are_told(data, tmp_path, caplog):
    model = save(tmp_path / "tiny.onnx", training={"train_subjects": ["b"]})
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        page = write(tmp_path / "out", model, "--data", data)
    text = section(page, "Accuracy: CMU subjects, seen in training")
    assert text.startswith(
        "**The model was trained on some of these people: the figures say nothing about people it "
        "has not\nseen.**\n"
    )
    assert caplog.messages == [
        "tiny was trained on b: its figures say nothing about people it has not seen; choose "
        "others with --subjects"
    ]
    page = write(tmp_path / "out", model, "--data", data, "--subjects", "a", "--views", "1")
    assert "\n## Accuracy: CMU held-out subjects\n" in page
    assert page.endswith("--data walkers.npz --views 1 --subjects a`.\n")


def test_random_weights_are_told(data, tmp_path):
    model = save(tmp_path / "tiny.onnx", weights={"source": "random", "seed": 0}, training={})
    page = write(tmp_path / "out", model, "--data", data)
    assert page.startswith(
        "# tiny\n\n**The weights are random: the poses and every figure below mean nothing.**\n\n"
        "## What it is\n"
    )
    assert section(page, "Training") == "The card tells nothing about a training."


def test_a_model_without_metres(data, tmp_path):
    model = save(tmp_path / "tiny.onnx", output=OutputConvention(unit="normalised"))
    page = write(tmp_path / "out", model, "--data", data)
    assert "17, 3], in half widths of the image, which is no metric unit\n" in page
    text = section(page, "Where it fails")
    assert text.startswith(
        "Noisy 2-D, 120 frames. Errors are the P-MPJPE of a frame. Frames of a kind:\n"
    )
    assert "MPJPE, mm" in text


def test_models_that_ship_have_their_summary(model, data, tmp_path, monkeypatch):
    card = tiny_card()
    shipped = zoo.ZooModel(
        name="tiny", summary="the default.", ready=True, weights=tmp_path / "w.npz", card=card
    )
    monkeypatch.setattr(zoo, "MODELS", tmp_path)
    monkeypatch.setattr(zoo, "models", lambda: {"tiny": shipped})
    page = write(tmp_path / "out", "tiny", "--data", data)
    assert page.startswith("# tiny\n\nThe default.\n\n## What it is\n")
    assert "model_card tiny --data walkers.npz`.\n" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "none, all 9 frames go through every block"),
        (
            {"schedule": {2: 3, 1: 5}, "prune": "tps", "recover": "tri"},
            "of 9 frames 5 from block 1, 3 from block 2 are kept, evenly spaced ones; the poses of "
            "the others are interpolated in time",
        ),
        (
            {"schedule": {1: 3}, "prune": "tpc", "recover": "none", "mode": "seq2frame"},
            "of 9 frames 3 from block 1 are kept, the centres of clusters of similar frames",
        ),
        (
            {"schedule": {1: 3}, "prune": "new", "recover": "newer"},
            "of 9 frames 3 from block 1 are kept, new; newer",
        ),
    ],
)
def test_pruning_in_words(changes, words):
    assert facts.pruning_in_words(tiny_card(**changes)) == words


def test_every_pruner_and_recoverer_has_words():
    tokens = pytest.importorskip("h2ot_edge.export.tokens")
    assert set(facts.PRUNED) == set(tokens.PRUNERS)
    assert set(facts.RECOVERED) == set(tokens.RECOVERERS)


# the JSON for the card


def figures(**metrics):
    return Figures(clips=2, frames=60, metrics=metrics)


def test_the_object_for_the_card_is_short_and_rounded():
    noisy = Accuracy(
        overall=figures(mpjpe=61.239, mpjve=7.6543, pck=95.55),
        per_action={"walk, run": figures(mpjpe=50.06, mpjve=5.0, pck=99.0)},
        per_joint={},
        settings={},
    )
    found = card_accuracy(
        {"noisy": noisy},
        title="CMU held-out subjects",
        options=ProtocolOptions(views=2, seed=0),
        subjects=["a", "b"],
        real=dataclasses.replace(noisy, overall=figures(p_mpjpe=70.06)),
    )
    assert found == {
        "protocol": "CMU held-out subjects",
        "subjects": ["a", "b"],
        "views": 2,
        "seed": 0,
        "clips": 2,
        "frames": 60,
        "noisy": {"mpjpe_mm": 61.2, "mpjve_mm_per_frame": 7.65, "pck_percent": 95.5},
        "noisy_mpjpe_mm_by_action": {"walk, run": 50.1},
        "real_detections": {"clips": 2, "frames": 60, "p_mpjpe_mm": 70.1},
    }


def test_the_object_is_written_and_told(model, data, tmp_path, capsys):
    folder, out = tmp_path / "json", tmp_path / "out"
    arguments = [model, "--data", data, "--accuracy-json", str(folder), "-o", str(out)]
    assert main([*arguments, "--rounds", "0"]) == 0
    printed = capsys.readouterr().out
    count = len(list((out / "tiny").iterdir()))
    assert printed == (
        f"page   {out}/tiny.md\nplots  {out}/tiny ({count} pictures)\nJSON   {folder}/tiny.json\n"
    )
    document = json.loads((folder / "tiny.json").read_text())
    assert list(document) == [
        *("protocol", "subjects", "views", "seed", "clips", "frames", "noisy", "clean"),
        *("noisy_mpjpe_mm_by_action", "clean_mpjpe_mm_by_action"),
    ]
    with Engine.load(model) as engine:
        clean = evaluate(engine, CMU.read([data], ProtocolOptions(noise="clean")))
    assert document["clean"]["mpjpe_mm"] == round(clean.overall.metrics["mpjpe"], 1)
    assert (document["clips"], document["frames"]) == (4, 120)


# which frames are shown


def clip_of(poses, name="one/0", truth=STANDING, keypoints=None):
    poses = np.asarray(poses, np.float64)
    seen = np.full((len(poses), 17, 3), 0.5, np.float32) if keypoints is None else keypoints
    clip = LabelledClip(
        name=name,
        subject="a",
        action="walk",
        keypoints=seen,
        truth=np.broadcast_to(truth, poses.shape).astype(np.float32),
        fps=50.0,
    )
    return lifted_of(clip, poses, list(METRICS))


def off_by(*errors_m):
    """Poses off by so much in every joint but the hip."""
    poses = np.repeat(STANDING, len(errors_m), axis=0).astype(np.float64)
    poses[:, 1:, 0] += np.array(errors_m)[:, None]
    return poses


def shown(clips):
    return [
        (failure.name, failure.lifted.clip.name, failure.frame) for failure in find_failures(clips)
    ]


def kinds_of(lifted):
    return {name for name, kind in KINDS.items() if kind.holds(lifted).any()}


def test_the_worst_frames_are_of_different_motions():
    clips = [
        clip_of(off_by(0.01, 0.9, 0.8), "one/0"),
        clip_of(off_by(0.95, 0.01), "one/1"),
        clip_of(off_by(0.3, 0.3, 0.01), "two/0"),
        clip_of(off_by(0.2, 0.25), "three/0"),
        clip_of(off_by(0.1, 0.5, 0.15, 0.11, 0.05), "four/0"),
        clip_of(off_by(0.04), "five/0"),
    ]
    found = {name: (clip, frame) for name, clip, frame in shown(clips)}
    assert found["worst-1"] == ("one/1", 0)
    assert found["worst-2"] == ("four/0", 1)
    assert found["worst-3"] == ("two/0", 0)
    assert found["typical"] == ("three/0", 1)


def test_one_motion_is_shown_once():
    assert shown([clip_of(off_by(0.01, 0.02, 0.01))]) == [("worst-1", "one/0", 1)]


def test_errors_are_those_of_the_metric():
    lifted = clip_of(off_by(0.1, 0.2))
    np.testing.assert_allclose(lifted.errors_mm, np.array([100, 200]) * 16 / 17, rtol=1e-6)
    assert find_failures([lifted])[0].error_mm == pytest.approx(200 * 16 / 17)


def test_poses_without_metres_are_scaled_to_the_truth():
    clip = clip_of(off_by(0, 0)).clip
    poses = np.concatenate([0.4 * STANDING, 0 * STANDING]).astype(np.float64)
    lifted = lifted_of(clip, poses, ["p_mpjpe", "n_mpjpe"])
    np.testing.assert_allclose(lifted.poses[0], STANDING[0], atol=1e-6)
    assert (lifted.poses[1] == 0).all()
    assert lifted.errors_mm[0] == pytest.approx(0, abs=1e-3)


def test_a_good_pose_is_of_no_kind():
    assert kinds_of(clip_of(off_by(0, 0.05))) == set()


@pytest.mark.parametrize(
    ("root", "ends"), [("rhip", ("rknee", "rankle")), ("lshoulder", ("lelbow", "lwrist"))]
)
def test_a_limb_mirrored_in_depth(root, ends):
    truth, poses = STANDING.copy(), STANDING.astype(np.float64)
    joints = [JOINTS.index(end) for end in ends]
    depth = STANDING[:, JOINTS.index(root), 2]
    truth[:, joints, 2], poses[:, joints, 2] = depth + 0.2, depth - 0.2
    assert kinds_of(clip_of(poses, truth=truth)) == {"depth-flip"}
    assert kinds_of(clip_of(truth, truth=truth)) == set()


def test_left_and_right_exchanged():
    assert kinds_of(clip_of(STANDING[:, MIRROR])) >= {"sides-exchanged"}


@pytest.mark.parametrize(
    ("degrees", "kind"),
    [(0, None), (50, None), (80, "lying"), (-100, "lying"), (150, "upside-down")],
)
def test_the_trunk_tells_who_lies(degrees, kind):
    upright = STANDING[0, JOINTS.index("thorax")]
    already = np.degrees(np.arctan2(upright[0], -upright[1]))
    c, s = np.cos(np.radians(degrees - already)), np.sin(np.radians(degrees - already))
    turned = STANDING @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)
    assert kinds_of(clip_of(turned, truth=turned)) == ({kind} if kind else set())


def test_keypoints_outside_and_missing():
    keypoints = np.full((4, 17, 3), 0.5, np.float32)
    keypoints[0, 3, 0] = -1.2
    keypoints[1, 3] = (7, 0, 0)
    keypoints[2, :4] = 0
    keypoints[3, :3] = 0
    lifted = clip_of(off_by(0, 0, 0, 0), keypoints=keypoints)
    assert KINDS["out-of-picture"].holds(lifted).tolist() == [True, False, False, False]
    assert KINDS["missing-joints"].holds(lifted).tolist() == [False, False, True, False]


def test_a_kind_is_shown_even_of_a_motion_that_was():
    keypoints = np.full((3, 17, 3), 0.5, np.float32)
    keypoints[1:] = 0
    clip = clip_of(off_by(0.2, 0.1, 0.15), keypoints=keypoints)
    assert shown([clip]) == [("worst-1", "one/0", 0), ("missing-joints", "one/0", 2)]
    share = shares([clip])[-1]
    assert (share.kind, share.frames) == ("missing-joints", 2)
    assert share.percent == pytest.approx(200 / 3)
    assert share.error_mm == pytest.approx(125 * 16 / 17)
    assert shares([clip])[0].error_mm is None


# what is refused


def test_wrong_use_is_found_before_a_model_runs(model, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Engine, "infer", None)
    out = tmp_path / "out"
    arguments = [model, "--data", data, "-o", str(out)]
    assert failed(capsys, *arguments, "--rounds", "-1") == "--rounds: expected 0 or more, got -1"
    assert failed(capsys, *arguments, "--views", "0") == "views: expected at least 1, got 0"
    assert failed(capsys, *arguments, "--subjects", "c") == "no subject 'c' (known: a, b)"
    assert failed(capsys, *arguments, "--real", data).startswith(
        f"{data}: expected the arrays kp2d, cam3d, "
    )
    assert not out.exists()
    assert failed(capsys, *arguments, "--accuracy-json", data) == (
        f"{data}: cannot be made (File exists); give the name of a folder"
    )


def test_without_matplotlib(model, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert failed(capsys, model, "--data", data, "-o", str(tmp_path / "out")) == (
        "matplotlib cannot be imported (import of matplotlib halted; None in sys.modules); "
        "pip install 'h2ot-edge[viz]'"
    )
    assert not (tmp_path / "out").exists()
