"""The study: pieces, what is changed about clips, and the whole of it on tiny models."""

import dataclasses
import json
import logging
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from labelled import labelled
from motions import save_motions, walkers, walking
from tiny_models import save_tiny, tiny_card

from h2ot_edge.benchmarks.accuracy.evaluation import evaluate, measure
from h2ot_edge.benchmarks.accuracy.protocols import CMU, ProtocolOptions
from h2ot_edge.benchmarks.accuracy.study import baselines, conditions, figures, pruning, real
from h2ot_edge.benchmarks.accuracy.study.__main__ import main
from h2ot_edge.benchmarks.accuracy.study.lookahead import look_ahead, look_aheads
from h2ot_edge.benchmarks.accuracy.study.pieces import Piece, measured
from h2ot_edge.benchmarks.motion.motions import resampled
from h2ot_edge.card import OutputConvention
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError
from h2ot_edge.filters import one_euro
from h2ot_edge.gait import Walk

FLAT = np.zeros((9, 1, 3), np.float32)
POSE = Walk().joints(np.zeros(1)).astype(np.float32)
TRAINED = {"source": "checkpoint", "sha256": "0" * 64, "file": "a.pth"}
PRUNED = {"preset": "h2ot", "prune": "tps", "recover": "tri", "schedule": {1: 3}}


def save(path, *, off_m=0.0, **card):
    """A model that is not far from a person, even of a frame without keypoints."""
    bias = np.repeat(POSE - POSE[:, :1], 9, axis=0)
    bias[:, 16] += off_m
    weights = card.pop("weights", TRAINED)
    return str(save_tiny(path, tiny_card(weights=weights, **card), bias=bias))


def save_real(path, **changes):
    """Two clips of 12 and 5 frames in the form of real detections."""
    rng = np.random.default_rng(0)
    truth = walking(frames=17).poses + np.float32([0, 0, 4])
    arrays = {
        "kp2d": rng.uniform(100, 400, (17, 17, 3)).astype(np.float32),
        "cam3d": truth,
        "K": np.repeat(np.diag([500.0, 500.0, 1.0])[None], 2, axis=0),
        "offsets": np.array([0, 12, 17]),
        "size": np.array([[640.0, 480.0], [480.0, 640.0]]),
        "trial": np.array(["walk", "walk"]),
        "cam": np.array([1, 2]),
        "fps": np.float64(60),
    }
    kept = {key: value for key, value in {**arrays, **changes}.items() if value is not None}
    np.savez(path, **kept)
    return path


@pytest.fixture
def engine(tmp_path):
    with Engine.load(save_tiny(tmp_path / "flat.onnx", bias=FLAT), threads=1) as engine:
        yield engine


def arguments_for(folder):
    """A command with two models, a twin, and real clips."""
    return [
        *("--models", *(str(folder / f"{name}.onnx") for name in ("pruned", "raw", "dense"))),
        *("--dense", "dense", "--data", str(folder / "walkers.npz")),
        *("--real", str(folder / "real.npz"), "--stride", "5", "--rounds", "1"),
        *("--threads", "1", "-o", str(folder / "docs" / "accuracy")),
    ]


def write_files(folder):
    """Write the command's files, and give the command."""
    save(folder / "pruned.onnx", off_m=0.1, **PRUNED)
    save(folder / "raw.onnx", weights={**TRAINED, "trained_with_plan": False}, **PRUNED)
    save(folder / "dense.onnx", flops={"graph": {"linear": 5000, "total": 5508}})
    save_motions(folder / "walkers.npz", walkers(2, frames=30))
    save_real(folder / "real.npz")
    return arguments_for(folder)


@pytest.fixture
def asked(tmp_path):
    return write_files(tmp_path)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A folder with the command's files and results."""
    folder = tmp_path_factory.mktemp("study")
    assert main(write_files(folder)) == 0
    return folder


@pytest.fixture
def finished(once, tmp_path):
    """The command in a copy of that folder."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return arguments_for(tmp_path)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "docs" / "accuracy"


def failed(capsys, arguments):
    """The message of a study that went wrong."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.removeprefix("study: error: ").rstrip("\n")


def pieces_of(out):
    return json.loads((out / "results.json").read_text())["pieces"]


def rows_of(text, heading):
    """Cells of the first table below a heading."""
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# the whole


