"""layouts/checks.py: mistakes are found and named, and good keypoints are left alone."""

from pathlib import Path

import numpy as np
import pytest

import h2ot_edge
from h2ot_edge.benchmarks.motion.labelled import LabelledClip
from h2ot_edge.benchmarks.studies.layout_cost import BREAKAGES, as_layout, main
from h2ot_edge.clips import read_clip
from h2ot_edge.errors import InputError
from h2ot_edge.layouts import LAYOUTS, check_orientation, h36m_from
from h2ot_edge.skeleton import MIRROR

WALK = Path(h2ot_edge.__file__).parent / "data" / "walk.npz"
SIZE = (1000, 1000)
SWAPPED = (
    "left and right change places in 2 of 60 frames (20, 30); a detector or tracker swaps them: "
    "swap them back, or set their confidence to 0 there"
)


@pytest.fixture(scope="module")
def walk():
    """(60, 17, 3) pixels of an image of 1000 x 1000: somebody who walks."""
    points = read_clip(WALK).keypoints[:60]
    low, high = points[..., :2].min(axis=(0, 1)), points[..., :2].max(axis=(0, 1))
    scale = 600 / (high - low).max()
    return np.concatenate(
        [(points[..., :2] - low) * scale + 200, np.ones((60, 17, 1))], axis=-1
    ).astype(np.float32)


def names(keypoints, size=SIZE):
    return [finding.name for finding in check_orientation(keypoints, size)]


def only(keypoints, size=SIZE):
    (finding,) = check_orientation(keypoints, size)
    return str(finding)


def test_good_keypoints(walk):
    assert names(walk) == []
    assert names(walk[..., :2]) == []
    assert names(walk / 500 - 1, None) == []


def test_x_and_y_exchanged(walk):
    assert only(walk[..., [1, 0, 2]]) == (
        "yx-order: the head is left of the feet in 100% of the frames, so the order may be (y, x); "
        "x comes first: pass keypoints[..., [1, 0, 2]], unless the person lies"
    )


def test_x_and_y_exchanged_in_a_flat_image(walk):
    flat = walk * [1, 0.4, 1] + [3000, 0, 0]
    assert names(flat, (4000, 500)) == []
    assert only(flat[..., [1, 0, 2]], (4000, 500)) == (
        "yx-order: 100% of the joints lie outside the image, but not with x and y exchanged, so "
        "the order may be (y, x); x comes first: pass keypoints[..., [1, 0, 2]], unless the person "
        "lies"
    )


def test_y_upwards(walk):
    assert only(walk * [1, -1, 1] + [0, 1000, 0]) == (
        "upside-down: the head is below the feet in 100% of the frames; y points down in images: "
        "pass height - y if yours points up"
    )


def test_joints_of_coco(walk):
    assert only(as_layout(walk, "coco17")) == (
        "joint-order: the first three joints lie as close together as nose and eyes, and the spine "
        "is not between hip and thorax, so these look like COCO's 17 joints and not like "
        'h2ot_edge.skeleton.JOINTS; say so (layout="coco17", --layout coco17, or h36m_from)'
    )
    assert names(as_layout(walk, "coco17")[:9]) == []


def test_neither_a_crooked_spine_nor_a_small_leg_is_coco(walk):
    crooked, small = walk.copy(), walk.copy()
    crooked[:, 7, 0] += 300
    small[:, [1, 2]] = walk[:, [0]] + [5, 5, 0]
    assert "joint-order" not in names(crooked) + names(small)


def test_a_few_frames_may_lie(walk):
    assert names(walk[:9, :, [1, 0, 2]]) == []


def test_sides_that_jump(walk):
    swapped = walk.copy()
    swapped[20:30] = swapped[20:30, list(MIRROR)]
    assert only(swapped) == f"sides-jump: {SWAPPED}"
    (later,) = check_orientation(swapped, (1000, 1000), first_frame=100)
    assert "in 2 of 60 frames (120, 130);" in later.message
    swapped[20:30, :, 2] = 0
    assert names(swapped) == []


def test_many_jumps_are_not_all_listed(walk):
    swapped = walk.copy()
    swapped[::4] = swapped[::4, list(MIRROR)]
    message = only(swapped)
    assert message.startswith("sides-jump: left and right change places in ")
    assert ", ...); a detector or tracker swaps them" in message


