"""`LiveSession`: threads and asyncio."""

import asyncio
import gc
import threading

import numpy as np
import pytest
from live_streams import FRAMES, Clock, frames, load, run
from waiting import PATIENCE_S, until

from h2ot_edge import live as faces
from h2ot_edge.errors import EngineClosed, InputError, UsageError

CLIP = frames(30)
CLOSED = "this live session was closed; make another one"


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path, max_batch=4) as engine:
        yield engine


@pytest.fixture
def gate(engine, monkeypatch):
    """The network waits for it; counts the calls that arrived."""
    made = Gate(engine.run_windows)
    monkeypatch.setattr(engine, "run_windows", made)
    yield made
    made.open.set()


class Gate:
    def __init__(self, real):
        self.real, self.open, self.arrived = real, threading.Event(), threading.Event()

    def __call__(self, windows):
        self.arrived.set()
        assert self.open.wait(PATIENCE_S)
        return self.real(windows)


def session(engine, **options):
    """By a clock that stands, so that a busy machine makes no gaps."""
    return faces.session(engine, **{"clock": Clock(), **options})


def refused(error, call, *args):
    with pytest.raises(error) as caught:
        call(*args)
    return str(caught.value)


def test_callbacks_get_every_pose_in_order(engine):
    seen = []
    with session(engine, lookahead=2, on_pose=seen.append, max_queue=100) as live:
        for number, frame in enumerate(CLIP):
            live.push("a", frame, number / 50)
    assert [pose.number for pose in seen] == list(range(len(CLIP) - 2))
    for newest, pose in enumerate(seen, start=2):
        np.testing.assert_array_equal(pose.positions, run(engine, CLIP, newest)[FRAMES - 3])


