import re
import struct

import numpy as np
import pytest

from h2ot_edge.camera import Camera
from h2ot_edge.errors import InputError
from h2ot_edge.gait import Walk
from h2ot_edge.plot import LEFT, MIDDLE, RIGHT, plot_frame, plot_sequence
from h2ot_edge.sample import sample_clip
from h2ot_edge.skeleton import JOINTS

image = pytest.importorskip("matplotlib.image")

CLIP = sample_clip()


def size_of_png(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:])


def places(path, colour):
    """(rows, columns) of pixels in `colour`, inside of the frame and all text."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    picture = image.imread(path)[80:-60, 70:-40, :3]
    return np.nonzero(np.abs(picture - wanted).max(axis=-1) < 0.02)


def test_writes_a_png_1600_pixels_wide(tmp_path):
    out = tmp_path / "walk.png"
    assert plot_sequence(CLIP.poses, out, keypoints=CLIP.keypoints, title="walk") == out
    assert size_of_png(out) == (1600, 900)


def test_without_keypoints_there_is_one_row(tmp_path):
    out = plot_sequence(CLIP.poses, str(tmp_path / "walk.png"))
    assert size_of_png(out) == (1600, 480)


def test_people_stand_upright(tmp_path):
    out = plot_sequence(CLIP.poses, tmp_path / "walk.png")
    middle, right, left = (places(out, colour)[0] for colour in (MIDDLE, RIGHT, LEFT))
    assert len(middle) > 500
    assert middle.mean() < right.mean() - 20
    assert middle.mean() < left.mean() - 20


def test_the_left_of_someone_who_faces_the_camera_is_on_the_right(tmp_path):
    poses = Camera().to_camera(Walk(heading_rad=-np.pi / 2).joints(np.array([0.2])))
    out = plot_sequence(poses, tmp_path / "walk.png")
    assert places(out, LEFT)[1].mean() > places(out, RIGHT)[1].mean() + 20


def test_all_people_have_one_scale(tmp_path):
    """Someone half as tall is half as high in the picture."""
    tall = CLIP.poses[:1]
    poses = np.concatenate([tall, tall / 2])
    rows, columns = places(plot_sequence(poses, tmp_path / "two.png"), MIDDLE)
    first, second = np.ptp(rows[columns < 730]), np.ptp(rows[columns >= 730])
    assert second == pytest.approx(first / 2, abs=10)  # a joint is drawn 7 pixels wide


def test_frames_are_spread_over_the_clip_and_never_repeated(tmp_path):
    out = plot_sequence(CLIP.poses[:2], tmp_path / "walk.png", frames=8)
    gaps = np.diff(np.unique(places(out, MIDDLE)[1]))
    assert (gaps > 100).sum() == 1


def test_frames_have_the_numbers_of_the_film(tmp_path):
    first, later = (
        image.imread(plot_sequence(CLIP.poses, tmp_path / f"{number}.png", first_frame=number))
        for number in (0, 900)
    )
    changed = np.nonzero((first != later).any(axis=-1))[0]
    assert changed.size
    assert changed.min() > first.shape[0] / 2  # the labels are below


def test_joints_that_are_nan_are_left_out(tmp_path):
    poses = CLIP.poses[:1].copy()
    poses[:, [4, 5, 6, 11, 12, 13]] = np.nan
    out = plot_sequence(poses, tmp_path / "walk.png")
    assert len(places(out, LEFT)[0]) == 0
    assert len(places(out, RIGHT)[0]) > 500


@pytest.mark.parametrize(
    ("poses", "keypoints", "frames", "message"),
    [
        (
            np.zeros((5, 16, 3)),
            None,
            8,
            "poses: expected shape (t, 17, 3) with t > 0, got (5, 16, 3)",
        ),
        (
            np.zeros((0, 17, 3)),
            None,
            8,
            "poses: expected shape (t, 17, 3) with t > 0, got (0, 17, 3)",
        ),
        (
            np.zeros((5, 17, 3)),
            np.zeros((5, 17, 4)),
            8,
            "keypoints: expected shape (t, 17, 2) or (t, 17, 3) with t > 0, got (5, 17, 4)",
        ),
        (
            np.zeros((5, 17, 3)),
            np.zeros((4, 17, 2)),
            8,
            "keypoints: expected as many frames as poses (5), got 4",
        ),
        (
            np.full((5, 17, 3), np.nan),
            None,
            8,
            "poses: expected finite numbers, but every joint has a NaN or infinity",
        ),
        (np.zeros((5, 17, 3)), None, 0, "frames: expected at least 1, got 0"),
    ],
)
def test_wrong_input_is_refused(tmp_path, poses, keypoints, frames, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        plot_sequence(poses, tmp_path / "never.png", keypoints=keypoints, frames=frames)
    assert list(tmp_path.iterdir()) == []


# one frame


def test_a_frame_is_drawn_in_five_panels(tmp_path):
    out = tmp_path / "frame.png"
    truth = CLIP.poses[0]
    poses = {"truth": truth, "answer": truth * [1, 1, -1]}
    assert plot_frame(CLIP.keypoints[0], poses, str(out), title="worst") == out
    assert size_of_png(out) == (1024, 268)
    columns = frame_columns(out, RIGHT)
    assert (np.diff(np.unique(columns)) > 60).sum() == 4


def test_depth_shows_from_the_left(tmp_path):
    """From there the camera is on the right, so what is nearer to it is further right."""
    pose = np.zeros((17, 3))
    pose[1:, 1] = np.linspace(-0.5, 0.5, 16)
    right, left = (np.array([name.startswith(side) for name in JOINTS]) for side in "rl")
    pose[right, 2], pose[left, 2] = -0.5, 0.5
    out = plot_frame(pose[:, :2], {"truth": pose}, tmp_path / "frame.png")
    assert frame_columns(out, RIGHT).max() > frame_columns(out, LEFT).max() + 50


def test_a_frame_without_keypoints_is_drawn(tmp_path):
    keypoints = np.full((17, 3), np.nan)
    out = plot_frame(keypoints, {"truth": CLIP.poses[0]}, tmp_path / "frame.png")
    assert len(frame_columns(out, RIGHT)) > 100


def frame_columns(path, colour):
    """Columns of pixels in `colour` below the headings."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    picture = image.imread(path)[70:, :, :3]
    return np.nonzero(np.abs(picture - wanted).max(axis=-1) < 0.02)[1]


@pytest.mark.parametrize(
    ("keypoints", "poses", "message"),
    [
        (np.zeros((17, 2)), {}, "poses: expected at least one, got none; there is nothing to draw"),
        (
            np.zeros((17, 4)),
            {"truth": np.zeros((17, 3))},
            "keypoints: expected shape (17, 2) or (17, 3), got (17, 4)",
        ),
        (
            np.zeros((17, 2)),
            {"truth": np.zeros((1, 17, 3))},
            "truth: expected shape (17, 3), got (1, 17, 3)",
        ),
        (
            np.zeros((17, 2)),
            {"truth": np.zeros((17, 3)), "answer": np.full((17, 3), np.nan)},
            "answer: expected finite numbers, but every joint has a NaN or infinity",
        ),
    ],
)
def test_a_wrong_frame_is_refused(tmp_path, keypoints, poses, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        plot_frame(keypoints, poses, tmp_path / "never.png")
    assert list(tmp_path.iterdir()) == []