def test_the_whole_study(finished, out, once, capsys):
    capsys.readouterr()
    assert main(finished) == 0
    names = ["README.md", "pruning.png", "lookahead.png", "results.json"]
    assert capsys.readouterr().out.split() == [
        word for name in names for word in ("written", str(out / name))
    ]
    text = (out / "README.md").read_text()
    assert (
        "$ python -m h2ot_edge.benchmarks.accuracy.study --models pruned.onnx raw.onnx dense.onnx "
        "--dense dense --data walkers.npz --real real.npz --stride 5 --rounds 1 --threads 1\n"
    ) in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Pruned and unpruned",
        "## Look-ahead",
        "## Conditions",
        "## Trivial answers",
        "## Real clips",
    ]
    assert (
        "What FP16 and INT8 do is on a page of its own, [precision](../precision/README.md)."
    ) in text
    for content in (text, (out / "results.json").read_text()):
        assert str(once.parent) not in content
    for name in ("pruning.png", "lookahead.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_its_figures_are_those_of_the_evaluation(finished, out, tmp_path):
    clips = CMU.read([tmp_path / "walkers.npz"], ProtocolOptions(views=1))
    with Engine.load(tmp_path / "pruned.onnx") as engine:
        expected = evaluate(engine, clips, metrics=["mpjpe", "p_mpjpe", "mpjve"])
        flipped = evaluate(engine, clips, metrics=["mpjpe"], flip=True)
    found = pieces_of(out)
    assert found["accuracy/pruned"]["figures"] == figures.kept(expected)
    assert figures.overall(found["conditions/flip"]["figures"])["mpjpe"] == pytest.approx(
        flipped.overall.metrics["mpjpe"]
    )
    text = (out / "README.md").read_text()
    pruned, raw, dense = rows_of(text, "Pruned and unpruned")[2:5]
    assert pruned[:3] == ["pruned", "9", f"{expected.overall.metrics['mpjpe']:.1f}"]
    assert [row[-1] for row in (pruned, raw, dense)] == ["50", "50", "100"]
    assert dense[-3] == "+0.0"


def test_frame_rates_scale_velocities_only(finished, out):
    found = pieces_of(out)
    names = [name.removeprefix("conditions/") for name in found if name.startswith("conditions/")]
    assert names == [
        "flip",
        "One-Euro, 1 Hz and 5/m",
        "One-Euro, 3 Hz and 10/m",
        "1 joint missing",
        "3 joints missing",
        "6 joints missing",
        "confidence 1",
        "25 frames a second",
        "30 frames a second",
        "60 frames a second",
        "clean keypoints",
    ]
    frames = {rate: found[f"conditions/{rate} frames a second"]["figures"] for rate in (25, 30, 60)}
    assert [item["overall"]["frames"] for item in frames.values()] == [30, 36, 70]
    assert [item["mpjve_scale"] for item in frames.values()] == [0.5, 0.6, 1.2]


def test_a_second_run_measures_nothing(finished, out, monkeypatch):
    before = [(out / name).read_bytes() for name in ("README.md", "results.json")]

    def never(*args, **kwargs):
        raise AssertionError("measured again")

    for module in (pruning, conditions, real):
        monkeypatch.setattr(module, "evaluate", never)
    monkeypatch.setattr(pruning, "window_latencies", never)
    assert main(finished) == 0
    assert [(out / name).read_bytes() for name in ("README.md", "results.json")] == before


def test_another_model_is_measured_and_the_others_are_not(finished, tmp_path, caplog):
    save(tmp_path / "raw.onnx", off_m=0.2, weights=TRAINED, **PRUNED)
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        assert main(finished) == 0
    assert [line for line in caplog.messages if line.endswith(": measuring")] == [
        "accuracy/raw: measuring",
        "latency: measuring",
        "real/raw: measuring",
    ]


def test_other_choices_are_measured_again(finished, caplog):
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        assert main([*finished, "--stride", "6"]) == 0
    assert [line for line in caplog.messages if line.endswith(": measuring")] == [
        "lookahead/pruned: measuring",
        "lookahead/dense: measuring",
        "baselines/single frames: measuring",
        "baselines/whole windows: measuring",
    ]


def test_one_model_without_a_twin_and_without_real_clips(tmp_path, out):
    model = save(tmp_path / "tiny.onnx", batch=1, flops={}, weights={"source": "random", "seed": 0})
    data = save_motions(tmp_path / "walkers.npz", walkers(1, frames=12))
    arguments = ["--models", model, "--data", str(data), "--rounds", "1", "--threads", "1"]
    assert main([*arguments, "-o", str(out)]) == 0
    text = (out / "README.md").read_text()
    assert "## Real clips" not in text
    assert rows_of(text, "Pruned and unpruned")[2][-3:] == ["-", "-", "-"]
    assert "all 9 frames kept; random weights" in text


# what it refuses


def test_a_twin_that_is_not_there(asked, capsys):
    expected = "no model 'dens'; did you mean 'dense'? (known: pruned, raw, dense)"
    assert failed(capsys, [*asked, "--dense", "dens"]) == expected


@pytest.mark.parametrize("name", ["stride", "rounds"])
def test_numbers_that_are_too_small(asked, name, capsys):
    expected = f"{name}: expected at least 1, got 0"
    assert failed(capsys, [*asked, f"--{name}", "0"]) == expected


def test_files_that_are_not_there(asked, tmp_path, capsys):
    lost = tmp_path / "lost.npz"
    expected = f"{lost}: cannot be read (No such file or directory); give another file"
    assert failed(capsys, [*asked, "--data", str(lost)]) == expected
    assert failed(capsys, [*asked, "--real", str(lost)]) == expected


def test_models_that_cannot_take_part(asked, tmp_path, capsys):
    save(tmp_path / "raw.onnx", output=OutputConvention(unit="normalised"))
    assert failed(capsys, asked) == (
        "raw: expected a model whose poses are in metres, those of this one are normalised; leave "
        "it out"
    )
    save(tmp_path / "raw.onnx", batch=4)
    assert failed(capsys, asked) == (
        "raw: expected a model that takes one window a call, or any number, so that latencies "
        "compare; this one takes 4: export it with --batch 1"
    )
    save(tmp_path / "raw.onnx", mode="seq2frame")  # not the default, so that is no reason
    save(tmp_path / "pruned.onnx", mode="seq2frame")
    assert failed(capsys, asked) == (
        "pruned: expected a seq2seq model as default and as its twin, to choose the look-ahead; "
        "this one gives the centre frame only: give it further back"
    )


def test_an_output_that_is_a_file(asked, tmp_path, capsys):
    path = tmp_path / "file"
    path.write_text("")
    expected = f"-o {path}: expected the name of a folder, this is a file"
    assert failed(capsys, [*asked, "-o", str(path)]) == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "{",
            "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2",
        ),
        ("{}", "KeyError: 'pieces'"),
        ('{"pieces": {"a": {}}}', "ValueError: a piece without inputs or figures"),
    ],
)
def test_results_that_are_none(asked, out, content, reason, capsys):
    out.mkdir(parents=True)
    (out / "results.json").write_text(content)
    found = failed(capsys, asked)
    assert found.replace(" (char 1)", "") == (
        f"{out / 'results.json'}: not the results of a study ({reason}); remove the file, or "
        "choose another folder with -o"
    )


