"""What all classes of one stand-in for TensorRT know: its version, GPU and way to complain."""

import re

from stand_ins.names import rtx_names, tensorrt_names
from stand_ins.older import NamesOf85
from stand_ins.trt_lives import Lives

NUMBERS = {
    "DataType": {
        "FLOAT": 0,
        "HALF": 1,
        "INT8": 2,
        "INT32": 3,
        "BOOL": 4,
        "UINT8": 5,
        "FP8": 6,
        "BF16": 7,
        "INT64": 8,
        "INT4": 9,
        "FP4": 10,
        "E8M0": 11,
    },
    "Severity": {"INTERNAL_ERROR": 0, "ERROR": 1, "WARNING": 2, "INFO": 3, "VERBOSE": 4},
    "TensorIOMode": {"NONE": 0, "INPUT": 1, "OUTPUT": 2},
}
"""Numbers that are the same in every version; others are made up, and differ between versions."""

CREATION_FLAGS = {
    8: ["EXPLICIT_BATCH", "EXPLICIT_PRECISION"],
    10: [
        "EXPLICIT_BATCH",
        "STRONGLY_TYPED",
        "PREFER_JIT_PYTHON_PLUGINS",
        "PREFER_AOT_PYTHON_PLUGINS",
    ],
    11: ["STRONGLY_TYPED", "PREFER_JIT_PYTHON_PLUGINS", "PREFER_AOT_PYTHON_PLUGINS"],
    "rtx": ["STRONGLY_TYPED"],
}
"""In the order of their bits."""

SIZES = {"FLOAT": 4, "HALF": 2, "INT8": 1, "INT32": 4, "BOOL": 1, "UINT8": 1, "BF16": 2, "INT64": 8}


class Library:
    """One version of TensorRT, or TensorRT-RTX, on one GPU.

    Attributes:
        trt: the module.
        gpu: what its engines run on.
        full_version: a version of the table, whose names it has.
        version: as numbers.
        rtx: whether it is TensorRT-RTX.
        dla_cores: how many of these there are.
        lives: which contexts, engines and runtimes there are.
        timed: names of the layers that the last build had no timings of.
    """

    def __init__(self, trt, version, gpu, flavour, dla_cores):
        self.trt = trt
        self.gpu = gpu
        self.rtx = flavour == "tensorrt-rtx"
        self.full_version = version
        self.version = tuple(int(n) for n in re.findall(r"\d+", version))
        self.names = rtx_names() if self.rtx else tensorrt_names()
        if not self.rtx and self.version < (8, 6):
            self.names = NamesOf85(self.names)
        self.dla_cores = dla_cores
        self.lives = Lives(gpu)
        self.timed = []
        self.bindings = "tensorrt_rtx_bindings.tensorrt_rtx" if self.rtx else "tensorrt.tensorrt"

    @property
    def strong_only(self):
        """Whether types always come from the graph."""
        return self.rtx or self.version >= (11,)

    def log(self, logger, severity, message):
        """Hand a line to a logger."""
        logger.log(self.trt.ILogger.Severity._members[severity], message)

    def complain(self, logger, method, code, kind, text):
        """Log an error in the form that the version gives it.

        Args:
            logger: where to.
            method: such as `IBuilder::createNetworkV2`.
            code: number of the error.
            kind: what its code is called.
            text: what is wrong.
        """
        if self.version >= (10,) or self.rtx:
            line = f"{method}: Error Code {code}: {kind} ({text})"
        else:
            owner, _, name = method.partition("::")
            source = owner.removeprefix("I")
            source = source[0].lower() + source[1:]
            line = f"{code}: [{source}.cpp::{name}::0] Error Code {code}: {kind} ({text})"
        self.log(logger, "ERROR", line)

    def dims(self, value):
        """`value` as `Dims`; also a list or tuple of ints.

        Raises:
            TypeError: it is neither.
            ValueError: more than 8 sizes.
        """
        if isinstance(value, self.trt.Dims):
            return value
        if not isinstance(value, list | tuple):
            raise TypeError(f"expected Dims, got {type(value).__name__}")
        return self.trt.Dims(value)

    def numbers_of(self, name):
        """Number by name of an enumeration."""
        if name == "Severity":
            return NUMBERS[name]
        members = sorted(self.names.members(name, self.full_version) - {"name", "value"})
        if name == "NetworkDefinitionCreationFlag":
            order = CREATION_FLAGS["rtx" if self.rtx else self.version[0]]
            return {flag: bit for bit, flag in enumerate(order) if flag in members}
        if name == "DataType":
            members.remove("itemsize")
        known = NUMBERS.get(name)
        if known:
            return {member: known[member] for member in members}
        turn = sum(self.version) % max(1, len(members))
        return {member: n for n, member in enumerate(members[turn:] + members[:turn])}
