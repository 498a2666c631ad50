"""What `SteadyBones` does to live poses: `python -m h2ot_edge.benchmarks.studies.steady_bones`.

Motions of held-out subjects, each filmed by one camera and spoiled by the simulated detector, go
through a stream; its poses then through the filters, as the stream itself would have it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.metrics import mpjpe, mpjve, root_relative
from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.benchmarks.studies.coordinates import Shot, film
from h2ot_edge.bones import bone_lengths, median_lengths, stabilise_bones
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.filters import OneEuro
from h2ot_edge.live import LivePose, PoseFilter, SteadyBones, poses_of, stream

__all__ = ["figures", "live_poses", "main"]

Array = NDArray[np.float64]


def live_poses(engine: Engine, shot: Shot, *, lookahead: int, hop: int) -> list[LivePose]:
    """What a stream answers.

    Raises:
        H2OTError: as `stream` and `Stream.push`.
    """
    made = stream(
        engine, lookahead=lookahead, hop=hop, fps=shot.truth.fps, image_size=shot.image_size
    )
    answers = [made.push(frame) for frame in shot.keypoints]
    return [pose for pose in answers if pose is not None]


def figures(shot: Shot, live: Sequence[LivePose]) -> dict[str, dict[str, float]]:
    """Errors of the live poses of a shot, for each way to steady them."""
    poses = poses_of(live)
    truth = root_relative(shot.truth.positions[[pose.number for pose in live]])
    lengths = median_lengths(shot.truth.positions, shot.truth.valid)
    euro, fps = OneEuro(min_cutoff_hz=1.2, beta=4.0), shot.truth.fps or 50.0
    ways: Mapping[str, Sequence[PoseFilter]] = {
        "nothing": [],
        "SteadyBones()": [SteadyBones()],
        "the true lengths given": [SteadyBones(lengths=lengths)],
        "OneEuro": [euro],
        "OneEuro, SteadyBones()": [euro.fresh(), SteadyBones()],
    }
    found = {
        name: _errors(_stepped(filters, poses.positions, fps), truth)
        for name, filters in ways.items()
    }
    found["stabilise_bones of the clip"] = _errors(stabilise_bones(poses).positions, truth)
    return found


def _stepped(
    filters: Sequence[PoseFilter], poses: NDArray[np.floating], fps: float
) -> NDArray[np.floating]:
    done = []
    for pose in poses:
        for one in filters:
            pose = one.step(pose, fps)
        done.append(pose)
    return np.stack(done)


def _errors(poses: NDArray[np.floating], truth: Array) -> dict[str, float]:
    lengths = bone_lengths(poses)
    return {
        "bones vary, %": float(100 * (lengths.std(axis=0) / lengths.mean(axis=0)).mean()),
        "mm a frame": float(1e3 * np.abs(np.diff(lengths, axis=0)).mean()),
        "MPJPE, mm": float(mpjpe(root_relative(poses), truth).mean()),
        "MPJVE, mm a frame": float(mpjve(root_relative(poses), truth).mean()),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, measure, report; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="MOTIONS.npz")
    parser.add_argument("--model", default="motionbert-s", metavar="MODEL")
    parser.add_argument("--lookahead", type=int, default=4, metavar="K")
    parser.add_argument("--hop", type=int, default=8, metavar="N")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every n-th motion")
    args = parser.parse_args(argv)
    try:
        motions = read_motions(args.data).where(lambda motion: motion.source != "cmu-undaz")
        rng = np.random.default_rng(0)
        with Engine.load(args.model) as engine:
            found = []
            for motion in motions.motions[:: args.every]:
                shot = film(motion, rng)
                live = live_poses(engine, shot, lookahead=args.lookahead, hop=args.hop)
                found.append(figures(shot, live))
    except H2OTError as error:
        sys.stderr.write(f"steady_bones: error: {error}\n")
        return error.exit_status
    rows = [
        [way, *(f"{np.mean([one[way][name] for one in found]):.2f}" for name in found[0][way])]
        for way in found[0]
    ]
    sys.stdout.write(f"{len(found)} motions\n\n")
    sys.stdout.write(table(["filters", *found[0]["nothing"]], rows, words=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