def test_eight_threads_of_cameras(engine, gate):
    seen = []
    with session(engine, lookahead=1, hop=2, on_pose=seen.append, max_queue=1000) as live:

        def film(camera):
            for number, frame in enumerate(frames(40, seed=camera)):
                live.push(camera, frame, number / 50)

        threads = [threading.Thread(target=film, args=(camera,)) for camera in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        gate.open.set()
    for camera in range(8):
        own = [pose for pose in seen if pose.id == camera]
        assert [pose.number for pose in own] == list(range(38))
        clip = frames(40, seed=camera)
        for pose in own:
            # Which frames a stream is run in depends on who came first.
            assert pose.lookahead in (1, 2)
            expected = run(engine, clip, pose.number + pose.lookahead)[FRAMES - 1 - pose.lookahead]
            np.testing.assert_array_equal(pose.positions, expected)
    assert live.counts.poses == 8 * 38
    assert live.counts.calls < live.counts.windows


def test_the_people_of_a_frame_run_together(engine):
    with session(engine, lookahead=0) as live:
        live.push_many(dict.fromkeys("abc", CLIP[0]))
        until(lambda: live.counts.poses == 3)
        assert live.counts.calls == 1
        assert live.ids == list("abc")


def test_latest(engine):
    with session(engine, lookahead=1) as live:
        live.push("a", CLIP[0])
        assert live.latest("a") is None
        assert live.latest("b") is None
        live.push("a", CLIP[1])
        until(lambda: live.latest("a") is not None)
        assert live.latest("a").number == 0
        assert live.drop("a")
        assert live.latest("a") is None


def test_a_full_queue_drops_the_oldest_and_push_does_not_wait(engine, gate):
    seen = []
    with session(engine, lookahead=0, on_pose=seen.append, max_queue=2) as live:
        live.push("a", CLIP[0])
        assert gate.arrived.wait(PATIENCE_S)
        for frame in CLIP[1:6]:
            live.push("a", frame)
        assert live.counts.dropped == 3
        gate.open.set()
    assert [pose.number for pose in seen] == [0, 4, 5]


def test_a_window_waits_for_others_but_not_for_longer(engine, gate):
    clock = Clock()
    with session(engine, lookahead=0, max_wait_ms=50, clock=clock) as live:
        live.push("a", CLIP[0])
        clock.now += 0.04
        live.push("b", CLIP[0])
        assert not gate.arrived.wait(0.2)  # the thread has looked again, and the clock stands
        clock.now += 0.02
        gate.open.set()
        until(lambda: live.counts.poses == 2)
        assert live.counts.calls == 1


def test_mistakes_are_raised_where_they_are_made(engine):
    with session(engine, lookahead=0) as live:
        live.push("a", CLIP[0], 1.0)
        assert refused(InputError, live.push, "a", CLIP[1], 0.5) == (
            "timestamp: expected a finite number of seconds after the 1.000000 s of the frame "
            "before, got 0.500000; give frames in the order they were taken, each once, or reset "
            "the stream"
        )
        live.push("a", CLIP[1], 2.0)
        until(lambda: live.counts.poses == 2)


def test_what_goes_wrong_in_the_thread_comes_out(engine):
    live = session(engine, lookahead=0)
    engine.close()
    live.push("a", CLIP[0])
    live._thread.join(PATIENCE_S)
    closed = "this engine was closed; load the model again with Engine.load"
    assert refused(EngineClosed, live.push, "a", CLIP[1]) == closed
    assert refused(EngineClosed, live.latest, "a") == closed
    assert refused(EngineClosed, live.close) == closed


def test_what_a_callback_raises_comes_out(engine):
    def fail(pose):
        raise ZeroDivisionError(pose.id)

    live = session(engine, lookahead=0, on_pose=fail)
    live.push("a", CLIP[0])
    assert refused(ZeroDivisionError, live.close) == "a"


def test_the_first_error_is_the_one_that_is_raised(engine):
    def fail(pose):
        raise ZeroDivisionError

    def use():
        with session(engine, lookahead=0, on_pose=fail) as live:
            live.push("a", CLIP[0])
            raise KeyError("mine")

    assert refused(KeyError, use) == "'mine'"


def test_who_is_dropped_while_the_network_runs_gets_nothing(engine, gate):
    seen = []
    with session(engine, lookahead=0, on_pose=seen.append) as live:
        live.push_many(dict.fromkeys("ab", CLIP[0]))
        assert gate.arrived.wait(PATIENCE_S)
        assert live.drop("a")
        gate.open.set()
    assert [pose.id for pose in seen] == ["b"]


def test_close_runs_what_waits_and_ends_the_thread(engine):
    seen = []
    live = session(engine, lookahead=0, on_pose=seen.append, max_wait_ms=1e6)
    live.push("a", CLIP[0])
    live.close()
    live.close()
    assert [pose.number for pose in seen] == [0]
    assert not live._thread.is_alive()
    assert refused(UsageError, live.push, "a", CLIP[1]) == CLOSED


def test_async_for_reads_every_pose_to_the_end(engine):
    async def go():
        live = session(engine, lookahead=1, max_queue=100)
        poses = aiter(live)
        for frame in CLIP:
            live.push("a", frame)
        asyncio.get_running_loop().run_in_executor(None, live.close)
        return [pose.number async for pose in poses]

    assert asyncio.run(go()) == list(range(len(CLIP) - 1))


def test_a_frame_in_and_a_pose_out_in_an_event_loop(engine):
    async def go():
        async with session(engine, lookahead=0) as live:
            poses, numbers = aiter(live), []
            for frame in CLIP[:5]:
                live.push("a", frame)
                numbers.append((await anext(poses)).number)
        return numbers, [pose async for pose in poses], [pose async for pose in live]

    assert asyncio.run(go()) == ([0, 1, 2, 3, 4], [], [])


def test_a_reader_that_is_slow_misses_the_oldest(engine):
    async def go():
        async with session(engine, lookahead=0, max_unread=4) as live:
            poses = aiter(live)
            for number in range(12):
                live.push("a", CLIP[number])
                until(lambda number=number: live.counts.poses == number + 1)
        return [pose.number async for pose in poses], poses.missed

    assert asyncio.run(go()) == ([8, 9, 10, 11], 8)


def test_async_for_raises_what_went_wrong(engine):
    async def go():
        live = session(engine, lookahead=0)
        poses = aiter(live)
        engine.close()
        live.push("a", CLIP[0])
        await anext(poses)

    assert refused(EngineClosed, asyncio.run, go()) == (
        "this engine was closed; load the model again with Engine.load"
    )


def test_a_reader_that_was_left_is_forgotten(engine):
    async def go():
        async with session(engine, lookahead=0) as live:
            live.push("a", CLIP[0])
            live.push("a", CLIP[1])
            async for _ in live:
                break
            gc.collect()
            return len(live._readers)

    assert asyncio.run(go()) == 0


def test_a_reader_of_a_loop_that_is_gone_does_no_harm(engine):
    async def begin(live):
        return aiter(live)

    with session(engine, lookahead=0) as live:
        reader = asyncio.run(begin(live))
        live.push("a", CLIP[0])
        until(lambda: live.counts.poses == 1)
    assert reader.missed == 0
