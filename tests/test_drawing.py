"""Keypoints in images: what is painted where, and what is left alone."""

import re
import subprocess
import sys

import numpy as np
import pytest

from h2ot_edge.drawing import caption_of, draw_caption, draw_keypoints
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS, PARENTS

pytest.importorskip("cv2")

RIGHT, LEFT, MIDDLE = (0, 94, 213), (178, 114, 0), (77, 77, 77)  # blue green red
GREEN, PINK = (102, 138, 0), (140, 90, 176)

STANDING = np.array(
    [
        *([0, 0], [-40, 0], [-42, 80], [-44, 160], [40, 0], [42, 80], [44, 160]),
        *([0, -50], [0, -100], [0, -125], [0, -150]),
        *([45, -95], [70, -40], [80, 15], [-45, -95], [-70, -40], [-80, 15]),
    ],
    float,
)
"""(17, 2) pixels about the hip of somebody who looks into the camera."""


def standing(x, y, size=1.0, confidence=0.9):
    """(17, 3) keypoints."""
    return np.column_stack([STANDING * size + [x, y], np.full(17, confidence)])


def grey(width=640, height=480, value=128):
    return np.full((height, width, 3), value, np.uint8)


def drawn(keypoints, ids=(), image=None, **options):
    image = grey() if image is None else image
    draw_keypoints(image, keypoints, ids, **options)
    return image


def at(image, point):
    """The colour of the pixel that a point is in."""
    x, y = np.rint(point[:2]).astype(int)
    return tuple(image[y, x].tolist())


def middles(keypoints):
    """(16, 2) middles of bones, and the joints at their far ends."""
    ends = [(child, parent) for child, parent in enumerate(PARENTS) if parent >= 0]
    return [(c, (keypoints[c, :2] + keypoints[p, :2]) / 2) for c, p in ends]


def test_joints_and_bones_have_the_colour_of_their_side_where_they_are():
    keypoints = standing(300, 220)
    image = drawn([keypoints])
    colours = {"r": RIGHT, "l": LEFT}
    for joint, name in enumerate(JOINTS):
        assert at(image, keypoints[joint]) == colours.get(name[0], MIDDLE), name
    for joint, middle in middles(keypoints):
        assert at(image, middle) == colours.get(JOINTS[joint][0], MIDDLE), JOINTS[joint]


def test_everything_else_is_untouched():
    keypoints = standing(300, 220)
    changed = (drawn([keypoints]) != 128).any(axis=-1)
    rows, columns = np.nonzero(changed)
    low, high = keypoints[:, :2].min(axis=0), keypoints[:, :2].max(axis=0)
    assert (columns.min(), rows.min()) >= tuple(low - 8)
    assert columns.max() <= high[0] + 8
    assert rows.max() <= high[1] + 8
    assert not changed[235:300, 285:315].any()  # between the legs


@pytest.mark.parametrize("value", [0, 128, 255])
def test_there_is_an_edge_between_bones_and_the_image(value):
    image = drawn([standing(300, 220)], image=grey(value=value))
    across = image[260, 240:275].astype(int)  # through the right thigh
    middle = np.flatnonzero((across == RIGHT).all(axis=-1))
    assert len(middle) >= 2
    for side in (across[middle[0] - 3 : middle[0]], across[middle[-1] + 1 : middle[-1] + 4]):
        assert side.min(axis=-1).max() > 180


@pytest.mark.parametrize(
    "lost",
    [(100.0, 100.0, 0.0), (np.nan, np.nan, 0.9), (100.0, 100.0, np.nan), (np.inf, 1.0, 0.9)],
)
def test_what_was_not_observed_is_left_out_with_its_bones(lost):
    keypoints = standing(300, 220)
    middle = dict(middles(keypoints))
    elbow, wrist = JOINTS.index("lelbow"), JOINTS.index("lwrist")
    keypoints[elbow] = lost
    image = drawn([keypoints])
    assert at(image, (100, 100)) == (128, 128, 128)
    assert at(image, middle[elbow]) == at(image, middle[wrist]) == (128, 128, 128)
    assert at(image, keypoints[wrist]) == LEFT
    assert at(image, keypoints[JOINTS.index("rwrist")]) == RIGHT


def test_what_is_uncertain_is_faint():
    keypoints = standing(300, 220)
    keypoints[JOINTS.index("lwrist"), 2] = 0.2
    mixed = tuple(round(0.4 * c + 0.6 * 128) for c in LEFT)
    middle = dict(middles(keypoints))[JOINTS.index("lwrist")]
    assert at(drawn([keypoints]), middle) == mixed
    assert at(drawn([keypoints], least_confidence=0.1), middle) == LEFT
    assert at(drawn([keypoints[:, :2]]), middle) == LEFT


