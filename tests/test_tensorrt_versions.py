"""What differs between versions of TensorRT, on modules that have exactly the names of each."""

import pytest
from rtx_builds import one_node
from tensorrt_versions import ALL, BOTH, OLD, STRONG_ONLY, TENSORRT, module_of

from h2ot_edge._tensorrt import Library, tensorrt_library
from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.engines.versions import (
    choose_typing,
    hardware_level,
    has_progress,
    keeps_timings,
    mark_weights,
    network_flags,
    parser_errors,
    set_level,
    share_profiles,
    suit_later_versions,
    weak_precision,
)
from h2ot_edge.errors import UsageError


def library_of(version):
    if version == "tensorrt-rtx":
        pytest.importorskip("tensorrt_rtx")
        return tensorrt_library("tensorrt-rtx")
    trt = module_of(version)
    return Library("tensorrt", trt, trt.Logger())


def config_of(library):
    """A configuration; its builder must outlive it."""
    builder = library.trt.Builder(library.log)
    return builder.create_builder_config(), builder


def names_set(library, config):
    """Builder flags, by name."""
    members = library.trt.BuilderFlag.__members__
    return {name for name, flag in members.items() if config.get_flag(flag)} - {"TF32"}


def refusal(call, *args):
    with pytest.raises(UsageError) as error:
        call(*args)
    assert type(error.value) is UsageError
    return str(error.value)


@pytest.mark.parametrize("version", ALL)
def test_types_come_from_the_graph_where_they_can(version):
    library = library_of(version)
    expected = "weak" if version in OLD else "strong"
    assert choose_typing(library, BuildOptions(target=library.target)) == expected


@pytest.mark.parametrize("version", OLD)
def test_8_is_never_strongly_typed(version):
    library = library_of(version)
    assert choose_typing(library, BuildOptions(typing="weak")) == "weak"
    assert refusal(choose_typing, library, BuildOptions(typing="strong")) == (
        f"typing strong: TensorRT {version} cannot take types from the graph, 10.0 and later can; "
        "leave it out, and layers that are float32 in the graph are pinned to it"
    )


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("typing", ["weak", "strong"])
def test_10_is_what_one_asks_for(version, typing):
    assert choose_typing(library_of(version), BuildOptions(typing=typing)) == typing


@pytest.mark.parametrize("version", STRONG_ONLY[:-1])
def test_11_is_always_strongly_typed(version):
    library = library_of(version)
    assert choose_typing(library, BuildOptions(typing="strong")) == "strong"
    assert refusal(choose_typing, library, BuildOptions(typing="weak")) == (
        f"typing weak: TensorRT {version} takes every type from the graph; leave it out"
    )


@pytest.mark.parametrize(
    ("version", "typing", "name"),
    [
        *((version, "weak", "EXPLICIT_BATCH") for version in OLD),
        *((version, "weak", None) for version in BOTH),
        *((version, "strong", "STRONGLY_TYPED") for version in (*BOTH, *STRONG_ONLY)),
    ],
)
def test_networks_are_made_with_the_one_flag_they_need(version, typing, name):
    library = library_of(version)
    flags = network_flags(library, typing)
    members = library.trt.NetworkDefinitionCreationFlag.__members__
    given = [known for known, flag in members.items() if flags >> int(flag) & 1]
    assert given == ([name] if name else [])
    assert flags >> len(members) == 0
    assert library.trt.Builder(library.log).create_network(flags) is not None


@pytest.mark.parametrize("version", [*OLD, *BOTH])
@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ({"half": True, "int8": False}, {"FP16"}),
        ({"half": False, "int8": True}, {"INT8"}),
        ({"half": True, "int8": True}, {"FP16", "INT8"}),
    ],
)
def test_weak_typing_allows_what_the_graph_has_and_obeys_pins(version, kinds, names):
    library = library_of(version)
    config, _builder = config_of(library)
    weak_precision(library, config, **kinds)
    assert names_set(library, config) == {*names, "OBEY_PRECISION_CONSTRAINTS"}


@pytest.mark.parametrize(
    ("version", "level", "name"),
    [
        *((version, "ampere+", "AMPERE_PLUS") for version in TENSORRT),
        *((version, "same", "SAME_COMPUTE_CAPABILITY") for version in TENSORRT[2:]),
        *((version, "same", None) for version in ("8.5.2.2", "8.6.1", "10.3.0")),
        ("8.5.2.2", "ampere+", None),
    ],
)
def test_how_far_the_hardware_may_differ(version, level, name):
    library = library_of(version)
    options = BuildOptions(hardware_compatibility=level)
    if name is not None:
        levels = library.trt.HardwareCompatibilityLevel
        assert hardware_level(library, options) == getattr(levels, name)
        return
    assert refusal(hardware_level, library, options) == (
        f"hardware_compatibility {level}: TensorRT {version} has no such level (ampere+ since 8.6, "
        "same since 10.13); leave it out"
    )


