"""h2ot-live as it is used: sources, ends, summaries, what is written."""

import json
import logging
import signal
import subprocess
import sys
import threading
import urllib.request
import webbrowser

import numpy as np
import pytest
from live_scenes import person
from tiny_models import save_tiny, tiny_card

from h2ot_edge.cli import live, live_
from h2ot_edge.detectors import explained
from h2ot_edge.pose_files import read_poses, write_people

cv2 = pytest.importorskip("cv2")

FRAMES = 40
TRAINED = {"source": "checkpoint"}

DETECTOR = """
import numpy as np
PEOPLE = np.array({people})
calls = 0
def walk(image):
    global calls
    calls += 1
    return PEOPLE + (calls % 7, 0, 0), "h36m"
def nobody(image):
    return None
def fails(image):
    global calls
    calls += 1
    if calls > 20:
        raise ValueError("out of coffee")
    return PEOPLE, "h36m"
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A model, a folder of images and a file of detectors."""
    folder = tmp_path_factory.mktemp("live")
    save_tiny(folder / "tiny.onnx", tiny_card(weights=TRAINED))
    (folder / "film").mkdir()
    for number in range(FRAMES):
        image = np.full((120, 160, 3), number, np.uint8)
        cv2.imwrite(str(folder / "film" / f"{number:03}.png"), image)
    (folder / "mine.py").write_text(DETECTOR.format(people=person()[None].tolist()))
    return folder


def arguments(given, *more, detector="walk", film=True):
    source = [str(given / "film"), "--fps", "200"] if film else []
    named = ["--detector", f"{given / 'mine.py'}:{detector}"] if detector else []
    return [str(given / "tiny.onnx"), *source, *named, "--threads", "1", *more]


def test_a_film_is_lifted_and_written(given, tmp_path, capsys):
    asked = ("--show", "none", "--no-drop", "--json", "--lookahead", "1", "--hop", "2")
    out = tmp_path / "new" / "poses.npz"
    assert live(arguments(given, *asked, "-o", str(out), "-o", str(out.with_suffix(".csv")))) == 0
    report = json.loads(capsys.readouterr().out)
    counts = {name: report[name] for name in ("frames", "dropped", "lifted", "shown", "people")}
    assert counts == {"frames": 40, "dropped": 0, "lifted": 38, "shown": 38, "people": ["1"]}
    assert list(report["stages_ms"]) == ["decode", "detect", "track", "lift"]
    assert report["delay_ms"]["p99"] >= report["delay_ms"]["p50"] >= 10  # two frames
    assert report["outputs"] == [str(out), str(out.with_suffix(".csv"))]
    poses = read_poses(out)
    assert (poses.shape, poses.valid.all()) == ((38, 17, 3), True)
    np.testing.assert_allclose(poses.timestamps, np.arange(38) / 200, atol=1e-9)


def test_the_summary_is_for_people(given, capsys):
    assert live(arguments(given, "--show", "none", "--no-drop")) == 0
    rows = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in rows] == [
        *("source", "frames", "people", "delay", "stages", "model", "detector")
    ]
    told = dict(rows)
    assert told["source"] == f"{given / 'film'}, 160 x 120"
    assert told["frames"] == "40 read, 0 dropped, 33 lifted, 33 shown"
    assert told["people"] == "1"
    assert told["delay"].endswith(", with lookahead 4 and hop 4")
    assert told["model"] == "tiny linear, onnxruntime on cpu"


@pytest.fixture
def opened(monkeypatch):
    """What --open is given; a thread then looks at the picture, as a browser does."""
    urls, sizes, threads = [], [], []

    def look(url):
        with urllib.request.urlopen(f"{url}picture", timeout=30) as stream:
            sizes.append(len(stream.read()))

    def open_page(url):
        urls.append(url)
        threads.append(threading.Thread(target=look, args=(url,)))
        threads[-1].start()
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    yield urls, sizes
    for thread in threads:
        thread.join()
    assert all(size > 1000 for size in sizes)


def test_a_film_begins_when_its_page_is_opened(given, opened, capsys):
    assert live(arguments(given, "--port", "0", "--open", "--no-drop", "--json")) == 0
    out, err = capsys.readouterr()
    assert err == (
        f"h2ot-live: {opened[0][0]} is the page, Ctrl-C ends it; the film begins when the page is "
        "opened\n"
    )
    report = json.loads(out)
    assert (report["frames"], report["shown"]) == (40, 33)
    stages = ["decode", "detect", "track", "lift", "draw", "encode"]
    assert sorted(report["stages_ms"]) == sorted(stages)


def test_another_host_is_warned_of(given, opened, caplog):
    assert live(arguments(given, "--port", "0", "--open", "--host", "0.0.0.0")) == 0
    warned = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warned[0] == (
        "--host 0.0.0.0: whoever can reach this machine over the network sees the picture of "
        f"{given / 'film'}; there is no password"
    )


