"""pose_files: several people, and what was kept of them."""

import json
import logging

import numpy as np
import pytest
from test_pose_files_bvh import read as bvh_of
from tiny_models import tiny_card
from walking_poses import upright, walking_poses
from written_poses import full, numbers

from h2ot_edge import InputError, Poses, read_poses, write_poses
from h2ot_edge.pose_files import PersonFile, write_people
from h2ot_edge.poses import stack_people
from h2ot_edge.skeleton import JOINTS

FLAGS = np.arange(12).reshape(2, 6) % 5 < 2


def recording(**names):
    """40 frames: Anna is there in all of them, the other in 12 to 29."""
    anna, other = names.get("anna", "Anna"), names.get("other", "b")
    walk = walking_poses("camera")
    people = {anna: walk, other: walk[12:30]}
    return stack_people(people, starts={anna: 0, other: 12})


@pytest.mark.parametrize("name", ["poses.npz", "poses.json"])
@pytest.mark.parametrize("poses", [full(2), full(1), full()], ids=["two", "one of one", "one"])
def test_names_and_flags_are_read_back(tmp_path, name, poses):
    people = ("Anna", "b\N{LATIN SMALL LETTER U WITH DIAERESIS}")[: len(poses.clips())]
    kept = FLAGS[: len(people)] if poses.ndim == 4 else FLAGS[0]
    path = write_poses(tmp_path / name, poses.replace(people=people, kept=kept), tiny_card())
    found = read_poses(path)
    assert found.people == people
    np.testing.assert_array_equal(found.kept, kept)
    assert found.kept.dtype == np.bool_
    path = write_poses(tmp_path / name, poses, tiny_card())
    assert (read_poses(path).people, read_poses(path).kept) == ((), None)


def test_files_without_names_and_flags_are_read(tmp_path):
    path = write_poses(tmp_path / "a.json", full(2), tiny_card())
    document = json.loads(path.read_text())
    del document["people"]
    for clip in document["clips"]:
        del clip["kept"]
    path.write_text(json.dumps(document))
    assert (read_poses(path).people, read_poses(path).kept) == ((), None)


@pytest.mark.parametrize(
    ("kept", "people", "message"),
    [
        ([None, [True] * 6], [], "kept: expected it of all clips or of none, got 1"),
        ([[1] * 6] * 2, [], "kept: expected true and false, got int64"),
        (
            [[True]] * 2,
            [],
            "kept: expected bool (2, 6), a flag for each frame, got bool (2, 1)",
        ),
        ([None] * 2, ["a"], "people: expected a name for each of 2, or none, got 1"),
        ([None] * 2, [1], "people: expected a list of texts, got [1]"),
        ([None] * 2, "ab", "people: expected a list, got 'ab'"),
    ],
)
def test_json_that_does_not_fit(tmp_path, kept, people, message):
    path = write_poses(tmp_path / "a.json", full(2), tiny_card())
    document = json.loads(path.read_text())
    document["people"] = people
    for clip, flags in zip(document["clips"], kept, strict=True):
        clip["kept"] = flags
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_poses(path)
    assert str(caught.value) == f"{path}: {message}; the file is damaged, write it again"


# one file a person


@pytest.mark.parametrize("suffix", [".npz", ".json", ".csv"])
def test_what_holds_everybody_is_one_file(tmp_path, suffix):
    path, poses = tmp_path / f"a{suffix}", recording()
    assert write_people(path, poses, tiny_card()) == (
        PersonFile(path=path, person=None, first=0, frames=40, start_s=0.0),
    )
    written = path.read_bytes()
    write_poses(path, poses, tiny_card())
    assert path.read_bytes() == written
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".trc", ".c3d"])
def test_files_with_gaps_are_as_long_as_the_recording(tmp_path, suffix):
    poses = recording()
    found = write_people(tmp_path / f"a{suffix}", poses, tiny_card())
    for file, name, clip in zip(found, ("Anna", "b"), poses.clips(), strict=True):
        path = tmp_path / f"a.{name}{suffix}"
        assert file == PersonFile(path=path, person=name, first=0, frames=40, start_s=0.0)
        alone = write_poses(tmp_path / "alone" / path.name, clip, tiny_card())
        assert path.read_bytes() == alone.read_bytes()


