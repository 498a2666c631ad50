"""pose_files as BVH, read by pybvh, and by this project's own reader of motions."""

import logging

import numpy as np
import pytest
from tiny_models import tiny_card
from walking_poses import FRAMES, upright, walking_poses, with_gaps
from written_poses import numbers

from h2ot_edge import InputError, Poses, write_poses
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.bones import BONES, bone_lengths, with_lengths
from h2ot_edge.pose_files.rotations import angles_of, frames_of, shortest_turns
from h2ot_edge.skeleton import JOINTS

pybvh = pytest.importorskip("pybvh")

OURS = {
    "hip": "Hips",
    **{"rhip": "RightUpLeg", "rknee": "RightLeg", "rankle": "RightFoot"},
    **{"lhip": "LeftUpLeg", "lknee": "LeftLeg", "lankle": "LeftFoot"},
    **{"spine": "Spine", "thorax": "Spine1", "neck": "Head"},
    **{"lshoulder": "LeftArm", "lelbow": "LeftForeArm", "lwrist": "LeftHand"},
    **{"rshoulder": "RightArm", "relbow": "RightForeArm", "rwrist": "RightHand"},
}


def read(path):
    """The file, and the metres (t, 17, 3) of the joints in it."""
    found = pybvh.read_bvh_file(str(path))
    parents = {
        node.parent.name: place for place, node in enumerate(found.nodes) if node.is_end_site()
    }
    names = {node.name: place for place, node in enumerate(found.nodes)}
    places = [names[OURS[joint]] if joint in OURS else parents["Head"] for joint in JOINTS]
    return found, found.node_positions()[:, places] / 100


@pytest.mark.parametrize("frame", FRAMES)
def test_joints_are_where_they_were(tmp_path, frame):
    """Somebody with constant bones: to a hundredth of a millimetre."""
    poses = walking_poses(frame)
    path = write_poses(tmp_path / "walk.bvh", poses, tiny_card())
    found, metres = read(path)
    np.testing.assert_allclose(metres, upright(poses), rtol=0, atol=1e-5)
    assert found.frame_time == pytest.approx(0.02)
    assert found.root.name == "Hips"
    assert found.euler_orders == ["ZXY", *["ZYX"] * (len(found.joint_names) - 1)]
    if frame == "root":
        np.testing.assert_allclose(metres[:, 0], 0, atol=1e-9)


def test_our_reader_takes_it_for_the_cmu_databases(tmp_path):
    poses = walking_poses("world")
    path = write_poses(tmp_path / "walk.bvh", poses, tiny_card())
    (motion,) = read_motions(path, metres_per_unit=0.01).motions
    np.testing.assert_allclose(motion.poses, poses.positions, rtol=0, atol=1e-5)


def test_bones_get_their_median_length_and_that_is_told(tmp_path, caplog):
    rng = np.random.default_rng(0)
    poses = walking_poses("camera")
    poses = poses.replace(positions=poses.positions + rng.normal(0, 0.02, poses.shape))
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        path = write_poses(tmp_path / "walk.bvh", poses, tiny_card())
    _, metres = read(path)
    medians = np.median(bone_lengths(poses.positions), axis=0)
    np.testing.assert_allclose(bone_lengths(metres), np.tile(medians, (40, 1)), atol=1e-5)
    kept = with_lengths(upright(poses), medians)
    np.testing.assert_allclose(metres, kept, rtol=0, atol=2e-5)
    apart = 1e3 * np.linalg.norm(metres - upright(poses), axis=-1)
    assert caplog.messages == [
        "walk.bvh: bones of constant length move the joints by "
        f"{apart.mean():.1f} mm on average, {apart.max():.1f} at most"
    ]
    assert 10 < apart.mean() < 60


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_feet_and_hands_end_in_stubs(tmp_path, side):
    """Blender makes a bone as long as the parent of an end that has no length."""
    found, _ = read(write_poses(tmp_path / "walk.bvh", walking_poses("world"), tiny_card()))
    places = {node.name: place for place, node in enumerate(found.nodes)}
    ends = {node.parent.name: place for place, node in enumerate(found.nodes) if node.is_end_site()}
    cm = found.node_positions()

    def along(start, end):
        return cm[:, end] - cm[:, places[f"{side}{start}"]]

    forearm, hand = along("ForeArm", places[f"{side}Hand"]), along("Hand", ends[f"{side}Hand"])
    np.testing.assert_allclose(hand, 0.4 * forearm, atol=1e-3)
    shank, foot = along("Leg", places[f"{side}Foot"]), along("Foot", ends[f"{side}Foot"])
    lengths = np.linalg.norm(foot, axis=-1)
    np.testing.assert_allclose(lengths, 0.4 * np.linalg.norm(shank, axis=-1), atol=1e-3)
    np.testing.assert_allclose(np.einsum("ti,ti->t", shank, foot), 0, atol=1e-2)
    ahead = cm[-1, 0] - cm[0, 0]  # where the walk goes
    assert (foot @ ahead > 0.5 * lengths * np.linalg.norm(ahead)).all()


def test_lengths_that_are_given(tmp_path):
    poses = walking_poses("root")
    lengths = np.linspace(0.1, 0.4, len(BONES))
    given = poses.replace(positions=with_lengths(poses.positions, lengths))
    _, metres = read(write_poses(tmp_path / "a.bvh", given, tiny_card()))
    np.testing.assert_allclose(bone_lengths(metres), np.tile(lengths, (40, 1)), atol=1e-5)


