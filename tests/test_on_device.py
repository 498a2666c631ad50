"""Windows that are on the GPU already, and poses that stay there."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from stand_in_engines import VERSIONS, machine_of, windows
from tiny_models import answer, ramp, save_tiny, tiny_card

from h2ot_edge.cuda.arrays import LEGACY_STREAM, DeviceArray
from h2ot_edge.cuda.cuda_python import CudaPython
from h2ot_edge.engine import Engine
from h2ot_edge.errors import DeviceError, EngineClosed, InputError, UsageError

CARD = tiny_card()
KEPT = tiny_card(with_kept=True, batch=2, schedule={1: 5, 2: 3})


@pytest.fixture(params=VERSIONS)
def machine(request, monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, request.param) as made:
        yield made


@pytest.fixture
def orin(monkeypatch, tmp_path):
    with machine_of(monkeypatch, tmp_path, devices=2) as made:
        yield made


class Lent:
    """An array of a library that has the CUDA array interface, and nothing else.

    Its values are queued in a stream, and not there before somebody waits for that.
    """

    def __init__(self, values, *, stream=LEGACY_STREAM, skip=0, **interface):
        self._cuda = CudaPython()
        self._values = np.ascontiguousarray(values)
        with self._cuda.current():
            self._pinned = self._cuda.allocate_pinned(values.nbytes)
            self._pinned[:] = self._values.reshape(-1).view(np.uint8)
            self._pointer = self._cuda.allocate(values.nbytes + skip)
            self._own = self._cuda.new_stream() if stream == "own" else 0
            self._queue = self._own or stream or LEGACY_STREAM
            self._cuda.copy_to_device(self._pointer + skip, self._pinned, self._queue)
        self.__cuda_array_interface__ = {
            "shape": values.shape,
            "typestr": values.dtype.str,
            "data": (self._pointer + skip, False),
            "strides": None,
            "stream": self._own or stream,
            "version": 3,
            **interface,
        }

    def __del__(self):
        with self._cuda.current():
            self._cuda.synchronize(self._queue)
            self._cuda.free(self._pointer)
            self._cuda.free_pinned(self._pinned)
            if self._own:
                self._cuda.free_stream(self._own)


def message(error, use):
    with pytest.raises(error) as caught:
        use()
    return str(caught.value)


def check(engine, feed, array):
    """The poses of an array are those of its windows, and nothing was copied for them."""
    gpu = engine._backend.cuda._runtime.gpu
    before = gpu.calls["cudaMemcpyAsync"]
    given = engine.run_windows_on_device(array)
    assert gpu.calls["cudaMemcpyAsync"] == before
    poses = given["poses"]
    assert (poses.dtype, poses.device, poses.ready_stream) == (np.float32, 0, None)
    np.testing.assert_allclose(poses.to_numpy(), answer(feed), atol=1e-6)
    return given


# results


@pytest.mark.parametrize("count", [1, 3])
def test_windows_are_taken_where_they_are(machine, count):
    feed = windows(count, CARD)
    with machine.load() as engine:
        check(engine, feed, Lent(feed))


def test_kept_indices_stay_as_the_engine_gives_them(machine):
    feed = windows(2, KEPT)
    with machine.load(KEPT) as engine:
        kept = check(engine, feed, Lent(feed))["kept"]
        expected = "int32" if machine.trt.__version__ == "8.6.1" else "int64"
        np.testing.assert_array_equal(
            kept.to_numpy(), np.tile([0, 1, 2], (2, 1)).astype(expected), strict=True
        )


@pytest.mark.parametrize("stream", [None, LEGACY_STREAM, "own"])
def test_it_waits_for_who_computes_the_windows(machine, stream):
    feed = windows(2, CARD)
    with machine.load() as engine:
        check(engine, feed, Lent(feed, stream=stream))


@pytest.mark.parametrize("mode", ["seq2seq", "seq2frame"])
def test_infer_takes_one_window_or_many(orin, mode):
    card = tiny_card(mode=mode)
    bias = ramp(9) if mode == "seq2seq" else ramp(9)[4:5]
    frames = slice(None) if mode == "seq2seq" else slice(4, 5)
    with orin.load(card) as engine:
        for feed in (windows(3, card), windows(1, card)[0]):
            poses = engine.infer(Lent(feed))
            assert isinstance(poses, DeviceArray)
            expected = answer(feed[..., frames, :, :][None], bias)[0]
            np.testing.assert_allclose(poses.to_numpy(), expected, atol=1e-6)


def test_what_one_engine_gives_another_takes(orin):
    feed = windows(2, CARD)
    with orin.load() as engine, orin.load(cuda_graph=True) as other:
        first = engine.run_windows_on_device(Lent(feed))["poses"]
        second = other.infer(first)
        np.testing.assert_allclose(second.to_numpy(), answer(answer(feed)), atol=2e-6)


def test_poses_outlive_their_engine(orin):
    feed = windows(1, CARD)
    with orin.load() as engine:
        poses = engine.infer(Lent(feed))
    np.testing.assert_allclose(poses.to_numpy(), answer(feed), atol=1e-6)
    assert orin.gpu.live()["device"] == 1


def test_poses_are_given_back_with_the_last_reference(orin):
    array = Lent(windows(1, CARD))
    with orin.load() as engine:
        engine.infer(array)
        before = orin.gpu.live()
        for _ in range(200):
            engine.infer(array)
        assert orin.gpu.live() == before


def test_handles_and_threads(machine):
    feeds = [windows(1 + n % 3, CARD, seed=n) for n in range(24)]
    with machine.load(contexts=3) as engine:
        handles = [engine.infer_async(Lent(feed)) for feed in feeds]
        with ThreadPoolExecutor(8) as pool:
            given = list(pool.map(engine.infer, [Lent(feed) for feed in feeds]))
        for feed, handle, poses in zip(feeds, handles, given, strict=True):
            np.testing.assert_allclose(poses.to_numpy(), answer(feed), atol=1e-6)
            np.testing.assert_array_equal(handle.result(10).to_numpy(), poses.to_numpy())
        del handle, handles, given, poses


def test_progress_is_told(orin):
    seen = []
    with orin.load() as engine:
        for feed in (windows(3, CARD), windows(1, CARD)[0]):
            engine.infer(Lent(feed), progress=lambda *counts: seen.append(counts))
    assert seen == [(3, 3), (1, 1)]


class Asked(Lent):
    """Notes which thread borrows it."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self._interface, self.threads = self.__dict__.pop("__cuda_array_interface__"), set()

    @property
    def __cuda_array_interface__(self):
        self.threads.add(threading.get_ident())
        return self._interface

    @__cuda_array_interface__.setter
    def __cuda_array_interface__(self, interface):
        self.__dict__["__cuda_array_interface__"] = interface


