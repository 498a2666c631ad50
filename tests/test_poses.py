"""`Poses` as a value and as an array; its converters are in test_poses_moving.py."""

import numpy as np
import pytest

from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.filters import one_euro
from h2ot_edge.poses import CAMERA_AXES, Poses
from h2ot_edge.skeleton import JOINTS

RNG = np.random.default_rng(0)
ONE = RNG.normal(0, 0.5, (6, 17, 3)).astype(np.float32)
MANY = RNG.normal(0, 0.5, (2, 6, 17, 3)).astype(np.float32)


def poses(positions=ONE, **changes):
    return Poses(positions=positions, **changes)


def refusal(call, *args, error=InputError, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def test_what_is_not_given():
    made = poses()
    assert (made.frame, made.unit, made.axes, made.joints) == ("root", "m", CAMERA_AXES, JOINTS)
    assert (made.fps, made.timestamps, made.filters) == (None, None, ())
    assert made.valid.shape == made.confidence.shape == (6, 17)
    assert made.valid.all()
    assert (made.confidence == 1).all()
    assert (made.valid.dtype, made.confidence.dtype) == (np.bool_, np.float32)


def test_it_says_what_it_is():
    assert repr(poses()) == "<Poses (6, 17, 3), frame 'root', unit 'm', fps unknown>"
    made = poses(MANY, frame="world", unit="normalised", fps=29.97)
    assert repr(made) == "<Poses (2, 6, 17, 3), frame 'world', unit 'normalised', 29.97 fps>"


def test_it_is_an_array_to_numpy():
    made = poses()
    assert (made.shape, made.ndim, made.dtype, len(made)) == ((6, 17, 3), 3, np.float32, 6)
    assert np.shares_memory(np.asarray(made), ONE)
    for found in (made + 1, 1 + made, made - ONE, ONE - made, np.sqrt(made**2), -made):
        assert type(found) is np.ndarray
        assert found.shape == ONE.shape
    np.testing.assert_array_equal(ONE - made, 0 * ONE)
    np.testing.assert_array_equal(made.positions, made)
    np.testing.assert_allclose(np.mean(made), ONE.mean())
    np.testing.assert_array_equal(np.add.reduce(made, axis=0), ONE.sum(axis=0))
    np.testing.assert_array_equal(np.concatenate([made, made]), np.concatenate([ONE, ONE]))
    np.testing.assert_array_equal(np.linalg.norm(made, axis=-1), np.linalg.norm(ONE, axis=-1))
    out = np.empty_like(ONE)
    assert np.multiply(made, 2, out=out) is out
    np.testing.assert_array_equal(out, 2 * ONE)


def test_conversion_to_an_array():
    made = poses()
    assert np.asarray(made, np.float64).dtype == np.float64
    assert np.asarray(made, "float32") is not made
    assert made.astype(float).dtype == np.float64
    copied = np.array(made)
    copied[:] = 0
    assert not np.shares_memory(copied, ONE)
    assert made.__array__() is made.positions
    assert made.__array__(None, False) is made.positions
    assert not np.shares_memory(made.__array__(np.float32, True), ONE)
    assert refusal(made.__array__, np.float64, False, error=ValueError) == (
        "poses are float32: there is no float64 without a copy"
    )


def test_arrays_are_read_only_views_and_what_they_were_made_of_is_not():
    flags, sure = np.ones((6, 17), bool), np.ones((6, 17), np.float32)
    made = poses(valid=flags, confidence=sure, timestamps=np.arange(6.0))
    for array in (made.positions, made.valid, made.confidence, made.timestamps, np.asarray(made)):
        assert not array.flags.writeable
    assert np.shares_memory(made.valid, flags)
    assert ONE.flags.writeable
    assert flags.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        made += 1
    with pytest.raises(AttributeError):
        made.unit = "mm"


def test_equality_is_identity():
    made = poses()
    assert made == made
    assert made != poses()
    assert made != 1
    assert len({made, made, poses()}) == 2


def test_indices():
    made = poses(fps=50, timestamps=np.arange(6) / 50, valid=np.arange(6)[:, None] < np.full(17, 3))
    np.testing.assert_array_equal(made[2], ONE[2])
    np.testing.assert_array_equal(made[-1], ONE[-1])
    np.testing.assert_array_equal(made[np.int64(3)], ONE[3])
    np.testing.assert_array_equal(made[:, 5], ONE[:, 5])
    np.testing.assert_array_equal(made[..., 2], ONE[..., 2])
    np.testing.assert_array_equal(made[[0, 3]], ONE[[0, 3]])
    np.testing.assert_array_equal(made["lknee"], ONE[:, 5])
    np.testing.assert_array_equal(list(made), list(ONE))
    part = made[1:6:2]
    np.testing.assert_array_equal(part, ONE[1::2])
    np.testing.assert_array_equal(part.valid[:, 0], [True, False, False])
    np.testing.assert_allclose(part.timestamps, [0.02, 0.06, 0.1])
    assert part.fps == 25
    assert made[4:].fps == 50
    assert poses()[::2].fps is None
    with pytest.raises(IndexError):
        made[6]


def test_a_joint_that_is_none():
    assert refusal(poses().__getitem__, "lkne", error=UnknownName) == (
        f"no joint 'lkne'; did you mean 'lknee'? (known: {', '.join(JOINTS)})"
    )


def test_time_runs_forward():
    assert refusal(poses().__getitem__, slice(None, None, -1)) == (
        "poses: expected a step forward in time, got -1; np.asarray(poses) can be taken in any "
        "order"
    )


def test_several_clips():
    made = poses(MANY, fps=50, valid=MANY[..., 0] > 0, confidence=np.abs(MANY[..., 1]))
    assert [clip.shape for clip in made.clips()] == [(6, 17, 3)] * 2
    assert poses().clips()[0].ndim == 3
    for number, clip in enumerate(made):
        np.testing.assert_array_equal(clip, MANY[number])
        np.testing.assert_array_equal(clip.valid, made.valid[number])
        np.testing.assert_array_equal(clip.confidence, made.confidence[number])
    np.testing.assert_array_equal(made[-1], MANY[1])
    np.testing.assert_array_equal(made["head"], MANY[:, :, 10])
    assert (made[1:].shape, made[1:].fps) == ((1, 6, 17, 3), 50)
    np.testing.assert_array_equal(made[::-1], MANY[::-1])
    np.testing.assert_array_equal(made[:, 2], MANY[:, 2])
    with pytest.raises(IndexError):
        made[2]


def test_replace_is_checked():
    made = poses().replace(fps=30)
    assert (made.fps, made.frame) == (30.0, "root")
    assert refusal(made.replace, fps=0) == "fps: expected a finite number above 0, got 0"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"positions": np.zeros((17, 3))},
            "positions: expected (t, 17, 3) or (n, t, 17, 3), got (17, 3)",
        ),
        (
            {"positions": np.zeros((2, 16, 3))},
            "positions: expected (t, 17, 3) or (n, t, 17, 3), got (2, 16, 3)",
        ),
        ({"valid": np.ones((6, 17))}, "valid: expected bool (6, 17), got float64 (6, 17)"),
        ({"valid": np.ones(17, bool)}, "valid: expected bool (6, 17), got bool (17,)"),
        ({"confidence": np.ones(6)}, "confidence: expected (6, 17), got (6,)"),
        (
            {"confidence": np.full((6, 17), np.nan)},
            "confidence: holds NaN or infinity; 0 is that of what was not seen",
        ),
        ({"fps": np.inf}, "fps: expected a finite number above 0, got inf"),
        ({"timestamps": [0, 1]}, "timestamps: expected (6,) seconds, got (2,)"),
        (
            {"timestamps": [0, 1, 2, 2, 3, 4]},
            "timestamps: expected finite seconds that rise from frame to frame",
        ),
        ({"axes": ("x",)}, "axes: expected the directions of x, y and z, got 1"),
        (
            {"joints": ("hip", "head")},
            "joints: expected those of h2ot_edge.skeleton in order, got hip, head",
        ),
    ],
)
def test_parts_that_do_not_fit(changes, expected):
    assert refusal(poses, **{"positions": ONE, **changes}) == expected


