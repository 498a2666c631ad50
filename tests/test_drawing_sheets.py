"""Contact sheets, and plots of joint angles."""

import re

import numpy as np
import pytest
from test_plot import size_of_png

from h2ot_edge.drawing import ContactSheet, contact_sheet, plot_angles
from h2ot_edge.drawing.angle_plot import _alone, _best, _with_gaps
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.poses import Poses
from h2ot_edge.sample import sample_clip

cv2 = pytest.importorskip("cv2")
image_ = pytest.importorskip("matplotlib.image")

CLIP = sample_clip()
RIGHT, LEFT, MIDDLE = (213, 94, 0), (0, 114, 178), (77, 77, 77)  # red green blue


def coloured(number, width=320, height=180):
    """An image whose colour is its number."""
    return np.full((height, width, 3), (number, 255 - number, 10), np.uint8)


def numbers_on(path):
    """What `coloured` images a sheet has, row by row."""
    sheet = cv2.imread(str(path))
    places = np.argwhere((sheet[..., 2] == 10) & (sheet[..., 0].astype(int) + sheet[..., 1] == 255))
    blues = sheet[places[:, 0], places[:, 1], 0]
    first = {blue: tuple(places[blues == blue][0]) for blue in np.unique(blues).tolist()}
    return sorted(first, key=first.__getitem__)


def test_a_sheet_has_all_pictures_in_order(tmp_path):
    images = [coloured(20 * number) for number in range(6)]
    path = contact_sheet(tmp_path / "new" / "sheet.png", images, [f"{n} s" for n in range(6)])
    assert path == tmp_path / "new" / "sheet.png"
    assert numbers_on(path) == [0, 20, 40, 60, 80, 100]
    assert size_of_png(path) == (2 * 328 + 8, 3 * (180 + 22 + 8) + 8)


@pytest.mark.parametrize(("size", "columns"), [((1920, 1080), 3), ((1080, 1920), 6)])
def test_sheets_are_of_sensible_size_whatever_the_format(tmp_path, size, columns):
    path = contact_sheet(tmp_path / "sheet.png", [coloured(n, *size) for n in range(12)])
    width, height = size_of_png(path)
    assert 1500 < width <= 1600
    assert 800 < height < 1500
    assert (cv2.imread(str(path))[20, :, 2] == 255).sum() == pytest.approx(8 * (columns + 1), abs=8)


def test_captions_are_below_pictures(tmp_path):
    sheet = cv2.imread(str(contact_sheet(tmp_path / "s.png", [coloured(9)], ["4.10 s"])))
    assert (sheet[8:188, 8:328] == (9, 246, 10)).all()
    assert (sheet[188:210, 8:80] < 200).any()
    assert (sheet[188:210, 120:] == 255).all()


def test_pictures_of_another_format_are_fitted(tmp_path):
    path = contact_sheet(tmp_path / "sheet.png", [coloured(50), coloured(90, 90, 180)])
    sheet = cv2.imread(str(path))
    assert ((sheet == (90, 165, 10)).all(axis=-1)).sum() == 90 * 180


@pytest.mark.parametrize("frames", [1, 5, 12, 13, 47, 48, 200, 1000])
def test_evenly_spaced_pictures_are_kept_whatever_the_length(tmp_path, frames):
    sheet, drawn = ContactSheet(6), []

    def draw(number):
        drawn.append(number)
        return coloured(number % 250, 32, 18)

    held = 0
    for number in range(frames):
        sheet.add(lambda number=number: draw(number), f"{number}")
        held = max(held, len(sheet._kept))
    assert held <= 24
    assert len(sheet) == min(frames, 6)
    captions = [int(text) for _, text in sheet.chosen()]
    assert captions[0] == 0
    assert captions[-1] >= 0.9 * (frames - 1)
    if frames > 12:
        assert np.ptp(np.diff(captions)) <= max(1, frames / 11)
    assert len(drawn) <= max(24, 12 * np.log2(frames) + 24)
    assert len(numbers_on(sheet.write(tmp_path / "sheet.png"))) == len(set(captions))


def test_pictures_are_copied():
    image = coloured(9)
    sheet = ContactSheet(2)
    sheet.add(image)
    image[...] = 0
    assert (sheet.chosen()[0][0] == (9, 246, 10)).all()


def raised(kind, message, call):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()