def test_a_bvh_is_as_long_as_the_person_is_there(tmp_path):
    first, second = write_people(tmp_path / "a.bvh", recording(), tiny_card())
    assert first == PersonFile(
        path=tmp_path / "a.Anna.bvh", person="Anna", first=0, frames=40, start_s=0.0
    )
    assert second == PersonFile(
        path=tmp_path / "a.b.bvh", person="b", first=12, frames=18, start_s=0.24
    )
    _, metres = bvh_of(second.path)
    expected = upright(walking_poses("camera")[12:30])
    np.testing.assert_allclose(metres, expected, rtol=0, atol=1e-5)


def test_a_bvh_of_one_person_is_cut_too_and_tells_its_timestamp(tmp_path):
    poses = recording()[1].replace(timestamps=7 + np.arange(40) / 50)
    for each in (poses, poses.replace(positions=poses.positions[None], valid=None,
                                      confidence=None)):  # fmt: skip
        (found,) = write_people(tmp_path / "a.bvh", each, tiny_card())
        assert (found.path, found.person) == (tmp_path / "a.bvh", None)
        assert (found.first, found.frames, found.start_s) == (12, 18, 7.24)


def test_people_without_names_are_numbered(tmp_path):
    poses = recording().replace(people=())
    found = write_people(tmp_path / "a.trc", poses, tiny_card())
    assert [file.path.name for file in found] == ["a.1.trc", "a.2.trc"]
    assert [file.person for file in found] == ["1", "2"]


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("../x", "a b"), ["p.___x.trc", "p.a_b.trc"]),
        (("a/b", "a_b"), ["p.a_b.trc", "p.a_b-2.trc"]),
        (("anna", "ANNA"), ["p.anna.trc", "p.ANNA-2.trc"]),
        (("x" * 300, "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 300),
         [f"p.{'x' * 40}.trc", "p.{}.trc".format("\N{CJK UNIFIED IDEOGRAPH-4E00}" * 40)]),
    ],
)  # fmt: skip
def test_names_are_made_safe_for_file_systems(tmp_path, names, files):
    poses = recording(anna=names[0], other=names[1])
    found = write_people(tmp_path / "p.trc", poses, tiny_card())
    assert [file.path.name for file in found] == files
    assert [file.person for file in found] == list(names)
    assert all(file.path.parent == tmp_path for file in found)
    assert sorted(tmp_path.iterdir()) == sorted(file.path for file in found)


def test_who_does_not_fit_is_left_out_with_a_warning(tmp_path, caplog):
    poses = stack_people(dict(zip("abc", [walking_poses("camera")] * 3, strict=True)))
    positions = poses.positions.copy()
    positions[0, :, JOINTS.index("lwrist")] = np.nan
    positions[2] = np.nan
    poses = poses.replace(positions=positions)
    (found,) = write_people(tmp_path / "p.bvh", poses, tiny_card())
    assert found.person == "b"
    assert list(tmp_path.iterdir()) == [found.path]
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING] == [
        "p.a.bvh: a .bvh file has every bone at a length, and in no frame is lforearm; write "
        ".npz, .json, .csv, .trc or .c3d, which have points; this person is left out",
        f"{tmp_path / 'p.c.bvh'}: expected a joint in some frame, got none; see whether anybody "
        "was detected; this person is left out",
    ]


@pytest.mark.parametrize("suffix", [".trc", ".c3d", ".bvh"])
def test_if_nobody_can_be_written_it_says_why(tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    nowhere = recording().replace(positions=np.full((2, 40, 17, 3), np.nan))
    for poses, which in ((nowhere, f"p.Anna{suffix}"), (nowhere[0], f"p{suffix}")):
        with pytest.raises(InputError) as caught:
            write_people(path, poses, tiny_card())
        assert str(caught.value) == (
            f"{tmp_path / which}: expected a joint in some frame, got none; see whether anybody "
            "was detected"
        )
    assert list(tmp_path.iterdir()) == []


# axes


@pytest.mark.parametrize("suffix", [".trc", ".c3d", ".bvh"])
def test_what_turns_poses_refuses_axes_that_it_does_not_know(tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    poses = Poses(positions=numbers(3, 17, 3), fps=50, axes=("x right", "y up", "z near"))
    with pytest.raises(InputError) as caught:
        write_poses(path, poses, tiny_card())
    assert str(caught.value) == (
        f"{path}: expected the axes of frame 'root' (x right, y down, z away from the camera), got "
        "x right, y up, z near; turn the positions into those, else nobody knows which way is up"
    )
    assert list(tmp_path.iterdir()) == []
