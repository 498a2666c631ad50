"""The builder: refuses what TensorRT refuses, and packs the rest into a plan."""

import sys

from stand_ins.bindings import setting, takes
from stand_ins.memory import Fault
from stand_ins.trt_basics import host_memory
from stand_ins.trt_layers import engine_layers
from stand_ins.trt_plan import pack, without_weights

PRECISIONS = ("FP16", "BF16", "INT8", "FP8", "INT4", "FP4")
CONSTRAINTS = ("OBEY_PRECISION_CONSTRAINTS", "PREFER_PRECISION_CONSTRAINTS", "STRICT_TYPES")
REAL = ("FLOAT", "HALF", "BF16", "INT8")
PHASES = {
    "Building engine": (None, 4),
    "Preparing graph for optimization": ("Building engine", 2),
    "Building engine from subgraph": ("Building engine", 3),
    "Timing graph nodes": ("Building engine from subgraph", 3),
}
"""Phase -> its parent and its steps, in order; some names of TensorRT-RTX's."""


class Refused(Exception):
    """A build that fails: number and kind of the error, and its text."""

    def __init__(self, code, kind, text):
        super().__init__(text)
        self.code, self.kind = code, kind


class Builder:
    """Makes networks, and plans of them."""

    @takes("ILogger")
    def __init__(self, logger):
        self._logger, self._settings = logger, {}
        if not self._lib.rtx:
            start(self._lib, logger)

    max_threads = setting("max_threads", "int", 1)
    error_recorder = setting("error_recorder", "any", None)
    gpu_allocator = setting("gpu_allocator", "any", None)
    max_batch_size = setting("max_batch_size", "int", 1)

    @property
    def logger(self):
        return self._logger

    @property
    def num_DLA_cores(self):
        return self._lib.dla_cores

    @property
    def platform_has_fast_fp16(self):
        return True

    @property
    def platform_has_fast_int8(self):
        return True

    @property
    def platform_has_tf32(self):
        return True

    def reset(self):
        self._settings.clear()

    @takes("int")
    def create_network(self, flags=0):
        bits = len(self._lib.trt.NetworkDefinitionCreationFlag._members)
        if flags >> bits:
            text = (
                "Parameter check failed, condition: flagSet.toU32() < (1U << "
                "EnumMax<NetworkDefinitionCreationFlag>())."
            )
            self._lib.complain(
                self._logger, "IBuilder::createNetworkV2", 3, "API Usage Error", text
            )
            return None
        return self._new("INetworkDefinition", self, self._logger, flags)

    def create_builder_config(self):
        return self._new("IBuilderConfig", self._logger)

    def create_optimization_profile(self):
        return self._new("IOptimizationProfile")

    def _new(self, name, *args):
        return object.__new__(getattr(self._lib.trt, name))._init(*args)

    @takes("INetworkDefinition", "IBuilderConfig")
    def is_network_supported(self, network, config):
        try:
            check(self._lib, network, config)
        except Refused:
            return False
        return True

    @takes("INetworkDefinition", "IBuilderConfig")
    def build_serialized_network(self, network, config):
        try:
            check(self._lib, network, config)
            report(config, self._lib)
            return host_memory(self._lib, build(self._lib, network, config))
        except Refused as error:
            method = "IBuilder::buildSerializedNetwork"
            self._lib.complain(self._logger, method, error.code, error.kind, str(error))
            return None


def start(library, logger):
    """Raise what the bindings raise without a GPU."""
    try:
        with library.gpu.called("TensorRT"):
            pass
    except Fault:
        text = "CUDA initialization failure with error: 35"
        library.log(logger, "WARNING", text)
        raise TypeError("pybind11::init(): factory function returned nullptr") from None


# what is refused


def check(library, network, config):
    """Raise `Refused` unless the network can be built like that."""
    if network._model is None:
        raise Refused(4, "API Usage Error", "Network must have at least one output")
    if network._spoilt:
        raise Refused(4, "API Usage Error", network._spoilt)
    _check_profiles(network, config)
    if network._strong:
        _check_strong(config)
    else:
        _check_weak(network, config)
    _check_device(library, config)


def _check_profiles(network, config):
    free = [tensor for tensor in network._inputs if -1 in tuple(tensor.shape)]
    if free and not config._profiles:
        raise Refused(
            4,
            "API Usage Error",
            "Network has dynamic or shape inputs, but no optimization profile has been defined.",
        )
    for number, profile in enumerate(config._profiles):
        for tensor in free:
            _check_range(tensor, profile.get(tensor.name), number)


def _check_range(tensor, ranges, number):
    if ranges is None:
        raise Refused(
            4,
            "API Usage Error",
            f"Dynamic input tensor {tensor.name} is missing dimensions in profile {number}.",
        )
    shape = tuple(tensor.shape)
    if any(len(given) != len(shape) for given in ranges):
        text = f"Number of dimensions of tensor {tensor.name} and profile {number} differ."
        raise Refused(4, "API Usage Error", text)
    for axis, size in enumerate(shape):
        low, usual, high = (given[axis] for given in ranges)
        if not 0 <= low <= usual <= high or (size >= 0 and not low == usual == high == size):
            raise Refused(
                4,
                "API Usage Error",
                f"Dimension mismatch for tensor {tensor.name} and profile {number}. At dimension "
                f"axis {axis}, profile has min={low}, opt={usual}, max={high} but tensor has "
                f"{size}.",
            )