def test_nobody_leaves_the_image_alone():
    lost = standing(300, 220)
    lost[:, :2] = np.nan
    for keypoints, ids in (([], []), ([lost], [1]), ([lost, lost], [1, 2])):
        assert (drawn(keypoints, ids) == 128).all()


def test_several_people_have_a_colour_and_a_label_each():
    people = [standing(160, 220), standing(460, 220)]
    image = drawn(people, [1, 2])
    spine = JOINTS.index("spine")
    assert [at(image, person[spine]) for person in people] == [GREEN, PINK]
    for person, colour in zip(people, (GREEN, PINK), strict=True):
        x, y = person[JOINTS.index("head"), :2].astype(int)
        over = image[y - 50 : y - 20, x - 20 : x + 20].reshape(-1, 3)
        assert (over == colour).all(axis=-1).sum() > 50
        assert (over > 180).all(axis=-1).sum() >= 4  # the number
    assert at(drawn(people[1:], [2]), people[1][spine]) == MIDDLE
    assert at(drawn(people[1:], [2], labels=True), people[1][spine]) == PINK
    assert at(drawn(people), people[1][spine]) == MIDDLE


def test_who_is_partly_outside_is_drawn_as_far_as_they_are_inside():
    keypoints = standing(0, 470)
    image = drawn([keypoints, standing(1e9, -1e9), standing(900, 200)], ["a", "ü", "b"])
    assert at(image, keypoints[JOINTS.index("lelbow")]) == LEFT
    assert (image[:, 150:] == 128).all()


def test_places_are_exact_to_a_fraction_of_a_pixel():
    """A thigh that moves by a quarter of a pixel moves the paint's centre by as much."""
    found = []
    for shift in (0.0, 0.25, 0.5):
        row = drawn([standing(300 + shift, 220)], image=grey(value=255))[260, 240:275, 0]
        paint = 255.0 - row
        found.append((paint * np.arange(len(paint))).sum() / paint.sum())
    assert np.diff(found) == pytest.approx([0.25, 0.25], abs=0.06)


def test_bones_are_thicker_in_larger_people():
    thick = []
    for size in (0.5, 1.0, 3.0):
        keypoints = standing(640, 500, size)
        row = drawn([keypoints], image=grey(1280, 1080))[int(500 + 40 * size)]
        thick.append((row == RIGHT).all(axis=-1).sum())
    assert thick[0] < thick[1] < thick[2]


def test_part_of_an_image_can_be_drawn_into():
    whole = grey()
    draw_keypoints(whole[:, 200:500], [standing(100, 220)])
    assert at(whole, (300, 170)) == MIDDLE
    assert (whole[:, :200] == 128).all()
    assert (whole[:, 500:] == 128).all()


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (160, 120)])
def test_captions_can_be_read_on_light_and_on_dark(size, value):
    image = grey(*size, value)
    draw_caption(image, caption_of(123, 4.1, "motionbert-s"))
    changed = (image != value).any(axis=-1)
    height = np.flatnonzero(changed.any(axis=1)).max() + 1
    corner = image[:height, : np.flatnonzero(changed.any(axis=0)).max() + 1]
    dark, light = (corner < 70).all(axis=-1), (corner > 180).all(axis=-1)
    assert dark.mean() > 0.4
    assert light.mean() > 0.03
    assert height < max(0.2 * size[1], 24)


def test_a_caption_says_frame_time_and_model():
    assert caption_of(123, 4.1, "motionbert-s") == "frame 123   4.10 s   motionbert-s"
    image = grey()
    draw_caption(image, "")
    assert (image == 128).all()


@pytest.mark.parametrize(
    ("image", "keypoints", "ids", "message"),
    [
        (
            np.zeros((9, 9), np.uint8),
            [],
            (),
            "image: expected (h, w, 3) uint8, got (9, 9) uint8",
        ),
        (
            np.zeros((9, 9, 3)),
            [],
            (),
            "image: expected (h, w, 3) uint8, got (9, 9, 3) float64",
        ),
        (None, [[]], (), "image: expected (h, w, 3) uint8, got () NoneType"),
        (
            grey(),
            np.zeros((17, 3)),
            (),
            "keypoints: expected (n, 17, 2|3), got (17, 3)",
        ),
        (
            grey(),
            np.zeros((2, 17, 3)),
            [1],
            "ids: expected one for each of 2 people, got 1",
        ),
    ],
)
def test_wrong_input_is_refused(image, keypoints, ids, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        draw_keypoints(image, keypoints, ids)


def test_importing_brings_no_library():
    code = "import sys, h2ot_edge.drawing; print({'cv2', 'matplotlib', 'av'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
