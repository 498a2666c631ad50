"""Motion capture in the 17 joints of `h2ot_edge.skeleton`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.skeleton import PARENTS
from h2ot_edge.spec import FloatArray

__all__ = [
    "Motion",
    "MotionSet",
    "bone_lengths",
    "bone_vectors",
    "joined",
    "poses_from_bones",
    "resampled",
    "stature",
]

STATURE_IN_BONES = 1.08
"""Stature over shin, thigh, spine, neck and head end to end: a standing person's joints are not
in one line, but ankle and crown add 0.2 m."""

_UPRIGHT = (2, 3, 7, 8, 9, 10)
"""The joints at the ends of those bones, of one leg."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Motion:
    """One recorded movement of one person.

    Attributes:
        poses: (t, 17, 3) float32 metres, in a right-handed world frame with z up.
        fps: frames a second.
        name: of the recording.
        subject: who moved.
        action: what they did.
        source: where the recording came from; empty if there is only one.
    """

    poses: FloatArray
    fps: float
    name: str
    subject: str
    action: str
    source: str = ""

    def __len__(self) -> int:
        return len(self.poses)


@dataclass(frozen=True, eq=False, kw_only=True)
class MotionSet:
    """Motions, and bodies to dress them in.

    Attributes:
        motions: the recordings.
        bodies: (n, 16) float32 metres, lengths of real people's bones, one per joint but the
            root; n may be 0.
        body_subjects: whose they are, one name a body; empty where nobody said.
        credit: whom to thank, and the terms of the data.
    """

    motions: tuple[Motion, ...]
    bodies: FloatArray = field(default_factory=lambda: np.zeros((0, 16), np.float32))
    body_subjects: tuple[str, ...] = ()
    credit: str = ""

    def __len__(self) -> int:
        return len(self.motions)

    @property
    def frames(self) -> int:
        """Frames of all motions together."""
        return sum(len(motion) for motion in self.motions)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everybody in it, in the order of their first motion."""
        return tuple(dict.fromkeys(motion.subject for motion in self.motions))

    def where(self, wanted: Callable[[Motion], bool]) -> "MotionSet":
        """The same with the motions that are wanted."""
        return replace(self, motions=tuple(motion for motion in self.motions if wanted(motion)))

    def of(self, wanted: Callable[[str], bool]) -> "MotionSet":
        """Motions and bodies of the people who are wanted; bodies of nobody in particular stay."""
        owners = self.body_subjects or ("",) * len(self.bodies)
        kept = [place for place, owner in enumerate(owners) if not owner or wanted(owner)]
        return replace(
            self.where(lambda motion: wanted(motion.subject)),
            bodies=self.bodies[kept],
            body_subjects=tuple(owners[place] for place in kept),
        )


def joined(sets: Iterable[MotionSet]) -> MotionSet:
    """Several sets as one."""
    parts = list(sets)
    credits = dict.fromkeys(part.credit for part in parts if part.credit)
    return MotionSet(
        motions=tuple(motion for part in parts for motion in part.motions),
        bodies=np.concatenate([part.bodies for part in parts]),
        body_subjects=tuple(
            owner for part in parts for owner in (part.body_subjects or ("",) * len(part.bodies))
        ),
        credit=" ".join(credits),
    )


def resampled(motion: Motion, fps: float) -> Motion:
    """A motion at another frame rate, each joint going straight from frame to frame.

    The frames lie at 0, 1/fps, 2/fps, ... seconds, up to the last one of the motion.
    """
    seconds = np.arange(int((len(motion) - 1) / motion.fps * fps + 1e-6) + 1) / fps
    places = np.minimum(seconds * motion.fps, len(motion) - 1)
    before = np.minimum(places.astype(np.int64), max(len(motion) - 2, 0))
    after = np.minimum(before + 1, len(motion) - 1)
    share = (places - before).astype(np.float32)[:, None, None]
    poses = (1 - share) * motion.poses[before] + share * motion.poses[after]
    return replace(motion, poses=poses, fps=fps)


def bone_vectors(poses: NDArray[np.floating]) -> NDArray[np.floating]:
    """Poses (..., 17, 3) -> vectors from parent to child, (..., 16, 3), without the root."""
    vectors: NDArray[np.floating] = poses[..., 1:, :] - poses[..., PARENTS[1:], :]
    return vectors


def poses_from_bones(
    root: NDArray[np.floating], vectors: NDArray[np.floating]
) -> NDArray[np.floating]:
    """The inverse of `bone_vectors`: root (..., 3) and vectors (..., 16, 3) -> (..., 17, 3)."""
    poses = np.empty((*vectors.shape[:-2], 17, 3), vectors.dtype)
    poses[..., 0, :] = root
    for joint, parent in enumerate(PARENTS[1:], start=1):
        poses[..., joint, :] = poses[..., parent, :] + vectors[..., joint - 1, :]
    return poses


def bone_lengths(poses: FloatArray) -> FloatArray:
    """Mean lengths over the frames of poses (..., f, 17, 3) -> (..., 16), in the same unit."""
    lengths: FloatArray = np.linalg.norm(bone_vectors(poses), axis=-1).mean(axis=-2)
    return lengths


def stature(bones: FloatArray) -> FloatArray:
    """About how high a person is with bones (..., 16) of these lengths, in the same unit."""
    upright = [joint - 1 for joint in _UPRIGHT]
    height: FloatArray = STATURE_IN_BONES * bones[..., upright].sum(axis=-1)
    return height
