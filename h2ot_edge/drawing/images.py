"""Checks of what is to be drawn, and of where to."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._files import checked_name
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.video.source import Image

__all__ = [
    "Image",
    "blank",
    "check_picture_path",
    "checked_image",
    "checked_joints",
    "checked_people",
    "checked_size",
    "names_of",
    "resized",
]

Array = NDArray[np.float64]


def check_picture_path(path: str | Path) -> Path:
    """The path, if a picture can have that name; to be asked before the work is done.

    Raises:
        UsageError: the name does not end in .png, or is that of a folder.
    """
    return checked_name(path, (".png",), "pictures are")


def checked_image(image: Image) -> Image:
    """The image, if OpenCV can draw into it."""
    shape, kind = np.shape(image), getattr(image, "dtype", type(image).__name__)
    if len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != np.uint8:
        raise InputError(f"image: expected (h, w, 3) uint8, got {shape} {kind}")
    return image


def checked_size(name: str, size: Sequence[int]) -> tuple[int, int]:
    """(width, height), whole numbers above 0."""
    width, height = (int(side) for side in size)
    if width < 1 or height < 1:
        raise UsageError(f"{name}: expected (width, height) above 0, got {tuple(size)}")
    return width, height


def checked_joints(
    name: str, joints: ArrayLike, channels: tuple[int, ...], ids: Sequence[Hashable] | None
) -> Array:
    """(n, 17, channels) float64 of n people, who have as many ids or none."""
    array = np.asarray(joints, np.float64)
    if array.shape == (0,):  # an empty list
        array = np.zeros((0, len(JOINTS), channels[0]))
    if array.ndim != 3 or array.shape[1] != len(JOINTS) or array.shape[2] not in channels:
        wanted = "|".join(map(str, channels))
        raise InputError(f"{name}: expected (n, {len(JOINTS)}, {wanted}), got {array.shape}")
    if ids is not None and len(ids) not in (0, len(array)):
        raise InputError(f"ids: expected one for each of {len(array)} people, got {len(ids)}")
    return array


def checked_people(
    poses: ArrayLike, keypoints: ArrayLike, valid: ArrayLike | None, ids: Sequence[Hashable]
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Poses (n, 17, 3) without infinity, keypoints, and (n, 17) flags of the same people."""
    people = checked_joints("poses", poses, (3,), ids)
    seen = checked_joints("keypoints", keypoints, (2, 3), ids)
    flags = np.ones(people.shape[:2], bool) if valid is None else np.asarray(valid, bool)
    for what, array in (("keypoints", seen), ("valid", flags)):
        if array.shape[:2] != people.shape[:2]:
            raise InputError(f"{what}: expected {people.shape[:2]}, got {array.shape[:2]}")
    return np.where(np.isfinite(people), people, np.nan), seen, flags


def blank(size: tuple[int, int]) -> Image:
    """A white image of (width, height)."""
    return np.full((size[1], size[0], 3), 255, np.uint8)  # one number is much faster than three


def names_of(
    ids: Sequence[Hashable], people: int, labels: bool | None
) -> Sequence[Hashable | None]:
    """Of n people, for colours and labels; None for all of them if they are not to have any."""
    named = len(ids) > 0 and (len(ids) > 1 if labels is None else labels)
    return list(ids) if named else [None] * people


def resized(cv2: Any, image: Image, size: tuple[int, int]) -> Image:
    """The image at another size; itself if it has that size.

    Averaging over areas is right for making images small, and slow unless they become smaller by
    a whole number.
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    whole = width % size[0] == 0 and height % size[1] == 0
    small = 2 * size[0] < width or 2 * size[1] < height
    how = cv2.INTER_AREA if whole or small else cv2.INTER_LINEAR
    done: Image = cv2.resize(image, size, interpolation=how)
    return done
