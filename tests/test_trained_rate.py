"""The rate that the models that ship were trained at, and what is done with it."""

import logging

import numpy as np
import pytest
from motions import walking
from tiny_models import save_tiny, tiny_card

from h2ot_edge import Engine, read_clip, zoo
from h2ot_edge.benchmarks.motion.detector import CLEAN
from h2ot_edge.benchmarks.motion.motions import MotionSet
from h2ot_edge.cli import main
from h2ot_edge.errors import UsageError
from h2ot_edge.export.training.run import unvaried
from h2ot_edge.export.training.sampling import FPS, Sampler
from h2ot_edge.rates import Resampling, frame_times, trained_fps

SHIPPED = sorted(zoo.models())
READY_ONES = [name for name in SHIPPED if zoo.models()[name].ready]
CLIP = read_clip(zoo.MODELS.parent / "data" / "walk.npz")


def test_windows_of_the_training_have_that_rate():
    """A motion of that rate goes frame by frame, one of half of it every half frame."""
    steps = {}
    for fps in (FPS, FPS / 2):
        only = MotionSet(motions=(walking(frames=60, fps=fps),))
        windows = Sampler(only, frames=9, windows=64, augmentation=unvaried(CLEAN))
        steps[fps] = np.linalg.norm(np.diff(windows(0)[1], axis=1), axis=-1).mean()
    recorded = walking(frames=60, fps=FPS).poses
    recorded = recorded - recorded[:, :1]
    expected = np.linalg.norm(np.diff(recorded, axis=0), axis=-1).mean()
    assert list(steps.values()) == pytest.approx([expected, expected], rel=0.1)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cards_tell_it(name):
    assert trained_fps(zoo.models()[name].card) == FPS


@pytest.mark.parametrize("command", ["inspect", "models"])
def test_people_are_told(command, capsys):
    assert main([command, "motionbert-s"]) == 0
    assert ["fps:", "50"] in [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("name", READY_ONES)
def test_a_clip_of_another_rate_is_taken_to_it_and_answered_at_its_own(name):
    keypoints = CLIP.keypoints[:100]
    with Engine.load(name, threads=1) as engine:
        poses = engine.infer(keypoints, image_size=CLIP.image_size, fps=60)
        way = Resampling.to(frame_times(100, fps=60), FPS)
        moved, _ = way.keypoints(keypoints, keypoints[..., 2] > 0)
        by_hand = way.back(np.asarray(engine.infer(moved, image_size=CLIP.image_size)))
    assert len(moved) == 84
    assert (len(poses), poses.fps, poses.filters) == (100, 60, ("lifted at 50 fps",))
    np.testing.assert_array_equal(poses, by_hand)


def test_a_clip_of_that_rate_is_taken_as_it_is():
    with Engine.load("motionbert-s", threads=1) as engine:
        told, untold = (
            engine.infer(CLIP.keypoints, image_size=CLIP.image_size, fps=fps)
            for fps in (CLIP.fps, None)
        )
    assert told.filters == ()
    np.testing.assert_array_equal(told, untold)


@pytest.mark.parametrize("training", [{}, {"seed": 0}], ids=str)
def test_a_model_whose_card_does_not_tell_it_takes_any_clip_as_it_is(tmp_path, training):
    card = tiny_card(training=training)
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", card), threads=1) as engine:
        told, untold = (
            engine.infer(CLIP.keypoints, image_size=CLIP.image_size, fps=fps) for fps in (10, None)
        )
    assert (told.fps, told.filters) == (10, ())
    np.testing.assert_array_equal(told, untold)


def test_holes_that_are_left_are_not_resampled(tmp_path):
    keypoints = CLIP.keypoints.copy()
    keypoints[3, 4] = 0
    options = {"image_size": CLIP.image_size, "on_missing": None}
    card = tiny_card(training={"fps": 50})
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", card), threads=1) as engine:
        engine.infer(keypoints, fps=50, **options)
        with pytest.raises(UsageError) as error:
            engine.infer(keypoints, fps=25, **options)
    assert str(error.value) == (
        "on_missing=None: joints are missing, and the clip has another frame rate than the "
        "training, to which they would have to be resampled; leave out fps and timestamps, or name "
        "a policy, such as on_missing='interpolate'"
    )


@pytest.mark.parametrize(("fps", "warnings"), [(10, 1), (24, 1), (25, 0), (30, 0), (60, 0)])
def test_streams_of_a_shipped_model_are_warned_of_below_half_of_it(fps, warnings, caplog):
    with Engine.load("motionbert-s", threads=1) as engine, caplog.at_level(logging.WARNING):
        engine.stream(lookahead=0, fps=fps)
    spans = [message for message in caplog.messages if message.startswith("a window of 81 frames")]
    assert len(caplog.messages) == len(spans) == warnings
