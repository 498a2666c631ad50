"""joint_angles.py: known poses, a walk made of published curves, and motion capture."""

import csv
from pathlib import Path

import numpy as np
import pytest
from walking_poses import FRAMES, walking_poses
from written_poses import full

from h2ot_edge import InputError, Poses, UsageError
from h2ot_edge.gait import _CURVES, Walk
from h2ot_edge.joint_angles import ANGLES, check_angles_path, joint_angles, write_angles
from h2ot_edge.skeleton import JOINTS, MIRROR

MOCAP = Path(__file__).parents[2] / "shared" / "data" / "mocap" / "train.npz"

# Who stands with hanging arms and looks along y; x is to the right, z up, as in a world.
STANDING = {
    "hip": (0, 0, 1),
    **{"rhip": (0.1, 0, 1), "rknee": (0.1, 0, 0.6), "rankle": (0.1, 0, 0.2)},
    **{"lhip": (-0.1, 0, 1), "lknee": (-0.1, 0, 0.6), "lankle": (-0.1, 0, 0.2)},
    **{"spine": (0, 0, 1.2), "thorax": (0, 0, 1.5), "neck": (0, 0, 1.6), "head": (0, 0, 1.8)},
    **{"lshoulder": (-0.2, 0, 1.5), "lelbow": (-0.2, 0, 1.2), "lwrist": (-0.2, 0, 0.9)},
    **{"rshoulder": (0.2, 0, 1.5), "relbow": (0.2, 0, 1.2), "rwrist": (0.2, 0, 0.9)},
}
RIGHT, FORWARD, UP = np.eye(3)


def pose(**joints):
    """One frame of who stands, but for some joints."""
    return Poses(positions=[list({**STANDING, **joints}.values())], frame="world")


def angles(poses):
    return {name: float(value[0]) for name, value in joint_angles(poses).items()}


def swung(start, length, degrees, towards):
    """The end of a limb that is so far from hanging straight down."""
    turn = np.radians(degrees)
    return np.add(start, length * (np.sin(turn) * np.asarray(towards) - np.cos(turn) * UP))


def differing(poses):
    """What is not 0, rounded."""
    return {name: round(value, 2) for name, value in angles(poses).items() if abs(value) > 0.01}


def test_who_stands_has_no_angle():
    assert list(angles(pose())) == list(ANGLES)
    assert len(ANGLES) == 15
    assert differing(pose()) == {}


@pytest.mark.parametrize("degrees", [5, 60, 120, -30])
def test_a_knee_bends_either_way(degrees):
    ankle = swung(STANDING["lknee"], 0.4, degrees, -FORWARD)
    assert differing(pose(lankle=ankle)) == {"lknee_flexion": abs(degrees)}


@pytest.mark.parametrize("degrees", [90, 145])
def test_an_elbow_bends(degrees):
    wrist = swung(STANDING["relbow"], 0.3, degrees, FORWARD)
    assert differing(pose(rwrist=wrist)) == {"relbow_flexion": degrees}


@pytest.mark.parametrize("degrees", [20, 110, -30])
@pytest.mark.parametrize(("side", "out"), [("r", RIGHT), ("l", -RIGHT)])
def test_a_thigh_swings(degrees, side, out):
    hip = STANDING[f"{side}hip"]

    def straight(towards):
        ends = {"knee": 0.4, "ankle": 0.8}
        return {f"{side}{name}": swung(hip, at, degrees, towards) for name, at in ends.items()}

    assert differing(pose(**straight(FORWARD))) == {f"{side}hip_flexion": degrees}
    if abs(degrees) < 90:
        assert differing(pose(**straight(out))) == {f"{side}hip_abduction": degrees}


@pytest.mark.parametrize("degrees", [45, 100, 170, 200, -60])
@pytest.mark.parametrize("side", ["r", "l"])
def test_an_arm_swings(degrees, side):
    ends = {"elbow": 0.3, "wrist": 0.6}
    shoulder = STANDING[f"{side}shoulder"]
    joints = {f"{side}{name}": swung(shoulder, at, degrees, FORWARD) for name, at in ends.items()}
    assert differing(pose(**joints)) == {
        f"{side}shoulder_flexion": degrees,
        f"{side}shoulder_elevation": min(abs(degrees), 360 - abs(degrees)),
    }


def test_an_arm_straight_out_has_no_flexion():
    joints = {"relbow": (0.5, 0, 1.5), "rwrist": (0.8, 0, 1.5)}
    found = angles(pose(**joints))
    assert np.isnan(found["rshoulder_flexion"])
    assert found["rshoulder_abduction"] == pytest.approx(90)
    assert found["rshoulder_elevation"] == pytest.approx(90)


