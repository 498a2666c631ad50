"""readers/tables.py: tables with named columns."""

import tracemalloc

import numpy as np
import pytest
from detector_files import csv, flat, header, person, refusal, same

from h2ot_edge.clips import read_clip, read_clips
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.readers import found
from h2ot_edge.readers.tables import read_csv


@pytest.mark.parametrize("layout", ["coco17", "h36m", "body25", "mediapipe33", "mpii16"])
def test_csv_goes_by_the_names(tmp_path, layout):
    people = [person(len(LAYOUTS[layout].joints), seed) for seed in range(3)]
    path = csv(
        tmp_path / "a.csv",
        ["frame", "time", *header(layout)],
        *([at, at / 50, *flat(who)] for at, who in enumerate(people)),
    )
    same(read_clip(path), *people, layout=layout)


def test_names_in_other_spellings(tmp_path):
    names = ["Nose", *(f"{side}{part}" for part in ("Eye", "Ear", "Shoulder", "Elbow", "Wrist",
             "Hip", "Knee", "Ankle") for side in "LR")]  # fmt: skip
    cells = [f"{name}.{kind}" for name in names for kind in ("X", "Y", "Visibility")]
    same(read_clip(csv(tmp_path / "a.CSV", cells, flat(person()))), person())


def test_people_and_empty_cells_in_csv(tmp_path):
    rows = [["0", "a", *flat(person())], ["0", "b", *flat(person(seed=1))], ["1", "a", *[""] * 51]]
    path = csv(tmp_path / "a.csv", ["frame", "id", *header()], *rows)
    clip = read_clip(path, person="a")
    same(clip, person(), np.zeros((17, 3)))
    assert clip.people == ("a", "b")


