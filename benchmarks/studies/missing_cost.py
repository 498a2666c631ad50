"""What missing joints and frames cost, by how they are filled in.

    python -m h2ot_edge.benchmarks.studies.missing_cost motionbert-s test.npz [--every 8]

Joints, or whole frames, are taken from detections of motions whose poses are known, in bursts; what
is left is filled in by `h2ot_edge.missing` and lifted. Confidence 0 is what models of this project
make of missing joints by themselves; confidence 1 is what an app does that fills in by itself.
"""

import argparse
import itertools
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.metrics import mpjpe, root_relative
from h2ot_edge.benchmarks.accuracy.protocols import cmu_clips
from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.detector import Detector
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.motions import MotionSet
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.missing import FADE_S, fill_missing
from h2ot_edge.rates import frame_times
from h2ot_edge.spec import FloatArray

__all__ = ["main", "run", "some_motions"]

SHARES = (0.05, 0.1, 0.2)
BURSTS_S = (0.1, 0.3, 1.0)
AGES_S = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, np.inf)

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Way:
    """A way to fill in: a policy of `fill_missing`, and how confidences fade, None for not."""

    policy: str
    fade_s: float | None = FADE_S

    def keypoints(self, clip: LabelledClip, gone: BoolArray) -> FloatArray:
        """Of a clip without the joints (t, 17) that are `gone`."""
        left = clip.keypoints.copy()
        left[gone] = np.nan
        times = frame_times(len(left), fps=clip.fps)
        fade_s = FADE_S if self.fade_s is None else self.fade_s
        filled = fill_missing(left, on_missing=self.policy, times=times, fade_s=fade_s)
        if self.fade_s is None:
            filled.keypoints[~filled.seen, 2] = 1
        return filled.keypoints


WAYS = {
    "confidence 0": Way("interpolate", 0),
    "hold": Way("hold"),
    "interpolate": Way("interpolate"),
    "hold, confidence 1": Way("hold", None),
    "interpolate, confidence 1": Way("interpolate", None),
}
"""With confidence 0 the models of this project give the same whatever is filled in (`apart`)."""


def some_motions(data: Path, every: int) -> MotionSet:
    """Every so manieth motion of a file, so that a benchmark ends soon."""
    motions = read_motions(data)
    names = {motion.name for motion in motions.motions[::every]}
    return motions.where(lambda motion: motion.name in names)


def gone(clip: LabelledClip, share: float, burst_s: float, *, frames: bool) -> BoolArray:
    """(t, 17) joints to take from a clip, or frames, in bursts of `burst_s` on average."""
    loss = Detector(run_s=burst_s, sure=1.0, **{"gaps" if frames else "lost": share})
    rng = np.random.default_rng([zlib.crc32(clip.name.encode()), int(1000 * burst_s), frames])
    shape = (1, len(clip.truth), 17, 2)
    found = loss.detect(np.ones(shape, np.float32), np.ones(1, np.float32), rng, fps=clip.fps)
    taken: BoolArray = found[0, ..., 2] == 0
    return taken


def lifted(engine: Engine, keypoints: FloatArray) -> FloatArray:
    """Poses of keypoints that are filled in; the engine is not to do it once more its own way."""
    return np.asarray(engine.infer(keypoints, on_missing=None))


def errors(engine: Engine, clip: LabelledClip, keypoints: FloatArray) -> Array:
    """(t, 17) millimetres."""
    return mpjpe(root_relative(lifted(engine, keypoints)), root_relative(clip.truth))


