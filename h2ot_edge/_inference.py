"""What an engine does with keypoints: clips, windows, live streams."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._bars import Progress
from h2ot_edge._calls import Calls
from h2ot_edge._lifting import ClipOptions, Lifting
from h2ot_edge._names import look_up
from h2ot_edge._on_device import run_on_device
from h2ot_edge.backends import Backend
from h2ot_edge.card import ModelCard
from h2ot_edge.cuda.arrays import DeviceArray
from h2ot_edge.errors import UsageError
from h2ot_edge.poses import Poses
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray

if TYPE_CHECKING:
    from h2ot_edge.live import LiveSession, Stream, Streams

__all__ = ["Inference"]


class Inference:
    """The calls of `Engine`; that one loads models and frees them."""

    def __init__(
        self,
        backend: Backend,
        card: ModelCard,
        *,
        overlap: int | None = None,
        max_batch: int = 8,
    ) -> None:
        self._lifting = Lifting(backend, card, overlap, max_batch)
        self._backend = backend
        self._card = card
        self._calls = Calls()
        # Threads are made when `infer_async` is first called.
        self._background = ThreadPoolExecutor(backend.contexts, thread_name_prefix="h2ot-edge")

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    @overload
    def infer(  # type: ignore[overload-overlap]  # it has __array__, to refuse hidden copies
        self,
        keypoints: DeviceArray,
        *,
        image_size: Sequence[float] | None = None,
        progress: Progress | None = None,
    ) -> DeviceArray: ...

    @overload
    def infer(
        self,
        keypoints: ArrayLike,
        *,
        image_size: Sequence[float] | None = None,
        layout: str | None = None,
        fps: float | None = None,
        timestamps: ArrayLike | None = None,
        on_missing: str | None = "interpolate",
        max_gap_s: float | None = None,
        progress: Progress | None = None,
    ) -> Poses: ...

    def infer(
        self,
        keypoints: Any,
        *,
        image_size: Sequence[float] | None = None,
        layout: str | None = None,
        fps: float | None = None,
        timestamps: ArrayLike | None = None,
        on_missing: str | None = "interpolate",
        max_gap_s: float | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Lift clips of any length.

        Args:
            keypoints: (t, 17, 2|3), or (n, t, 17, 2|3) for n people or clips, t >= 1; the joints
                of `h2ot_edge.skeleton`; x right, y down, perhaps a confidence. Or whole windows on
                the engine's GPU, (f, 17, C) or (b, f, 17, C) float32 and normalised: anything with
                `__cuda_array_interface__` or DLPack, such as a tensor of PyTorch or CuPy; of the
                arguments below they take `image_size=None` and `progress` only, and nothing of
                them is filled in.
            image_size: (width, height) if the keypoints are pixels; without it they are
                normalised already, as `card.input` says.
            layout: of the keypoints' joints, one of `h2ot_edge.layouts.LAYOUTS`; None for that of
                `h2ot_edge.skeleton`.
            fps: frames a second; a clip of another rate than the network was trained at is
                resampled to that and answered at its own, if the card says the rate.
            timestamps: (t,) rising seconds, instead of `fps`.
            on_missing: what becomes of joints that are NaN or have no confidence above 0:
                `interpolate` in time, `hold` the last one, `nan` in the poses, or `raise`; see
                `h2ot_edge.missing.fill_missing`. `Poses.valid` and `confidence`, which is 0 there,
                say which they are. None takes joints as they are, and then NaN is an error.
            max_gap_s: seconds from the nearest observation up to which a joint that was filled in
                is valid; needs `fps` or `timestamps`. None: 0.5 s with these, any time without.
            progress: called after every call of the model; must not close the engine.

        Returns:
            (t, 17, 3) or (n, t, 17, 3) float32, the same frames, as `Poses`, which numpy takes for
            an array: about the hip, in the unit and the axes of `card.output`. `Poses.kept` flags
            the frames whose token some window kept in its last pruning, if the model tells
            (`h2ot-export --with-kept`) or keeps the same ones of every window (`tps`); of resampled
            clips those nearest in time to one. It is None where nobody knows, and where it says
            nothing: nothing is pruned, or the model is seq2frame and keeps what it answers. Of
            arrays on the GPU a `DeviceArray`, one pose a window if the model is seq2frame; it is
            not copied to the host, so NaN is not looked for.

        Raises:
            InputError: keypoints, image size or timestamps are not as above; something is missing
                and `on_missing` is `raise`, or something is NaN and it is None.
            UnknownName: no such layout or `on_missing`.
            OutputError: the model gave NaN or infinity.
            DeviceError: the device failed.
            UsageError: an array on a GPU with arguments that it does not take, or the model runs on
                the CPU; `max_gap_s` without times, or with `on_missing=None`.
            EngineClosed: after `close`.
        """
        clip = ClipOptions(
            image_size=image_size,
            layout=layout,
            fps=fps,
            timestamps=timestamps,
            on_missing=on_missing,
            max_gap_s=max_gap_s,
        )
        with self._calls.one():
            return self._lifting.infer(keypoints, clip, progress)

    __call__ = infer

    def infer_async(self, keypoints: Any, **clip: Any) -> "Future[Any]":
        """Begin `infer` and return at once.

        As many calls run at a time as the backend has contexts; the others wait in order. The
        keypoints must not change before it is done.

        Args:
            keypoints: as for `infer`.
            clip: its other arguments, but for `progress`.

        Returns:
            A handle: `result()` waits and gives what `infer` would, or raises what it would;
            `done()` and `add_done_callback(f)` do not wait; f must not close the engine.

        Raises:
            EngineClosed: after `close`.
            UnknownName: no such argument.
            InputError, UsageError: an array on a GPU that cannot be taken from this thread.
        """
        for name in clip:
            look_up("argument", name, {field.name: None for field in fields(ClipOptions)})
        self._calls.begin()
        try:
            given = self._lifting.for_thread(keypoints)
            pending = self._background.submit(self._lifting.infer, given, ClipOptions(**clip), None)
        except BaseException:
            self._calls.end()
            raise
        pending.add_done_callback(lambda _: self._calls.end())
        return pending

    def run_windows(self, windows: FloatArray) -> dict[str, NDArray[Any]]:
        """Run the model once on windows that are ready for it; for benchmarks, and for `kept`.

        Args:
            windows: (b, f, 17, C) float32, normalised, b the model's batch if that is fixed.

        Returns:
            The model's outputs by name: `poses` (b, f|1, 17, 3) float32, and `kept` (b, k) int64
            if the model was exported with it.

        Raises:
            InputError: not of that type and shape.
            DeviceError: the device failed.
            EngineClosed: after `close`.
        """
        with self._calls.one():
            return self._lifting.run(windows)

    def run_windows_on_device(self, windows: Any) -> dict[str, DeviceArray]:
        """As `run_windows`, on an array of the engine's GPU and without a copy.

        Args:
            windows: as there, with `__cuda_array_interface__` or DLPack.

        Returns:
            As there, on the GPU and ready for use; `kept` is int32 with TensorRT 8.

        Raises:
            InputError: not of that type and shape, or on another device.
            UsageError: the model runs on the CPU.
            DeviceError: the device failed.
            EngineClosed: after `close`.
        """
        with self._calls.one():
            return run_on_device(self._backend, self._card, windows)

    def stream(self, *, lookahead: int, **options: Any) -> "Stream":
        """A live stream of one person; see `h2ot_edge.live.stream`."""
        from h2ot_edge.live import stream

        return stream(self, lookahead=lookahead, **options)

    def streams(self, *, lookahead: int, **options: Any) -> "Streams":
        """Live streams of many people and cameras; see `h2ot_edge.live.streams`."""
        from h2ot_edge.live import streams

        return streams(self, lookahead=lookahead, **options)

    def session(self, *, lookahead: int, **options: Any) -> "LiveSession":
        """Live streams with a thread that runs them; see `h2ot_edge.live.session`."""
        from h2ot_edge.live import session

        return session(self, lookahead=lookahead, **options)

    @property
    def batch_range(self) -> tuple[int, int]:
        """Fewest and most windows of a call of `run_windows`."""
        return self._lifting.least, self._lifting.batch

    def count_windows(self, frames: int, clips: int = 1) -> int:
        """Windows of `clips` clips of `frames` frames each, at the rate of the training."""
        return len(self._lifting.plan(clips, frames))

    def warmup(self, n: int = 3) -> None:
        """Run `n` windows of noise, so that the first real call is as fast as the others.

        Raises:
            UsageError: n below 1.
            EngineClosed: after `close`.
        """
        if n < 1:
            raise UsageError(f"warmup: expected at least 1 run, got {n}")
        # Not zeros: a network that scales by the person's size would divide by none.
        shape = (self._lifting.batch, self._card.frames, len(JOINTS), self._card.channels)
        noise = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        for _ in range(n):
            self.run_windows(noise)
