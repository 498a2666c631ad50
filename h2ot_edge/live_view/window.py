"""Scenes in a window of OpenCV."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from h2ot_edge.drawing import SideBySide
from h2ot_edge.errors import DeviceUnavailable
from h2ot_edge.live import LivePose
from h2ot_edge.live_view.numbers import in_a_line
from h2ot_edge.live_view.scene import Scene
from h2ot_edge.live_view.views import title_of
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Source
from h2ot_edge.video.opencv import require_cv2

__all__ = ["WindowView", "check_windows"]

_HEIGHT = 720
"""Fits on most screens; the window can be made larger."""

_QUIT = {ord("q"), ord("Q"), 27}
_PROBE = "import cv2; cv2.namedWindow('h2ot'); cv2.waitKey(1)"


class WindowView:
    """The picture with its keypoints, and the skeletons beside it; q, Escape or closing it ends.

    Call `check_windows` before anything else of the video is opened.

    Args:
        source: what is shown.
        times: gets the stages `draw` and `show`.
    """

    def __init__(self, source: Source, times: StageTimes) -> None:
        self._cv2 = require_cv2()
        self._times, self._title = times, f"{title_of(source)} - h2ot-live"
        self._drawer = SideBySide(source.size, _HEIGHT)
        flags = self._cv2.WINDOW_NORMAL | self._cv2.WINDOW_KEEPRATIO | self._cv2.WINDOW_GUI_NORMAL
        self._cv2.namedWindow(self._title, flags)
        self._cv2.resizeWindow(self._title, *self._drawer.size)

    def wait(self) -> None:
        """It is there."""

    def show(self, scene: Scene, numbers: Mapping[str, Any]) -> bool:
        """Show a scene; whether the window is still wanted."""
        with self._times("draw"):
            names = scene.names
            picture = self._drawer.draw(
                scene.frame.image,
                _rows([scene.keypoints.get(name) for name in names]),
                _rows([_positions(scene.poses.get(name)) for name in names]),
                names,
                in_a_line(numbers),
            )
        with self._times("show"):
            self._cv2.imshow(self._title, picture)
            key = self._cv2.waitKey(1) & 0xFF
        open = self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) >= 1
        return bool(open) and key not in _QUIT

    def close(self) -> None:
        """Close the window."""
        self._cv2.destroyAllWindows()


def _positions(pose: LivePose | None) -> FloatArray | None:
    return None if pose is None else pose.positions


def _rows(each: list[FloatArray | None]) -> FloatArray:
    """(n, 17, 3), NaN of those who have none."""
    missing = np.full((len(JOINTS), 3), np.nan, np.float32)
    rows = [missing if one is None else one for one in each]
    return np.stack(rows) if rows else np.zeros((0, len(JOINTS), 3), np.float32)


def check_windows() -> None:
    """Raise unless OpenCV can open windows here; to be asked before PyAV is imported.

    Both bring a libxcb, and a window never opens if that of PyAV came first (opencv-python 5.0.0
    with Qt, PyAV 18.1.0).

    Raises:
        DeviceUnavailable: it cannot.
        MissingExtra: it is not installed.
    """
    require_cv2()
    # In a process of its own, because Qt ends the process that has no display.
    run = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False
    )
    if run.returncode == 0:
        return
    if "not implemented" in run.stderr:
        raise DeviceUnavailable(
            "this OpenCV opens no windows, as opencv-python-headless does not; pip install "
            "opencv-python in its place, or take --show browser"
        )
    said = next((line.strip() for line in run.stderr.splitlines() if line.strip()), "no reason")
    raise DeviceUnavailable(
        f"no window can be opened here ({said}); run it where there is a screen, or take --show "
        "browser"
    )
