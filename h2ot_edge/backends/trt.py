"""TensorRT and TensorRT-RTX: engines on an NVIDIA GPU.

Written on the names that TensorRT has from 8.5 to 11: tensors go by name, calls into a stream.
"""

import logging
import queue
import traceback
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from h2ot_edge._files import sha256_of
from h2ot_edge._tensorrt import Library, Target, tensorrt_library
from h2ot_edge.backends import Feed
from h2ot_edge.backends.trt_context import BoundContext
from h2ot_edge.backends.trt_options import TensorRtOptions
from h2ot_edge.cuda import Cuda, open_cuda
from h2ot_edge.cuda.arrays import DeviceArray, as_device_array
from h2ot_edge.engine_file import EngineRecord, is_engine
from h2ot_edge.errors import DeviceError, ModelFileError, UsageError
from h2ot_edge.spec import TensorSpec

__all__ = ["TensorRtBackend"]

_logger = logging.getLogger(__name__)

_DTYPES = {"FLOAT": "float32", "HALF": "float16", "INT32": "int32", "INT64": "int64"}


class TensorRtBackend:
    """An engine and its contexts.

    Attributes:
        name: `tensorrt` or `tensorrt-rtx`.
        device: `cuda:N`.
        inputs, outputs: the engine's tensors; free sizes are None.
        batch_range: fewest and most windows of a call.
        contexts: how many calls run at a time.
        path: of the plan, which may be in the cache.
    """

    def __init__(
        self, path: Path, *, target: Target, device: str, options: TensorRtOptions
    ) -> None:
        if device == "cpu":
            raise UsageError(
                f"device cpu: {target} runs on a GPU; give cuda:0, or backend=onnxruntime"
            )
        self.name: str = target
        self.device = device
        self.contexts = options.contexts
        library = tensorrt_library(target)
        cuda = open_cuda(options.cuda, int(device.removeprefix("cuda:")))
        if options.cuda_graph and not cuda.has_graphs:
            raise UsageError(
                f"cuda_graph: {cuda.binding} cannot capture graphs; use cuda='cuda-python', or "
                "leave it out"
            )
        self.path = _engine_of(path, target, cuda, options)
        self._loaded = _Loaded(library, cuda)
        # Also where nobody closes: a GPU's memory outlives the Python objects that know of it.
        self._unclosed = weakref.finalize(self, _let_go, self._loaded)
        try:
            with cuda.current():
                self._loaded.load(self.path, options)
        except BaseException as error:
            # Its frames hold an engine, too, which must not outlive the runtime.
            traceback.clear_frames(error.__traceback__)
            self._unclosed()
            raise
        self.inputs, outputs = self._loaded.specs
        # 8 has no 64-bit indices; what the graph gives as int64 comes as int32.
        self.outputs = tuple(_widened(spec) for spec in outputs)
        self.batch_range = self._loaded.batch_range()

    def run(self, feed: Feed) -> dict[str, NDArray[Any]]:
        """Run the engine once. As many calls as there are contexts run at a time."""
        with self._context() as context:
            given = context.run(feed)
        return {spec.name: given[spec.name].astype(spec.dtype, copy=False) for spec in self.outputs}

    def borrow(self, array: Any) -> DeviceArray:
        """An array of the engine's device, as `run_on_device` takes it."""
        # PyTorch lends only what is on the device that is current.
        with self._loaded.cuda.current():
            return as_device_array(array, device=self._loaded.cuda.device)

    def run_on_device(self, feed: Mapping[str, DeviceArray]) -> dict[str, DeviceArray]:
        """Run the engine on arrays of its device, without a copy."""
        with self._context() as context:
            return context.run_on_device(feed)

    def profiled(self, feed: Feed, profiler: Any) -> None:
        """Run once while TensorRT tells `profiler`, its IProfiler, of each layer."""
        with self._context() as context:
            context.profiled(feed, profiler)

    def layer_information(self) -> str:
        """What the engine says of its layers: JSON, in the words of the library's version.

        Of an engine with a free batch it tells little before a call.
        """
        loaded = self._loaded
        with self._context() as context:
            form = loaded.library.trt.LayerInformationFormat.JSON
            return context.described(loaded.engine.create_engine_inspector(), form)

    @property
    def library(self) -> Library:
        """The library that runs the engine."""
        return self._loaded.library

    @property
    def cuda(self) -> Cuda:
        """What moves the data."""
        return self._loaded.cuda

    def close(self) -> None:
        """Free the contexts, the engine, the runtime and the streams, in this order."""
        if self._unclosed.detach() is not None:
            self._loaded.close()

    @contextmanager
    def _context(self) -> Iterator[BoundContext]:
        context = self._loaded.free.get()
        try:
            with self._loaded.cuda.current():
                yield context
        finally:
            self._loaded.free.put(context)


