"""keypoint_files.py: keypoints written while they come in; and what readers make of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from detector_files import refusal
from moving_people import frame, person

from h2ot_edge import read_clip, read_clips
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.keypoint_files import KeypointsWriter, check_keypoints_path

SIZE = (1280, 720)
NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
TIMES = (0.0, 0.04, 0.1, 0.12)


def written(path, *, size=SIZE):
    """Persons 1 (in all frames but the third, in which nobody is) and 2 (in the last)."""
    one, two = (frame(person(300, seed=seed)) for seed in (0, 1))
    with KeypointsWriter(path, size) as file:
        file.add(10, TIMES[0], [1], one)
        file.add(11, TIMES[1], [1], one + np.float32([5, 0, 0]))
        file.add(12, TIMES[2], [], [])
        file.add(13, TIMES[3], [1, 2], np.concatenate([one, two]))
    return one[0], two[0]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "keypoints.csv"
    one, two = written(path)
    first, second = read_clips(path)
    assert [(clip.person, clip.people) for clip in (first, second)] == [
        ("1", ("1", "2")),
        ("2", ("1", "2")),
    ]
    for clip in (first, second):
        assert (clip.image_size, clip.fps) == (SIZE, 25)
        np.testing.assert_array_equal(clip.timestamps, TIMES)
        np.testing.assert_array_equal(clip.numbers, [10, 11, 12, 13])
    np.testing.assert_array_equal(first.keypoints[[0, 3]], [one, one])
    np.testing.assert_array_equal(first.keypoints[1], one + np.float32([5, 0, 0]))
    np.testing.assert_array_equal(second.keypoints[3], two)
    assert np.isnan(first.keypoints[2, :, :2]).all()
    assert np.isnan(second.keypoints[:3, :, :2]).all()


@pytest.mark.parametrize("numbers", [(10, 12, 14), (10, 12, 18), (998, 999, 1000)])
def test_frames_keep_their_numbers(tmp_path, numbers):
    """Every second frame of a film; nobody in two of them; not in the order of their digits."""
    path = tmp_path / "keypoints.csv"
    with KeypointsWriter(path, SIZE) as file:
        for number in numbers:
            file.add(number, number / 50, [1], frame(person(number)))
    clip = read_clip(path)
    step = numbers[1] - numbers[0]
    np.testing.assert_array_equal(clip.numbers, range(numbers[0], numbers[-1] + 1, step))
    there = np.isin(clip.numbers, numbers)
    np.testing.assert_allclose(clip.keypoints[there, 0, 0], numbers)
    assert np.isnan(clip.keypoints[~there, 0, 0]).all()


def test_the_numbers_of_others_are_not_taken(tmp_path):
    """They may count from 1, or count something else."""
    path = tmp_path / "keypoints.csv"
    written(path)
    path.write_text(path.read_text().replace("time_s", "seconds"))
    assert read_clip(path).numbers is None


def test_the_file_as_text(tmp_path):
    path = tmp_path / "keypoints.csv"
    points = frame(person(300))
    points[0, 1:] = 0
    with KeypointsWriter(path, (640.0, 480.5)) as file:
        file.add(3, 0.1, [7], points)
        file.add(4, 0.2, [], [])
        file.add(5, 0.3, [0], points)  # NOBODY
    header, *rows = path.read_bytes().decode().split("\n")
    assert header.startswith("frame,time_s,person,image_width,image_height,hip_x,hip_y,hip_score,")
    assert rows == [
        "3,0.1,7,640,480.5,300.0,400.0,0.9" + "," * 48,
        "4,0.2,,640,480.5" + "," * 51,
        "5,0.3,,640,480.5" + "," * 51,
        "",
    ]


def test_people_who_have_names(tmp_path):
    path, names = tmp_path / "keypoints.csv", ("a,b", 'say "c"', "d")
    with KeypointsWriter(path, SIZE) as file:
        file.add(0, 0.0, names, frame(person(300), person(500), person(700)))
    assert [clip.person for clip in read_clips(path)] == sorted(names)
    assert read_clip(path, person="a,b").keypoints[0, 0].tolist() == [300, 400, np.float32(0.9)]


def test_what_is_not_seen_is_blank(tmp_path):
    path = tmp_path / "keypoints.csv"
    points = frame(person(300))
    points[0, 3] = np.nan
    points[0, 4, 2] = 0
    points[0, 5, 0] = np.inf
    with KeypointsWriter(path, SIZE) as file:
        file.add(0, 0, [1], points)
    clip = read_clip(path)
    assert (clip.keypoints[0, [3, 4, 5]] == 0).all()
    kept = [0, 1, 2, *range(6, 17)]
    np.testing.assert_array_equal(clip.keypoints[0, kept], points[0, kept])


def test_frames_are_on_the_disk_a_second_later(tmp_path):
    path, now = tmp_path / "keypoints.csv", 0.0
    with KeypointsWriter(path, SIZE, clock=lambda: now) as file:
        assert path.read_text().count("\n") == 1  # the header
        file.add(0, 0.0, [1], frame(person(300)))
        assert path.read_text().count("\n") == 1
        now = 1.0
        file.add(1, 0.1, [1], frame(person(300)))
        assert path.read_text().count("\n") == 3
        file.add(2, 0.2, [1], frame(person(300)))
    assert path.read_text().count("\n") == 4
    file.close()  # once more


KILLED = """
import os, signal, sys, numpy as np
from h2ot_edge.keypoint_files import KeypointsWriter
clock = iter(range(100))
file = KeypointsWriter(sys.argv[1], (1280, 720), clock=lambda: next(clock))
for number in range(5):
    file.add(number, number / 25, [1], np.ones((1, 17, 3)))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_what_it_had(tmp_path):
    path = tmp_path / "keypoints.csv"
    run = subprocess.run([sys.executable, "-c", KILLED, path], cwd=Path(__file__).parents[1])
    assert run.returncode == -signal.SIGKILL
    assert read_clip(path).keypoints.shape == (5, 17, 3)


