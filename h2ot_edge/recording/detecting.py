"""From frames to keypoints with ids; what ends it early costs nothing that is done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from h2ot_edge._interrupts import stopping_on_interrupt
from h2ot_edge.detectors import Detector
from h2ot_edge.keypoint_files import KeypointsWriter
from h2ot_edge.recording.naming import Naming
from h2ot_edge.recording.people import Recording, RecordingBuilder
from h2ot_edge.spec import FloatArray
from h2ot_edge.stages import StageTimes
from h2ot_edge.tracking import Tracker
from h2ot_edge.video import Frame, Source, VideoWriter

__all__ = ["Gathered", "detect"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Gathered:
    """What was found before the source ended, or something else ended it.

    Attributes:
        recording: everybody who was found; perhaps of no frame.
        ended_by: Ctrl-C, or the error of the source, the detector or the disk; None if the source
            came to its end. The caller raises it when what is there has been used.
    """

    recording: Recording
    ended_by: BaseException | None = None


def detect(
    source: Source,
    detector: Detector,
    tracker: Tracker,
    *,
    stages: StageTimes | None = None,
    keypoints: KeypointsWriter | None = None,
    copy: VideoWriter | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gathered:
    """Find everybody in every frame.

    The first Ctrl-C ends it after the frame that is being looked at. A second one raises
    `KeyboardInterrupt` at once, and what was found is lost but for `keypoints`.

    Args:
        source: of the frames.
        detector: finds people in each; one that names them does so in all frames.
        tracker: says who is who.
        stages: times of `decode`, `detect`, `track` and, of `keypoints` and `copy`, `write` are
            added to it.
        keypoints: gets every frame as soon as it is done.
        copy: gets the images, of a camera that cannot be asked again.
        progress: called after every frame with how many are done and how many there are, 0 if
            nobody knows.
    """
    stages = stages or StageTimes()
    builder, naming = RecordingBuilder(source.size, source.fps), Naming(tracker)
    ended: BaseException | None = None
    with stopping_on_interrupt() as interrupted:
        try:
            for done, frame in enumerate(_until(interrupted, stages.each("decode", source)), 1):
                names, points = _people(frame, detector, naming, stages)
                if copy is not None:
                    with stages("write"):
                        copy.write(frame.image, frame.timestamp)
                if keypoints is not None:
                    with stages("write"):
                        keypoints.add(frame.number, frame.timestamp, names, points)
                builder.add(frame.number, frame.timestamp, names, points)
                if progress is not None:
                    progress(done, source.frames or 0)
        except Exception as error:
            ended = error
        if ended is None and interrupted():
            ended = KeyboardInterrupt()
    return Gathered(recording=builder.recording(), ended_by=ended)


def _until(stop: Callable[[], bool], frames: Iterator[Frame]) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        if stop():
            return


def _people(
    frame: Frame, detector: Detector, naming: Naming, stages: StageTimes
) -> tuple[Sequence[str], FloatArray]:
    """Names and keypoints (n, 17, 3) of who is in a frame."""
    with stages("detect"):
        found = detector(frame.image, frame.timestamp)
    with stages("track"):
        return naming(found, frame.timestamp)
