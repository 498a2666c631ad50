"""Windows to train on: cut from motions, changed, filmed, detected. The same for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.motion.cameras import CameraRange, film, log_uniform
from h2ot_edge.benchmarks.motion.detector import NOISY, Detector
from h2ot_edge.benchmarks.motion.motions import (
    MotionSet,
    bone_lengths,
    bone_vectors,
    poses_from_bones,
    stature,
)
from h2ot_edge.export.training.variation import Variation
from h2ot_edge.skeleton import MIRROR
from h2ot_edge.spec import FloatArray

__all__ = ["FPS", "TRAINING", "Augmentation", "Sampler"]

FPS = 50.0
"""Frames a second of the windows; cards tell it, and clips of another rate are taken to it."""

_OTHER_SIDE = np.array([-1, 1, 1], np.float32)


TRAINING = replace(NOISY, absent=0.3)
"""A network that never missed a joint throughout makes 14 % more of its error when it does."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How recorded motions are varied.

    Attributes:
        mirror: share of windows whose left and right are exchanged.
        speed: a window's motion is this much faster, uniform in its logarithm.
        bodies: share of windows whose bones get lengths between their own and another person's.
        scale: standard deviation of the logarithm of a window's overall size.
        variation: how poses are made that nobody recorded; None leaves them as they are.
        cameras: what films it.
        detector: what detects it.
    """

    mirror: float = 0.5
    speed: tuple[float, float] = (0.7, 1.4)
    bodies: float = 0.7
    scale: float = 0.04
    variation: Variation | None = field(default_factory=Variation)
    cameras: CameraRange = field(default_factory=CameraRange)
    detector: Detector = TRAINING


class Sampler:
    """Draws batches of windows; batch n is a function of the seed and n alone."""

    def __init__(
        self,
        motions: MotionSet,
        *,
        frames: int,
        windows: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        """Prepare.

        Args:
            motions: to draw from. An action is drawn with the square root of its length in all
                recordings, so that an action that was recorded at length does not crowd out the
                others.
            frames: f.
            windows: b of a batch.
            augmentation: how motions are varied; None for the default.
            seed: of all chance.
        """
        self.frames, self.windows, self.seed = frames, windows, seed
        self.augmentation = augmentation or Augmentation()
        lengths = np.array([len(motion) for motion in motions.motions])
        self._poses = np.concatenate([motion.poses for motion in motions.motions])
        self._start = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._length = lengths
        self._rate = np.array([motion.fps for motion in motions.motions]) / FPS
        self._chance = _chances([motion.action for motion in motions.motions], lengths)
        self._bodies = motions.bodies
        self._bones = np.stack([bone_lengths(motion.poses) for motion in motions.motions])

    def __call__(self, number: int) -> tuple[FloatArray, FloatArray]:
        """Batch `number`.

        Returns:
            Keypoints (b, f, 17, 3), x and y normalised by the image width, and poses
            (b, f, 17, 3), root-relative metres in the camera's orientation; float32.
        """
        rng = np.random.default_rng([self.seed, number])
        motion = rng.choice(len(self._length), self.windows, p=self._chance)
        poses = self._dressed(self._cut(motion, rng), motion, rng)
        mirrored = rng.random(self.windows) < self.augmentation.mirror
        poses[mirrored] = poses[mirrored][:, :, MIRROR] * _OTHER_SIDE
        filmed = film(poses, rng, self.augmentation.cameras)
        height = stature(bone_lengths(poses[:, self.frames // 2, None])) * filmed.focal
        keypoints = self.augmentation.detector.detect(
            filmed.points, height / filmed.roots[..., 2].mean(axis=1), rng, fps=FPS
        )
        return keypoints, filmed.poses

    def _cut(self, motion: NDArray[np.int64], rng: np.random.Generator) -> FloatArray:
        """(b, f, 17, 3) at a random time and speed; frames past an end repeat it."""
        speed = log_uniform(rng, self.augmentation.speed, self.windows)
        step = speed * self._rate[motion]
        last = self._length[motion] - 1
        begin = rng.random(self.windows) * np.maximum(last - step * (self.frames - 1), 0)
        time = begin[:, None] + step[:, None] * np.arange(self.frames)
        time = np.clip(time, 0, last[:, None])
        before = time.astype(np.int64)
        after = np.minimum(before + 1, last[:, None])
        share = (time - before).astype(np.float32)[..., None, None]
        first = self._start[motion][:, None]
        early, late = self._poses[first + before], self._poses[first + after]
        cut: FloatArray = early + share * (late - early)
        return cut

    def _dressed(
        self, poses: FloatArray, motion: NDArray[np.int64], rng: np.random.Generator
    ) -> FloatArray:
        """The same motion by another body."""
        ratio = np.exp(rng.normal(0.0, self.augmentation.scale, (self.windows, 1)))
        if len(self._bodies):
            other = self._bodies[rng.integers(len(self._bodies), size=self.windows)]
            share = rng.random((self.windows, 1)) * (
                rng.random((self.windows, 1)) < self.augmentation.bodies
            )
            ratio = ratio * (1 + share * (other / self._bones[motion] - 1))
        vectors = bone_vectors(poses) * ratio[:, None, :, None].astype(np.float32)
        if self.augmentation.variation is not None:
            vectors = self.augmentation.variation(vectors, rng)
        return poses_from_bones(poses[..., 0, :], vectors)


def _chances(actions: Sequence[str], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each motion is drawn; they sum to 1."""
    names, action = np.unique(actions, return_inverse=True)
    total = np.bincount(action, weights=lengths, minlength=len(names))
    chance = lengths / np.sqrt(total[action])
    result: NDArray[np.float64] = chance / chance.sum()
    return result
