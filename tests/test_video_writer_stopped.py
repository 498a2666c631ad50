"""What is left of a video when the disk is full or the process is stopped."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_videos import SIZE, made_image, number_of

from h2ot_edge.video import VideoWriter, open_source


def pictures(path):
    return [number_of(frame.image) for frame in open_source(path)]


def child(call):
    """A process that calls a function of this file, whose arguments are literals."""
    here = Path(__file__)
    code = f"import sys; sys.path.insert(0, {str(here.parent)!r}); import {here.stem} as own; "
    return subprocess.Popen(
        [sys.executable, "-c", f"{code}own.{call}"], stdout=subprocess.PIPE, text=True
    )


def write_with_limits(folder):
    """Films in files that may not be larger than their names; prints the errors."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    images = [
        np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8) for seed in (0, 1)
    ]
    told = []
    for path in paths_of(folder).values():
        limits = {"all": 10**9, "but the index": _size_of(paths_of(folder)["all"]) - 100}
        limit = limits.get(path.stem) or int(path.stem)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        told.append(_error_of_writing(path, images))
    print(json.dumps(told))


def _size_of(path):
    return path.stat().st_size if path.exists() else 0


def _error_of_writing(path, images):
    try:
        with VideoWriter(path, SIZE, fps=10) as writer:
            for number in range(40):
                writer.write(images[number % 2], number / 10)
    except OSError as error:
        return str(error)
    return ""


def paths_of(folder):
    names = (0, 100, 60_000, "all", "but the index")
    return {name: Path(folder) / f"{name}.mp4" for name in names}


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_disk_that_is_full_leaves_what_was_written(tmp_path):
    """At the beginning, in the middle, and when all images are there and the index comes."""
    paths = paths_of(tmp_path)
    with child(f"write_with_limits({str(tmp_path)!r})") as process:
        messages = json.loads(process.communicate(timeout=60)[0])
    full = "[Errno 27] File too large; "
    nothing = [f"{full}nothing of it plays: '{paths[limit]}'" for limit in (0, 100)]
    kept = {limit: len(pictures(paths[limit])) for limit in (60_000, "all", "but the index")}
    assert 15 < kept[60_000] < 35
    assert kept["all"] == kept["but the index"] == 40
    assert messages == [
        *nothing,
        f"{full}its first {kept[60_000]} frames, {kept[60_000] / 10:.1f} s, are there and play: "
        f"'{paths[60_000]}'",
        "",
        f"{full}its first 40 frames, 4.0 s, are there and play: '{paths['but the index']}'",
    ]


def write_without_end(path):
    """Prints a line when some seconds are written."""
    with VideoWriter(path, SIZE, fps=25) as writer:
        for number in range(10**6):
            writer.write(made_image(number), number / 25)
            if number == 200:
                print("begun", flush=True)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_stopped_leaves_what_was_written(tmp_path, kind):
    path = tmp_path / "a.mp4"
    with child(f"write_without_end({str(path)!r})") as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(kind)
        process.wait(60)
    frames = pictures(path)
    assert len(frames) > 170  # a second is 25
    assert frames[:170] == [number % 25 for number in range(170)]
