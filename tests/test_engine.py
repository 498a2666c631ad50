"""engine.py on models whose answer is known."""

import dataclasses
import statistics
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from tiny_models import answer, ramp, save_tiny, tiny_card

from h2ot_edge.backends import open_backend
from h2ot_edge.backends.ort import OnnxRuntimeBackend
from h2ot_edge.backends.ort_options import OnnxRuntimeOptions
from h2ot_edge.engine import Engine
from h2ot_edge.errors import (
    EngineClosed,
    InputError,
    ModelFileError,
    OutputError,
    UnknownName,
    UsageError,
)

FLAT = np.zeros((9, 1, 3), np.float32)
OPTIONS = [field.name for field in dataclasses.fields(OnnxRuntimeOptions)]
CLOSED = "this engine was closed; load the model again with Engine.load"


def clip(*shape, seed=0):
    keypoints = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    keypoints[..., 2:] = np.abs(keypoints[..., 2:])  # a confidence, if there is one
    return keypoints


@pytest.fixture
def engine(tmp_path):
    with Engine.load(save_tiny(tmp_path / "tiny.onnx"), threads=1) as engine:
        yield engine


def load(tmp_path, card, **options):
    bias = options.pop("bias", None)
    return Engine.load(save_tiny(tmp_path / "tiny.onnx", card, bias=bias), threads=1, **options)


def test_one_window_is_one_call_of_the_model(engine):
    keypoints = clip(9, 17, 3)
    poses = engine.infer(keypoints)
    assert poses.dtype == np.float32
    np.testing.assert_allclose(poses, answer(keypoints[None])[0], atol=1e-6)


@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("channels", [2, 3])
def test_any_length_and_number_of_clips(tmp_path, batch, channels):
    card = tiny_card(batch=batch, channels=channels)
    with load(tmp_path, card, bias=FLAT, max_batch=4) as engine:
        for frames in (1, 8, 9, 10, 26, 40):
            keypoints = clip(2, frames, 17, channels)
            expected = answer(keypoints, bias=0)
            np.testing.assert_allclose(engine.infer(keypoints), expected, atol=2e-6)
            np.testing.assert_allclose(engine(keypoints[1]), expected[1], atol=2e-6)


