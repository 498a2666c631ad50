"""benchmarks/live.py and live_people.py on a model that takes no time."""

import re

import pytest
from live_streams import load

from h2ot_edge.benchmarks import live
from h2ot_edge.benchmarks.live import (
    HopCost,
    cost_of_a_push,
    cost_of_hops,
    main,
    memory,
)
from h2ot_edge.benchmarks.live_people import people_at_a_rate
from h2ot_edge.errors import UsageError
from h2ot_edge.sample import sample_clip

CLIP = sample_clip()


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path) as engine:
        yield engine


def test_a_hop_costs_its_share_of_a_window(engine, monkeypatch):
    ran, real = [], engine.run_windows
    monkeypatch.setattr(engine, "run_windows", lambda windows: ran.append(1) or real(windows))

    def ten_ms_a_window(call):
        before = len(ran)
        call()
        return 10.0 * (len(ran) - before)

    monkeypatch.setattr(live, "_ms", ten_ms_a_window)
    window, costs = cost_of_hops(engine, CLIP, lookahead=1, rounds=5, hops=(1, 4))
    assert window == 10
    assert [(cost.hop, cost.frame_ms, cost.ratio) for cost in costs] == [(1, 10, 1), (4, 2.5, 0.25)]


def test_a_push_without_the_network(engine, monkeypatch):
    import time

    real = engine.run_windows
    monkeypatch.setattr(engine, "run_windows", lambda windows: time.sleep(0.02) or real(windows))
    assert 0 < cost_of_a_push(engine, CLIP) < 10


def test_the_promise():
    assert HopCost(hop=4, frame_ms=1, ratio=0.27).holds
    assert not HopCost(hop=4, frame_ms=1, ratio=0.28).holds
    assert not HopCost(hop=4, frame_ms=1, ratio=float("nan")).holds


def test_people_whose_poses_come(engine):
    options = {"people": 3, "rate": 200.0, "seconds": 0.3, "lookahead": 1, "hop": 2}
    found = people_at_a_rate(engine, CLIP, **options)
    # A window that is dropped takes two poses with it; the first of a stream may be of one alone.
    assert found.dropped <= 3 * 58 - found.poses <= 2 * found.dropped
    assert 0 < found.late_ms[0] <= found.late_ms[1] <= found.late_ms[2]


def test_people_whose_network_is_too_slow_are_missed(engine, monkeypatch):
    import time

    real = engine.run_windows
    # Ten times as slow as people come, as a busy machine makes them come late.
    monkeypatch.setattr(engine, "run_windows", lambda windows: time.sleep(0.05) or real(windows))
    monkeypatch.setattr(engine._lifting, "batch", 1)
    options = {"people": 4, "rate": 100.0, "seconds": 0.3, "lookahead": 0, "hop": 1}
    found = people_at_a_rate(engine, CLIP, **options)
    assert found.missed > 0.8
    assert found.dropped > 0
    assert found.poses + found.dropped == 4 * 30


def test_memory(engine):
    early, late = memory(engine, CLIP, pushes=2000)
    assert 10 < early <= late + 1


def test_the_report(tmp_path, capsys, monkeypatch):
    with load(tmp_path):
        pass
    monkeypatch.setattr(live, "MOST", 1e9)  # this model is nothing but overhead
    options = ["--hops", "1", "3", "--rates", "100", "--people", "2", "--rounds", "3"]
    options += ["--seconds", "0.2", "--pushes", "300", "--threads", "1"]
    assert main([str(tmp_path / "tiny.onnx"), *options]) == 0
    text = capsys.readouterr().out
    assert "1 threads a call, load before:" in text
    assert re.findall(r"^\| +(\d) \| .* (yes|NO) \|$", text, re.MULTILINE) == [
        ("1", "yes"),
        ("3", "yes"),
    ]
    assert len(re.findall(r"^\| +100 \|", text, re.MULTILINE)) == 2
    assert re.search(r"A push that does not run the network takes 0\.\d{3} ms\.", text)
    assert re.search(r"Memory: [\d.]+ MiB after 30 pushes, [\d.]+ MiB after 300 \(flat\)\.", text)


def test_a_promise_that_does_not_hold_is_the_exit_status(tmp_path, capsys, monkeypatch):
    with load(tmp_path):
        pass
    monkeypatch.setattr(live, "MOST", 0.0)
    options = ["--hops", "1", "--rates", "100", "--people", "1", "--rounds", "3"]
    assert main([str(tmp_path / "tiny.onnx"), *options, "--seconds", "0.1", "--pushes", "100"]) == 1
    assert " NO |" in capsys.readouterr().out


def test_no_such_model(capsys):
    assert main(["motionbert-z"]) == 2
    assert capsys.readouterr().err.startswith("live: error: ")


def test_too_short_for_a_pose_is_refused(engine):
    options = {"people": 1, "rate": 30.0, "seconds": 0.1, "lookahead": 4, "hop": 1}
    with pytest.raises(UsageError) as error:
        people_at_a_rate(engine, CLIP, **options)
    assert str(error.value) == (
        "0.1 s at 30 Hz: no pose can come, its look-ahead and hop wait for 4 frames; measure for "
        "longer"
    )
