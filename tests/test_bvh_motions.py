"""bvh_motions.py: motions from BVH files."""

import sys

import numpy as np
import pytest

from h2ot_edge.benchmarks.motion.bvh_motions import CONVENTIONS, UNITS
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.errors import InputError, MissingExtra
from h2ot_edge.skeleton import JOINTS

pybvh = pytest.importorskip("pybvh")

# A standing person with the arms out: parent, and where a joint is from its parent, metres, x to
# the person's left, y up, z forward. The last word of a line is the end of the bone.
PERSON = {
    "Hips": (None, (0, 0, 0)),
    "LeftUpLeg": ("Hips", (0.1, -0.05, 0)),
    "LeftLeg": ("LeftUpLeg", (0, -0.42, 0)),
    "LeftFoot": ("LeftLeg", (0, -0.42, 0)),
    "RightUpLeg": ("Hips", (-0.1, -0.05, 0)),
    "RightLeg": ("RightUpLeg", (0, -0.42, 0)),
    "RightFoot": ("RightLeg", (0, -0.42, 0)),
    "Spine": ("Hips", (0, 0.12, 0)),
    "Spine1": ("Spine", (0, 0.11, 0)),
    "Neck": ("Spine1", (0, 0.15, 0)),
    "Head": ("Neck", (0, 0.13, 0.02)),
    "HeadTop_End": ("Head", (0, 0.15, 0)),
    "LeftArm": ("Spine1", (0.18, 0.12, 0)),
    "LeftForeArm": ("LeftArm", (0.28, 0, 0)),
    "LeftHand": ("LeftForeArm", (0.26, 0, 0)),
    "RightArm": ("Spine1", (-0.18, 0.12, 0)),
    "RightForeArm": ("RightArm", (-0.28, 0, 0)),
    "RightHand": ("RightForeArm", (-0.26, 0, 0)),
}
ROOT = (0.5, 0.95, 0.25)

ASF = {
    **{"Hips": "root", "Spine": "upperback", "Spine1": "thorax", "Neck": "lowerneck"},
    **{"Head": "head", "LeftUpLeg": "lfemur", "LeftLeg": "ltibia", "LeftFoot": "lfoot"},
    **{"RightUpLeg": "rfemur", "RightLeg": "rtibia", "RightFoot": "rfoot"},
    **{"LeftArm": "lhumerus", "LeftForeArm": "lradius", "LeftHand": "lwrist"},
    **{"RightArm": "rhumerus", "RightForeArm": "rradius", "RightHand": "rwrist"},
}
CMU = {name: name for name in PERSON if name != "HeadTop_End"}
MIXAMO = {name: f"mixamorig:{name}" for name in PERSON}
CROWN = PERSON["HeadTop_End"][1]


def where(name):
    """World position of a joint of the standing person, y up."""
    parent, offset = PERSON[name]
    return np.add(offset, where(parent) if parent else ROOT)


def hierarchy(names, unit, name="Hips", depth=0):
    """The lines of a joint and all below it."""
    indent = "  " * depth
    offset = " ".join(f"{value / unit:.6f}" for value in PERSON[name][1])
    yield f"{indent}{'JOINT' if depth else 'ROOT'} {names[name]}"
    yield f"{indent}{{"
    yield f"{indent}  OFFSET {offset}"
    rotations = "Zrotation Yrotation Xrotation"
    channels = f"3 {rotations}" if depth else f"6 Xposition Yposition Zposition {rotations}"
    yield f"{indent}  CHANNELS {channels}"
    children = [child for child, (parent, _) in PERSON.items() if parent == name]
    for child in (child for child in children if child in names):
        yield from hierarchy(names, unit, child, depth + 1)
    if not any(child in names for child in children):
        end = CROWN if name == "Head" else (0, 0.05, 0)
        yield f"{indent}  End Site"
        yield f"{indent}  {{"
        yield f"{indent}    OFFSET {' '.join(f'{value / unit:.6f}' for value in end)}"
        yield f"{indent}  }}"
    yield f"{indent}}}"


def in_order(names, name="Hips"):
    yield name
    for child, (parent, _) in PERSON.items():
        if parent == name and child in names:
            yield from in_order(names, child)


