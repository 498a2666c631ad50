"""What `h2ot-infer` lifts: a film and a detector, or a file of keypoints."""

import argparse
from collections.abc import Sequence
from typing import Protocol

from h2ot_edge.cli.infer_file import KeypointsInput
from h2ot_edge.cli.infer_film import FilmInput
from h2ot_edge.cli.infer_options import OF_FILES, OF_FILMS, name_of, told_name
from h2ot_edge.errors import UsageError
from h2ot_edge.missing import check_filling
from h2ot_edge.recording import Gathered
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Source, is_source
from h2ot_edge.video.span import Span

__all__ = ["Input", "open_input"]


class Input(Protocol):
    """Something to lift.

    Attributes:
        fps: frames a second, as far as it is known before it is looked at.
        alone: whether one person is lifted, so that results have no axis of people.
    """

    fps: float | None
    alone: bool

    def gather(self, stages: StageTimes) -> Gathered:
        """The keypoints of whoever is to be lifted.

        Raises:
            InputError: nobody is there.
        """
        ...

    def film(self) -> Source:
        """Its frames, from the first that was gathered on.

        Raises:
            UsageError: there are none.
        """
        ...

    def close(self) -> None:
        """Let go of files and devices."""
        ...


def open_input(args: argparse.Namespace, *, pictures: bool) -> Input:
    """What the command line names.

    Args:
        args: of `add_input`.
        pictures: whether the frames will be asked for.

    Raises:
        UsageError: options that say nothing of what is named.
        As `read_clip`, `open_source` and `open_detector`.
    """
    _check_numbers(args)
    if is_source(args.clip):
        _refuse(args, OF_FILES, "of a film")
        return FilmInput(args, pictures)
    _refuse(args, OF_FILMS, "of a file of keypoints")
    if pictures and args.film is None:
        raise UsageError(
            f"{args.clip}: a file of keypoints has no pictures for --video and --sheet; name the "
            "film that they are of, --film VIDEO"
        )
    return KeypointsInput(args)


def _check_numbers(args: argparse.Namespace) -> None:
    """Now, not after hours of detection."""
    if not args.min_seconds >= 0:
        raise UsageError(f"--min-seconds: expected 0 or more seconds, got {args.min_seconds:g}")
    Span(args.start, args.stop)
    check_filling(args.on_missing, args.max_gap_s)


def _refuse(args: argparse.Namespace, options: Sequence[str], what: str) -> None:
    for option in options:
        # Not by comparing: the clip's number may be 0.
        if getattr(args, option) is not None and getattr(args, option) is not False:
            name = name_of(option)
            raise UsageError(f"{name}: says nothing {what} such as {told_name(args)}; leave it out")
