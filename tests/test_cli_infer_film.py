"""`h2ot-infer` of films: detectors, people, pictures, and what ends it early."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_models import save_tiny

from h2ot_edge import cli, read_clips, read_poses

pytest.importorskip("av")
pytest.importorskip("cv2")

from h2ot_edge.detectors import explained
from h2ot_edge.video import VideoWriter, open_source

SIZE, FRAMES, FPS = (320, 240), 24, 24.0

DETECTOR = """
import numpy as np

def number_of(image):
    return round(float(image[:40].mean()) / 10)

def person(who, number):
    rng = np.random.default_rng(who)
    body = np.column_stack([rng.uniform(0, 50, 17), np.linspace(60, 200, 17), np.full(17, 0.8)])
    body[:, 0] += 20 + 110 * who + number
    return body.astype(np.float32)

def two(image):
    number = number_of(image)
    there = [0] if number < 6 else [0, 1]
    return np.array([person(who, number) for who in there]), "h36m"

def nobody(image):
    return np.zeros((0, 17, 3), np.float32), "h36m"

def crowd(image):
    number = number_of(image)
    small = np.array([0.1, 0.2, 1], np.float32)
    corners = [(30 * (who % 10), 45 * (who // 10), 0) for who in range(50)]
    return np.array([person(0, number) * small + corner for corner in corners]), "h36m"

def brief(image):
    number = number_of(image)
    there = [0] if number < 3 else []
    return np.array([person(who, number) for who in there]).reshape(-1, 17, 3), "h36m"

def interrupted(image):
    import os, signal
    if number_of(image) == 9:
        os.kill(os.getpid(), signal.SIGINT)
    return two(image)

def broken(image):
    if number_of(image) == 9:
        raise RuntimeError("out of memory")
    return two(image)
"""


@pytest.fixture
def film(tmp_path):
    """Each frame has the brightness of ten times its number."""
    path = tmp_path / "film.mp4"
    with VideoWriter(path, SIZE, fps=FPS) as out:
        for number in range(FRAMES):
            out.write(np.full((SIZE[1], SIZE[0], 3), 10 * number, np.uint8), number / FPS)
    return str(path)


@pytest.fixture
def infer(tmp_path, film):
    """Runs the command on the film with a function of the detectors above."""
    model = str(save_tiny(tmp_path / "tiny.onnx", bias=np.zeros((9, 1, 3), np.float32)))
    (tmp_path / "mine.py").write_text(DETECTOR)

    def run(function, *more, clip=film):
        chosen = [] if function is None else ["--detector", f"{tmp_path}/mine.py:{function}"]
        return cli.infer([model, clip, *chosen, "-o", str(tmp_path / "poses.npz"), *more])

    return run


def told(capsys):
    return json.loads(capsys.readouterr().out)


def test_everybody_in_a_film_is_lifted(infer, tmp_path, capsys):
    assert infer("two", "-q") == 0
    poses = read_poses(tmp_path / "poses.npz")
    assert poses.shape == (2, FRAMES, 17, 3)
    assert poses.people == ("1", "2")
    np.testing.assert_allclose(poses.timestamps, np.arange(FRAMES) / FPS)
    assert poses.fps == pytest.approx(FPS)
    here = np.isfinite(poses.positions).all(axis=(2, 3))
    np.testing.assert_array_equal(here[0], True)
    np.testing.assert_array_equal(here[1], np.arange(FRAMES) >= 6)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"poses   {tmp_path}/poses.npz ({FRAMES} frames, 17 joints)"
    assert lines[1] == "people  2, by name and frames: 1 (0-23), 2 (6-23)"
    names = [line.split()[0] for line in lines]
    assert names == ["poses", "people", "gaps", "model", "time", "stages", "unit", "frame"]
    stages = lines[5].split(None, 1)[1]
    assert [word.split()[0] for word in stages.split(", ")][:4] == [
        *("decode", "detect", "track", "lift"),
    ]


def test_one_of_them(infer, tmp_path, capsys):
    assert infer("two", "--person", "2", "-q") == 0
    poses = read_poses(tmp_path / "poses.npz")
    assert (poses.shape, poses.people) == ((FRAMES, 17, 3), ("2",))
    capsys.readouterr()
    assert infer("two", "--person", "7", "-q") == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {tmp_path}/film.mp4: expected one of the people 1, 2, got --person 7\n"
    )


def test_keypoints_are_written_as_it_goes_and_give_the_same_poses(infer, tmp_path, capsys):
    table = tmp_path / "new" / "keypoints.csv"
    assert infer("two", "--keypoints", str(table), "-q") == 0
    first = read_poses(tmp_path / "poses.npz")
    assert [clip.person for clip in read_clips(table, allow_missing=True)] == ["1", "2"]
    assert infer(None, "--person", "all", "-q", clip=str(table)) == 0
    again = read_poses(tmp_path / "poses.npz")
    np.testing.assert_allclose(again.positions, first.positions, atol=1e-4)
    np.testing.assert_array_equal(again.valid, first.valid)
    assert again.people == first.people


def test_a_part_of_the_film(infer, tmp_path, capsys):
    assert infer("two", "--from", "0.5", "--to", "0.75", "--json", "-q") == 0
    report = told(capsys)
    assert report["frames"] == 6
    assert [file["first_frame"] for file in report["files"]] == [12]
    assert report["people"] == [
        {"name": "1", "first_frame": 12, "last_frame": 17, "frames_seen": 6},
        {"name": "2", "first_frame": 12, "last_frame": 17, "frames_seen": 6},
    ]
    assert infer("two", "--from", "2", "--to", "1", "-q") == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: from 2 to 1 s: expected an end after the beginning\n"
    )


def test_pictures(infer, film, tmp_path, capsys):
    video, sheet = tmp_path / "v" / "out.mp4", tmp_path / "s" / "sheet.png"
    assert infer("two", "--video", str(video), "--sheet", str(sheet), "--json", "-q") == 0
    report = told(capsys)
    assert (report["video"], report["sheet"]) == (str(video), str(sheet))
    assert report["frames_drawn"] == FRAMES
    assert list(report["stages_ms"]) == [
        "decode",
        "detect",
        "track",
        "lift",
        "draw",
        "write",
        "sheet",
    ]
    with open_source(video) as source:
        frames = list(source)
    np.testing.assert_allclose([f.timestamp for f in frames], np.arange(FRAMES) / FPS, atol=1e-3)
    assert source.size[0] >= 2 * SIZE[0]
    assert sheet.read_bytes()[:4] == b"\x89PNG"


def test_keypoints_of_a_film(infer, film, tmp_path, capsys):
    table, video = tmp_path / "keypoints.csv", tmp_path / "out.mp4"
    assert infer("two", "--keypoints", str(table), "-q") == 0
    capsys.readouterr()
    assert infer(None, "--film", film, "--video", str(video), "--json", "-q", clip=str(table)) == 0
    assert told(capsys)["frames_drawn"] == FRAMES
    assert infer(None, "--video", str(video), "-q", clip=str(table)) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {table}: a file of keypoints has no pictures for --video and --sheet; "
        "name the film that they are of, --film VIDEO\n"
    )


def test_ctrl_c_keeps_what_is_done(infer, tmp_path, capsys):
    assert infer("interrupted", "--min-seconds", "0.1") == 130
    assert read_poses(tmp_path / "poses.npz").shape == (2, 10, 17, 3)
    assert (
        f"h2ot-infer: warning: {tmp_path}/film.mp4: ended after 10 frames (interrupted); what was "
        "found until then is lifted and written\n"
    ) in capsys.readouterr().err


def test_a_detector_that_fails_keeps_what_is_done(infer, tmp_path, capsys):
    table = tmp_path / "keypoints.csv"
    assert infer("broken", "--min-seconds", "0.1", "--keypoints", str(table), "-q") == 2
    assert read_poses(tmp_path / "poses.npz").shape == (2, 9, 17, 3)
    assert len(read_clips(table, allow_missing=True)) == 2
    line = 1 + DETECTOR.splitlines().index('        raise RuntimeError("out of memory")')
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {tmp_path}/mine.py:broken: raised RuntimeError: out of memory "
        f"(mine.py, line {line}); repair it\n"
    )


def test_nobody_is_in_view(infer, tmp_path, capsys):
    assert infer("nobody", "--keypoints", str(tmp_path / "keypoints.csv"), "-q") == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {tmp_path}/film.mp4: nobody is in view in any of its {FRAMES} frames; "
        "see what the detector wrote, or name somebody else with --person\n"
    )
    assert (tmp_path / "keypoints.csv").exists()


def test_who_is_there_briefly_is_left_out(infer, tmp_path, capsys):
    assert infer("brief", "-q") == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {tmp_path}/film.mp4: nobody of the 1 who are in view is there for "
        "0.5 s; give a smaller --min-seconds\n"
    )
    assert infer("brief", "--min-seconds", "0.1", "--json", "-q") == 0
    assert told(capsys)["people"][0]["frames_seen"] == 3


def test_fifty_people(infer, tmp_path, capsys):
    video = tmp_path / "out.mp4"
    assert infer("crowd", "--to", "0.3", "--min-seconds", "0", "--video", str(video), "-q") == 0
    assert len(read_poses(tmp_path / "poses.npz")) == 50
    assert "people  50, by name and frames: 1 (0-7), 2 (0-7)" in capsys.readouterr().out


def test_a_full_disk_keeps_the_poses(infer, tmp_path, capsys):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    video = tmp_path / "out.mp4"
    video.symlink_to("/dev/full")
    assert infer("two", "--video", str(video), "-q") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert read_poses(tmp_path / "poses.npz").shape == (2, FRAMES, 17, 3)


def test_a_film_needs_a_detector(infer, film, capsys):
    assert infer(None, "-q") == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {film}: a film has no keypoints; name who finds people in it with "
        f"--detector: {explained()}\n"
    )


@pytest.mark.parametrize(
    ("film_given", "options", "message"),
    [
        (True, ["--layout", "coco17"], "--layout: says nothing of a film such as {clip}"),
        (True, ["--clip", "0"], "--clip: says nothing of a film such as {clip}"),
        (False, ["--people", "2"], "--people: says nothing of a file of keypoints such as {clip}"),
        (False, ["--detector", "rtmlib"],
         "--detector: says nothing of a file of keypoints such as {clip}"),
    ],
)  # fmt: skip
def test_options_that_say_nothing(infer, film, tmp_path, capsys, film_given, options, message):
    clip = film if film_given else str(tmp_path / "clip.npz")
    assert infer(None, *options, "-q", clip=clip) == 2
    expected = f"h2ot-infer: error: {message.format(clip=clip)}; leave it out\n"
    assert capsys.readouterr().err == expected


def test_one_file_a_person_where_a_format_holds_one(infer, tmp_path, capsys):
    assert infer("two", "-o", str(tmp_path / "walk.trc"), "--json", "-q") == 0
    outputs = [os.fspath(tmp_path / name) for name in ("poses.npz", "walk.1.trc", "walk.2.trc")]
    assert told(capsys)["outputs"] == outputs
    assert all(Path(output).exists() for output in outputs)


def test_keypoints_need_neither_opencv_nor_pyav(infer, tmp_path, capsys, monkeypatch):
    table = tmp_path / "keypoints.csv"
    assert infer("two", "--keypoints", str(table), "-q") == 0
    for library in ("cv2", "av"):
        monkeypatch.setitem(sys.modules, library, None)
    assert infer(None, "-q", clip=str(table)) == 0
    capsys.readouterr()
    assert infer("two", "-q") == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: av cannot be imported (import of av halted; None in sys.modules); "
        "pip install 'h2ot-edge[video]'\n"
    )
    assert infer(None, "--sheet", "s.png", "--film", "f.mp4", "-q", clip=str(table)) == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: cv2 cannot be imported (import of cv2 halted; None in sys.modules); "
        "pip install 'h2ot-edge[video]'\n"
    )


def test_the_film_is_not_written_over(infer, film, capsys):
    before = Path(film).read_bytes()
    assert infer("two", "--video", film, "-q") == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {film}: is what is read; give the result another name\n"
    )
    assert Path(film).read_bytes() == before
