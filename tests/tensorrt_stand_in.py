"""TensorRT and TensorRT-RTX, without a GPU: any version's names, the rules of building and running.

    cuda = make_cuda_runtime()
    trt = make_tensorrt("10.3.0", cuda)

Classes and enumerations have exactly the public names that the version has; what they have and the
stand-in does not raises NotImplementedError. Graphs are parsed into layers as TensorRT-RTX does it,
plans hold the ONNX graph, and engines run it with onnxruntime in the streams of `cuda`. What was
done wrong is in `cuda.gpu.misuse`.
"""

from types import ModuleType

import numpy as np
from stand_ins import (
    trt_basics,
    trt_builder,
    trt_config,
    trt_inspector,
    trt_network,
    trt_parser,
    trt_refit,
)
from stand_ins.bindings import Missing, bind, enumeration
from stand_ins.trt_context import IExecutionContext, new_context
from stand_ins.trt_engine import ICudaEngine
from stand_ins.trt_library import SIZES, Library
from stand_ins.trt_runtime import Runtime

BEHAVIOURS = {
    "Dims": trt_basics.Dims,
    "IHostMemory": trt_basics.IHostMemory,
    "ILogger": trt_basics.ILogger,
    "IProfiler": trt_basics.IProfiler,
    "IProgressMonitor": trt_basics.IProgressMonitor,
    "Builder": trt_builder.Builder,
    "IBuilderConfig": trt_config.IBuilderConfig,
    "IOptimizationProfile": trt_config.IOptimizationProfile,
    "ITimingCache": trt_config.ITimingCache,
    "INetworkDefinition": trt_network.INetworkDefinition,
    "ILayer": trt_network.ILayer,
    "OnnxParser": trt_parser.OnnxParser,
    "ParserError": trt_parser.ParserError,
    "Runtime": Runtime,
    "ICudaEngine": ICudaEngine,
    "IExecutionContext": IExecutionContext,
    "EngineInspector": trt_inspector.EngineInspector,
    "Refitter": trt_refit.Refitter,
    "OnnxParserRefitter": trt_refit.OnnxParserRefitter,
}
DERIVED = {
    "Logger": ("ILogger", trt_basics.Logger),
    "ICastLayer": ("ILayer", trt_network.ICastLayer),
    "IConstantLayer": ("ILayer", trt_network.IConstantLayer),
    "IIdentityLayer": ("ILayer", trt_network.ILayer),
    "IQuantizeLayer": ("ILayer", trt_network.ILayer),
    "IDequantizeLayer": ("ILayer", trt_network.ILayer),
    "INormalizationLayer": ("ILayer", trt_network.ILayer),
}
ALIASES = {
    "float32": "FLOAT",
    "float16": "HALF",
    "bfloat16": "BF16",
    "int8": "INT8",
    "int32": "INT32",
    "int64": "INT64",
    "bool": "BOOL",
    "uint8": "UINT8",
}


def make_tensorrt(version, cuda, *, flavour="tensorrt", dla_cores=0):
    """A module of one version.

    Args:
        version: of the table: `8.6.1`, `10.3.0`, ...; or `8.5.2`, whose names are a guess.
        cuda: the stand-in for CUDA on whose GPU engines run.
        flavour: `tensorrt` or `tensorrt-rtx`.
        dla_cores: deep learning accelerators that the GPU has beside it.
    """
    module = ModuleType(flavour.replace("-", "_"))
    library = Library(module, version, cuda.gpu, flavour, dla_cores)
    library.new_context = lambda engine: new_context(library, engine)
    module.__version__ = version
    module.stand_in = library
    _add_enumerations(library, module)
    _add_classes(library, module)
    _add_the_rest(library, module)
    return module


def _add_enumerations(library, module):
    for name in library.names.classes:
        members = library.names.members(name, library.full_version)
        if {"name", "value"} <= members:
            extra = {"itemsize": property(_itemsize)} if name == "DataType" else {}
            setattr(module, name, enumeration(library, name, library.numbers_of(name), extra))
    for name, dtype in ALIASES.items():
        if name in library.names.in_module(library.full_version):
            setattr(module, name, module.DataType._members[dtype])


def _itemsize(self):
    return SIZES[self.name]


def _add_classes(library, module):
    tensor = trt_network.RigidITensor if library.strong_only else trt_network.ITensor
    present = library.names.in_module(library.full_version)
    for name, behaviour in {**BEHAVIOURS, "ITensor": tensor}.items():
        if name in present:
            setattr(module, name, bind(library, name, behaviour))
    for name, (base, behaviour) in DERIVED.items():
        if name in present:
            setattr(module, name, bind(library, name, behaviour, (getattr(module, base),)))
    severity = enumeration(library, "Severity", library.numbers_of("Severity"))
    for name in ("ILogger", "Logger"):
        kind = getattr(module, name)
        kind.Severity = severity
        for key, member in severity._members.items():
            setattr(kind, key, member)
    module._Severity = severity


def _add_the_rest(library, module):
    functions = {"nptype": nptype, "volume": volume, "init_libnvinfer_plugins": lambda *_: True}
    for name in library.names.in_module(library.full_version):
        if hasattr(module, name):
            continue
        if name in functions:
            setattr(module, name, functions[name])
        else:
            setattr(module, name, _absent(library, name))


def _absent(library, name):
    def refuse(*args, **kwargs):
        raise NotImplementedError(f"the stand-in has no {name}")

    if not name[0].isupper() and not name.startswith("I"):
        return refuse
    members = ()
    if name in library.names.classes:
        members = library.names.members(name, library.full_version)
    found = {member: Missing(f"{name}.{member}") for member in members}
    return type(name, (), {**found, "__init__": refuse})


def nptype(trt_type):
    """The numpy type of one of TensorRT's."""
    known = {"FLOAT": "f4", "HALF": "f2", "INT8": "i1", "INT32": "i4", "INT64": "i8", "BOOL": "?"}
    known["UINT8"] = "u1"
    if trt_type.name not in known:
        raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")
    return np.dtype(known[trt_type.name]).type


def volume(iterable):
    """The product of sizes."""
    return int(np.prod(tuple(iterable))) if iterable else 0
