"""h36m_files.py: what VideoPose3D's files of Human3.6M must be."""

import numpy as np
import pytest
from dataset_files import h36m_points, h36m_world, save_h36m

from h2ot_edge.benchmarks.motion.h36m_files import action_of, h36m_keypoints, h36m_positions
from h2ot_edge.errors import InputError


def refusal(files):
    positions, keypoints = files
    with pytest.raises(InputError) as caught:  # noqa: PT012
        h36m_positions(positions)
        h36m_keypoints(keypoints)
    return str(caught.value)


def test_a_number_belongs_to_no_action():
    assert [action_of(name) for name in ("Directions 1", "Photo", "WalkDog 1")] == [
        *("Directions", "Photo", "WalkDog"),
    ]


@pytest.mark.parametrize("symmetry", [[[1, 3], [2, 4]], None, "x", [["a"], ["b"]]])
def test_keypoints_of_other_joints(tmp_path, symmetry):
    files = save_h36m(tmp_path, symmetry=symmetry)
    assert refusal(files) == (
        f"{files[1]}: expected keypoints of Human3.6M's 17 joints (metadata's keypoints_symmetry "
        f"[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]), got {symmetry}; take another file of "
        "keypoints"
    )


def nan(array):
    array = array.copy()
    array[[1, 2], 3, 0] = np.nan
    return array


BAD_POSES = {
    "17 joints": (
        lambda poses: poses[:, :17],
        "expected (t, 32, 3) of floating point, got (6, 17, 3) float32",
    ),
    "whole numbers": (
        lambda poses: poses.astype(np.int32),
        "expected (t, 32, 3) of floating point, got (6, 32, 3) int32",
    ),
    "no frames": (
        lambda poses: poses[:0],
        "expected (t, 32, 3) of floating point, got (0, 32, 3) float32",
    ),
    "no array": (lambda _: "text", "expected (t, 32, 3) of floating point, got 'text'"),
    "NaN": (nan, "NaN or infinity in 2 of 6 frames, first in frame 1; make the file again"),
}


@pytest.mark.parametrize("what", BAD_POSES)
def test_poses_that_are_none(tmp_path, what):
    change, message = BAD_POSES[what]
    world = h36m_world()
    points = h36m_points(world)
    world["S9"]["Eating 1"] = change(world["S9"]["Eating 1"])
    files = save_h36m(tmp_path, world, points)
    assert refusal(files) == f"{files[0]}: S9 Eating 1: {message}"


def test_keypoints_that_are_none(tmp_path):
    points = h36m_points(h36m_world())
    points["S9"]["Eating 1"][2] = points["S9"]["Eating 1"][2][..., :1]
    files = save_h36m(tmp_path, points=points)
    assert refusal(files) == (
        f"{files[1]}: S9 Eating 1 camera 2: expected (t, 17, 2) of floating point, got (6, 17, 1) "
        "float32"
    )
    points["S9"]["Eating 1"] = {"0": 1}
    files = save_h36m(tmp_path, points=points)
    assert refusal(files) == (
        f"{files[1]}: S9 Eating 1: expected a list with the keypoints of each camera, got dict"
    )


@pytest.mark.parametrize(("content", "kind"), [({}, "dict"), ({"S9": 1}, "dict"), ([1], "ndarray")])
def test_something_else_under_the_right_name(tmp_path, content, kind):
    files = save_h36m(tmp_path)
    np.savez(files[0], positions_3d=content)
    assert refusal(files) == (
        f"{files[0]}: expected positions_3d to be a dict of subjects, each a dict of recordings, "
        f"got {kind}; see VideoPose3D's DATASETS.md"
    )


def test_keypoints_without_metadata(tmp_path):
    files = save_h36m(tmp_path)
    np.savez(files[1], positions_2d={"S9": {}})
    assert refusal(files) == (
        f"{files[1]}: expected VideoPose3D's file with positions_2d and metadata, found "
        "positions_2d; see its DATASETS.md"
    )