def save_bvh(path, names=None, unit=1.0, turned=(), frames=2, frame_time=1 / 120, root=ROOT):
    """Write a file; `turned` has (joint, channel, degrees), for every frame."""
    names = CMU if names is None else names
    order = list(in_order(names))
    values = [value / unit for value in root] + [0.0] * (3 * len(order))
    for joint, channel, degrees in turned:
        values[3 + 3 * order.index(joint) + "ZYX".index(channel)] = degrees
    line = " ".join(f"{value:.6f}" for value in values)
    motion = ["MOTION", f"Frames: {frames}", f"Frame Time: {frame_time:.7f}", *[line] * frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["HIERARCHY", *hierarchy(names, unit), *motion, ""]))
    return path


def z_up(x, y, z):
    return (x, -z, y)


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read_motions(path, **options)
    return str(caught.value)


EXPECTED = {
    "hip": (where("LeftUpLeg") + where("RightUpLeg")) / 2,
    "lhip": where("LeftUpLeg"),
    "lankle": where("LeftFoot"),
    "rknee": where("RightLeg"),
    "thorax": where("Neck"),
    "neck": where("Head"),
    "head": where("Head") + CROWN,
    "lshoulder": where("LeftArm"),
    "lwrist": where("LeftHand"),
    "relbow": where("RightForeArm"),
}


@pytest.mark.parametrize(
    ("names", "spine"),
    [(CMU, "Spine"), (ASF, "Spine"), (MIXAMO, "Spine1")],
    ids=["cmu", "asf", "mixamo"],
)
@pytest.mark.parametrize("unit", UNITS)
def test_joints_are_where_the_files_bones_begin(tmp_path, names, spine, unit):
    path = save_bvh(tmp_path / "01" / "01_02.bvh", names, UNITS[unit])
    (motion,) = read_motions(path, metres_per_unit=UNITS[unit]).motions
    assert motion.poses.shape == (2, 17, 3)
    assert motion.poses.dtype == np.float32
    for joint, expected in {**EXPECTED, "spine": where(spine)}.items():
        found = motion.poses[:, JOINTS.index(joint)]
        np.testing.assert_allclose(found, [z_up(*expected)] * 2, atol=1e-5, err_msg=joint)
    assert motion.fps == pytest.approx(120)
    assert (motion.name, motion.subject, motion.action) == ("01_02", "01", "01_02")
    assert motion.source == "bvh"


def test_a_turned_thigh_moves_knee_and_ankle(tmp_path):
    # 90 degrees about x take y to z: the leg, which hangs down, goes backwards.
    path = save_bvh(tmp_path / "a.bvh", turned=[("LeftUpLeg", "X", 90)])
    (motion,) = read_motions(path).motions
    hip = where("LeftUpLeg")
    for joint, length in (("lknee", 0.42), ("lankle", 0.84)):
        expected = z_up(*np.add(hip, (0, 0, -length)))
        np.testing.assert_allclose(motion.poses[0, JOINTS.index(joint)], expected, atol=1e-5)
    right = motion.poses[0, JOINTS.index("rankle")]
    np.testing.assert_allclose(right, z_up(*where("RightFoot")), atol=1e-5)


def test_left_stays_left(tmp_path):
    """The turn to z up is one of a right-handed frame: it mirrors nobody."""
    (motion,) = read_motions(save_bvh(tmp_path / "a.bvh")).motions
    at = {joint: motion.poses[0, number] for number, joint in enumerate(JOINTS)}
    forward = at["neck"] - at["thorax"]
    forward[2] = 0
    left = np.cross([0, 0, 1], forward)
    assert left @ (at["lshoulder"] - at["rshoulder"]) > 0


def test_all_files_of_a_folder_and_its_folders(tmp_path):
    save_bvh(tmp_path / "02" / "02_01.bvh", frames=3)
    save_bvh(tmp_path / "01" / "01_01.bvh", frame_time=1 / 60)
    save_bvh(tmp_path / "anna" / "walk.bvh")
    (tmp_path / "01" / "notes.txt").touch()
    found = read_motions(tmp_path)
    assert [motion.name for motion in found.motions] == ["01_01", "02_01", "walk"]
    assert found.subjects == ("01", "02", "anna")
    assert [len(motion) for motion in found.motions] == [2, 3, 2]
    assert found.motions[0].fps == pytest.approx(60)
    assert found.bodies.shape == (0, 16)


