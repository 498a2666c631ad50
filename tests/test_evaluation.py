"""Models against clips: their errors, and the means of these."""

import dataclasses
import json
import logging

import numpy as np
import pytest
from labelled import labelled
from tiny_models import save_tiny, tiny_card

from h2ot_edge.benchmarks.accuracy import metrics
from h2ot_edge.benchmarks.accuracy.evaluation import evaluate, lifted, measurable, mirrored
from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.benchmarks.accuracy.results import Accuracy, ClipErrors
from h2ot_edge.card import OutputConvention
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError, OutputError, UnknownName, UsageError
from h2ot_edge.skeleton import JOINTS, MIRROR

FLAT = np.zeros((9, 1, 3), np.float32)
NORMALISED = OutputConvention(unit="normalised")


@pytest.fixture
def engine(tmp_path):
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", bias=FLAT), threads=1) as engine:
        yield engine


@pytest.fixture
def normalised(tmp_path):
    path = save_tiny(tmp_path / "normalised.onnx", tiny_card(output=NORMALISED), bias=FLAT)
    with Engine.load(path, threads=1) as engine:
        yield engine


def message(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def clip_errors(name="one", frames=10, action="walk", **errors):
    return ClipErrors(
        name=name,
        subject="a",
        action=action,
        frames=frames,
        digest="d",
        errors={metric: (float(value),) * 17 for metric, value in errors.items()},
    )


# evaluate


def test_a_perfect_model_has_no_errors(engine):
    accuracy = evaluate(engine, [labelled()])
    found = accuracy.overall.metrics
    for name in ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve"):
        assert found[name] < 0.01
    assert found["pck"] == 100
    assert found["auc"] == pytest.approx(100 * 30 / 31)
    assert (accuracy.overall.clips, accuracy.overall.frames) == (1, 20)


def test_figures_are_those_of_the_metrics_on_the_engines_poses(engine):
    clips = [labelled("one", 20, off_m=0.1), labelled("two", 33, off_m=0.2, seed=1)]
    accuracy = evaluate(engine, clips)
    poses = [metrics.root_relative(engine.infer(clip.keypoints, on_missing=None)) for clip in clips]
    for name, metric in METRICS.items():
        every = [metric.errors(p, clip.truth) for p, clip in zip(poses, clips, strict=True)]
        per_joint = np.concatenate(every).mean(axis=0)
        assert accuracy.overall.metrics[name] == pytest.approx(per_joint.mean())
        found = [accuracy.per_joint[joint][name] for joint in JOINTS]
        np.testing.assert_allclose(found, per_joint, atol=1e-9)


def test_poses_are_compared_about_the_root(tmp_path):
    far = save_tiny(tmp_path / "far.onnx", bias=FLAT + np.float32([1, 2, 3]))
    with Engine.load(far, threads=1) as engine:
        assert evaluate(engine, [labelled()]).overall.metrics["mpjpe"] < 0.01


def test_a_truth_that_is_not_about_the_root_is_moved(engine):
    clip = labelled()
    moved = dataclasses.replace(clip, truth=clip.truth + np.float32(1))
    assert evaluate(engine, [moved]).overall.metrics["mpjpe"] < 0.01


def test_pixels_are_lifted_with_the_image_size(engine):
    clip = labelled(channels=2)
    normal = evaluate(engine, [clip], flip=True)
    pixels = (clip.keypoints + np.array([1, 480 / 640])) * 320
    same = dataclasses.replace(clip, keypoints=pixels.astype(np.float32), image_size=(640.0, 480.0))
    found = evaluate(engine, [same], flip=True)
    assert found.overall.metrics == pytest.approx(normal.overall.metrics, abs=0.01)


def test_flip_averages_with_the_mirror_image(engine):
    clip = labelled(off_m=0.1)
    found = evaluate(engine, [clip], metrics=["mpjpe"], flip=True).overall.metrics["mpjpe"]
    poses = engine.infer(clip.keypoints, on_missing=None).astype(float)
    mirror = clip.keypoints[:, MIRROR] * np.float32([-1, 1, 1])
    other = engine.infer(mirror, on_missing=None).astype(float)[:, MIRROR] * [-1, 1, 1]
    mean = (poses + other) / 2
    expected = 1e3 * np.linalg.norm(mean - mean[:, :1] - clip.truth, axis=-1).mean()
    assert found == pytest.approx(expected)
    assert found != pytest.approx(evaluate(engine, [clip]).overall.metrics["mpjpe"])


def test_flip_of_a_model_whose_mean_with_the_mirror_is_known(tmp_path):
    """The tiny model's x is odd in x, its z is not, and the mean of both is known."""
    clip = labelled(channels=2)
    path = save_tiny(tmp_path / "two.onnx", tiny_card(channels=2), bias=FLAT)
    with Engine.load(path, threads=1) as engine:
        accuracy = evaluate(engine, [clip], metrics=["mpjpe"], flip=True)
    x, y = (clip.keypoints[..., axis].astype(float) for axis in (0, 1))
    mean = np.stack([x, y, y], axis=-1)  # z = x + y, and y - x of the mirror image
    expected = metrics.mpjpe(metrics.root_relative(mean), clip.truth).mean()
    assert accuracy.overall.metrics["mpjpe"] == pytest.approx(expected, rel=1e-5)


def test_mirrored_twice_is_as_before_and_missing_stays_missing():
    keypoints = labelled().keypoints
    keypoints[3] = 0
    keypoints[5, 2] = 0
    for size in (None, (640.0, 480.0)):
        mirror = mirrored(keypoints, size)
        np.testing.assert_allclose(mirrored(mirror, size), keypoints, atol=1e-4)
        assert (mirror[3] == 0).all()
        assert (mirror[5, MIRROR[2]] == 0).all()
    assert mirrored(keypoints[..., :2], (640.0, 480.0))[3, 0].tolist() == [640, 0]


def test_every_clip_is_told(engine):
    clips = [labelled("one"), labelled("two")]
    told = []
    evaluate(engine, iter(clips), progress=told.append)
    assert told == clips


def test_a_clip_of_one_frame_counts_except_for_velocity(engine):
    accuracy = evaluate(engine, [labelled("one", 1, off_m=0.1), labelled("two", 5)])
    assert accuracy.overall.metrics["mpjpe"] == pytest.approx(100 * 16 / 17 / 6, rel=1e-3)
    assert accuracy.overall.metrics["mpjve"] < 0.01


def test_only_clips_of_one_frame_have_no_velocity(engine):
    assert message(InputError, evaluate, engine, [labelled(frames=1)]) == (
        "MPJVE: expected a clip of more than 1 frames, got 1 shorter ones; there is nothing to "
        "compare"
    )
    assert evaluate(engine, [labelled(frames=1)], metrics=["mpjpe"]).overall.frames == 1


def test_no_clips(engine):
    assert message(InputError, evaluate, engine, []) == (
        "clips: expected at least one, got none; there is nothing to compare"
    )


def test_two_clips_of_one_name(engine):
    assert message(InputError, evaluate, engine, [labelled(), labelled(seed=1)]) == (
        "clip one: there are two of this name; rename one"
    )


def test_what_is_wrong_with_a_clip_names_it(engine):
    clip = labelled()
    broken = dataclasses.replace(clip, truth=clip.truth * np.float32(np.nan))
    assert message(InputError, evaluate, engine, [broken]) == (
        "clip one: MPJPE: true poses hold NaN or infinity in 20 of 20 frames, first in frame 0; "
        "a mean would hide or spread them"
    )
    short = dataclasses.replace(clip, truth=clip.truth[:0])
    assert message(InputError, evaluate, engine, [short]) == (
        "clip one: MPJPE: expected as many predicted as true poses (0), got 20"
    )
    flat = dataclasses.replace(clip, keypoints=clip.keypoints[0])
    assert message(InputError, evaluate, engine, [flat]) == (
        "clip one: keypoints: expected (t, 17, 2|3) or (n, t, 17, 2|3), got (17, 3) with 2 axes; "
        "one frame is keypoints[None]"
    )


def test_a_pose_that_is_one_point_is_measured(engine):
    clip = labelled(frames=1)
    missing = dataclasses.replace(clip, keypoints=0 * clip.keypoints)
    names = ["mpjpe", "p_mpjpe", "n_mpjpe"]
    found = evaluate(engine, [missing], metrics=names).overall.metrics
    truth = clip.truth[0].astype(float)
    from_root = 1e3 * np.linalg.norm(truth, axis=-1).mean()
    from_centroid = 1e3 * np.linalg.norm(truth - truth.mean(axis=0), axis=-1).mean()
    assert found["mpjpe"] == found["n_mpjpe"] == pytest.approx(from_root)
    assert found["p_mpjpe"] == pytest.approx(from_centroid)


@pytest.mark.parametrize("flip", [False, True])
def test_nothing_is_filled_in(engine, flip):
    clip = labelled()
    clip.keypoints[5:9] = 0
    assert not np.allclose(*(engine.infer(clip.keypoints, on_missing=p) for p in (None, "hold")))
    expected = metrics.root_relative(engine.infer(clip.keypoints, on_missing=None))
    if flip:
        mirror = mirrored(clip.keypoints, None)
        other = metrics.root_relative(engine.infer(mirror, on_missing=None))
        expected = (expected + other[:, MIRROR] * [-1, 1, 1]) / 2
    np.testing.assert_allclose(lifted(engine, clip, flip=flip), expected, atol=1e-6)


def test_a_model_that_gives_nan(tmp_path):
    path = save_tiny(tmp_path / "nan.onnx", bias=FLAT * np.float32(np.nan))
    with Engine.load(path, threads=1) as engine, pytest.raises(OutputError):
        evaluate(engine, [labelled()])


def test_velocities_are_not_taken_across_frames_that_do_not_count(engine):
    clip = labelled()
    holed = dataclasses.replace(clip, counted=np.arange(20) % 10 < 7)
    two = dataclasses.replace(clip, counted=np.arange(20) % 7 < 5)
    expected = (
        "clip one: MPJVE: expected the frames that count to be neighbours, found {} gaps between "
        "them, the first after frame {}; measure other metrics, or give each part as a clip"
    )
    assert message(InputError, evaluate, engine, [holed]) == expected.format(1, 6)
    assert message(InputError, evaluate, engine, [two], metrics=["mpjve"]) == (
        expected.format(2, 4)
    )
    assert evaluate(engine, [holed], metrics=["mpjpe", "pck"]).overall.frames == 14
    middle = dataclasses.replace(clip, counted=abs(np.arange(20) - 9) < 5)
    assert evaluate(engine, [middle], metrics=["mpjve"]).overall.frames == 9


# units


def test_a_model_without_metres_is_measured_with_what_needs_none(normalised, engine, caplog):
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        accuracy = evaluate(normalised, [labelled()])
    assert list(accuracy.overall.metrics) == ["p_mpjpe", "n_mpjpe"]
    assert caplog.messages == [
        "the poses of this model are normalised, not metres: MPJPE, MPJVE, PCK@150, AUC cannot be "
        "measured, P-MPJPE, N-MPJPE can"
    ]
    caplog.clear()
    assert measurable(engine.card) == tuple(METRICS)
    assert measurable(normalised.card, ["n_mpjpe"]) == ("n_mpjpe",)
    assert caplog.messages == []


def test_metres_cannot_be_asked_of_a_model_without_them(normalised):
    expected = (
        "MPJPE, AUC: expected poses in metres, those of this model are normalised; measure "
        "P-MPJPE, N-MPJPE"
    )
    asked = ["mpjpe", "p_mpjpe", "auc"]
    assert message(UsageError, evaluate, normalised, [labelled()], metrics=asked) == expected
    assert message(UsageError, measurable, normalised.card, ["mpjpe", "auc"]) == expected


def test_metrics_that_are_not_there(engine):
    assert message(UnknownName, evaluate, engine, [labelled()], metrics=["mpjp"]) == (
        "no metric 'mpjp'; did you mean 'mpjpe'? (known: mpjpe, p_mpjpe, n_mpjpe, mpjve, pck, auc)"
    )
    expected = (
        "metrics: expected at least one of mpjpe, p_mpjpe, n_mpjpe, mpjve, pck, auc, got none"
    )
    assert message(UsageError, evaluate, engine, [labelled()], metrics=[]) == expected
    assert message(UsageError, measurable, engine.card, []) == expected


# means


def test_frames_count_the_same_unless_actions_come_first():
    results = [
        clip_errors("a", 10, "walk", mpjpe=30),
        clip_errors("b", 30, "walk", mpjpe=50),
        clip_errors("c", 60, "sit", mpjpe=100),
    ]
    frames = Accuracy.of(results, ["mpjpe"])
    actions = Accuracy.of(results, ["mpjpe"], actions_first=True)
    assert frames.overall.metrics == {"mpjpe": pytest.approx(78)}
    assert actions.overall.metrics == {"mpjpe": pytest.approx(72.5)}
    assert actions.per_joint["head"] == {"mpjpe": pytest.approx(72.5)}
    assert frames.per_action == actions.per_action
    assert list(frames.per_action) == ["sit", "walk"]
    walk = frames.per_action["walk"]
    assert (walk.clips, walk.frames, walk.metrics) == (2, 40, {"mpjpe": pytest.approx(45)})


def test_some_joints_count_for_a_metric():
    result = clip_errors(mpjpe=5, pck=50)
    errors = {**result.errors, "pck": tuple(float(joint) for joint in range(17))}
    results = [dataclasses.replace(result, errors=errors)]
    found = Accuracy.of(results, ["mpjpe", "pck"], joints={"pck": (3, 4)})
    for figures in (found.overall, found.per_action["walk"]):
        assert figures.metrics == {"mpjpe": 5, "pck": 3.5}
    assert found.per_joint[JOINTS[16]] == {"mpjpe": 5, "pck": 16}


def test_velocities_count_by_pairs_of_frames():
    results = [
        clip_errors("a", 2, mpjpe=1, mpjve=10),
        clip_errors("b", 4, mpjpe=1, mpjve=2),
        clip_errors("c", 1, "sit", mpjpe=1),
    ]
    accuracy = Accuracy.of(results, ["mpjpe", "mpjve"])
    assert accuracy.overall.metrics == {"mpjpe": 1, "mpjve": pytest.approx(4)}
    assert accuracy.per_action["sit"].metrics == {"mpjpe": 1}
    first = Accuracy.of(results, ["mpjpe", "mpjve"], actions_first=True)
    assert first.overall.metrics == {"mpjpe": 1, "mpjve": pytest.approx(4)}


def test_an_accuracy_is_a_document():
    settings = {"noise": "clean"}
    accuracy = Accuracy.of([clip_errors(mpjpe=5)], ["mpjpe"], settings=settings)
    figures = {"clips": 1, "frames": 10, "metrics": {"mpjpe": 5.0}}
    assert json.loads(json.dumps(accuracy.to_dict())) == {
        "overall": figures,
        "per_action": {"walk": figures},
        "per_joint": {joint: {"mpjpe": 5.0} for joint in JOINTS},
        "settings": settings,
    }
