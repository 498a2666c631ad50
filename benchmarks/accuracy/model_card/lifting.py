"""Clips with what a model made of them, ready to be looked at frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.metrics import METRICS, root_relative
from h2ot_edge.benchmarks.motion.labelled import LabelledClip

__all__ = ["Lifted", "lifted_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Lifted:
    """A clip and its poses, both about the root.

    Attributes:
        clip: with normalised keypoints (t, 17, 3).
        truth: (t, 17, 3) metres.
        poses: (t, 17, 3) what the model gave; metres, or scaled to the truth frame by frame if
            the model gives none.
        errors_mm: (t,) mean over the joints of the first metric that the model can be measured
            with.
    """

    clip: LabelledClip
    truth: Array
    poses: Array
    errors_mm: Array

    @property
    def motion(self) -> str:
        """Name of the motion, whatever camera filmed it."""
        return self.clip.name.rpartition("/")[0] or self.clip.name


def lifted_of(clip: LabelledClip, poses: Array, metrics: Sequence[str]) -> Lifted:
    """Measure a clip frame by frame.

    Args:
        clip: whose frames all count.
        poses: (t, 17, 3) about the root, in the model's unit.
        metrics: names in `METRICS` that the model can be measured with; the first is used.

    Raises:
        InputError: poses or truth cannot be compared.
    """
    truth = root_relative(clip.truth)
    errors = METRICS[metrics[0]].errors(poses, truth).mean(axis=1)
    if METRICS["mpjpe"].needs_metres and "mpjpe" not in metrics:
        poses = _scaled(poses, truth)
    return Lifted(clip=clip, truth=truth, poses=poses, errors_mm=errors)


def _scaled(poses: Array, truth: Array) -> Array:
    """Each pose at the scale at which it is nearest to the truth, as for N-MPJPE."""
    squares = (poses**2).sum(axis=(1, 2), keepdims=True)
    product = (poses * truth).sum(axis=(1, 2), keepdims=True)
    scaled: Array = poses * np.divide(product, squares, out=0 * squares, where=squares > 0)
    return scaled