@pytest.mark.parametrize("version", ALL)
def test_weights_that_can_be_exchanged(version):
    library = library_of(version)
    config, _builder = config_of(library)
    mark_weights(library, config, BuildOptions(target=library.target))
    assert names_set(library, config) == set()
    mark_weights(library, config, BuildOptions(target=library.target, refit=True))
    assert names_set(library, config) == {"REFIT"}


@pytest.mark.parametrize("version", ALL)
def test_weights_that_are_left_out(version):
    library = library_of(version)
    config, _builder = config_of(library)
    options = BuildOptions(target=library.target, strip_weights=True)
    if version not in OLD:
        mark_weights(library, config, options)
        assert names_set(library, config) == {"STRIP_PLAN"}
        return
    assert refusal(mark_weights, library, config, options) == (
        f"strip_weights: TensorRT {version} cannot leave weights out, 10.0 and later can; leave it "
        "out"
    )


@pytest.mark.parametrize("version", ALL[:-1])
def test_engines_for_later_versions(version):
    library = library_of(version)
    config, _builder = config_of(library)
    if version != "8.5.2.2":
        suit_later_versions(library, config)
        assert names_set(library, config) == {"VERSION_COMPATIBLE"}
        return
    assert refusal(suit_later_versions, library, config) == (
        "version_compatible: TensorRT 8.5.2.2 cannot build for later versions, 8.6 and later can; "
        "leave it out"
    )


@pytest.mark.parametrize("version", ALL)
def test_how_long_to_look_for_a_fast_engine(version):
    library = library_of(version)
    config, _builder = config_of(library)
    if version != "8.5.2.2":
        assert config.builder_optimization_level == 3
        set_level(library, config, 5)
        assert config.builder_optimization_level == 5
        return
    assert refusal(set_level, library, config, 5) == (
        "optimization_level 5: TensorRT 8.5.2.2 has no such setting, 8.6 and later have; leave it "
        "out"
    )


@pytest.mark.parametrize("version", ALL)
def test_which_versions_tell_how_far_they_are(version):
    assert has_progress(library_of(version)) == (version not in OLD)


@pytest.mark.parametrize("version", ALL)
def test_which_libraries_time_kernels(version):
    assert keeps_timings(library_of(version)) == (version != "tensorrt-rtx")


@pytest.mark.parametrize("version", ALL)
def test_sharing_profiles_is_asked_for_only_in_8_6(version):
    library = library_of(version)
    config, _builder = config_of(library)
    share_profiles(library, config)
    features = getattr(library.trt, "PreviewFeature", None)
    members = getattr(features, "__members__", {})
    asked = [name for name, feature in members.items() if config.get_preview_feature(feature)]
    expected = ["PROFILE_SHARING_0806"] if version == "8.6.1" else []
    assert [name for name in asked if "PROFILE_SHARING" in name] == expected


def errors_of(library, typing, data):
    builder = library.trt.Builder(library.log)
    network = builder.create_network(network_flags(library, typing))
    parser = library.trt.OnnxParser(network, library.log)
    assert not parser.parse(data)
    return parser_errors(parser)


@pytest.mark.parametrize(
    ("version", "place"),
    [
        *((version, "node 0: ") for version in OLD),
        *((version, "Foo 'only': ") for version in (*BOTH, *STRONG_ONLY)),
    ],
)
def test_errors_of_the_parser_name_the_node(version, place):
    data = one_node("Foo", domain="com.example").SerializeToString()
    (error,) = errors_of(library_of(version), "weak" if version in OLD else "strong", data)
    assert error.startswith(place)
    assert "Plugin not found" in error
    assert error == " ".join(error.split())


@pytest.mark.parametrize("version", ALL)
def test_errors_of_the_whole_file_name_no_node(version):
    cut_off = one_node("Relu").SerializeToString()[:-9]
    (error,) = errors_of(library_of(version), "weak" if version in OLD else "strong", cut_off)
    assert error == (
        "Assertion failed: model->ParseFromCodedStream(&codedInput): Failed to parse the ONNX "
        "model."
    )
