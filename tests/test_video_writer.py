"""Videos that are written: what plays, when, and what is refused."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_videos import SIZE, grey_of, made_image, number_of

from h2ot_edge.errors import InputError, MissingExtra, UsageError
from h2ot_edge.video import VideoWriter, check_video_path, open_source
from h2ot_edge.video.writer import movflags

IRREGULAR = [0, 0.04, 0.1, 0.11, 0.3, 0.5, 0.52, 1, 1.3, 1.31]


def write(path, count=60, size=SIZE, begin=0.0, **options):
    with VideoWriter(path, size, **{"fps": 25, **options}) as writer:
        for number in range(count):
            writer.write(made_image(number, size), begin + number / 25)
    return path


def pictures(path):
    return [number_of(frame.image) for frame in open_source(path)]


@pytest.mark.parametrize("version", [(62, 0, 0), (61, 19, 100)])
def test_every_image_at_its_time(tmp_path, monkeypatch, version):
    """With the muxer of FFmpeg 8, and as it is written with the one before."""
    monkeypatch.setattr("h2ot_edge.video.writer.movflags", lambda _: movflags(version))
    path = write(tmp_path / "new" / "a.MP4", begin=7.0)  # shown from 0 on all the same
    frames = list(open_source(path))
    assert [number_of(frame.image) for frame in frames] == [number % 25 for number in range(60)]
    assert [frame.timestamp for frame in frames] == [number / 25 for number in range(60)]
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    count = 0
    while capture.read()[0]:
        count += 1
    assert count == 60


def test_a_finished_file_is_an_ordinary_one(tmp_path):
    """Its index says how many images there are, so that one can go about in it."""
    import av

    with av.open(str(write(tmp_path / "a.mp4"))) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.frames, float(stream.duration * stream.time_base)) == (60, 2.4)
    assert [frame.number for frame in open_source(tmp_path / "a.mp4", start_s=2.2)] == [
        *range(55, 60)
    ]


def test_rates_that_vary_stay(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, SIZE, fps=None) as writer:
        for number, timestamp in enumerate(IRREGULAR):
            writer.write(made_image(number), timestamp)
    assert [round(frame.timestamp, 4) for frame in open_source(path)] == IRREGULAR


@pytest.mark.parametrize("fps", [0.001, 0.5, 29.97, 30000 / 1001, 240, 10_000])
def test_rates_from_films_of_hours_in_seconds_to_slow_motion(tmp_path, fps):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, SIZE, fps=fps) as writer:
        for number in range(4):
            writer.write(made_image(number), number / fps)
    source = open_source(path)
    assert source.fps == pytest.approx(fps, rel=1e-4)
    times = [frame.timestamp for frame in source]
    assert times == pytest.approx([number / fps for number in range(4)], abs=1e-5)


@pytest.mark.parametrize(("fps", "taken"), [(1e-5, 0.001), (1e6, 10_000)])
def test_rates_are_hints_and_no_reason_to_write_nothing(tmp_path, fps, taken):
    paths = [tmp_path / "hint.mp4", tmp_path / "taken.mp4"]
    for path, rate in zip(paths, (fps, taken), strict=True):
        write(path, 3, fps=rate)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_colours_come_back(tmp_path):
    for name, size in (("a.mp4", (64, 48)), ("hd.mp4", (1280, 720))):  # of which players differ
        frame = next(iter(open_source(write(tmp_path / name, 2, size, crf=5))))
        np.testing.assert_allclose(frame.image[3, 3], [0, 0, 255], atol=6)
        np.testing.assert_allclose(frame.image[3, -3], [255, 0, 0], atol=6)
        np.testing.assert_allclose(frame.image[-3, 3], 3 * [grey_of(0)], atol=3)


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (17, 16)])
def test_odd_sizes_grow_by_a_pixel(tmp_path, size):
    source = open_source(write(tmp_path / "a.mp4", 3, size))
    assert source.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    image = next(iter(source)).image
    np.testing.assert_allclose(image[-1], image[-2], atol=4)


@pytest.mark.parametrize("size", [(64, 48), (62, 50), (34, 18)])
def test_every_row_and_column_is_where_it_was(tmp_path, size):
    rows, columns = np.mgrid[: size[1], : size[0]]
    image = np.repeat((2 * columns + 2 * rows)[..., None], 3, axis=-1).astype(np.uint8)
    with VideoWriter(tmp_path / "a.mp4", size, fps=25, crf=0) as writer:
        writer.write(image, 0)
    np.testing.assert_allclose(next(iter(open_source(tmp_path / "a.mp4"))).image, image, atol=2)


def test_an_image_may_be_changed_once_it_is_written(tmp_path):
    image = made_image(0)
    with VideoWriter(tmp_path / "a.mp4", SIZE, fps=25) as writer:
        for number in range(10):
            image[:] = made_image(number)
            writer.write(image, number / 25)
        image[:] = 0
    assert pictures(tmp_path / "a.mp4") == list(range(10))


def test_without_an_image_there_is_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", SIZE, fps=25) as writer:
        pass
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_lost_with_the_first_image_and_not_before(tmp_path):
    path = write(tmp_path / "precious.mp4", 3)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), VideoWriter(path, SIZE, fps=25):
        raise ZeroDivisionError
    with VideoWriter(path, SIZE, fps=25) as writer:
        with pytest.raises(InputError):
            writer.write(made_image(9)[:40], 0)
        assert path.read_bytes() == before
    assert path.read_bytes() == before
    with VideoWriter(path, SIZE, fps=25) as writer:
        writer.write(made_image(9), 0)
        assert path.read_bytes() != before
    assert pictures(path) == [9]


def test_a_library_that_codes_no_h264(tmp_path, monkeypatch):
    """Asked before the work, of the real PyAV for a coder that it has not."""
    import av

    path = tmp_path / "a.mp4"
    monkeypatch.setattr("h2ot_edge.video.writer._CODEC", "libnone")
    for ask in (check_video_path, lambda path: VideoWriter(path, SIZE, fps=25)):
        with pytest.raises(MissingExtra) as caught:
            ask(path)
        assert str(caught.value) == (
            f"{path}: a video needs libnone, which this PyAV ({av.__version__}) has not; pip "
            "install --force-reinstall --only-binary av av brings one that has it"
        )
    assert not path.exists()


def test_images_that_do_not_fit(tmp_path):
    path = tmp_path / "a.mp4"
    good = made_image(0)
    with VideoWriter(path, SIZE, fps=25) as writer:
        writer.write(good, 5)
        for image, timestamp, message in (
            (good[:40], 6, "expected (48, 64, 3) uint8, got (40, 64, 3) uint8"),
            (good / 255, 6, "expected (48, 64, 3) uint8, got (48, 64, 3) float64"),
            (None, 6, "expected (48, 64, 3) uint8, got None None"),
            (good, float("nan"), "expected seconds, got nan"),
            (
                good,
                5,
                "its time, 5.000000 s, is not after that of the image before; leave out what comes "
                "late",
            ),
        ):
            with pytest.raises(InputError) as caught:
                writer.write(image, timestamp)
            assert str(caught.value) == f"{path}: image 1: {message}"
        writer.write(good[:, ::-1], 6)  # need not be contiguous
    with pytest.raises(InputError) as caught:
        writer.write(good, 7)
    assert str(caught.value) == f"{path}: is closed; nothing can be written to it"
    assert len(pictures(path)) == 2


@pytest.mark.parametrize(
    ("name", "size", "options", "message"),
    [
        ("a.avi", SIZE, {}, "a video is written as .mp4; end the name in .mp4"),
        ("folder.mp4", SIZE, {}, "expected the name of a file, this is a folder"),
        ("a.mp4", (0, 48), {}, "0x48: expected a width and height of 16 to 16384"),
        ("a.mp4", SIZE, {"fps": 0}, "0 frames a second: expected a number above 0"),
        ("a.mp4", SIZE, {"fps": float("nan")}, "nan frames a second: expected a number above 0"),
        ("a.mp4", SIZE, {"crf": 52}, "crf 52: expected 0 to 51"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, size, options, message):
    (tmp_path / "folder.mp4").mkdir()
    path = tmp_path / name
    with pytest.raises(UsageError) as caught:
        VideoWriter(path, size, **{"fps": 25, **options})
    assert str(caught.value) == f"{path}: {message}"
    assert not (tmp_path / "a.mp4").exists()


def test_names_are_checked_before_the_work(tmp_path):
    assert check_video_path(str(tmp_path / "a.mp4")) == tmp_path / "a.mp4"
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "a.mp4"
    with pytest.raises(UsageError) as caught:
        VideoWriter(path, SIZE, fps=25)
    assert str(caught.value) == (
        f"{path}: the folder {path.parent} cannot be made (File exists); give another name"
    )
    with pytest.raises(OSError, match="No such file or directory"):
        VideoWriter("/proc/a.mp4", SIZE, fps=25)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory as Linux tells it")
def test_memory_does_not_grow_with_the_length(tmp_path):
    path, size, frames = tmp_path / "a.mp4", (640, 360), 300
    image, used = made_image(3, size), []
    with VideoWriter(path, size, fps=30) as writer:
        for number in range(frames):
            writer.write(image, number / 30)
            used.append(resident())
    read = [resident() for _ in open_source(path)]
    assert len(read) == frames
    for trace in (used, read):
        assert trace[-1] - trace[50] < 0.2 * (frames - 50) * image.nbytes


def resident():
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
