"""What a 2-D detector makes of true points: jitter, telling confidences, lost and swapped joints.

Sizes are in statures, the person's height in the picture. They follow what was measured on real
OpenPose detections of two calibrated cameras against their triangulation (Pose2Sim's demo;
`python -m h2ot_edge.benchmarks.motion.real_noise` prints the comparison): 0.3 to 1.2 % for joints
that were found, of which 0.2 to 0.3 % changes from frame to frame, the rest slowly; rare frames in
which a joint is lost or jumps to the other side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.skeleton import MIRROR
from h2ot_edge.spec import FloatArray

__all__ = ["CLEAN", "NOISY", "Detector"]

Array = NDArray[np.floating]

# How much larger the error of a joint is than that of the hip: limbs, and most of all their ends.
_JOINT = np.array([1, 1, 1.2, 1.4, 1, 1.2, 1.4, 1, 1, 1, 1, 1, 1.3, 1.6, 1, 1.3, 1.6], np.float32)
_LIMBS = ((2, 3), (5, 6), (1, 2, 3, 4, 5, 6), (12, 13), (15, 16), (11, 12, 13, 14, 15, 16))


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A simulated detector.

    Attributes:
        slow: standard deviation of an error that changes with a memory of `memory_s`, statures.
        memory_s: time in which its autocorrelation falls to 1/e, seconds.
        fast: standard deviation of an error that is new in every frame, statures.
        bias: of an error that a joint keeps through a window, statures.
        spread: standard deviation of the logarithm of a window's overall noise level.
        lost: share of joints that are missing, in runs of `run_s` seconds on average.
        astray: share of joints that are somewhere near, with a low confidence; same runs.
        swapped: share of limbs or limb pairs whose left and right are exchanged; same runs.
        gaps: share of frames without any joint; same runs.
        run_s: mean length of such a run, seconds.
        sure: share of windows whose detector says 1 for every joint it gives.
        absent: share of windows in which some joints are never found: half of the times 1 to 6
            of any, else one or two of the limbs.
    """

    slow: float = 0.0
    memory_s: float = 0.15
    fast: float = 0.0
    bias: float = 0.0
    spread: float = 0.0
    lost: float = 0.0
    astray: float = 0.0
    swapped: float = 0.0
    gaps: float = 0.0
    run_s: float = 0.12
    sure: float = 0.0
    absent: float = 0.0

    def detect(
        self, points: FloatArray, stature: FloatArray, rng: np.random.Generator, *, fps: float
    ) -> FloatArray:
        """Spoil true points.

        Args:
            points: (b, f, 17, 2) in any unit.
            stature: (b,) heights of the people in the picture, in the same unit.
            rng: source of all chance.
            fps: frames a second.

        Returns:
            (b, f, 17, 3) float32: x, y and a confidence in [0, 1]; missing joints are 0, 0, 0.
        """
        windows, frames = points.shape[:2]
        level = np.exp(rng.normal(0.0, 1.0, (windows, 1, 1)) * self.spread) * _JOINT
        drift = self._wander(rng, (windows, frames, 17, 3), fps)
        size = (level * np.exp(0.35 * drift[..., 2])).astype(np.float32)
        offset = self.slow * drift[..., :2] + self.fast * _normal(rng, (windows, frames, 17, 2))
        offset *= size[..., None]
        offset += self.bias * level[..., None] * _normal(rng, (windows, 1, 17, 2))
        error = np.float32(np.hypot(self.slow, self.fast)) * size
        if self.astray:
            stray = self._runs(rng, (windows, frames, 17), self.astray, fps)
            offset += stray[..., None] * 0.06 * _normal(rng, (windows, 1, 17, 2))
            error += np.float32(0.06) * stray
        found: Array = points + offset * stature[:, None, None, None]
        if self.swapped:
            found = self._swap(found, rng, fps)
        doubt = np.exp(-40 * error) + np.float32(0.03) * _normal(rng, error.shape)
        sure = rng.random((windows, 1, 1)) < self.sure
        confidence = np.where(sure, 1.0, np.clip(doubt * self._gain(rng, windows), 0.02, 1.0))
        seen = np.concatenate([found, confidence[..., None]], axis=-1).astype(np.float32)
        missing = self._runs(rng, (windows, frames, 17), self.lost, fps)
        missing |= self._runs(rng, (windows, frames, 1), self.gaps, fps)
        if self.absent:
            missing |= self._absent(rng, windows)[:, None]
        seen[missing] = 0.0
        return seen

    def _gain(self, rng: np.random.Generator, windows: int) -> Array:
        """Detectors disagree on the scale of confidences."""
        return rng.uniform(0.6, 1.0, (windows, 1, 1)) if self.spread else np.ones((windows, 1, 1))

    def _wander(
        self, rng: np.random.Generator, shape: tuple[int, ...], fps: float
    ) -> NDArray[np.float32]:
        """Unit Gaussian noise with a memory, along axis 1."""
        keep = np.float32(np.exp(-1 / (self.memory_s * fps)))
        noise = _normal(rng, shape)
        noise[:, 1:] *= np.sqrt(1 - keep**2)
        for now in range(1, shape[1]):
            noise[:, now] += keep * noise[:, now - 1]
        return noise

    def _runs(
        self, rng: np.random.Generator, shape: tuple[int, ...], share: float, fps: float
    ) -> NDArray[np.bool_]:
        """Bools of which `share` are true, in runs along axis 1."""
        if not share:
            return np.zeros(shape, np.bool_)
        leave = 1 / max(self.run_s * fps, 1.0)
        enter = leave * share / (1 - share)
        chance = rng.random(shape, dtype=np.float32)
        state = np.empty(shape, np.bool_)
        state[:, 0] = chance[:, 0] < share
        for now in range(1, shape[1]):
            before = state[:, now - 1]
            state[:, now] = chance[:, now] < np.where(before, 1 - leave, enter)
        return state

    def _absent(self, rng: np.random.Generator, windows: int) -> NDArray[np.bool_]:
        """Joints (b, 17) that are never found."""
        hidden = np.zeros((windows, 17), np.bool_)
        for window in np.flatnonzero(rng.random(windows) < self.absent):
            if rng.random() < 0.5:
                hidden[window, rng.permutation(17)[: rng.integers(1, 7)]] = True
            else:
                for limb in rng.permutation(len(_LIMBS))[: rng.integers(1, 3)]:
                    hidden[window, list(_LIMBS[limb])] = True
        return hidden

    def _swap(self, points: Array, rng: np.random.Generator, fps: float) -> Array:
        """Exchange left and right of some limbs in runs."""
        runs = self._runs(rng, (*points.shape[:2], len(_LIMBS)), self.swapped, fps)
        swapped = points.copy()
        mirrored = points[:, :, MIRROR]
        for limb, joints in enumerate(_LIMBS):
            both = sorted({*joints, *(MIRROR[joint] for joint in joints)})
            where, when = np.nonzero(runs[:, :, limb])
            for joint in both:
                swapped[where, when, joint] = mirrored[where, when, joint]
        return swapped


CLEAN = Detector(sure=1.0)
"""Sees everything exactly, and says so."""

NOISY = Detector(
    slow=0.004,
    fast=0.0017,
    bias=0.0025,
    spread=0.3,
    lost=0.01,
    astray=0.005,
    swapped=0.001,
    gaps=0.002,
    sure=0.15,
)
"""The project's stated noise, with which models are tested unless said."""


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)
