"""Scenes on a page in a browser."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from h2ot_edge.card import ModelCard
from h2ot_edge.drawing import draw_keypoints
from h2ot_edge.drawing.colours import person_colour
from h2ot_edge.drawing.images import resized
from h2ot_edge.errors import UsageError
from h2ot_edge.live import LivePose
from h2ot_edge.live_view.page import live_page
from h2ot_edge.live_view.placing import Placer
from h2ot_edge.live_view.scene import Scene
from h2ot_edge.live_view.server import PageServer
from h2ot_edge.live_view.views import title_of
from h2ot_edge.skeleton import JOINTS, PARENTS
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Image, Source
from h2ot_edge.video.opencv import require_cv2

__all__ = ["BrowserView"]


class BrowserView:
    """Draws, packs and serves the newest scene.

    Args:
        source: what is shown.
        card: of the model.
        times: gets the stages `draw` and `encode`.
        host: where to listen.
        port: 0 for any that is free.
        side: the picture's longer side is made as small, pixels.
        quality: of its JPEGs, 1 to 100.

    Attributes:
        url: of the page.

    Raises:
        UsageError: nothing can listen there, or a number out of its range.
    """

    def __init__(
        self,
        source: Source,
        card: ModelCard,
        times: StageTimes,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        side: int = 960,
        quality: int = 80,
    ) -> None:
        if not 1 <= quality <= 100:
            raise UsageError(f"quality: expected 1 to 100, got {quality}")
        if side < 16:
            raise UsageError(f"side: expected at least 16 pixels, got {side}")
        self._cv2 = require_cv2()
        self._times, self._quality = times, quality
        self._share = min(1.0, side / max(source.size))
        width, height = (max(1, round(each * self._share)) for each in source.size)
        self._size = (width, height)
        self._placer = Placer(source.size)
        self._several = False
        given = {
            "joints": JOINTS,
            "parents": PARENTS,
            "unit": card.output.unit,
            "axes": card.output.axes,
            "size": self._size,
        }
        page, policy = live_page(given, f"{title_of(source)}, {card.backbone} {card.variant}")
        self._server = PageServer(page, policy, host=host, port=port)
        self.url = self._server.url

    def wait(self) -> None:
        """Until somebody has opened the page."""
        self._server.opened.wait()

    def show(self, scene: Scene, numbers: Mapping[str, Any]) -> bool:
        """Put a scene on the page; True, as nobody can end it there.

        Args:
            scene: the next.
            numbers: what the page says of speed.
        """
        self._several |= len(scene.names) > 1
        if self._server.pictures.followers:
            with self._times("draw"):
                image = self._drawn(scene)
            with self._times("encode"):
                self._server.pictures.put(self._jpeg(image))
        self._server.messages.put(self._message(scene, numbers))
        return True

    def close(self) -> None:
        """End the page and free the port."""
        self._server.close()

    def _drawn(self, scene: Scene) -> Image:
        image = resized(self._cv2, scene.frame.image, self._size)
        if scene.keypoints:
            keypoints = np.stack(list(scene.keypoints.values()))
            keypoints[..., :2] = (keypoints[..., :2] + 0.5) * self._share - 0.5
            draw_keypoints(image, keypoints, list(scene.keypoints), labels=self._several)
        return image

    def _jpeg(self, image: Image) -> bytes:
        options = [self._cv2.IMWRITE_JPEG_QUALITY, self._quality]
        return bytes(self._cv2.imencode(".jpg", image, options)[1])

    def _message(self, scene: Scene, numbers: Mapping[str, Any]) -> str:
        people = [self._person(pose, scene) for pose in scene.poses.values()]
        return json.dumps(
            {
                "number": scene.frame.number,
                "seconds": round(scene.frame.timestamp, 3),
                "several": self._several,
                "people": [person for person in people if person is not None],
                "numbers": dict(numbers),
            },
            separators=(",", ":"),
        )

    def _person(self, pose: LivePose, scene: Scene) -> dict[str, Any] | None:
        placed = self._placer.place(pose, scene.keypoints.get(str(pose.id)))
        if placed is None or not np.isfinite(placed).all():
            return None
        return {
            "name": str(pose.id),
            "colour": "#{2:02x}{1:02x}{0:02x}".format(*person_colour(str(pose.id))),
            "at": [round(value, 4) for value in placed.ravel().tolist()],
            "lost": np.flatnonzero(~pose.valid).tolist(),
        }
