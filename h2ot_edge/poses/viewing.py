"""The camera and the keypoints that `Poses.to_camera` is given."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.keypoints import NORMALISED_LIMIT

__all__ = ["camera_matrix", "seen_from"]

Array = NDArray[np.float64]


def camera_matrix(
    K: ArrayLike | None,
    focal_px: float | None,
    image_size: Sequence[float] | None,
) -> Array:
    """(3, 3) from the camera's frame to pixels."""
    if (K is None) == (focal_px is None):
        raise UsageError("to_camera: expected K or focal_px, got both or neither")
    if K is not None:
        return _checked_matrix(np.asarray(K, np.float64))
    assert focal_px is not None
    sides = np.asarray(() if image_size is None else image_size, np.float64)
    if sides.shape != (2,) or not (np.isfinite(sides) & (sides > 0)).all():
        raise UsageError(
            "image_size: expected (width, height) in pixels with focal_px, to know the image's "
            f"centre, got {image_size!r}"
        )
    if not 0 < focal_px < np.inf:
        raise UsageError(f"focal_px: expected a finite number of pixels above 0, got {focal_px:g}")
    matrix = np.diag([focal_px, focal_px, 1.0])
    matrix[:2, 2] = sides / 2
    return matrix


def seen_from(
    camera: Array, keypoints: ArrayLike, confidence: NDArray[np.floating]
) -> tuple[Array, Array]:
    """Where each joint is seen, and how much that counts.

    Args:
        camera: (3, 3) from the camera's frame to pixels.
        keypoints: (..., 17, 2|3) pixels, and a confidence if there are three.
        confidence: (..., 17) of the joints of the poses; 0 does not count, whatever the keypoints
            say, and the rest counts if they say nothing.

    Returns:
        Rays (..., 17, 2), x / z and y / z, and weights (..., 17), 0 where a keypoint is NaN.
    """
    points = np.asarray(keypoints, np.float64)
    if points.shape not in {(*confidence.shape, channels) for channels in (2, 3)}:
        wanted = ", ".join(map(str, confidence.shape))
        raise InputError(f"keypoints: expected ({wanted}, 2|3) as the poses, got {points.shape}")
    own = points[..., 2] if points.shape[-1] == 3 else confidence
    known = np.isfinite(points).all(axis=-1) & (own > 0) & (confidence > 0)
    if not known.any():
        raise InputError("keypoints: no joint of any frame was seen; there is no place to find")
    peak = np.abs(points[known][:, :2]).max()
    if peak <= NORMALISED_LIMIT:
        raise InputError(
            f"keypoints: values up to {peak:g} look normalised; to_camera needs pixels"
        )
    pixels = np.where(known[..., None], points[..., :2], 0.0)
    ones = np.ones((*pixels.shape[:-1], 1))
    rays = np.concatenate([pixels, ones], axis=-1) @ np.linalg.inv(camera).T
    return rays[..., :2], np.where(known, own, 0.0)


def _checked_matrix(matrix: Array) -> Array:
    fits = matrix.shape == (3, 3) and bool(np.isfinite(matrix).all())
    if not (
        fits
        and matrix[0, 0] > 0
        and matrix[1, 1] > 0
        and matrix[1, 0] == 0
        and (matrix[2] == (0, 0, 1)).all()
    ):
        raise UsageError(
            "K: expected [[fx, skew, cx], [0, fy, cy], [0, 0, 1]] in pixels with fx and fy above "
            f"0, got {matrix.tolist()}"
        )
    return matrix
