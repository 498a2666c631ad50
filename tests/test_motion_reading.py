"""reading.py and npz_motions.py: motions from files, by what the files are."""

from pathlib import Path

import numpy as np
import pytest
from dataset_files import h36m_world, save_3dhp, save_h36m
from motions import save_motions, walkers

from h2ot_edge.benchmarks.motion.h36m_files import KEPT_JOINTS
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS

MOCAP = Path(__file__).parents[2] / "shared" / "data" / "mocap"
KINDS = "this project's .npz, VideoPose3D's data_3d_h36m.npz, a .bvh file or a folder of them"
NEEDED = "poses, offsets, names, subjects, actions, up, units, fps"


def refusal(path, error=InputError, **options):
    with pytest.raises(error) as caught:
        read_motions(path, **options)
    return str(caught.value)


def save(path, **changes):
    """Two motions of 3 and 2 frames in the project's format, and what is to be different."""
    poses = np.random.default_rng(0).normal(size=(5, 17, 3)).astype(np.float32)
    arrays = {
        "poses": poses,
        "offsets": [0, 3, 5],
        "names": ["a_1", "b_1"],
        "subjects": ["a", "b"],
        "actions": ["walk", "run"],
        "sources": ["x", "y"],
        "joints": JOINTS,
        "fps": np.float32(50),
        "up": "z",
        "units": "m",
        "licence": "free",
        "bodies": np.ones((2, 16), np.float32),
    }
    kept = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    np.savez(path, **kept)
    return path


# This project's format


def test_what_was_saved_is_read(tmp_path):
    saved = walkers(3, frames=7)
    found = read_motions(save_motions(tmp_path / "a.npz", saved))
    for before, after in zip(saved.motions, found.motions, strict=True):
        np.testing.assert_array_equal(before.poses, after.poses)
        assert (before.name, before.subject, before.action, before.source, before.fps) == (
            *(after.name, after.subject, after.action, after.source, after.fps),
        )
    np.testing.assert_array_equal(found.bodies, saved.bodies)
    assert found.credit == ""


def test_everything_that_a_file_can_say(tmp_path):
    found = read_motions(str(save(tmp_path / "a.npz", fps=[50, 25])))
    first, second = found.motions
    assert (len(first), len(second)) == (3, 2)
    assert (first.fps, second.fps) == (50.0, 25.0)
    assert (first.source, second.source) == ("x", "y")
    assert first.poses.dtype == found.bodies.dtype == np.float32
    assert found.bodies.shape == (2, 16)
    assert found.credit == "free"


def test_what_may_be_missing(tmp_path):
    path = save(tmp_path / "a.npz", sources=None, joints=None, bodies=None, licence=None)
    found = read_motions(path)
    assert [motion.source for motion in found.motions] == ["", ""]
    assert found.bodies.shape == (0, 16)


def test_joint_9_may_be_called_nose(tmp_path):
    joints = ["nose" if joint == "neck" else joint for joint in JOINTS]
    assert len(read_motions(save(tmp_path / "a.npz", joints=joints))) == 2


@pytest.mark.shared
@pytest.mark.skipif(not MOCAP.exists(), reason="the shared data is not here")
def test_the_shared_motions():
    train, test = (read_motions(MOCAP / f"{name}.npz") for name in ("train", "test"))
    assert (len(train), train.frames, train.bodies.shape) == (221, 118_093, (13, 16))
    assert (len(test), test.frames, test.bodies.shape) == (50, 27_372, (0, 16))
    assert not {*train.subjects} & {*test.subjects}
    assert {motion.fps for part in (train, test) for motion in part.motions} == {50.0}


