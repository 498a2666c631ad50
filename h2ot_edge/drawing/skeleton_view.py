"""The 3-D panel: people turned where they are in the picture."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._names import look_up
from h2ot_edge.drawing.bodies import Bodies
from h2ot_edge.drawing.colours import QUIET, bgr
from h2ot_edge.drawing.following import Part
from h2ot_edge.drawing.images import Image, blank, checked_people, checked_size, names_of
from h2ot_edge.drawing.labels import put_text, text_size
from h2ot_edge.drawing.places import Places
from h2ot_edge.plot import LEFT, RIGHT
from h2ot_edge.video.opencv import require_cv2

__all__ = ["VIEWS", "SkeletonView"]

Array = NDArray[np.float64]

_WORDS = {
    "turned": "turned by {:g} deg",
    "front": "as the camera sees it",
    "side": "from the side, camera on the right",
    "top": "from above, camera below",
}
"""OpenCV has no sign for degrees."""

VIEWS = tuple(_WORDS)
"""The same as on the page of `h2ot_edge.viewer`."""

_TILTS_DEG = {"turned": 10.0, "front": 0.0, "side": 0.0, "top": 90.0}
"""From so far above; not from the side, where a lean is measured."""


class SkeletonView:
    """Draws poses about the hip from another side, each person where the picture has them.

    Everybody has the size and the place (hip on hip) that the keypoints of the frame show, which
    is a parallel projection: nothing is said of who is how far away, and there is no floor, as
    poses about the hip know neither. Each is turned about their own hip; up is the picture's up.
    Who is larger in the picture is drawn in front; a bone in front of another one has a white
    edge, and what is nearer to the viewer is thicker. What is not valid is faint, NaN is not drawn.

    Args:
        size: (width, height) of the panel in pixels.
        source_size: (width, height) of the images whose pixels keypoints are; None: `size`.
        view: `turned` by `turn_deg` about the vertical; `front`, as the camera sees them; `side`,
            from the camera's left, with the camera on the right; `top`, with the camera below.
        turn_deg: by so much is one farther to the left than the camera, and a little higher.
        sides: whether to write which colour is which side.
        steady: whether frames follow each other: then sizes of people with an id change smoothly,
            and who is not observed for some frames stays, as long as a joint is valid.

    Raises:
        UnknownName: no such view.
        UsageError: sizes that cannot be.
        MissingExtra: if OpenCV is not installed.
    """

    def __init__(
        self,
        size: Sequence[int],
        source_size: Sequence[int] | None = None,
        view: str = "turned",
        *,
        turn_deg: float = 20.0,
        sides: bool = True,
        steady: bool = True,
    ) -> None:
        self._cv2 = require_cv2()
        self.size = checked_size("size", size)
        source = checked_size("source_size", size if source_size is None else source_size)
        self._zoom = min(self.size[0] / source[0], self.size[1] / source[1])
        self._whole: Part = np.array(source, np.float64) / 2, 1.0
        turns = {"turned": turn_deg, "front": 0.0, "side": 90.0, "top": 0.0}
        self._axes = _axes(look_up("view", view, turns), _TILTS_DEG[view])
        self._words = _WORDS[view].format(turn_deg)
        self._places = Places(steady=steady)
        self._sides = sides

    def draw(
        self,
        poses: ArrayLike,
        keypoints: ArrayLike,
        ids: Sequence[Hashable] = (),
        *,
        valid: ArrayLike | None = None,
        labels: bool | None = None,
    ) -> Image:
        """Draw the panel of a frame.

        Args:
            poses: (n, 17, 3) about the hip, x right, y down, z away from the camera, any unit; NaN
                where there is no pose.
            keypoints: (n, 17, 2|3) pixels of the source, from which the poses were lifted.
            ids: of the n people, as in `draw_keypoints`.
            valid: (n, 17), what is not is faint; None: all is.
            labels: as in `draw_keypoints`.

        Returns:
            (height, width, 3) uint8, a new one.

        Raises:
            InputError: arrays of other shapes, or another number of ids.
        """
        panel = blank(self.size)
        self.draw_into(panel, poses, keypoints, ids, valid=valid, labels=labels)
        return panel

    def draw_into(
        self,
        panel: Image,
        poses: ArrayLike,
        keypoints: ArrayLike,
        ids: Sequence[Hashable] = (),
        *,
        valid: ArrayLike | None = None,
        labels: bool | None = None,
        part: Part | None = None,
        placed: tuple[Array, Array] | None = None,
    ) -> None:
        """The same, on a panel of the right size that is there already and white.

        `part` is the part of the picture that it shows; None: the whole. `placed` is where people
        stand, if `Places.look` was asked already.
        """
        people, seen, flags = checked_people(poses, keypoints, valid, ids)
        hips, scales = placed or self._places.look(people, seen, flags, ids)
        middle, larger = part or self._whole
        zoom = self._zoom * larger
        turned = (scales * zoom)[:, None, None] * (people @ self._axes.T)
        turned[..., :2] += (zoom * (hips + 0.5 - middle) + np.array(self.size) / 2 - 0.5)[:, None]
        bodies = Bodies(names_of(ids, len(people), labels), turned, flags, self.size)
        self._explain(panel)
        bodies.paint(self._cv2, panel)
        bodies.label(self._cv2, panel)

    def _explain(self, panel: Image) -> None:
        """What is seen, and which colour is which side."""
        letters = min(max(self.size[1] / 40, 8.0), 16.0)
        line, right = round(1.8 * letters), self.size[0] - round(0.8 * letters)
        words = [(self._words, round(0.8 * letters), QUIET)]
        for side, colour in (("left", LEFT), ("right", RIGHT)) if self._sides else ():
            right -= text_size(self._cv2, side, letters)
            words.append((side, right, bgr(colour)))
            right -= round(letters)
        for text, left, paint in words:
            put_text(self._cv2, panel, text, (left, line), letters, paint)


def _axes(turn_deg: float, tilt_deg: float) -> Array:
    """(3, 3): right, down and away of somebody who looks from farther to the left, and down."""
    turn, tilt = np.radians(turn_deg), np.radians(tilt_deg)
    across = np.array([np.cos(turn), 0.0, -np.sin(turn)])
    ahead, down = np.array([np.sin(turn), 0.0, np.cos(turn)]), np.array([0.0, 1.0, 0.0])
    return np.stack(
        [
            across,
            np.cos(tilt) * down - np.sin(tilt) * ahead,
            np.cos(tilt) * ahead + np.sin(tilt) * down,
        ]
    )