def test_frames_and_units_are_known():
    assert refusal(poses, frame="cam", error=UnknownName) == (
        "no frame 'cam'; did you mean 'camera'? (known: root, camera, world)"
    )
    assert refusal(poses, unit="mm", error=UnknownName) == (
        "no unit 'mm'; did you mean 'm'? (known: m, normalised)"
    )


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"frame": "world"}, "'world' and 'm'"),
        ({"unit": "normalised"}, "'root' and 'normalised'"),
    ],
)
def test_frames_and_units_do_not_mix(changes, got):
    made, other = poses(), poses(**changes)
    expected = (
        f"poses: expected frame 'root' and unit 'm' on both sides, got {got} on one; bring them "
        "together with to_metric, to_camera or to_world"
    )
    assert refusal(lambda: made - other) == expected
    assert refusal(np.maximum, made, other) == expected
    assert refusal(made.distance_to, other) == expected


def test_distance():
    moved = ONE.copy()
    moved[:, 3] += np.float32([0.03, 0, 0.04])
    assert poses().distance_to(poses(moved)) == pytest.approx(50 / 17, rel=1e-5)
    seen = np.arange(17) == np.full((6, 1), 3)
    assert poses().distance_to(poses(moved, valid=seen)) == pytest.approx(50, rel=1e-5)
    assert poses(valid=seen).distance_to(poses(moved)) == pytest.approx(50, rel=1e-5)