def test_every_convention_names_every_joint():
    for table in CONVENTIONS.values():
        assert sorted(table) == sorted(JOINTS)


# What is refused


def test_another_unit_is_refused_and_the_right_one_named(tmp_path):
    path = save_bvh(tmp_path / "a.bvh", unit=UNITS["inch / 0.45"])
    assert refusal(path) == (
        f"{path}: expected a person 1.2 to 2.2 m tall, got 29.69 m with metres_per_unit 1; give "
        "the file's unit, --metres-per-unit: 0.056444 (inch / 0.45) would make it 1.68 m"
    )
    assert refusal(path, metres_per_unit=0.01) == (
        f"{path}: expected a person 1.2 to 2.2 m tall, got 0.2969 m with metres_per_unit 0.01; "
        "give the file's unit, --metres-per-unit: 0.056444 (inch / 0.45) would make it 1.68 m"
    )


def test_a_unit_that_nobody_knows(tmp_path):
    path = save_bvh(tmp_path / "a.bvh", unit=0.2)
    assert refusal(path) == (
        f"{path}: expected a person 1.2 to 2.2 m tall, got 8.378 m with metres_per_unit 1; give "
        "the file's unit, --metres-per-unit"
    )


@pytest.mark.parametrize("turn", [("Hips", "X", 90), ("Hips", "Z", 180)])
def test_another_axis_up(tmp_path, turn):
    path = save_bvh(tmp_path / "a.bvh", turned=[turn])
    assert refusal(path) == (
        f"{path}: expected y to be up, as in BVH, but heads are not above ankles in it; turn the "
        "files so that y is up"
    )


def test_who_lies_down_among_others_is_read(tmp_path):
    save_bvh(tmp_path / "a.bvh", frames=5)
    save_bvh(tmp_path / "b.bvh", turned=[("Hips", "X", 90)], frames=3)
    assert len(read_motions(tmp_path)) == 2


def test_joints_of_other_names(tmp_path):
    names = {**CMU, "LeftArm": "arm.L", "Neck": "neck"}
    path = save_bvh(tmp_path / "a.bvh", names)
    assert refusal(path) == (
        f"{path}: expected joints named as in Mixamo or CMU in BVH or CMU in ASF; of CMU in BVH "
        "there is no LeftArm, Neck; rename the joints"
    )


def test_a_file_without_frames(tmp_path):
    path = save_bvh(tmp_path / "a.bvh", frames=0)
    with pytest.raises(InputError) as caught:
        read_motions(path)
    assert str(caught.value) == (
        f"{path}: not a readable BVH file (ValueError: {caught.value.__cause__}); convert it again"
    )


def test_numbers_that_are_not_finite(tmp_path):
    path = save_bvh(tmp_path / "a.bvh", root=(np.nan, 1, 0))
    assert refusal(path) == (
        f"{path}: NaN or infinity in 2 of 2 frames, first in frame 0; convert it again"
    )


@pytest.mark.parametrize("content", ["", "not a BVH file", "HIERARCHY\nROOT Hips\n{\n"])
def test_a_file_that_is_no_bvh(tmp_path, content):
    path = tmp_path / "a.bvh"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_motions(path)
    why = caught.value.__cause__
    assert str(caught.value) == (
        f"{path}: not a readable BVH file ({type(why).__name__}: {why}); convert it again"
    )


def test_a_folder_without_motions(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}: expected .bvh files in this folder, found none"


def test_a_folder_of_acclaim_files(tmp_path):
    (tmp_path / "01").mkdir()
    (tmp_path / "01" / "01_01.amc").touch()
    assert refusal(tmp_path) == (
        f"{tmp_path}: holds ASF/AMC files and no .bvh; no well-kept library gives the positions of "
        "their joints; take the BVH conversion of the database"
    )


def test_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pybvh", None)
    with pytest.raises(MissingExtra) as caught:
        read_motions(save_bvh(tmp_path / "a.bvh"))
    assert str(caught.value) == (
        "pybvh cannot be imported (import of pybvh halted; None in sys.modules); pip install "
        "'h2ot-edge[train]'"
    )
