"""`h2ot-infer` of films: what is asked wrongly, what ends it early, films that do not fit."""

import json
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from tiny_models import save_tiny

from h2ot_edge import cli, read_poses
from h2ot_edge.cli import infer_film

pytest.importorskip("av")
pytest.importorskip("cv2")

from test_cli_infer_film import DETECTOR, FPS, FRAMES, SIZE, told

from h2ot_edge.drawing import SideBySide
from h2ot_edge.keypoint_files import KeypointsWriter
from h2ot_edge.video import Frame, VideoWriter, open_source

MORE = """
from h2ot_edge.detectors import Detections

def never(image):
    raise AssertionError("was asked")

def nobody_and_broken(image):
    if number_of(image) == 9:
        raise RuntimeError("out of memory")

def nobody_and_interrupted(image):
    interrupted(image)

def named(image):
    points = np.array([person(who, number_of(image)) for who in range(2)])
    return Detections(layout="h36m", keypoints=points, scores=np.ones(2), people=("Ann, B", " C "))
"""


def write_film(path, size=SIZE, frames=FRAMES, times=None):
    with VideoWriter(path, size, fps=FPS) as out:
        for number in range(frames):
            image = np.full((size[1], size[0], 3), 10 * number, np.uint8)
            out.write(image, number / FPS if times is None else times[number])
    return str(path)


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mp4")


@pytest.fixture
def command(tmp_path, film):
    """The arguments, with a function of the detectors."""
    model = str(save_tiny(tmp_path / "tiny.onnx", bias=np.zeros((9, 1, 3), np.float32)))
    (tmp_path / "mine.py").write_text(DETECTOR + MORE)

    def make(function, *more, clip=film):
        chosen = [] if function is None else ["--detector", f"{tmp_path}/mine.py:{function}"]
        return [model, clip, *chosen, "-o", str(tmp_path / "poses.npz"), *more]

    return make


@pytest.fixture
def infer(command):
    return lambda *given, **more: cli.infer(command(*given, **more))


def child(command, limit=None):
    """Run it in a process of its own, in which no file may be larger than some bytes."""
    begin = "import resource, sys; from h2ot_edge.cli import infer; "
    if limit is not None:
        begin += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
    program = [sys.executable, "-c", begin + "sys.exit(infer())", *command]
    return subprocess.run(program, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-seconds", "nan"], "--min-seconds: expected 0 or more seconds, got nan"),
        (["--max-gap-s", "-1"], "max_gap_s: expected 0 or more seconds, got -1"),
        (["--on-missing", "guess"],
         "no on_missing 'guess' (known: hold, interpolate, nan, raise)"),
        (["--from", "-1"], "from -1 s: expected seconds, 0 or more"),
        (["--plot", "plot.jpg"], "plot.jpg: pictures are written as .png; end the name in .png"),
        (["--fps", "30"],
         "{film}: --fps: a video says itself when its frames are shown; leave it out"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_the_work(infer, film, capsys, options, message):
    assert infer("never", *options, "-q") == 2
    assert capsys.readouterr().err == f"h2ot-infer: error: {message.format(film=film)}\n"


def test_results_that_would_be_frames_of_the_film(infer, tmp_path, capsys):
    folder = tmp_path / "frames"
    folder.mkdir()
    sheet = folder / "sheet.png"
    assert infer("never", "--fps", "24", "--sheet", str(sheet), "-q", clip=str(folder)) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {sheet}: would be one of the files of the folder that is read; give "
        "another folder\n"
    )


def test_a_folder_in_which_nothing_can_be_written(infer, tmp_path, capsys):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("root writes everywhere")
    page = folder / "page.html"
    assert infer("never", "--html", str(page), "-q") == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {page}: nothing can be written in the folder {folder}; give another "
        "name\n"
    )


def test_an_error_and_what_there_is_are_one_document(infer, tmp_path, capsys):
    assert infer("broken", "--min-seconds", "0.1", "--json", "-q") == 2
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert err == f"h2ot-infer: error: {error['message']}\n"
    assert error["type"] == "InputError"
    assert error["report"]["outputs"] == [str(tmp_path / "poses.npz")]
    assert error["report"]["frames"] == 9


def test_what_ended_it_is_told_if_nobody_came_before(infer, tmp_path, capsys):
    assert infer("nobody_and_broken", "-q") == 2
    assert "raised RuntimeError: out of memory" in capsys.readouterr().err
    assert infer("nobody_and_interrupted", "-q") == 130
    assert capsys.readouterr().err == ""


def test_names_of_a_detector(infer, tmp_path, capsys):
    keypoints = tmp_path / "keypoints.csv"
    assert infer("named", "--keypoints", str(keypoints), "-q") == 0
    assert read_poses(tmp_path / "poses.npz").people == ("Ann, B", "C")
    assert infer(None, "--person", "all", "-q", clip=str(keypoints)) == 0
    assert read_poses(tmp_path / "poses.npz").people == ("Ann, B", "C")


