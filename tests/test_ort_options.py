"""Options of the backend onnxruntime, and what ONNX Runtime's providers are told."""

from dataclasses import fields
from pathlib import Path

import pytest

from h2ot_edge.backends import open_backend
from h2ot_edge.backends.ort_options import (
    BUILDS,
    OnnxRuntimeOptions,
    cuda_arguments,
    given,
    provider_of,
    tensorrt_arguments,
)
from h2ot_edge.errors import UnknownName, UsageError
from h2ot_edge.system import Jetson

EVERY_BUILD_OPTION = {
    "engine_cache": "cache",
    "timing_cache": Path("timing"),
    "profile": (1, 4, 8),
    "workspace_mib": 512,
    "optimization_level": 5,
    "aux_streams": 0,
    "hardware_compatible": True,
}


def refused(**keywords):
    with pytest.raises(UsageError) as caught:
        OnnxRuntimeOptions(**keywords)
    return str(caught.value)


def arguments(**keywords):
    options = OnnxRuntimeOptions(provider="tensorrt", **keywords)
    return tensorrt_arguments(options, 1, name="keypoints", window=(9, 17, 3))


@pytest.mark.parametrize(
    ("provider", "device", "expected"),
    [
        ("auto", "cpu", "cpu"),
        ("auto", "cuda:0", "cuda"),
        ("cpu", "cpu", "cpu"),
        ("cuda", "cuda:1", "cuda"),
        ("tensorrt", "cuda:0", "tensorrt"),
    ],
)
def test_the_provider_is_that_of_the_device_or_the_one_asked_for(provider, device, expected):
    assert provider_of(OnnxRuntimeOptions(provider=provider), device) == expected


@pytest.mark.parametrize(
    ("provider", "device"), [("cpu", "cuda:0"), ("cuda", "cpu"), ("tensorrt", "cpu")]
)
def test_a_provider_of_another_device_is_refused(provider, device):
    with pytest.raises(UsageError) as caught:
        provider_of(OnnxRuntimeOptions(provider=provider), device)
    assert str(caught.value) == (
        f"provider {provider!r} on the device {device!r}: cpu runs on the device 'cpu', cuda and "
        "tensorrt on 'cuda' or 'cuda:N'; change one of the two"
    )


def test_unknown_names_have_near_misses():
    with pytest.raises(UnknownName) as caught:
        OnnxRuntimeOptions(provider="tensort")
    assert str(caught.value) == (
        "no provider 'tensort'; did you mean 'tensorrt'? (known: auto, cpu, cuda, tensorrt)"
    )
    with pytest.raises(UnknownName) as caught:
        OnnxRuntimeOptions(cuda="cuda-pyton")
    assert str(caught.value) == (
        "no CUDA binding 'cuda-pyton'; did you mean 'cuda-python'? "
        "(known: auto, cuda-python, pycuda)"
    )


@pytest.mark.parametrize(
    ("keywords", "device", "takers", "provider"),
    [
        ({"cuda_graph": True}, "cpu", "cuda or tensorrt", "cpu"),
        ({"cuda": "pycuda"}, "cpu", "cuda or tensorrt", "cpu"),
        ({"use_tf32": False}, "cpu", "cuda", "cpu"),
        ({"use_tf32": False, "provider": "tensorrt"}, "cuda:0", "cuda", "tensorrt"),
        ({"gpu_memory_limit_mib": 1, "provider": "tensorrt"}, "cuda:0", "cuda", "tensorrt"),
        ({"ep_context": "a.onnx"}, "cuda:0", "tensorrt", "cuda"),
        *[
            ({name: value}, device, "tensorrt", provider)
            for name, value in EVERY_BUILD_OPTION.items()
            if name != "hardware_compatible"  # which needs another of them
            for device, provider in (("cpu", "cpu"), ("cuda:0", "cuda"))
        ],
    ],
)
def test_an_option_for_another_provider_is_refused(keywords, device, takers, provider):
    (name,) = keywords.keys() - {"provider"}
    with pytest.raises(UsageError) as caught:
        provider_of(OnnxRuntimeOptions(**keywords), device)
    assert str(caught.value) == (
        f"{name}: an option of the provider {takers}, this is {provider}; pass another provider, "
        f"or leave {name} out"
    )


