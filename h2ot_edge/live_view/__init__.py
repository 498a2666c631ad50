"""Live people to look at: a camera or video, its keypoints, and its poses. See docs/live_view.md.

* `LiveScenes`: threads that read and lift; iterating gives what is to be shown.
* `BrowserView`, `WindowView`, `NoView`: what shows it.
* `Recording`: keeps the poses.

The command is `h2ot-live`. Needs the extra `video`.
"""

from h2ot_edge.live_view.browser import BrowserView
from h2ot_edge.live_view.clocks import Clocks
from h2ot_edge.live_view.lifting import Lifter
from h2ot_edge.live_view.live import LiveScenes
from h2ot_edge.live_view.numbers import Numbers
from h2ot_edge.live_view.recording import Recording
from h2ot_edge.live_view.scene import Scene, Taken
from h2ot_edge.live_view.views import NoView, View
from h2ot_edge.live_view.window import WindowView

__all__ = [
    "BrowserView",
    "Clocks",
    "Lifter",
    "LiveScenes",
    "NoView",
    "Numbers",
    "Recording",
    "Scene",
    "Taken",
    "View",
    "WindowView",
]
