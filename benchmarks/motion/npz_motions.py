"""Motions from .npz files in this project's own format."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._files import Archive, read_npz
from h2ot_edge.benchmarks.motion.motions import Motion, MotionSet
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = ["motions_from_npz"]

_NEEDED = ("poses", "offsets", "names", "subjects", "actions", "up", "units", "fps")
_OTHER_NAMES = {"nose": "neck"}
"""Human3.6M's joint 9 goes by both names; `h2ot_edge.skeleton` says neck."""


def motions_from_npz(path: Path) -> MotionSet:
    """Read motions in this project's format.

    The file holds plain arrays: `poses` (t, 17, 3) metres in a right-handed world frame with z up,
    all motions one after the other; `offsets` (n + 1,), so that motion i is
    `poses[offsets[i]:offsets[i + 1]]`; `names`, `subjects`, `actions` (n,); `units` "m";
    `up` "z"; `fps`, one number or (n,). And perhaps `sources` (n,), `bodies` (m, 16), metres,
    `body_subjects` (m,), `licence`, and `joints` (17,), which must then be the names of
    `h2ot_edge.skeleton` in order.

    Raises:
        InputError: not as above, or with NaN or infinity.
    """
    archive = read_npz(path)
    missing = [name for name in _NEEDED if name not in archive]
    if missing:
        raise InputError(
            f"{path}: expected the arrays {', '.join(_NEEDED)}; {', '.join(missing)} not found "
            f"(found {', '.join(sorted(archive)) or 'none'})"
        )
    _check_conventions(path, archive)
    poses = _poses(path, archive["poses"])
    offsets = _offsets(path, archive["offsets"], len(poses))
    bodies = _bodies(path, archive.get("bodies"))
    owners = archive.get("body_subjects")
    return MotionSet(
        motions=tuple(_motions(path, archive, poses, offsets)),
        bodies=bodies,
        body_subjects=tuple(
            _texts(path, archive, "body_subjects", len(bodies)) if owners is not None else ()
        ),
        credit=str(archive["licence"]) if "licence" in archive else "",
    )


def _check_conventions(path: Path, archive: Archive) -> None:
    """Joints, unit and axis are stated by the file; another convention is not converted here."""
    joints = archive["joints"].ravel().tolist() if "joints" in archive else JOINTS
    found = tuple(_OTHER_NAMES.get(name, name) for name in joints)
    if found != JOINTS:
        raise InputError(
            f"{path}: expected the joints {', '.join(JOINTS)}, got "
            f"{', '.join(map(str, found))}; put them in that order"
        )
    if str(archive["units"]) != "m":
        raise InputError(
            f"{path}: expected units 'm', got {str(archive['units'])!r}; convert it to metres"
        )
    if str(archive["up"]) != "z":
        raise InputError(
            f"{path}: expected up 'z', got {str(archive['up'])!r}; turn the poses so that z is up"
        )


def _poses(path: Path, poses: NDArray[Any]) -> FloatArray:
    if poses.ndim != 3 or poses.shape[1:] != (17, 3) or poses.dtype.kind != "f":
        raise InputError(
            f"{path}: expected poses (t, 17, 3) of floating point, got {poses.shape} {poses.dtype}"
        )
    broken = ~np.isfinite(poses).all(axis=(1, 2))
    if broken.any():
        raise InputError(
            f"{path}: poses hold NaN or infinity in {broken.sum()} frames, first in frame "
            f"{broken.argmax()}; cut them out"
        )
    return poses.astype(np.float32)


def _offsets(path: Path, offsets: NDArray[Any], frames: int) -> list[int]:
    bounds = offsets.tolist() if offsets.ndim == 1 and offsets.dtype.kind in "iu" else []
    rising = len(bounds) > 1 and all(start < stop for start, stop in pairwise(bounds))
    if not rising or bounds[0] != 0 or bounds[-1] != frames:
        raise InputError(
            f"{path}: expected offsets (n + 1,) whole numbers, each larger than the one before, "
            f"from 0 to the {frames} frames, got {_shown(offsets)}"
        )
    return bounds


def _motions(
    path: Path, archive: Archive, poses: FloatArray, offsets: list[int]
) -> Iterator[Motion]:
    count = len(offsets) - 1
    names, subjects, actions = (
        _texts(path, archive, name, count) for name in ("names", "subjects", "actions")
    )
    sources = _texts(path, archive, "sources", count) if "sources" in archive else [""] * count
    rates = _rates(path, archive["fps"], count)
    for i, (start, stop) in enumerate(pairwise(offsets)):
        yield Motion(
            poses=poses[start:stop],
            fps=rates[i],
            name=names[i],
            subject=subjects[i],
            action=actions[i],
            source=sources[i],
        )


def _texts(path: Path, archive: Archive, name: str, count: int) -> list[str]:
    texts = archive[name]
    what = "body" if name == "body_subjects" else "motion"
    if texts.shape != (count,) or texts.dtype.kind != "U":
        raise InputError(
            f"{path}: expected {name} ({count},) of text, one for each {what}, got {texts.shape} "
            f"{texts.dtype}"
        )
    return [str(text) for text in texts]


def _rates(path: Path, fps: NDArray[Any], count: int) -> list[float]:
    fits = fps.dtype.kind in "fiu" and fps.shape in ((), (count,))
    if not fits or not (np.isfinite(fps) & (fps > 0)).all():
        raise InputError(
            f"{path}: expected fps as one positive number, or one for each of the {count} motions, "
            f"got {_shown(fps)}"
        )
    return [float(rate) for rate in np.broadcast_to(fps, (count,))]


def _bodies(path: Path, bodies: NDArray[Any] | None) -> FloatArray:
    if bodies is None:
        return np.zeros((0, 16), np.float32)
    if bodies.ndim != 2 or bodies.shape[1] != 16 or bodies.dtype.kind != "f":
        raise InputError(
            f"{path}: expected bodies (n, 16) of floating point, got {bodies.shape} {bodies.dtype}"
        )
    if not (np.isfinite(bodies) & (bodies > 0)).all():
        raise InputError(f"{path}: expected lengths of bones above 0 in bodies; remove the others")
    return bodies.astype(np.float32)


def _shown(array: NDArray[Any]) -> str:
    """An array in a message, however long it is."""
    return np.array2string(array, separator=", ", threshold=20, edgeitems=3)
