"""Motion capture for tests: people of different size who walk."""

import numpy as np

from h2ot_edge.benchmarks.motion.motions import Motion, MotionSet, bone_lengths
from h2ot_edge.gait import Walk


def walking(subject="a", frames=60, stature_m=1.75, cadence=110.0, fps=50.0, action="walk"):
    walk = Walk(stature_m=stature_m, cadence_steps_per_min=cadence)
    poses = walk.joints(np.arange(frames) / fps).astype(np.float32)
    return Motion(poses=poses, fps=fps, name=f"{subject}_01", subject=subject, action=action)


def walkers(count=3, frames=60):
    """A set of `count` people, named a, b, ..., and the bodies of two more."""
    motions = tuple(
        walking("abcdefgh"[i], frames, stature_m=1.6 + 0.05 * i, cadence=100 + 10.0 * i)
        for i in range(count)
    )
    bodies = np.stack([bone_lengths(walking(stature_m=m).poses) for m in (1.5, 1.9)])
    return MotionSet(
        motions=motions, bodies=bodies.astype(np.float32), body_subjects=("a", "someone")
    )


def save_motions(path, motions):
    """The project's npz format."""
    lengths = [len(motion) for motion in motions.motions]
    np.savez(
        path,
        poses=np.concatenate([motion.poses for motion in motions.motions]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        names=np.array([motion.name for motion in motions.motions]),
        subjects=np.array([motion.subject for motion in motions.motions]),
        actions=np.array([motion.action for motion in motions.motions]),
        sources=np.array([motion.source for motion in motions.motions]),
        fps=np.float32(motions.motions[0].fps),
        up=np.array("z"),
        units=np.array("m"),
        bodies=motions.bodies,
        body_subjects=np.array(motions.body_subjects),
    )
    return path
