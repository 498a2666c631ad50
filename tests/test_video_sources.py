"""What counts as a source; folders of images and cameras."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_videos import SIZE, made_image, number_of, save_video

from h2ot_edge.errors import DeviceError, DeviceUnavailable, InputError, MissingExtra, UsageError
from h2ot_edge.video import is_source, open_source
from h2ot_edge.video.camera import Camera
from h2ot_edge.video.opencv import require_cv2
from h2ot_edge.video.span import Span


@pytest.fixture
def folder(tmp_path):
    """Twelve images, whose names sort as numbers only; and what a system leaves behind."""
    path = tmp_path / "images"
    path.mkdir()
    for number in range(12):
        cv2.imwrite(str(path / f"walk{number}.png"), made_image(number))
    (path / ".walk.png").write_bytes(b"")
    return path


def test_what_is_a_source(tmp_path, folder, monkeypatch):
    video = save_video(tmp_path / "a.mp4")
    nameless = tmp_path / "video"
    nameless.write_bytes(video.read_bytes())
    for name in (video, nameless, folder, "not_there_yet.MKV", "camera:0", "0"):
        assert is_source(name), name
    for name in ("rtsp://camera.local/1", "http://host/a.mp4", "HTTPS://host/live.m3u8"):
        assert is_source(name), name
    for name in ("a.npz", "a.json", "a.csv", folder / "walk0.png", "ftp://host/a.mp4", "nothing"):
        assert not is_source(name), name
    monkeypatch.chdir(tmp_path)
    Path("7").write_text("frame,x,y")
    assert not is_source("7")
    assert is_source("camera:7")


def test_folders_of_keypoints_are_no_source(tmp_path, folder):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert not is_source(empty)
    (folder / "camera.json").write_text("{}")
    assert is_source(folder)
    for number in range(12):
        (folder / f"walk{number}_keypoints.json").write_text("{}")
    assert not is_source(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a.npz",
            "expected a video, a folder of images, camera:N, or an address such as rtsp://..., got "
            "a .npz file",
        ),
        (
            "a.png",
            "expected a video, a folder of images, camera:N, or an address such as rtsp://..., got "
            "a .png file",
        ),
    ],
)
def test_other_files(tmp_path, name, message):
    path = tmp_path / name
    path.write_bytes(b"")
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert str(caught.value) == f"{path}: {message}"


def test_images_of_a_folder_in_their_order(folder):
    with open_source(folder, fps=10) as source:
        assert (source.name, source.size, source.fps) == (str(folder), SIZE, 10)
        assert (source.frames, source.live) == (12, False)
        for _ in range(2):
            frames = [(f.number, f.timestamp, number_of(f.image)) for f in source]
            assert frames == [(number, number / 10, number) for number in range(12)]
    part = open_source(folder, fps=10, start_s=0.3, stop_s=0.6)
    assert [(frame.number, frame.timestamp) for frame in part] == [(3, 0.3), (4, 0.4), (5, 0.5)]
    assert part.frames == 3
    frames = iter(part)
    next(frames)
    part.close()
    assert list(frames) == []
    with pytest.raises(InputError) as caught:
        iter(part)
    assert str(caught.value) == f"{folder}: was closed; open it again"


def test_images_come_as_exif_says_and_in_colours(folder):
    for file in folder.iterdir():
        file.unlink()
    jpeg = cv2.imencode(".jpg", made_image(3))[1].tobytes()
    turned = bytes.fromhex("ffe1 0022") + b"Exif\0\0MM\0*\0\0\0\x08\0\x01"
    turned += bytes.fromhex("0112 0003 00000001 0006 0000 00000000")  # the top is on the right
    (folder / "a.JPG").write_bytes(jpeg[:2] + turned + jpeg[2:])
    (frame,) = open_source(folder, fps=1)
    assert frame.image.shape == (64, 48, 3)
    np.testing.assert_allclose(frame.image[3, -4], [0, 0, 255], atol=9)
    (folder / "a.JPG").unlink()
    cv2.imwrite(str(folder / "a.png"), made_image(3)[..., 0])
    (frame,) = open_source(folder, fps=1)
    assert frame.image.shape == (48, 64, 3)


def test_folders_that_cannot_be_used(tmp_path, folder):
    with pytest.raises(UsageError) as caught:
        open_source(folder)
    assert str(caught.value) == (
        f"{folder}: images do not say how many of them make a second; say it (fps=, or --fps on "
        "the command line)"
    )
    with pytest.raises(UsageError) as caught:
        open_source(folder, fps=0)
    assert str(caught.value) == f"{folder}: 0 images a second: expected a number above 0"
    with pytest.raises(InputError) as caught:
        open_source(folder, fps=10, start_s=5)
    assert str(caught.value) == (
        f"{folder}: its 12 images last 1.2 s; there is nothing from 5 s on"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError) as caught:
        open_source(empty, fps=10)
    assert str(caught.value) == (
        f"{empty}: expected a folder of images (.bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp), has "
        "none"
    )


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_an_image_that_cannot_be_read(folder, content, capfd):
    (folder / "walk2.png").write_bytes(content)
    frames = iter(open_source(folder, fps=10))
    assert [next(frames).number, next(frames).number] == [0, 1]
    with pytest.raises(InputError) as caught:
        next(frames)
    assert str(caught.value) == (
        f"{folder / 'walk2.png'}: is no image that OpenCV can read; write it again or take it out "
        "of the folder"
    )
    assert capfd.readouterr().err == ""


def test_folders_among_the_images_and_links_to_nothing(folder):
    (folder / "a.jpg").mkdir()
    assert open_source(folder, fps=10).frames == 12
    (folder / "walk2.png").unlink()
    (folder / "walk2.png").symlink_to("gone.png")
    frames = iter(open_source(folder, fps=10))
    next(frames), next(frames)
    with pytest.raises(InputError) as caught:
        next(frames)
    assert str(caught.value) == (
        f"{folder / 'walk2.png'}: cannot be read (No such file or directory); copy it again or "
        "take it out of the folder"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(folder):
    folder.chmod(0)
    for ask in (is_source, lambda path: open_source(path, fps=10)):
        with pytest.raises(InputError) as caught:
            ask(folder)
        assert str(caught.value) == (
            f"{folder}: cannot be read (Permission denied); see who may read the folder"
        )
    folder.chmod(0o700)


def test_an_image_of_another_size(folder):
    cv2.imwrite(str(folder / "walk2.png"), made_image(2, (32, 32)))
    frames = iter(open_source(folder, fps=10))
    next(frames), next(frames)
    with pytest.raises(InputError) as caught:
        next(frames)
    assert str(caught.value) == (
        f"{folder / 'walk2.png'}: is 32x32, walk0.png is 64x48; the images of a folder must have "
        "one size"
    )


@pytest.mark.parametrize("name", ["camera:97", "97"])
def test_a_camera_that_is_not_there(name, capfd):
    there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*")))
    with pytest.raises(DeviceUnavailable) as caught:
        open_source(name)
    assert str(caught.value) == (
        f"camera:97: cannot be opened; this machine has {there or 'no /dev/video*'}"
    )
    assert capfd.readouterr().err == ""


def test_what_a_camera_gives_is_timed_by_when_it_comes(tmp_path, caplog):
    path = str(save_video(tmp_path / "a.mp4"))  # OpenCV opens both in the same way
    camera = Camera(cv2.VideoCapture(path), "camera:0", Span())
    assert (camera.size, camera.fps, camera.frames, camera.live) == (SIZE, 25, None, True)
    frames = list(camera)
    assert [frame.number for frame in frames] == list(range(19))  # one told its size
    times = [frame.timestamp for frame in frames]
    assert times == sorted(times)
    assert times[0] == 0
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("camera:0: gives no more images after ")
    with pytest.raises(InputError) as caught:
        iter(camera)
    assert str(caught.value) == "camera:0: is live and comes once; open it again"


def test_a_camera_is_let_go(tmp_path):
    path = str(save_video(tmp_path / "a.mp4"))
    for span in (Span(0, 1e-6), Span()):
        capture = cv2.VideoCapture(path)
        with Camera(capture, "camera:0", span) as camera:
            for _ in camera:
                camera.close()
        assert not capture.isOpened()
    with Camera(cv2.VideoCapture(path), "camera:0", Span()) as camera:
        pass
    with pytest.raises(InputError) as caught:
        iter(camera)
    assert str(caught.value) == "camera:0: was closed; open it again"


def test_a_camera_that_gives_nothing(tmp_path):
    with pytest.raises(DeviceError) as caught:
        Camera(cv2.VideoCapture(), "camera:0", Span())
    assert str(caught.value) == (
        "camera:0: is there and gives no image; another program may hold it"
    )


def test_opencv_comes_before_pyav():
    """Else its windows never open, which machines without a screen cannot try."""
    code = (
        "import sys\nfrom h2ot_edge.video.decoding import require_av\nrequire_av()\n"
        "print([name for name in sys.modules if name in ('av', 'cv2')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout == "['cv2', 'av']\n"


def test_libraries_that_are_not_there(tmp_path, monkeypatch):
    missing = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "cv2.py").write_text(f"raise ImportError({missing!r})")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "cv2")
    with pytest.raises(MissingExtra) as caught:
        require_cv2()
    assert str(caught.value) == (
        f"cv2 is installed, but the system lacks a library that it needs ({missing}); pip "
        "uninstall -y opencv-python, then pip install opencv-python-headless, which needs no "
        "screen (and opens no windows)"
    )
    for name in ("cv2", "av"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('gone')")
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingExtra) as caught:
        require_cv2()
    message = "cannot be imported (gone); pip install 'h2ot-edge[video]'"
    assert str(caught.value) == f"cv2 {message}"
    with pytest.raises(MissingExtra) as caught:
        open_source(tmp_path / "a.mp4")
    assert str(caught.value) == f"av {message}"
