"""The quick ways of reading a frame give what the plain ones give."""

import numpy as np
import pytest

from h2ot_edge.keypoints import NORMALISED_LIMIT, PIXEL_LIMIT, normalise_by_width
from h2ot_edge.live.intake import Intake
from h2ot_edge.missing import Holder

SIZES = [None, (1920, 1080), (640, 1000), (1, 1), (3, 4)]


def plainly(given, size):
    """A frame (17, 3) as `Intake` is said to read it, one joint after the other."""
    present = [bool(np.isfinite(joint).all() and joint[2] > 0) for joint in given]
    peak = max((np.abs(given[j, :2]).max() for j in range(17) if present[j]), default=0)
    if size is not None and peak <= PIXEL_LIMIT < size[0]:
        present = [False] * 17
    with np.errstate(all="ignore"):
        frame = given.copy() if size is None else normalise_by_width(given, *size)
    for joint in range(17):
        x, y, confidence = np.abs(frame[joint])
        if not (present[joint] and max(x, y) <= NORMALISED_LIMIT and confidence <= 1000):
            frame[joint], present[joint] = np.nan, False
    return frame, np.array(present)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [2, 3])
def test_a_frame_is_read_to_the_bit(size, channels):
    rng, intake = np.random.default_rng(0), Intake(size)
    kinds = set()
    for _ in range(400):
        frame = rng.uniform(-1, 1, (17, 3)) * rng.choice([1, 2, 10, 30, 4000, 2e4])
        frame[:, 2] = rng.uniform(0.1, 1, 17) if channels == 3 else 1
        for odd in rng.choice([0, -0.5, np.nan, np.inf, 2e3, 1e30], rng.integers(3)):
            frame[rng.integers(17), rng.integers(channels)] = odd
        frame = frame.astype(np.float32)
        expected, present = plainly(frame, size)
        read = intake.read(frame[:, :channels])
        assert read.frame.dtype == np.float32
        np.testing.assert_array_equal(read.frame.tobytes(), expected.astype(np.float32).tobytes())
        np.testing.assert_array_equal(read.seen, present)
        assert read.whole == present.all()
        kinds.add(read.whole)
    assert kinds == {True, False}


def test_what_is_read_is_the_callers():
    intake, frame = Intake(None), np.full((17, 3), 0.5, np.float32)
    first = intake.read(frame)
    first.frame[:], first.seen[:] = 7, False
    again = intake.read(frame)
    assert again.seen.all()
    np.testing.assert_array_equal(again.frame, frame)


def test_a_holder_that_is_told_what_is_seen_gives_the_same():
    rng = np.random.default_rng(1)
    asked, told = Holder(max_gap_s=0.1), Holder(max_gap_s=0.1)
    for number in range(200):
        frame = rng.uniform(-1, 1, (17, 3)).astype(np.float32)
        frame[:, 2] = np.abs(frame[:, 2])
        frame[rng.random(17) < rng.choice([0, 0.3, 1.0])] = np.nan
        seen = np.isfinite(frame).all(axis=1)
        expected, valid = asked.push(frame, number / 50)
        if seen.all():
            told.see(frame, number / 50)
            np.testing.assert_array_equal(expected, frame)
            assert valid.all()
        else:
            found, found_valid = told.hold(frame, seen, number / 50)
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(found_valid, valid)
