"""`Engine`: 2-D keypoints of a clip in, 3-D poses of the same frames out."""

from pathlib import Path
from types import TracebackType
from typing import Any

from h2ot_edge._bars import Progress
from h2ot_edge._checks import check_card
from h2ot_edge._inference import Inference
from h2ot_edge.backends import open_backend, resolve_backend
from h2ot_edge.engine_file import read_card
from h2ot_edge.errors import DeviceError
from h2ot_edge.zoo import resolve

__all__ = ["Engine", "Progress"]


class Engine(Inference):
    """A model, loaded and ready.

        with Engine.load("motionbert.onnx") as engine:
            poses = engine.infer(keypoints, image_size=(1920, 1080))

    Threads: any number may call `infer` and the others on one engine at a time; a call keeps what
    it needs to itself. With ONNX Runtime they share its CPU threads, so this hides waiting, it does
    not add speed; with TensorRT as many run at a time as it has `contexts`, the others wait.
    `close` may be called from any thread.
    """

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