@pytest.mark.parametrize("degrees", [30, -50])
def test_shoulders_turn_to_the_left(degrees):
    turn = np.radians(degrees)
    line = 0.2 * (np.cos(turn) * RIGHT + np.sin(turn) * FORWARD)
    arms = {}
    for side, sign in (("r", 1), ("l", -1)):
        for name, below in (("shoulder", 0), ("elbow", 0.3), ("wrist", 0.6)):
            arms[f"{side}{name}"] = sign * line + (1.5 - below) * UP
    assert differing(pose(**arms)) == {"trunk_rotation": degrees}


# frames, turns, mirrors, units


@pytest.mark.parametrize("frame", FRAMES)
def test_angles_are_the_same_in_every_frame(frame):
    expected = joint_angles(walking_poses("world"))
    for name, found in joint_angles(walking_poses(frame)).items():
        np.testing.assert_allclose(found, expected[name], atol=1e-3)


def test_angles_know_no_unit_and_no_up():
    walk = walking_poses("root")
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    other = Poses(positions=3 * walk.positions @ turn, unit="normalised")
    expected = joint_angles(walk)
    for name, found in joint_angles(other).items():
        np.testing.assert_allclose(found, expected[name], atol=1e-3)


def test_the_mirrored_person_has_the_other_sides_angles():
    walk = walking_poses("world")
    mirrored = joint_angles(walk.replace(positions=walk.positions[:, MIRROR] * [-1, 1, 1]))
    for name, expected in joint_angles(walk).items():
        other = {"r": "l", "l": "r"}.get(name[0], "t") + name[1:]
        sign = -1 if name == "trunk_rotation" else 1
        np.testing.assert_allclose(sign * mirrored[other], expected, atol=1e-3)


# what is not known


NEEDED = {
    "rknee_flexion": {"rhip", "rknee", "rankle"},
    "lelbow_flexion": {"lshoulder", "lelbow", "lwrist"},
    "rhip_flexion": {"rhip", "lhip", "rknee", "hip", "thorax"},
    "lhip_abduction": {"rhip", "lhip", "lknee", "hip", "thorax"},
    "lshoulder_flexion": {"rshoulder", "lshoulder", "lelbow", "hip", "thorax"},
    "rshoulder_abduction": {"rshoulder", "lshoulder", "relbow", "hip", "thorax"},
    "rshoulder_elevation": {"rshoulder", "relbow", "hip", "thorax"},
    "trunk_rotation": {"rshoulder", "lshoulder", "rhip", "lhip", "hip", "thorax"},
}


@pytest.mark.parametrize(("name", "needed"), NEEDED.items())
@pytest.mark.parametrize("how", ["not valid", "NaN"])
def test_an_angle_is_nan_exactly_without_a_joint_that_it_needs(name, needed, how):
    """Frame i of 17 lacks joint i."""
    walk = walking_poses("world", count=17)
    lacks = np.eye(17, dtype=bool)
    positions = np.where(lacks[..., None] & (how == "NaN"), np.nan, walk.positions)
    valid = ~lacks if how == "not valid" else np.ones_like(lacks)
    found = joint_angles(walk.replace(positions=positions, valid=valid))[name]
    assert {JOINTS[place] for place in np.flatnonzero(np.isnan(found))} == needed


def test_bones_without_length_have_no_angle():
    found = angles(pose(rknee=STANDING["rhip"]))
    unknown = {name for name, value in found.items() if np.isnan(value)}
    assert unknown == {"rknee_flexion", "rhip_flexion", "rhip_abduction"}


def test_axes_that_may_be_left_handed_are_refused(tmp_path):
    poses = walking_poses("root").replace(axes=("x right", "y up", "z away"))
    for call in (joint_angles, lambda poses: write_angles(tmp_path / "a.csv", poses)):
        with pytest.raises(InputError) as caught:
            call(poses)
        assert str(caught.value) == (
            "joint angles: expected the axes of frame 'root' (x right, y down, z away from the "
            "camera), got x right, y up, z away; turn the positions into those, else nobody knows "
            "which way is up"
        )
    assert list(tmp_path.iterdir()) == []


# files


def test_angles_in_a_file(tmp_path):
    poses = full(2).replace(people=("Anna", "b"))
    path = write_angles(tmp_path / "new" / "angles.csv", poses)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("clip", "person", "frame", "time_s"),
        *(f"{name}_deg" for name in ANGLES),
    ]
    assert [(row["clip"], row["person"], row["frame"]) for row in rows] == [
        (str(clip), name, str(frame))
        for clip, name in enumerate(["Anna", "b"])
        for frame in range(6)
    ]
    assert [float(row["time_s"]) for row in rows] == poses.timestamps.tolist() * 2
    for name, expected in joint_angles(poses).items():
        assert expected.shape == (2, 6)
        found = [float(row[f"{name}_deg"] or "nan") for row in rows]
        np.testing.assert_allclose(found, expected.ravel(), rtol=0, atol=6e-4)
    assert list(path.parent.iterdir()) == [path]


