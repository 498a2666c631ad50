"""ONNX Runtime, on the CPU or an NVIDIA GPU."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from h2ot_edge._names import require
from h2ot_edge.backends import Feed
from h2ot_edge.errors import DeviceUnavailable, ModelFileError
from h2ot_edge.spec import TensorSpec

__all__ = ["OnnxRuntimeBackend"]

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_FALLBACK_REFUSED = "fallback to CPU EP has been explicitly disabled"
_ERRORS_ONLY = 3  # ONNX Runtime's log severity: 2 prints warnings about healthy graphs to stderr


class OnnxRuntimeBackend:
    """One inference session, on exactly the device asked for.

    Attributes:
        device: `cpu` or `cuda:N`.
        inputs, outputs: the session's tensors; free sizes are None.
    """

    name = "onnxruntime"

    def __init__(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> None:
        ort = require("onnxruntime", "ort")
        provider = "CPUExecutionProvider" if device == "cpu" else "CUDAExecutionProvider"
        _check_in_wheel(provider, device, ort.get_available_providers())
        options = _session_options(ort, device, threads)
        arguments = {} if device == "cpu" else {"device_id": device.removeprefix("cuda:")}
        with _translated(path, "load", _not_on_device(provider, device)):
            # enable_fallback: else ONNX Runtime prints an error and goes on with the CPU.
            self._session = ort.InferenceSession(
                str(path), options, providers=[(provider, arguments)], enable_fallback=0
            )
        if provider not in self._session.get_providers():
            raise _not_on_device(provider, device)
        self.device = device
        self.inputs = tuple(_spec(item) for item in self._session.get_inputs())
        self.outputs = tuple(_spec(item) for item in self._session.get_outputs())
        self._names = [spec.name for spec in self.outputs]
        self._path = path

    def run(self, feed: Feed) -> dict[str, NDArray[Any]]:
        """Run the model once. Sessions take concurrent calls."""
        with _translated(self._path, "run"):
            return dict(zip(self._names, self._session.run(self._names, feed), strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None


def _session_options(ort: ModuleType, device: str, threads: int | None) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # The graph is one chain of blocks: there is nothing to run side by side.
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    if device != "cpu":
        # Without it ONNX Runtime gives nodes that the GPU provider does not take to the CPU, and
        # all of them when the provider's libraries do not load: right answers, a tenth the speed.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _check_in_wheel(provider: str, device: str, available: Sequence[str]) -> None:
    if provider not in available:
        raise DeviceUnavailable(
            f"{device}: needs ONNX Runtime's {provider}, this build has {', '.join(available)}; "
            "the CPU and GPU wheels overwrite each other: pip uninstall onnxruntime "
            "onnxruntime-gpu, then pip install 'h2ot-edge[ort-gpu]'"
        )


def _not_on_device(provider: str, device: str) -> DeviceUnavailable:
    return DeviceUnavailable(
        f"{device}: ONNX Runtime's {provider} did not start, or cannot run all of the graph; check "
        "the driver, and that the CUDA and cuDNN libraries are of the versions that this "
        "onnxruntime-gpu was built for"
    )


@contextmanager
def _translated(path: Path, doing: str, refusal: DeviceUnavailable | None = None) -> Iterator[None]:
    """Turn any error of ONNX Runtime into `ModelFileError`; a refused fallback into `refusal`.

    Its exceptions share no base class below Exception, and only calls into it are made inside.
    """
    try:
        yield
    except Exception as error:
        if refusal is not None and _FALLBACK_REFUSED in str(error):
            raise refusal from error
        raise ModelFileError(f"{path}: ONNX Runtime cannot {doing} the model: {error}") from error


def _spec(item: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in item.shape)
    return TensorSpec(item.name, _DTYPES.get(item.type, item.type), shape)