def losses(engine: Engine, clips: Sequence[LabelledClip], *, frames: bool) -> Iterator[list[str]]:
    """A row for each share and burst: the difference of MPJPE to nothing lost, by way."""
    whole = mean(errors(engine, clip, clip.keypoints) for clip in clips)
    yield ["nothing", "", *[f"{whole:.1f}"] * len(WAYS)]
    for share in SHARES:
        for burst in BURSTS_S:
            taken = [gone(clip, share, burst, frames=frames) for clip in clips]
            figures = [
                mean(
                    errors(engine, clip, way.keypoints(clip, lost))
                    for clip, lost in zip(clips, taken, strict=True)
                )
                for way in WAYS.values()
            ]
            yield [f"{share:.0%}", f"{burst:g}", *(f"{value - whole:+.1f}" for value in figures)]


def mean(parts: Iterator[Array]) -> float:
    """Of all joints of all frames."""
    return float(np.concatenate(list(parts)).mean())


def ages(engine: Engine, clips: Sequence[LabelledClip], *, frames: bool) -> Iterator[list[str]]:
    """Errors of the missing joints alone, by the time to the nearest observation, before or after.

    Beside them those of the same joints of the same frames when nothing is missing.
    """
    found: list[Array] = []
    for clip in clips:
        lost = gone(clip, 0.2, 1.0, frames=frames)
        times = frame_times(len(lost), fps=clip.fps)
        left = np.where(lost[..., None], np.nan, clip.keypoints)
        valid = [fill_missing(left, times=times, max_gap_s=age).valid for age in AGES_S[:-1]]
        age = np.sum([~mask for mask in valid], axis=0)  # 0 if seen, else the number of the bin
        told = WAYS["interpolate"].keypoints(clip, lost)
        columns = (age, errors(engine, clip, told), errors(engine, clip, clip.keypoints))
        found.append(np.stack([column[:, 1:].ravel() for column in columns]))  # the root is 0
    age, without, seen = np.concatenate(found, axis=1)
    for number, (low, high) in enumerate(itertools.pairwise(AGES_S), start=1):
        these = age == number
        if these.any():
            span = f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}"
            means = (f"{values[these].mean():.0f}" for values in (without, seen))
            yield [span, str(int(these.sum())), *means]


def apart(engine: Engine, clips: Sequence[LabelledClip]) -> float:
    """Millimetres between the poses of `hold` and `interpolate`, both with confidence 0."""
    largest = 0.0
    for clip in clips:
        lost = gone(clip, 0.2, 1.0, frames=False)
        filled = [Way(policy, 0).keypoints(clip, lost) for policy in ("hold", "interpolate")]
        held, straight = (lifted(engine, keypoints) for keypoints in filled)
        largest = max(largest, 1000 * float(np.abs(held - straight).max()))
    return largest


def run(
    description: str, report: Callable[[Engine, MotionSet], str], argv: Sequence[str] | None
) -> int:
    """A benchmark's command line: load, measure, print; the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", help="name or file of a model")
    parser.add_argument("data", type=Path, help="motions, as for h2ot-eval")
    parser.add_argument("--every", type=int, default=8, metavar="N", help="every so manieth motion")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    args = parser.parse_args(argv)
    try:
        with Engine.load(args.model, device="cpu", threads=args.threads) as engine:
            sys.stdout.write(report(engine, some_motions(args.data, args.every)))
    except H2OTError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    return 0


def report(engine: Engine, motions: MotionSet) -> str:
    """The tables."""
    clips = list(cmu_clips(motions, views=1))
    text = (
        f"{len(clips)} clips, {sum(len(clip.truth) for clip in clips)} frames\n"
        f"hold and interpolate with confidence 0 differ by up to {apart(engine, clips):.3g} mm\n"
    )
    for what, frames in (("Joints", False), ("Whole frames", True)):
        head = [f"{what} lost", "bursts, s", *WAYS]
        text += "\n" + table(head, list(losses(engine, clips, frames=frames)), words=1)
        head = ["s from an observation", "missing", "MPJPE of these, mm", "when seen, mm"]
        text += "\n" + table(head, list(ages(engine, clips, frames=frames)), words=1)
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    return run("What missing joints and frames cost.", report, argv)


if __name__ == "__main__":
    sys.exit(main())