@pytest.mark.parametrize("cut", [1, 2, 7, 200, 400])
def test_a_line_that_is_cut_off_is_left_out(tmp_path, caplog, cut):
    path = tmp_path / "keypoints.csv"
    one, _ = written(path)
    os.truncate(path, path.stat().st_size - cut)
    (clip,) = read_clips(path)
    np.testing.assert_array_equal(clip.keypoints[3], one)
    assert caplog.messages == [
        f"{path}: line 6 is cut off, whoever wrote it was stopped; read up to there"
    ]


@NEEDS_FULL
def test_a_disk_that_is_full(tmp_path):
    path = tmp_path / "keypoints.csv"
    path.symlink_to("/dev/full")
    with pytest.raises(UsageError) as caught:
        KeypointsWriter(path, SIZE)
    assert str(caught.value) == (
        f"{path}: cannot be written (No space left on device); make room, or give another name"
    )


@NEEDS_FULL
def test_a_disk_that_fills_up_keeps_whole_rows(tmp_path, monkeypatch):
    path, now = tmp_path / "keypoints.csv", 0.0
    file = KeypointsWriter(path, SIZE, clock=lambda: now)
    now = 1.0
    file.add(0, 0.0, [1], frame(person(300)))
    real = os.write

    def full(number, data):
        monkeypatch.setattr(os, "write", lambda *_: real(os.open("/dev/full", os.O_WRONLY), b"x"))
        return real(number, data[:30])  # what still fits

    monkeypatch.setattr(os, "write", full)
    now = 2.0
    with pytest.raises(UsageError) as caught:
        file.add(1, 0.1, [1], frame(person(300)))
    monkeypatch.undo()
    assert str(caught.value) == (
        f"{path}: cannot be written (No space left on device); frames kept: 1; make "
        "room, or give another name"
    )
    file.close()
    assert read_clip(path).keypoints.shape == (1, 17, 3)


def test_names_that_are_not_taken(tmp_path):
    for name in ("keypoints.json", "keypoints"):
        with pytest.raises(UsageError) as caught:
            KeypointsWriter(tmp_path / name, SIZE)
        assert str(caught.value) == (
            f"{tmp_path / name}: keypoints are written as .csv; end the name in .csv"
        )
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError) as caught:
        check_keypoints_path(tmp_path / "folder.csv")
    assert str(caught.value) == (
        f"{tmp_path / 'folder.csv'}: expected the name of a file, this is a folder"
    )


def test_the_disk_has_it_when_the_power_fails(tmp_path, monkeypatch):
    """What was written is asked of the disk itself once a second; devices cannot be asked."""
    path, now, sizes, sync = tmp_path / "a.csv", 0.0, [], os.fsync

    def noted(file):
        sync(file)
        sizes.append(os.fstat(file).st_size)

    monkeypatch.setattr(os, "fsync", noted)
    with KeypointsWriter(path, SIZE, clock=lambda: now) as file:
        for number in range(4):
            now = number / 2
            file.add(number, now, [1], frame(person(300)))
    assert len(sizes) == 3  # the header, after a second, and the end
    assert sizes[-1] == path.stat().st_size
    (tmp_path / "null.csv").symlink_to(os.devnull)
    with KeypointsWriter(tmp_path / "null.csv", SIZE) as file:
        file.add(0, 0.0, [], [])
    assert len(sizes) == 3


def test_nothing_is_added_to_a_closed_file(tmp_path):
    path = tmp_path / "a.csv"
    with KeypointsWriter(path, SIZE) as file:
        file.add(0, 0.0, [], [])
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        file.add(1, 9.0, [], [])
    assert str(caught.value) == f"{path}: is closed; nothing can be added to it"
    assert path.read_bytes() == before


def test_other_shapes(tmp_path):
    with KeypointsWriter(tmp_path / "a.csv", SIZE) as file:
        with pytest.raises(InputError) as caught:
            file.add(0, 0.0, [1, 2], np.zeros((1, 17, 3)))
        assert str(caught.value) == ("keypoints: expected (2, 17, 3) for 2 ids, got (1, 17, 3)")


def test_nobody_in_any_frame(tmp_path):
    path = tmp_path / "a.csv"
    with KeypointsWriter(path, SIZE) as file:
        file.add(0, 0.0, [], [])
    assert refusal(path) == f"{path}: nobody is found in any frame; there is nothing to read"