def test_no_browser_to_open(given, monkeypatch, caplog):
    def refuse(url):
        threading.Thread(target=urllib.request.urlopen, args=(f"{url}picture",)).start()
        urls.append(url)
        return False

    urls = []
    monkeypatch.setattr(webbrowser, "open", refuse)
    assert live(arguments(given, "--port", "0", "--open")) == 0
    assert f"no browser could be opened; open {urls[0]} in one" in caplog.messages


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(given, tmp_path, number):
    out = tmp_path / "poses.npz"
    slow = arguments(given, "--port", "0", "--no-drop", "-o", str(out))
    slow[slow.index("200")] = "5"  # eight seconds long
    program = "import sys; from h2ot_edge.cli import live; sys.exit(live(sys.argv[1:]))"
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            program,
            *slow,
            "--max-gap-s",
            "5",
            "--lookahead",
            "0",
            "--hop",
            "1",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stderr.readline().split()[1]
        with urllib.request.urlopen(f"{url}picture", timeout=30) as stream:
            assert len(stream.read(200)) == 200  # so something was shown
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert "read, 0 dropped" in stdout
    assert 1 <= len(read_poses(out)) < FRAMES


def test_what_was_lifted_before_an_error_is_written(given, tmp_path, capsys):
    out = tmp_path / "poses.npz"
    asked = ("--show", "none", "--no-drop", "--lookahead", "0", "--hop", "1", "-o", str(out))
    assert live(arguments(given, *asked, detector="fails")) == 2
    told = capsys.readouterr()
    assert "poses     " in told.out
    assert "out of coffee" in told.err
    assert len(read_poses(out)) == 20
    assert live(arguments(given, *asked, "--json", detector="fails")) == 2
    told = json.loads(capsys.readouterr().out)  # one document
    assert told["error"]["type"] == "InputError"


def test_nobody_is_written(given, tmp_path, capsys, caplog):
    out = tmp_path / "poses.npz"
    assert live(arguments(given, "--show", "none", "-o", str(out), detector="nobody")) == 0
    assert f"{out}: not written, as nobody was lifted" in caplog.messages
    assert not out.exists()
    assert "people    none" in capsys.readouterr().out


def refused(capsys, *argv):
    assert live(argv) == 2
    return capsys.readouterr().err.removeprefix("h2ot-live: error: ").rstrip("\n")


def test_no_detector(given, capsys):
    assert refused(capsys, *arguments(given, detector=None)) == (
        f"{given / 'film'}: a film has no keypoints; name who finds people in it with --detector: "
        f"{explained()}"
    )


def test_no_such_way_to_show(given, capsys):
    assert refused(capsys, *arguments(given, "--show", "windo")) == (
        "no way to show 'windo'; did you mean 'window'? (known: browser, window, none)"
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--quality", "0"), "quality: expected 1 to 100, got 0"),
        (("--side", "8"), "side: expected at least 16 pixels, got 8"),
        (("--port", "70000"), "port: expected 0 to 65535, got 70000"),
        (("--hop", "0"), "hop: expected 1 to 9 frames, got 0; 1 runs the network with every frame"),
    ],
)
def test_numbers_out_of_range(given, capsys, option, message):
    assert refused(capsys, *arguments(given, *option)) == message


def test_a_seq2frame_model_has_no_choice(given, tmp_path, capsys):
    model = save_tiny(tmp_path / "centre.onnx", tiny_card(mode="seq2frame", weights=TRAINED))
    asked = arguments(given, "--show", "none", "--no-drop", "--json")[1:]
    assert live([str(model), *asked]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["lookahead"], report["hop"], report["lifted"]) == (4, 1, 36)


def test_one_result_that_fails_does_not_cost_the_others(given, tmp_path, capsys, monkeypatch):
    bad, good = tmp_path / "bad.npz", tmp_path / "good.npz"

    def write(path, *more):
        if path == bad:
            raise OSError(28, "No space left on device", str(bad))
        return write_people(path, *more)

    monkeypatch.setattr(live_, "write_people", write)
    asked = ("--show", "none", "--no-drop", "--lookahead", "1", "--hop", "2")
    assert live(arguments(given, *asked, "-o", str(bad), "-o", str(good), "-q")) == 2
    assert capsys.readouterr().err == (
        f"h2ot-live: error: [Errno 28] No space left on device: '{bad}'\n"
    )
    assert read_poses(good).shape == (38, 17, 3)


def test_a_host_that_cannot_be(given, capsys):
    assert refused(capsys, *arguments(given, "--host", "..")).startswith(
        "the page cannot be served at .. port 8017 ("
    )
