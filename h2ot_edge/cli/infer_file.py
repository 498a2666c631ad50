"""A file of keypoints that `h2ot-infer` lifts."""

import argparse
import dataclasses
from collections.abc import Sequence

from h2ot_edge.cli.infer_options import EVERYBODY
from h2ot_edge.cli.infer_people import chosen_people
from h2ot_edge.clips import Clip, read_clip, read_clips
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.recording import Gathered, Recording
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Source, open_source

__all__ = ["KeypointsInput"]

_SAME = 0.02
"""Sizes and rates that differ by less are one: coded sizes are multiples of 8 or 16."""


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
        film, size = self._film, self._args.image_size
        try:
            clips = self._clips_of(size)
        except InputError:
            if film is None or size:
                raise
            clips = self._clips_of(film.size)  # of which x and y may be shares
        return clips if film is None else [_of_film(clip, self._args, film) for clip in clips]

    def _clips_of(self, size: Sequence[float] | None) -> list[Clip]:
        args = self._args
        options = {
            "format": args.format or "auto",
            "layout": args.layout or "auto",
            "image_size": tuple(size) if size else None,
            "allow_missing": args.on_missing != "raise",
            "fps": args.fps,
            "track": args.track,
        }
        if self.alone:
            return [read_clip(args.clip, index=args.index, person=args.person, **options)]
        clips = read_clips(args.clip, **options)
        _check_of_people(args.clip, clips)
        return clips


def _of_film(clip: Clip, args: argparse.Namespace, film: Source) -> Clip:
    """With what the film says and the file does not."""
    size = clip.image_size or film.size
    if any(abs(a - b) > _SAME * b for a, b in zip(size, film.size, strict=True)):
        raise UsageError(
            f"{args.clip}: its keypoints are of images of {size[0]:g}x{size[1]:g}, those of "
            f"{film.name} are {film.size[0]}x{film.size[1]}; name the film that they are of"
        )
    return dataclasses.replace(clip, image_size=size, fps=_rate_of(clip, args, film))


def _rate_of(clip: Clip, args: argparse.Namespace, film: Source) -> float | None:
    """That of the keypoints, which may be of every second frame of the film."""
    if film.fps is None or clip.fps is None:
        step = Recording.of_clips([clip], whole=True).step
        return clip.fps or (film.fps and film.fps / step)
    # Where frames have numbers these tell which is which.
    if clip.numbers is None and abs(clip.fps - film.fps) > _SAME * film.fps:
        raise UsageError(
            f"{args.clip}: its keypoints come {clip.fps:g} times a second, the frames of "
            f"{film.name} {film.fps:g} times; name the film that they are of"
        )
    return clip.fps


def _check_of_people(path: str, clips: Sequence[Clip]) -> None:
    if all(clip.person is not None for clip in clips):
        return
    if len(clips) > 1:
        raise UsageError(
            f"{path}: --person all: holds {len(clips)} clips, which are not people of one "
            "recording; choose one with --clip N"
        )
    raise UsageError(
        f"{path}: --person all: does not say who is who; leave --person out, or tell people apart "
        "with --track"
    )
