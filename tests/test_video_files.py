"""Videos in files: what comes out, when it is shown, which way up."""

import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_videos import SIZE, number_of, save_empty, save_sound, save_video

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.video import is_source, open_source
from h2ot_edge.video.upright import Turn, turn_from_matrix

REAL = Path(__file__).parents[2] / "shared" / "data" / "real"
IRREGULAR = [0, 0.04, 0.1, 0.11, 0.3, 0.5, 0.52, 1, 1.3, 1.31]
os.environ.setdefault("SVT_LOG", "0")  # an encoder that talks


def shown(source):
    """Number, time and picture of each frame."""
    return [(frame.number, round(frame.timestamp, 6), number_of(frame.image)) for frame in source]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.h264", "libx264", "yuv420p"),  # says of no frame when it is shown
        ("a.mov", "libx264", "yuv444p"),
        ("hevc.mp4", "libx265", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("av1.mp4", "libsvtav1", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("raw.avi", "rawvideo", "bgr24"),
        ("ten_bits.mkv", "ffv1", "yuv420p10le"),
    ],
)
def test_every_frame_of_every_kind_of_file(tmp_path, name, codec, pixels):
    path = save_video(tmp_path / name, codec=codec, pixels=pixels)
    expected = [(number, round(number / 25, 6), number) for number in range(20)]
    with open_source(path) as source:
        assert (source.name, source.size, source.fps) == (str(path), SIZE, 25)
        assert source.frames == (None if name == "a.h264" else 20)
        assert not source.live
        assert shown(source) == expected
        assert shown(source) == expected  # once more
    with open_source(path, start_s=0.4, stop_s=0.6) as source:
        assert source.frames == (None if name == "a.h264" else 5)
        assert shown(source) == expected[10:15]


def test_gifs_too(tmp_path):
    path = save_video(tmp_path / "a.gif", codec="gif", pixels="rgb8")
    frames = list(open_source(path))
    assert [frame.timestamp for frame in frames] == [number / 25 for number in range(20)]
    assert [frame.number for frame in open_source(path, start_s=0.6)] == list(range(15, 20))


def test_images_are_bgr_contiguous_and_the_callers_own(tmp_path):
    for name, codec, pixels in (
        ("a.mp4", "libx264", "yuv420p"),
        ("a.avi", "rawvideo", "bgr24"),
    ):
        path = save_video(tmp_path / name, codec=codec, pixels=pixels, size=(66, 50))
        images = []
        for frame in open_source(path):
            images.append(frame.image.copy())
            frame.image[:] = 0  # what is done to one must not be seen in the next
        assert all(image.shape == (50, 66, 3) and image.dtype == np.uint8 for image in images)
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.writeable
        assert [number_of(image) for image in images] == list(range(20))
        np.testing.assert_allclose(images[7][3, 3], [0, 0, 255], atol=8)
        np.testing.assert_allclose(images[7][3, -3], [255, 0, 0], atol=8)


def test_colours_are_those_of_opencv(tmp_path):
    path = save_video(tmp_path / "a.mp4")
    capture = cv2.VideoCapture(str(path))
    for frame in open_source(path):
        there, image = capture.read()
        assert there
        np.testing.assert_array_equal(frame.image, image)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("begin", [0, 5])
def test_rates_that_vary(tmp_path, name, begin):
    times = [begin + time for time in IRREGULAR]
    path = save_video(tmp_path / name, times=times)
    source = open_source(path)
    assert shown(source) == [(number, time, number) for number, time in enumerate(IRREGULAR)]
    if name == "a.mp4":
        assert source.fps == pytest.approx(8.77, abs=0.01)  # their mean


def test_from_and_to_cut_between_frames(tmp_path):
    path = save_video(tmp_path / "a.mp4", times=IRREGULAR)
    for start, stop in ((0, 0.1), (0.1, 0.5), (0.41, 1.1), (0.5, 1.3), (1.3, None)):
        expected = [
            (number, time, number)
            for number, time in enumerate(IRREGULAR)
            if start <= time < (stop or 9)
        ]
        assert shown(open_source(path, start_s=start, stop_s=stop)) == expected


def test_bounds_may_be_rounded(tmp_path):
    path = save_video(tmp_path / "a.mp4", fps=30)
    assert [frame.number for frame in open_source(path, start_s=0.333333, stop_s=0.4)] == [10, 11]