def test_distances_that_cannot_be():
    assert refusal(poses().distance_to, poses(MANY)) == (
        "distance_to: expected poses (6, 17, 3), got (2, 6, 17, 3)"
    )
    nowhere = poses(valid=np.zeros((6, 17), bool))
    assert refusal(poses().distance_to, nowhere) == (
        "distance_to: no joint is valid in both; there is nothing to compare"
    )
    assert refusal(poses(unit="normalised").distance_to, poses()) == (
        "distance_to: expected poses in metres, got unit 'normalised'; call to_metric first"
    )


def test_filters_are_noted():
    made = poses(fps=50, filters=("stabilise_bones()",))
    found = made.filtered(one_euro, min_cutoff_hz=1, beta=2.5)
    assert found.filters == ("stabilise_bones()", "one_euro(min_cutoff_hz=1, beta=2.5)")
    wanted = one_euro(ONE, 50, min_cutoff_hz=1, beta=2.5)
    np.testing.assert_array_equal(found, wanted)
    assert found.fps == 50


def test_filters_of_several_clips():
    found = poses(MANY, fps=50).filtered(one_euro, min_cutoff_hz=1, beta=0)
    for number in (0, 1):
        wanted = one_euro(MANY[number], 50, min_cutoff_hz=1, beta=0)
        np.testing.assert_array_equal(found[number], wanted)


def test_filters_that_cannot_be():
    settings = {"min_cutoff_hz": 1, "beta": 0}
    assert refusal(poses().filtered, one_euro, **settings) == (
        "filtered: expected poses with fps, got None; poses.replace(fps=...)"
    )
    assert refusal(poses(unit="normalised", fps=50).filtered, one_euro, **settings) == (
        "filtered: expected poses in metres, got unit 'normalised'; call to_metric first"
    )
    made = poses(fps=50)
    assert refusal(made.filtered, one_euro, error=UsageError, min_cutoff_hz=1, beta=-1) == (
        "beta: expected a finite number 0 or above, got -1"
    )
