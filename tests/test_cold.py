"""Cold starts in processes of their own, and the memory of a process."""

import onnx
import pytest
from tiny_models import save_tiny

from h2ot_edge.benchmarks.bench.cold import cold_start
from h2ot_edge.benchmarks.bench.memory import device_mib, peak_host_mib
from h2ot_edge.errors import DeviceError

WAY = {"backend": "onnxruntime", "device": "cpu", "threads": 1}


def test_a_cold_start(tmp_path):
    found = cold_start(save_tiny(tmp_path / "tiny.onnx"), **WAY, repeats=1)
    assert set(found) == {
        *("import_ms", "load_ms", "first_call_ms", "peak_host_mib", "peak_device_mib")
    }
    # Importing numpy and ONNX Runtime takes longer than a model of two nodes.
    assert found["import_ms"] > found["load_ms"] > 0
    assert found["first_call_ms"] > 0
    assert found["peak_host_mib"] > 10
    assert found["peak_device_mib"] is None


def test_a_process_that_fails_says_why(tmp_path):
    path = save_tiny(tmp_path / "tiny.onnx")
    model = onnx.load(path)
    model.graph.node[0].op_type = "Nothing"
    onnx.save(model, path)
    with pytest.raises(DeviceError) as error:
        cold_start(path, **WAY, repeats=1)
    told = str(error.value)
    assert told.startswith(
        "tiny.onnx: a process that loads it and runs it once ended with status 1, its last words: "
        "h2ot_edge.errors.ModelFileError: "
    )
    assert told.endswith("; see whether it runs at all")


def test_the_memory_of_this_process():
    assert peak_host_mib() > 10
    assert device_mib("cpu") is None


def test_memory_that_linux_does_not_tell(tmp_path):
    assert peak_host_mib(tmp_path / "status") is None
    (tmp_path / "status").write_text("Name:\tpython\n")
    assert peak_host_mib(tmp_path / "status") is None
    (tmp_path / "status").write_text("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\n")
    assert peak_host_mib(tmp_path / "status") == 2.0
