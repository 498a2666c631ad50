"""The windows on which an export is verified."""

import numpy as np
import pytest

from h2ot_edge.benchmarks.motion.probe_windows import KINDS, probe_windows


@pytest.mark.parametrize(("frames", "channels"), [(9, 3), (27, 2), (1, 3)])
def test_probe_windows_have_the_shape_asked_for(frames, channels):
    windows = probe_windows(frames, channels)
    assert windows.shape == (len(KINDS), frames, 17, channels)
    assert len(KINDS) >= 8
    assert windows.dtype == np.float32
    assert np.isfinite(windows).all()
    np.testing.assert_array_equal(windows, probe_windows(frames, channels))


def test_probe_windows_are_what_their_names_say():
    windows = dict(zip(KINDS, probe_windows(27, 3), strict=True))
    moved = {kind: np.abs(np.diff(window, axis=0)).max() for kind, window in windows.items()}
    assert moved.pop("still") == 0
    assert min(moved.values()) > 1e-3
    threes = windows["frames in threes"]
    for start in range(0, 27, 3):
        assert (threes[start : start + 3] == threes[start]).all()
    assert len(np.unique(threes[:, 0, 0])) == 9
    padded = windows["padded at the start"]
    assert (padded[:10] == padded[0]).all()
    assert (np.diff(padded[9:, :, 0], axis=0) != 0).any(axis=1).all()
    for kind in ("walking past", "walking fast, close camera", "walking away", "noisy detector"):
        assert np.abs(windows[kind][..., :2]).max() <= 2, kind
        assert (windows[kind][..., 2] >= 0).all(), kind
        assert (windows[kind][..., 2] <= 1).all(), kind
    noise = windows["noisy detector"][..., :2] - windows["walking past"][..., :2]
    assert 0.015 < noise.std() < 0.025
    assert 0.9 < windows["noise"].std() < 1.1
