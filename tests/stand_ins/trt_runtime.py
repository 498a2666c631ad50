"""The runtime: engines of plans, if version and GPU are those that they were built for."""

from google.protobuf.message import DecodeError

from stand_ins.bindings import setting, takes
from stand_ins.memory import Fault
from stand_ins.trt_builder import start
from stand_ins.trt_checks import Refused
from stand_ins.trt_engine import Plan
from stand_ins.trt_plan import Unreadable, unpack

MAGIC = "Serialization assertion plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed."
SIZE = "Assertion bufferSize >= minBufferSize failed. "
OTHER_MODEL = (
    "Using an engine plan file across different models of devices is not recommended and is likely "
    "to affect performance or even cause errors."
)


class Runtime:
    """Makes engines of plans."""

    @takes("ILogger")
    def __init__(self, logger):
        self._logger, self._settings = logger, {}
        if not self._lib.rtx:
            start(self._lib, logger)
        self._lib.lives.born(self, "a TensorRT runtime")

    engine_host_code_allowed = setting("engine_host_code_allowed", "bool", False)

    @takes("buffer")
    def deserialize_cuda_engine(self, serialized_engine):
        try:
            with self._lib.gpu.called("deserialize_cuda_engine"):
                return self._engine(serialized_engine)
        except Refused as error:
            self._complain(error.code, error.kind, str(error))
        except Fault as fault:
            full = fault.code == "cudaErrorMemoryAllocation"
            code, kind = (2, "OutOfMemory") if full else (1, "Cuda Runtime")
            self._complain(code, kind, f"{fault.code}: {fault}")
        return None

    def _complain(self, code, kind, text):
        method = "IRuntime::deserializeCudaEngine"
        self._lib.complain(self._logger, method, code, kind, text)

    def __del__(self):
        if hasattr(self, "_settings"):
            self._lib.lives.died(self, "engine")

    def _engine(self, data):
        try:
            header, graph = unpack(data, self._lib.rtx)
            self._check_version(header)
            self._check_gpu(header)
            plan = Plan(self._lib, header, graph)
        except Unreadable as error:
            raise Refused(1, "Serialization", MAGIC if error.reason == "magic" else SIZE) from error
        except DecodeError as error:
            raise Refused(1, "Serialization", f"Serialization assertion failed. {error}") from error
        block = self._lib.gpu.allocate("device", plan.weight_bytes, "a TensorRT engine")
        made = object.__new__(self._lib.trt.ICudaEngine)._init(plan, self._logger, block)
        self._lib.lives.born(made, "a TensorRT engine", self)
        return made

    def _check_version(self, header):
        here, there = self._lib.full_version, header["version"]
        compatible = "VERSION_COMPATIBLE" in header["flags"]
        if compatible and not self.engine_host_code_allowed:
            text = (
                "Plan contains host code, which is not allowed; see "
                "IRuntime::setEngineHostCodeAllowed."
            )
            raise Refused(6, "API Usage Error", text)
        if here == there or (compatible and _is_later(here, there)):
            return
        raise Refused(
            6,
            "API Usage Error",
            "The engine plan file is not compatible with this version of TensorRT, expecting "
            f"library version {here} got {there}, please rebuild.",
        )

    def _check_gpu(self, header):
        device = self._lib.gpu.devices[self._lib.gpu.device]
        here, there = list(device.compute_capability), header["compute_capability"]
        if self._lib.rtx:
            self._check_target(here, header["target"])
            return
        if header["hardware"] == "AMPERE_PLUS" and here >= [8, 0] and there >= [8, 0]:
            return
        if here != there:
            raise Refused(
                6,
                "API Usage Error",
                "The engine plan file is generated on an incompatible device, expecting compute "
                f"{here[0]}.{here[1]} got compute {there[0]}.{there[1]}, please rebuild.",
            )
        if device.name != header["gpu"] and header["hardware"] == "NONE":
            self._lib.log(self._logger, "WARNING", OTHER_MODEL)

    def _check_target(self, here, target):
        """Of TensorRT-RTX, whose engines are for one GPU or for all from Ampere on."""
        name = f"SM{here[0]}{here[1]}"
        if here < [8, 0] if target == "NONE" else target != name:
            text = f"The engine was built for {target}, this GPU is {name}."
            raise Refused(6, "API Usage Error", text)


def _is_later(here, there):
    """A version-compatible plan runs in later versions of its major, and in the next but 9."""
    mine, its = ([int(n) for n in v.split(".")[:2]] for v in (here, there))
    following = {8: 10, 10: 11}.get(its[0])
    return mine >= its if mine[0] == its[0] else mine[0] == following
