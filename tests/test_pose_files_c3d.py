"""pose_files as C3D, read by ezc3d, which is not what wrote it, and by c3d."""

import warnings

import numpy as np
import pytest
from tiny_models import tiny_card
from walking_poses import FRAMES, upright, walking_poses, with_gaps
from written_poses import numbers

from h2ot_edge import Poses, write_poses
from h2ot_edge.skeleton import JOINTS

c3d = pytest.importorskip("c3d")
ezc3d = pytest.importorskip("ezc3d")


def millimetres(poses):
    """z up: y away from the camera."""
    x, y, z = np.moveaxis(1e3 * upright(poses), -1, 0)
    return np.stack([x, -z, y], axis=-1)


def text(found, group, name):
    (value,) = found["parameters"][group][name]["value"]
    return value


@pytest.mark.parametrize("frame", FRAMES)
def test_ezc3d_reads_what_was_written(tmp_path, frame):
    poses = walking_poses(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = write_poses(tmp_path / "walk.c3d", poses, tiny_card())
    found = ezc3d.c3d(str(path))
    points = np.moveaxis(found["data"]["points"][:3], 0, -1).swapaxes(0, 1)
    np.testing.assert_allclose(points, millimetres(poses), rtol=0, atol=1e-3)
    assert (points[:, JOINTS.index("head"), 2] > points[:, 0, 2] + 500).all(), "z is up"
    assert found["parameters"]["POINT"]["LABELS"]["value"] == list(JOINTS)
    assert found["parameters"]["POINT"]["RATE"]["value"] == [50]
    assert text(found, "POINT", "UNITS") == "mm"
    assert (text(found, "POINT", "X_SCREEN"), text(found, "POINT", "Y_SCREEN")) == ("+X", "+Z")
    assert text(found, "H2OT", "FRAME") == frame
    assert text(found, "H2OT", "AXES") == "camera's right, away from camera, up"
    assert text(found, "H2OT", "ORIGIN").startswith(
        {"r": "the hip", "c": "the cam", "w": "the fl"}[frame[0]]
    )
    assert found["header"]["points"]["frame_rate"] == 50
    assert not found["data"]["meta_points"]["residuals"].any()


def test_what_is_not_valid_has_residual_minus_1(tmp_path):
    poses = with_gaps(walking_poses())
    absent = np.isnan(poses.positions).any(axis=-1) | ~poses.valid
    path = write_poses(tmp_path / "walk.c3d", poses, tiny_card())
    found = ezc3d.c3d(str(path))
    np.testing.assert_array_equal(
        found["data"]["meta_points"]["residuals"][0].T, np.where(absent, -1, 0)
    )
    np.testing.assert_array_equal(np.isnan(found["data"]["points"][0].T), absent)
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No analog data found in file")
        frames = np.array([points for _, points, _ in c3d.Reader(file).read_frames()])
    np.testing.assert_array_equal(frames[..., 3], np.where(absent, -1, 0))
    np.testing.assert_array_equal(frames[absent][:, :3], 0)
    np.testing.assert_allclose(frames[~absent][:, :3], millimetres(poses)[~absent], atol=1e-3)


def test_rates_that_are_no_whole_numbers(tmp_path):
    poses = Poses(positions=numbers(5, 17, 3), fps=29.97)
    found = ezc3d.c3d(str(write_poses(tmp_path / "a.c3d", poses, tiny_card())))
    assert found["parameters"]["POINT"]["RATE"]["value"] == pytest.approx(29.97)
    assert found["data"]["points"].shape == (4, 17, 5)
