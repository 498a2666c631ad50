"""The simulated detector beside real detections, in the same figures.

`python -m h2ot_edge.benchmarks.motion.real_noise CLIPS.npz`, where the file holds detections with
triangulated poses, as `real_clips` reads them.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.motion.detector import NOISY, Detector
from h2ot_edge.benchmarks.motion.motions import bone_lengths, stature
from h2ot_edge.benchmarks.motion.real_clips import read_real_archive
from h2ot_edge.errors import H2OTError
from h2ot_edge.spec import FloatArray

__all__ = ["figures", "main", "real_errors", "simulated_errors"]

Array = NDArray[np.floating]

OUTLIER = 0.05
"""An error above a twentieth of the stature is a lost or swapped joint, not jitter."""


def figures(errors: FloatArray, confidence: FloatArray) -> dict[str, float]:
    """What a detector's errors are like.

    Args:
        errors: (t, 17, 2) found minus true points, in statures.
        confidence: (t, 17); 0 where nothing was found.

    Returns:
        Shares in per cent of the stature or of the joints, and correlations:
        `found_sd` of the errors of found joints about each joint's mean, `fast_sd` of what is new
        in every frame (from second differences), `memory` the correlation with the error 3
        frames ago, `telling` the rank correlation of confidence and smallness of the error,
        `lost` and `astray` shares of joints that are missing and that are outliers.
    """
    missing = confidence == 0
    size = np.linalg.norm(errors, axis=-1)
    astray = ~missing & (size > OUTLIER)
    good = np.where((missing | astray)[..., None], np.nan, errors)
    good = good - np.nanmean(good, axis=0)
    fast = np.diff(good, 2, axis=0) / np.sqrt(6)
    before, after = good[:-3], good[3:]
    memory = np.nanmean(before * after) / np.nanmean(good**2)
    here = np.isfinite(good[..., 0])
    telling = _rank_correlation(confidence[here], -np.linalg.norm(good[here], axis=-1))
    return {
        "found_sd": 100 * float(np.sqrt(np.nanmean(good**2))),
        "fast_sd": 100 * float(np.sqrt(np.nanmean(fast**2))),
        "memory": float(memory),
        "telling": telling,
        "lost": 100 * float(missing.mean()),
        "astray": 100 * float(astray.mean()),
    }


def real_errors(archive: Mapping[str, NDArray[Any]], clip: int) -> tuple[FloatArray, FloatArray]:
    """Errors (t, 17, 2) in statures and confidences (t, 17) of one clip of a file."""
    rows = slice(*archive["offsets"][clip : clip + 2])
    points, height = _true_points(archive, clip)
    found = archive["kp2d"][rows]
    errors = (found[..., :2] - points) / height
    return errors.astype(np.float32), found[..., 2]


def simulated_errors(
    archive: Mapping[str, NDArray[Any]], clip: int, detector: Detector, *, runs: int = 20
) -> tuple[FloatArray, FloatArray]:
    """The same of what `detector` makes of the clip's true points, `runs` times on end."""
    points, height = _true_points(archive, clip)
    many = np.repeat(points[None].astype(np.float32), runs, axis=0)
    statures = np.full(runs, float(np.mean(height)), np.float32)
    rng = np.random.default_rng(0)
    found = detector.detect(many, statures, rng, fps=float(archive["fps"]))
    errors = (found[..., :2] - many) / statures[:, None, None, None]
    return errors.reshape(-1, 17, 2), found[..., 2].reshape(-1, 17)


def _true_points(archive: Mapping[str, NDArray[Any]], clip: int) -> tuple[Array, Array]:
    """Pixels (t, 17, 2) of the triangulated poses, and statures in pixels (t, 1, 1)."""
    poses = archive["cam3d"][slice(*archive["offsets"][clip : clip + 2])]
    seen = poses @ archive["K"][clip].T
    height = archive["K"][clip][0, 0] * stature(bone_lengths(poses)) / poses[:, 0, 2]
    return seen[..., :2] / seen[..., 2:], height[:, None, None]


def _rank_correlation(first: Array, second: Array) -> float:
    """Spearman's, without care for ties."""
    ranks = [np.argsort(np.argsort(values)).astype(np.float64) for values in (first, second)]
    apart = [rank - rank.mean() for rank in ranks]
    return float(np.mean(apart[0] * apart[1]) / (apart[0].std() * apart[1].std()))


def main(argv: Sequence[str] | None = None) -> int:
    """Read, compare, print; the exit status."""
    parser = argparse.ArgumentParser(description="Real and simulated detections in figures.")
    parser.add_argument("clips", type=Path, metavar="CLIPS.npz")
    try:
        archive = read_real_archive(parser.parse_args(argv).clips)
    except H2OTError as error:
        sys.stderr.write(f"real_noise: error: {error}\n")
        return error.exit_status
    for clip in range(len(archive["offsets"]) - 1):
        for name, errors in (
            ("real", real_errors(archive, clip)),
            ("simulated", simulated_errors(archive, clip, NOISY)),
        ):
            told = ", ".join(f"{key} {value:.2f}" for key, value in figures(*errors).items())
            sys.stdout.write(f"clip {clip} {name}: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
