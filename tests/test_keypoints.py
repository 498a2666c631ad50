"""keypoints.py: what is checked, and what becomes of pixels and channels."""

import numpy as np
import pytest
from tiny_models import tiny_card

from h2ot_edge.errors import InputError
from h2ot_edge.keypoints import prepare_keypoints

CARD = tiny_card()
SHAPES = "keypoints: expected (t, 17, 2|3) or (n, t, 17, 2|3), got "


def clip(*shape, scale=1.0, seed=0):
    return np.random.default_rng(seed).uniform(0, scale, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(5, 17, 3), (2, 5, 17, 3)])
def test_normalised_keypoints_pass_without_a_copy(shape):
    keypoints = clip(*shape)
    prepared, batched = prepare_keypoints(keypoints, CARD)
    assert batched == (len(shape) == 4)
    assert np.shares_memory(prepared, keypoints)
    np.testing.assert_array_equal(prepared.reshape(shape), keypoints)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
def test_any_real_number_type_becomes_float32(dtype):
    keypoints = clip(5, 17, 2, scale=2).astype(dtype)
    prepared, _ = prepare_keypoints(keypoints, CARD)
    assert prepared.dtype == np.float32
    assert prepared.flags.c_contiguous
    np.testing.assert_array_equal(prepared[0, ..., :2], keypoints.astype(np.float32))


def test_nested_lists_are_taken():
    prepared, _ = prepare_keypoints([[[0.25, 0.5]] * 17] * 2, CARD)
    np.testing.assert_array_equal(prepared, np.full((1, 2, 17, 3), [0.25, 0.5, 1], np.float32))


def test_views_of_another_order_become_contiguous():
    keypoints = clip(17, 5, 3).transpose(1, 0, 2)
    prepared, _ = prepare_keypoints(keypoints, CARD)
    assert prepared.flags.c_contiguous
    np.testing.assert_array_equal(prepared[0], keypoints)


def test_pixels_are_normalised_by_the_width():
    corners = np.zeros((1, 17, 3), np.float32)
    corners[0, 0] = (0, 0, 0.5)
    corners[0, 1] = (1920, 1080, 0.25)
    corners[0, 2] = (960, 540, 3)
    before = corners.copy()
    prepared, _ = prepare_keypoints(corners, CARD, (1920, 1080))
    np.testing.assert_allclose(prepared[0, 0, 0], (-1, -0.5625, 0.5), atol=1e-7)
    np.testing.assert_allclose(prepared[0, 0, 1], (1, 0.5625, 0.25), atol=1e-7)
    np.testing.assert_allclose(prepared[0, 0, 2], (0, 0, 3), atol=1e-7)
    np.testing.assert_array_equal(corners, before)


def test_missing_joints_are_normalised_as_the_others():
    pixels = clip(1, 17, 3, scale=600)
    pixels[0, 4] = 0
    prepared, _ = prepare_keypoints(pixels, CARD, (640, 480))
    np.testing.assert_array_equal(prepared[0, 0, 4], [-1, -0.75, 0])


@pytest.mark.parametrize("channels", [2, 3])
def test_pixels_agree_with_the_formula_in_float64(channels):
    keypoints = clip(2, 7, 17, channels, scale=1000)
    prepared, _ = prepare_keypoints(keypoints, tiny_card(channels=channels), (1088, 1920))
    x, y = keypoints[..., 0].astype(float), keypoints[..., 1].astype(float)
    np.testing.assert_allclose(prepared[..., 0], x / 1088 * 2 - 1, atol=3e-7)
    np.testing.assert_allclose(prepared[..., 1], y / 1088 * 2 - 1920 / 1088, atol=3e-7)
    np.testing.assert_array_equal(prepared[..., 2:], keypoints[..., 2:])


def test_two_channels_get_confidence_one():
    keypoints = clip(5, 17, 2)
    prepared, _ = prepare_keypoints(keypoints, CARD)
    np.testing.assert_array_equal(prepared[0, ..., :2], keypoints)
    np.testing.assert_array_equal(prepared[..., 2], 1)


def test_a_two_channel_model_loses_the_confidence():
    keypoints = clip(5, 17, 3)
    prepared, _ = prepare_keypoints(keypoints, tiny_card(channels=2))
    assert prepared.flags.c_contiguous
    np.testing.assert_array_equal(prepared[0], keypoints[..., :2])


def test_coordinates_in_image_widths_may_have_an_image_of_size_one():
    prepared, _ = prepare_keypoints(np.full((1, 17, 2), 0.5), CARD, (1, 1))
    np.testing.assert_array_equal(prepared[..., :2], 0)


def test_a_large_confidence_is_no_pixel():
    keypoints = clip(2, 17, 3)
    keypoints[..., 2] = 100
    prepared, _ = prepare_keypoints(keypoints, CARD)
    np.testing.assert_array_equal(prepared[..., 2], 100)


