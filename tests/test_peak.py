"""What a device can do, and the graphs it is asked with."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from h2ot_edge.benchmarks.bench import peak
from h2ot_edge.benchmarks.bench.peak import CHAIN, measure_peak, product_model, stream_model
from h2ot_edge.benchmarks.bench.small_onnx import small_onnx
from h2ot_edge.benchmarks.ort_session import bare_session
from h2ot_edge.errors import DeviceUnavailable, UnknownName


@pytest.fixture
def quick(monkeypatch):
    """A calibration too short to be true."""
    monkeypatch.setattr(peak, "CPU_SIZES", (32, 64))
    monkeypatch.setattr(peak, "STREAM_MIB", 1)
    monkeypatch.setattr(peak, "_SIZE_S", 0.05)
    monkeypatch.setattr(peak, "_STREAM_S", 0.05)


# graphs without the onnx package


@pytest.mark.parametrize("size", [1, 200])
def test_a_file_that_the_onnx_package_reads(size):
    weight = np.arange(size * 3, dtype=np.float32).reshape(size, 3)
    data = small_onnx(
        [("MatMul", ("x", "w"), "h"), ("Relu", ("h",), "y")],
        inputs={"x": ("float32", (2, size))},
        outputs={"y": ("float32", (2, 3))},
        constants={"w": weight},
    )
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [(node.op_type, *node.input, *node.output) for node in model.graph.node] == [
        ("MatMul", "x", "w", "h"),
        ("Relu", "h", "y"),
    ]
    np.testing.assert_array_equal(numpy_helper.to_array(model.graph.initializer[0]), weight)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_products_in_a_chain_stay_as_large_as_they_were(kind):
    data, given = product_model("MatMul", 64, kind)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["MatMul"] * CHAIN
    (result,) = bare_session(data, device="cpu", threads=1).run(None, {"x0": given})
    weight = numpy_helper.to_array(model.graph.initializer[0]).astype(np.float64)
    expected = given.astype(np.float64) @ np.linalg.matrix_power(weight, CHAIN)
    assert 0.5 < expected.std() < 2
    np.testing.assert_allclose(result, expected, atol=1e-4 if kind == "float32" else 0.05)


def test_products_of_whole_numbers():
    data, given = product_model("MatMulInteger", 16, "uint8")
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    results = bare_session(data, device="cpu", threads=1).run(None, {"x0": given})
    weights = [numpy_helper.to_array(tensor).astype(np.int64) for tensor in model.graph.initializer]
    assert len(results) == len(weights) == CHAIN
    for result, weight in zip(results, weights, strict=True):
        np.testing.assert_array_equal(result, given.astype(np.int64) @ weight)


def test_passes_over_memory(monkeypatch):
    monkeypatch.setattr(peak, "STREAM_MIB", 1)
    data, given = stream_model()
    assert given.nbytes == 2**20
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    (result,) = bare_session(data, device="cpu", threads=1).run(None, {"x0": given})
    assert result.tolist() == [[1.0]]


# the calibration


@pytest.mark.parametrize(
    ("precision", "operator"),
    [("fp32", "MatMul of float32"), ("int8-cpu", "MatMulInteger of uint8")],
)
def test_a_cpu_is_measured(quick, precision, operator):
    found = measure_peak(backend="onnxruntime", device="cpu", threads=1, precision=precision)
    assert found.gflops is not None
    assert 0 < found.gflops < 1e6
    assert found.gbs is not None
    assert 0 < found.gbs < 1e5
    assert json.loads(json.dumps(found.to_dict())) == {
        "backend": "onnxruntime",
        "device": "cpu",
        "threads": 1,
        "precision": precision,
        "gflops": found.gflops,
        "gbs": found.gbs,
        "how": (
            f"products: {operator}, 32, 64 squared; memory: Relu in place over 1 MiB, bytes read "
            f"and written; best of all calls, ONNX Runtime {onnxruntime.__version__}"
        ),
    }


def test_sizes_that_would_take_too_long_are_left_out(quick, monkeypatch):
    monkeypatch.setattr(peak, "CPU_SIZES", (32, 4096))
    monkeypatch.setattr(peak, "_PRODUCTS_S", 0.1)
    found = measure_peak(backend="onnxruntime", device="cpu", threads=1)
    assert found.how.startswith("products: MatMul of float32, 32 squared; memory")


def test_a_precision_that_the_cpu_does_not_have_is_not_measured(quick):
    found = measure_peak(backend="onnxruntime", device="cpu", threads=None, precision="fp16")
    assert found.gflops is None
    assert found.gbs is not None
    assert found.how.startswith(
        "products: not measured, on a CPU only fp32 and int8-cpu are; memory: Relu in place"
    )


def test_tensorrt_is_not_measured():
    found = measure_peak(backend="tensorrt", device="cuda:0", threads=None)
    assert found.to_dict() == {
        "backend": "tensorrt",
        "device": "cuda:0",
        "threads": None,
        "precision": "fp32",
        "gflops": None,
        "gbs": None,
        "how": "not measured: tensorrt would have to build an engine for it",
    }


def test_an_unknown_precision():
    with pytest.raises(UnknownName) as caught:
        measure_peak(backend="onnxruntime", device="cpu", threads=1, precision="bf16")
    assert str(caught.value) == (
        "no precision 'bf16'; did you mean 'fp16'? (known: fp32, fp16, int8, int8-cpu)"
    )


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="has a GPU build"
)
def test_a_gpu_that_this_onnx_runtime_has_no_provider_for():
    with pytest.raises(DeviceUnavailable) as caught:
        measure_peak(backend="onnxruntime", device="cuda:0", threads=None)
    build = ", ".join(onnxruntime.get_available_providers())
    assert str(caught.value) == (
        f"cuda:0: needs ONNX Runtime's CUDAExecutionProvider, this build has {build}; the CPU and "
        "GPU wheels overwrite each other: pip uninstall onnxruntime onnxruntime-gpu, then "
        "pip install 'h2ot-edge[ort-gpu]'"
    )