# pieces


def piece(name, value, calls, **inputs):
    def measure():
        calls.append(name)
        if isinstance(value, Exception):
            raise value
        return {"value": value}

    return Piece(name=name, inputs=inputs, measure=measure)


def test_an_interrupted_study_goes_on(tmp_path):
    path, calls, told = tmp_path / "results.json", [], []
    with pytest.raises(KeyError):
        measured(path, {}, [piece("a", 1, calls), piece("b", KeyError("stop"), calls)])
    pieces = [piece("a", 1, calls), piece("b", 2, calls)]
    found = measured(path, {"x": 3}, pieces, progress=lambda *now: told.append(now))
    assert (found, calls) == ({"a": {"value": 1}, "b": {"value": 2}}, ["a", "b", "b"])
    assert told == [(1, 2), (2, 2)]
    assert json.loads(path.read_text())["x"] == 3


def test_pieces_that_nobody_asks_for_are_dropped_at_the_end(tmp_path):
    path, calls = tmp_path / "results.json", []
    measured(path, {}, [piece("a", 1, calls), piece("b", 1, calls)])
    measured(path, {}, [piece("b", 1, calls, changed=(1, 2))])
    measured(path, {}, [piece("b", 1, calls, changed=(1, 2))])
    assert calls == ["a", "b", "b"]
    assert list(json.loads(path.read_text())["pieces"]) == ["b"]


