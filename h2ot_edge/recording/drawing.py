"""From frames and poses to a video and a contact sheet."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._interrupts import stopping_on_interrupt
from h2ot_edge.drawing import ContactSheet, SideBySide, caption_of
from h2ot_edge.errors import InputError
from h2ot_edge.recording.lifting import Lifted
from h2ot_edge.spec import FloatArray
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Frame, Image, Source, VideoWriter

__all__ = ["Drawn", "Pictures", "draw"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What is drawn.

    Attributes:
        layout: of the pictures of the video.
        video: gets all of them; None for no video.
        sheet: is asked which it wants; None for no contact sheet.
        small: layout of the pictures of the sheet; that of the video if None.
        title: in every caption, such as the model's name.
    """

    layout: SideBySide
    video: VideoWriter | None = None
    sheet: ContactSheet | None = None
    small: SideBySide | None = None
    title: str = ""


class Drawn(NamedTuple):
    """How many frames were drawn, and whether Ctrl-C ended it."""

    frames: int
    interrupted: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class _InFrame:
    """Who is in a frame, as `SideBySide.draw` takes it."""

    keypoints: FloatArray
    poses: FloatArray
    valid: NDArray[np.bool_]
    ids: Sequence[str]

    def drawn(self, layout: SideBySide, image: Image, caption: str) -> Image:
        """A picture of them."""
        return layout.draw(image, self.keypoints, self.poses, self.ids, caption, valid=self.valid)


def draw(
    source: Source,
    lifted: Lifted,
    pictures: Pictures,
    *,
    stages: StageTimes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Drawn:
    """Draw the frames that were lifted; Ctrl-C ends the video after the frame that is being drawn.

    Args:
        source: the film, from the same frame on.
        lifted: the people in it.
        pictures: what to draw.
        stages: times of `decode`, `draw`, `write` and `sheet` are added to it.
        progress: called after every picture with how many are done and how many there are.

    Returns:
        How many were drawn; with a warning fewer than there are if Ctrl-C ended it, or the film is
        shorter.

    Raises:
        InputError: no frame of the film is one that was lifted.
        As `VideoWriter.write`.
    """
    stages = stages or StageTimes()
    recording = lifted.recording
    rows = {int(number): row for row, number in enumerate(recording.numbers)}
    done = 0
    with stopping_on_interrupt() as interrupted:
        for frame in stages.each("decode", source):
            row = rows.pop(frame.number, None)
            if row is not None:
                _draw_one(frame, row, lifted, pictures, stages)
                done += 1
                if progress is not None:
                    progress(done, recording.frames)
            if not rows or interrupted():
                break
    if not done and not interrupted():
        raise InputError(
            f"{source.name}: none of its frames is one of the {recording.frames} that were lifted; "
            "name the film that the keypoints are of"
        )
    if rows:
        why = "interrupted" if interrupted() else "they are not in it"
        _logger.warning(
            "%s: %d of %d frames are not drawn (%s)", source.name, len(rows), recording.frames, why
        )
    return Drawn(done, interrupted())


def _draw_one(
    frame: Frame, row: int, lifted: Lifted, pictures: Pictures, stages: StageTimes
) -> None:
    shown = _in_frame(lifted, row)
    words = [pictures.title] if pictures.title else []
    caption = caption_of(frame.number, frame.timestamp, *words)
    if pictures.video is not None:
        with stages("draw"):
            picture = shown.drawn(pictures.layout, frame.image, caption)
        with stages("write"):
            pictures.video.write(picture, frame.timestamp)
    if pictures.sheet is not None:
        small = pictures.small or pictures.layout
        with stages("sheet"):
            pictures.sheet.add(lambda: shown.drawn(small, frame.image, ""), caption)


def _in_frame(lifted: Lifted, row: int) -> _InFrame:
    there = [
        (person, poses, row - person.first)
        for person, poses in zip(lifted.recording.people, lifted.poses, strict=True)
        if person.first <= row < person.stop
    ]
    return _InFrame(
        keypoints=_stacked([person.keypoints[at] for person, _, at in there]),
        poses=_stacked([poses.positions[at] for _, poses, at in there]),
        valid=np.array([poses.valid[at] for _, poses, at in there], np.bool_).reshape(-1, 17),
        ids=[person.name for person, _, _ in there],
    )


def _stacked(arrays: Sequence[FloatArray]) -> FloatArray:
    return np.stack(arrays) if arrays else np.empty((0, 17, 3), np.float32)