@pytest.mark.parametrize("window", [8, 9])
@pytest.mark.parametrize("batch", [None, 4])
def test_seq2frame_gives_the_centre_of_every_window(tmp_path, window, batch):
    card = tiny_card(frames=window, mode="seq2frame", batch=batch)
    with load(tmp_path, card) as engine:
        for frames in (1, 7, 25):
            keypoints = clip(2, frames, 17, 3)
            expected = answer(keypoints, bias=ramp(window)[(window - 1) // 2])
            np.testing.assert_allclose(engine.infer(keypoints), expected, atol=2e-6)


def test_windows_fade_into_each_other(tmp_path):
    # Without the fade the ramp in the bias would fall from 0.08 to 0.04 at every seam.
    with load(tmp_path, tiny_card(), overlap=4) as engine:
        z = engine.infer(np.zeros((14, 17, 3)))[:, 0, 2] * 100
    expected = [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 5, 6, 7, 8]
    np.testing.assert_allclose(z, expected, atol=1e-5)


def test_pixels_and_a_missing_confidence(engine):
    pixels = clip(9, 17, 2) * 400 + 500
    x = pixels[..., 0] / 960 - 1
    y = pixels[..., 1] / 960 - 1080 / 1920
    expected = answer(np.stack([x, y, np.ones_like(x)], axis=-1)[None])[0]
    poses = engine.infer(pixels, image_size=(1920, 1080))
    np.testing.assert_allclose(poses, expected, atol=1e-6)


def test_bad_keypoints_are_refused(engine):
    with pytest.raises(InputError) as caught:
        engine.infer(np.zeros((9, 16, 2)))
    assert str(caught.value) == (
        "keypoints: expected (t, 17, 2|3) or (n, t, 17, 2|3), got (9, 16, 2) with 16 joints; give "
        "the 17 of Human3.6M in order"
    )


def test_progress_counts_windows_to_the_end(tmp_path):
    seen = []
    with load(tmp_path, tiny_card(), max_batch=2, overlap=0) as engine:
        assert engine.count_windows(40) == 5
        assert engine.count_windows(40, clips=2) == 10
        engine.infer(clip(40, 17, 3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_a_call_is_never_smaller_than_the_model_takes(tmp_path):
    seen = []
    with load(tmp_path, tiny_card(batch=3), max_batch=1, overlap=0) as engine:
        engine.infer(clip(40, 17, 3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 5), (5, 5)]


def test_an_engine_tells_what_it_is(engine):
    assert engine.card == tiny_card()
    assert (engine.backend, engine.device, engine.overlap) == ("onnxruntime", "cpu", 1)
    assert repr(engine) == "<Engine tiny linear, 9 frames seq2seq, onnxruntime on cpu>"
    engine.close()
    assert repr(engine) == "<Engine tiny linear, 9 frames seq2seq, onnxruntime closed>"


def test_windows_can_be_run_directly_and_say_what_was_kept(tmp_path):
    card = tiny_card(with_kept=True, batch=2, schedule={1: 5, 2: 3})
    with load(tmp_path, card) as engine:
        windows = clip(2, 9, 17, 3)
        given = engine.run_windows(windows)
        np.testing.assert_allclose(given["poses"], answer(windows), atol=1e-6)
        np.testing.assert_array_equal(given["kept"], [[0, 1, 2]] * 2)


@pytest.mark.parametrize(
    ("windows", "got"),
    [
        (np.zeros((2, 9, 17, 3), np.float32), "float32[2, 9, 17, 3]"),
        (np.zeros((1, 9, 17, 3)), "float64[1, 9, 17, 3]"),
        (np.zeros((1, 9, 17), np.float32), "float32[1, 9, 17]"),
    ],
)
def test_windows_that_do_not_fit_are_refused_before_the_backend(tmp_path, windows, got):
    with load(tmp_path, tiny_card(batch=1)) as engine:
        with pytest.raises(InputError) as caught:
            engine.run_windows(windows)
        assert str(caught.value) == f"keypoints: expected float32[1, 9, 17, 3], got {got}"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_poses_that_are_not_finite_are_not_handed_out(tmp_path, value):
    bias = FLAT.copy()
    bias[4, 0, 1] = value
    with load(tmp_path, tiny_card(), bias=bias) as engine, pytest.raises(OutputError) as caught:
        engine.infer(clip(9, 17, 3))
    assert caught.value.exit_status == 1
    assert str(caught.value) == (
        "the model gave NaN or infinity in window 0 or its batch; the keypoints were finite, so "
        "the weights or the precision of the model are at fault: verify the export"
    )


@pytest.mark.parametrize("batch", [None, 2])
def test_warmup_runs(tmp_path, batch):
    with load(tmp_path, tiny_card(batch=batch)) as engine:
        engine.warmup()
        with pytest.raises(UsageError) as caught:
            engine.warmup(0)
    assert str(caught.value) == "warmup: expected at least 1 run, got 0"


def test_a_closed_engine_says_so(engine):
    assert not engine.closed
    engine.close()
    engine.close()
    assert engine.closed
    for use in (
        lambda: engine.infer(clip(9, 17, 3)),
        lambda: engine.run_windows(clip(1, 9, 17, 3)),
        engine.warmup,
    ):
        with pytest.raises(EngineClosed) as caught:
            use()
        assert str(caught.value) == CLOSED


def test_a_failed_call_does_not_keep_the_engine_open(tmp_path):
    engine = Engine.load(save_tiny(tmp_path / "tiny.onnx"))
    with pytest.raises(InputError):
        engine.infer("nonsense")
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()


def test_close_waits_for_running_calls(engine):
    running, go_on = threading.Event(), threading.Event()

    def hold(done, total):
        running.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(2) as pool:
        keypoints = clip(9, 17, 3)
        call = pool.submit(engine.infer, keypoints, progress=hold)
        assert running.wait(10)
        closing = pool.submit(engine.close)
        while not engine.closed:
            time.sleep(0.001)
        assert not closing.done()
        with pytest.raises(EngineClosed):
            engine.infer(keypoints)
        go_on.set()
        closing.result(10)
        np.testing.assert_allclose(call.result(10), answer(keypoints[None])[0], atol=1e-6)


def test_threads_on_one_engine_get_what_they_would_get_alone(engine):
    clips = [clip(1 + 7 * i, 17, 3, seed=i) for i in range(24)]
    alone = [engine.infer(one) for one in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine.infer, clips))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_engines_do_not_disturb_each_other(tmp_path, engine):
    card = tiny_card(frames=27, mode="seq2frame")
    keypoints = clip(40, 17, 3)
    with Engine.load(save_tiny(tmp_path / "other.onnx", card)) as other:
        alone = engine.infer(keypoints), other.infer(keypoints)
        with ThreadPoolExecutor(2) as pool:
            calls = [pool.submit(each, keypoints) for each in (engine, other) * 8]
            for number, call in enumerate(calls):
                np.testing.assert_array_equal(call.result(10), alone[number % 2])
    assert np.isfinite(engine.infer(keypoints)).all()


def test_the_graph_must_be_what_the_card_says(tmp_path):
    path = save_tiny(tmp_path / "a.onnx", tiny_card(), graph_of=tiny_card(channels=2, batch=1))
    with pytest.raises(ModelFileError) as caught:
        Engine.load(path)
    assert str(caught.value) == (
        f"{path}: the graph's inputs are keypoints float32[1, 9, 17, 2], its model card says "
        "keypoints float32[batch, 9, 17, 3]; export the model again"
    )
    kept = tiny_card(with_kept=True, schedule={1: 4})
    path = save_tiny(tmp_path / "b.onnx", kept, graph_of=tiny_card())
    with pytest.raises(ModelFileError) as caught:
        Engine.load(path)
    assert str(caught.value) == (
        f"{path}: the graph's outputs are poses float32[batch, 9, 17, 3], its model card says "
        "poses float32[batch, 9, 17, 3], kept int64[batch, 4]; export the model again"
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_batch": 0}, UsageError, "max_batch: expected at least 1, got 0"),
        ({"overlap": 5}, UsageError, "overlap: expected 0 to 4 frames, half a window, got 5"),
        ({"threads": 0}, UsageError, "threads: expected at least 1, got 0"),
        (
            {"device": "tpu"},
            UnknownName,
            "no device 'tpu'; did you mean 'cpu'? (known: auto, cpu, cuda, cuda:0)",
        ),
        (
            {"backend": "tensorflow"},
            UnknownName,
            "no backend 'tensorflow'; did you mean 'tensorrt'? "
            "(known: auto, onnxruntime, tensorrt, tensorrt-rtx)",
        ),
        (
            {"cuda_graf": True},
            UnknownName,
            "no option of the backend onnxruntime 'cuda_graf'; did you mean 'cuda_graph'? "
            f"(known: {', '.join(OPTIONS)})",
        ),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, error, message):
    with pytest.raises(error) as caught:
        Engine.load(save_tiny(tmp_path / "tiny.onnx"), **options)
    assert str(caught.value) == message


def test_the_device_is_the_cpu_unless_said(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx")
    for device in ("auto", "cpu"):
        with Engine.load(path, device=device) as engine:
            assert engine.device == "cpu"


def test_an_engine_that_cannot_be_made_closes_its_backend(tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(OnnxRuntimeBackend, "close", lambda self: closed.append(self))
    with pytest.raises(UsageError):
        Engine.load(save_tiny(tmp_path / "tiny.onnx"), max_batch=0)
    assert len(closed) == 1


def test_memory_does_not_grow_with_the_clip(tmp_path):
    with load(tmp_path, tiny_card(mode="seq2frame"), max_batch=4) as engine:
        beyond = [_peak_beyond_the_result(engine, frames) for frames in (1_000, 10_000)]
    mask = 17  # bytes a frame: that of the check that confidences are finite
    assert beyond[1] < beyond[0] + 10_000 + 9_000 * mask


def _peak_beyond_the_result(engine, frames):
    keypoints = clip(frames, 17, 3)
    tracemalloc.start()
    poses = engine.infer(keypoints)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - poses.positions.nbytes - poses.valid.nbytes - poses.confidence.nbytes


def test_infer_adds_less_than_half_a_millisecond_to_the_model(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx", tiny_card(frames=243, batch=1))
    keypoints = clip(243, 17, 3)
    feed = {"keypoints": keypoints[None]}
    backend = open_backend(path, threads=1)
    added = []
    with Engine.load(path, threads=1) as engine:
        for _ in range(200):
            # In turns, so that a busy machine slows both.
            start = time.perf_counter()
            backend.run(feed)
            between = time.perf_counter()
            engine.infer(keypoints)
            added.append(time.perf_counter() - between - (between - start))
    # A tenth, because what else runs on a busy machine only adds. Idle it is 0.15 ms.
    assert statistics.quantiles(added, n=10)[0] < 0.5e-3


def test_the_tiny_models_are_valid_onnx(tmp_path):
    for number, card in enumerate(
        [tiny_card(), tiny_card(mode="seq2frame"), tiny_card(with_kept=True, batch=2)]
    ):
        onnx.checker.check_model(save_tiny(tmp_path / f"{number}.onnx", card), full_check=True)
