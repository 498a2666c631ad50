"""The window: what is said where there is none, and itself where there is a virtual screen."""

import shutil
import subprocess
import sys
import time

import pytest
from live_scenes import Film, engine, scenes

from h2ot_edge.errors import DeviceUnavailable
from h2ot_edge.live_view import WindowView
from h2ot_edge.live_view.numbers import in_a_line
from h2ot_edge.live_view.window import check_windows
from h2ot_edge.stages import StageTimes

cv2 = pytest.importorskip("cv2")
HAS_WINDOWS = "GUI:                           NONE" not in cv2.getBuildInformation()


class Screen:
    """What `WindowView` asks of OpenCV's windows."""

    WINDOW_NORMAL = WINDOW_KEEPRATIO = WINDOW_GUI_NORMAL = WND_PROP_VISIBLE = 0

    def __init__(self, keys=(), visible=1.0):
        self.keys, self.visible, self.shown = list(keys), visible, []

    def namedWindow(self, title, flags):
        self.title = title

    def resizeWindow(self, title, width, height):
        self.size = (width, height)

    def imshow(self, title, picture):
        assert title == self.title
        self.shown.append(picture)

    def waitKey(self, milliseconds):
        return self.keys.pop(0) if self.keys else -1

    def getWindowProperty(self, title, what):
        return self.visible

    def destroyAllWindows(self):
        self.title = None


NUMBERS = {"fps": 29.94, "delay_ms": 240}


def test_numbers_in_a_line():
    assert in_a_line(NUMBERS) == "29.9 frames a second   240 ms late"
    assert in_a_line({"fps": None, "delay_ms": None}) == ""


KEYS = [(-1, True), (ord("x"), True), (ord("q"), False), (27, False)]


@pytest.mark.parametrize(("key", "wanted"), KEYS)
def test_keys_end_it(tmp_path, monkeypatch, key, wanted):
    screen = Screen([key])
    monkeypatch.setattr("h2ot_edge.live_view.window.require_cv2", lambda: screen)
    times = StageTimes()
    view = WindowView(Film(), times)
    (scene,) = scenes(engine(tmp_path), frames=3)
    assert view.show(scene, NUMBERS) is wanted
    width, height = screen.size
    assert (screen.shown[0].shape, height) == ((height, width, 3), 720)
    assert list(times.as_dict()) == ["draw", "show"]
    view.close()
    assert screen.title is None


def test_closing_the_window_ends_it(tmp_path, monkeypatch):
    screen = Screen(visible=0.0)
    monkeypatch.setattr("h2ot_edge.live_view.window.require_cv2", lambda: screen)
    (scene,) = scenes(engine(tmp_path), frames=3)
    assert WindowView(Film(), StageTimes()).show(scene, NUMBERS) is False


@pytest.mark.skipif(HAS_WINDOWS, reason="this OpenCV has windows")
def test_opencv_without_windows():
    with pytest.raises(DeviceUnavailable) as caught:
        check_windows()
    assert str(caught.value) == (
        "this OpenCV opens no windows, as opencv-python-headless does not; pip install "
        "opencv-python in its place, or take --show browser"
    )


def test_no_screen(tmp_path, monkeypatch):
    """As Qt says it, which ends the process."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'qt.qpa.xcb: could not connect to display' >&2\nexit 134")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(DeviceUnavailable) as caught:
        check_windows()
    assert str(caught.value) == (
        "no window can be opened here (qt.qpa.xcb: could not connect to display); run it where "
        "there is a screen, or take --show browser"
    )


@pytest.mark.skipif(
    not HAS_WINDOWS or shutil.which("Xvfb") is None, reason="no windows, or no virtual screen"
)
def test_a_real_window(tmp_path, monkeypatch):
    with subprocess.Popen(["Xvfb", ":93"], stderr=subprocess.DEVNULL) as screen:
        monkeypatch.setenv("DISPLAY", ":93")
        time.sleep(1)
        check_windows()
        view = WindowView(Film(), StageTimes())
        assert all(view.show(scene, NUMBERS) for scene in scenes(engine(tmp_path), frames=6))
        view.close()
        screen.terminate()