def _check_strong(config):
    if config._has(*PRECISIONS, *CONSTRAINTS):
        names = sorted(f.name for f in config._flags if f.name in (*PRECISIONS, *CONSTRAINTS))
        text = f"Builder flags {', '.join(names)} are not allowed with a strongly typed network."
        raise Refused(4, "API Usage Error", text)


def _check_weak(network, config):
    for layer in network._layers:
        asked = {layer.precision, *layer.output_types.values()}
        asked.update(tensor.dtype for tensor in layer.outputs)
        for name, flag in (("HALF", "FP16"), ("INT8", "INT8")):
            if any(dtype is not None and dtype.name == name for dtype in asked):
                _need(config, flag)
        _check_pins(layer)


def _need(config, flag):
    if not config._has(flag):
        precision = flag.lower()
        raise Refused(
            4,
            "API Usage Error",
            f"{precision} precision has been set for at least one layer or layer output, but "
            f"{precision} is not configured in the builder.",
        )


def _check_pins(layer):
    """What computes with whole numbers cannot be pinned to a type of real ones."""
    real = [tensor.dtype.name in REAL for tensor in layer.outputs]
    wrong = [n for n, dtype in layer.output_types.items() if (dtype.name in REAL) != real[n]]
    if wrong or (layer.precision is not None and not any(real)):
        text = f"Could not find any implementation for node {layer.name} due to its constraints."
        raise Refused(10, "Internal Error", text)


def _check_device(library, config):
    device = config._settings.get("device")
    if device is None or device.name != "DLA":
        return
    if not 0 <= config._settings.get("DLA_core", -1) < library.dla_cores:
        raise Refused(3, "API Usage Error", "DLA core is out of range.")
    if not config._has("GPU_FALLBACK"):
        raise Refused(
            4, "Internal Error", "A layer cannot run on DLA, and fallback is not enabled."
        )


# what is built


def report(config, library):
    """Tell the monitor the phases; a step that answers False ends the build."""
    monitor = config._settings.get("progress_monitor")
    if monitor is None:
        return
    opened = []
    try:
        for phase, (parent, steps) in PHASES.items():
            while opened and opened[-1] != parent:
                _tell(monitor.phase_finish, opened.pop())
            opened.append(phase)
            _tell(monitor.phase_start, phase, parent, steps)
            for step in range(steps - 1):
                if _tell(monitor.step_complete, phase, step) is not True:
                    raise Refused(7, "BuildCanceled", "Build canceled by user")
    finally:
        while opened:
            _tell(monitor.phase_finish, opened.pop())


def _tell(method, *args):
    """Call into Python; what it raises is printed and lost."""
    try:
        return method(*args)
    except BaseException as error:
        print(f"[ERROR] Exception caught in {method.__name__}(): {error!r}", file=sys.stderr)
        return None


def build(library, network, config):
    """The bytes of a plan."""
    layers = engine_layers(library, network, config)
    _time(config, layers)
    model, stripped = network._model, []
    if config._has("STRIP_PLAN", "WEIGHTLESS"):
        model, stripped = without_weights(model)
    return pack(_header(library, network, config, layers, stripped), model, library.rtx)


def _time(config, layers):
    """Fill the cache of timings; `timed` says which layers were not in it."""
    cache = config._cache
    config._lib.timed = []
    for layer in layers:
        key = f"{layer['kind']} {layer['shapes']}"
        if cache is None or key not in cache._times:
            config._lib.timed.append(layer["Name"])
        if cache is not None and not config._has("DISABLE_TIMING_CACHE"):
            cache._times.setdefault(key, 0.01)


def _header(library, network, config, layers, stripped):
    gpu = library.gpu
    device = gpu.devices[gpu.device] if gpu.devices else None
    return {
        "version": library.full_version,
        "gpu": device.name if device else None,
        "compute_capability": list(device.compute_capability) if device else None,
        "flags": sorted(flag.name for flag in config._flags),
        "hardware": getattr(config._settings.get("hardware"), "name", "NONE"),
        "verbosity": config.profiling_verbosity.name,
        "previews": config._previews,
        "pools": config._pools,
        "level": config._settings.get("builder_optimization_level", 3),
        "device": str(config.default_device_type),
        "typing": "strong" if network._strong else "weak",
        "profiles": config._profiles,
        "inputs": [_tensor(tensor) for tensor in network._inputs],
        "outputs": [_tensor(tensor) for tensor in network._outputs],
        "layers": layers,
        "stripped": stripped,
    }


def _tensor(tensor):
    return {"name": tensor.name, "dtype": tensor.dtype.name, "shape": list(tensor.shape)}
