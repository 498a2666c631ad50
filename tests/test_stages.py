"""`StageTimes`."""

import time

import pytest

from h2ot_edge.stages import StageTimes


@pytest.fixture
def clock(monkeypatch):
    """A clock of milliseconds that is set by hand."""
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])

    def wait(milliseconds):
        now[0] += round(milliseconds * 1e6)

    return wait


def test_stages_are_a_frames_time_in_the_order_they_came(clock):
    stages = StageTimes()
    for _ in range(2):
        with stages("decode"):
            clock(2)
        with stages("detect"):
            clock(31.04)
    with stages("lift", frames=10):
        clock(5)
    assert stages.as_dict() == {"decode": 2, "detect": pytest.approx(31.04), "lift": 0.5}
    assert stages.summary() == "decode 2.0, detect 31.0, lift 0.5 ms a frame, 33.5 together"


def test_stages_that_saw_frames_twice_add_up(clock):
    stages = StageTimes()
    with stages("decode", frames=20):
        clock(60)
    with stages("write", frames=5):
        clock(10)
    assert stages.as_dict() == {"decode": 3, "write": 2}
    assert stages.as_dict(10) == {"decode": 6, "write": 1}
    assert stages.summary(10) == "decode 6.0, write 1.0 ms a frame, 7.0 together"


def test_what_takes_long_to_come(clock):
    def frames():
        for number in range(3):
            clock(4)
            yield number
        clock(3)

    stages = StageTimes()
    taken = []
    for number in stages.each("decode", frames()):
        clock(100)
        taken.append(number)
    assert taken == [0, 1, 2]
    assert stages.as_dict() == {"decode": 5}


def test_what_fails_took_time_too(clock):
    stages = StageTimes()
    with pytest.raises(ValueError, match="no"), stages("write"):
        _fail_after(clock, 1)
    assert stages.as_dict() == {"write": 1}


def _fail_after(clock, milliseconds):
    clock(milliseconds)
    raise ValueError("no")


def test_nothing_was_done():
    assert StageTimes().summary() == "no frame"
    assert StageTimes().as_dict() == {}
