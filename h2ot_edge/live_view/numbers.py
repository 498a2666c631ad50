"""What is said of speed while it runs."""

import time
from collections.abc import Mapping
from typing import Any

from h2ot_edge.live_view.clocks import Clocks
from h2ot_edge.live_view.live import LiveScenes
from h2ot_edge.live_view.scene import Scene
from h2ot_edge.stages import StageTimes

__all__ = ["Numbers", "in_a_line"]

_EVERY_S = 0.5
"""Numbers that change faster cannot be read."""


class Numbers:
    """Numbers of the last seconds, made anew twice a second.

    Args:
        scenes: what is running.
        clocks: of what was shown.
        times: of all stages.
    """

    def __init__(self, scenes: LiveScenes, clocks: Clocks, times: StageTimes) -> None:
        self._scenes, self._clocks, self._times = scenes, clocks, times
        self._made: dict[str, Any] = {}
        self._at = -_EVERY_S

    def of(self, scene: Scene) -> Mapping[str, Any]:
        """`fps`, `delay_ms` (None before there are any), `people`, `dropped`, `stages_ms`."""
        now = time.monotonic()
        if now - self._at >= _EVERY_S:
            fps, delay = self._clocks.fps, self._clocks.delay_s
            self._at = now
            self._made = {
                "fps": None if fps is None else round(fps, 1),
                "delay_ms": None if delay is None else round(delay * 1e3),
                "people": len(scene.poses),
                "dropped": self._scenes.dropped,
                "stages_ms": {name: round(ms, 1) for name, ms in self._times.as_dict().items()},
            }
        return self._made


def in_a_line(numbers: Mapping[str, Any]) -> str:
    """`29.9 frames a second   240 ms late`; nothing yet is an empty line."""
    words = []
    if numbers.get("fps") is not None:
        words.append(f"{numbers['fps']:.1f} frames a second")
    if numbers.get("delay_ms") is not None:
        words.append(f"{numbers['delay_ms']} ms late")
    return "   ".join(words)
