"""The 3-D panel, and pictures side by side."""

import re

import numpy as np
import pytest
from test_drawing import GREEN, LEFT, MIDDLE, PINK, RIGHT, STANDING, at, grey, standing

from h2ot_edge.drawing import SideBySide, SkeletonView
from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.skeleton import JOINTS

pytest.importorskip("cv2")

SIZE = 640, 480
PALE = {colour: tuple(round(0.25 * c + 191.25) for c in colour) for colour in (LEFT, RIGHT)}
RIGHTS, LEFTS = ([n for n, name in enumerate(JOINTS) if name[0] == side] for side in "rl")


def posed(right_m=-0.3, left_m=0.3):
    """(17, 3) metres of `standing`, its right so much farther from the camera than the hip."""
    depth = np.zeros(17)
    depth[RIGHTS], depth[LEFTS] = right_m, left_m
    return np.column_stack([STANDING / 200, depth])


def panel(view="front", poses=None, keypoints=None, ids=(), **options):
    poses = [posed()] if poses is None else poses
    keypoints = [standing(300, 220)] if keypoints is None else keypoints
    return SkeletonView(SIZE, view=view).draw(poses, keypoints, ids, **options)


def centre(image, colour):
    """x, y of the middle of what has exactly this colour, below the words."""
    rows, columns = np.nonzero((image[40:] == colour).all(axis=-1))
    return np.array([columns.mean(), rows.mean() + 40])


def test_from_the_front_joints_are_where_keypoints_are():
    keypoints = standing(300, 220)
    image = panel("front")
    for joint, name in enumerate(JOINTS):
        wanted = {"r": RIGHT, "l": LEFT}.get(name[0], MIDDLE)
        if joint not in (0, 8):  # where others begin
            assert at(image, keypoints[joint]) == wanted, name


def test_nothing_else_is_drawn_but_the_words():
    """Above all no floor: poses about the hip know none."""
    image = panel("front")
    image[50:400, 200:400] = 255
    words = (image != 255).any(axis=-1)
    assert np.nonzero(words)[0].max() < 35
    assert not (panel("front", [], [])[35:] != 255).any()


@pytest.mark.parametrize("scale", [0.3, 1.0, 450.0])
def test_size_and_place_go_by_the_picture_whatever_the_unit(scale):
    small = standing(500, 350, 0.5)
    image = panel("front", [posed() * scale], [small])
    rows, columns = np.nonzero((image[40:] != 255).any(axis=-1))
    assert rows.min() + 40 == pytest.approx(small[:, 1].min(), abs=5)
    assert rows.max() + 40 == pytest.approx(small[:, 1].max(), abs=5)
    assert columns.mean() == pytest.approx(500, abs=2)


def test_from_the_side_what_is_nearer_to_the_camera_is_on_the_right():
    near, far = panel("side", [posed(-0.3, 0.3)]), panel("side", [posed(0.3, -0.3)])
    assert centre(near, RIGHT)[0] > 340
    assert centre(near, LEFT)[0] < 260
    assert centre(far, RIGHT)[0] < 260
    assert at(near, (300, 170)) == MIDDLE  # the spine stays over the hip


def test_from_above_the_camera_is_below():
    image = panel("top", [posed(-0.3, 0.3)])
    assert centre(image, RIGHT)[1] > 260
    assert centre(image, LEFT)[1] < 190
    assert centre(image, RIGHT)[0] < 300 < centre(image, LEFT)[0]


def test_turning_moves_the_near_side_to_the_right():
    """By the depth times the sine of the turn, hip on hip."""
    front, turned = panel("front"), panel("turned")
    assert centre(turned, RIGHT)[0] - centre(front, RIGHT)[0] > 15
    assert at(turned, (300, 220)) != (255, 255, 255)
    view = SkeletonView(SIZE, view="turned", turn_deg=-20)
    other = view.draw([posed()], [standing(300, 220)])
    assert centre(other, RIGHT)[0] - centre(front, RIGHT)[0] < -5


def test_what_is_nearer_is_painted_over_what_is_farther():
    crossed = STANDING.copy()
    crossed[[3, 6]] = crossed[[6, 3]]  # ankles
    crossed[[2, 5]] = crossed[[5, 2]]
    keypoints = np.column_stack([crossed + np.array([300, 220]), np.ones(17)])
    for depth, colour in ((-0.3, RIGHT), (0.3, LEFT)):
        pose = posed(depth, -depth)
        pose[:, :2] = crossed / 200
        assert at(panel("front", [pose], [keypoints]), (300, 259)) == colour


def test_what_is_not_valid_is_faint_and_nan_is_left_out():
    valid = np.ones((1, 17), bool)
    valid[0, JOINTS.index("lwrist")] = False
    pose = posed()
    pose[JOINTS.index("rwrist")] = np.nan
    pose[JOINTS.index("rankle")] = np.inf
    image = panel("front", [pose], valid=valid)
    keypoints = standing(300, 220)
    points = {name: keypoints[number] for number, name in enumerate(JOINTS)}
    assert at(image, (points["lwrist"] + points["lelbow"]) / 2) == PALE[LEFT]
    assert at(image, (points["lshoulder"] + points["lelbow"]) / 2) == LEFT
    assert at(image, points["rwrist"]) == at(image, points["rankle"]) == (255, 255, 255)
    assert at(image, points["relbow"]) == RIGHT


def test_who_has_no_pose_or_no_place_is_not_drawn():
    lost = standing(300, 220, confidence=0.0)
    nobody = panel("front", [], [])
    for pose, keypoints in ((posed(), lost), (posed() * np.nan, standing(300, 220))):
        assert np.array_equal(panel("front", [pose], [keypoints], [7]), nobody)


