"""Builds with every version of TensorRT, read back from the plans of the stand-ins.

These hold what was asked for: flags by name, memory, level, types.
"""

import importlib
import sys

import onnx
import pytest
from cuda_stand_in import make_cuda_runtime
from reduced_graphs import reduced, source
from rtx_builds import one_node
from stand_ins.trt_plan import unpack
from tensorrt_stand_in import make_tensorrt
from tensorrt_versions import BOTH, TENSORRT, module_of

from h2ot_edge._tensorrt import tensorrt_library
from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.engines.plan import plan_from_onnx
from h2ot_edge.errors import BuildError, UsageError

CASE = ("motionbert", "tpc", "tri")


@pytest.fixture
def install(monkeypatch):
    """Put a stand-in where `import tensorrt` finds it."""

    def put(version, **options):
        tensorrt_library.cache_clear()
        trt = module_of(version, **options)
        monkeypatch.setitem(sys.modules, "tensorrt", trt)
        return trt

    yield put
    tensorrt_library.cache_clear()


@pytest.fixture(scope="module")
def graphs():
    """A small network in each precision, as bytes."""
    return {
        "fp32": source(*CASE).SerializeToString(),
        "fp16": reduced(*CASE, "fp16").model.SerializeToString(),
        "int8": reduced(*CASE, "int8").model.SerializeToString(),
    }


def built(trt, data, **options):
    """The header of a plan, which says what was asked for."""
    arguments = {
        name: options.pop(name) for name in ("timing_cache", "progress") if name in options
    }
    plan = plan_from_onnx(data, BuildOptions(**options), **arguments)
    assert trt.stand_in.gpu.misuse == []
    header, graph = unpack(plan)
    assert graph == onnx.load_from_string(data).SerializeToString()
    assert header["version"] == trt.__version__
    return header


WEAK_FLAGS = {
    "fp32": set(),
    "fp16": {"FP16", "OBEY_PRECISION_CONSTRAINTS"},
    "int8": {"FP16", "INT8", "OBEY_PRECISION_CONSTRAINTS"},
}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("version", TENSORRT[1:])
def test_strongly_typed_builds_set_nothing(install, graphs, version, precision):
    header = built(install(version), graphs[precision])
    assert header["typing"] == "strong"
    assert set(header["flags"]) == {"TF32"}
    assert header["hardware"] == "NONE"
    assert header["verbosity"] == "LAYER_NAMES_ONLY"
    assert (header["pools"], header["level"], header["previews"]) == ({}, 3, {})
    assert header["device"] == "DeviceType.GPU"
    assert header["profiles"] == []


@pytest.mark.parametrize(
    ("version", "precision"),
    [
        ("8.6.1", "fp32"),
        ("8.6.1", "fp16"),
        *((version, precision) for version in BOTH for precision in WEAK_FLAGS),
    ],
)
def test_weakly_typed_builds_set_what_the_graph_has(install, graphs, version, precision):
    header = built(install(version), graphs[precision], typing="weak")
    assert header["typing"] == "weak"
    assert set(header["flags"]) == {"TF32", *WEAK_FLAGS[precision]}
    assert header["previews"] == ({"PROFILE_SHARING_0806": True} if version == "8.6.1" else {})


def test_8_6_runs_in_half_precision_what_is_not_pinned(install, graphs):
    """The stand-in takes half precision wherever it may, as a GPU might."""
    header = built(install("8.6.1"), graphs["fp16"])
    formats = {
        layer["Name"]: {tensor["Format/Datatype"] for tensor in layer["Outputs"]}
        for layer in header["layers"]
        if layer["LayerType"] != "Cast"  # of features that are half, or of truth values
    }
    chosen = [name for name in formats if "/selection." in name]
    assert len(chosen) > 10
    assert not any("FP16" in form for name in chosen for form in formats[name])
    assert sum("Row major linear FP16 format" in found for found in formats.values()) > 20


def test_8_6_cannot_read_int8_models(install, graphs):
    install("8.6.1")
    with pytest.raises(BuildError, match=r"^TensorRT cannot parse the graph: node ") as error:
        plan_from_onnx(graphs["int8"], BuildOptions())
    assert str(error.value).endswith("Assertion failed: scale must be of type float32")