def test_nan_is_no_figure(tmp_path):
    with pytest.raises(ValueError, match="Out of range float values"):
        measured(tmp_path / "results.json", {}, [piece("a", float("nan"), [])])


def test_differences_are_in_per_cent():
    assert figures.difference(51.0, 50.0) == "+2.0"
    assert figures.difference(45.0, 50.0) == "-10.0"
    assert figures.difference(45.0, 0.0) == "-"


# look-ahead


def test_look_aheads_are_at_most_half_a_window():
    assert look_aheads(81) == [0, 1, 2, 4, 8, 16, 40]
    assert look_aheads(9) == [0, 1, 2, 4]
    assert look_aheads(1) == [0]


def test_errors_are_those_of_the_output_position(tmp_path):
    """A joint that is off by a centimetre more in every frame of the window, in every window."""
    bias = np.zeros((9, 17, 3), np.float32)
    bias[:, 16, 2] = np.arange(9) / 100
    path = save_tiny(tmp_path / "late.onnx", bias=bias)
    with Engine.load(path, threads=1) as engine:
        found = look_ahead(engine, [labelled("one", 30), labelled("short", 9)], stride=4)
    assert found["pairs"] == 6  # ends at 8, 12, ..., 28
    assert found["frames"] == [0, 1, 2, 4]
    np.testing.assert_allclose(found["mpjpe"], [10 * (8 - k) / 17 for k in (0, 1, 2, 4)], rtol=1e-4)
    np.testing.assert_allclose(found["mpjve"], 0, atol=1e-3)


def test_jitter_is_the_change_between_windows():
    """Every other window has a joint 17 mm off."""
    clip = labelled("one", 30)
    clip.keypoints[..., 0] = np.arange(30)[:, None] / 100

    def infer(windows, *, image_size, on_missing):
        assert on_missing is None
        frames = np.rint(windows[:, :, 0, 0] * 100).astype(int)
        poses = clip.truth[frames]
        poses[:, :, 3, 0] += 0.017 * (frames[:, -1:] % 2)
        return poses

    engine = SimpleNamespace(card=tiny_card(), infer=infer)
    found = look_ahead(engine, [clip], stride=5)
    np.testing.assert_allclose(found["mpjve"], 1, rtol=1e-4)
    np.testing.assert_allclose(found["mpjpe"], 0.5, rtol=1e-4)


def test_clips_that_are_too_short_for_a_stream(engine):
    with pytest.raises(InputError) as caught:
        look_ahead(engine, [labelled("one", 9)], stride=5)
    assert str(caught.value) == (
        "look-ahead: expected a clip of more than 9 frames, a window and the frame after it, got "
        "1 shorter ones; give longer ones"
    )


# conditions


def test_missing_joints_are_missing_throughout():
    clip = labelled()
    sets = []
    for count in (1, 3, 6):
        changed = conditions.without_joints(clip, count, seed=0)
        missing = (changed.keypoints == 0).all(axis=(0, 2))
        np.testing.assert_array_equal(changed.keypoints[:, ~missing], clip.keypoints[:, ~missing])
        sets.append(set(np.flatnonzero(missing)))
    assert [len(joints) for joints in sets] == [1, 3, 6]
    assert sets[0] < sets[1] < sets[2]
    assert (clip.keypoints != 0).any(axis=(0, 2)).all()
    others = {
        tuple(np.flatnonzero((conditions.without_joints(c, 6, s).keypoints == 0).all(axis=(0, 2))))
        for c, s in ((clip, 0), (clip, 1), (labelled("two"), 0))
    }
    assert len(others) == 3


def test_missing_joints_stay_where_they_were_seen_last():
    clip = labelled(frames=6)
    clip.keypoints[3:5, 2] = 0
    clip.keypoints[:2, 7] = 0
    clip.keypoints[:, 9] = 0
    found = conditions.certain(clip).keypoints
    assert (found[..., 2] == 1).all()
    np.testing.assert_array_equal(found[3:5, 2, :2], clip.keypoints[[2, 2], 2, :2])
    np.testing.assert_array_equal(found[:2, 7, :2], clip.keypoints[[2, 2], 7, :2])
    assert (found[:, 9, :2] == 0).all()
    np.testing.assert_array_equal(found[:, 0, :2], clip.keypoints[:, 0, :2])


