"""`Engine.infer_async` with ONNX Runtime: handles, their order, errors, and closing."""

import gc
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest
from tiny_models import answer, save_tiny, tiny_card

from h2ot_edge.engine import Engine
from h2ot_edge.errors import EngineClosed, InputError, OutputError

CLOSED = "this engine was closed; load the model again with Engine.load"


def clip(frames=9, seed=0):
    keypoints = np.random.default_rng(seed).uniform(-1, 1, (frames, 17, 3)).astype(np.float32)
    keypoints[..., 2] = np.abs(keypoints[..., 2])
    return keypoints


@pytest.fixture
def engine(tmp_path):
    with Engine.load(save_tiny(tmp_path / "tiny.onnx"), threads=1) as engine:
        yield engine


class Late:
    """Keypoints that are there when somebody says so."""

    def __init__(self):
        self.asked, self.go_on, self.keypoints = threading.Event(), threading.Event(), clip()

    def __array__(self, dtype=None, copy=None):
        self.asked.set()
        assert self.go_on.wait(10)
        return self.keypoints


@pytest.fixture
def late():
    made = Late()
    yield made
    made.go_on.set()


def test_a_handle_gives_what_infer_gives(engine):
    keypoints = clip(40)
    handle = engine.infer_async(keypoints)
    np.testing.assert_array_equal(handle.result(10), engine.infer(keypoints))
    assert handle.done()
    pixels = keypoints[..., :2] * 400 + 500
    handle = engine.infer_async(pixels, image_size=(1920, 1080))
    expected = engine.infer(pixels, image_size=(1920, 1080))
    np.testing.assert_array_equal(handle.result(10), expected)


def test_it_returns_before_it_is_done(engine, late):
    handle = engine.infer_async(late)
    assert late.asked.wait(10)
    assert not handle.done()
    late.go_on.set()
    np.testing.assert_allclose(handle.result(10), answer(late.keypoints[None])[0], atol=1e-6)


def test_calls_are_begun_in_order(engine):
    done, last = [], threading.Event()
    handles = [engine.infer_async(clip(1 + seed, seed)) for seed in range(20)]
    for number, handle in enumerate(handles):
        handle.add_done_callback(lambda _, number=number: done.append(number))
    handles[-1].add_done_callback(lambda _: last.set())
    assert last.wait(10)
    assert done == list(range(20))
    for seed, handle in enumerate(handles):
        np.testing.assert_array_equal(handle.result(), engine.infer(clip(1 + seed, seed)))


def test_others_call_meanwhile(engine, late):
    handle = engine.infer_async(late)
    assert late.asked.wait(10)
    np.testing.assert_allclose(engine.infer(clip()), answer(clip()[None])[0], atol=1e-6)
    late.go_on.set()
    handle.result(10)


def test_many_threads_begin_calls(engine):
    clips = [clip(1 + 5 * seed, seed) for seed in range(16)]
    alone = [engine.infer(one) for one in clips]
    with ThreadPoolExecutor(8) as pool:
        handles = list(pool.map(engine.infer_async, clips * 4))
    for number, handle in enumerate(handles):
        np.testing.assert_array_equal(handle.result(10), alone[number % 16])


def test_errors_come_with_the_result(engine):
    handle = engine.infer_async(np.zeros((9, 16, 2)))
    with pytest.raises(InputError) as caught:
        handle.result(10)
    assert str(caught.value) == (
        "keypoints: expected (t, 17, 2|3) or (n, t, 17, 2|3), got (9, 16, 2) with 16 joints; give "
        "the 17 of Human3.6M in order"
    )
    np.testing.assert_allclose(engine.infer_async(clip()).result(10), engine.infer(clip()))


def test_poses_that_are_not_finite_come_as_an_error(tmp_path):
    bias = np.full((9, 1, 3), np.nan, np.float32)
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", bias=bias)) as engine:
        assert isinstance(engine.infer_async(clip()).exception(10), OutputError)


def test_a_closed_engine_begins_none(engine):
    engine.close()
    with pytest.raises(EngineClosed) as caught:
        engine.infer_async(clip())
    assert str(caught.value) == CLOSED


def test_close_waits_for_calls_that_were_begun(engine, late):
    first, second = engine.infer_async(late), engine.infer_async(clip(20))
    assert late.asked.wait(10)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(engine.close)
        while not engine.closed:
            time.sleep(0.001)
        assert not closing.done()
        with pytest.raises(EngineClosed):
            engine.infer_async(clip())
        late.go_on.set()
        closing.result(10)
    assert first.done()
    np.testing.assert_allclose(second.result(10).shape, (20, 17, 3))


def test_a_call_that_waits_can_be_cancelled(engine, late):
    first, second = engine.infer_async(late), engine.infer_async(clip())
    assert late.asked.wait(10)
    assert second.cancel()
    with pytest.raises(CancelledError):
        second.result(10)
    late.go_on.set()
    first.result(10)
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()


def test_a_callback_may_begin_the_next_call(engine):
    given = threading.Event()
    handles = []

    def go_on(handle):
        handles.append(engine.infer_async(handle.result()))
        given.set()

    engine.infer_async(clip()).add_done_callback(go_on)
    assert given.wait(10)
    expected = engine.infer(engine.infer(clip()))
    np.testing.assert_array_equal(handles[0].result(10), expected)


def test_an_engine_that_is_forgotten_finishes_its_calls(tmp_path, late):
    engine = Engine.load(save_tiny(tmp_path / "tiny.onnx", tiny_card()))
    handle = engine.infer_async(late)
    assert late.asked.wait(10)
    del engine
    gc.collect()
    late.go_on.set()
    np.testing.assert_allclose(handle.result(10), answer(late.keypoints[None])[0], atol=1e-6)


def test_no_thread_is_made_before_the_first_call_nor_left_after_the_last(tmp_path):
    before = set(threading.enumerate())
    with Engine.load(save_tiny(tmp_path / "tiny.onnx")) as engine:
        engine.infer(clip())
        assert set(threading.enumerate()) <= before
        engine.infer_async(clip()).result(10)
        (worker,) = set(threading.enumerate()) - before
    worker.join(10)
    assert not worker.is_alive()
