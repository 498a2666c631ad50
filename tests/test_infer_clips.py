"""What `Engine.infer` is told of clips, and what it says of their poses."""

import numpy as np
import pytest
from cuda_stand_in import make_cuda_runtime
from tiny_models import answer, save_tiny, tiny_card

from h2ot_edge import Engine, Poses
from h2ot_edge.cuda.arrays import DeviceArray
from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.layouts import h36m_from
from h2ot_edge.missing import fill_missing

FLAT = np.zeros((9, 1, 3), np.float32)


def clip(frames=9, seed=0):
    keypoints = np.random.default_rng(seed).uniform(-1, 1, (frames, 17, 3)).astype(np.float32)
    keypoints[..., 2] = 0.5
    return keypoints


@pytest.fixture
def engine(tmp_path):
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", bias=FLAT), threads=1) as engine:
        yield engine


def lifted(keypoints):
    return answer(keypoints[None], FLAT)[0]


def test_poses_say_what_they_are(engine):
    keypoints = clip()
    keypoints[3, 5, 2] = 0
    poses = engine.infer(keypoints, fps=30)
    assert isinstance(poses, Poses)
    np.testing.assert_allclose(poses, lifted(keypoints), atol=2e-6)
    assert (poses.frame, poses.unit, poses.axes) == ("root", "m", engine.card.output.axes)
    assert poses.fps == 30
    np.testing.assert_allclose(poses.timestamps, np.arange(9) / 30)
    assert np.argwhere(~poses.valid).tolist() == [[3, 5]]
    np.testing.assert_array_equal(poses.confidence, keypoints[..., 2])
    assert poses.filters == ()


def test_several_clips_and_two_channels(engine):
    poses = engine.infer(np.stack([clip(), clip(seed=1)])[..., :2])
    assert poses.shape == (2, 9, 17, 3)
    assert poses.valid.all()
    assert (poses.confidence == 1).all()
    assert (poses.fps, poses.timestamps) == (None, None)


def test_another_layout(engine):
    keypoints = clip()
    np.testing.assert_array_equal(
        engine.infer(keypoints, layout="coco17"), engine.infer(h36m_from(keypoints, "coco17"))
    )
    with pytest.raises(UnknownName, match=r"^no layout 'coco71'; did you mean 'coco17'"):
        engine.infer(keypoints, layout="coco71")


@pytest.mark.parametrize("policy", ["hold", "interpolate", "nan"])
def test_what_is_missing_is_filled_in(engine, policy):
    keypoints = clip()
    keypoints[4:6, 2] = np.nan
    keypoints[7, 3, 2] = 0
    times = np.arange(9) / 10
    poses = engine.infer(keypoints, timestamps=times, on_missing=policy, max_gap_s=0.15)
    filled = fill_missing(keypoints, on_missing=policy, max_gap_s=0.15, times=times)
    expected = lifted(filled.keypoints)
    if policy == "nan":
        expected[~filled.valid] = np.nan
    np.testing.assert_allclose(poses, expected, atol=2e-6)
    np.testing.assert_array_equal(poses.valid, filled.valid)
    np.testing.assert_array_equal(poses.confidence == 0, ~filled.seen)
    assert poses.fps == pytest.approx(10)


def test_what_is_missing_can_be_refused(engine):
    keypoints = clip()
    keypoints[7, 3, 2] = 0
    with pytest.raises(InputError) as caught:
        engine.infer(keypoints, on_missing="raise")
    assert str(caught.value) == (
        "keypoints: 1 of 153 joints are missing (NaN, infinite or confidence 0): rankle in frame "
        "7; give them all, or choose another on_missing: hold, interpolate or nan"
    )


def test_a_clip_of_another_rate_is_answered_at_its_own(tmp_path):
    card = tiny_card(training={"fps": 50.0})
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", card, bias=FLAT)) as engine:
        line = np.linspace(-0.5, 0.5, 20, dtype=np.float32)
        keypoints = np.broadcast_to(line[:, None, None], (20, 17, 3)).copy()
        keypoints[..., 2] = 1
        poses = engine.infer(keypoints, fps=25)
        assert engine.infer(keypoints, fps=50).filters == ()
    # The model is linear and so is the motion: by way of 50 frames a second nothing is lost.
    np.testing.assert_allclose(poses, answer(keypoints[None], FLAT[:1])[0], atol=1e-5)
    assert poses.filters == ("lifted at 50 fps",)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"max_gap_s": 0.1},
            UsageError,
            "max_gap_s: says nothing without on_missing; give that too",
        ),
        (
            {"fps": 30, "timestamps": np.arange(9.0)},
            UsageError,
            "fps and timestamps: expected one of them, got both; leave out fps",
        ),
        (
            {"on_missing": "held"},
            UnknownName,
            "no on_missing 'held'; did you mean 'hold'? (known: hold, interpolate, nan, raise)",
        ),
    ],
)
def test_what_cannot_be_carried_out(engine, arguments, error, message):
    with pytest.raises(error) as caught:
        engine.infer(clip(), **arguments)
    assert str(caught.value) == message


def test_another_thread_is_told_the_same(engine):
    poses = engine.infer_async(clip(), fps=30, on_missing="hold").result(10)
    np.testing.assert_array_equal(poses, engine.infer(clip(), fps=30, on_missing="hold"))
    assert poses.fps == 30
    with pytest.raises(UnknownName) as caught:
        engine.infer_async(clip(), image_sise=(1, 1))
    assert str(caught.value) == (
        "no argument 'image_sise'; did you mean 'image_size'? (known: image_size, layout, fps, "
        "timestamps, on_missing, max_gap_s)"
    )


@pytest.mark.parametrize(
    "arguments", [{"fps": 30.0}, {"layout": "coco17"}, {"on_missing": "hold"}], ids=str
)
def test_arrays_on_a_gpu_take_none_of_it(engine, arguments):
    (name,) = arguments
    address = int(make_cuda_runtime().cudaMalloc(9 * 17 * 3 * 4)[1])
    array = DeviceArray.borrow(address, (9, 17, 3), np.float32, 0, owner=None)
    with pytest.raises(UsageError) as caught:
        engine.infer(array, **arguments)
    assert str(caught.value) == (
        f"{name}: arrays on a GPU are taken as they are; leave it out, or give numpy arrays"
    )
