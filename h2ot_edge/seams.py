"""How visible the borders of windows are in the poses of a long clip.

Where one window's poses fade into the next one's (`h2ot_edge.windows`), a joint moves by what the
windows disagree on besides what the person does. Letters: t frames of a clip.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.windows import WindowPlan

__all__ = ["SeamJump", "seam_jump", "seam_steps", "steps_mm"]

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SeamJump:
    """Steps from frame to frame, each the mean of how far the joints move.

    Attributes:
        seams: borders between windows, of all clips.
        seam_mm: mean step where one window fades into the next one; NaN without seams.
        elsewhere_mm: mean of the other steps; NaN if there are none.
        worst_mm: largest step of `seam_mm`; NaN without seams.
        fps: frames a second; None if unknown.
    """

    seams: int
    seam_mm: float
    elsewhere_mm: float
    worst_mm: float
    fps: float | None = None

    @property
    def jump_mm(self) -> float:
        """What a step at a seam has over one elsewhere; about 0, or below, if none is visible."""
        return self.seam_mm - self.elsewhere_mm

    @property
    def jump_mm_per_s(self) -> float:
        """The same as a speed; NaN if the frame rate is unknown."""
        return self.jump_mm * self.fps if self.fps is not None else float("nan")


def seam_steps(plan: WindowPlan) -> BoolArray:
    """(t - 1,) whether the step from a frame to the next one is part of a seam.

    With overlap 0 it is one step at each border; else those of the cross-fade, up to the first
    frame that only the later window gives.

    Raises:
        UsageError: a plan with a window for every frame has no seams, or nothing but seams.
    """
    if plan.centred:
        raise UsageError(
            "seams: expected the plan of a seq2seq model; a seq2frame model gives every frame from "
            "a window of its own"
        )
    steps = np.zeros(plan.frames - 1, np.bool_)
    starts = plan.starts(np.arange(plan.windows_per_clip))
    for start, before in zip(starts[1:], starts[:-1], strict=True):
        steps[start - 1 : before + plan.window] = True
    return steps


def steps_mm(poses: Array) -> Array:
    """How far the joints of poses (..., t, 17, 3) in metres move from frame to frame.

    Returns:
        (..., t - 1) millimetres, the mean over the joints that are known in both frames; NaN where
        there are none.
    """
    distances = 1000 * np.linalg.norm(np.diff(poses, axis=-3), axis=-1)
    known = np.isfinite(distances)
    count = known.sum(axis=-1)
    total = np.where(known, distances, 0).sum(axis=-1)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def seam_jump(poses: ArrayLike, plan: WindowPlan, fps: float | None = None) -> SeamJump:
    """Compare the steps at seams with the others.

    A person who happens to move faster at the seams is a jump as well, so the figure needs some
    tens of seams to mean anything. Joints that are NaN in a frame have no step there.

    Args:
        poses: (t, 17, 3) or (n, t, 17, 3) metres.
        plan: that the clips were lifted with.
        fps: frames a second, for mm/s.

    Raises:
        InputError: poses of another shape than the plan's.
        UsageError: as `seam_steps`.
    """
    given = np.asarray(poses, np.float64)
    clips = given[None] if given.ndim == 3 else given
    expected = (plan.clips, plan.frames, len(JOINTS), 3)
    if clips.shape != expected:
        raise InputError(
            f"poses: expected {expected}, as the plan has clips and frames, got {given.shape}; "
            "give the poses of all its clips"
        )
    at_seam = seam_steps(plan)
    steps = steps_mm(clips)
    seams, others = steps[:, at_seam], steps[:, ~at_seam]
    return SeamJump(
        seams=plan.clips * (plan.windows_per_clip - 1),
        seam_mm=_mean(seams),
        elsewhere_mm=_mean(others),
        worst_mm=float(np.nanmax(seams)) if np.isfinite(seams).any() else float("nan"),
        fps=fps,
    )


def _mean(steps: Array) -> float:
    known = steps[np.isfinite(steps)]
    return float(known.mean()) if known.size else float("nan")
