"""How far off places, sizes and floors are: `python -m h2ot_edge.benchmarks.studies.coordinates`.

Motions of held-out subjects, each filmed by one camera at a random place and spoiled by the
simulated detector, are lifted and converted with the true focal length and the true way up.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.tables import table
from h2ot_edge.benchmarks.motion.cameras import log_uniform
from h2ot_edge.benchmarks.motion.detector import NOISY
from h2ot_edge.benchmarks.motion.motions import Motion
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.benchmarks.motion.real_clips import read_real_archive
from h2ot_edge.bones import (
    BONES,
    STATURE_IN_BONES,
    bone_lengths,
    median_lengths,
    stabilise_bones,
    upright_length,
)
from h2ot_edge.camera import Camera
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.poses import Poses

__all__ = ["Shot", "figures", "film", "main", "real_shots"]

Array = NDArray[np.float64]
Figures = dict[str, float]

SIZE = (1280, 720)


@dataclass(frozen=True, eq=False, kw_only=True)
class Shot:
    """One person before one camera.

    Attributes:
        name: of the recording.
        truth: where the joints are, frame `camera`.
        keypoints: (t, 17, 3) pixels and confidence.
        K: (3, 3) of the camera.
        image_size: (width, height) in pixels.
        up: (3,) in the camera's frame; None if unknown.
        floor: (t, 17, 3) truth in the world, z up from the floor; None if unknown.
    """

    name: str
    truth: Poses
    keypoints: NDArray[np.float32]
    K: Array
    image_size: tuple[float, float]
    up: Array | None = None
    floor: Array | None = None


def film(motion: Motion, rng: np.random.Generator) -> Shot:
    """A shot from 3 to 9 m away, 0.5 to 2.5 m high, that looks at the person's mean place."""
    world = motion.poses.astype(np.float64)
    where, yaw = world.mean(axis=(0, 1)), rng.uniform(0, 2 * np.pi)
    away = log_uniform(rng, (3.0, 9.0), 1)[0]
    height = rng.uniform(0.5, 2.5)
    x, y, z = (float(number) for number in where)
    position = (float(x + away * np.cos(yaw)), float(y + away * np.sin(yaw)), height)
    focal = float(rng.uniform(800, 1600))
    camera = Camera(focal_px=focal, size=SIZE, position=position, look_at=(x, y, z))
    seen = camera.to_camera(world)
    # Who would come too near is filmed from farther away.
    seen[..., 2] += max(0.0, 1.0 - seen[..., 2].min())
    pixels = camera.project(seen).astype(np.float32)
    tall = STATURE_IN_BONES * upright_length(bone_lengths(world).mean(axis=0))
    stature = np.array([camera.focal_px * tall / np.median(seen[:, 0, 2])], np.float32)
    zero = camera.to_camera(np.zeros(3))
    return Shot(
        name=motion.action,
        truth=Poses(positions=seen.astype(np.float32), frame="camera", fps=motion.fps),
        keypoints=NOISY.detect(pixels[None], stature, rng, fps=motion.fps)[0],
        K=np.array(
            [[camera.focal_px, 0, SIZE[0] / 2], [0, camera.focal_px, SIZE[1] / 2], [0, 0, 1]]
        ),
        image_size=SIZE,
        up=camera.to_camera(np.array([0.0, 0.0, 1.0])) - zero,
        floor=world,
    )


def real_shots(path: Path) -> Iterator[Shot]:
    """Real detections with triangulated poses, as `read_real_archive` has them."""
    archive = read_real_archive(path)
    for clip, (start, stop) in enumerate(pairwise(archive["offsets"].tolist())):
        yield Shot(
            name=f"{archive['trial'][clip]}, camera {archive['cam'][clip]}",
            truth=Poses(
                positions=archive["cam3d"][start:stop], frame="camera", fps=float(archive["fps"])
            ),
            keypoints=archive["kp2d"][start:stop].astype(np.float32),
            K=archive["K"][clip].astype(np.float64),
            image_size=tuple(archive["size"][clip].tolist()),
        )


