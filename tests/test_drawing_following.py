"""Panels show the part of the picture in which people are."""

import numpy as np
import pytest
from test_drawing import MIDDLE, at, grey, standing
from test_drawing_views import SIZE, posed

from h2ot_edge.drawing import SideBySide, SkeletonView
from h2ot_edge.drawing.following import follow
from h2ot_edge.skeleton import JOINTS

pytest.importorskip("cv2")


def heights(layout, keypoints, frames=1):
    """Pixels from top to bottom of somebody in the panel of each picture."""
    tall = []
    for _ in range(frames):
        picture = layout.draw(grey(), keypoints, [posed()] * len(keypoints))
        rows = np.nonzero((picture[40:, 640:] == MIDDLE).all(axis=-1))[0]
        tall.append(np.ptp(rows) if len(rows) else 0)
    return np.array(tall)


def test_panels_follow_people_smoothly():
    """The trunk is 150 pixels high at size 1."""
    small, large = [standing(300, 220, 0.2)], [standing(320, 240)]
    layout = SideBySide(SIZE, 480, views=("front",))
    assert heights(layout, small)[0] == pytest.approx(90, abs=8)  # three times as large
    closer = heights(layout, large, 30)
    assert (np.diff(closer) <= 2).all()
    assert closer[0] > 1.25 * closer[-1]
    assert closer[-1] == pytest.approx(180, abs=10)
    lost = [standing(320, 240, confidence=0.0)]
    assert np.array_equal(heights(layout, lost), [0])
    away = heights(layout, [standing(320, 240, 0.5)], 60)
    assert away[0] == pytest.approx(90, abs=8)
    assert 2 * away[0] > away[-1] > 1.4 * away[0]
    assert np.abs(np.diff(away)).max() <= 4


def test_panels_can_stay_where_they_are():
    layout = SideBySide(SIZE, 480, views=("front",), follow=False)
    keypoints = standing(100, 100, 0.2)
    picture = layout.draw(grey(), [keypoints], [posed()])
    assert at(picture, keypoints[JOINTS.index("head"), :2] + [640, 0]) == MIDDLE


def test_what_panels_show_never_leaves_the_picture():
    for x, y in ((5, 5), (635, 475), (-900, 9)):
        part = None
        for _ in range(3):
            part = follow(part, np.array([standing(x, y, 0.3)]), SIZE)
            reach = np.array(SIZE) / 2 / part[1]
            assert ((part[0] - reach > -1e-9) & (part[0] + reach < np.array(SIZE) + 1e-9)).all()


def test_sizes_of_people_change_smoothly_in_panels():
    """The hip stays on the hip; a size that leaps by 10 % takes frames to show."""
    view, loose = (SkeletonView(SIZE, view="front", steady=steady) for steady in (True, False))
    tall = {view: [], loose: []}
    for size in (1.0, 1.1, *[1.0] * 12):
        for panel in tall:
            image = panel.draw([posed()], [standing(300, 240, size)], [7])
            rows = np.nonzero((image[40:] == MIDDLE).all(axis=-1))[0]
            tall[panel].append(np.ptp(rows))
    assert tall[loose][1] - tall[loose][0] == pytest.approx(15, abs=1)
    assert tall[view][1] - tall[view][0] == pytest.approx(3, abs=1)
    assert tall[view][-1] == tall[view][0] == tall[loose][0]


def test_in_pictures_that_do_not_follow_each_other_nobody_stays():
    view = SkeletonView(SIZE, steady=False)
    view.draw([posed()], [standing(300, 220)], [7])
    lost = view.draw([posed()], [standing(0, 0, confidence=0.0)], [7])
    assert np.array_equal(lost, view.draw([], []))