def test_all_sides_exchanged_cannot_be_told(walk):
    assert names(walk[:, list(MIRROR)]) == []


def test_the_sides_of_the_legs_exchanged(walk):
    assert only(walk[:, [*MIRROR[:7], *range(7, 17)]]) == (
        "sides-disagree: left and right of hips and shoulders disagree; the joints are in another "
        "order than h2ot_edge.skeleton.JOINTS: say which layout they have (h2ot_edge.layouts)"
    )


def test_a_limb_exchanged(walk):
    wrong = walk.copy()
    wrong[:, [12, 15]] = walk[:, [15, 12]]
    assert only(wrong) == (
        "sides-disagree: left and right of shoulders and elbows, elbows and wrists disagree; the "
        "joints are in another order than h2ot_edge.skeleton.JOINTS: say which layout they have "
        "(h2ot_edge.layouts)"
    )


def test_pixels_without_a_size(walk):
    assert only(walk, None) == (
        "pixels: values from 200 to 800 are pixels; pass image_size=(width, height)"
    )


def test_shares_as_normalised(walk):
    assert only(walk[..., :2] / 1000, None) == (
        "zero-to-one: all values lie between 0.20 and 0.80, so they may be shares of the image "
        "(MediaPipe) instead of -1 to 1; multiply x by the width and y by the height, and pass "
        "image_size"
    )


def test_normalised_as_pixels(walk):
    assert only(walk[..., :2] / 500 - 1) == (
        "normalised: values from -0.60 to 0.60 are normalised already, not pixels; leave "
        "image_size out if they are normalised by the width, or multiply shares by the image's size"
    )
    assert only(walk[..., :2] / 1000) == (
        "normalised: values from 0.20 to 0.80 are shares of the image, not pixels; leave "
        "image_size out if they are normalised by the width, or multiply shares by the image's size"
    )


def test_another_image(walk):
    assert only(walk, (300, 300)) == (
        "outside-image: 97% of the joints lie outside an image of 300 x 300; pass the size of the "
        "image that the detector saw"
    )


def test_missing_joints_are_not_looked_at(walk):
    holes = walk.copy()
    holes[::3, 5] = 0
    holes[1::3, 13] = np.nan
    assert names(holes) == []
    assert names(np.zeros((30, 17, 3))) == []
    assert names(np.full((30, 17, 3), np.nan)) == []
    only_hips = np.zeros_like(walk)
    only_hips[:, :2] = walk[:, :2]
    assert names(only_hips) == []


@pytest.mark.parametrize("shape", [(17, 3), (4, 16, 3), (4, 17, 4)])
def test_another_shape(shape):
    with pytest.raises(InputError) as caught:
        check_orientation(np.zeros(shape))
    assert str(caught.value) == (
        f"keypoints: expected real numbers (t, 17, 2|3), got float64 {shape}"
    )


# the benchmark


@pytest.fixture(scope="module")
def filmed(walk):
    keypoints = walk / [500, 500, 1] - [1, 1, 0]
    keypoints[..., :2] *= 0.5
    return LabelledClip(
        name="walk/0",
        subject="one",
        action="walk",
        keypoints=keypoints.astype(np.float32),
        truth=np.zeros((60, 17, 3), np.float32),
        fps=50.0,
    )


@pytest.mark.parametrize("name", BREAKAGES)
def test_mistakes_made_on_purpose_are_found(filmed, name):
    _, broken, sized = BREAKAGES[name]
    assert name in names(broken(filmed), (1920, 1080) if sized else None)


@pytest.mark.parametrize("name", LAYOUTS)
def test_limbs_come_back_from_every_layout(walk, name):
    there = as_layout(walk, name)
    assert there.shape == (60, len(LAYOUTS[name].joints), 3)
    limbs = [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]
    np.testing.assert_array_equal(h36m_from(there, name)[:, limbs], walk[:, limbs])


def test_the_exact_joints_come_back_as_they_are(walk):
    np.testing.assert_array_equal(h36m_from(as_layout(walk, "h36m"), "h36m"), walk)


def test_the_benchmark_refuses_a_file_that_is_not_there(tmp_path, capsys):
    assert main([str(tmp_path / "none.npz")]) == 2
    assert "none.npz" in capsys.readouterr().err
