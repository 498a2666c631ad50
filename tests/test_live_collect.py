"""`poses_of`: from the answers of a stream to `Poses`; and one pose in metres."""

import dataclasses

import numpy as np
import pytest
from live_streams import CLIP, answers, frames, load, refused, stream

from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.filters import OneEuro
from h2ot_edge.gait import Walk
from h2ot_edge.live import LivePose, poses_of, streams
from h2ot_edge.poses import CAMERA_AXES

WALK = Walk(stature_m=1.8).joints(np.arange(20) / 50).astype(np.float32)


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path) as engine:
        yield engine


def live_pose(number, **changes):
    made = {
        "positions": WALK[number] - WALK[number, :1],
        "unit": "m",
        "number": number,
        "timestamp": number / 50,
        "latency_s": 0.1,
        "lookahead": 4,
        "padded": 0,
        "valid": np.ones(17, bool),
        "confidence": np.full(17, 0.5, np.float32),
    }
    return LivePose(**{**made, **changes})


def test_a_clip_of_what_a_stream_answered(engine):
    euro = OneEuro(min_cutoff_hz=1, beta=1)
    answered = answers(stream(engine, lookahead=2, fps=50, smooth=euro), CLIP)
    poses = poses_of(answered)
    assert answered[:2] == [None, None]
    assert (poses.shape, poses.frame, poses.unit) == ((38, 17, 3), "root", "m")
    assert poses.axes == engine.card.output.axes
    assert poses.fps == pytest.approx(50)
    np.testing.assert_array_equal(poses.timestamps, [pose.timestamp for pose in answered[2:]])
    assert poses.filters == (euro.description,)
    for number, pose in enumerate(answered[2:]):
        np.testing.assert_array_equal(poses.positions[number], pose.positions)
        np.testing.assert_array_equal(poses.valid[number], pose.valid)
        np.testing.assert_array_equal(poses.confidence[number], pose.confidence)


def test_frames_that_were_not_answered_are_left_out_or_invalid(engine):
    made = stream(engine, lookahead=0, fps=50, max_gap_s=0.03)
    answered = answers(made, [*CLIP[:4], *[None] * 6, *CLIP[10:14]])
    left = poses_of(answered)
    numbers = [0, 1, 2, 3, 4, 10, 11, 12, 13]
    np.testing.assert_allclose(left.timestamps, np.array(numbers) / 50)
    assert left.fps == pytest.approx(50)
    filled = poses_of(answered, unanswered="invalid")
    assert filled.shape == (14, 17, 3)
    np.testing.assert_allclose(filled.timestamps, np.arange(14) / 50)
    missing = [number for number in range(14) if number not in numbers]
    assert np.isnan(filled.positions[missing]).all()
    assert not filled.valid[missing].any()
    assert not filled.confidence[missing].any()
    np.testing.assert_array_equal(filled.positions[numbers], left.positions)


def test_converters_take_it():
    poses = poses_of([live_pose(number, unit="normalised") for number in range(20)])
    metric = poses.to_metric(height_m=1.8)
    assert metric.distance_to(metric) == 0
    assert metric.filters == ("to_metric(height_m=1.8)",)
    placed = poses_of(map(live_pose, (0, 1, 2, 6, 7)), unanswered="invalid")
    away = np.add(placed, [0, 0, 5])
    pixels = np.nan_to_num(away[..., :2] / away[..., 2:] * 1000 + [640, 360])
    camera = placed.to_camera(pixels, focal_px=1000, image_size=(1280, 720))
    answered = [0, 1, 2, 6, 7]
    np.testing.assert_allclose(camera["hip"][answered, 2], 5, atol=0.05)


def test_one_pose_is_a_clip_of_unknown_rate():
    poses = poses_of([live_pose(3)])
    assert (poses.shape, poses.fps, poses.timestamps.tolist()) == ((1, 17, 3), None, [0.06])


