"""Every name of TensorRT that the code touches is there, in every version that it is for."""

import ast
import functools
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from stand_ins.name_walk import MODULE, VARIABLES, names_in
from stand_ins.names import (
    TABLE,
    api_of_module,
    apis_of_files,
    rtx_names,
    section_of,
    tensorrt_names,
    text_of_table,
)

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "reference" / "tensorrt_api"

OWN = {
    "engines/layers.py": set(VARIABLES) - {"trt"},  # its layers and profiles are its own
    "h2ot_edge/backends/trt.py": {"context"},  # a `BoundContext`
    "h2ot_edge/doctor/probes.py": {"runtime"},  # of CUDA
}
"""By file: variables that are named as TensorRT's objects are, but are others."""

HELD = {"engines/versions.py": {"error": "ParserError"}}
"""By file: other variables that hold TensorRT's objects."""

OWN_MEMBERS = {"IProgressMonitor.raised"}
"""Of subclasses of ours."""

OLD, NEW, RTX = ["8.6.1"], ["11.0.0.114", "11.4.0.106"], ["1.7.1.116"]
TENSORRT = tensorrt_names().versions


@dataclass
class Gap:
    """A name that not every version has: which lack it, where it is touched, and what guards it."""

    lacking: list
    where: set
    guard: str


VERSIONS = {"engines/versions.py"}
GAPS = {
    "BuilderFlag.FP16": Gap(
        NEW + RTX, VERSIONS, "asked for with hasattr; else only in a weakly typed build"
    ),
    "BuilderFlag.INT8": Gap(NEW + RTX, VERSIONS, "only in a weakly typed build"),
    "BuilderFlag.OBEY_PRECISION_CONSTRAINTS": Gap(
        NEW + RTX, VERSIONS, "only in a weakly typed build"
    ),
    "BuilderFlag.STRIP_PLAN": Gap(OLD, VERSIONS, "asked for with hasattr"),
    "ComputeCapability": Gap(
        TENSORRT,
        {"engines/plan.py", "h2ot_edge/doctor/probes.py"},
        "only for TensorRT-RTX, see BuildOptions",
    ),
    "IBuilderConfig.num_compute_capabilities": Gap(
        TENSORRT, {"engines/plan.py"}, "only for TensorRT-RTX"
    ),
    "IBuilderConfig.progress_monitor": Gap(OLD, {"engines/plan.py"}, "after has_progress"),
    "IBuilderConfig.set_compute_capability": Gap(
        TENSORRT, {"engines/plan.py"}, "only for TensorRT-RTX"
    ),
    "ICastLayer.output_type_is_set": Gap(
        NEW + RTX, VERSIONS, "only in 8.5, which has no layer for casts"
    ),
    "ILayer.precision": Gap(NEW + RTX, {"engines/weak_typing.py"}, "only in a weakly typed build"),
    "ILayer.set_output_type": Gap(
        NEW + RTX, {"engines/weak_typing.py"}, "only in a weakly typed build"
    ),
    "IProgressMonitor": Gap(
        OLD, {"engines/progress.py", "engines/versions.py"}, "has_progress asks for it"
    ),
    "NetworkDefinitionCreationFlag.EXPLICIT_BATCH": Gap(
        NEW + RTX, VERSIONS, "only where there is no STRONGLY_TYPED"
    ),
    "NetworkDefinitionCreationFlag.STRONGLY_TYPED": Gap(OLD, VERSIONS, "asked for with hasattr"),
    "OnnxParserRefitter": Gap(
        OLD, {"h2ot_edge/backends/trt.py"}, "only for engines without weights, which 8 cannot build"
    ),
    "OnnxParserRefitter.refit_from_file": Gap(
        OLD, {"h2ot_edge/backends/trt.py"}, "only for engines without weights, which 8 cannot build"
    ),
    "ParserError.node_name": Gap(OLD, VERSIONS, "asked for with hasattr"),
    "ParserError.node_operator": Gap(OLD, VERSIONS, "where there is node_name"),
    "PreviewFeature.PROFILE_SHARING_0806": Gap(NEW + RTX, VERSIONS, "asked for with getattr"),
}


