"""The builder: refuses what TensorRT refuses, and packs the rest into a plan."""

import sys

from stand_ins.bindings import takes
from stand_ins.memory import Fault
from stand_ins.trt_basics import host_memory
from stand_ins.trt_checks import Refused, check
from stand_ins.trt_layers import engine_layers
from stand_ins.trt_plan import pack, without_weights

PHASES = {
    "Building engine": (None, 4),
    "Preparing graph for optimization": ("Building engine", 2),
    "Building engine from subgraph": ("Building engine", 3),
    "Timing graph nodes": ("Building engine from subgraph", 3),
}
"""Phase -> its parent and its steps, in order; some names of TensorRT-RTX's."""


class Builder:
    """Makes networks, and plans of them."""

    @takes("ILogger")
    def __init__(self, logger):
        self._logger, self._settings = logger, {}
        if not self._lib.rtx:
            start(self._lib, logger)

    @property
    def num_DLA_cores(self):
        return self._lib.dla_cores

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
        "target": getattr(config._target, "name", "NONE"),
        "typing": "strong" if network._strong else "weak",
        "profiles": config._profiles,
        "inputs": [_tensor(tensor) for tensor in network._inputs],
        "outputs": [_tensor(tensor) for tensor in network._outputs],
        "layers": layers,
        "stripped": stripped,
    }


def _tensor(tensor):
    return {"name": tensor.name, "dtype": tensor.dtype.name, "shape": list(tensor.shape)}
