"""pose_files: poses that are written are read as they were."""

import resource
import sys

import numpy as np
import pytest
from tiny_models import tiny_card
from written_poses import full, numbers

import h2ot_edge
from h2ot_edge import (
    Clip,
    InputError,
    MissingExtra,
    ModelCard,
    Poses,
    UsageError,
    clips,
    read_poses,
)
from h2ot_edge.card import OutputConvention
from h2ot_edge.pose_files import check_poses_path, write_poses
from h2ot_edge.pose_files.formats import FORMATS
from h2ot_edge.poses import CAMERA_AXES
from h2ot_edge.skeleton import JOINTS


def bare(**changes):
    """Poses of which little is known."""
    return Poses(positions=numbers(3, 17, 3), **changes)


def assert_equal(found, expected):
    for name in ("positions", "valid", "confidence"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype
    if expected.timestamps is None:
        assert found.timestamps is None
    else:
        np.testing.assert_array_equal(found.timestamps, expected.timestamps)
    for name in ("frame", "unit", "axes", "fps", "filters", "joints"):
        assert getattr(found, name) == getattr(expected, name)
        assert type(getattr(found, name)) is type(getattr(expected, name))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "poses.npz"


@pytest.mark.parametrize("name", ["poses.npz", "poses.json", "poses.JSON"])
@pytest.mark.parametrize(
    "poses",
    [
        full(),
        full(3),
        full(1, frames=1),
        bare(),
        bare(frame="world", axes=("x", "y", "z up")),
        bare(unit="normalised", fps=50.0),
    ],
    ids=["full", "several", "one of one frame", "bare", "world", "normalised"],
)
def test_what_is_written_is_read(tmp_path, poses, name):
    path = tmp_path / name
    assert write_poses(path, poses, tiny_card()) == path
    assert_equal(read_poses(path), poses)
    assert_equal(read_poses(str(path)), poses)
    assert list(path.parent.iterdir()) == [path]


def test_the_names_in_the_file(path):
    poses = full()
    write_poses(path, poses, tiny_card())
    with np.load(path, allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["poses"], poses)
        assert tuple(saved["joints"].tolist()) == JOINTS
        assert saved["unit"] == "m"
        assert saved["frame"] == "camera"
        assert saved["frame_of_reference"] == "camera orientation, origin at the camera"
        assert saved["axes"].tolist() == list(CAMERA_AXES)
        assert saved["fps"] == 29.97
        assert ModelCard.from_json(str(saved["card"])) == tiny_card()
        known = {"poses", "joints", "unit", "frame", "axes", "fps", "timestamps", "valid"}
        assert set(saved.files) == known | {"frame_of_reference", "confidence", "filters", "card"}


def test_what_is_not_known_is_left_out(path):
    write_poses(path, bare(), tiny_card())
    with np.load(path) as saved:
        assert "fps" not in saved.files
        assert "timestamps" not in saved.files
        assert saved["frame_of_reference"] == "camera orientation, origin near the hip (joint 0)"


def test_an_array_is_what_the_model_gave(path):
    output = OutputConvention(unit="normalised", axes=("a", "b", "c"))
    clip = Clip(keypoints=numbers(4, 17, 3), fps=50.0)
    write_poses(path, numbers(4, 17, 3).tolist(), tiny_card(output=output), clip)
    expected = Poses(positions=numbers(4, 17, 3), unit="normalised", axes=("a", "b", "c"), fps=50.0)
    assert_equal(read_poses(path), expected)
    write_poses(path, bare(fps=25.0), tiny_card(), clip)
    assert read_poses(path).fps == 25, "the poses know better than the clip"
    for array, message in (
        (np.array(["a"]), "poses: expected an array of real numbers, got dtype <U1"),
        (
            numbers(4, 16, 3),
            "positions: expected (t, 17, 3) or (n, t, 17, 3), got (4, 16, 3)",
        ),
    ):
        with pytest.raises(InputError) as caught:
            write_poses(path, array, tiny_card())
        assert str(caught.value) == message


def test_a_file_of_version_0_1_0(path):
    positions = numbers(5, 17, 3)
    card = tiny_card()
    np.savez(
        path,
        poses=positions,
        joints=np.array(JOINTS),
        unit=np.array("m"),
        frame_of_reference=np.array(card.output.frame_of_reference),
        axes=np.array(card.output.axes),
        card=np.array(card.to_json()),
        fps=np.array(50.0),
    )
    assert_equal(read_poses(path), Poses(positions=positions, axes=card.output.axes, fps=50))


def test_where_the_functions_are():
    assert h2ot_edge.write_poses is clips.write_poses is write_poses
    assert clips.check_poses_path is check_poses_path
    assert h2ot_edge.read_poses is read_poses
    assert {"read_poses", "write_poses"} <= set(h2ot_edge.__all__)


# writing


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_failed_write_leaves_the_old_file(tmp_path, suffix):
    path = tmp_path / f"poses{suffix}"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))  # as on a disk that is full
    try:
        with pytest.raises(OSError, match="File too large"):
            write_poses(path, full(frames=20), tiny_card())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_where_poses_cannot_be_written(tmp_path):
    wrong = tmp_path / "poses.txt"
    for function in (check_poses_path, lambda path: write_poses(path, full(), tiny_card())):
        with pytest.raises(UsageError) as caught:
            function(wrong)
        assert str(caught.value) == (
            f"{wrong}: poses are written as .npz, .json, .csv, .trc, .c3d, .bvh; end the name in "
            "one"
        )