def test_names_of_files_of_angles():
    with pytest.raises(UsageError) as caught:
        check_angles_path("angles.json")
    assert (
        str(caught.value) == "angles.json: joint angles are written as .csv; end the name in .csv"
    )
    assert check_angles_path("a.CSV") == Path("a.CSV")


# against what is published


def test_a_walk_has_the_angles_that_it_is_made_of():
    """Schwartz et al. 2008, see `h2ot_edge.gait`; the clinic's hip is against a tilted pelvis."""
    walk = Walk(heading_rad=0.7)
    times = np.arange(25) / 25 * 120 / walk.cadence_steps_per_min
    found = joint_angles(Poses(positions=walk.joints(times), frame="world"))
    hip, knee = np.degrees(_CURVES[:2])
    np.testing.assert_allclose(found["rknee_flexion"], knee, atol=1e-3)
    np.testing.assert_allclose(found["rhip_flexion"], hip - 11.6, atol=2.6)
    assert np.ptp(found["relbow_flexion"]) == pytest.approx(29.7, abs=0.3)


def test_hips_4_cm_forward_bend_the_published_walk_as_motion_capture_does():
    """Why people below swing their hips by more: feet, shanks' and thighs' proportions stay."""
    walk = Walk(stride=0.85)
    places = walk.joints(np.arange(25) / 25 * 120 / walk.cadence_steps_per_min)
    joint = {name: places[:, number] for number, name in enumerate(JOINTS)}
    for name in ("hip", "rhip", "lhip"):
        joint[name][:] += [0.04, 0, 0]
    ways = joint["rankle"] - joint["rhip"]
    reach = np.linalg.norm(ways, axis=-1, keepdims=True)
    half = reach.max() / 2  # thigh and shank are as long, and straight once
    ahead = np.stack([-ways[:, 2], 0 * ways[:, 1], ways[:, 0]], axis=-1)
    ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
    bent = np.sqrt(np.maximum(half**2 - (reach / 2) ** 2, 0))
    joint["rknee"][:] = joint["rhip"] + ways / 2 + bent * ahead
    found = joint_angles(Poses(positions=places, frame="world"))
    low, high = np.percentile(found["rhip_flexion"], [2, 98])
    assert (low, high) == (pytest.approx(-28, abs=2), pytest.approx(32, abs=2))
    knee = found["rknee_flexion"]
    assert 0.4 < knee[:18].argmin() / 25 < 0.6, "straightest before the foot leaves the floor"
    assert 20 < knee[5:9].mean() < 30
    assert knee[0] > 20


@pytest.mark.shared
@pytest.mark.skipif(not MOCAP.is_file(), reason="the shared data are not on this machine")
def test_people_who_walk_move_as_published():
    """Level walking: knee 0 to 60, hip 30 to -10 against the pelvis, which is 43 in all, elbow 30,
    shoulder 30 (the sources are in `h2ot_edge.gait`). These people's skeletons bend their knees and
    hips by 10 to 15 degrees more at the peak."""
    found = {name: [] for name in ANGLES}
    with np.load(MOCAP) as data:
        offsets, poses = data["offsets"], data["poses"]
        walks = (data["actions"] == "walk") & (data["sources"] != "cmu-undaz")
    for place in np.flatnonzero(walks):
        clip = Poses(positions=poses[offsets[place] : offsets[place + 1]], frame="world")
        for name, each in joint_angles(clip).items():
            found[name].append(np.percentile(each, [2, 98]))
    assert len(found["rknee_flexion"]) > 20
    medians = {name: np.median(each, axis=0) for name, each in found.items()}
    low, high = ({name: each[end] for name, each in medians.items()} for end in (0, 1))
    for side in "rl":
        assert 0 <= low[f"{side}knee_flexion"] < 10
        assert 60 < high[f"{side}knee_flexion"] < 75
        assert -32 < low[f"{side}hip_flexion"] < -18
        assert 25 < high[f"{side}hip_flexion"] < 35
        for name in ("elbow_flexion", "shoulder_flexion"):
            assert 20 < high[f"{side}{name}"] - low[f"{side}{name}"] < 40
        assert abs(low[f"{side}hip_abduction"]) < 12
    assert 10 < high["trunk_rotation"] - low["trunk_rotation"] < 25
