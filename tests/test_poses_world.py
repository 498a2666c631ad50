"""Poses in a world with a floor."""

import numpy as np
import pytest

from h2ot_edge.camera import Camera
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.gait import Walk
from h2ot_edge.poses import WORLD_AXES, Poses, up_from_tilt

WALK = Walk(start_m=(0.5, -1.0), heading_rad=0.7).joints(np.arange(150) / 50)
LEVEL = Camera(position=(0, -6, 1.4), look_at=(0, 0, 1.4))
TILTED = Camera(position=(1, -5, 2.4), look_at=(0.2, 0.3, 0.9))


def seen(camera=LEVEL, **changes):
    positions = camera.to_camera(WALK).astype(np.float32)
    return Poses(positions=positions, **{"frame": "camera", "fps": 50, **changes})


def up_of(camera):
    zero, above = camera.to_camera(np.array([[0.0, 0, 0], [0, 0, 1]]))
    return above - zero


def refusal(made, *args, error=InputError, **kwargs):
    with pytest.raises(error) as caught:
        made.to_world(*args, **kwargs)
    return str(caught.value)


def test_a_level_camera_that_looks_along_y():
    """Below it is the origin; the walker's ankle stands 0.039 of 1.75 m over the floor."""
    found = seen(filters=("a",)).to_world()
    np.testing.assert_allclose(np.asarray(found)[..., :2], WALK[..., :2] + [0, 6], atol=1e-5)
    apart = np.asarray(found)[..., 2] - WALK[..., 2]
    assert np.ptp(apart) < 1e-5
    assert abs(apart[0, 0]) < 0.01
    assert (found.frame, found.unit, found.axes) == ("world", "m", WORLD_AXES)
    assert found.filters == ("a", "to_world(up 0 -1 0, floor at z = 0)")


def test_a_tilted_camera():
    found = np.asarray(seen(TILTED).to_world(9.81 * up_of(TILTED)), np.float64)
    turn = np.arctan2(0.8, 5.3)  # of its heading, from +y to the left
    cos, sin = np.cos(turn), np.sin(turn)
    wanted = (WALK - [1, -5, 0]) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    np.testing.assert_allclose(found[..., :2], wanted[..., :2], atol=1e-5)
    assert np.abs(found[..., 2] - wanted[..., 2]).max() < 0.01


def test_without_a_floor_the_camera_is_at_the_origin():
    found = seen(TILTED).to_world(up_of(TILTED), floor=False)
    np.testing.assert_allclose(np.asarray(found)[..., 2], WALK[..., 2] - 2.4, atol=1e-5)
    assert found.filters[0].endswith(")")
    assert "floor" not in found.filters[0]


def test_up_from_tilt_by_hand():
    np.testing.assert_allclose(up_from_tilt(0), [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(up_from_tilt(90), [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(up_from_tilt(-30), [0, -np.sqrt(0.75), -0.5], atol=1e-12)
    # Turned clockwise by 90 degrees, the camera's left side is up.
    np.testing.assert_allclose(up_from_tilt(0, 90), [-1, 0, 0], atol=1e-12)
    down = np.degrees(np.arctan2(1.5, np.hypot(0.8, 5.3)))
    np.testing.assert_allclose(up_from_tilt(-down), up_of(TILTED), atol=1e-12)


def test_outliers_do_not_move_the_floor():
    spoilt, valid = np.array(seen()), np.ones((150, 17), bool)
    spoilt[:8, 3, 1] += 2  # y down: 2 m under the floor
    spoilt[40:90, 6, 1] += 3
    valid[40:90, 6] = False
    spoilt[120:122] = np.nan
    found = seen().replace(positions=spoilt, valid=valid).to_world()
    assert abs(found[30, 0, 2] - WALK[30, 0, 2]) < 0.03


def test_every_clip_has_a_floor_of_its_own():
    """Each is filmed and handed in by itself, so two cameras may have other heights."""
    one, higher = np.array(seen()), np.array(seen())
    higher[..., 1] -= 0.5
    found = (
        seen().replace(positions=np.stack([one, higher]), valid=None, confidence=None).to_world()
    )
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_poses_about_the_root_only_if_asked():
    about = seen().positions - seen()["hip"][:, None]
    made = Poses(positions=about)
    assert refusal(made) == (
        "to_world: expected poses of frame 'camera', got 'root'; call to_camera first, or pass "
        "root_at_origin=True for poses about the root"
    )
    found = made.to_world(root_at_origin=True)
    np.testing.assert_allclose(found["hip"][:, :2], 0, atol=1e-6)
    assert np.ptp(found["hip"][:, 2]) < 1e-6
    assert found["hip"][0, 2] == pytest.approx(WALK[:, 0, 2].mean(), abs=0.05)
    assert found.filters == ("to_world(up 0 -1 0, floor at z = 0, root at the origin)",)
    assert refusal(seen(), root_at_origin=True) == (
        "to_world: expected poses of frame 'root', got 'camera'; call to_camera first, or pass "
        "root_at_origin=True for poses about the root"
    )


def test_only_metres_and_only_once():
    assert refusal(seen(unit="normalised")) == (
        "to_world: expected poses in metres, got unit 'normalised'; call to_metric first"
    )
    assert refusal(seen().to_world()) == (
        "to_world: expected poses of frame 'camera', got 'world'; call to_camera first, or pass "
        "root_at_origin=True for poses about the root"
    )


@pytest.mark.parametrize(
    "up", ["y", (0, 0, 0), (1, 0), (0, np.nan, 0), None, ("a", "b", "c"), [[0, 1], 2]]
)
def test_directions_that_are_none(up):
    assert refusal(seen(), up, error=UsageError) == (
        "up: expected '-y' or three finite numbers, not all 0, in the camera's axes (x right, y "
        f"down, z away from it), got {up!r}"
    )


@pytest.mark.parametrize("up", [(0, 0, 1), (0, 0.01, -1)])
def test_a_camera_that_looks_straight_down(up):
    assert refusal(seen(), up, error=UsageError) == (
        "up: the camera looks straight up or down, so nothing is ahead of it; expected an angle of "
        "at least 3 degrees between them"
    )


def test_no_ankles():
    valid = np.ones((150, 17), bool)
    valid[:, [3, 6]] = False
    made = seen(valid=valid)
    assert refusal(made) == (
        "to_world: no ankle is valid in any frame, so there is nothing to find the floor by; pass "
        "floor=False"
    )
    assert made.to_world(floor=False).frame == "world"