def sources():
    """The files that touch TensorRT, by their path in the repository."""
    patterns = ("engines/*.py", "h2ot_edge/_tensorrt.py", "h2ot_edge/backends/trt*.py")
    files = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return {path.relative_to(ROOT).as_posix(): path for path in (*files, *_others(files))}


def _others(files):
    """Other files that name the module; what is linked is looked at where it lies."""
    found = (*ROOT.glob("h2ot_edge/**/*.py"), *ROOT.glob("benchmarks/**/*.py"))
    for path in (p for p in found if p.resolve() == p and p not in files):
        nodes = ast.walk(ast.parse(path.read_text()))
        if any(getattr(node, "attr", getattr(node, "id", None)) == "trt" for node in nodes):
            yield path


@functools.cache
def walked():
    """A `Walk` of each file."""
    walks = {}
    for name, path in sources().items():
        known = {k: v for k, v in VARIABLES.items() if k not in OWN.get(name, ())}
        walks[name] = names_in(path.read_text(), {**known, **HELD.get(name, {})})
    return walks


def lacking(path):
    """Versions of TensorRT and TensorRT-RTX that have no such name."""
    return tensorrt_names().lacking(path) + rtx_names().lacking(path)


def gaps_of(walks):
    """The names that some version lacks: which, and the files that touch them."""
    found = {}
    for name, walk in walks.items():
        for path in walk.uses:
            if path not in OWN_MEMBERS and lacking(path):
                found.setdefault(path, (lacking(path), set()))[1].add(name)
    return found


# the code


def test_names_that_a_version_lacks_are_listed_with_their_guard():
    listed = {path: (gap.lacking, gap.where) for path, gap in GAPS.items()}
    assert gaps_of(walked()) == listed


def test_the_walk_finds_what_is_plainly_there():
    walks = walked()
    paths = {path for walk in walks.values() for path in walk.uses}
    assert {"engines/plan.py", "h2ot_edge/_tensorrt.py", "h2ot_edge/backends/trt.py"} <= set(walks)
    assert {
        "Builder.build_serialized_network",
        "BuilderFlag.FP16",
        "IBuilderConfig.set_flag",
        "ICudaEngine.num_io_tensors",
        "IExecutionContext.execute_async_v3",
        "ILogger.WARNING",
        "INetworkDefinition.num_outputs",
        "LayerInformationFormat.JSON",
        "OnnxParser.parse",
        "ParserError.desc",
        "Runtime",
        "Runtime.deserialize_cuda_engine",
    } <= paths


def test_methods_that_tensorrt_calls_are_methods_that_it_has():
    overrides = [found for walk in walked().values() for found in walk.overrides]
    assert overrides
    assert [
        f"{kind}.{name}" for kind, name in overrides if name not in tensorrt_names().classes[kind]
    ] == []


# the walk


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("config.set_flag(trt.BuilderFlag.FP17)", "BuilderFlag.FP17"),
        ("config.max_workspace_size = 1 << 30", "IBuilderConfig.max_workspace_size"),
        ("self._config.max_workspace_size = 1", "IBuilderConfig.max_workspace_size"),
        ("def f(library, engine):\n    engine.num_bindings", "ICudaEngine.num_bindings"),
        ("flags = library.trt.BuilderFlag\nflags.FP16", "BuilderFlag.FP16"),
        ("def f(trt):\n    flags = trt.BuilderFlag\n    return flags.INT8", "BuilderFlag.INT8"),
        ("trt.Builder(log).max_batch_size", "Builder.max_batch_size"),
        ("x = trt.Runtime(log)\nx.deserialize(b'')", "Runtime.deserialize"),
        (
            "made = checked(builder.create_network(0), 'x')\nmade.layers",
            "INetworkDefinition.layers",
        ),
        ("network.get_layer(0).get_input(0).kind", "ITensor.kind"),
        ("for layer in layers:\n    layer.precision = 1", "ILayer.precision"),
        ("hasattr(trt.BuilderFlag, 'FP16')", "BuilderFlag.FP16"),
        ("f = getattr(trt, 'PreviewFeature', None)\nf.SHARED", "PreviewFeature.SHARED"),
        ("layer.__class__ = trt.ICastLayer\nlayer.to_kind", "ICastLayer.to_kind"),
        ("builder.platform_has_fast_fp16", "Builder.platform_has_fast_fp16"),
        ("trt.EngineFlag", "EngineFlag"),
        (
            "found = [parser.get_error(0)]\nfor e in (parser.get_error(n) for n in x):\n    e.text",
            "ParserError.text",
        ),
        ("[x.size for x in (network.get_input(n) for n in y)]", "ITensor.size"),
        ("trt.IProgressMonitor", "IProgressMonitor"),
        (
            "engine.create_execution_context().execute_async_v2",
            "IExecutionContext.execute_async_v2",
        ),
    ],
)
def test_a_wrong_name_is_found(text, path):
    assert list(gaps_of({"made up": names_in(text)})) == [path]