BROKEN = np.zeros((5, 17, 3), np.float32)
BROKEN[(1, 3), :, 2] = np.nan
SWAPPED = [JOINTS[0], JOINTS[4], *JOINTS[2:4], JOINTS[1], *JOINTS[5:]]
RISING = (
    "expected offsets (n + 1,) whole numbers, each larger than the one before, from 0 to the 5 "
    "frames, got "
)
RATES = "expected fps as one positive number, or one for each of the 2 motions, got "


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"poses": None, "up": None},
            f"expected the arrays {NEEDED}; poses, up not found (found actions, bodies, fps, "
            "joints, licence, names, offsets, sources, subjects, units)",
        ),
        (
            {"poses": np.zeros((5, 16, 3))},
            "expected poses (t, 17, 3) of floating point, got (5, 16, 3) float64",
        ),
        (
            {"poses": np.zeros((5, 17, 3), int)},
            "expected poses (t, 17, 3) of floating point, got (5, 17, 3) int64",
        ),
        (
            {"poses": BROKEN},
            "poses hold NaN or infinity in 2 frames, first in frame 1; cut them out",
        ),
        ({"offsets": [0, 3, 4]}, f"{RISING}[0, 3, 4]"),
        ({"offsets": [0, 3, 6]}, f"{RISING}[0, 3, 6]"),
        ({"offsets": [1, 3, 5]}, f"{RISING}[1, 3, 5]"),
        ({"offsets": [0, 3, 3, 5]}, f"{RISING}[0, 3, 3, 5]"),
        ({"offsets": [0, 4, 3, 5]}, f"{RISING}[0, 4, 3, 5]"),
        ({"offsets": [0.0, 5.0]}, f"{RISING}[0., 5.]"),
        ({"offsets": [0]}, f"{RISING}[0]"),
        ({"offsets": range(100)}, f"{RISING}[ 0,  1,  2, ..., 97, 98, 99]"),
        (
            {"joints": SWAPPED},
            f"expected the joints {', '.join(JOINTS)}, got {', '.join(SWAPPED)}; put them in that "
            "order",
        ),
        (
            {"up": "y"},
            "expected up 'z', got 'y'; turn the poses so that z is up",
        ),
        ({"units": "mm"}, "expected units 'm', got 'mm'; convert it to metres"),
        (
            {"names": ["a"]},
            "expected names (2,) of text, one for each motion, got (1,) <U1",
        ),
        (
            {"subjects": [1, 2]},
            "expected subjects (2,) of text, one for each motion, got (2,) int64",
        ),
        (
            {"sources": [["a", "b"]]},
            "expected sources (2,) of text, one for each motion, got (1, 2) <U1",
        ),
        ({"fps": 0}, f"{RATES}0"),
        ({"fps": np.nan}, f"{RATES}nan"),
        ({"fps": [50, 50, 50]}, f"{RATES}[50, 50, 50]"),
        ({"fps": "50"}, f"{RATES}'50'"),
        (
            {"bodies": np.ones((2, 17))},
            "expected bodies (n, 16) of floating point, got (2, 17) float64",
        ),
        (
            {"bodies": np.zeros((2, 16))},
            "expected lengths of bones above 0 in bodies; remove the others",
        ),
    ],
)
def test_a_file_that_does_not_keep_to_the_format(tmp_path, changes, message):
    path = save(tmp_path / "a.npz", **changes)
    assert refusal(path) == f"{path}: {message}"


def test_pickles_in_the_projects_format_are_refused(tmp_path):
    path = save(tmp_path / "a.npz", names=np.array(["a", None], dtype=object))
    assert refusal(path) == (
        f"{path}: holds pickled Python objects, which can run code when they are read; save plain "
        "arrays with np.savez"
    )


# VideoPose3D's file of Human3.6M


def test_human36m(tmp_path):
    world = h36m_world(subjects=("S1", "S9"))
    path, _ = save_h36m(tmp_path, world)
    found = read_motions(path)
    assert len(found) == 30
    assert found.subjects == ("S1", "S9")
    motion = found.motions[1]
    assert (motion.name, motion.subject, motion.action) == ("S1 Discussion 1", "S1", "Discussion")
    assert (motion.source, motion.fps, motion.poses.dtype) == ("h36m", 50.0, np.float32)
    np.testing.assert_array_equal(motion.poses, world["S1"]["Discussion 1"][:, KEPT_JOINTS])
    assert found.credit == (
        "Human3.6M (Ionescu, Papava, Olaru, Sminchisescu: Human3.6M, TPAMI 2014), under its own "
        "licence, for academic use only."
    )


def test_the_joints_that_are_left_out():
    removed = {4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31}  # VideoPose3D's list
    assert list(KEPT_JOINTS) == [joint for joint in range(32) if joint not in removed]


# Everything else


def test_mpi_inf_3dhp_has_no_known_up(tmp_path):
    path = save_3dhp(tmp_path)
    assert refusal(path) == (
        f"{path}: looks like MPI-INF-3DHP, whose poses are in the cameras' frames and do not say "
        f"where up is, so they cannot be filmed anew; expected {KINDS}"
    )


def test_a_path_that_is_not_there(tmp_path):
    path = tmp_path / "none"
    assert refusal(path) == f"{path}: no such file or folder; expected {KINDS}"


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "a.c3d"
    path.touch()
    assert refusal(path) == f"{path}: expected {KINDS}, got '.c3d'"


@pytest.mark.parametrize("name", ["01_01.amc", "01.ASF"])
def test_acclaim_files(tmp_path, name):
    path = tmp_path / name
    path.touch()
    assert refusal(path) == (
        f"{path}: ASF/AMC files are not read, for want of a well-kept library that gives the "
        "positions of their joints; take the BVH conversion of the database"
    )


def test_a_file_that_is_no_npz(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK")
    assert refusal(path) == (
        f"{path}: not a readable .npz file (File is not a zip file); write or copy it again"
    )


def test_a_unit_for_what_is_in_metres(tmp_path):
    path = save(tmp_path / "a.npz")
    assert refusal(path, UsageError, metres_per_unit=0.01) == (
        f"{path}: is in metres; leave out metres_per_unit"
    )
