"""Everything that is checked and changed about 2-D keypoints before they reach a network."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

__all__ = [
    "NORMALISED_LIMIT",
    "PIXEL_LIMIT",
    "as_float32",
    "as_keypoints",
    "checked_size",
    "normalise_by_width",
    "prepare_keypoints",
]

NORMALISED_LIMIT = 10.0
"""Normalised x spans [-1, 1] over the image; ten half-widths from its centre is no person."""

PIXEL_LIMIT = 2.0
"""A person within two pixels of the image's corner is not one either."""


def prepare_keypoints(
    keypoints: ArrayLike, card: ModelCard, image_size: Sequence[float] | None = None
) -> tuple[FloatArray, bool]:
    """Check keypoints and bring them to what the model of `card` takes.

    Two channels given to a model of three get confidence 1; three given to a model of two lose
    theirs. A confidence must be finite and is otherwise taken as it is: detectors disagree on its
    range, and the networks were trained on unscaled ones. One of 0 or below says
    that the joint is missing (`h2ot_edge.missing`).

    Missing joints are as the detector gave them: (0, 0, 0) in pixels is normalised with the others
    and reaches the network as (-1, -h / w, 0). What matters is the confidence. The networks that
    this project trained use nothing of the position of a joint with confidence 0, wherever it is;
    published ones see it in the corner of the picture, and without a confidence every network does.

    Args:
        keypoints: (t, 17, 2|3) or (n, t, 17, 2|3), any real number type; x right and y down, then
            a confidence. Pixels if `image_size` is given, else normalised as the card says.
        card: of the model.
        image_size: (width, height) in pixels.

    Returns:
        (n, t, 17, C) float32, C-contiguous, normalised, C as the card says; and whether the input
        had the axis n. The array may share memory with the input and must not be written to.

    Raises:
        InputError: if type, shape, values or image size are not as above.
    """
    array = _checked(keypoints)
    batched = array.ndim == 4
    clips = array if batched else array[None]
    if image_size is None:
        _refuse_pixels(clips)
    else:
        clips = _normalised(clips, checked_size(image_size))
    return _with_channels(clips, card.channels), batched


def normalise_by_width(pixels: FloatArray, width: float, height: float) -> FloatArray:
    """Pixels to x' = x / w * 2 - 1, y' = y / w * 2 - h / w; further channels stay as they are.

    Args:
        pixels: (..., 2|3) float32.
        width: w of the image in pixels.
        height: h of the image in pixels.

    Returns:
        A new array of the same shape.
    """
    scaled = pixels.copy()
    for axis, centre in enumerate((1, height / width)):
        scaled[..., axis] *= 2 / width
        scaled[..., axis] -= centre
    return scaled


def as_keypoints(keypoints: ArrayLike) -> FloatArray:
    """Keypoints (t, 17, 2|3) or (n, t, 17, 2|3) as float32; their values are not looked at.

    Raises:
        InputError: another type or shape.
    """
    array = as_float32(keypoints)
    if array.ndim not in (3, 4):
        hint = "; one frame is keypoints[None]" if array.ndim == 2 else ""
        raise _bad_shape(array, f"{array.ndim} axes{hint}")
    if array.shape[-2] != len(JOINTS):
        raise _bad_shape(array, f"{array.shape[-2]} joints; give the 17 of Human3.6M in order")
    if array.shape[-1] not in (2, 3):
        raise _bad_shape(array, f"{array.shape[-1]} channels; give x, y and perhaps a confidence")
    if array.size == 0:
        raise _bad_shape(array, "no frames; give at least one")
    return array


def _checked(keypoints: ArrayLike) -> FloatArray:
    array = as_keypoints(keypoints)
    # The sum tells without a mask as long as the clip; float64 holds any sum of finite float32.
    with np.errstate(invalid="ignore"):
        total = array.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise _not_finite(array)
    return array


def as_float32(keypoints: ArrayLike) -> FloatArray:
    """An array of real numbers as float32.

    Raises:
        InputError: it is none.
    """
    try:
        array = np.asarray(keypoints)
    except (ValueError, TypeError) as error:
        raise InputError(
            "keypoints: expected an array of real numbers, got nested sequences of different "
            "lengths; give every frame the same joints and channels"
        ) from error
    if array.dtype.kind not in "fiu":
        raise InputError(
            f"keypoints: expected an array of real numbers, got dtype {array.dtype}; "
            "convert it with .astype('float32')"
        )
    # What float32 cannot hold becomes infinite here and is refused as such by the caller.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32) if array.ndim else array


def _bad_shape(array: NDArray[np.generic], got: str) -> InputError:
    return InputError(
        f"keypoints: expected (t, 17, 2|3) or (n, t, 17, 2|3), got {array.shape} with {got}"
    )


def _not_finite(array: FloatArray) -> InputError:
    bad = np.argwhere(~np.isfinite(array))
    first = tuple(int(index) for index in bad[0])
    return InputError(
        f"keypoints: {len(bad)} of {array.size} values are NaN or infinite in float32, the first "
        f"at index {first}; fill in missing joints before lifting"
    )


def _peak(clips: FloatArray) -> float:
    """Largest |x| or |y|."""
    # One axis at a time: numpy's inner loop would be two numbers long over [..., :2].
    return float(max(max(axis.max(), -axis.min()) for axis in (clips[..., 0], clips[..., 1])))


def _refuse_pixels(clips: FloatArray) -> None:
    peak = _peak(clips)
    if peak > NORMALISED_LIMIT:
        raise InputError(
            f"keypoints: values up to {peak:g} look like pixels, normalised ones stay within "
            f"{NORMALISED_LIMIT:g}; pass image_size=(width, height), or --image-size W H on the "
            "command line"
        )


def checked_size(image_size: Sequence[float]) -> tuple[float, float]:
    """Width and height in pixels.

    Raises:
        InputError: not two positive numbers.
    """
    try:
        width, height = (float(side) for side in image_size)
    except (TypeError, ValueError) as error:
        raise _bad_size(image_size) from error
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise _bad_size(image_size)
    return width, height


def _bad_size(image_size: object) -> InputError:
    return InputError(
        f"image_size: expected two positive numbers (width, height) in pixels, got {image_size!r}"
    )


def _normalised(clips: FloatArray, size: tuple[float, float]) -> FloatArray:
    width, height = size
    peak = _peak(clips)
    if peak <= PIXEL_LIMIT < width:
        raise InputError(
            f"keypoints: values up to {peak:g} look normalised, but image_size was given for "
            "pixels; leave image_size out, or pass pixels"
        )
    scaled = normalise_by_width(clips, width, height)
    if _peak(scaled) > NORMALISED_LIMIT:
        raise InputError(
            f"keypoints: pixels up to {peak:g} lie far outside an image of {width:g} x {height:g}; "
            "pass the size of the image the keypoints were detected in"
        )
    return scaled


def _with_channels(clips: FloatArray, channels: int) -> FloatArray:
    have = clips.shape[-1]
    if have == channels:
        return clips
    if have > channels:
        return np.ascontiguousarray(clips[..., :channels])
    padded = np.ones((*clips.shape[:-1], channels), np.float32)
    padded[..., :have] = clips
    return padded
