"""pose_files as CSV and TRC, read by readers that know nothing of the writer."""

import csv

import numpy as np
import pytest
from tiny_models import tiny_card
from walking_poses import FRAMES, upright, walking_poses, with_gaps
from written_poses import full, numbers

from h2ot_edge import Poses, write_poses
from h2ot_edge.skeleton import JOINTS

# CSV


def rows_of(path, poses):
    write_poses(path, poses, tiny_card())
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def number(text):
    return float(text) if text else np.nan


def positions_of(rows, unit="m"):
    columns = [f"{joint}_{axis}_{unit}" for joint in JOINTS for axis in "xyz"]
    found = [[number(row[column]) for column in columns] for row in rows]
    return np.array(found, np.float32).reshape(-1, 17, 3)


def test_a_table_holds_what_there_is(tmp_path):
    poses = full()
    rows = rows_of(tmp_path / "a.csv", poses)
    assert len(rows[0]) == 6 + 17 * 5
    np.testing.assert_array_equal(positions_of(rows), poses.positions)
    assert rows[0]["lhip_x_m"] == ""
    for name, expected in (("valid", poses.valid), ("confidence", poses.confidence)):
        found = [[float(row[f"{joint}_{name}"]) for joint in JOINTS] for row in rows]
        np.testing.assert_array_equal(np.float32(found), expected)
    assert [float(row["time_s"]) for row in rows] == poses.timestamps.tolist()
    assert [row["frame"] for row in rows] == list("012345")
    columns = ("clip", "person", "frame_of_reference", "kept")
    assert {tuple(row[name] for name in columns) for row in rows} == {("0", "", "camera", "")}


def test_a_table_of_several_clips(tmp_path):
    kept = numbers(3, 6) > 0
    poses = full(3).replace(people=("Anna", 'B, "2"', "c"), kept=kept)
    rows = rows_of(tmp_path / "a.csv", poses)
    assert [row["person"] for row in rows] == ["Anna"] * 6 + ['B, "2"'] * 6 + ["c"] * 6
    assert [row["kept"] for row in rows] == [str(int(flag)) for flag in kept.ravel()]
    assert [(row["clip"], row["frame"]) for row in rows] == [
        (str(clip), str(frame)) for clip in range(3) for frame in range(6)
    ]
    np.testing.assert_array_equal(positions_of(rows).reshape(3, 6, 17, 3), poses.positions)


def test_times_and_units_of_a_table(tmp_path):
    poses = Poses(positions=numbers(3, 17, 3), unit="normalised")
    rows = rows_of(tmp_path / "a.csv", poses)
    assert [row["time_s"] for row in rows] == [""] * 3
    np.testing.assert_array_equal(positions_of(rows, "normalised"), poses.positions)
    rows = rows_of(tmp_path / "a.csv", poses.replace(fps=30.0))
    assert [row["time_s"] for row in rows] == ["0", "0.0333333333", "0.0666666667"]


def test_a_table_is_plain_text(tmp_path):
    path = write_poses(tmp_path / "a.csv", full(), tiny_card())
    head, *rows, last = path.read_bytes().decode("ascii").split("\n")
    assert head.startswith(
        "clip,person,frame,time_s,frame_of_reference,kept,hip_x_m,hip_y_m,hip_z_m,"
    )
    assert rows[0].startswith("0,,0,100.0,camera,,")
    assert last == ""
    assert not any("\r" in row for row in rows)


# TRC


def tokens(line):
    """As OpenSim's TRCFileAdapter splits: what is empty counts, but not at the end of the line."""
    *whole, rest = line.split("\t")
    return [*whole, rest] if rest else whole


def trc_of(path):
    """(header, rates and so on, names, times, (t, n, 3) with NaN) by OpenSim's rules."""
    header, keys, values, names, columns, blank, *rows, last = path.read_text().split("\n")
    assert header.split("\t")[0] == "PathFileType"
    about = dict(zip(tokens(keys), tokens(values), strict=True))
    names = [name for name in tokens(names) if name]
    assert names[:2] == ["Frame#", "Time"]
    assert len(names) == int(about["NumMarkers"]) + 2
    numbered = [f"{axis}{place}" for place in range(1, len(names) - 1) for axis in "XYZ"]
    assert [column for column in tokens(columns) if column] == numbered
    assert (blank, last) == ("", "")
    cells = [tokens(row) for row in rows]
    assert {len(row) for row in cells} == {2 + len(numbered)}
    assert [row[0] for row in cells] == [str(place) for place in range(1, len(rows) + 1)]
    values = np.array([[number(cell) for cell in row[1:]] for row in cells])
    return header, about, names[2:], values[:, 0], values[:, 1:].reshape(len(rows), -1, 3)


ABOUT = "x to the camera's right, y up, z towards the camera"
ORIGINS = {
    "root": "the hip, in every frame anew",
    "camera": "the camera",
    "world": "the floor below the camera, or below the hip",
}


@pytest.mark.parametrize("frame", FRAMES)
def test_trc_is_read_as_opensim_does(tmp_path, frame):
    poses = walking_poses(frame)
    path = write_poses(tmp_path / "walk.trc", poses, tiny_card())
    header, about, names, times, millimetres = trc_of(path)
    assert header.split("\t")[1:] == [
        *("4", "(X/Y/Z)", "walk.trc"),
        f"frame {frame}: origin at {ORIGINS[frame]}; {ABOUT}",
    ]
    assert about == {
        **dict.fromkeys(("DataRate", "CameraRate", "OrigDataRate"), "50"),
        **dict.fromkeys(("NumFrames", "OrigNumFrames"), "40"),
        **{"NumMarkers": "17", "Units": "mm", "OrigDataStartFrame": "1"},
    }
    assert names == list(JOINTS)
    np.testing.assert_allclose(times, np.arange(40) / 50)
    np.testing.assert_allclose(millimetres, 1e3 * upright(poses), rtol=0, atol=1e-4)
    assert (millimetres[:, JOINTS.index("head"), 1] > millimetres[:, 0, 1] + 500).all(), "y is up"


def test_what_is_not_valid_is_blank_in_trc(tmp_path):
    poses = with_gaps(walking_poses())
    poses = poses.replace(valid=poses.valid & (np.arange(17) != 16))  # the end of the line
    path = write_poses(tmp_path / "walk.trc", poses, tiny_card())
    *_, millimetres = trc_of(path)
    blank = np.isnan(poses.positions).any(axis=-1) | ~poses.valid
    np.testing.assert_array_equal(np.isnan(millimetres), np.repeat(blank[..., None], 3, axis=-1))


def test_every_line_of_trc_has_as_many_cells(tmp_path):
    """Else pandas takes the frame for an index, and the time for the frame."""
    path = write_poses(tmp_path / "walk.trc", with_gaps(walking_poses()), tiny_card())
    *_, names, columns, blank, first, second = path.read_text().split("\n")[:8]
    cells = [len(line.split("\t")) for line in (names, columns, first, second)]
    assert (blank, cells) == ("", [2 + 3 * 17 + 1] * 4)


def test_times_in_trc_are_the_timestamps(tmp_path):
    times = [7, 7.02, 7.1]
    poses = Poses(positions=numbers(3, 17, 3), fps=29.97, timestamps=times)
    _, about, _, found, _ = trc_of(write_poses(tmp_path / "a.trc", poses, tiny_card()))
    assert found.tolist() == times
    assert about["DataRate"] == "29.97"