def test_8_5_cannot_read_norms(install, graphs):
    install("8.5.2.2")
    with pytest.raises(BuildError, match=r"^TensorRT cannot parse the graph: node ") as error:
        plan_from_onnx(graphs["fp32"], BuildOptions())
    number = int(str(error.value).partition("node ")[2].partition(":")[0])
    assert onnx.load_from_string(graphs["fp32"]).graph.node[number].op_type == "LayerNormalization"


def relu(shape=(2, 4)):
    return one_node("Relu", shape=shape).SerializeToString()


@pytest.mark.parametrize("version", TENSORRT)
def test_every_option_is_carried_over(install, version):
    trt = install(version, dla_cores=2)
    level = "ampere+" if version in ("8.6.1", "10.3.0") else "same"
    header = built(
        trt,
        relu(("batch", 4)),
        batch=(2, 3, 7),
        workspace_mib=512,
        optimization_level=0,
        version_compatible=True,
        hardware_compatibility=level,
        refit=True,
        dla_core=1,
        layer_details=True,
    )
    assert header["pools"] == {"WORKSPACE": 512 * 1024 * 1024}
    assert header["level"] == 0
    assert header["flags"] == ["GPU_FALLBACK", "REFIT", "TF32", "VERSION_COMPATIBLE"]
    expected = {"ampere+": "AMPERE_PLUS", "same": "SAME_COMPUTE_CAPABILITY"}[level]
    assert header["hardware"] == expected
    assert header["verbosity"] == "DETAILED"
    assert header["device"] == "DeviceType.DLA"
    assert header["profiles"] == [{"x": [[2, 4], [3, 4], [7, 4]]}]


@pytest.mark.parametrize("version", TENSORRT[1:])
def test_weights_are_left_out(install, version):
    header = built_without_graph(install(version), relu(), strip_weights=True)
    assert header["flags"] == ["STRIP_PLAN", "TF32"]


def built_without_graph(trt, data, **options):
    header, _graph = unpack(plan_from_onnx(data, BuildOptions(**options)))
    assert trt.stand_in.gpu.misuse == []
    return header


@pytest.mark.parametrize(
    ("version", "options", "message"),
    [
        (
            "8.6.1",
            {"typing": "strong"},
            "typing strong: TensorRT 8.6.1 cannot take types from the graph, 10.0 and later can; "
            "leave it out, and layers that are float32 in the graph are pinned to it",
        ),
        (
            "11.4.0.106",
            {"typing": "weak"},
            "typing weak: TensorRT 11.4.0.106 takes every type from the graph; leave it out",
        ),
        (
            "10.3.0",
            {"hardware_compatibility": "same"},
            "hardware_compatibility same: TensorRT 10.3.0 has no such level (ampere+ since 8.6, "
            "same since 10.13); leave it out",
        ),
        (
            "8.6.1",
            {"strip_weights": True},
            "strip_weights: TensorRT 8.6.1 cannot leave weights out, 10.0 and later can; leave it "
            "out",
        ),
        (
            "8.5.2.2",
            {"version_compatible": True},
            "version_compatible: TensorRT 8.5.2.2 cannot build for later versions, 8.6 and later "
            "can; leave it out",
        ),
        (
            "8.5.2.2",
            {"optimization_level": 5},
            "optimization_level 5: TensorRT 8.5.2.2 has no such setting, 8.6 and later have; leave "
            "it out",
        ),
        (
            "8.5.2.2",
            {"hardware_compatibility": "ampere+"},
            "hardware_compatibility ampere+: TensorRT 8.5.2.2 has no such level (ampere+ since "
            "8.6, same since 10.13); leave it out",
        ),
        (
            "10.3.0",
            {"dla_core": 2},
            "dla_core 2: TensorRT 10.3.0 finds 2 DLA cores here, numbered from 0; leave it out to "
            "build for the GPU",
        ),
    ],
)
def test_what_a_version_has_not_is_refused(install, version, options, message):
    install(version, dla_cores=2)
    with pytest.raises(UsageError) as error:
        plan_from_onnx(relu(), BuildOptions(**options))
    assert str(error.value) == message


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0", "11.4.0.106"])
def test_without_a_gpu_tensorrt_does_not_start(install, monkeypatch, version):
    tensorrt_library.cache_clear()
    trt = make_tensorrt(version, make_cuda_runtime(devices=0))
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    with pytest.raises(BuildError) as error:
        plan_from_onnx(relu(), BuildOptions())
    assert str(error.value) == (
        f"TensorRT {version} cannot start: pybind11::init(): factory function returned nullptr; it "
        "needs a GPU and a driver that is new enough (h2ot-doctor says what is there)"
    )