def test_csv_without_scores(tmp_path):
    cells = [name for name in header() if not name.endswith("score")]
    sure = person() * [1, 1, 0] + [0, 0, 1]
    same(read_clip(csv(tmp_path / "a.csv", cells, flat(person()[:, :2]))), sure)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header and lines of numbers, got 0 lines"),
        ("nose_x,nose_y\n1\n", "line 2: expected 2 cells as in the header, got 1"),
        (
            "time,nose_x,nose_y\n1,2,3\n",
            "expected columns such as nose_x, nose_y, nose_score for the joints of a layout "
            "(h2ot_edge.layouts.LAYOUTS), got time, nose_x, nose_y",
        ),
        (
            ",".join(header()) + "\n" + ",".join(["x"] * 51),
            "column 1: expected numbers (could not convert string to float: 'x')",
        ),
    ],
)
def test_what_is_no_csv(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert refusal(path) == f"{path}: {message}"


def test_csv_of_two_layouts_or_another(tmp_path):
    both = dict.fromkeys([*header("coco17"), *header("mpii16")])
    path = csv(tmp_path / "a.csv", list(both), [1] * len(both))
    assert refusal(path) == (
        f"{path}: the columns may be coco17 or mpii16; say which (layout=, or --layout on the "
        "command line)"
    )
    assert read_clip(path, layout="mpii16").keypoints.shape == (1, 17, 3)
    assert refusal(path, layout="body25") == (
        f"{path}: expected the columns of layout body25; x or y of neck, mid_hip not found"
    )


def test_csv_that_is_not_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert refusal(path) == (
        f"{path}: not readable as CSV ('utf-8' codec can't decode byte 0xff in position 0: invalid "
        "start byte); write it again"
    )


def timed(path, *rows):
    """Rows of frame, time_s, person, image_width, image_height; a blank person is nobody."""
    cells = ["frame", "time_s", "person", "image_width", "image_height", *header()]
    return csv(path, cells, *([*row, *(flat(person()) if row[2] else [""] * 51)] for row in rows))


def test_csv_with_times_and_an_image_size(tmp_path):
    rows = [0, 0, 1, 640, 480], [1, 0.1, "", 640, 480], [3, 0.4, 1, 640, 480]
    clip = read_clip(timed(tmp_path / "a.csv", *rows))
    assert (clip.image_size, clip.fps, clip.people) == ((640, 480), 6.666667, ("1",))
    # Frame 2 was left out, and nobody was in frame 1.
    np.testing.assert_allclose(clip.timestamps, [0, 0.1, 0.25, 0.4])
    assert np.isnan(clip.keypoints[[1, 2], :, :2]).all()
    same(type(clip)(keypoints=clip.keypoints[[0, 3]]), person(), person())


def test_what_the_caller_says_goes_before_times(tmp_path):
    path = timed(tmp_path / "a.csv", [0, 0, 1, 640, 480], [1, 0.1, 1, 640, 480])
    clip = read_clip(path, fps=25, image_size=(1280, 960))
    assert (clip.fps, clip.timestamps, clip.image_size) == (25, None, (1280, 960))


def test_csv_without_any_time(tmp_path):
    path = timed(tmp_path / "a.csv", [0, "", 1, 640, 480], [1, "", 1, 640, 480])
    assert read_clip(path).timestamps is None


@pytest.mark.parametrize(
    ("times", "got"),
    [
        ((0, 0.1, 0.1), "0.1 for frame 2 after 0.1"),
        ((0, "", 0.1), "nan for frame 1 after 0"),
        (("inf", 1, 2), "inf for frame 0"),
    ],
)
def test_times_that_do_not_rise(tmp_path, times, got):
    path = timed(tmp_path / "a.csv", *([at, time, 1, 640, 480] for at, time in enumerate(times)))
    assert refusal(path) == (
        f"{path}: expected times in seconds that rise from frame to frame, got {got}"
    )


def test_image_sizes_that_differ(tmp_path):
    path = timed(tmp_path / "a.csv", [0, 0, 1, 640, 480], [1, 0.1, 1, 640, 360])
    assert refusal(path) == (
        f"{path}: expected one image_width and image_height above 0 in all lines, got 640 x 360 "
        "and 640 x 480"
    )


def test_others_last_line_may_have_no_end(tmp_path):
    path = csv(tmp_path / "a.csv", header(), flat(person()), flat(person(seed=1)))
    path.write_text(path.read_text().rstrip("\n"))
    same(read_clip(path), person(), person(seed=1))


def crowd(path, people, frames):
    """Everybody in every frame."""
    row = ",".join(map(str, flat(person())))
    lines = [f"{at},{at / 25},{who},640,480,{row}" for at in range(frames) for who in range(people)]
    cells = ["frame", "time_s", "person", "image_width", "image_height", *header()]
    path.write_text("\n".join([",".join(cells), *lines, ""]))
    return path


def test_memory_for_a_long_file(tmp_path):
    """Hours of several people: the cells are not kept as text."""
    path = crowd(tmp_path / "a.csv", people=2, frames=1500)
    tracemalloc.start()
    read_csv(path, None)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most / 3000 < 1000, "bytes a row"


def test_what_is_common_to_people_is_done_once(tmp_path, monkeypatch):
    calls = []
    for name in ("skipped", "in_order"):
        plain = getattr(found, name)
        monkeypatch.setattr(
            found, name, lambda names, plain=plain: calls.append(len(names)) or plain(names)
        )
    clips = read_clips(crowd(tmp_path / "a.csv", people=30, frames=7))
    assert (len(clips), calls) == (30, [7, 7])


def test_the_stronger_of_two_and_else_the_first_is_taken(tmp_path):
    first, weak, strong = person(), person(seed=1) * [1, 1, 0.1], person(seed=2)
    strong[:, 2] = 1
    rows = [[0, 7, *flat(each)] for each in (first, weak, strong, np.add(strong, [1, 1, 0]))]
    rows += [[0, 9, *flat(weak)]]
    path = csv(tmp_path / "a.csv", ["frame", "id", *header()], *rows)
    same(read_clip(path, person=7), strong)
    same(read_clip(path, person=9), weak)


def test_cells_with_blanks_and_infinity(tmp_path):
    cells = flat(person())
    rows = [" ", " 5", *cells[2:]], [1e300, *cells[1:]]
    clip = read_clip(csv(tmp_path / "a.csv", header("h36m"), *rows))
    assert clip.keypoints[0, 0].tolist() == [0, 0, 0]
    assert clip.keypoints[1, 0, 0] == np.inf
