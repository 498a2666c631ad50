"""`Engine`: 2-D keypoints of a clip in, 3-D poses of the same frames out."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge._bars import Progress
from h2ot_edge._calls import Calls
from h2ot_edge._checks import check_card
from h2ot_edge._lifting import Lifting
from h2ot_edge._on_device import run_on_device
from h2ot_edge.backends import Backend, open_backend, resolve_backend
from h2ot_edge.card import ModelCard
from h2ot_edge.cuda.arrays import DeviceArray
from h2ot_edge.engine_file import read_card
from h2ot_edge.errors import DeviceError, UsageError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray
from h2ot_edge.zoo import resolve

__all__ = ["Engine", "Progress"]


class Engine:
    """A model, loaded and ready.

        with Engine.load("motionbert.onnx") as engine:
            poses = engine.infer(keypoints, image_size=(1920, 1080))

    Threads: any number may call `infer` and the others on one engine at a time; a call keeps what
    it needs to itself. With ONNX Runtime they share its CPU threads, so this hides waiting, it does
    not add speed; with TensorRT as many run at a time as it has `contexts`, the others wait.
    `close` may be called from any thread.
    """

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

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        backend: str = "auto",
        device: str = "auto",
        threads: int | None = None,
        overlap: int | None = None,
        max_batch: int = 8,
        **options: Any,
    ) -> "Engine":
        """Load a model and check it against its card.

        Args:
            path: an ONNX file from h2ot-export, an engine from h2ot-build with its sidecar, or the
                name of a model that ships (`h2ot_edge.zoo`); a file of that name goes first.
            backend: `onnxruntime`, `tensorrt`, `tensorrt-rtx`, or `auto` to go by the file's
                suffix. TensorRT builds an engine of an ONNX file first, which can take minutes, and
                keeps it for the next time (`h2ot-cache`).
            device: `cpu`, `cuda` or `cuda:N`; it is this one or an error, never another. `auto` is
                the CPU with onnxruntime and the first GPU with TensorRT.
            threads: CPU threads of one call; None leaves it to the backend.
            overlap: frames that neighbouring windows of a seq2seq model share and over which one
                fades into the next, 0 to half a window; None is a ninth of a window.
            max_batch: most windows a call takes; a model with a fixed batch takes that.
            options: of the backend: the fields of `TensorRtOptions` (`cuda_graph`, `contexts`, ...)
                or `OnnxRuntimeOptions` (`provider`, ...).

        Raises:
            ModelFileError: not an ONNX file of h2ot-export, truncated, or not as its card says.
            EngineMismatch: the engine was built for another GPU or TensorRT.
            UnknownName: no such model, backend, device or option.
            DeviceUnavailable: the device is not there.
            DeviceError: the device failed, or has too little memory.
            BuildError: TensorRT cannot build an engine of the graph.
            MissingExtra: the backend's library is not installed, or those that export a model
                which ships as weights only.
            UsageError: threads, overlap or max_batch out of range, or options that the backend
                cannot carry out.
        """
        path = resolve(path)
        # In this order an engine file is told apart from a broken ONNX file.
        name = resolve_backend(path, backend)
        card = read_card(path)
        opened = open_backend(path, backend=name, device=device, threads=threads, **options)
        try:
            check_card(path, opened, card)
            return cls(opened, card, overlap=overlap, max_batch=max_batch)
        except BaseException:
            opened.close()
            raise

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    @property
    def backend(self) -> str:
        """Name of the backend that runs the model."""
        return self._backend.name

    @property
    def device(self) -> str:
        """Where the model runs: `cpu` or `cuda:N`."""
        return self._backend.device

    @property
    def overlap(self) -> int:
        """Frames that neighbouring windows share; 0 for seq2frame."""
        return self._lifting.overlap

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._calls.closed

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
        progress: Progress | None = None,
    ) -> FloatArray: ...

    def infer(
        self,
        keypoints: Any,
        *,
        image_size: Sequence[float] | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Lift clips of any length.

        Args:
            keypoints: (t, 17, 2|3), or (n, t, 17, 2|3) for n people or clips, t >= 1; the joints
                of `h2ot_edge.skeleton`; x right, y down, perhaps a confidence. Or whole windows on
                the engine's GPU, (f, 17, C) or (b, f, 17, C) float32 and normalised: anything with
                `__cuda_array_interface__` or DLPack, such as a tensor of PyTorch or CuPy.
            image_size: (width, height) if the keypoints are pixels; without it they are
                normalised already, as `card.input` says.
            progress: called after every call of the model; must not close the engine.

        Returns:
            (t, 17, 3) or (n, t, 17, 3) float32, the same frames; unit, axes and origin are those
            of `card.output`. Of arrays on the GPU the same as a `DeviceArray`, one pose a window
            if the model is seq2frame; it is not copied to the host, so NaN is not looked for.

        Raises:
            InputError: keypoints or image size are not as above.
            OutputError: the model gave NaN or infinity.
            DeviceError: the device failed.
            UsageError: an array on a GPU, and the model runs on the CPU.
            EngineClosed: after `close`.
        """
        with self._calls.one():
            return self._lifting.infer(keypoints, image_size, progress)

    __call__ = infer

    def infer_async(
        self, keypoints: Any, *, image_size: Sequence[float] | None = None
    ) -> "Future[Any]":
        """Begin `infer` and return at once; arguments and errors are the same.

        As many calls run at a time as the backend has contexts; the others wait in order. The
        keypoints must not change before it is done.

        Returns:
            A handle: `result()` waits and gives what `infer` would, or raises what it would;
            `done()` and `add_done_callback(f)` do not wait; f must not close the engine.

        Raises:
            EngineClosed: after `close`.
            InputError, UsageError: an array on a GPU that cannot be taken from this thread.
        """
        self._calls.begin()
        try:
            given = self._lifting.for_thread(keypoints)
            pending = self._background.submit(self._lifting.infer, given, image_size, None)
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

    def count_windows(self, frames: int, clips: int = 1) -> int:
        """Windows that `infer` makes of `clips` clips of `frames` frames each."""
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

    def close(self) -> None:
        """Wait for running calls and free the model; every later call raises `EngineClosed`."""
        self._calls.close()
        self._background.shutdown(wait=False)
        self._backend.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except DeviceError:
            # A device that failed cannot be freed either; the first error tells more.
            if error is None:
                raise

    def __repr__(self) -> str:
        card = self._card
        state = "closed" if self.closed else f"on {self.device}"
        return (
            f"<Engine {card.backbone} {card.variant}, {card.frames} frames {card.mode}, "
            f"{self.backend} {state}>"
        )
