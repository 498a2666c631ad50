"""Keypoints of any layout in a live stream."""

import logging

import numpy as np
import pytest
from live_streams import CLIP, answers, load, refused, stream

from h2ot_edge.errors import InputError, UnknownName
from h2ot_edge.layouts import LAYOUTS, h36m_from
from h2ot_edge.live import LiveSession, session, streams
from h2ot_edge.live.convert import Converter, converter_of


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path) as engine:
        yield engine


def detected(layout, count=30, channels=3, seed=0):
    """Keypoints of a layout, pixels, some of them missing in each way there is."""
    rng = np.random.default_rng(seed)
    shape = (count, len(LAYOUTS[layout].joints), channels)
    clip = rng.uniform(100, 900, shape).astype(np.float32)
    if channels == 3:
        clip[..., 2] = rng.uniform(0.1, 1, shape[:2])
        clip[rng.random(shape[:2]) < 0.02] = 0
    for odd in (np.nan, np.inf):
        clip[rng.random(shape[:2]) < 0.01, int(rng.integers(channels))] = odd
    return clip


def converted(clip, layout):
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return h36m_from(clip, layout)


def seen(frame):
    found = np.isfinite(frame).all(axis=-1)
    return found & (frame[:, 2] != 0) if frame.shape[1] == 3 else found


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_is_converted_as_a_clip_is(layout, channels):
    convert, clip = Converter(LAYOUTS[layout]), detected(layout, channels=channels)
    expected = converted(clip, layout)
    for frame, wanted in zip(clip, expected, strict=True):
        before = frame.copy()
        found = convert(frame)
        assert (found.shape, found.dtype) == ((17, channels), np.float32)
        np.testing.assert_array_equal(seen(found), seen(wanted))
        np.testing.assert_array_equal(found[seen(found)], wanted[seen(wanted)])
        np.testing.assert_array_equal(frame, before)
        assert not np.shares_memory(found, frame)


def test_what_has_confidence_below_0_was_not_found():
    clip = detected("coco17", count=1)[0]
    clip[11:13, 2] = -0.5
    assert Converter(LAYOUTS["coco17"])(clip)[0, 2] == 0


def test_human36m_is_not_converted():
    assert converter_of(None) is None
    assert converter_of("h36m") is None


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("layout", ["coco17", "coco133", "body25"])
def test_a_stream_of_a_layout(engine, layout, channels):
    clip = detected(layout, channels=channels)
    size = {"image_size": (1000, 1000), "fps": 50}
    found = answers(stream(engine, lookahead=1, layout=layout, **size), clip)
    plain = converted(clip, layout)
    expected = answers(stream(engine, lookahead=1, **size), plain)
    assert found[0] is expected[0] is None
    for one, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.valid, other.valid)
        np.testing.assert_array_equal(one.confidence, other.confidence)


def test_a_joint_is_as_sure_as_the_least_sure_that_it_is_made_of(engine):
    clip = detected("coco17", count=1)
    clip[..., 2] = 0.9
    clip[0, 11, 2] = 0.25  # the left hip
    pose = stream(engine, lookahead=0, layout="coco17", image_size=(1000, 1000)).push(clip[0])
    assert pose.confidence[[0, 1, 4, 7]].tolist() == np.float32([0.25, 0.9, 0.25, 0.25]).tolist()


def test_a_stream_of_a_layout_takes_nobody(engine):
    made = stream(engine, lookahead=0, layout="coco133", image_size=(1000, 1000), fps=50)
    clip = detected("coco133", count=2)
    poses = [made.push(frame) for frame in (None, clip[0], [], np.full((133, 3), np.nan), clip[1])]
    assert [pose and pose.number for pose in poses] == [None, 1, 2, 3, 4]
    assert not poses[2].confidence.any()


@pytest.mark.parametrize(
    ("layout", "shape", "message"),
    [
        (
            "coco133",
            (17, 3),
            "keypoints: expected (133, 2|3), the joints of coco133 in one frame of one person, or "
            "None, got (17, 3); for other joints name their layout",
        ),
        (
            "coco17",
            (1, 17, 3),
            "keypoints: expected (17, 2|3), the joints of coco17 in one frame of one person, or "
            "None, got (1, 17, 3); push people one by one",
        ),
        (
            "h36m",
            (25, 3),
            "keypoints: expected (17, 2|3), one frame of one person, or None, got (25, 3); for "
            "other joints name their layout",
        ),
    ],
)
def test_another_number_of_joints(engine, layout, shape, message):
    made = stream(engine, lookahead=0, layout=layout)
    assert refused(InputError, made.push, np.zeros(shape)) == message
    assert refused(InputError, made.push, np.zeros(shape).tolist()) == message


def test_no_such_layout(engine):
    message = (
        "no layout 'coco'; did you mean 'coco17'? (known: h36m, coco17, coco133, halpe26, "
        "halpe136, body25, openpose18, mediapipe33, mpii16)"
    )
    assert refused(UnknownName, stream, engine, lookahead=0, layout="coco") == message
    made = streams(engine, lookahead=0)
    assert refused(UnknownName, made.push, "a", CLIP[0], layout="coco") == message
    assert made.ids == []


@pytest.mark.parametrize("kind", [streams, session])
def test_cameras_have_layouts_of_their_own(engine, kind):
    body, coco = detected("body25", count=3), detected("coco17", count=3)
    poses = []
    options = {"lookahead": 0, "image_size": (1000, 1000), "layout": "body25", "max_queue": 9}
    if kind is session:
        options["on_pose"] = poses.append
    made = kind(engine, **options)
    for number in range(3):
        poses += made.push("body", body[number], number / 50) or []
        poses += made.push("coco", coco[number], number / 50, layout="coco17") or []
    if isinstance(made, LiveSession):
        made.close()
    alone = stream(engine, lookahead=0, image_size=(1000, 1000), layout="coco17")
    expected = [alone.push(frame, number / 50) for number, frame in enumerate(coco)]
    found = [pose for pose in poses if pose.id == "coco"]
    assert len(poses) == 6
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)


def test_the_wrong_unit_is_said_of_layouts_too(engine, caplog):
    made = stream(engine, lookahead=0, layout="coco17")
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        assert answers(made, detected("coco17", count=2)) == [None, None]
    assert [record.getMessage() for record in caplog.records] == [
        "live stream: keypoints look like pixels, and no image_size was given; such joints count "
        "as missing (said once)"
    ]
