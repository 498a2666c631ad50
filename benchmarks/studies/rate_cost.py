"""What another frame rate than that of the training costs, with and without resampling.

    python -m h2ot_edge.benchmarks.studies.rate_cost motionbert-s test.npz [--every 8] [--threads 1]

Motions of 50 frames a second are resampled, filmed and detected at another rate (100 and more a
second are straight between frames), and lifted as they are and by way of 50 frames a second.
"""

import dataclasses
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.metrics import mpjpe, mpjve, root_relative
from h2ot_edge.benchmarks.accuracy.protocols import cmu_clips
from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.motions import MotionSet, resampled
from h2ot_edge.benchmarks.studies.missing_cost import run
from h2ot_edge.engine import Engine
from h2ot_edge.missing import fill_missing
from h2ot_edge.rates import Resampling, frame_times

__all__ = ["main"]

RATES = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 60.0, 100.0, 120.0)
TRAINED = 50.0

Array = NDArray[np.float64]


def lifted(engine: Engine, clip: LabelledClip, fps: float) -> Array:
    """Poses of a clip by way of `fps` frames a second, at its own times."""
    filled = fill_missing(clip.keypoints)
    times = frame_times(len(clip.truth), fps=clip.fps)
    assert times is not None
    way = Resampling.to(times, fps)
    keypoints, _ = way.keypoints(filled.keypoints, filled.valid)
    # What is missing was filled in before; the engine has nothing to add to it.
    return root_relative(way.back(np.asarray(engine.infer(keypoints, on_missing=None))))


def figures(engine: Engine, clips: Sequence[LabelledClip], fps: float) -> tuple[float, float]:
    """Millimetres, and millimetres a second that velocities are off."""
    pairs = [(lifted(engine, clip, fps), root_relative(clip.truth)) for clip in clips]
    places = np.concatenate([mpjpe(*pair).ravel() for pair in pairs])
    speeds = np.concatenate([mpjve(*pair).ravel() for pair in pairs])
    return float(places.mean()), float(speeds.mean()) * clips[0].fps


def rows(engine: Engine, motions: MotionSet) -> Iterator[list[str]]:
    """One for each rate."""
    for fps in RATES:
        slower = tuple(resampled(motion, fps) for motion in motions.motions)
        at_rate = dataclasses.replace(motions, motions=slower)
        clips = list(cmu_clips(at_rate, views=1, fps=fps))
        plain, by_way = (figures(engine, clips, target) for target in (fps, TRAINED))
        span = engine.card.frames / fps
        yield [f"{fps:g}", f"{span:.1f}", *(f"{f[i]:.1f}" for i in (0, 1) for f in (plain, by_way))]


def report(engine: Engine, motions: MotionSet) -> str:
    """The table."""
    head = ["fps", "window, s", "MPJPE, mm", f"at {TRAINED:g}", "MPJVE, mm/s", f"at {TRAINED:g}"]
    return table(head, list(rows(engine, motions)), words=0)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    return run("What other frame rates cost.", report, argv)


if __name__ == "__main__":
    sys.exit(main())