def figures(engine: Engine, shot: Shot) -> dict[str, Figures]:
    """Errors of the converted poses of a shot, for each way to convert them."""
    sure = shot.keypoints[..., 2]
    # Nothing is filled in, as in `evaluation`.
    lifted = engine.infer(shot.keypoints, image_size=shot.image_size, on_missing=None)
    poses = Poses(
        positions=np.asarray(lifted),
        fps=shot.truth.fps,
        valid=sure > 0,
        confidence=sure,
    )
    sizes = median_lengths(shot.truth.positions, shot.truth.valid)
    known = dict(zip(BONES, sizes.tolist(), strict=True))
    camera = poses.to_camera(shot.keypoints, K=shot.K)
    found = {
        "each frame by itself": _places(shot, _alone(shot, poses)),
        "the clip as a whole": _places(shot, camera),
        "the same, true bones given": _places(
            shot,
            poses.to_metric(bones=known, rescale=True).to_camera(shot.keypoints, K=shot.K),
        ),
        "the same, constant bones": _places(
            shot, stabilise_bones(poses).to_camera(shot.keypoints, K=shot.K)
        ),
    }
    if shot.up is not None and shot.floor is not None:
        heights = np.asarray(camera.to_world(shot.up))[..., 2] - shot.floor[..., 2]
        found["the clip as a whole"]["height over the floor, mm"] = _mm(np.abs(heights).mean())
    return found


def _alone(shot: Shot, poses: Poses) -> Poses:
    """Every frame as a clip of its own; NaN where too little is seen for that."""
    kept = poses.valid.sum(axis=-1) >= 6
    names = ("positions", "valid", "confidence")
    frames = poses.replace(**{name: getattr(poses, name)[kept][:, None] for name in names})
    placed = frames.to_camera(shot.keypoints[kept][:, None], K=shot.K)
    positions = np.full(poses.shape, np.nan, np.float32)
    positions[kept] = placed.positions[:, 0]
    return poses.replace(positions=positions, frame="camera")


def _places(shot: Shot, poses: Poses) -> Figures:
    """Errors in millimetres and percent, means over the frames that have poses."""
    placed = np.isfinite(poses.positions).all(axis=(1, 2))
    found, truth = (np.asarray(p, np.float64)[placed] for p in (poses, shot.truth))
    root, true_root = found[:, 0], truth[:, 0]
    rays, true_rays = root / root[:, 2:], true_root / true_root[:, 2:]
    depth = root[:, 2] / true_root[:, 2] - 1
    about = found - found[:, :1] - (truth - truth[:, :1])
    lengths = bone_lengths(found)
    return {
        "root, mm": _mm(_sizes(root - true_root).mean()),
        "across, mm": _mm(_sizes((rays - true_rays) * true_root[:, 2:]).mean()),
        "depth, %": float(100 * np.abs(depth).mean()),
        "its mean, %": float(100 * abs(depth.mean())),
        "velocity, mm/frame": _mm(_sizes(np.diff(root - true_root, axis=0)).mean()),
        "MPJPE, mm": _mm(_sizes(about).mean()),
        "bones vary, %": float(100 * (lengths.std(axis=0) / lengths.mean(axis=0)).mean()),
        "taller, %": 100 * (_upright(found) / _upright(truth) - 1),
    }


def _upright(positions: Array) -> float:
    return upright_length(median_lengths(positions, np.ones(positions.shape[:-1], np.bool_)))


def _sizes(vectors: Array) -> Array:
    sizes: Array = np.linalg.norm(vectors, axis=-1)
    return sizes


def _mm(metres: float) -> float:
    return float(1e3 * metres)


def _rows(name: str, found: Sequence[dict[str, Figures]]) -> Iterator[list[str]]:
    """Means over shots."""
    for way in found[0]:
        yield [name, way] + [
            f"{np.mean([shot[way][figure] for shot in found]):.2f}"
            if figure in found[0][way]
            else "-"
            for figure in found[0]["the clip as a whole"]
        ]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, measure, report; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="TEST.npz")
    parser.add_argument("--real", type=Path, metavar="REAL.npz")
    parser.add_argument("--model", default="motionbert-s", metavar="MODEL")
    args = parser.parse_args(argv)
    try:
        motions = read_motions(args.data).where(lambda motion: motion.source != "cmu-undaz")
        rng = np.random.default_rng(0)
        with Engine.load(args.model) as engine:
            filmed = [figures(engine, film(motion, rng)) for motion in motions.motions]
            rows = list(_rows(f"{len(filmed)} motions", filmed))
            head = ["clips", "placed", *filmed[0]["the clip as a whole"]]
            for shot in real_shots(args.real) if args.real else ():
                row = figures(engine, shot)
                rows += [line + ["-"] * (len(head) - len(line)) for line in _rows(shot.name, [row])]
    except H2OTError as error:
        sys.stderr.write(f"coordinates: error: {error}\n")
        return error.exit_status
    sys.stdout.write(table(head, rows, words=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
