import re

import numpy as np
import pytest

from h2ot_edge.camera import Camera
from h2ot_edge.errors import InputError


def test_camera_against_a_point_worked_out_by_hand():
    """1 m right, 1 m up, 5 m ahead: 1000 / 5 pixels right of and above the centre (500, 400)."""
    camera = Camera(focal_px=1000, size=(1000, 800), position=(0, -5, 1), look_at=(0, 0, 1))
    seen = camera.to_camera(np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(seen, [1, -1, 5], atol=1e-12)
    np.testing.assert_allclose(camera.project(seen), [700, 200])


def test_camera_looks_where_it_should_and_stands_upright():
    camera = Camera(position=(3.0, -4.0, 2.0), look_at=(1.0, 2.0, 0.5))
    above, below = camera.to_camera(np.array([[1.0, 2.0, 0.7], [1.0, 2.0, 0.5]]))
    np.testing.assert_allclose(camera.project(below), [640, 360])
    assert above[0] == pytest.approx(0, abs=1e-12)
    assert above[1] < below[1]


def test_a_point_behind_the_camera_is_refused():
    message = (
        "expected points in front of the camera (z > 0), got z down to -1.50 m; "
        "move the camera back"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Camera().project(np.array([[0.0, 0.0, 2.0], [0.0, 0.0, -1.5]]))
