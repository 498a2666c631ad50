"""What the tests of the live view share: a source, a detector, a tracker and a model."""

import threading

import numpy as np
from live_streams import load

from h2ot_edge.detectors import Detections
from h2ot_edge.live_view import Lifter, Scene, Taken
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Frame

SIZE = (160, 120)
STANDING = np.array(
    [
        *([80, 60], [70, 60], [70, 85], [70, 110], [90, 60], [90, 85], [90, 110]),
        *([80, 45], [80, 30], [80, 22], [80, 12], [95, 30], [100, 45], [100, 60]),
        *([65, 30], [60, 45], [60, 60]),
    ],
    np.float32,
)
"""(17, 2) pixels."""


def person(x=0.0, size=1.0):
    """(17, 3) of somebody who stands x pixels to the right of the middle."""
    moved = (STANDING - STANDING[0]) * size + STANDING[0] + (x, 0)
    return np.column_stack([moved, np.ones(17)]).astype(np.float32)


class Film:
    """Grey images, each of its number's brightness; `pause` is called before each."""

    name, size = "film.mp4", SIZE

    def __init__(self, frames=20, fps=1000.0, *, live=False, pause=lambda number: None):
        self.frames, self.fps, self.live, self._pause = frames, fps, live, pause
        self.closed = threading.Event()

    def __iter__(self):
        for number in range(self.frames):
            self._pause(number)
            image = np.full((SIZE[1], SIZE[0], 3), number, np.uint8)
            yield Frame(number=number, timestamp=number / self.fps, image=image)

    def close(self):
        self.closed.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Detector:
    """Gives the people of each image, by its brightness; with names if they have some."""

    name = "stand-in"

    def __init__(self, people=lambda number: {"1": person()}):
        self._people = people

    def __call__(self, image, timestamp):
        people = self._people(int(image[0, 0, 0]))
        keypoints = np.array(list(people.values()), np.float32).reshape(-1, 17, 3)
        return Detections(
            layout="h36m", keypoints=keypoints, scores=np.ones(len(people)), people=tuple(people)
        )

    def close(self):
        pass


class Nobody:
    """A tracker that is asked of nobody: everybody has a name."""

    def update(self, keypoints, scores, timestamp):
        assert len(keypoints) == 0
        return []


def lifter(engine, detector=None, *, lookahead=1, hop=2, **options):
    times = options.pop("times", None) or StageTimes()
    given = {"delay": lookahead + hop - 1, "max_gap_s": 0.5, "times": times, **options}
    gap = given["max_gap_s"]
    streams = engine.streams(lookahead=lookahead, hop=hop, image_size=SIZE, max_gap_s=gap)
    return Lifter(detector or Detector(), Nobody(), streams, **given)


def scenes(engine, detector=None, *, frames=20, fps=50.0, **options):
    """The scenes of a film, without threads."""
    made = lifter(engine, detector, **options)
    steps = [made.step(Taken(frame=frame, at=0.0)) for frame in Film(frames, fps)]
    return [scene for scene in steps if isinstance(scene, Scene)]


def engine(tmp_path):
    return load(tmp_path)
