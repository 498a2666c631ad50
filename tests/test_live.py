"""`Stream` on a model whose answer is known."""

import asyncio
import gc
import math
import threading
import tracemalloc

import numpy as np
import pytest
from live_streams import CLIP, FRAMES, Clock, answers, frames, load, refused, run, stream
from waiting import PATIENCE_S

from h2ot_edge.errors import UnknownName
from h2ot_edge.filters import OneEuro


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path) as engine:
        yield engine


@pytest.mark.parametrize("lookahead", [0, 1, 3, FRAMES - 1])
def test_poses_are_those_of_the_window_that_ends_with_the_newest_frame(engine, lookahead):
    made = answers(stream(engine, lookahead=lookahead), CLIP)
    assert made[:lookahead] == [None] * lookahead
    for newest, pose in enumerate(made[lookahead:], start=lookahead):
        assert (pose.number, pose.lookahead) == (newest - lookahead, lookahead)
        assert pose.padded == max(FRAMES - 1 - newest, 0)
        expected = run(engine, CLIP, newest)[FRAMES - 1 - lookahead]
        np.testing.assert_array_equal(pose.positions, expected)


@pytest.mark.parametrize(("lookahead", "hop"), [(0, 3), (2, 4), (0, FRAMES), (5, 4)])
def test_a_hop_hands_out_the_frames_of_one_window(engine, lookahead, hop):
    made = stream(engine, lookahead=lookahead, hop=hop)
    assert made.delay == lookahead + hop - 1
    poses = answers(made, CLIP)
    assert poses[: made.delay] == [None] * made.delay
    for newest, pose in enumerate(poses[made.delay :], start=made.delay):
        number = newest - made.delay
        ran = number - number % hop + made.delay
        assert (pose.number, pose.lookahead) == (number, ran - number)
        assert lookahead <= pose.lookahead <= made.delay
        expected = run(engine, CLIP, ran)[FRAMES - 1 - pose.lookahead]
        np.testing.assert_array_equal(pose.positions, expected)


@pytest.mark.parametrize("hop", [1, 4])
def test_the_network_runs_every_nth_frame(engine, monkeypatch, hop):
    ran, real = [], engine.run_windows
    monkeypatch.setattr(engine, "run_windows", lambda windows: ran.append(1) or real(windows))
    answers(stream(engine, lookahead=0, hop=hop), CLIP[: 8 * hop])
    assert len(ran) == 8


@pytest.mark.parametrize(("lookahead", "hop"), [(0, 1), (3, 1), (1, 3)])
def test_to_wait_is_to_answer_whole_windows_only(engine, lookahead, hop):
    made = stream(engine, lookahead=lookahead, hop=hop, startup="wait")
    poses = answers(made, CLIP)
    assert poses[: FRAMES - 1] == [None] * (FRAMES - 1)
    assert [pose.number for pose in poses[FRAMES - 1 :]] == list(
        range(FRAMES - 1 - made.delay, len(CLIP) - made.delay)
    )
    assert {pose.padded for pose in poses[FRAMES - 1 :]} == {0}


@pytest.mark.parametrize(("batch", "channels"), [(3, 3), (None, 2), (1, 2)])
def test_models_with_a_fixed_batch_or_without_confidences(tmp_path, batch, channels):
    with load(tmp_path, batch=batch, channels=channels) as engine:
        poses = answers(stream(engine, lookahead=2), CLIP)
        last = np.repeat(CLIP[None, -FRAMES:, :, :channels], batch or 1, axis=0)
        expected = engine.run_windows(np.ascontiguousarray(last))["poses"][0, FRAMES - 3]
        np.testing.assert_array_equal(poses[-1].positions, expected)


