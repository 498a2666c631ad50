"""The stand-in for TensorRT: that it has the names and manners of the real one."""

import numpy as np
import pytest
from stand_ins.by_hand import (
    ROUND_TRIP,
    RTX,
    Machine,
    tiny,
)
from stand_ins.names import VERSIONS, rtx_names, tensorrt_names


@pytest.fixture(params=ROUND_TRIP)
def machine(request):
    return Machine(request.param)


@pytest.fixture
def ten():
    return Machine("10.3.0")


@pytest.mark.parametrize("version", [*VERSIONS, RTX])
def test_the_names_are_exactly_those_of_the_table(version):
    flavour, names = (
        ("tensorrt", tensorrt_names())
        if version != RTX
        else (
            "tensorrt-rtx",
            rtx_names(),
        )
    )
    trt = Machine(version, flavour).trt
    public = {name for name in dir(trt) if not name.startswith("_")} - {"stand_in"}
    assert public == names.in_module(version)
    for name in names.classes.keys() & public:
        members = {member for member in dir(getattr(trt, name)) if not member.startswith("_")}
        assert members == names.members(name, version), name


def test_what_a_version_lacks_is_neither_read_nor_set(machine):
    config = machine.trt.Builder(machine.log).create_builder_config()
    with pytest.raises(AttributeError, match=r"IBuilderConfig' object has no attribute 'best'"):
        _ = config.best
    with pytest.raises(AttributeError, match=r"IBuilderConfig' object has no attribute 'best'"):
        config.best = True
    with pytest.raises(AttributeError, match=r"read-only"):
        config.set_flag = None
    with pytest.raises(AttributeError, match=r"property of 'IBuilderConfig' object has no setter"):
        config.flags = 0
    assert hasattr(machine.trt.BuilderFlag, "FP16") == (machine.trt.__version__[:2] != "11")


def test_what_is_not_stood_in_says_so(ten):
    network, _ = ten.network(tiny())
    with pytest.raises(
        NotImplementedError, match=r"the stand-in has no INetworkDefinition.add_cast"
    ):
        network.add_cast(network.get_input(0), ten.trt.float16)
    with pytest.raises(NotImplementedError, match=r"the stand-in has no get_plugin_registry"):
        ten.trt.get_plugin_registry()
    config = ten.builder.create_builder_config()
    with pytest.raises(NotImplementedError, match=r"the stand-in has no IBuilderConfig.plugins"):
        config.plugins_to_serialize = []
    assert hasattr(ten.trt.IBuilderConfig, "plugins_to_serialize")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c, t: c.set_flag(1),
        lambda c, t: c.set_memory_pool_limit(t.MemoryPoolType.WORKSPACE, 1.5),
        lambda c, t: c.set_memory_pool_limit(t.MemoryPoolType.WORKSPACE, -1),
        lambda c, t: c.set_memory_pool_limit(0, 1),
        lambda c, t: c.set_timing_cache(None, False),
        lambda c, t: setattr(c, "hardware_compatibility_level", 1),
        lambda c, t: setattr(c, "progress_monitor", "monitor"),
        lambda c, t: t.Builder(t.Logger()).create_optimization_profile().set_shape("x", 1, 1, 1),
        lambda c, t: t.Builder(t.Logger()).create_optimization_profile().get_shape(0),
        lambda c, t: c.set_preview_feature(t.PreviewFeature.PROFILE_SHARING_0806, 1),
        lambda c, t: t.Dims(3),
        lambda c, t: t.BuilderFlag.TF32 | 1,
        lambda c, t: t.Dims((1, 2)) == t.Dims((1, 2)),
        lambda c, t: hash(t.Dims((1, 2))),
        lambda c, t: t.Builder(None),
        lambda c, t: t.INetworkDefinition(),
        lambda c, t: t.Runtime(t.Logger()).deserialize_cuda_engine("plan"),
        lambda c, t: len(c.create_timing_cache(b"").serialize()),
        lambda c, t: c.create_timing_cache(b"").serialize()[0],
    ],
)
def test_wrong_types_are_refused_as_pybind11_does(ten, wrong):
    config = ten.trt.Builder(ten.log).create_builder_config()
    with pytest.raises(TypeError):
        wrong(config, ten.trt)


