"""What is left of a video when the disk is full or the process is stopped."""

import multiprocessing
import os
import resource
import signal
import sys

import numpy as np
import pytest
from made_videos import SIZE, made_image, number_of

from h2ot_edge.video import VideoWriter, open_source


def pictures(path):
    return [number_of(frame.image) for frame in open_source(path)]


def _limited(paths, told):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    images = [
        np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8) for seed in (0, 1)
    ]
    for limit, path in paths.items():
        if limit == "all":
            limit = 10**9
        elif limit == "but the index":
            limit = paths["all"].stat().st_size - 100
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            with VideoWriter(path, SIZE, fps=10) as writer:
                for number in range(40):
                    writer.write(images[number % 2], number / 10)
        except OSError as error:
            told.put(str(error))
        else:
            told.put("")


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_disk_that_is_full_leaves_what_was_written(tmp_path):
    """At the beginning, in the middle, and when all images are there and the index comes."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    paths = {limit: tmp_path / f"{limit}.mp4" for limit in (0, 100, 60_000, "all", "but the index")}
    process = context.Process(target=_limited, args=(paths, told))
    process.start()
    messages = [told.get(timeout=60) for _ in paths]
    process.join(60)
    assert process.exitcode == 0
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


def _endless(path, begun):
    with VideoWriter(path, SIZE, fps=25) as writer:
        for number in range(10**6):
            writer.write(made_image(number), number / 25)
            if number == 200:
                begun.set()


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_stopped_leaves_what_was_written(tmp_path, kind):
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=_endless, args=(tmp_path / "a.mp4", begun))
    process.start()
    assert begun.wait(60)
    os.kill(process.pid, kind)
    process.join(60)
    frames = pictures(tmp_path / "a.mp4")
    assert len(frames) > 170  # a second is 25
    assert frames[:170] == [number % 25 for number in range(170)]