def test_a_disk_that_is_full_when_the_keypoints_are_closed(command, tmp_path):
    keypoints = tmp_path / "keypoints.csv"
    # On a slow machine the first second is kept.
    ended = child(command("crowd", "--keypoints", str(keypoints), "--person", "1"), 99_000)
    assert ended.returncode == 2
    assert f"{keypoints}: cannot be written (File too large); " in ended.stderr
    assert read_poses(tmp_path / "poses.npz").shape == (FRAMES, 17, 3)


@pytest.mark.parametrize("option", ["plot", "plot-angles", "sheet", "html"])
def test_a_disk_that_is_full_names_the_result(command, tmp_path, option):
    if "plot" in option:
        pytest.importorskip("matplotlib")
    result = tmp_path / ("page.html" if option == "html" else "picture.png")
    ended = child(command("two", f"--{option}", str(result), "-q"), 48_000)
    message = f"h2ot-infer: error: [Errno 27] File too large: {str(result)!r}"
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (2, message)
    assert read_poses(tmp_path / "poses.npz").shape == (2, FRAMES, 17, 3)
    assert not result.exists()


def test_keypoints_of_a_part_lie_on_its_frames(infer, tmp_path, capsys):
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.1, FRAMES))
    film = write_film(tmp_path / "varying.mp4", times=times - times[0])
    table, first, again = (tmp_path / name for name in ("part.csv", "first.mp4", "again.mp4"))
    part = ["--from", "0.5", "--to", "1", "--min-seconds", "0", "--json", "-q", "--video"]
    assert infer("two", *part, str(first), "--keypoints", str(table), clip=film) == 0
    report, poses = told(capsys), read_poses(tmp_path / "poses.npz")
    for more in ([], ["--from", "0.5"]):
        options = ["--person", "all", "--film", film, "--min-seconds", "0", "--json", "-q", *more]
        assert infer(None, *options, "--video", str(again), clip=str(table)) == 0
        second, same = told(capsys), read_poses(tmp_path / "poses.npz")
        assert second["people"] == report["people"]
        assert second["frames_drawn"] == report["frames_drawn"] == len(poses.timestamps)
        np.testing.assert_array_equal(same.positions, poses.positions)
        np.testing.assert_array_equal(same.timestamps, poses.timestamps)
        with open_source(first) as one, open_source(again) as other:
            for a, b in zip(one, other, strict=True):
                assert (
                    abs(a.image[60:].astype(int) - b.image[60:]).mean() < 0.5
                )  # the rest has text
                assert a.timestamp == b.timestamp


def test_a_film_that_is_not_that_of_the_keypoints(infer, film, tmp_path, capsys):
    table, video = tmp_path / "keypoints.csv", str(tmp_path / "out.mp4")
    assert infer("two", "--keypoints", str(table), "-q") == 0
    capsys.readouterr()
    other = write_film(tmp_path / "other.mp4", (640, 240), 2)
    assert infer(None, "--film", other, "--video", video, "-q", clip=str(table)) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {table}: its keypoints are of images of 320x240, those of {other} are "
        "640x240; name the film that they are of\n"
    )
    short = write_film(tmp_path / "short.mp4", frames=5)
    assert infer(None, "--film", short, "--video", video, clip=str(table)) == 0
    assert (
        f"h2ot-infer: warning: {short}: 19 of 24 frames are not drawn (they are not in it)\n"
    ) in capsys.readouterr().err


def test_everybody_of_a_file_that_does_not_say_who_is_who(infer, tmp_path, capsys):
    clip = tmp_path / "clip.npz"
    np.savez(clip, keypoints=np.ones((4, 17, 3), np.float32))
    assert infer(None, "--person", "all", "-q", clip=str(clip)) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {clip}: --person all: does not say who is who; leave --person out, or "
        "tell people apart with --track\n"
    )


def test_shares_of_the_image_are_those_of_the_film(infer, film, tmp_path):
    landmarks = [[{"x": 0.2, "y": 0.03 * joint, "visibility": 1} for joint in range(33)]] * 5
    clip = tmp_path / "landmarks.json"
    clip.write_text(json.dumps(landmarks))
    assert infer(None, "--film", film, "-q", clip=str(clip)) == 0
    given = read_poses(tmp_path / "poses.npz")
    assert infer(None, "--image-size", "320", "240", "--fps", "24", "-q", clip=str(clip)) == 0
    np.testing.assert_array_equal(read_poses(tmp_path / "poses.npz").positions, given.positions)


def test_passwords_are_told_to_nobody(infer, capsys):
    assert infer("two", "--clip", "1", clip="rtsp://me:secret@127.0.0.1/cam") == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: --clip: says nothing of a film such as rtsp://***@127.0.0.1/cam; leave "
        "it out\n"
    )