@pytest.mark.parametrize("length", [8, 9])
def test_seq2frame_gives_the_centre(tmp_path, length):
    with load(tmp_path, mode="seq2frame", frames=length) as engine:
        poses = answers(stream(engine, lookahead=length // 2), CLIP)
        for newest, pose in enumerate(poses[length // 2 :], start=length // 2):
            assert pose.number == newest - length // 2
            np.testing.assert_array_equal(pose.positions, run(engine, CLIP, newest)[0])
        np.testing.assert_array_equal(
            np.stack([pose.positions for pose in poses[length // 2 :]]),
            np.asarray(engine.infer(CLIP))[: len(CLIP) - length // 2],
        )


def test_pixels_are_normalised_by_the_width(engine):
    pixels = CLIP.copy()
    pixels[..., :2] = CLIP[..., :2] * 400 + 500
    expected = np.asarray(engine.infer(pixels[-FRAMES:], image_size=(1920, 1080)))
    poses = answers(stream(engine, lookahead=0, image_size=(1920, 1080)), pixels)
    np.testing.assert_array_equal(poses[-1].positions, expected[-1])


def test_a_pose_tells_what_it_is(engine):
    clock = Clock()
    made = stream(engine, lookahead=1, clock=clock)
    made.push(CLIP[0, :, :2], 7.0)
    pose = made.push(CLIP[1], 7.5)
    assert (pose.number, pose.timestamp, pose.unit, pose.filters) == (0, 7.0, "m", ())
    assert (pose.valid.all(), pose.id, pose.confidence.tolist()) == (True, None, [1.0] * 17)
    np.testing.assert_array_equal(np.asarray(pose), pose.positions)
    assert np.asarray(pose, np.float64).dtype == np.float64
    assert np.array(pose) is not pose.positions
    np.testing.assert_array_equal(pose["head"], pose.positions[10])
    message = refused(UnknownName, pose.__getitem__, "heat")
    assert message.startswith("no joint 'heat'; did you mean 'head'? (known: hip, rhip, ")


def test_latency_is_from_the_frames_timestamp_to_the_answer(engine, monkeypatch):
    clock, real = Clock(), engine.run_windows

    def slow(windows):
        clock.now += 0.25
        return real(windows)

    monkeypatch.setattr(engine, "run_windows", slow)
    made = stream(engine, lookahead=2, clock=clock)
    poses = answers_at(made, CLIP[:4], clock, [3.0, 3.1, 3.3, 3.6])
    assert poses[2].latency_s == pytest.approx(0.3 + 0.25)
    assert poses[3].latency_s == pytest.approx(0.5 + 0.25)


def answers_at(made, clip, clock, times):
    poses = []
    for frame, seconds in zip(clip, times, strict=True):
        clock.now += 10
        poses.append(made.push(frame, seconds))
    return poses


def test_times_without_timestamps(engine):
    clock = Clock()
    by_rate = stream(engine, lookahead=0, fps=4.0, clock=clock)
    assert [pose.timestamp for pose in answers(by_rate, CLIP[:3])] == [0.0, 0.25, 0.5]
    by_clock = stream(engine, lookahead=0, clock=clock)
    assert by_clock.push(CLIP[0]).timestamp == 100.0
    assert by_clock.push(CLIP[1]).timestamp == math.nextafter(100.0, 200)
    clock.now += 0.1
    assert by_clock.push(CLIP[2]).timestamp == 100.1


def test_poses_do_not_change_when_the_stream_goes_on(engine):
    made = stream(engine, lookahead=3, hop=3)
    poses = [pose for pose in answers(made, CLIP) if pose is not None]
    kept = [(pose.positions.copy(), pose.confidence.copy(), pose.valid.copy()) for pose in poses]
    answers(made, frames(40, seed=1))
    for pose, (positions, confidence, valid) in zip(poses, kept, strict=True):
        assert pose.positions.base is None
        np.testing.assert_array_equal(pose.positions, positions)
        np.testing.assert_array_equal(pose.confidence, confidence)
        np.testing.assert_array_equal(pose.valid, valid)


def test_the_frames_that_are_pushed_may_change_afterwards(engine):
    made, buffer = stream(engine, lookahead=2), np.empty((17, 3), np.float32)
    for frame in CLIP:
        buffer[:] = frame
        pose = made.push(buffer)
        buffer[:] = np.nan
    np.testing.assert_array_equal(pose.positions, run(engine, CLIP, len(CLIP) - 1)[FRAMES - 3])


def test_memory_is_constant(engine):
    made = stream(engine, lookahead=2, hop=6, fps=50, smooth=OneEuro(min_cutoff_hz=1, beta=1))
    clip = [None if number % 30 > 26 else frame for number, frame in enumerate(frames(60))]
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(3):
            for _ in range(8):
                answers(made, clip)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # A leak of the smallest object a pose would be twice that.
    assert sizes[2] - sizes[1] < 12288


def test_threads_take_turns(engine):
    made = stream(engine, lookahead=0, fps=50)
    numbers, lock = [], threading.Lock()

    def push():
        for frame in CLIP:
            pose = made.push(frame)
            with lock:
                numbers.append(pose.number)

    threads = [threading.Thread(target=push) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(numbers) == list(range(8 * len(CLIP)))


def test_asyncio_pushes_are_taken_in_order(engine):
    async def go():
        made = stream(engine, lookahead=1)
        return await asyncio.gather(*(made.push_async(f, t / 50) for t, f in enumerate(CLIP)))

    poses = asyncio.run(go())
    assert poses[0] is None
    for newest, pose in enumerate(poses[1:], start=1):
        np.testing.assert_array_equal(pose.positions, run(engine, CLIP, newest)[FRAMES - 2])


def test_asyncio_goes_on_while_the_network_runs(engine, monkeypatch):
    real, ran = engine.run_windows, []

    async def go():
        loop, free = asyncio.get_running_loop(), threading.Event()

        def run_windows(windows):
            ran.append(free.wait(PATIENCE_S))
            return real(windows)

        monkeypatch.setattr(engine, "run_windows", run_windows)
        pending = asyncio.ensure_future(stream(engine, lookahead=0).push_async(CLIP[0]))
        await asyncio.sleep(0.02)
        assert not pending.done()
        loop.call_soon(free.set)
        return await pending

    assert asyncio.run(go()).number == 0
    assert ran == [True]
