"""What `Engine.infer` is told of clips, and what it says of their poses."""

import math

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
    poses = engine.infer(keypoints, fps=30, on_missing=None)
    assert isinstance(poses, Poses)
    np.testing.assert_allclose(poses, lifted(keypoints), atol=2e-6)
    assert (poses.frame, poses.unit, poses.axes) == ("root", "m", engine.card.output.axes)
    assert poses.fps == 30
    np.testing.assert_allclose(poses.timestamps, np.arange(9) / 30)
    assert np.argwhere(~poses.valid).tolist() == [[3, 5]]
    np.testing.assert_array_equal(poses.confidence, keypoints[..., 2])
    assert poses.filters == ()


@pytest.mark.parametrize("policy", ["interpolate", None])
def test_several_clips_and_two_channels(engine, policy):
    poses = engine.infer(np.stack([clip(), clip(seed=1)])[..., :2], on_missing=policy)
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


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ({"fps": 10}, [False, True, True, True, True, True, True, True, True]),
        ({"fps": 10, "max_gap_s": math.inf}, [True] * 9),
        ({}, [True] * 9),
    ],
    ids=["half a second", "ever", "no seconds"],
)
def test_far_from_an_observation_a_joint_is_not_valid(engine, options, valid):
    keypoints = clip()
    keypoints[:6, 2] = np.nan
    keypoints[:, 3] = np.nan
    found = engine.infer(keypoints, **options).valid
    assert found[:, 2].tolist() == valid
    assert not found[:, 3].any()


def holed(channels):
    keypoints = clip()
    keypoints[4:6, 2] = np.nan
    keypoints[0, :] = np.nan
    if channels == 3:
        keypoints[7, 3] = 0
    return keypoints[..., :channels]


@pytest.mark.parametrize("channels", [2, 3])
def test_what_is_missing_is_interpolated_by_default(engine, channels, caplog):
    keypoints = holed(channels)
    before = keypoints.copy()
    poses = engine.infer(keypoints)
    expected = engine.infer(keypoints, on_missing="interpolate")
    for name in ("positions", "valid", "confidence"):
        np.testing.assert_array_equal(getattr(poses, name), getattr(expected, name))
    np.testing.assert_allclose(poses, lifted(fill_missing(keypoints).keypoints), atol=2e-6)
    assert int((poses.confidence == 0).sum()) == 17 + 2 + (channels == 3)
    assert poses.valid.all()
    np.testing.assert_array_equal(keypoints, before)
    assert caplog.records == []
    np.testing.assert_array_equal(engine.infer_async(keypoints).result(10), poses)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_value_is_enough_to_be_missing(engine, value, channel):
    keypoints = clip().astype(float)
    keypoints[4, 2, channel] = value
    assert np.argwhere(engine.infer(keypoints).confidence == 0).tolist() == [[4, 2]]
    with pytest.raises(InputError) as caught:
        engine.infer(keypoints, on_missing=None)
    assert str(caught.value) == (
        "keypoints: 1 of 459 values are NaN or infinite in float32, the first at index "
        f"(4, 2, {channel}); fill in missing joints before lifting"
    )


def test_opposite_infinities_do_not_hide_each_other(engine):
    keypoints = clip()
    keypoints[4, 2, 0], keypoints[5, 2, 0] = np.inf, -np.inf
    assert np.argwhere(engine.infer(keypoints).confidence == 0).tolist() == [[4, 2], [5, 2]]


def test_a_sum_that_overflows_is_no_gap(engine):
    keypoints = clip()
    keypoints[..., 2] = 3e38
    poses = engine.infer(keypoints)
    assert poses.valid.all()
    np.testing.assert_array_equal(poses.confidence, keypoints[..., 2])


def test_nothing_at_all_is_not_valid(engine):
    poses = engine.infer(np.full((9, 17, 3), np.nan))
    assert np.isfinite(poses.positions).all()
    assert not poses.valid.any()


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("policy", ["hold", "interpolate", "nan", "raise", None])
def test_where_nothing_is_missing_all_policies_are_one(engine, policy, channels):
    keypoints = clip()[..., :channels]
    before = keypoints.copy()
    poses = engine.infer(keypoints, fps=30, on_missing=policy)
    filled = fill_missing(keypoints)
    np.testing.assert_allclose(poses, lifted(filled.keypoints), atol=2e-6)
    np.testing.assert_array_equal(poses.confidence, filled.keypoints[..., 2])
    assert poses.valid.all()
    np.testing.assert_array_equal(keypoints, before)
    keypoints[:] = 7  # the poses are not a view of what belongs to the caller
    assert (poses.confidence < 7).all()


def test_what_is_missing_can_be_refused(engine):
    keypoints = clip()
    keypoints[7, 3, 2] = 0
    with pytest.raises(InputError) as caught:
        engine.infer(keypoints, on_missing="raise")
    assert str(caught.value) == (
        "keypoints: 1 of 153 joints are missing (NaN, infinite, or confidence 0 or below): rankle "
        "in frame 7; give them all, or choose another on_missing: hold, interpolate or nan"
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


@pytest.mark.parametrize("policy", ["interpolate", None])
def test_two_channels_of_another_rate(tmp_path, policy):
    card = tiny_card(training={"fps": 50.0})
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", card, bias=FLAT)) as engine:
        keypoints = clip()[..., :2]
        poses = engine.infer(keypoints, fps=25, on_missing=policy)
        sure = np.concatenate([keypoints, np.ones_like(keypoints[..., :1])], axis=-1)
        np.testing.assert_array_equal(poses, engine.infer(sure, fps=25))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"max_gap_s": 0.1, "on_missing": None},
            UsageError,
            "max_gap_s: says nothing with on_missing=None, which fills in nothing; leave one of "
            "them out",
        ),
        (
            {"max_gap_s": 0.1},
            UsageError,
            "max_gap_s=0.1: expected fps or timestamps with it, got neither; without them a gap of "
            "so many frames may be any time",
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


def on_gpu():
    address = int(make_cuda_runtime().cudaMalloc(9 * 17 * 3 * 4)[1])
    return DeviceArray.borrow(address, (9, 17, 3), np.float32, 0, owner=None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"fps": 30.0},
        {"layout": "coco17"},
        {"timestamps": np.arange(9.0)},
        {"on_missing": "hold"},
        {"max_gap_s": 0.1},
    ],
    ids=str,
)
def test_arrays_on_a_gpu_take_none_of_it(engine, arguments):
    (name,) = arguments
    with pytest.raises(UsageError) as caught:
        engine.infer(on_gpu(), **arguments)
    assert str(caught.value) == (
        f"{name}: arrays on a GPU are taken as they are; leave it out, or give numpy arrays"
    )


@pytest.mark.parametrize("arguments", [{}, {"on_missing": "interpolate"}, {"on_missing": None}])
def test_arrays_on_a_gpu_take_the_default_policy(engine, arguments):
    with pytest.raises(UsageError) as caught:
        engine.infer(on_gpu(), **arguments)
    assert str(caught.value) == (  # it gets as far as this model's device
        "device arrays need a CUDA device, and this model runs on the CPU; load it with "
        "device='cuda', or pass numpy arrays"
    )