# timings


@pytest.mark.parametrize("version", TENSORRT)
def test_a_timing_cache_saves_timing(install, tmp_path, version):
    trt, path = install(version), tmp_path / "new" / "a.timing"
    built(trt, relu(), timing_cache=path)
    assert trt.stand_in.timed == ["only"]
    assert path.read_bytes().startswith(b"timing")
    before = path.read_bytes()
    built(trt, relu(), timing_cache=path)
    assert trt.stand_in.timed == []
    assert path.read_bytes() == before
    built(trt, relu((3, 4)), timing_cache=path)
    assert trt.stand_in.timed == ["only"]
    built(trt, relu(), timing_cache=path)
    assert trt.stand_in.timed == []


@pytest.mark.parametrize("version", TENSORRT)
def test_timings_that_are_of_no_use_are_measured_anew(install, tmp_path, version):
    path = tmp_path / "a.timing"
    other = "10.3.0" if version == "8.6.1" else "8.6.1"
    built(install(other), relu(), timing_cache=path)
    foreign = path.read_bytes()
    for useless in (foreign, b"junk", foreign[:-7]):
        path.write_bytes(useless)
        trt = install(version)
        built(trt, relu(), timing_cache=path)
        assert trt.stand_in.timed == ["only"]
        assert path.read_bytes() != useless
        built(trt, relu(), timing_cache=path)
        assert trt.stand_in.timed == []


def test_a_folder_is_no_timing_cache(install, tmp_path):
    install("10.3.0")
    with pytest.raises(UsageError) as error:
        plan_from_onnx(relu(), BuildOptions(), timing_cache=tmp_path)
    assert str(error.value) == (
        f"timing_cache {tmp_path}: expected the name of a file, this is a folder"
    )


def test_rtx_keeps_no_timings(tmp_path):
    rtx = pytest.importorskip("tensorrt_rtx")
    path = tmp_path / "a.timing"
    with pytest.raises(UsageError) as error:
        plan_from_onnx(relu(), BuildOptions(target="tensorrt-rtx"), timing_cache=path)
    assert str(error.value) == (
        f"timing_cache {path}: TensorRT-RTX {rtx.__version__} keeps no timings; leave it out"
    )


# progress


@pytest.mark.parametrize("version", TENSORRT[1:])
def test_progress_is_told(install, version):
    told = []
    built(install(version), relu(), progress=lambda *step: told.append(step))
    assert told[0] == ("Building engine", 0, 4)
    assert told[-1] == ("Building engine", 4, 4)
    assert all(0 <= done <= total for _, done, total in told)
    assert ("Timing graph nodes", 3, 3) in told
    assert len(told) == len([step for step in told if step[0]])


def test_8_6_tells_no_progress(install):
    told = []
    built(install("8.6.1"), relu(), progress=lambda *step: told.append(step))
    assert told == []


@pytest.mark.parametrize("version", TENSORRT[1:])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no")], ids=repr)
def test_what_progress_raises_ends_the_build(install, capfd, version, error):
    told = []

    def progress(doing, done, total):
        told.append(doing)
        if len(told) == 3:
            raise error

    install(version)
    with pytest.raises(type(error)) as caught:
        plan_from_onnx(relu(), BuildOptions(), progress=progress)
    assert caught.value is error
    assert len(told) == 3
    assert capfd.readouterr() == ("", "")
    assert plan_from_onnx(relu(), BuildOptions())[1:4] == b"trt"


def test_the_library_is_imported_only_when_it_is_needed(install):
    trt = install("10.3.0")
    assert tensorrt_library("tensorrt").trt is trt
    assert tensorrt_library("tensorrt").version == (10, 3, 0)
    assert tensorrt_library("tensorrt").title == "TensorRT 10.3.0"
    assert importlib.import_module("tensorrt") is trt