def test_ctrl_c_while_drawing(infer, film, tmp_path, capsys, monkeypatch):
    draw, calls = SideBySide.draw, []

    def pressed(*given, **more):
        calls.append(given)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return draw(*given, **more)

    monkeypatch.setattr(SideBySide, "draw", pressed)
    video = tmp_path / "out.mp4"
    assert infer("two", "--video", str(video)) == 130
    out, err = capsys.readouterr()
    assert f"video   {video} (3 frames)\n" in out
    assert f"h2ot-infer: warning: {film}: 21 of 24 frames are not drawn (interrupted)\n" in err
    with open_source(video) as source:
        assert len(list(source)) == 3


def test_joints_in_another_order_are_told(infer, caplog):
    with caplog.at_level(logging.WARNING):
        assert infer("two") == 0
    assert "person 1: sides-disagree: " in caplog.text


def test_one_result_that_fails_does_not_stop_the_others(infer, tmp_path, capsys):
    uneven = np.cumsum([0.04, 0.04, 0.12] * (FRAMES // 3)).tolist()
    film = write_film(tmp_path / "uneven.mp4", times=uneven)
    results = {"html": "a.html", "angles": "a.csv"}
    options = [word for name, file in results.items() for word in (f"--{name}", tmp_path / file)]
    walk = tmp_path / "walk.bvh"
    given = map(str, ["-o", walk, *options, "--json", "-q"])
    assert infer("two", "--person", "1", *given, clip=film) == 2
    error = told(capsys)["error"]
    assert error["type"] == "InputError"
    assert error["message"].startswith("walk.bvh: expected frames at even times, ")
    report = error["report"]
    assert report["outputs"] == [str(tmp_path / "poses.npz")]
    assert not walk.exists()
    for name, file in results.items():
        assert report[name] == str(tmp_path / file)
        assert (tmp_path / file).exists()


class Camera:
    """Frames that cannot be had again; the first is number 100, 4 seconds after the beginning."""

    name, size, fps, frames, live = "camera:0", SIZE, FPS, None, True

    def __iter__(self):
        for number in range(FRAMES):
            image = np.full((SIZE[1], SIZE[0], 3), 10 * number, np.uint8)
            yield Frame(number=100 + number, timestamp=4 + number / FPS, image=image)

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_camera_is_drawn_from_a_copy_with_its_own_numbers(infer, tmp_path, capsys, monkeypatch):
    def opened(name, **options):
        return Camera() if name == "camera:0" else open_source(name, **options)

    drawn = []
    real = SideBySide.draw

    def draw(self, image, keypoints, poses, ids=(), caption="", **more):
        drawn.append((round(float(image[:40].mean()) / 10), caption))
        return real(self, image, keypoints, poses, ids, caption, **more)

    monkeypatch.setattr(infer_film, "open_source", opened)
    monkeypatch.setattr(SideBySide, "draw", draw)
    video = tmp_path / "out.mp4"
    assert infer("two", "--video", str(video), "--json", "-q", clip="camera:0") == 0
    people = told(capsys)["people"]
    assert [(who["first_frame"], who["last_frame"]) for who in people] == [(100, 123), (106, 123)]
    assert [number for number, _ in drawn] == list(range(FRAMES))
    assert drawn[6][1].startswith("frame 106   4.25 s   ")
    assert not list(tmp_path.glob(".*"))


def test_keypoints_of_every_second_frame_are_drawn_on_their_own(infer, film, tmp_path, monkeypatch):
    table = tmp_path / "half.csv"
    with KeypointsWriter(table, SIZE) as file:
        for number in range(2, FRAMES, 2):
            file.add(number, number / FPS, [1], np.full((1, 17, 3), 50 + number, np.float32))
    drawn = []
    real = SideBySide.draw

    def draw(self, image, keypoints, poses, ids=(), caption="", **more):
        drawn.append((round(float(image[:40].mean()) / 10), float(keypoints[0, 0, 0]) - 50))
        return real(self, image, keypoints, poses, ids, caption, **more)

    monkeypatch.setattr(SideBySide, "draw", draw)
    options = ["--film", film, "--video", str(tmp_path / "out.mp4"), "-q"]
    assert infer(None, *options, clip=str(table)) == 0
    assert drawn == [(number, number) for number in range(2, FRAMES, 2)]
    assert read_poses(tmp_path / "poses.npz").fps == pytest.approx(FPS / 2)


def test_keypoints_of_another_rate_than_the_films(infer, film, tmp_path, capsys):
    clip = tmp_path / "clip.npz"
    np.savez(clip, keypoints=np.full((9, 17, 3), 50.0), image_size=SIZE, fps=15)
    options = ["--film", film, "--video", str(tmp_path / "out.mp4"), "-q"]
    assert infer(None, *options, clip=str(clip)) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {clip}: its keypoints come 15 times a second, the frames of "
        f"{film} 24 times; name the film that they are of\n"
    )
