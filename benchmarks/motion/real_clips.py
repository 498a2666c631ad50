"""Real detections with triangulated poses, such as Pose2Sim's demo (BSD-3-Clause), from a file."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from h2ot_edge._files import Archive, read_npz
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.errors import InputError
from h2ot_edge.spec import FloatArray

__all__ = ["read_real_archive", "read_real_clips"]

_NUMBERS = ("kp2d", "cam3d", "K", "offsets", "size", "fps")
_NEEDED = (*_NUMBERS, "trial", "cam")


def read_real_archive(path: Path) -> Archive:
    """Read and check the arrays of a file of clips of one person, each seen by one camera.

    Args:
        path: of an .npz file: `kp2d` (t, 17, 3), pixels and confidence; `cam3d` (t, 17, 3), metres
            in the camera's frame, x right, y down, z away from the camera; `K` (n, 3, 3), from the
            camera's frame to pixels; `offsets` (n + 1,), so that clip i is
            `kp2d[offsets[i]:offsets[i + 1]]`; `size` (n, 2), width and height in pixels; `trial`,
            `cam` (n,), which name the clip; `fps`, one number.

    Raises:
        InputError: not such a file.
    """
    archive = read_npz(path)
    missing = [name for name in _NEEDED if name not in archive]
    if missing:
        raise InputError(
            f"{path}: expected the arrays {', '.join(_NEEDED)}; {', '.join(missing)} not found "
            f"(found {', '.join(sorted(archive)) or 'none'}); give a file of real clips"
        )
    _check_values(path, archive)
    _check_shapes(path, archive)
    return archive


def read_real_clips(path: Path) -> tuple[LabelledClip, ...]:
    """The clips of such a file; their action is the trial.

    Raises:
        InputError: as `read_real_archive`.
    """
    archive = read_real_archive(path)
    points, poses = archive["kp2d"], archive["cam3d"]
    return tuple(
        LabelledClip(
            name=f"{trial}/{cam}",
            subject="one person",
            action=str(trial),
            keypoints=points[start:stop].astype(np.float32),
            truth=_about_hip(poses[start:stop]),
            fps=float(archive["fps"]),
            image_size=(float(width), float(height)),
        )
        for (start, stop), trial, cam, (width, height) in zip(
            pairwise(archive["offsets"].tolist()),
            archive["trial"],
            archive["cam"],
            archive["size"],
            strict=True,
        )
    )


def _check_values(path: Path, archive: Archive) -> None:
    for name in _NUMBERS:
        array, whole = archive[name], name == "offsets"
        if array.dtype.kind not in ("iu" if whole else "iuf"):
            kind = "whole numbers" if whole else "numbers"
            raise InputError(
                f"{path}: expected {name} of {kind}, got {array.dtype}; write it again"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name} holds NaN or infinity; write it again")
    for name in ("size", "fps"):
        if not (archive[name] > 0).all():
            raise InputError(
                f"{path}: expected {name} above 0, got {archive[name].min():g}; write it again"
            )


def _check_shapes(path: Path, archive: Archive) -> None:
    points, poses = archive["kp2d"], archive["cam3d"]
    bounds = archive["offsets"].ravel().tolist()
    count = len(bounds) - 1
    shapes = {
        "K": (count, 3, 3),
        "offsets": (count + 1,),
        "size": (count, 2),
        "fps": (),
        "trial": (count,),
        "cam": (count,),
    }
    rising = count > 0 and all(start < stop for start, stop in pairwise(bounds))
    if (
        points.shape[1:] != (17, 3)
        or poses.shape != points.shape
        or not rising
        or (bounds[0], bounds[-1]) != (0, len(points))
        or any(archive[name].shape != shape for name, shape in shapes.items())
    ):
        found = {name: archive[name].shape for name in ("kp2d", "cam3d", *shapes)}
        raise InputError(
            f"{path}: expected kp2d and cam3d (t, 17, 3), K (n, 3, 3), offsets (n + 1,) that rise "
            f"from 0 to t, size (n, 2), fps one number, trial and cam (n,), got {found} and "
            f"offsets {bounds}; write it again"
        )


def _about_hip(poses: FloatArray) -> FloatArray:
    moved: FloatArray = (poses - poses[:, :1]).astype(np.float32)
    return moved