@pytest.mark.parametrize(("fps", "frames"), [(25.0, 30), (30.0, 36), (60.0, 71), (50.0, 60)])
def test_motions_are_resampled(fps, frames):
    motion = walking(frames=60)
    found = resampled(motion, fps)
    assert (found.fps, len(found), found.name) == (fps, frames, motion.name)
    assert found.poses.dtype == np.float32
    seconds = np.arange(frames) / fps
    wanted = [np.interp(seconds, np.arange(60) / 50, motion.poses[:, 3, axis]) for axis in range(3)]
    np.testing.assert_allclose(found.poses[:, 3], np.transpose(wanted), atol=1e-5)


def test_a_motion_of_one_frame_stays_one():
    motion = walking(frames=1)
    np.testing.assert_array_equal(resampled(motion, 25).poses, motion.poses)


# trivial answers


def test_the_mean_pose_is_that_of_all_frames():
    clips = [labelled("one", 10), labelled("two", 30, seed=1)]
    every = np.concatenate([clip.truth for clip in clips])
    np.testing.assert_allclose(baselines.mean_pose(clips), every.mean(axis=0), atol=1e-6)


def test_single_frames_are_lifted_alone(engine):
    (clip,) = baselines.sampled([labelled(frames=11)], 4)
    assert np.flatnonzero(clip.counted).tolist() == [0, 4, 8]
    found = baselines.frame_by_frame(engine, clip)
    for frame in (0, 4, 8):
        alone = engine.infer(clip.keypoints[frame][None], on_missing=None)
        np.testing.assert_array_equal(found[frame], alone[0])
    assert (found[~clip.counted] == 0).all()
    whole = baselines.frame_by_frame(engine, labelled(frames=11))
    np.testing.assert_allclose(whole, engine.infer(clip.keypoints, on_missing=None), atol=1e-6)


def test_anything_that_gives_poses_can_be_measured():
    clip = labelled(off_m=0.1)
    found = measure(lambda clip: clip.truth + 1, [clip], metrics=["mpjpe", "mpjve"])
    assert found.overall.metrics == pytest.approx({"mpjpe": 0, "mpjve": 0}, abs=1e-3)
    smooth = measure(
        lambda clip: one_euro(clip.truth, clip.fps, min_cutoff_hz=1, beta=0),
        [clip],
        metrics=["mpjpe"],
    )
    assert smooth.overall.metrics["mpjpe"] > 10


# real clips


def test_real_clips_are_read(tmp_path):
    first, second = real.real_clips(save_real(tmp_path / "real.npz"))
    assert (first.action, len(first.truth)) == ("walk, camera 1", 12)
    assert (second.action, len(second.truth)) == ("walk, camera 2", 5)
    assert (first.image_size, second.image_size) == ((640, 480), (480, 640))
    assert (first.truth[:, 0] == 0).all()
    assert first.fps == 60


def test_real_clips_are_compared_with_the_twin(finished, out):
    found = {name: part["figures"] for name, part in pieces_of(out).items()}
    assert found["real/dense"]["from_dense_mm"] is None
    apart = found["real/pruned"]["from_dense_mm"]
    offset = 1e3 * np.sqrt(3) * 0.1 / 17  # of one joint, in every frame
    assert apart == pytest.approx({"walk, camera 1": offset, "walk, camera 2": offset}, rel=1e-3)


def test_a_plan_in_words_tells_what_the_weights_were_trained_with(tmp_path):
    def words(**card):
        model = SimpleNamespace(
            card=tiny_card(**card), retrained="trained_with_plan" not in str(card)
        )
        return pruning.plan_in_words(model)

    plan = "3 from block 1 (h2ot: pruned by tps, recovered by tri)"
    assert words(weights=TRAINED, **PRUNED) == plan
    untrained = {**TRAINED, "trained_with_plan": False}
    assert words(weights=untrained, **PRUNED) == f"{plan}; not retrained"
    assert words() == "all 9 frames kept; random weights"


def test_clips_are_not_changed_by_conditions():
    clip = labelled()
    before = dataclasses.replace(clip, keypoints=clip.keypoints.copy())
    conditions.certain(clip)
    conditions.without_joints(clip, 6, 0)
    np.testing.assert_array_equal(clip.keypoints, before.keypoints)
