"""A film whose people `h2ot-infer` finds and lifts."""

import argparse
import dataclasses
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from h2ot_edge._bars import progress_bar
from h2ot_edge._files import make_folder_of
from h2ot_edge.cli.infer_options import EVERYBODY, is_bar_shown
from h2ot_edge.cli.infer_people import chosen_people
from h2ot_edge.detectors import explained, open_detector
from h2ot_edge.errors import UsageError
from h2ot_edge.keypoint_files import KeypointsWriter, check_keypoints_path
from h2ot_edge.recording import Gathered, detect
from h2ot_edge.stages import StageTimes
from h2ot_edge.tracking import Tracker
from h2ot_edge.video import Source, VideoWriter, open_source

__all__ = ["FilmInput"]


class FilmInput:
    """A film and a detector."""

    def __init__(self, args: argparse.Namespace, pictures: bool) -> None:
        if args.detector is None:
            raise UsageError(
                f"{args.clip}: a film has no keypoints; name who finds people in it with "
                f"--detector: {explained()}"
            )
        self._args = args
        self._open = ExitStack()
        self._keypoints = check_keypoints_path(args.keypoints) if args.keypoints else None
        with ExitStack() as opened:
            self._detector = open_detector(
                args.detector, device=args.detector_device, people=args.look_for
            )
            opened.callback(self._detector.close)
            self._source = opened.enter_context(self._opened())
            self._open = opened.pop_all()
        self._copy = _copy_of(args) if pictures and self._source.live else None
        self.fps = self._source.fps
        self.alone = args.person not in (None, EVERYBODY)

    def gather(self, stages: StageTimes) -> Gathered:
        """As `Input.gather`."""
        with ExitStack() as files, progress_bar("frame", shown=is_bar_shown(self._args)) as bar:
            gathered = detect(
                self._source,
                self._detector,
                Tracker(),
                stages=stages,
                keypoints=self._keypoints_writer(files),
                copy=self._copy_writer(files),
                progress=bar,
            )
        self._open.close()
        if gathered.ended_by is not None and not gathered.recording.frames:
            raise gathered.ended_by
        recording = chosen_people(self._args, gathered.recording, self.alone)
        if self._copy is not None:  # it begins with the first frame that was looked at
            recording = dataclasses.replace(recording, numbers=np.arange(recording.frames))
        return dataclasses.replace(gathered, recording=recording)

    def film(self) -> Source:
        """As `Input.film`."""
        return self._opened() if self._copy is None else open_source(self._copy)

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
        make_folder_of(self._keypoints)
        return files.enter_context(KeypointsWriter(self._keypoints, self._source.size))

    def _copy_writer(self, files: ExitStack) -> VideoWriter | None:
        if self._copy is None:
            return None
        return files.enter_context(VideoWriter(self._copy, self._source.size, fps=self._source.fps))


def _copy_of(args: argparse.Namespace) -> Path:
    """Where the frames of a camera are kept until they are drawn."""
    beside = Path(args.video or args.sheet)
    return beside.with_name(f".{beside.stem}.camera.mp4")