def test_settings_are_what_they_were_set_to(ten):
    trt, config = ten.trt, ten.trt.Builder(ten.log).create_builder_config()
    assert config.flags == 1 << trt.BuilderFlag.TF32.value
    config.clear_flag(trt.BuilderFlag.TF32)
    assert (config.flags, config.get_flag(trt.BuilderFlag.TF32)) == (0, False)
    pool = trt.MemoryPoolType.WORKSPACE
    assert config.get_memory_pool_limit(pool) == 8 << 30
    config.set_memory_pool_limit(pool, 1 << 20)
    assert config.get_memory_pool_limit(pool) == 1 << 20
    sharing = trt.PreviewFeature.PROFILE_SHARING_0806
    assert not config.get_preview_feature(sharing)
    config.set_preview_feature(sharing, True)
    assert config.get_preview_feature(sharing)
    assert config.hardware_compatibility_level == trt.HardwareCompatibilityLevel.NONE
    assert config.default_device_type == trt.DeviceType.GPU


def test_profiles_are_ranges_of_shapes(ten):
    builder = ten.trt.Builder(ten.log)
    profile = builder.create_optimization_profile()
    profile.set_shape("x", (1, 2), [2, 2], ten.trt.Dims((3, 2)))
    assert profile.get_shape("x") == [(1, 2), (2, 2), (3, 2)]
    assert profile.get_shape("y") == []
    config = builder.create_builder_config()
    assert (config.add_optimization_profile(profile), config.num_optimization_profiles) == (0, 1)


def test_shapes_are_sequences(ten):
    shape = ten.trt.Dims((1, 2, 3))
    assert (tuple(shape), len(shape), shape[1:], str(shape)) == ((1, 2, 3), 3, (2, 3), "(1, 2, 3)")
    assert shape == [1, 2, 3]
    assert shape != (1, 2)
    assert ten.trt.volume(shape) == 6
    with pytest.raises(ValueError, match="Max expected length is 8"):
        ten.trt.Dims([1] * 9)


def test_what_must_be_overridden_says_so(ten):
    class Nothing(ten.trt.ILogger):
        pass

    with pytest.raises(RuntimeError, match='pure virtual function "ILogger::log"'):
        Nothing().log(ten.trt.ILogger.ERROR, "")
    monitor = ten.trt.IProgressMonitor()
    for method, arguments in (
        (ten.trt.IProfiler().report_layer_time, 2),
        (monitor.phase_start, 3),
        (monitor.step_complete, 2),
        (monitor.phase_finish, 1),
    ):
        with pytest.raises(RuntimeError, match="pure virtual function"):
            method(*[""] * arguments)


def test_tensorrts_own_logger_keeps_what_is_grave_enough(ten):
    logger = ten.trt.Logger(ten.trt.Logger.ERROR)
    logger.log(ten.trt.Logger.WARNING, "a warning")
    assert logger.min_severity == ten.trt.Logger.ERROR
    logger.min_severity = ten.trt.Logger.INFO
    logger.log(ten.trt.Logger.WARNING, "another")
    assert logger._lines == [("WARNING", "another")]


def test_a_subclass_must_call_the_base(ten):
    class Silent(ten.trt.ILogger):
        def __init__(self):
            self.lines = []

    with pytest.raises(TypeError) as error:
        Silent()
    assert str(error.value) == (
        "tensorrt.tensorrt.ILogger.__init__() must be called when overriding __init__"
    )


def test_enumerations_are_pybind11s(ten):
    flag = ten.trt.BuilderFlag.TF32
    assert (flag.name, int(flag), str(flag)) == ("TF32", flag.value, "BuilderFlag.TF32")
    assert flag != int(flag)
    assert ten.trt.BuilderFlag.__members__["TF32"] == flag
    assert 1 << int(flag) == 1 << flag.value
    assert ten.trt.nptype(ten.trt.float32) is np.float32
    assert ten.trt.DataType.HALF.itemsize == 2
    with pytest.raises(TypeError, match="numpy datatype"):
        ten.trt.nptype(ten.trt.bfloat16)


def test_bits_differ_between_versions():
    bits = {v: Machine(v).trt.NetworkDefinitionCreationFlag for v in ("10.3.0", "11.4.0.106")}
    assert [int(flags.STRONGLY_TYPED) for flags in bits.values()] == [1, 0]
    assert int(Machine("10.3.0").trt.BuilderFlag.TF32) != int(
        Machine("11.4.0.106").trt.BuilderFlag.TF32
    )
