"""A model that is open to be measured, and what can be called of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._checks import check_card
from h2ot_edge.backends import Backend, open_backend
from h2ot_edge.benchmarks.bench.results import Boundary
from h2ot_edge.benchmarks.inputs import copied_to_device, windows_of
from h2ot_edge.card import ModelCard
from h2ot_edge.clips import Clip
from h2ot_edge.cuda import Cuda, open_cuda
from h2ot_edge.engine import Engine
from h2ot_edge.engine_file import is_engine, read_card
from h2ot_edge.errors import MissingExtra, ModelFileError
from h2ot_edge.spec import FloatArray

__all__ = ["INSIDE", "Running", "Subject", "card_if_any", "open_subject"]

INSIDE: Mapping[Boundary, str] = {
    "model": "the library's call on inputs that lie ready on the device, without copies; on a GPU "
    "with taking memory for the outputs",
    "host": "Engine.run_windows: host array in to host arrays out, checks and copies included",
    "end_to_end": "Engine.infer: one window of pixels in to Poses out, normalisation included",
}
"""What is inside the clock at each boundary."""

_BARE_HOST = "the library's call on host arrays, copies included"

WINDOWS = 16
"""Cut from a clip, from all over it; calls of more windows take them again and again."""

Call = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Running:
    """How models are run; see `Engine.load`."""

    backend: str = "auto"
    device: str = "auto"
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An open model.

    Attributes:
        id: in the document.
        backend: that runs it.
        engine: of a model with a card.
        windows: (n, f, 17, C) float32 of the clip, ready for it; noise where there is no card.
        clip: the clip.
        threads: of a call; None leaves it to the library.
        cuda: lays arrays on the model's GPU; None on the CPU, and without a binding of CUDA.
        unknown: what cannot be measured of it, and why.
    """

    id: str
    backend: Backend
    engine: Engine | None
    windows: FloatArray
    clip: Clip
    threads: int | None
    cuda: Cuda | None = None
    unknown: tuple[str, ...] = ()

    @property
    def batch(self) -> int:
        """Windows of the smallest call."""
        return self.backend.batch_range[0]

    def row(self, kind: str, what: str) -> dict[str, Any]:
        """How a row is named, and what it is of.

        Args:
            kind: of the row.
            what: tells it from the model's other rows.
        """
        backend = self.backend
        threads = "all" if self.threads is None else str(self.threads)
        return {
            "id": f"{self.id}/{backend.name}/{backend.device}/{threads}/{what}",
            "kind": kind,
            "model": self.id,
            "backend": backend.name,
            "device": backend.device,
            "threads": self.threads,
        }

    @property
    def boundaries(self) -> tuple[Boundary, ...]:
        """Those that there are of it."""
        bare: tuple[Boundary, ...] = ("model",)
        if self.backend.device != "cpu" and self.cuda is None:
            bare = ()
        return (*bare, "host", "end_to_end") if self.engine is not None else bare or ("host",)

    @property
    def of_energy(self) -> Boundary:
        """The boundary whose energy is measured: `host`, if there is that."""
        return "host" if "host" in self.boundaries else "model"

    def call(self, boundary: Boundary) -> Call:
        """The smallest call, at one of `boundaries`."""
        if boundary == "end_to_end":
            assert self.engine is not None
            size, fps = self.clip.image_size, self.clip.fps
            pixels = self.clip.keypoints[: self._frames]
            return partial(self.engine.infer, pixels, image_size=size, fps=fps)
        window = self._windows(self.batch)
        return self._bare(window) if boundary == "model" else partial(self._host(), window)

    def inside(self, boundary: Boundary) -> str:
        """What is inside the clock."""
        bare = boundary == "host" and self.engine is None
        return _BARE_HOST if bare else INSIDE[boundary]

    def windows_in(self, boundary: Boundary) -> int:
        """Windows of a `call`."""
        return 1 if boundary == "end_to_end" else self.batch

    def rounded(self, windows: int) -> int:
        """So many windows, or as few more as the model's smallest call needs."""
        return -(-windows // self.batch) * self.batch

    def many(self, windows: int) -> Call:
        """`rounded` windows at once, in calls as large and as equal as the model takes them."""
        whole = self.rounded(windows)
        most = self.backend.batch_range[1] or whole
        calls = -(-whole // most)
        parts = np.array_split(self._windows(whole), calls)
        run = self._host()
        return lambda: [run(np.ascontiguousarray(part)) for part in parts]

    @property
    def _frames(self) -> int:
        """Of a clip that makes one window."""
        assert self.engine is not None
        return 1 if self.engine.card.mode == "seq2frame" else self.engine.card.frames

    def _host(self) -> Callable[[FloatArray], object]:
        if self.engine is not None:
            return self.engine.run_windows
        return lambda windows: self.backend.run({self.backend.inputs[0].name: windows})

    def _bare(self, window: FloatArray) -> Call:
        name = self.backend.inputs[0].name
        if self.cuda is None:
            return partial(self.backend.run, {name: window})
        return partial(self.backend.run_on_device, {name: copied_to_device(self.cuda, window)})

    def _windows(self, count: int) -> FloatArray:
        return np.ascontiguousarray(np.take(self.windows, range(count), axis=0, mode="wrap"))


@contextmanager
def open_subject(id: str, path: Path, running: Running, clip: Clip) -> Iterator[Subject]:
    """Open a model; one without a card is fed noise.

    Raises:
        ModelFileError, EngineMismatch, UnknownName, DeviceUnavailable, DeviceError, BuildError,
            MissingExtra, UsageError: as `Engine.load`.
        InputError: the clip does not fit the model.
    """
    card = card_if_any(path)
    backend = open_backend(
        path, backend=running.backend, device=running.device, threads=running.threads
    )
    engine = None
    try:
        if card is None:
            windows = _noise(path, backend)
        else:
            check_card(path, backend, card)
            engine = Engine(backend, card)
            windows = windows_of(card, clip, WINDOWS)
        cuda, unknown = _binding(backend.device)
        yield Subject(
            id=id,
            backend=backend,
            engine=engine,
            windows=windows,
            clip=clip,
            threads=running.threads,
            cuda=cuda,
            unknown=unknown,
        )
    finally:
        (engine or backend).close()


def card_if_any(path: Path) -> ModelCard | None:
    """The card of a model; None of an ONNX file that has none.

    Raises:
        ModelFileError: no such file, or an engine without its sidecar.
    """
    if is_engine(path) or not path.is_file():
        return read_card(path)
    with suppress(ModelFileError):  # what is wrong with a broken file, its backend says
        return read_card(path)
    return None


def _binding(device: str) -> tuple[Cuda | None, tuple[str, ...]]:
    """What lays arrays on a GPU, and what cannot be measured without it.

    ONNX Runtime runs on a GPU without one.
    """
    if device == "cpu":
        return None, ()
    try:
        return open_cuda("auto", int(device.removeprefix("cuda:"))), ()
    except MissingExtra as error:
        return None, (f"the library's call alone, on inputs that lie on the GPU: {error}",)


def _noise(path: Path, backend: Backend) -> NDArray[Any]:
    """Something for a graph of which only the shapes are known.

    Raises:
        ModelFileError: it takes several inputs, or has free sizes besides the batch.
    """
    inputs = backend.inputs
    if len(inputs) != 1 or None in inputs[0].shape[1:] or inputs[0].dtype != "float32":
        told = ", ".join(f"{spec.name} {spec}" for spec in inputs)
        raise ModelFileError(
            f"{path}: a model without a card can be measured if it has one float32 input whose "
            f"sizes are fixed but for the first, it has {told}; export it with h2ot-export"
        )
    shape = (max(WINDOWS, backend.batch_range[0]), *(size or 1 for size in inputs[0].shape[1:]))
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
