"""A file of keypoints that `h2ot-infer` lifts."""

import argparse
import dataclasses
import logging
from collections.abc import Sequence

from h2ot_edge.cli.infer_options import EVERYBODY
from h2ot_edge.cli.infer_people import chosen_people
from h2ot_edge.clips import Clip, read_clip, read_clips
from h2ot_edge.errors import UsageError
from h2ot_edge.layouts import check_orientation
from h2ot_edge.recording import Gathered, Recording
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Source, open_source

__all__ = ["KeypointsInput"]

_logger = logging.getLogger(__name__)


class KeypointsInput:
    """A file or folder of keypoints."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.alone = args.person != EVERYBODY
        self._film = self._opened() if args.film else None
        self._clips = self._read()
        self.fps = self._clips[0].fps

    def gather(self, stages: StageTimes) -> Gathered:
        """As `Input.gather`."""
        recording = Recording.of_clips(self._clips, whole=self.alone)
        for clip in self._clips:
            for finding in check_orientation(clip.keypoints, clip.image_size):
                _logger.warning("%s: %s", self._args.clip, finding)
        if self._args.start or self._args.stop is not None:
            recording = recording.cut(self._args.start, self._args.stop)
        return Gathered(recording=chosen_people(self._args, recording, self.alone))

    def film(self) -> Source:
        """As `Input.film`."""
        return self._film or self._opened()

    def close(self) -> None:
        """Let go of files and devices."""
        if self._film is not None:
            self._film.close()

    def _opened(self) -> Source:
        args = self._args
        return open_source(args.film, start_s=args.start, stop_s=args.stop, fps=args.fps)

    def _read(self) -> list[Clip]:
        args = self._args
        film = self._film
        size = args.image_size or (film.size if film else None)
        options = {
            "format": args.format or "auto",
            "layout": args.layout or "auto",
            "image_size": tuple(size) if size else None,
            "allow_missing": args.on_missing != "raise",
            "fps": args.fps,
            "track": args.track,
        }
        if self.alone:
            clips = [read_clip(args.clip, index=args.index, person=args.person, **options)]
        else:
            clips = read_clips(args.clip, **options)
            _check_of_people(args.clip, clips)
        if film is not None and clips[0].fps is None:
            clips = [dataclasses.replace(clip, fps=film.fps) for clip in clips]
        return clips


def _check_of_people(path: str, clips: Sequence[Clip]) -> None:
    if len(clips) > 1 and any(clip.person is None for clip in clips):
        raise UsageError(
            f"{path}: --person all: holds {len(clips)} clips, which are not people of one "
            "recording; choose one with --clip N"
        )