def with_value(value, *index):
    keypoints = clip(5, 17, 3)
    for position in index:
        keypoints[position] = value
    return keypoints


@pytest.mark.parametrize(
    ("keypoints", "message"),
    [
        (
            [["a"]],
            "keypoints: expected an array of real numbers, got dtype <U1; "
            "convert it with .astype('float32')",
        ),
        (
            np.zeros((5, 17, 2), complex),
            "keypoints: expected an array of real numbers, got dtype complex128; "
            "convert it with .astype('float32')",
        ),
        (
            None,
            "keypoints: expected an array of real numbers, got dtype object; "
            "convert it with .astype('float32')",
        ),
        (
            np.ones((5, 17, 2), bool),
            "keypoints: expected an array of real numbers, got dtype bool; "
            "convert it with .astype('float32')",
        ),
        (
            [[[1.0, 2.0]], [[1.0]]],
            "keypoints: expected an array of real numbers, got nested sequences of different "
            "lengths; give every frame the same joints and channels",
        ),
        (np.float32(1), SHAPES + "() with 0 axes"),
        (np.zeros((17, 2)), SHAPES + "(17, 2) with 2 axes; one frame is keypoints[None]"),
        (np.zeros((1, 1, 5, 17, 2)), SHAPES + "(1, 1, 5, 17, 2) with 5 axes"),
        (
            np.zeros((5, 16, 2)),
            SHAPES + "(5, 16, 2) with 16 joints; give the 17 of Human3.6M in order",
        ),
        (
            np.zeros((2, 5, 17, 4)),
            SHAPES + "(2, 5, 17, 4) with 4 channels; give x, y and perhaps a confidence",
        ),
        (np.zeros((0, 17, 2)), SHAPES + "(0, 17, 2) with no frames; give at least one"),
        (np.zeros((0, 5, 17, 2)), SHAPES + "(0, 5, 17, 2) with no frames; give at least one"),
        (np.zeros((2, 0, 17, 2)), SHAPES + "(2, 0, 17, 2) with no frames; give at least one"),
        (
            with_value(np.nan, (3, 4, 1), (4, 0, 0)),
            "keypoints: 2 of 255 values are NaN or infinite in float32, the first at index "
            "(3, 4, 1); fill in missing joints before lifting",
        ),
        (
            with_value(np.inf, (0, 0, 2)),
            "keypoints: 1 of 255 values are NaN or infinite in float32, the first at index "
            "(0, 0, 2); fill in missing joints before lifting",
        ),
        (
            np.full((1, 17, 2), 1e300),
            "keypoints: 34 of 34 values are NaN or infinite in float32, the first at index "
            "(0, 0, 0); fill in missing joints before lifting",
        ),
        (
            with_value(640.5, (0, 0, 0)),
            "keypoints: values up to 640.5 look like pixels, normalised ones stay within 10; pass "
            "image_size=(width, height), or --image-size W H on the command line",
        ),
        (
            with_value(-11, (4, 16, 1)),
            "keypoints: values up to 11 look like pixels, normalised ones stay within 10; pass "
            "image_size=(width, height), or --image-size W H on the command line",
        ),
    ],
)
def test_what_is_wrong_is_said(keypoints, message):
    with pytest.raises(InputError) as caught:
        prepare_keypoints(keypoints, CARD)
    assert str(caught.value) == message


def test_infinities_of_both_signs_do_not_cancel():
    keypoints = with_value(np.inf, (0, 0, 0))
    keypoints[1, 0, 0] = -np.inf
    with pytest.raises(InputError, match="2 of 255 values"):
        prepare_keypoints(keypoints, CARD)


@pytest.mark.parametrize(
    "size",
    [(640,), (640, 480, 3), 640, (0, 480), (640, -1), (np.nan, 480), (np.inf, 1), ("a", "b")],
)
def test_a_malformed_image_size_is_refused(size):
    with pytest.raises(InputError) as caught:
        prepare_keypoints(clip(5, 17, 2, scale=400), CARD, size)
    assert str(caught.value) == (
        f"image_size: expected two positive numbers (width, height) in pixels, got {size!r}"
    )


def test_normalised_keypoints_with_an_image_size_are_refused():
    with pytest.raises(InputError) as caught:
        prepare_keypoints(np.full((5, 17, 2), 0.75), CARD, (1920, 1080))
    assert str(caught.value) == (
        "keypoints: values up to 0.75 look normalised, but image_size was given for pixels; leave "
        "image_size out, or pass pixels"
    )


def test_pixels_far_outside_the_image_are_refused():
    with pytest.raises(InputError) as caught:
        prepare_keypoints(np.full((5, 17, 2), 1000), CARD, (64, 48))
    assert str(caught.value) == (
        "keypoints: pixels up to 1000 lie far outside an image of 64 x 48; pass the size of the "
        "image the keypoints were detected in"
    )
