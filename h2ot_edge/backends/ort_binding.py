"""Running an ONNX Runtime session on memory of a device (IOBinding).

The device is a pair of ONNX Runtime's name for its kind, `cuda` or `cpu`, and its number.
"""

import threading
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.spec import TensorSpec

__all__ = ["Bound", "FixedBindings", "filled", "run_at"]

Device = tuple[str, int]


class Bound(Protocol):
    """An array on a device, contiguous in C order."""

    @property
    def ptr(self) -> int:
        """Address of the first element."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""


def filled(spec: TensorSpec, batch: int) -> tuple[int, ...]:
    """The shape of a tensor in a call of `batch` windows."""
    return tuple(batch if size is None else size for size in spec.shape)


def run_at(
    session: Any, device: Device, inputs: Mapping[str, Bound], outputs: Mapping[str, Bound]
) -> None:
    """Run once, reading and writing arrays where they are; done when it returns."""
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_input(name, *device, array.dtype, array.shape, array.ptr)
    for name, array in outputs.items():
        binding.bind_output(name, *device, array.dtype, array.shape, array.ptr)
    # The inputs may be the result of work in a stream that ONNX Runtime does not know.
    binding.synchronize_inputs()
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()


class FixedBindings:
    """Runs a session at addresses that stay the same, as a captured CUDA graph needs it.

    Each shape of the inputs has its own tensors on the device, and its own graph; they are freed
    with this object.
    """

    def __init__(
        self,
        ort: ModuleType,
        session: Any,
        device: Device,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        *,
        numbered: bool,
    ) -> None:
        self._ort = ort
        self._session = session
        self._device = device
        self._inputs = inputs
        self._outputs = outputs
        self._numbered = numbered
        self._slots: dict[int, _Slot] = {}
        # One for all shapes: while a graph is captured, no other thread may allocate or copy.
        self._lock = threading.Lock()

    def run(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Copy the inputs in, run once, copy the outputs out. Calls take turns."""
        with self._lock:
            batch = feed[self._inputs[0].name].shape[0]
            if batch not in self._slots:
                self._slots[batch] = self._new_slot(batch)
            return self._slots[batch].run(self._session, feed)

    def _new_slot(self, batch: int) -> "_Slot":
        options = self._ort.RunOptions()
        if self._numbered:
            # Numbers from 1: 0 is ONNX Runtime's own.
            options.add_run_config_entry("gpu_graph_id", str(len(self._slots) + 1))
        inputs = {spec.name: self._tensor(spec, batch) for spec in self._inputs}
        outputs = {spec.name: self._tensor(spec, batch) for spec in self._outputs}
        return _Slot(self._session.io_binding(), options, inputs, outputs)

    def _tensor(self, spec: TensorSpec, batch: int) -> Any:
        return self._ort.OrtValue.ortvalue_from_shape_and_type(
            filled(spec, batch), np.dtype(spec.dtype), *self._device
        )


class _Slot:
    """The tensors and the graph of one shape."""

    def __init__(
        self, binding: Any, options: Any, inputs: dict[str, Any], outputs: dict[str, Any]
    ) -> None:
        self._binding = binding
        self._options = options
        self._inputs = inputs
        self._names = list(outputs)
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)

    def run(self, session: Any, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        for name, value in self._inputs.items():
            value.update_inplace(np.ascontiguousarray(feed[name]))
        self._binding.synchronize_inputs()
        session.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
        # Not OrtValue.numpy(), which on the CPU is a view that the next call writes to.
        return dict(zip(self._names, self._binding.copy_outputs_to_cpu(), strict=True))