class _Loaded:
    """What must be freed, and in which order."""

    def __init__(self, library: Library, cuda: Cuda) -> None:
        self.library = library
        self.cuda = cuda
        self.free: queue.LifoQueue[BoundContext] = queue.LifoQueue()
        self.engine: Any = None
        self._runtime: Any = None
        self._contexts: list[BoundContext] = []
        self._streams: list[int] = []

    def load(self, path: Path, options: TensorRtOptions) -> None:
        """Load a plan that was built for this machine, and make contexts."""
        record = EngineRecord.read(path)
        record.check_runs_on(self.library, self.cuda.gpu, path)
        plan = record.read_plan(path)
        self._runtime = self._checked(self.library.trt.Runtime(self.library.log), "start", path)
        if record.options.get("version_compatible"):
            # Such a plan has a part of TensorRT inside; without this it is refused.
            self._runtime.engine_host_code_allowed = True
        engine = self._runtime.deserialize_cuda_engine(plan)
        self.engine = self._checked(engine, "load the engine", path)
        if record.options.get("strip_weights"):
            self._put_weights_in(path, record, options.weights)
        elif options.weights is not None:
            raise UsageError(f"weights: {path} was built with its weights; leave it out")
        for _ in range(options.contexts):
            self._add_context(options.cuda_graph)

    @property
    def specs(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Inputs and outputs of the engine."""
        names = [self.engine.get_tensor_name(n) for n in range(self.engine.num_io_tensors)]
        taken = self.library.trt.TensorIOMode.INPUT
        inputs = [name for name in names if self.engine.get_tensor_mode(name) == taken]
        outputs = [name for name in names if name not in inputs]
        return tuple(map(self._spec, inputs)), tuple(map(self._spec, outputs))

    def batch_range(self) -> tuple[int, int]:
        """Fewest and most windows of a call, as the engine was built."""
        spec = self.specs[0][0]
        if spec.shape[0] is not None:
            return spec.shape[0], spec.shape[0]
        fewest, _, most = self.engine.get_tensor_profile_shape(spec.name, 0)
        return int(fewest[0]), int(most[0])

    def close(self) -> None:
        """Free everything, what uses before what is used, even where one step fails."""
        with self.cuda.current(), ExitStack() as steps:  # carried out from the last to the first
            for stream in self._streams:
                steps.callback(self.cuda.free_stream, stream)
            steps.callback(setattr, self, "_runtime", None)
            steps.callback(setattr, self, "engine", None)
            for context in self._contexts:
                steps.callback(context.close)
        self._contexts, self._streams = [], []

    def _add_context(self, graphs: bool) -> None:
        stream = self.cuda.new_stream()
        self._streams.append(stream)
        context = BoundContext(
            self.library, self.engine, self.cuda, self.specs, stream, graphs=graphs
        )
        self._contexts.append(context)
        self.free.put(context)

    def _spec(self, name: str) -> TensorSpec:
        kind = self.engine.get_tensor_dtype(name).name
        shape = (None if size < 0 else int(size) for size in self.engine.get_tensor_shape(name))
        return TensorSpec(name, _DTYPES.get(kind, kind), tuple(shape))

    def _put_weights_in(self, path: Path, record: EngineRecord, weights: Any) -> None:
        if weights is None:
            raise UsageError(
                f"{path}: built without weights (strip_weights); give weights= the ONNX file that "
                "it was built from"
            )
        if not Path(weights).is_file():
            raise ModelFileError(
                f"{weights}: no such file; expected the ONNX file that {path} was built from"
            )
        found = sha256_of(Path(weights))
        if found != record.onnx_sha256:
            raise ModelFileError(
                f"{weights}: not the ONNX file that {path} was built from: sha256 {found[:12]}, "
                f"expected {record.onnx_sha256[:12]}; give that one"
            )
        trt = self.library.trt
        refitter = trt.Refitter(self.engine, self.library.log)
        parser = trt.OnnxParserRefitter(refitter, self.library.log)
        self._checked(parser.refit_from_file(str(weights)), "read the weights", path)
        self._checked(refitter.refit_cuda_engine(), "put the weights in", path)

    def _checked(self, result: Any, doing: str, path: Path) -> Any:
        return self.library.checked(result, f"{doing} ({path})", error=ModelFileError)


def _let_go(loaded: _Loaded) -> None:
    try:
        loaded.close()
    except DeviceError as error:
        # Raised by the garbage collector, or after another error, it would reach nobody.
        _logger.warning("an engine on cuda:%d could not be freed: %s", loaded.cuda.device, error)


def _engine_of(path: Path, target: Target, cuda: Cuda, options: TensorRtOptions) -> Path:
    """The engine at a path, or that of the ONNX file there: out of the cache or built now."""
    if is_engine(path):
        if options.build is not None:
            raise UsageError(f"build: {path} is built already; leave it out, or give an ONNX file")
        return path
    from h2ot_edge.engines.build import cached_engine
    from h2ot_edge.engines.options import BuildOptions

    build = options.build or BuildOptions(target=target)
    if build.target != target:
        raise UsageError(f"build: options for {build.target}, the backend is {target}")
    return cached_engine(path, build, cuda=cuda)


def _widened(spec: TensorSpec) -> TensorSpec:
    return TensorSpec(spec.name, "int64" if spec.dtype == "int32" else spec.dtype, spec.shape)
