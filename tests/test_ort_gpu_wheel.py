"""ONNX Runtime's GPU wheel: the names and values that it takes, and what it does without a driver.

Run them in an environment with onnxruntime-gpu; a GPU is not needed.
"""

import ctypes
import mmap
import re

import onnxruntime
import pytest
from onnxruntime.capi import _pybind_state
from tiny_models import save_tiny, tiny_card

from h2ot_edge.backends import open_backend
from h2ot_edge.backends.ort_options import OnnxRuntimeOptions, cuda_arguments, tensorrt_arguments
from h2ot_edge.backends.ort_providers import folder_of_libraries, linked_major, not_started
from h2ot_edge.errors import DeviceUnavailable

pytestmark = pytest.mark.skipif(
    "TensorrtExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="needs onnxruntime-gpu with TensorRT",
)

LIBRARY = "libonnxruntime_providers_tensorrt.so"


def every_argument(folder):
    """All that the two providers are ever told, by the library that has to know it."""
    options = OnnxRuntimeOptions(
        provider="tensorrt",
        cuda_graph=True,
        gpu_memory_limit_mib=1,
        engine_cache=folder,
        timing_cache=folder,
        profile=(1, 1, 1),
        workspace_mib=1,
        optimization_level=1,
        aux_streams=1,
        hardware_compatible=True,
    )
    made = {"engines": folder, "context": folder / "context.onnx"}
    told = tensorrt_arguments(options, 0, name="keypoints", window=(9, 17, 3), **made)
    return {LIBRARY: told, "libonnxruntime_providers_cuda.so": cuda_arguments(options, 0)}


def can_load(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def test_which_tensorrt_the_wheel_is_linked_with():
    libraries = folder_of_libraries(onnxruntime)
    assert linked_major(libraries / LIBRARY, "nvinfer") == 10
    assert linked_major(libraries / LIBRARY, "nvonnxparser") == 10


def test_the_libraries_know_every_option(tmp_path):
    for library, told in every_argument(tmp_path).items():
        path = folder_of_libraries(onnxruntime) / library
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            assert [name for name in told if data.find(name.encode() + b"\0") < 0] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "fallback to CPU EP has been explicitly disabled"),
        ({"trt_engine_cash_enable": "True"}, "Invalid TensorRT EP option: trt_engine_cash_enable"),
        ({"trt_cuda_graph_enable": "1"}, "'trt_cuda_graph_enable' should be 'True' or 'False'"),
    ],
)
def test_the_values_are_in_the_form_that_the_library_takes(tmp_path, changes, said):
    # Options are read before the provider's library is loaded, so this needs no TensorRT.
    if can_load("libnvinfer.so.10"):
        pytest.skip("there is a TensorRT, which would begin to build")
    path = str(save_tiny(tmp_path / "tiny.onnx", tiny_card(batch=1)))
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    session = _pybind_state.InferenceSession(options, path, True, False)
    told = {**every_argument(tmp_path)[LIBRARY], **changes}
    with pytest.raises(Exception, match=re.escape(said)):
        session.initialize_session(["TensorrtExecutionProvider"], [told], set())


def test_without_a_driver_both_providers_are_refused(tmp_path):
    folder = folder_of_libraries(onnxruntime)
    path = save_tiny(tmp_path / "tiny.onnx")
    if can_load("libcuda.so.1"):
        pytest.skip("there is a driver")
    with pytest.raises(DeviceUnavailable) as caught:
        open_backend(path, device="cuda")
    assert str(caught.value) == str(not_started(folder, "CUDAExecutionProvider", "cuda:0"))
    assert "cannot be loaded: lib" in str(caught.value)
    with pytest.raises(DeviceUnavailable) as caught:
        open_backend(path, device="cuda", provider="tensorrt", profile=(1, 1, 8))
    assert str(caught.value).startswith("cuda:0: this ONNX Runtime was built for TensorRT 10, ")