def test_a_handle_borrows_in_the_thread_that_lends(orin):
    feed = windows(1, CARD)
    array = Asked(feed)
    with orin.load() as engine:
        poses = engine.infer_async(array).result(10)
        np.testing.assert_allclose(poses.to_numpy(), answer(feed), atol=1e-6)
    assert array.threads == {threading.get_ident()}


def test_a_stream_of_the_thread_is_none_for_another(orin):
    feed = windows(1, CARD)
    array = Lent(feed, stream=2)
    with orin.load() as engine:
        assert message(InputError, lambda: engine.infer_async(array)) == (
            "keypoints: they are computed in the default stream of this thread, which means "
            "another one in the thread that uses them; call infer, or compute them in a stream of "
            "their own"
        )
        check(engine, feed, array)


def test_calls_on_the_host_and_on_the_device_mix(machine):
    with machine.load(cuda_graph=True) as engine:
        for call in range(12):
            feed = windows(2, CARD, seed=call)
            if call % 4 == 0:
                check(engine, feed, Lent(feed))
            poses = engine.run_windows(feed)["poses"]
            np.testing.assert_allclose(poses, answer(feed), atol=1e-6)
        assert machine.gpu.calls["cudaGraphLaunch"] > 0
        # It holds for the state in which the last call left its context.
        assert machine.gpu.live()["graph execution"] == 1
        check(engine, feed, Lent(feed))
        assert machine.gpu.live()["graph execution"] == 0


def test_a_failed_call_leaves_nothing(orin, monkeypatch):
    feed = windows(1, CARD)
    array = Lent(feed)
    with orin.load() as engine:
        check(engine, feed, array)
        before = orin.gpu.live()
        synchronize, calls = engine._backend.cuda.synchronize, []

        def fail(stream):
            calls.append(stream)
            if len(calls) == 1:
                raise DeviceError("interrupted")
            synchronize(stream)

        monkeypatch.setattr(engine._backend.cuda, "synchronize", fail)
        assert message(DeviceError, lambda: engine.infer(array)) == "interrupted"
        monkeypatch.undo()
        assert len(calls) == 2
        gc.collect()  # the exception holds frames
        assert orin.gpu.live() == before