def test_a_folder_for_poses_is_made(tmp_path):
    path = tmp_path / "new" / "folder" / "poses.NPZ"
    assert check_poses_path(str(path)) == path
    assert list(tmp_path.iterdir()) == []
    write_poses(path, full(), tiny_card())
    assert path.is_file()


def test_a_folder_for_poses_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "poses.npz"
    with pytest.raises(UsageError) as caught:
        write_poses(path, full(), tiny_card())
    assert str(caught.value) == (
        f"{path}: the folder {tmp_path / 'file'} cannot be made (File exists); give another name"
    )


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_no_frames_are_no_poses(tmp_path, suffix):
    path = tmp_path / f"poses{suffix}"
    with pytest.raises(InputError) as caught:
        write_poses(path, bare(fps=50.0)[:0], tiny_card())
    assert str(caught.value) == f"{path}: expected poses of one frame or more, got (0, 17, 3)"
    assert not path.exists()


# what motion capture's formats hold


@pytest.mark.parametrize("suffix", [".trc", ".c3d", ".bvh"])
def test_what_formats_of_motion_capture_do_not_hold(tmp_path, suffix):
    path = tmp_path / f"poses{suffix}"
    for poses, message in (
        (
            full(3),
            f"{path}: a {suffix} file holds one clip, got 3; write_people writes one file a "
            "person, or write all of them to one of .npz, .json, .csv",
        ),
        (
            bare(unit="normalised", fps=50.0),
            f"{path}: a {suffix} file is in metric units, got poses of unit 'normalised'; call "
            "to_metric first, or write one of .npz, .json, .csv",
        ),
        (
            bare(),
            f"{path}: a {suffix} file has a frame rate, and that of these poses is not known; give "
            "--fps HZ on the command line, poses.replace(fps=HZ) in Python",
        ),
    ):
        with pytest.raises(InputError) as caught:
            write_poses(path, poses, tiny_card())
        assert str(caught.value) == message
        assert not path.exists()
    clip = Clip(keypoints=numbers(3, 17, 3), fps=50.0)
    write_poses(path, bare(), tiny_card(), clip)
    written = path.read_bytes()
    write_poses(path, bare().positions[None], tiny_card(), clip)
    assert path.read_bytes() == written, "one of one clip"


@pytest.mark.parametrize("suffix", [".c3d", ".bvh"])
def test_uneven_times_are_refused_where_only_a_rate_is_written(tmp_path, suffix):
    path = tmp_path / f"poses{suffix}"
    for times, words in (
        ([0, 0.02, 0.08], "20.0 to 60.0 ms apart, 40.0 ms on average"),
        ([0, 0.021, 0.042], "21.0 to 21.0 ms apart, 21.0 ms on average"),
    ):
        with pytest.raises(InputError) as caught:
            write_poses(path, bare(fps=50.0, timestamps=times), tiny_card())
        assert str(caught.value) == (
            f"poses{suffix}: expected frames at even times, got timestamps {words}, where frames "
            "of 50 fps are 20.0; write .npz, .json, .csv or .trc, which hold the timestamps"
        )
    write_poses(path, bare(fps=50.0, timestamps=[5, 5.021, 5.04]), tiny_card())
    assert path.exists()


def test_a_library_that_is_missing_is_named_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "c3d", None)
    with pytest.raises(MissingExtra) as caught:
        check_poses_path(tmp_path / "poses.c3d")
    assert str(caught.value) == (
        "c3d cannot be imported (import of c3d halted; None in sys.modules); pip install "
        "'h2ot-edge[files]'"
    )
