"""What a device can do: a short calibration of its rate of products and of its memory.

Products are those of the inference library that runs the models, on arrays that are on the device,
one factor being a constant, as weights are. It takes less than 4 s.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from h2ot_edge._names import look_up, require
from h2ot_edge.benchmarks.bench.small_onnx import small_onnx
from h2ot_edge.benchmarks.ort_session import bare_session, place_of

__all__ = ["Peak", "Precision", "measure_peak"]

Precision = Literal["fp32", "fp16", "int8", "int8-cpu"]

CPU_SIZES = (256, 512, 1024)
GPU_SIZES = (1024, 2048, 4096)
"""Rows of the square matrices; a GPU is not busy with less."""

CHAIN = 4
"""Products in a call, one after the other, so that a call's own cost is little of it."""

STREAM_MIB = 256
"""More than any cache."""

PASSES = 8

_SIZE_S = 0.3
_PRODUCTS_S = 2.0
_STREAM_S = 0.5
_CALLS = 3

_KINDS: dict[tuple[str, str], tuple[str, str]] = {
    ("cpu", "fp32"): ("MatMul", "float32"),
    ("cpu", "int8-cpu"): ("MatMulInteger", "uint8"),
    ("cuda", "fp32"): ("MatMul", "float32"),
    ("cuda", "fp16"): ("MatMul", "float16"),
}
"""Device and precision -> the operator and the type of what it takes."""


@dataclass(frozen=True)
class Peak:
    """The ceilings of a device.

    Attributes:
        backend: what ran it.
        device: `cpu` or `cuda:N`.
        threads: of the CPU; None is as many as the library takes.
        precision: of the products.
        gflops: largest rate of products, in 1e9 operations a second; None if it is not known.
        gbs: largest rate of memory, read and written, in 1e9 bytes a second; None likewise.
        how: what was measured, or why it was not.
    """

    backend: str
    device: str
    threads: int | None
    precision: Precision
    gflops: float | None
    gbs: float | None
    how: str

    def to_dict(self) -> dict[str, Any]:
        """As a result document holds it."""
        return asdict(self)


def measure_peak(
    *, backend: str, device: str, threads: int | None, precision: Precision = "fp32"
) -> Peak:
    """Measure the ceilings of a device.

    Args:
        backend: a name from `BACKENDS`.
        device: `cpu` or `cuda:N`.
        threads: for one call; None leaves it to the library.
        precision: of the products, named as those of models are. TF32 is not taken for fp32.

    Raises:
        UnknownName: no such precision.
        MissingExtra: onnxruntime is not installed.
        DeviceUnavailable: this ONNX Runtime has no provider for the device.
    """
    look_up("precision", precision, dict.fromkeys(get_args(Precision)))
    if backend != "onnxruntime":
        how = f"not measured: {backend} would have to build an engine for it"
        return Peak(backend, device, threads, precision, None, None, how)
    version = require("onnxruntime", "ort").__version__
    gflops, products = _products(device, threads, precision)
    gbs = _stream(device, threads)
    how = (
        f"{products}; memory: Relu in place over {STREAM_MIB} MiB, bytes read and written; best "
        f"of all calls, ONNX Runtime {version}"
    )
    return Peak(backend, device, threads, precision, gflops, gbs, how)


def _products(device: str, threads: int | None, precision: Precision) -> tuple[float | None, str]:
    """1e9 operations a second, and what was multiplied."""
    place = place_of(device)[0]
    if (place, precision) not in _KINDS:
        known = " and ".join(name for where, name in _KINDS if where == place)
        return None, f"products: not measured, on a {place.upper()} only {known} are"
    operator, kind = _KINDS[place, precision]
    best, end = 0.0, time.monotonic() + _PRODUCTS_S
    sizes: list[str] = []
    for size in CPU_SIZES if place == "cpu" else GPU_SIZES:
        operations = CHAIN * 2 * size**3
        if sizes and _CALLS * operations / best > end - time.monotonic():
            break
        model, given = product_model(operator, size, kind)
        best = max(best, operations / _shortest(model, given, device, threads, _SIZE_S))
        sizes.append(str(size))
    return best / 1e9, f"products: {operator} of {kind}, {', '.join(sizes)} squared"


def product_model(operator: str, size: int, kind: str) -> tuple[bytes, NDArray[Any]]:
    """`CHAIN` products with constants, and an array to begin with."""
    random = np.random.default_rng(0)
    if operator == "MatMulInteger":
        return _integer_products(random, size)
    # Of such a scale that products stay as large as what goes in.
    weight = (random.normal(size=(size, size)) / np.sqrt(size)).astype(kind)
    model = small_onnx(
        [(operator, (f"x{i}", "weight"), f"x{i + 1}") for i in range(CHAIN)],
        inputs={"x0": (kind, (size, size))},
        outputs={f"x{CHAIN}": (kind, (size, size))},
        constants={"weight": weight},
    )
    return model, random.normal(size=(size, size)).astype(kind)


def _integer_products(random: np.random.Generator, size: int) -> tuple[bytes, NDArray[Any]]:
    """Side by side: they give int32, which they do not take."""
    weights = {
        f"weight{i}": random.integers(-63, 64, (size, size)).astype(np.int8) for i in range(CHAIN)
    }
    model = small_onnx(
        [("MatMulInteger", ("x0", f"weight{i}"), f"y{i}") for i in range(CHAIN)],
        inputs={"x0": ("uint8", (size, size))},
        outputs={f"y{i}": ("int32", (size, size)) for i in range(CHAIN)},
        constants=weights,
    )
    return model, random.integers(0, 255, (size, size)).astype(np.uint8)


def _stream(device: str, threads: int | None) -> float:
    """1e9 bytes a second: each pass reads and writes the array, and the last one reads it."""
    model, given = stream_model()
    seconds = _shortest(model, given, device, threads, _STREAM_S)
    return (2 * PASSES + 1) * given.nbytes / seconds / 1e9


def stream_model() -> tuple[bytes, NDArray[Any]]:
    """Element-wise operators over a large array, of which one number is left."""
    shape = (1024, STREAM_MIB * 256)
    model = small_onnx(
        [
            *(("Relu", (f"x{i}",), f"x{i + 1}") for i in range(PASSES)),
            ("ReduceMax", (f"x{PASSES}",), "y"),
        ],
        inputs={"x0": ("float32", shape)},
        outputs={"y": ("float32", (1, 1))},
        constants={},
    )
    return model, np.ones(shape, np.float32)


def _shortest(
    model: bytes, given: NDArray[Any], device: str, threads: int | None, seconds: float
) -> float:
    """Seconds of the fastest call; nothing is copied to or from the device."""
    ort = require("onnxruntime", "ort")
    session = bare_session(model, device=device, threads=threads)
    binding, place = session.io_binding(), place_of(device)
    binding.bind_ortvalue_input("x0", ort.OrtValue.ortvalue_from_numpy(given, *place))
    for output in session.get_outputs():
        binding.bind_output(output.name, *place)
    session.run_with_iobinding(binding)
    taken: list[float] = []
    end = time.monotonic() + seconds
    while len(taken) < _CALLS - 1 or time.monotonic() < end:
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        taken.append(time.perf_counter() - start)
    return min(taken)
