"""A film whose people `h2ot-infer` finds and lifts."""

import argparse
import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from h2ot_edge._bars import progress_bar
from h2ot_edge._closing import Closing
from h2ot_edge.cli.detecting import check_detector, detector_of
from h2ot_edge.cli.infer_options import EVERYBODY, is_bar_shown
from h2ot_edge.cli.infer_people import chosen_people
from h2ot_edge.errors import H2OTError, InputError, UsageError
from h2ot_edge.keypoint_files import KeypointsWriter, check_keypoints_path
from h2ot_edge.recording import Gathered, Recording, detect
from h2ot_edge.stages import StageTimes
from h2ot_edge.tracking import Tracker
from h2ot_edge.video import Frame, Source, VideoWriter, open_source

__all__ = ["FilmInput"]


class FilmInput:
    """A film and a detector."""

    def __init__(self, args: argparse.Namespace, pictures: bool) -> None:
        check_detector(args, args.clip)
        if args.fps is not None and Path(args.clip).is_file():
            raise UsageError(
                f"{args.clip}: --fps: a video says itself when its frames are shown; leave it out"
            )
        self._args = args
        self._open = ExitStack()
        self._keypoints = check_keypoints_path(args.keypoints) if args.keypoints else None
        with ExitStack() as opened:
            self._detector = detector_of(args)
            opened.callback(self._detector.close)
            self._source = opened.enter_context(self._opened())
            self._open = opened.pop_all()
        self._copy = _copy_of(args) if pictures and self._source.live else None
        self._gathered: Recording | None = None
        self.fps = self._source.fps
        self.alone = args.person not in (None, EVERYBODY)

    def gather(self, stages: StageTimes) -> Gathered:
        """As `Input.gather`."""
        gathered = self._detected(stages)
        self._open.close()
        try:
            recording = chosen_people(self._args, gathered.recording, self.alone)
        except InputError:  # not what is wrong, if it was ended before somebody came
            if gathered.ended_by is not None:
                raise gathered.ended_by from None
            raise
        self._gathered = recording
        return dataclasses.replace(gathered, recording=recording)

    def _detected(self, stages: StageTimes) -> Gathered:
        gathered: Gathered | None = None
        try:
            with ExitStack() as files:
                gathered = self._detect(stages, files)
        except (H2OTError, OSError) as error:  # of the last second, when files are closed
            if gathered is None:
                raise
            gathered = dataclasses.replace(gathered, ended_by=gathered.ended_by or error)
        return gathered

    def _detect(self, stages: StageTimes, files: ExitStack) -> Gathered:
        with progress_bar("frame", shown=is_bar_shown(self._args)) as bar:
            return detect(
                self._source,
                self._detector,
                Tracker(),
                stages=stages,
                keypoints=self._keypoints_writer(files),
                copy=self._copy_writer(files),
                progress=bar,
            )

    def film(self) -> Source:
        """As `Input.film`."""
        if self._copy is None or self._gathered is None:
            return self._opened()
        return _Again(self._copy, self._gathered)

    def close(self) -> None:
        """Let go of files and devices."""
        self._open.close()
        if self._copy is not None:
            self._copy.unlink(missing_ok=True)

    def _opened(self) -> Source:
        args = self._args
        return open_source(args.clip, start_s=args.start, stop_s=args.stop, fps=args.fps)

    def _keypoints_writer(self, files: ExitStack) -> KeypointsWriter | None:
        if self._keypoints is None:
            return None
        return files.enter_context(KeypointsWriter(self._keypoints, self._source.size))

    def _copy_writer(self, files: ExitStack) -> VideoWriter | None:
        if self._copy is None:
            return None
        return files.enter_context(VideoWriter(self._copy, self._source.size, fps=self._source.fps))


class _Again(Closing):
    """The frames of a camera from their copy, with the numbers and times that they had."""

    live = False

    def __init__(self, copy: Path, recording: Recording) -> None:
        self._source, self._recording = open_source(copy), recording
        self.name, self.size = self._source.name, self._source.size
        self.fps, self.frames = recording.fps, recording.frames

    def __iter__(self) -> Iterator[Frame]:
        numbers, times = self._recording.numbers, self._recording.times
        for row, frame in enumerate(self._source):
            if times is None or row == len(numbers):
                return
            yield dataclasses.replace(frame, number=int(numbers[row]), timestamp=float(times[row]))

    def close(self) -> None:
        """Let go of the copy."""
        self._source.close()


def _copy_of(args: argparse.Namespace) -> Path:
    """Where the frames of a camera are kept until they are drawn."""
    beside = Path(args.video or args.sheet)
    return beside.with_name(f".{beside.stem}.camera.mp4")
