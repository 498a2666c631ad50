"""What the benchmark of drawing draws."""

import numpy as np
import pytest

from h2ot_edge.benchmarks import drawing, latency

cv2 = pytest.importorskip("cv2")

WAYS = ("overlay", "side by side")


@pytest.mark.parametrize("people", drawing.PEOPLE)
def test_people_fill_the_frame_and_some_joints_are_uncertain(people):
    keypoints, poses = drawing.crowd(people)
    assert keypoints.shape == poses.shape == (people, 17, 3)
    assert (poses[:, 0] == 0).all()
    x, y, sure = np.moveaxis(keypoints, -1, 0)
    assert 0 < x.min() < x.max() < 1920
    assert 0 < y.min() < y.max() < 1080
    rows = 5 if people == 50 else 1
    assert np.ptp(y, axis=1) == pytest.approx(0.9 * 1080 / rows, rel=0.01)
    assert 0.1 < (sure < 0.3).mean() < 0.2
    middles = keypoints[..., :2].mean(axis=1)
    apart = np.linalg.norm(middles[:, None] - middles, axis=-1) + 1e9 * np.eye(people)
    assert apart.min() > 100


def test_both_ways_are_timed():
    calls = drawing.calls_of(2)
    assert [*calls] == ["overlay, 2 people", "side by side, 2 people"]
    for call in calls.values():
        call()


@pytest.mark.parametrize(("limit_ms", "status", "slow"), [(1e9, 0, False), (0.0, 1, True)])
def test_the_command_says_whether_it_is_fast_enough(monkeypatch, capsys, limit_ms, status, slow):
    monkeypatch.setattr(latency, "_GROUP_S", 0.01)
    monkeypatch.setattr(latency, "_LONGEST_WARMUP_S", 0.02)
    monkeypatch.setattr(drawing, "_SIZE", (160, 120))
    monkeypatch.setattr(drawing, "PEOPLE", (1, 2))
    monkeypatch.setattr(drawing, "LIMIT_MS", limit_ms)
    threads = cv2.getNumThreads()
    try:
        assert drawing.main(["--seconds", "0.01"]) == status
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(threads)
    *lines, last = capsys.readouterr().out.splitlines()
    names = [f"{what}, {who}" for who in ("1 person", "2 people") for what in WAYS]
    assert [line.split("|")[1].strip() for line in lines] == ["1080p", "-" * 22, *names]
    assert last == f"over {limit_ms:g} ms: {'; '.join(names) if slow else 'none'}"