def test_sheets_that_cannot_be_are_refused(tmp_path):
    out = tmp_path / "sheet.png"
    raised(UsageError, "pictures: expected at least 1, got 0", lambda: ContactSheet(0))
    nothing = "contact sheet: no picture came; there is nothing to write"
    raised(InputError, nothing, lambda: ContactSheet().write(out))
    raised(
        InputError,
        "captions: expected one for each of 2 pictures, got 1",
        lambda: contact_sheet(out, [coloured(1)] * 2, ["a"]),
    )
    name = f"{tmp_path / 'sheet.jpg'}"
    raised(
        UsageError,
        f"{name}: pictures are written as .png; end the name in .png",
        lambda: contact_sheet(name, [coloured(1)]),
    )
    (tmp_path / "folder.png").mkdir()
    name = f"{tmp_path / 'folder.png'}"
    raised(
        UsageError,
        f"{name}: expected the name of a file, this is a folder",
        lambda: contact_sheet(name, [coloured(1)]),
    )
    assert not out.exists()


# angles


def walk(**changes):
    return Poses(positions=CLIP.poses[:150] - CLIP.poses[:150, :1], **{"fps": 50.0, **changes})


def paint(path, colour):
    """Where a picture has a colour below its heading."""
    picture = (image_.imread(path)[..., :3] * 255).round()
    found = (np.abs(picture - colour) < 4).all(axis=-1)
    found[:60] = False
    return found


def test_angles_of_one_person_have_eight_axes(tmp_path):
    path = plot_angles(tmp_path / "new" / "angles.png", walk(), title="walk")
    assert size_of_png(path) == (1600, 1030)
    for colour in (RIGHT, LEFT):
        rows, columns = np.nonzero(paint(path, colour))
        assert len(rows) > 3000
        assert (np.diff(np.unique(columns)) > 50).sum() == 1  # between two columns
    rotation = paint(path, MIDDLE)
    assert rotation[780:, 860:].sum() > 4 * rotation[:780].sum()  # of letters


def test_what_is_not_known_is_a_gap(tmp_path):
    valid = np.ones((150, 17), bool)
    valid[50:100] = False
    whole, gap = (
        np.flatnonzero(paint(plot_angles(tmp_path / name, poses), RIGHT)[:, :800].any(axis=0))
        for name, poses in (("a.png", walk()), ("b.png", walk(valid=valid)))
    )
    span = whole[-1] - whole[0]
    assert np.diff(whole).max() < 5
    assert np.diff(gap).max() == pytest.approx(51 / 149 * span, abs=8)


def test_several_people_have_a_column_each(tmp_path):
    poses = walk()
    two = Poses(positions=np.stack([poses.positions] * 2), fps=50.0, people=("Anna", "7"))
    path = plot_angles(tmp_path / "two.png", two)
    assert size_of_png(path) == (1600, 1990)
    left, right = np.hsplit(paint(path, RIGHT), 2)
    assert left.sum() == pytest.approx(right.sum(), rel=0.1) != 0


def test_of_many_people_those_seen_longest_are_drawn():
    known = [3, 9, 0, 5, 1, 7, 8, 2, 6, 4]
    people = [{"a": np.r_[np.zeros(n), np.full(9 - n, np.nan)]} for n in known]
    assert _best(people) == [0, 1, 3, 5, 6, 7, 8, 9]


def test_a_leap_to_the_other_end_of_the_range_is_a_gap():
    """Held far back and up, an arm's flexion is -89 degrees or 269."""
    time, curve = _with_gaps(np.arange(4.0), np.array([-80.0, -89.0, 269.0, np.nan]))
    assert np.array_equal(curve, [-80, -89, np.nan, 269, np.nan], equal_nan=True)
    assert np.array_equal(time, [0, 1, np.nan, 2, 3], equal_nan=True)


def test_a_lone_value_is_a_dot():
    nan = np.nan
    curve = np.array([1, nan, 1, 1, nan, 1, nan])
    assert _alone(curve).tolist() == [True, False, False, False, False, True, False]


def test_angles_that_cannot_be_drawn_are_refused(tmp_path):
    nothing = walk(valid=np.zeros((150, 17), bool))
    raised(
        InputError,
        "angles: none is known in any frame; there is nothing to draw",
        lambda: plot_angles(tmp_path / "a.png", nothing),
    )
    name = f"{tmp_path / 'a.csv'}"
    raised(
        UsageError,
        f"{name}: pictures are written as .png; end the name in .png",
        lambda: plot_angles(name, walk()),
    )
    assert list(tmp_path.iterdir()) == []
