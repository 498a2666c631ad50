"""One execution context of TensorRT, with a stream and buffers of its own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._tensorrt import Library
from h2ot_edge.cuda import Cuda
from h2ot_edge.cuda.arrays import DeviceArray
from h2ot_edge.errors import DeviceError, InputError
from h2ot_edge.spec import TensorSpec

__all__ = ["BoundContext"]

ALIGNMENT = 256
"""In bytes, of every address: TensorRT's NvInferRuntime.h asks for it at setTensorAddress."""

Shape = tuple[int, ...]


@dataclass
class _Buffer:
    """Memory of one tensor, on both sides."""

    pointer: int
    host: NDArray[Any]


class BoundContext:
    """Runs an engine, one call at a time; made, used and closed while the device is current.

    The stream is the caller's, who frees it last. After a call that failed nothing is left in it.
    """

    def __init__(
        self,
        library: Library,
        engine: Any,
        cuda: Cuda,
        specs: tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]],
        stream: int,
        *,
        graphs: bool,
    ) -> None:
        self._library = library
        self._cuda = cuda
        self._inputs, self._outputs = specs
        self._graphs = graphs
        self._graph: int | None = None
        self._latest: tuple[object, ...] = ()
        self._buffers: dict[str, _Buffer] = {}
        self._stream = stream
        self._context = self._checked(engine.create_execution_context(), "make a context")
        self._choose_profile()

    def run(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the engine on host arrays; they are staged in page-locked memory."""
        with self._emptied_on_failure():
            return self._run(feed)

    def run_on_device(self, feed: Mapping[str, DeviceArray]) -> dict[str, DeviceArray]:
        """Run the engine where the arrays are; the result is ready when this returns."""
        for name, array in feed.items():
            _check_aligned(name, array)
        with self._emptied_on_failure():
            return self._run_on_device(feed)

    def profiled(self, feed: Mapping[str, NDArray[Any]], profiler: Any) -> None:
        """Run once while TensorRT tells `profiler` how long each layer took."""
        self._context.profiler = profiler
        self.run(feed)

    def described(self, inspector: Any, form: Any) -> str:
        """What an inspector of the engine says of its layers, at the shapes of the latest call."""
        inspector.execution_context = self._context
        return str(inspector.get_engine_information(form))

    def close(self) -> None:
        """Free everything, what uses before what is used, even where one step fails."""
        with ExitStack() as steps:  # carried out from the last to the first
            for name in self._buffers:
                steps.callback(self._free_buffer, name)
            steps.callback(setattr, self, "_context", None)
            steps.callback(self._forget_graph)

    @property
    def _specs(self) -> tuple[TensorSpec, ...]:
        return (*self._inputs, *self._outputs)

    @contextmanager
    def _emptied_on_failure(self) -> Iterator[None]:
        """Wait for what a failed call has queued: its memory is freed next, or used again."""
        try:
            yield
        except BaseException:
            with suppress(DeviceError):  # a second one, which tells less
                self._cuda.synchronize(self._stream)
                self._forget_graph()
            raise

    def _run(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        shapes = self._shape({name: array.shape for name, array in feed.items()})
        buffers = {spec.name: self._buffer(spec, shapes) for spec in self._specs}
        for name, array in feed.items():
            staged = _view(buffers[name], array.dtype, array.shape)
            staged[...] = array
            self._cuda.copy_to_device(buffers[name].pointer, staged, self._stream)
        pointers = {name: buffer.pointer for name, buffer in buffers.items()}
        self._enqueue_or_replay(shapes, pointers)
        given = {
            spec.name: _view(buffers[spec.name], np.dtype(spec.dtype), shapes[spec.name])
            for spec in self._outputs
        }
        for name, array in given.items():
            self._cuda.copy_to_host(array, pointers[name], self._stream)
        self._cuda.synchronize(self._stream)
        return {name: array.copy() for name, array in given.items()}

    def _run_on_device(self, feed: Mapping[str, DeviceArray]) -> dict[str, DeviceArray]:
        shapes = self._shape({name: array.shape for name, array in feed.items()})
        for array in feed.values():
            if array.ready_stream is not None:
                self._cuda.wait_for(self._stream, array.ready_stream)
        given = {
            spec.name: DeviceArray.allocate(self._cuda, shapes[spec.name], np.dtype(spec.dtype))
            for spec in self._outputs
        }
        self._forget_graph()
        self._enqueue({name: array.ptr for name, array in {**feed, **given}.items()})
        self._cuda.synchronize(self._stream)
        return given

    def _choose_profile(self) -> None:
        if any(None in spec.shape for spec in self._inputs):
            chosen = self._context.set_optimization_profile_async(0, self._stream)
            self._checked(chosen, "choose a profile")
            self._cuda.synchronize(self._stream)

    def _shape(self, given: Mapping[str, Shape]) -> dict[str, Shape]:
        """Tell the context the shapes of the inputs; the shapes of all tensors."""
        for name, shape in given.items():
            taken = self._context.set_input_shape(name, shape)
            self._checked(taken, f"take {name} of shape {list(shape)}")
        names = (spec.name for spec in self._specs)
        return {name: tuple(self._context.get_tensor_shape(name)) for name in names}

    def _buffer(self, spec: TensorSpec, shapes: Mapping[str, Shape]) -> _Buffer:
        """Memory that is large enough; it stays for the next call."""
        nbytes = int(np.prod(shapes[spec.name])) * np.dtype(spec.dtype).itemsize
        known = self._buffers.get(spec.name)
        if known is not None and known.host.nbytes >= nbytes:
            return known
        if known is not None:
            self._free_buffer(spec.name)
        pointer = self._cuda.allocate(nbytes)
        try:
            host = self._cuda.allocate_pinned(nbytes)
        except BaseException:
            self._cuda.free(pointer)
            raise
        self._buffers[spec.name] = _Buffer(pointer, host)
        return self._buffers[spec.name]

    def _free_buffer(self, name: str) -> None:
        buffer = self._buffers.pop(name)
        self._cuda.free(buffer.pointer)
        self._cuda.free_pinned(buffer.host)

    def _enqueue_or_replay(self, shapes: Mapping[str, Shape], pointers: Mapping[str, int]) -> None:
        """Queue the engine: as a graph, once a call had the same shapes and addresses."""
        call = (*shapes.items(), *pointers.items())
        repeated = call == self._latest
        if not repeated:
            # A graph holds for the state that its context was in.
            self._forget_graph()
            self._latest = call
        if self._graph is not None:
            self._cuda.launch(self._graph, self._stream)
            return
        self._enqueue(pointers)
        if self._graphs and repeated:
            # After a call that is done, since TensorRT sets itself up in the first of a shape.
            self._cuda.synchronize(self._stream)
            self._graph = self._captured(pointers)

    def _captured(self, pointers: Mapping[str, int]) -> int:
        try:
            return self._cuda.capture(lambda: self._enqueue(pointers), self._stream)
        except DeviceError as error:
            raise DeviceError(
                f"cuda_graph: the engine cannot be captured as a graph: {error}; leave cuda_graph "
                "out"
            ) from error

    def _enqueue(self, pointers: Mapping[str, int]) -> None:
        for name, pointer in pointers.items():
            self._checked(self._context.set_tensor_address(name, pointer), f"bind {name}")
        self._checked(self._context.execute_async_v3(self._stream), "run the engine")

    def _forget_graph(self) -> None:
        graph, self._graph, self._latest = self._graph, None, ()
        if graph is not None:
            self._cuda.free_graph(graph)

    def _checked(self, result: Any, doing: str) -> Any:
        return self._library.checked(result, doing, error=DeviceError)


def _check_aligned(name: str, array: DeviceArray) -> None:
    if array.ptr % ALIGNMENT:
        raise InputError(
            f"{name}: expected an address that is a multiple of {ALIGNMENT} bytes, got "
            f"{array.ptr:#x}; copy the part of an array into one of its own, as clone() in PyTorch"
        )


def _view(buffer: _Buffer, dtype: np.dtype[Any], shape: Shape) -> NDArray[Any]:
    """The beginning of a buffer's host side, as an array."""
    nbytes = int(np.prod(shape)) * dtype.itemsize
    return buffer.host[:nbytes].view(dtype).reshape(shape)
