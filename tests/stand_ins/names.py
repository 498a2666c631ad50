"""The table of TensorRT's public names: `tensorrt_names.json`, what is in it and where it is from.

A class is one line: its members, each with the versions that have it unless all do: `FP16:8.6.1` is
one version, `8.6.1..10.3.0` is from one to another, `10.3.0..` is from one to the last.
"""

import functools
import json
from pathlib import Path

TABLE = Path(__file__).parents[1] / "tensorrt_names.json"
VERSIONS = ["8.6.1", "10.3.0", "10.13.3.9", "10.16.1.11", "11.0.0.114", "11.4.0.106"]
_CLASSES = """
Builder BuilderFlag ComputeCapability CudaGraphStrategy DataType DeviceType Dims
DynamicShapesKernelSpecializationStrategy EngineCapability EngineInspector EngineStat
EngineValidity ErrorCode ExecutionContextAllocationStrategy HardwareCompatibilityLevel
IAttention IAttentionInputLayer IBuilderConfig ICastLayer IConstantLayer ICudaEngine
IDequantizeLayer IErrorRecorder IExecutionContext IHostMemory IIdentityLayer ILayer ILogger
INetworkDefinition INormalizationLayer IOptimizationProfile IOutputAllocator IProfiler
IProgressMonitor IQuantizeLayer IRuntimeCache IRuntimeConfig ISerializationConfig ITensor
ITimingCache ITopKLayer LayerInformationFormat LayerType Logger MemoryPoolType
NetworkDefinitionCreationFlag OnnxParser OnnxParserFlag OnnxParserRefitter ParserError
PreviewFeature Profiler ProfilingVerbosity QuantizationFlag Refitter Runtime RuntimePlatform
SerializationFlag TacticSource TempfileControlFlag TensorFormat TensorIOMode TensorLocation
TimingCacheKey TimingCacheValue Weights WeightsRole
"""
CLASSES = _CLASSES.split()
"""What a program that builds and runs engines can touch."""

NOISE = {"attr", "ctypes", "os", "sys", "tensorrt", "tensorrt_rtx", "tensorrt_rtx_libs"}
NOISE |= {"value", "warnings"}
"""Found in the modules, but none of theirs."""


class Names:
    """The names of one library in several versions.

    Attributes:
        versions: in order.
        module: name in the module -> the versions that have it.
        classes: class -> member -> the versions that have it.
    """

    def __init__(self, section):
        self.versions = section["versions"]
        self.module = self._read(section["module"])
        self.classes = {name: self._read(line) for name, line in section["classes"].items()}

    def _read(self, line):
        named = (entry.partition(":") for entry in line.split())
        return {name: self._versions_of(spans) for name, _, spans in named}

    def _versions_of(self, spans):
        if not spans:
            return set(self.versions)
        found = set()
        for span in spans.split(","):
            first, dots, last = span.partition("..")
            start = self.versions.index(first)
            stop = start if not dots else self.versions.index(last or self.versions[-1])
            found.update(self.versions[start : stop + 1])
        return found

    def members(self, name, version):
        """Public members of a class in a version."""
        return {member for member, has in self.classes[name].items() if version in has}

    def in_module(self, version):
        """Public names in the module of a version."""
        return {name for name, has in self.module.items() if version in has}

    def lacking(self, path):
        """Versions that have no such `Class.member` or `name` in the module."""
        first, _, member = path.partition(".")
        has = self.module.get(first, set())
        if member and first in self.classes:
            has = has & self.classes[first].get(member, set())
        return [version for version in self.versions if version not in has]


@functools.cache
def tensorrt_names():
    """The table's part on TensorRT."""
    return Names(json.loads(TABLE.read_text())["tensorrt"])


@functools.cache
def rtx_names():
    """The table's part on TensorRT-RTX."""
    return Names(json.loads(TABLE.read_text())["tensorrt_rtx"])


# making the table


def text_of_table(folder, rtx):
    """What belongs in the table: `TABLE.write_text(text_of_table(folder, tensorrt_rtx))`.

    Args:
        folder: the names of TensorRT's versions, a `VERSION.json` each.
        rtx: the module of TensorRT-RTX.
    """
    sections = {
        "tensorrt": section_of(apis_of_files(folder)),
        "tensorrt_rtx": section_of(api_of_module(rtx)),
    }
    return json.dumps(sections, indent=1) + "\n"


def section_of(apis):
    """A part of the table.

    Args:
        apis: version -> names in the module, and members by class.
    """
    versions = list(apis)
    modules = [{n for n in names if _is_public(n)} for names, _ in apis.values()]
    classes = {}
    for name in sorted(CLASSES):
        members = [set(found.get(name, ())) for _, found in apis.values()]
        if any(members):
            classes[name] = _line(versions, members)
    return {"versions": versions, "module": _line(versions, modules), "classes": classes}


def apis_of_files(folder):
    """What `section_of` takes, from a folder of `VERSION.json`."""
    found = {}
    for version in VERSIONS:
        api = json.loads((folder / f"{version}.json").read_text())
        found[version] = api["names"], api["members"]
    return found


def api_of_module(module):
    """What `section_of` takes, from a module that is installed."""
    members = {
        name: [member for member in dir(getattr(module, name)) if member[0] != "_"]
        for name in CLASSES
        if hasattr(module, name)
    }
    return {module.__version__: (dir(module), members)}


def _is_public(name):
    return not name.startswith("_") and name not in NOISE


def _line(versions, sets):
    names = sorted(set().union(*sets))
    return " ".join(n + _spans(versions, [n in held for held in sets]) for n in names)


def _spans(versions, has):
    if all(has):
        return ""
    spans, start = [], None
    for index, held in enumerate([*has, False]):
        if held and start is None:
            start = index
        if not held and start is not None:
            spans.append(_span(versions, start, index - 1))
            start = None
    return ":" + ",".join(spans)


def _span(versions, start, stop):
    if start == stop:
        return versions[start]
    return f"{versions[start]}..{'' if stop == len(versions) - 1 else versions[stop]}"
