"""Whatever a detector gives, a live stream does not raise."""

import numpy as np
import pytest
from live_streams import frames, load

from h2ot_edge.live import stream, streams

ODD = [np.nan, np.inf, -np.inf, 0, -1, 1e3, 1e6, -1e30, 3e38, 1e300, 5e-324]


def odd_frame(rng):
    """A frame of anything."""
    kind = rng.integers(8)
    if kind == 0:
        return None
    frame = rng.uniform(-1, 1, (17, int(rng.integers(2, 4))))
    if kind == 1:
        return np.full(frame.shape, rng.choice(ODD))
    if kind == 2:
        return (frame * 1000).astype(rng.choice(["int16", "int64", "float32"]))
    if kind == 3:
        return frame.tolist()
    spoilt = rng.random(frame.shape) < rng.choice([0.05, 0.5, 0.9])
    frame[spoilt] = rng.choice(ODD, spoilt.sum())
    return frame


@pytest.mark.parametrize("size", [None, (1920, 1080), (1, 1)])
@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_pushed(tmp_path, size, seed):
    rng = np.random.default_rng(seed)
    options = {
        "lookahead": int(rng.integers(4)),
        "hop": int(rng.integers(1, 5)),
        "image_size": size,
    }
    with load(tmp_path, channels=2 + seed % 2) as engine:
        made, many = stream(engine, **options), streams(engine, **options, max_streams=2)
        seconds, poses = 0.0, []
        for _ in range(150):
            seconds += rng.choice([0.01, 0.02, 0.6, 100.0], p=[0.3, 0.6, 0.09, 0.01])
            frame = odd_frame(rng)
            poses.append(made.push(frame, seconds))
            poses += many.push(int(rng.integers(3)), frame, seconds)
    poses = [pose for pose in poses if pose is not None]
    for pose in poses:
        assert np.isfinite(pose.positions).all()
        assert np.isfinite(pose.confidence).all()
        assert pose.valid.any()
        assert not pose.confidence[~pose.valid].any()
    assert poses


def test_a_detector_that_goes_mad_leaves_no_trace(tmp_path):
    clip = frames(60)
    with load(tmp_path) as engine:
        mad, sane = (stream(engine, lookahead=1, fps=50) for _ in range(2))
        for number, frame in enumerate(clip):
            broken = np.full((17, 3), ODD[number % 4]) if 20 <= number < 40 else frame
            last = mad.push(broken), sane.push(None if 20 <= number < 40 else frame)
        np.testing.assert_array_equal(last[0].positions, last[1].positions)