@pytest.mark.parametrize("nothing", [[], [None, None]])
def test_no_poses(nothing):
    assert refused(InputError, poses_of, nothing) == (
        "poses_of: expected at least one pose, got none; the stream still fills, push on"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "b"}, "expected poses of one stream, got id None and 'b'; collect each by itself"),
        (
            {"unit": "normalised"},
            "expected poses of one stream, got unit 'm' and 'normalised'; collect each by itself",
        ),
        (
            {"filters": ("x",)},
            "expected poses of one stream, got filters () and ('x',); collect each by itself",
        ),
        (
            {"axes": ("x", "y", "z")},
            f"expected poses of one stream, got axes {CAMERA_AXES!r} and ('x', 'y', 'z'); collect "
            "each by itself",
        ),
        (
            {"number": 0},
            "expected numbers that rise, got 0 after 0; give the poses of one stream in order, and "
            "those after a reset by themselves",
        ),
        (
            {"timestamp": -1.5},
            "expected timestamps that rise, got -1.5 after 0; give the poses of one stream in "
            "order, and those after a reset by themselves",
        ),
    ],
)
def test_poses_that_do_not_belong_together(changes, message):
    mixed = [live_pose(0), live_pose(**{"number": 1, **changes})]
    assert refused(InputError, poses_of, mixed) == f"poses_of: {message}"


def test_people_of_streams_are_collected_each_by_itself(engine):
    made = streams(engine, lookahead=0)
    clips = {name: frames(5, seed) for seed, name in enumerate("ab")}
    poses = [
        pose
        for number in range(5)
        for pose in made.push_many({n: clips[n][number] for n in "ab"}, number / 50)
    ]
    with pytest.raises(InputError, match="got id 'a' and 'b'"):
        poses_of(poses)
    assert len(poses_of(pose for pose in poses if pose.id == "b")) == 5


def on_both_sides(poses, before, after):
    """What is refused of poses whose numbers and timestamps rise, and what should be said."""
    assert before.number < after.number
    assert before.timestamp < after.timestamp
    expected = (
        f"poses_of: expected poses of one stream, got stream {before.stream} and {after.stream}; "
        "collect each by itself, a reset or a dropped id that comes again begins another"
    )
    return refused(InputError, poses_of, poses), expected


def test_a_reset_is_seen_though_numbers_go_on(engine):
    made = stream(engine, lookahead=0)
    poses = [made.push(CLIP[number], number / 50) for number in range(4)]
    made.reset()
    poses += [made.push(CLIP[number], 1 + number / 50) for number in range(8)][4:]
    said, expected = on_both_sides(poses, poses[3], poses[4])
    assert said == expected
    assert len(poses_of(poses[4:])) == 4


def test_an_id_that_comes_again_is_another_stream(engine):
    made = streams(engine, lookahead=0)
    poses = [pose for number in range(2) for pose in made.push("a", CLIP[number], number / 50)]
    made.drop("a")
    for number in range(4):
        poses += made.push("a", CLIP[number], 1 + number / 50)
    said, expected = on_both_sides(poses[:2] + poses[4:], poses[1], poses[4])
    assert said == expected


def test_no_such_way_with_what_was_not_answered():
    assert refused(UnknownName, poses_of, [live_pose(0)], unanswered="nan") == (
        "no unanswered 'nan' (known: leave-out, invalid)"
    )


def test_one_pose_in_metres():
    pose = live_pose(0, unit="normalised", filters=("x",))
    metric = pose.to_metric(2.5)
    np.testing.assert_allclose(metric.positions, pose.positions * 2.5, rtol=1e-6)
    assert (metric.unit, metric.filters) == ("m", ("x", "to_metric(scale=2.5)"))
    assert metric.positions.dtype == np.float32
    assert dataclasses.replace(metric, positions=pose.positions).number == pose.number
    assert live_pose(0).to_metric(2, rescale=True)["head"][2] == 2 * live_pose(0)["head"][2]


def test_one_pose_that_cannot_be_made_metric():
    assert refused(InputError, live_pose(0).to_metric, 2.0) == (
        "to_metric: expected a pose of unit 'normalised', got 'm'; it is metric already, pass "
        "rescale=True to give the person another size"
    )
    pose = live_pose(0, unit="normalised")
    assert refused(UsageError, pose.to_metric, np.nan) == (
        "to_metric: expected a finite scale above 0, got nan; give metres for one of the pose's "
        "unit, as Poses.to_metric finds it (docs/live.md)"
    )