def test_gaps_hold_what_was(tmp_path):
    poses = with_gaps(walking_poses("camera"))
    _, metres = read(write_poses(tmp_path / "walk.bvh", poses, tiny_card()))
    assert np.isfinite(metres).all()
    known = np.isfinite(poses.positions).all(axis=-1)
    known[3, 13] = False  # the wrist hangs from the elbow that is not there
    np.testing.assert_allclose(metres[known], upright(poses)[known], rtol=0, atol=1e-5)
    for frame in range(3):
        np.testing.assert_allclose(metres[frame], metres[3], rtol=0, atol=0.05)
    arm = metres[:, 12] - metres[:, 11]
    np.testing.assert_allclose(arm[3], arm[4], rtol=0, atol=1e-5)


def test_a_bone_that_is_never_there_is_refused(tmp_path):
    positions = walking_poses().positions.copy()
    positions[:, JOINTS.index("lwrist")] = np.nan
    with pytest.raises(InputError) as caught:
        write_poses(tmp_path / "a.bvh", Poses(positions=positions, fps=50.0), tiny_card())
    assert str(caught.value) == (
        "a.bvh: a .bvh file has every bone at a length, and in no frame is lforearm; write .npz, "
        ".json, .csv, .trc or .c3d, which have points"
    )
    positions[:, JOINTS.index("lwrist")] = positions[:, JOINTS.index("lelbow")]
    positions[:, JOINTS.index("head")] = positions[:, JOINTS.index("neck")]
    with pytest.raises(InputError) as caught:
        write_poses(tmp_path / "a.bvh", Poses(positions=positions, fps=50.0), tiny_card())
    assert str(caught.value) == (
        "a.bvh: a .bvh file has every bone at a length, and of length 0 is head, lforearm; write "
        ".npz, .json, .csv, .trc or .c3d, which have points"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_bone_that_is_never_valid_has_its_length_over_all_frames(tmp_path):
    poses = walking_poses("root")
    valid = np.ones(poses.shape[:2], bool)
    valid[:, JOINTS.index("lwrist")] = False
    poses = poses.replace(valid=valid)
    _, metres = read(write_poses(tmp_path / "a.bvh", poses, tiny_card()))
    np.testing.assert_allclose(metres, upright(poses), rtol=0, atol=1e-5)


def test_no_joint_turns_about_its_own_bone(tmp_path):
    """The axis of the shortest turn is upright to the bone, at rest and turned."""
    poses = walking_poses("world")
    found, _ = read(write_poses(tmp_path / "walk.bvh", poses, tiny_card()))
    for joint, bone in (
        ("LeftUpLeg", (0, -1, 0)),
        ("RightForeArm", (-1, 0, 0)),
        ("Head", (0, 1, 0)),
    ):
        place = found.joint_names.index(joint)
        for z, y, x in found.joint_angles[::7, place]:  # radians
            matrix = turn("Z", z) @ turn("Y", y) @ turn("X", x)
            axis = matrix - matrix.T
            assert np.dot((axis[2, 1], axis[0, 2], axis[1, 0]), bone) == pytest.approx(0, abs=1e-5)


def turn(axis, angle):
    """A rotation by its textbook matrix."""
    i, j = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i], matrix[i, j] = np.sin(angle), -np.sin(angle)
    return matrix


# rotations


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_angles_give_the_rotation_back(order):
    angles = np.random.default_rng(0).uniform(-80, 80, (20, 3))
    matrices = np.array([
        np.linalg.multi_dot([turn(axis, a) for axis, a in zip(order, row, strict=True)])
        for row in np.radians(angles)
    ])  # fmt: skip
    found = [angles_of(matrix[None], order)[0] for matrix in matrices]
    np.testing.assert_allclose(found, angles, atol=1e-9)


def test_angles_go_on_over_half_a_turn():
    angles = np.linspace(0, 1000, 60)
    found = angles_of(np.array([turn("Z", a) for a in np.radians(angles)]), "ZXY")
    np.testing.assert_allclose(found[:, 0], angles, atol=1e-9)
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-9)


def test_angles_do_not_leap_where_the_middle_one_passes_a_right_angle():
    angles = np.stack([np.full(80, 20.0), np.linspace(0, 200, 80), np.full(80, -40.0)], axis=-1)
    matrices = [turn("Z", z) @ turn("Y", y) @ turn("X", x) for z, y, x in np.radians(angles)]
    np.testing.assert_allclose(angles_of(np.array(matrices), "ZYX"), angles, atol=1e-6)


def unit(seed, count=50):
    vectors = np.asarray(numbers(count, 3, seed=seed), np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def assert_rotations(matrices):
    expected = np.tile(np.eye(3), (len(matrices), 1, 1))
    np.testing.assert_allclose(matrices @ np.swapaxes(matrices, 1, 2), expected, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(matrices), 1)


def test_shortest_turns():
    start, end = unit(0), unit(1)
    end[:3] = start[:3] * np.array([1, -1, -1])[:, None]  # the same, and opposites
    turns = shortest_turns(start, end)
    assert_rotations(turns)
    np.testing.assert_allclose(np.einsum("tij,tj->ti", turns, start), end, atol=1e-9)
    trace = np.trace(turns, axis1=1, axis2=2)
    np.testing.assert_allclose((trace - 1) / 2, np.einsum("ti,ti->t", start, end), atol=1e-9)


def test_frames_of_two_directions():
    x, up = unit(0), unit(1)
    up[0] = -x[0]
    frames = frames_of(x, up)
    assert_rotations(frames)
    np.testing.assert_allclose(frames[:, :, 0], x, atol=1e-9)
    assert (np.einsum("ti,ti->t", frames[1:, :, 1], up[1:]) > 0).all()
    np.testing.assert_allclose(np.einsum("ti,ti->t", frames[1:, :, 2], up[1:]), 0, atol=1e-9)