def test_nothing_in_that_time(tmp_path):
    path = save_video(tmp_path / "a.mp4")
    with pytest.raises(InputError) as caught:
        open_source(path, start_s=3)
    assert str(caught.value) == f"{path}: ends at 0.800 s; there is nothing from 3 s on"
    with pytest.raises(InputError) as caught:
        open_source(path, start_s=0.37, stop_s=0.38)
    assert str(caught.value) == f"{path}: no frame is shown from 0.37 to before 0.38 s"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_s": -1}, "from -1 s: expected seconds, 0 or more"),
        ({"start_s": float("nan")}, "from nan s: expected seconds, 0 or more"),
        ({"start_s": 3, "stop_s": 2}, "from 3 to 2 s: expected an end after the beginning"),
        ({"stop_s": 0}, "from 0 to 0 s: expected an end after the beginning"),
    ],
)
def test_times_that_cannot_be(tmp_path, options, message):
    with pytest.raises(UsageError) as caught:
        open_source(tmp_path / "a.mp4", **options)
    assert str(caught.value) == message


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_images_come_upright(tmp_path, rotation, mirrored):
    path = save_video(tmp_path / "a.mp4", frames=2, rotation=rotation, mirrored=mirrored)
    source = open_source(path)
    assert source.size == (SIZE if rotation % 180 == 0 else SIZE[::-1])
    image = next(iter(source)).image
    assert image.shape == (source.size[1], source.size[0], 3)
    assert image.flags.c_contiguous
    plain = next(iter(open_source(save_video(tmp_path / "b.mp4", frames=2)))).image
    expected = np.rot90(plain, rotation // 90)  # counterclockwise, as FFmpeg counts
    np.testing.assert_array_equal(image, expected[:, ::-1] if mirrored else expected)
    if not mirrored:  # which OpenCV does not look at
        np.testing.assert_array_equal(image, cv2.VideoCapture(str(path)).read()[1])


def test_turns_by_other_angles_are_not_done(tmp_path, caplog):
    path = save_video(tmp_path / "a.mp4", frames=2, rotation=45)
    source = open_source(path)
    assert source.size == SIZE
    assert caplog.messages == [
        f"{path}: the file asks to be turned by something else than quarters, which is not done"
    ]
    assert turn_from_matrix(np.zeros((3, 3))) is None
    assert turn_from_matrix(np.eye(3)) == Turn()


def test_pixels_come_square(tmp_path):
    path = save_video(tmp_path / "a.mp4", aspect="4/3")
    source = open_source(path)
    assert source.size == (85, 48)
    assert next(iter(source)).image.shape == (48, 85, 3)
    assert open_source(save_video(tmp_path / "b.mp4", aspect="199/200")).size == SIZE
    turned = save_video(tmp_path / "c.mp4", aspect="4/3", rotation=90)
    assert open_source(turned).size == (48, 85)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.mp4", None, "no such file"),
        ("empty.mp4", b"", "cannot be read as a video (Invalid data found when processing input)"),
        (
            "text.mp4",
            b"these are words\n" * 99,
            "cannot be read as a video (Invalid data found when processing input)",
        ),
    ],
)
def test_what_is_no_video(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
        message += "; if a player shows it, convert it to an .mp4 of H.264"
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert str(caught.value) == f"{path}: {message}"


def test_videos_without_pictures(tmp_path):
    for path, what in (
        (save_sound(tmp_path / "a.m4a"), "audio"),
        (save_empty(tmp_path / "a.mp4"), "nothing"),
    ):
        with pytest.raises(InputError) as caught:
            open_source(path)
        message = f"{path}: holds no moving pictures ({what}); give a video"
        assert str(caught.value) == message


def test_the_cover_of_a_song_is_no_video(tmp_path):
    cover = cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))[1].tobytes()
    picture = b"\0image/png\0\x03\0" + cover
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    path = save_sound(tmp_path / "a.mp3", codec="mp3")
    path.write_bytes(b"ID3\x03\0\0" + size + frame + path.read_bytes())
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert str(caught.value) == f"{path}: holds no moving pictures (audio); give a video"


def test_a_codec_that_nobody_knows(tmp_path):
    path = save_video(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_NOBODY/KNOWS/"))
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert str(caught.value) == (
        f"{path}: FFmpeg as PyAV brings it does not know how its pictures are coded; convert it to "
        "H.264"
    )


def test_a_name_may_have_a_colon_and_needs_no_end(tmp_path):
    path = save_video(tmp_path / "a.mp4")
    for name in ("http:b.mp4", "noend"):
        other = path.rename(tmp_path / name)
        assert is_source(other)
        assert len(list(open_source(other))) == 20
        path = other


def test_a_title_in_any_coding(tmp_path):
    path = save_video(tmp_path / "a.mp4", title="Übung")
    path.write_bytes(path.read_bytes().replace("Ü".encode(), b"\xdc "))
    assert open_source(path).size == SIZE


def test_closing_ends_it(tmp_path):
    path = save_video(tmp_path / "a.mp4")
    source = open_source(path)
    numbers = []
    for frame in source:
        numbers.append(frame.number)
        source.close()
    assert numbers == [0]
    with pytest.raises(InputError) as caught:
        iter(source)
    assert str(caught.value) == f"{path}: was closed; open it again"
    source = open_source(path)
    frames = iter(source)
    source.close()
    assert list(frames) == []


@pytest.mark.shared
@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("name", "size", "fps", "frames"),
    [
        ("sports2d_demo.mp4", (1768, 994), 30, 230),
        ("pose2sim_single_cam01.mp4", (1080, 1920), 60, 100),
    ],
)
def test_real_videos(name, size, fps, frames):
    source = open_source(REAL / name, start_s=1)
    assert (source.size, source.fps, source.frames) == (size, fps, frames - fps)
    found = list(open_source(REAL / name, start_s=1, stop_s=1.1))
    assert [frame.number for frame in found] == list(range(fps, fps + fps // 10))
    assert all(one.timestamp < other.timestamp for one, other in pairwise(found))
    capture = cv2.VideoCapture(str(REAL / name))
    for _ in range(fps + 1):
        image = capture.read()[1]
    np.testing.assert_array_equal(found[0].image, image)
