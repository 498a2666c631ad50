"""ONNX Runtime, on the CPU or an NVIDIA GPU."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from h2ot_edge._names import require
from h2ot_edge.backends import Feed
from h2ot_edge.backends.ort_binding import FixedBindings, filled, run_at
from h2ot_edge.backends.ort_context import Context
from h2ot_edge.backends.ort_engines import Profile, engine_arguments
from h2ot_edge.backends.ort_options import (
    OnnxRuntimeOptions,
    Provider,
    cuda_arguments,
    provider_of,
    session_options,
)
from h2ot_edge.backends.ort_providers import (
    PROVIDER_NAMES,
    check_in_build,
    folder_of_libraries,
    load_tensorrt,
    not_started,
    preload_cuda,
)
from h2ot_edge.cuda import Cuda, open_cuda
from h2ot_edge.cuda.arrays import DeviceArray, as_device_array
from h2ot_edge.cuda.memory import own_stream
from h2ot_edge.errors import DeviceError, InputError, ModelFileError, UsageError
from h2ot_edge.spec import TensorSpec

__all__ = ["OnnxRuntimeBackend", "OnnxRuntimeOptions"]

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_FALLBACK_REFUSED = "fallback to CPU EP has been explicitly disabled"
_CUDA_FAILED = "CUDA failure"
# Of a GPU without memory left: its arena, its arena with a limit, and what is not in an arena.
_NO_MEMORY = (
    "Failed to allocate memory for requested buffer",
    "is smaller than requested bytes",
    f"{_CUDA_FAILED} 2:",
)
_NOT_STARTED = (_CUDA_FAILED, "Invalid device ID", "Please install TensorRT libraries")
_DEFAULTS = OnnxRuntimeOptions()


class OnnxRuntimeBackend:
    """One inference session, on exactly the device and the provider asked for.

    Attributes:
        device: `cpu` or `cuda:N`.
        provider: `cpu`, `cuda` or `tensorrt`.
        inputs, outputs: the session's tensors; free sizes are None.
        contexts: 1, since calls that run at a time share the same threads or the same GPU.

    Raises:
        UsageError: options that do not fit the device or the model.
        MissingExtra: onnxruntime is not installed.
        DeviceUnavailable: the provider or what it needs is not there.
        DeviceError: there is too little memory.
        ModelFileError: ONNX Runtime cannot load the model.
    """

    name = "onnxruntime"
    contexts = 1

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        options: OnnxRuntimeOptions = _DEFAULTS,
    ) -> None:
        self.provider: Provider = provider_of(options, device)
        ort = require("onnxruntime", "ort")
        self.device = device
        self._path = path
        self._options = options
        self._profile: Profile = None  # of an engine
        self._session = self._load(ort, session_options(ort, device, threads))
        self.inputs = tuple(_spec(item) for item in self._session.get_inputs())
        self.outputs = tuple(_spec(item) for item in self._session.get_outputs())
        self._names = [spec.name for spec in self.outputs]
        self._fixed: FixedBindings | None = None
        if options.cuda_graph:
            # The TensorRT provider has one graph, without a number.
            numbered = self.provider == "cuda"
            self._fixed = FixedBindings(
                ort, self._session, self._place, self.inputs, self.outputs, numbered=numbered
            )

    def run(self, feed: Feed) -> dict[str, NDArray[Any]]:
        """Run the model once. Sessions take concurrent calls; with a CUDA graph they take turns.

        Raises:
            DeviceError: CUDA failed, or the GPU has no memory left.
            ModelFileError: ONNX Runtime cannot run the model.
        """
        with _translated(self._path):
            if self._fixed is not None:
                return self._fixed.run(feed)
            return dict(zip(self._names, self._session.run(self._names, feed), strict=True))

    def borrow(self, array: Any) -> DeviceArray:
        """An array of the model's GPU, as `run_on_device` takes it.

        Raises:
            UsageError: the model runs on the CPU, or with a CUDA graph.
            InputError: it cannot be borrowed, or is on another GPU.
        """
        self._check_takes_device_arrays()
        # PyTorch lends only what is on the device that is current.
        with self._cuda.current():
            return as_device_array(array, device=self._cuda.device)

    def run_on_device(self, feed: Mapping[str, DeviceArray]) -> dict[str, DeviceArray]:
        """Run the model once on arrays on its GPU; nothing is copied, and all is done on return.

        Args:
            feed: C-contiguous arrays of the types and shapes in `inputs`; what is computed in
                their `ready_stream` is waited for.

        Returns:
            The outputs, in new memory on the same GPU.

        Raises:
            UsageError: the model runs on the CPU, or with a CUDA graph.
            InputError: an array on another GPU.
            DeviceError: CUDA failed, or the GPU has no memory left.
            ModelFileError: ONNX Runtime cannot run the model.
        """
        self._check_takes_device_arrays()
        self._wait_for(feed)
        batch = feed[self.inputs[0].name].shape[0]
        made = {
            spec.name: DeviceArray.allocate(self._cuda, filled(spec, batch), spec.dtype)
            for spec in self.outputs
        }
        with _translated(self._path):
            run_at(self._session, self._place, feed, made)
        return made

    @property
    def batch_range(self) -> tuple[int, int | None]:
        """Fewest and most windows of a call; None for any number."""
        if self._profile is not None:
            return self._profile[0], self._profile[2]
        batch = self.inputs[0].shape[0]
        return batch or 1, batch

    def close(self) -> None:
        """Free the session, and before it what is bound to it."""
        self._fixed = None
        self._session = None

    @property
    def _place(self) -> tuple[str, int]:
        return ("cpu", 0) if self.device == "cpu" else ("cuda", _index(self.device))

    @cached_property
    def _cuda(self) -> Cuda:
        return open_cuda(self._options.cuda, _index(self.device))

    def _load(self, ort: ModuleType, how: Any) -> Any:
        """The session."""
        index = _index(self.device)
        if self.provider != "cpu":
            build = ort.get_available_providers()
            check_in_build(PROVIDER_NAMES[self.provider], self.device, build)
            preload_cuda(ort)
        if self.provider == "tensorrt":
            version = load_tensorrt(folder_of_libraries(ort), self.device)
            with engine_arguments(self._path, self._options, index, version) as (told, profile):
                self._profile = profile
                return self._open(ort, how, told)
        _check_no_engine(self._path)
        told = cuda_arguments(self._options, index) if self.provider == "cuda" else {}
        return self._open(ort, how, told)

    def _open(self, ort: ModuleType, how: Any, told: dict[str, str]) -> Any:
        provider = PROVIDER_NAMES[self.provider]
        folder = folder_of_libraries(ort)
        try:
            # enable_fallback: else ONNX Runtime prints an error and goes on with the CPU.
            session = ort.InferenceSession(
                str(self._path), how, providers=[(provider, told)], enable_fallback=0
            )
        except Exception as error:  # its exceptions share no base class below this
            if _FALLBACK_REFUSED in str(error):
                raise not_started(folder, provider, self.device) from error
            if _shows(_NOT_STARTED, error) and not _shows(_NO_MEMORY, error):
                raise not_started(folder, provider, self.device, str(error)) from error
            raise _cannot(self._path, "load", error, _NO_MEMORY) from error
        if provider not in session.get_providers():
            raise not_started(folder, provider, self.device)
        return session

    def _check_takes_device_arrays(self) -> None:
        if self.device == "cpu":
            raise UsageError(
                "device arrays need a CUDA device, and this model runs on the CPU; load it with "
                "device='cuda', or pass numpy arrays"
            )
        if self._options.cuda_graph:
            raise UsageError(
                "device arrays and cuda_graph: a captured graph reads from the addresses that it "
                "was captured with; load the model with cuda_graph=False"
            )

    def _wait_for(self, feed: Mapping[str, DeviceArray]) -> None:
        """Wait for the work that computes the inputs; check that they are on this GPU."""
        for name, array in feed.items():
            if array.device != _index(self.device):
                raise InputError(
                    f"{name}: an array on cuda:{array.device}, and the model runs on "
                    f"{self.device}; copy it there"
                )
            if array.ready_stream is not None:
                # Not `synchronize`, which PyCUDA has for its own streams only.
                with own_stream(self._cuda) as stream:
                    self._cuda.wait_for(stream, array.ready_stream)


def _index(device: str) -> int:
    return 0 if device == "cpu" else int(device.removeprefix("cuda:"))


def _check_no_engine(path: Path) -> None:
    if Context.read(path) is not None:
        raise UsageError(
            f"{path} is a context model, with an engine of TensorRT inside; load it with "
            "device='cuda' and provider='tensorrt'"
        )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn an error of a run into one of ours; only calls into ONNX Runtime are made inside."""
    try:
        yield
    except Exception as error:  # its exceptions share no base class below this
        raise _cannot(path, "run", error, (_CUDA_FAILED, *_NO_MEMORY)) from error


def _cannot(
    path: Path, doing: str, error: Exception, signs_of_device: tuple[str, ...]
) -> DeviceError | ModelFileError:
    kind = DeviceError if _shows(signs_of_device, error) else ModelFileError
    return kind(f"{path}: ONNX Runtime cannot {doing} the model: {error}")


def _shows(signs: tuple[str, ...], error: Exception) -> bool:
    return any(sign in str(error) for sign in signs)


def _spec(item: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in item.shape)
    return TensorSpec(item.name, _DTYPES.get(item.type, item.type), shape)
