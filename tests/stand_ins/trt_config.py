"""What a build is given: options, ranges of shapes, timings."""

import json

from stand_ins.bindings import setting, takes
from stand_ins.trt_basics import host_memory


class IOptimizationProfile:
    """Ranges of the shapes of inputs."""

    def _init(self):
        self._settings, self._shapes = {}, {}
        return self

    @takes("str", "shape", "shape", "shape")
    def set_shape(self, input, min, opt, max):
        self._shapes[input] = [tuple(min), tuple(opt), tuple(max)]

    @takes("str")
    def get_shape(self, input):
        return [self._lib.dims(shape) for shape in self._shapes.get(input, [])]


class ITimingCache:
    """What earlier builds measured, for one version and GPU."""

    def _init(self, made_for, times=None):
        self._made_for, self._times = made_for, dict(times or {})
        return self

    def serialize(self):
        text = json.dumps({"for": self._made_for, "times": self._times})
        return host_memory(self._lib, b"timing" + text.encode())

    @takes("ITimingCache", "bool")
    def combine(self, input_cache, ignore_mismatch):
        if input_cache._made_for != self._made_for and not ignore_mismatch:
            return False
        self._times.update(input_cache._times)
        return True

    def reset(self):
        self._times.clear()
        return True


class IBuilderConfig:
    """The options of a build."""

    def _init(self, logger):
        self._logger = logger
        self._clear()
        return self

    def _clear(self):
        trt = self._lib.trt
        self._settings, self._flags, self._previews = {}, {trt.BuilderFlag.TF32}, {}
        self._pools, self._profiles, self._cache, self._target = {}, [], None, None

    builder_optimization_level = setting("builder_optimization_level", "int", 3)
    DLA_core = setting("DLA_core", "int", -1)
    progress_monitor = setting("progress_monitor", "IProgressMonitor|None", None)

    @property
    def default_device_type(self):
        return self._settings.get("device", self._lib.trt.DeviceType.GPU)

    @default_device_type.setter
    @takes("DeviceType")
    def default_device_type(self, value):
        self._settings["device"] = value

    @property
    def hardware_compatibility_level(self):
        return self._settings.get("hardware", self._lib.trt.HardwareCompatibilityLevel.NONE)

    @hardware_compatibility_level.setter
    @takes("HardwareCompatibilityLevel")
    def hardware_compatibility_level(self, value):
        self._settings["hardware"] = value

    @property
    def profiling_verbosity(self):
        default = self._lib.trt.ProfilingVerbosity.LAYER_NAMES_ONLY
        return self._settings.get("verbosity", default)

    @profiling_verbosity.setter
    @takes("ProfilingVerbosity")
    def profiling_verbosity(self, value):
        self._settings["verbosity"] = value

    # flags

    @takes("BuilderFlag")
    def set_flag(self, flag):
        self._flags.add(flag)

    @property
    def flags(self):
        return sum(1 << flag.value for flag in self._flags)

    @takes("BuilderFlag")
    def clear_flag(self, flag):
        self._flags.discard(flag)

    @takes("BuilderFlag")
    def get_flag(self, flag):
        return flag in self._flags

    def _has(self, *names):
        return any(flag.name in names for flag in self._flags)

    @takes("PreviewFeature", "bool")
    def set_preview_feature(self, feature, enable):
        self._previews[feature.name] = enable

    @takes("PreviewFeature")
    def get_preview_feature(self, feature):
        return self._previews.get(feature.name, False)

    # memory, shapes, timings

    @property
    def num_optimization_profiles(self):
        return len(self._profiles)

    @takes("MemoryPoolType", "size")
    def set_memory_pool_limit(self, pool, pool_size):
        self._pools[pool.name] = pool_size

    @takes("MemoryPoolType")
    def get_memory_pool_limit(self, pool):
        return self._pools.get(pool.name, self._lib.gpu.devices[0].memory)

    @takes("IOptimizationProfile")
    def add_optimization_profile(self, profile):
        self._profiles.append(dict(profile._shapes))
        return len(self._profiles) - 1

    @takes("buffer")
    def create_timing_cache(self, serialized_timing_cache):
        data = serialized_timing_cache
        made = object.__new__(self._lib.trt.ITimingCache)
        if not data:
            return made._init(self._machine())
        try:
            assert data[:6] == b"timing"
            held = json.loads(data[6:])
            return made._init(held["for"], held["times"])
        except (AssertionError, ValueError, KeyError):
            return self._unreadable(made)

    def _unreadable(self, made):
        if self._lib.version < (10,) and not self._lib.rtx:
            text = "Assertion failed: the timing cache is corrupted"
            self._lib.complain(
                self._logger, "IBuilderConfig::createTimingCache", 2, "Internal Error", text
            )
            return None
        text = "Failed to deserialize timing cache. Returning an empty timing cache."
        self._lib.log(self._logger, "WARNING", text)
        return made._init(self._machine())

    @takes("ITimingCache", "bool")
    def set_timing_cache(self, cache, ignore_mismatch):
        if cache._made_for != self._machine() and not ignore_mismatch:
            return False
        self._cache = cache
        return True

    def get_timing_cache(self):
        return self._cache

    def _machine(self):
        device = self._lib.gpu.devices[self._lib.gpu.device] if self._lib.gpu.devices else None
        return [self._lib.full_version, device.name if device else ""]

    # TensorRT-RTX

    num_compute_capabilities = setting("num_compute_capabilities", "size", 1)

    @takes("ComputeCapability", "size")
    def set_compute_capability(self, compute_capability, index):
        if index >= self.num_compute_capabilities:
            return False
        self._target = compute_capability
        return True