@pytest.mark.parametrize(
    "text",
    [
        "layer.name, layer.metadata, engine.num_io_tensors, context.execute_async_v3(0)",
        "def f(things):\n    for thing in things:\n        thing.max_workspace_size",
        "x = trt.BuilderFlag.__members__\nx.items()",
        "monitor.raised",
    ],
)
def test_a_right_name_and_what_is_not_tensorrts_is_left_alone(text):
    assert gaps_of({"made up": names_in(text)}) == {}


def test_a_file_says_which_of_its_variables_are_others():
    assert gaps_of({"x": names_in("layer.median", {"trt": MODULE})}) == {}


def test_a_misspelt_method_of_a_subclass_is_found():
    walk = names_in("class M(library.trt.IProgressMonitor):\n    def phase_begin(self): pass")
    assert walk.overrides == [("IProgressMonitor", "phase_begin")]
    assert "phase_begin" not in tensorrt_names().classes["IProgressMonitor"]


def test_asking_is_told_from_using():
    assert names_in("hasattr(trt.BuilderFlag, 'FP16')").uses["BuilderFlag.FP16"].guarded
    both = "hasattr(trt.BuilderFlag, 'FP16')\ntrt.BuilderFlag.FP16"
    assert not names_in(both).uses["BuilderFlag.FP16"].guarded


# the table


def test_the_table_is_small_sorted_and_a_class_a_line():
    text = TABLE.read_text()
    assert len(text) < 60_000
    for section in json.loads(text).values():
        assert list(section["classes"]) == sorted(section["classes"])
        for line in section["classes"].values():
            names = [entry.partition(":")[0] for entry in line.split()]
            assert names == sorted(names)
            assert "\n" not in line


def test_the_table_says_what_is_known_of_the_versions():
    names = tensorrt_names()
    assert names.lacking("BuilderFlag.FP16") == NEW
    assert names.lacking("ICudaEngine.num_bindings") == TENSORRT[1:]
    assert names.lacking("NetworkDefinitionCreationFlag.STRONGLY_TYPED") == OLD
    assert names.lacking("ITimingCache.query") == ["8.6.1", "10.3.0"]
    assert names.lacking("IExecutionContext.execute_async_v3") == []
    assert names.lacking("IExecutionContext.execute_async_v4") == TENSORRT
    assert names.lacking("NoSuchClass") == TENSORRT


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared files are not on this machine")
def test_the_table_is_what_the_shared_files_give():
    apis = apis_of_files(SHARED)
    assert json.loads(TABLE.read_text())["tensorrt"] == section_of(apis)
    for version, (names, members) in apis.items():
        assert tensorrt_names().in_module(version) <= set(names)
        for kind in tensorrt_names().classes:
            assert tensorrt_names().members(kind, version) == set(members.get(kind, ()))


@pytest.fixture
def rtx():
    """TensorRT-RTX, in the version that the table is of."""
    installed = pytest.importorskip("tensorrt_rtx")
    if installed.__version__ not in rtx_names().versions:
        pytest.skip(f"the table is of {rtx_names().versions[0]}")
    return installed


def test_the_table_is_what_the_installed_tensorrt_rtx_gives(rtx):
    assert json.loads(TABLE.read_text())["tensorrt_rtx"] == section_of(api_of_module(rtx))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared files are not on this machine")
def test_the_table_is_written_by_its_function(rtx):
    assert TABLE.read_text() == text_of_table(SHARED, rtx)