def test_without_a_hip_the_others_tell_the_place():
    keypoints = standing(300, 220)
    keypoints[0] = 0
    assert np.array_equal(panel("front", None, [keypoints]) != 255, panel("front") != 255)


def test_who_is_lost_for_a_while_stays_where_they_were():
    view = SkeletonView(SIZE, view="front")
    lost = standing(0, 0, confidence=0.0)
    first = view.draw([posed()], [standing(300, 220)], [7])
    assert np.array_equal(view.draw([posed()], [lost], [7]), first)
    gone = view.draw([posed()], [lost], [7], valid=np.zeros((1, 17), bool))
    assert np.array_equal(gone, panel("front", [], []))
    assert np.array_equal(view.draw([posed()], [lost], [7]), gone)


def test_several_people_have_their_colours():
    people = [standing(160, 220), standing(460, 220)]
    image = panel("front", [posed(), posed()], people, [1, 2])
    spines = [person[JOINTS.index("spine")] for person in people]
    assert [at(image, spine) for spine in spines] == [GREEN, PINK]


def side_by_side(size=SIZE, **options):
    made = SideBySide(size, **options)
    image = grey(*size)
    keypoints = [standing(300 * size[0] / 640, 220 * size[1] / 480, size[1] / 480)]
    return made, made.draw(image, keypoints, [posed()]), image


@pytest.mark.parametrize(
    ("source", "options", "size"),
    [
        ((1920, 1080), {}, (1920, 1080)),
        ((1080, 1920), {}, (1824, 1080)),
        ((1768, 994), {}, (1920, 1080)),
        ((640, 480), {}, (1280, 960)),
        ((160, 120), {}, (640, 480)),
        ((321, 201), {}, (768, 480)),
        ((4000, 300), {}, (3840, 288)),
        ((1920, 1080), {"views": ()}, (1920, 1080)),
        ((1920, 1080), {"views": ("side",)}, (3840, 1080)),
        ((1280, 720), {"height": 361}, (644, 360)),
        ((3, 5), {}, (864, 480)),
    ],
)
def test_sizes_are_even_and_fit_the_source(source, options, size):
    made = SideBySide(source, **options)
    assert made.size == size
    picture = made.draw(grey(*source), [standing(9, 9)], [posed()], [1], "frame 1")
    assert picture.shape == (size[1], size[0], 3)
    assert picture.flags.c_contiguous
    assert picture.flags.writeable


def test_landscape_has_panels_beside_and_below_portrait_beside():
    _, picture, image = side_by_side()
    assert (image == 128).all()
    for left, top in ((0, 0), (640, 0), (0, 480), (640, 480)):
        assert (picture[top + 50 : top + 480, left : left + 640] == LEFT).all(axis=-1).sum() > 50
    assert at(picture, (600, 400)) == (128, 128, 128)
    assert at(picture, (640 + 600, 400)) == at(picture, (600, 480 + 400)) == (255, 255, 255)
    _, picture, _ = side_by_side((480, 640))
    assert picture.shape == (640, 3 * 480, 3)
    for left in (0, 480, 960):
        assert (picture[50:, left : left + 480] == LEFT).all(axis=-1).sum() > 50


def test_joints_are_where_they_are_in_the_smaller_frame():
    made, picture, _ = side_by_side((1920, 1080))
    keypoints = standing(900, 495, 2.25)
    for name in ("rankle", "lwrist"):
        x, y = keypoints[JOINTS.index(name), :2]
        assert at(picture, (x / 2 - 0.25, y / 2 - 0.25)) == (RIGHT if name[0] == "r" else LEFT)
    assert made.size == (1920, 1080)


def test_once_there_were_two_everybody_keeps_their_colour():
    made, spine = SideBySide(SIZE, views=()), (300, 170)
    one, two = standing(300, 220), standing(100, 220)
    alone = made.draw(grey(), [one], [posed()], [2])
    assert at(alone, spine) == MIDDLE
    assert at(made.draw(grey(), [one, two], [posed(), posed()], [2, 5]), spine) == PINK
    assert at(made.draw(grey(), [one], [posed()], [2]), spine) == PINK


def test_pictures_for_sheets_are_small():
    assert SideBySide.for_sheet((1920, 1080)).size == (1068, 300)
    assert SideBySide.for_sheet((1080, 1920)).size == (912, 540)


def raised(kind, message, call):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()


def test_wrong_input_is_refused():
    view, made = SkeletonView(SIZE), SideBySide(SIZE)
    one = [standing(9, 9)]
    raised(
        UnknownName,
        "no view 'tops'; did you mean 'top'? (known: turned, front, side, top)",
        lambda: SkeletonView(SIZE, view="tops"),
    )
    raised(
        UsageError,
        "source_size: expected (width, height) above 0, got (0, 5)",
        lambda: SideBySide((0, 5)),
    )
    raised(
        UsageError,
        "height: expected at least 2 pixels, got 1",
        lambda: SideBySide(SIZE, 1),
    )
    raised(
        InputError,
        "poses: expected (n, 17, 3), got (1, 17, 2)",
        lambda: view.draw([posed()[:, :2]], one),
    )
    raised(
        InputError,
        "keypoints: expected (2, 17), got (1, 17)",
        lambda: view.draw([posed(), posed()], one),
    )
    raised(
        InputError,
        "valid: expected (1, 17), got (17,)",
        lambda: view.draw([posed()], one, valid=np.ones(17)),
    )
    raised(
        InputError,
        "image: expected 640 x 480 pixels as the source said, got 480 x 640",
        lambda: made.draw(grey(480, 640), one, [posed()]),
    )
