"""How visible the seams between windows are, by how many frames windows share.

    python -m h2ot_edge.benchmarks.studies.seam_cost motionbert-s test.npz [--every 8] [--threads 1]

Steps are those of `h2ot_edge.seams`: how far joints move from frame to frame. Beside them the error
of that movement (MPJVE), at seams and elsewhere, in which the person's own movement is taken out.
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.metrics import mpjpe, mpjve, root_relative
from h2ot_edge.benchmarks.accuracy.protocols import cmu_clips
from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.motion.motions import MotionSet
from h2ot_edge.benchmarks.studies.missing_cost import run
from h2ot_edge.card import ModelCard
from h2ot_edge.engine import Engine
from h2ot_edge.seams import seam_steps, steps_mm
from h2ot_edge.windows import WindowPlan

__all__ = ["main"]


Array = NDArray[np.float64]


def plan_of(card: ModelCard, frames: int, overlap: int) -> WindowPlan:
    """As the engine cuts one clip."""
    return WindowPlan(clips=1, frames=frames, window=card.frames, overlap=overlap, batch=8)


def lifted(engine: Engine, clip: LabelledClip, plan: WindowPlan) -> Array:
    """(t, 17, 3) poses by way of the plan's windows."""
    out = np.empty((1, *clip.truth.shape), np.float32)
    for windows in plan.batches():
        for one in windows[:, None]:  # models with a batch of 1 too
            cut = plan.cut(clip.keypoints[None], one)
            plan.join(engine.run_windows(cut)[engine.card.output.name], one, out)
    return root_relative(out[0])


def row(engine: Engine, clips: Sequence[LabelledClip], overlap: int) -> Iterator[str]:
    """The figures of one overlap, of the steps of all clips."""
    parts, windows, whole = [], 0, []
    for clip in clips:
        plan = plan_of(engine.card, len(clip.truth), overlap)
        poses, truth = lifted(engine, clip, plan), root_relative(clip.truth)
        off = mpjve(poses, truth).mean(axis=1)
        parts.append(np.stack([seam_steps(plan), steps_mm(poses), off]))
        whole.append(mpjpe(poses, truth))
        windows += len(plan)
    at_seam, steps, off = np.concatenate(parts, axis=1)
    yield from (str(overlap), str(windows), str(windows - len(clips)))
    yield f"{np.concatenate(whole).mean():.1f}"
    for values in (steps, off):
        seam, elsewhere = (values[at_seam == flag].mean() for flag in (1, 0))
        yield from (f"{seam:.1f}", f"{elsewhere:.1f}", f"{(seam - elsewhere) * clips[0].fps:+.0f}")


def report(engine: Engine, motions: MotionSet) -> str:
    """The table."""
    frames = engine.card.frames
    clips = list(cmu_clips(motions, views=1))
    overlaps = (0, frames // 9, frames // 4, frames // 2)
    rows = [list(row(engine, clips, overlap)) for overlap in overlaps]
    figures = [f"{name}, mm" for name in ("step", "MPJVE")]
    head = ["overlap", "windows", "seams", "MPJPE, mm"]
    head += [cell for name in figures for cell in (f"{name}, at seams", "elsewhere", "jump, mm/s")]
    return table(head, rows, words=0)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    return run("How visible seams between windows are.", report, argv)


if __name__ == "__main__":
    sys.exit(main())