def test_every_option_belongs_to_a_provider():
    names = {field.name for field in fields(OnnxRuntimeOptions)}
    assert {"provider", "cuda", "cuda_graph", "use_tf32", "gpu_memory_limit_mib", *BUILDS} == names
    every = OnnxRuntimeOptions(provider="tensorrt", cuda_graph=True, **EVERY_BUILD_OPTION)
    assert given(every) == ["cuda_graph", *(name for name in BUILDS if name != "ep_context")]
    assert provider_of(every, "cuda:0") == "tensorrt"
    assert given(OnnxRuntimeOptions(provider="cuda")) == []


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"cuda_graph": 1}, "cuda_graph: expected True or False, got 1"),
        ({"hardware_compatible": None}, "hardware_compatible: expected True or False, got None"),
        ({"use_tf32": "no"}, "use_tf32: expected True, False or None, got 'no'"),
        ({"engine_cache": True}, "engine_cache: expected a path, got True"),
        ({"timing_cache": ""}, "timing_cache: expected a path, got ''"),
        ({"ep_context": 3}, "ep_context: expected a path, got 3"),
        (
            {"ep_context": "a.engine"},
            "ep_context: expected a file name ending in .onnx, got a.engine",
        ),
        ({"workspace_mib": 0}, "workspace_mib: expected a whole number of at least 1, got 0"),
        ({"workspace_mib": True}, "workspace_mib: expected a whole number of at least 1, got True"),
        (
            {"gpu_memory_limit_mib": 1.5},
            "gpu_memory_limit_mib: expected a whole number of at least 1, got 1.5",
        ),
        ({"aux_streams": -1}, "aux_streams: expected a whole number of at least 0, got -1"),
        (
            {"optimization_level": -1},
            "optimization_level: expected a whole number of at least 0, got -1",
        ),
        ({"optimization_level": 6}, "optimization_level: expected 0 to 5, got 6"),
        (
            {"engine_cache": "cache", "ep_context": "a.onnx"},
            "engine_cache and ep_context: a context model holds its engine; pass one of the two",
        ),
        (
            {"hardware_compatible": True},
            "hardware_compatible: ONNX Runtime heeds it for cached engines only; pass "
            "engine_cache=FOLDER too",
        ),
    ],
)
def test_wrong_values_are_refused(keywords, message):
    assert refused(**keywords) == message


@pytest.mark.parametrize(
    "profile", [(1, 8), (0, 1, 2), (2, 1, 4), (1, 4, 2), (1, 2.0, 4), (True, 1, 2), 8, "1:2:4"]
)
def test_a_profile_is_three_ascending_numbers(profile):
    assert refused(profile=profile) == (
        "profile: expected three positive numbers of windows in ascending order, the fewest, the "
        f"usual and the most of a call, got {profile!r}"
    )


def test_hardware_compatible_engines_are_refused_on_jetson(monkeypatch):
    orin = Jetson("NVIDIA Jetson Orin Nano", "36.4.3", "6.2")
    monkeypatch.setattr("h2ot_edge.backends.ort_options.jetson", lambda: orin)
    assert refused(hardware_compatible=True, engine_cache="cache") == (
        "hardware_compatible: TensorRT has no such engines for Jetson; leave it out, and build the "
        "engine on the device that runs it"
    )


def test_what_the_cuda_provider_is_told():
    # Without use_tf32 ONNX Runtime would multiply fp32 in TF32.
    assert cuda_arguments(OnnxRuntimeOptions(), 0) == {
        "device_id": "0",
        "use_tf32": "0",
        "enable_cuda_graph": "0",
    }
    options = OnnxRuntimeOptions(cuda_graph=True, use_tf32=True, gpu_memory_limit_mib=2048)
    assert cuda_arguments(options, 3) == {
        "device_id": "3",
        "use_tf32": "1",
        "enable_cuda_graph": "1",
        "gpu_mem_limit": "2147483648",
    }


def test_what_the_tensorrt_provider_is_told():
    assert arguments() == {"device_id": "1", "trt_cuda_graph_enable": "False"}
    assert arguments(cuda_graph=True, **EVERY_BUILD_OPTION) == {
        "device_id": "1",
        "trt_cuda_graph_enable": "True",
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": "timing",
        "trt_max_workspace_size": "536870912",
        "trt_builder_optimization_level": "5",
        "trt_auxiliary_streams": "0",
        "trt_engine_hw_compatible": "True",
        "trt_profile_min_shapes": "keypoints:1x9x17x3",
        "trt_profile_opt_shapes": "keypoints:4x9x17x3",
        "trt_profile_max_shapes": "keypoints:8x9x17x3",
    }


def test_where_the_tensorrt_provider_puts_what_it_builds():
    options = OnnxRuntimeOptions(provider="tensorrt")
    told = tensorrt_arguments(
        options, 0, name="x", window=(2,), engines=Path("a"), context=Path("b.onnx")
    )
    assert told == {
        "device_id": "0",
        "trt_cuda_graph_enable": "False",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "a",
        "trt_dump_ep_context_model": "True",
        "trt_ep_context_file_path": "b.onnx",
        "trt_ep_context_embed_mode": "1",
    }


def test_options_are_keywords():
    with pytest.raises(UsageError) as caught:
        open_backend("a.onnx", workspace_mib=0)
    assert str(caught.value) == "workspace_mib: expected a whole number of at least 1, got 0"
    with pytest.raises(UnknownName) as caught:
        open_backend("a.onnx", cuda_graf=True)
    known = ", ".join(field.name for field in fields(OnnxRuntimeOptions))
    assert str(caught.value) == (
        "no option of the backend onnxruntime 'cuda_graf'; did you mean 'cuda_graph'? "
        f"(known: {known})"
    )
