"""`Engine`: 2-D keypoints of a clip in, 3-D poses of the same frames out."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h2ot_edge.backends import Backend, open_backend, resolve_backend
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import EngineClosed, ModelFileError, OutputError, UsageError
from h2ot_edge.keypoints import prepare_keypoints
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray, TensorSpec, check_feed
from h2ot_edge.windows import WindowPlan, checked_overlap
from h2ot_edge.zoo import resolve

__all__ = ["Engine", "Progress"]

Progress = Callable[[int, int], None]
"""Called with the windows done so far and the windows in all, after every call of the model."""


class Engine:
    """A model, loaded and ready.

        with Engine.load("motionbert.onnx") as engine:
            poses = engine.infer(keypoints, image_size=(1920, 1080))

    Threads: any number may call `infer` and `run_windows` on one engine at a time; a call keeps
    what it needs to itself. They share the backend's CPU threads, so this hides waiting, it does
    not add speed. `close` may be called from any thread.
    """

    def __init__(
        self,
        backend: Backend,
        card: ModelCard,
        *,
        overlap: int | None = None,
        max_batch: int = 8,
    ) -> None:
        if max_batch < 1:
            raise UsageError(f"max_batch: expected at least 1, got {max_batch}")
        self._overlap = checked_overlap(card, overlap)
        self._max_batch = max_batch
        self._backend = backend
        self._card = card
        self._closed = False
        self._calls = 0
        self._idle = threading.Condition()

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        backend: str = "auto",
        device: str = "cpu",
        threads: int | None = None,
        overlap: int | None = None,
        max_batch: int = 8,
    ) -> "Engine":
        """Load a model and check it against its card.

        Args:
            path: an ONNX file from h2ot-export, or the name of a model that ships
                (`h2ot_edge.zoo`); a file of that name goes first.
            backend: `onnxruntime`, or `auto` to go by the file's suffix.
            device: `cpu`, `cuda` or `cuda:N`. It is this one or an error, never another.
            threads: CPU threads of one call; None leaves it to the backend.
            overlap: frames that neighbouring windows of a seq2seq model share and over which one
                fades into the next, 0 to half a window; None is a ninth of a window.
            max_batch: most windows a call takes; a model with a fixed batch takes that.

        Raises:
            ModelFileError: not an ONNX file of h2ot-export, truncated, or not as its card says.
            UnknownName: no such model, backend or device.
            DeviceUnavailable: the device is not there.
            MissingExtra: the backend's library is not installed, or those that export a model
                which ships as weights only.
            UsageError: threads, overlap or max_batch out of range.
        """
        path = resolve(path)
        # In this order an engine file is told apart from a broken ONNX file.
        name = resolve_backend(path, backend)
        card = ModelCard.from_onnx(path)
        opened = open_backend(path, backend=name, device=device, threads=threads)
        try:
            _check_card(path, opened, card)
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
        return self._overlap

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def infer(
        self,
        keypoints: ArrayLike,
        *,
        image_size: Sequence[float] | None = None,
        progress: Progress | None = None,
    ) -> FloatArray:
        """Lift clips of any length.

        Args:
            keypoints: (t, 17, 2|3), or (n, t, 17, 2|3) for n people or clips, t >= 1; the joints
                of `h2ot_edge.skeleton`; x right, y down, perhaps a confidence.
            image_size: (width, height) if the keypoints are pixels; without it they are
                normalised already, as `card.input` says.
            progress: called after every call of the model; must not close the engine.

        Returns:
            (t, 17, 3) or (n, t, 17, 3) float32, the same frames; unit, axes and origin are those
            of `card.output`.

        Raises:
            InputError: keypoints or image size are not as above.
            OutputError: the model gave NaN or infinity.
            EngineClosed: after `close`.
        """
        with self._call():
            clips, batched = prepare_keypoints(keypoints, self._card, image_size)
            poses = self._lift(clips, progress)
        return poses if batched else poses[0]

    __call__ = infer

    def run_windows(self, windows: FloatArray) -> dict[str, NDArray[Any]]:
        """Run the model once on windows that are ready for it; for benchmarks, and for `kept`.

        Args:
            windows: (b, f, 17, C) float32, normalised, b the model's batch if that is fixed.

        Returns:
            The model's outputs by name: `poses` (b, f|1, 17, 3) float32, and `kept` (b, k) int64
            if the model was exported with it.

        Raises:
            InputError: not of that type and shape.
            EngineClosed: after `close`.
        """
        with self._call():
            return self._run(windows)

    def count_windows(self, frames: int, clips: int = 1) -> int:
        """Windows that `infer` makes of `clips` clips of `frames` frames each."""
        return len(self._plan(clips, frames))

    def warmup(self, n: int = 3) -> None:
        """Run `n` windows of noise, so that the first real call is as fast as the others.

        Raises:
            UsageError: n below 1.
            EngineClosed: after `close`.
        """
        if n < 1:
            raise UsageError(f"warmup: expected at least 1 run, got {n}")
        # Not zeros: a network that scales by the person's size would divide by none.
        shape = (
            self._card.batch or self._max_batch,
            self._card.frames,
            len(JOINTS),
            self._card.channels,
        )
        noise = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        for _ in range(n):
            self.run_windows(noise)

    def close(self) -> None:
        """Wait for running calls and free the model; every later call raises `EngineClosed`."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: self._calls == 0)
        self._backend.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        card = self._card
        state = "closed" if self._closed else f"on {self.device}"
        return (
            f"<Engine {card.backbone} {card.variant}, {card.frames} frames {card.mode}, "
            f"{self.backend} {state}>"
        )

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Hold the engine open for the length of a call."""
        with self._idle:
            if self._closed:
                raise EngineClosed("this engine was closed; load the model again with Engine.load")
            self._calls += 1
        try:
            yield
        finally:
            with self._idle:
                self._calls -= 1
                self._idle.notify_all()

    def _plan(self, clips: int, frames: int) -> WindowPlan:
        return WindowPlan(
            clips=clips,
            frames=frames,
            window=self._card.frames,
            overlap=self._overlap,
            centred=self._card.mode == "seq2frame",
            batch=self._card.batch or self._max_batch,
            fixed=self._card.batch is not None,
        )

    def _lift(self, clips: FloatArray, progress: Progress | None) -> FloatArray:
        plan = self._plan(clips.shape[0], clips.shape[1])
        out = np.empty((*clips.shape[:3], 3), np.float32)
        for windows in plan.batches():
            poses = self._run(plan.cut(clips, windows))[self._card.output.name]
            _check_finite(poses, int(windows[0]))
            plan.join(poses, windows, out)
            if progress is not None:
                progress(int(windows[-1]) + 1, len(plan))
        return out

    def _run(self, windows: FloatArray) -> dict[str, NDArray[Any]]:
        feed = {self._card.input.name: windows}
        check_feed(feed, self._backend.inputs)
        return self._backend.run(feed)


def _check_finite(poses: FloatArray, window: int) -> None:
    # Comparisons with NaN are all false, so a controller's limits would let it through.
    if not np.isfinite(poses).all():
        raise OutputError(
            f"the model gave NaN or infinity in window {window} or its batch; the keypoints were "
            "finite, so the weights or the precision of the model are at fault: verify the export"
        )


def _check_card(path: str | Path, backend: Backend, card: ModelCard) -> None:
    """Raise `ModelFileError` unless the graph's inputs and outputs are those of its card."""
    joints = len(JOINTS)
    taken = (card.batch, card.frames, joints, card.channels)
    given = (card.batch, card.frames_out, joints, 3)
    inputs = [TensorSpec(card.input.name, "float32", taken)]
    outputs = [TensorSpec(card.output.name, "float32", given)]
    if card.with_kept:
        outputs.append(TensorSpec("kept", "int64", (card.batch, card.kept)))
    for what, found, expected in (
        ("inputs", backend.inputs, inputs),
        ("outputs", backend.outputs, outputs),
    ):
        if list(found) != expected:
            raise ModelFileError(
                f"{path}: the graph's {what} are {_described(found)}, its model card says "
                f"{_described(expected)}; export the model again"
            )


def _described(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {spec}" for spec in specs)