# refusals


@pytest.mark.parametrize("use", ["infer", "run_windows_on_device"])
def test_a_model_on_the_cpu_takes_none(orin, tmp_path, use):
    with Engine.load(save_tiny(tmp_path / "cpu.onnx")) as engine:
        assert message(UsageError, lambda: getattr(engine, use)(Lent(windows(1, CARD)))) == (
            "device arrays need a CUDA device, and this model runs on the CPU; load it with "
            "device='cuda', or pass numpy arrays"
        )


def test_pixels_are_not_taken(orin):
    array = Lent(windows(1, CARD))
    with orin.load() as engine:
        assert message(InputError, lambda: engine.infer(array, image_size=(1920, 1080))) == (
            "image_size: keypoints on a GPU are taken as they are; normalise them there, as "
            "card.input says, or give them as a numpy array"
        )


def test_arrays_of_the_host_are_for_the_other_method(orin):
    with orin.load() as engine:
        assert message(InputError, lambda: engine.run_windows_on_device(windows(1, CARD))) == (
            "expected an array on a CUDA device, got numpy.ndarray on DLPack device (1, 0); copy "
            "it there, or give a numpy array"
        )


@pytest.mark.parametrize(
    ("feed", "got"),
    [
        (np.zeros((1, 8, 17, 3), np.float32), "float32[1, 8, 17, 3]"),
        (np.zeros((1, 9, 17, 3), np.float64), "float64[1, 9, 17, 3]"),
        (np.zeros((9, 17), np.float32), "float32[9, 17]"),
        (np.zeros((9, 17, 2), np.float32), "float32[1, 9, 17, 2]"),
        (np.zeros((1, 1, 9, 17, 3), np.float32), "float32[1, 1, 9, 17, 3]"),
    ],
)
def test_shapes_and_types_that_do_not_fit_are_refused(orin, feed, got):
    array = Lent(feed)
    with orin.load() as engine:
        assert message(InputError, lambda: engine.infer(array)) == (
            f"keypoints: expected float32[batch, 9, 17, 3], got {got}"
        )


def test_too_many_windows_are_refused(orin):
    array = Lent(windows(9, CARD))
    with orin.load() as engine:
        assert message(InputError, lambda: engine.infer(array)) == (
            "keypoints: 9 windows, the engine was built for 1 to 8 a call; give as many, or build "
            "it with another --batch"
        )


def test_arrays_of_another_device_are_refused(orin):
    array = DeviceArray.allocate(CudaPython(1), (1, 9, 17, 3), np.float32)
    with orin.load() as engine:
        assert message(InputError, lambda: engine.infer(array)) == (
            "h2ot_edge.cuda.arrays.DeviceArray: expected an array on cuda:0, got one on cuda:1; "
            "copy it there, or load the model on that device"
        )


def test_a_part_of_an_array_may_not_be_aligned(orin):
    array = Lent(windows(1, CARD), skip=128)
    pointer, _ = array.__cuda_array_interface__["data"]
    with orin.load() as engine:
        assert message(InputError, lambda: engine.infer(array)) == (
            f"keypoints: expected an address that is a multiple of 256 bytes, got {pointer:#x}; "
            "copy the part of an array into one of its own, as clone() in PyTorch"
        )


def test_arrays_must_be_contiguous(orin):
    array = Lent(windows(1, CARD), strides=(4, 4, 4, 4))
    with orin.load() as engine:
        assert message(InputError, lambda: engine.infer(array)) == (
            f"{__name__}.Lent: expected a C-contiguous array, got shape (1, 9, 17, 3) with "
            "strides (4, 4, 4, 4) in bytes; copy it into a contiguous one first"
        )


def test_a_closed_engine_takes_none(orin):
    array = Lent(windows(1, CARD))
    engine = orin.load()
    engine.close()
    for use in (engine.infer, engine.run_windows_on_device):
        assert message(EngineClosed, lambda use=use: use(array)) == (
            "this engine was closed; load the model again with Engine.load"
        )
