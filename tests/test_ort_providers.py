"""What ONNX Runtime's providers need, and what is said where it is not there."""

import ctypes
import ctypes.util
import importlib.metadata
import logging
import shutil
import subprocess
import sys
from types import SimpleNamespace

import onnxruntime
import pytest
from tiny_models import save_tiny

from h2ot_edge.backends import open_backend
from h2ot_edge.backends.ort_providers import (
    check_in_build,
    linked_major,
    load_tensorrt,
    not_started,
    preload_cuda,
    tensorrt_version,
)
from h2ot_edge.errors import DeviceUnavailable
from h2ot_edge.system import Jetson

PROVIDERS = onnxruntime.get_available_providers()
LIBRARY = "libonnxruntime_providers_tensorrt.so"
NO_TENSORRT = 77  # a major version that nobody has
ORIN = Jetson("NVIDIA Jetson Orin Nano", "36.4.3", "6.2")


@pytest.fixture
def jetson(monkeypatch):
    """This machine is a Jetson."""
    monkeypatch.setattr("h2ot_edge.backends.ort_providers.jetson", lambda: ORIN)


@pytest.fixture
def no_tensorrt(monkeypatch):
    """No TensorRT can be found."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)


def linked_with(folder, major, cuda=13):
    """A stand-in for the TensorRT provider: the names that the loader would look for."""
    names = [f"libcudart.so.{cuda}", f"libnvinfer.so.{major}", f"libnvinfer_plugin.so.{major + 1}"]
    text = "\0".join(["", *(names if cuda else names[1:]), ""])
    (folder / LIBRARY).write_bytes(b"\x7fELF" + text.encode() + b"libnvinfer.so.99")
    return folder


def refused(folder):
    with pytest.raises(DeviceUnavailable) as caught:
        load_tensorrt(folder, "cuda:0")
    return str(caught.value)


def without_tensorrt(installed, fix):
    return (
        "cuda:0: this ONNX Runtime was built for TensorRT 77, which cannot be loaded "
        "(libnvinfer.so.77: cannot open shared object file: No such file or directory); "
        f"installed: {installed}; {fix}"
    )


def test_the_provider_tells_which_tensorrt_it_is_linked_with(tmp_path):
    linked_with(tmp_path, 10)
    assert linked_major(tmp_path / LIBRARY, "nvinfer") == 10
    assert linked_major(tmp_path / LIBRARY, "nvinfer_plugin") == 11
    assert linked_major(tmp_path / LIBRARY, "cudart") == 13
    assert linked_major(tmp_path / LIBRARY, "nvonnxparser") is None
    assert linked_major(tmp_path / "no such file", "nvinfer") is None


@pytest.mark.parametrize(
    ("number", "version"),
    [(8502, "8.5.2"), (8601, "8.6.1"), (100300, "10.3.0"), (101303, "10.13.3"), (110400, "11.4.0")],
)
def test_how_tensorrt_writes_its_version(number, version):
    assert tensorrt_version(SimpleNamespace(getInferLibVersion=lambda: number)) == version


@pytest.mark.usefixtures("no_tensorrt")
def test_without_tensorrt_the_right_one_is_named(tmp_path):
    assert refused(linked_with(tmp_path, NO_TENSORRT)) == without_tensorrt(
        "none", "pip install 'tensorrt-cu13>=77,<78'"
    )
    assert refused(linked_with(tmp_path, NO_TENSORRT, cuda=None)) == without_tensorrt(
        "none", "pip install 'tensorrt>=77,<78'"
    )


def test_another_major_is_told_with_what_is_installed(tmp_path, monkeypatch):
    there = {"tensorrt": "11.4.0.106", "tensorrt-cu13": "11.4.0.106"}

    def version(name):
        if name not in there:
            raise importlib.metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(ctypes.util, "find_library", {"nvinfer": "libnvinfer.so.8"}.get)
    assert refused(linked_with(tmp_path, NO_TENSORRT)) == without_tensorrt(
        "tensorrt 11.4.0.106, tensorrt-cu13 11.4.0.106, libnvinfer.so.8",
        "pip install 'tensorrt-cu13>=77,<78'",
    )


@pytest.mark.usefixtures("no_tensorrt", "jetson")
def test_on_a_jetson_nobody_is_sent_to_pip(tmp_path):
    assert refused(linked_with(tmp_path, NO_TENSORRT)) == without_tensorrt(
        "none",
        "on a Jetson TensorRT comes with JetPack: install an onnxruntime-gpu that was built for "
        "this JetPack, or use the backend tensorrt",
    )


def test_a_provider_that_does_not_tell_is_tried(tmp_path):
    assert load_tensorrt(tmp_path, "cuda:0") is None


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_tensorrt_that_is_loaded_tells_its_version(tmp_path):
    source, library = tmp_path / "stub.c", tmp_path / "libnvinfer.so.77"
    source.write_text("int getInferLibVersion(void) { return 771302; }")
    soname = "-Wl,-soname,libnvinfer.so.77"
    subprocess.run(["cc", "-shared", "-fPIC", soname, source, "-o", library], check=True)
    linked_with(tmp_path, NO_TENSORRT)
    # In a process of its own, since a library stays loaded; there the loader knows it by its name.
    program = (
        "import ctypes, pathlib; from h2ot_edge.backends.ort_providers import load_tensorrt; "
        f"ctypes.CDLL({str(library)!r}); "
        f"print(load_tensorrt(pathlib.Path({str(tmp_path)!r}), 'cuda:0'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "77.13.2\n"


NEEDED = "cuda:0: needs ONNX Runtime's TensorrtExecutionProvider, this build has A, B; "


def needs(machine, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(DeviceUnavailable) as caught:
        check_in_build("TensorrtExecutionProvider", "cuda:0", ["A", "B"])
    return str(caught.value)


def test_a_build_without_tensorrt_is_told_with_the_repair(monkeypatch):
    assert needs("x86_64", monkeypatch) == NEEDED + (
        "the CPU and GPU wheels overwrite each other: pip uninstall onnxruntime onnxruntime-gpu, "
        "then pip install 'h2ot-edge[ort-gpu]'"
    )
    assert needs("aarch64", monkeypatch) == NEEDED + (
        "PyPI's build for aarch64 has none: use the provider cuda, or the backend tensorrt"
    )
    check_in_build("A", "cuda:0", ["A", "B"])


@pytest.mark.usefixtures("jetson")
def test_on_a_jetson_pypi_has_no_build(monkeypatch):
    assert needs("aarch64", monkeypatch) == NEEDED + (
        "PyPI has no build for Jetson: install an onnxruntime-gpu that was built for this JetPack, "
        "or use the backend tensorrt, which JetPack brings"
    )


@pytest.mark.skipif("TensorrtExecutionProvider" in PROVIDERS, reason="this build has TensorRT")
def test_a_provider_that_is_not_there_is_not_replaced(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx")
    with pytest.raises(DeviceUnavailable) as caught:
        open_backend(path, device="cuda:1", provider="tensorrt", profile=(1, 1, 8))
    assert str(caught.value) == (
        "cuda:1: needs ONNX Runtime's TensorrtExecutionProvider, this build has "
        f"{', '.join(PROVIDERS)}; the CPU and GPU wheels overwrite each other: pip uninstall "
        "onnxruntime onnxruntime-gpu, then pip install 'h2ot-edge[ort-gpu]'"
    )


def test_a_provider_that_does_not_start_is_told(tmp_path):
    where = (tmp_path, "CUDAExecutionProvider", "cuda:3")
    check = (
        "; check the driver, and that the CUDA and cuDNN libraries are of the versions that this "
        "onnxruntime-gpu was built for"
    )
    assert str(not_started(*where)) == (
        "cuda:3: ONNX Runtime's CUDAExecutionProvider did not start, or cannot run all of the graph"
        + check
    )
    assert str(not_started(*where, "CUDA failure 100: no CUDA-capable device is detected")) == (
        "cuda:3: ONNX Runtime's CUDAExecutionProvider did not start: CUDA failure 100: no "
        "CUDA-capable device is detected" + check
    )


def test_a_provider_that_cannot_be_loaded_is_told_with_the_reason(tmp_path, monkeypatch):
    library = tmp_path / "libonnxruntime_providers_cuda.so"
    library.write_bytes(b"no library")
    begin = (
        "cuda:0: ONNX Runtime's CUDAExecutionProvider cannot be loaded: "
        f"{library}: file too short; "
    )
    assert str(not_started(tmp_path, "CUDAExecutionProvider", "cuda:0")) == begin + (
        "libcuda comes with the driver, the others with the system's CUDA and cuDNN or with pip "
        "install 'onnxruntime-gpu[cuda,cudnn]'"
    )
    monkeypatch.setattr("h2ot_edge.backends.ort_providers.jetson", lambda: ORIN)
    assert str(not_started(tmp_path, "CUDAExecutionProvider", "cuda:0")) == (
        begin + "install an onnxruntime-gpu that was built for this JetPack"
    )


def test_what_preloading_prints_goes_to_the_log(capsys, caplog):
    caplog.set_level(logging.DEBUG)
    preload_cuda(SimpleNamespace(preload_dlls=lambda: print("Failed to load a\nb")))
    preload_cuda(SimpleNamespace())  # of an ONNX Runtime that has no such function
    assert capsys.readouterr().out == ""
    assert [record.getMessage() for record in caplog.records] == ["Failed to load a", "b"]
