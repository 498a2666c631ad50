"""Where the versions of TensorRT differ: each difference once, with its reason.

8.5 and 8.6 choose the precision of a layer themselves, within flags; 10 can also take it from the
graph; 11 and TensorRT-RTX do nothing else and have lost the flags, their names included. So what
a version can do is read off the names that it has.
"""

from typing import Any, Literal

from h2ot_edge._tensorrt import Library
from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.errors import UsageError

__all__ = [
    "Typing",
    "cast_type",
    "choose_typing",
    "hardware_level",
    "has_progress",
    "keeps_timings",
    "mark_weights",
    "network_flags",
    "parser_errors",
    "set_level",
    "share_profiles",
    "suit_later_versions",
    "weak_precision",
]

Typing = Literal["strong", "weak"]

_HARDWARE = {"ampere+": "AMPERE_PLUS", "same": "SAME_COMPUTE_CAPABILITY"}


def choose_typing(library: Library, options: BuildOptions) -> Typing:
    """Whether types come from the graph alone.

    Raises:
        UsageError: the version has not what was asked for.
    """
    trt = library.trt
    # The precision flags left in 11; TensorRT-RTX never had them.
    weak = hasattr(trt.BuilderFlag, "FP16")
    # 8 has only EXPLICIT_BATCH and EXPLICIT_PRECISION, which is another thing.
    strong = hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")
    if options.typing == "weak" and not weak:
        raise UsageError(
            f"typing weak: {library.title} takes every type from the graph; leave it out"
        )
    if options.typing == "strong" and not strong:
        raise UsageError(
            f"typing strong: {library.title} cannot take types from the graph, 10.0 and later "
            "can; leave it out, and layers that are float32 in the graph are pinned to it"
        )
    if options.typing == "weak" or not strong:
        return "weak"
    return "strong"


def network_flags(library: Library, typing: Typing) -> int:
    """What `create_network` takes."""
    flags = library.trt.NetworkDefinitionCreationFlag
    if not hasattr(flags, "STRONGLY_TYPED"):
        # 8 parses ONNX into networks of this kind only; the name is gone in 11.
        return 1 << int(flags.EXPLICIT_BATCH)
    if typing == "weak":
        return 0
    # Its bit was 1 in 10 and is 0 in 11, where it changes nothing.
    return 1 << int(flags.STRONGLY_TYPED)


def weak_precision(library: Library, config: Any, *, half: bool, int8: bool) -> None:
    """Allow the precisions of the graph, and hold the layers to theirs that are pinned."""
    flags = library.trt.BuilderFlag
    if half:
        config.set_flag(flags.FP16)
    if int8:
        config.set_flag(flags.INT8)
    # Not PREFER: a pruner that is rounded keeps other frames, so better no engine than that one.
    config.set_flag(flags.OBEY_PRECISION_CONSTRAINTS)


def cast_type(library: Library, layer: Any) -> Any:
    """The type that a layer of a network casts to; None if it is no cast.

    8.5 has no layer for it: there it is an identity whose output has a type of its own.
    """
    kinds = library.trt.LayerType
    if hasattr(kinds, "CAST"):
        if layer.type != kinds.CAST:
            return None
        # The binding gives the base class, which does not know the type.
        layer.__class__ = library.trt.ICastLayer
        return layer.to_type
    if layer.type == kinds.IDENTITY and layer.output_type_is_set(0):
        return layer.get_output_type(0)
    return None


def hardware_level(library: Library, options: BuildOptions) -> Any:
    """The library's name for how far an engine's hardware may differ.

    Raises:
        UsageError: the version has not what was asked for.
    """
    levels = getattr(library.trt, "HardwareCompatibilityLevel", None)  # since 8.6
    level = getattr(levels, _HARDWARE[options.hardware_compatibility], None)
    if level is None:
        raise UsageError(
            f"hardware_compatibility {options.hardware_compatibility}: {library.title} has no such "
            "level (ampere+ since 8.6, same since 10.13); leave it out"
        )
    return level


def suit_later_versions(library: Library, config: Any) -> None:
    """Ask for an engine that later versions load too.

    Raises:
        UsageError: the version cannot build such.
    """
    flags = library.trt.BuilderFlag
    if not hasattr(flags, "VERSION_COMPATIBLE"):
        raise UsageError(
            f"version_compatible: {library.title} cannot build for later versions, 8.6 and later "
            "can; leave it out"
        )
    config.set_flag(flags.VERSION_COMPATIBLE)


def mark_weights(library: Library, config: Any, options: BuildOptions) -> None:
    """Ask for an engine whose weights can be exchanged, or are left out.

    Raises:
        UsageError: the version cannot leave weights out.
    """
    flags = library.trt.BuilderFlag
    if options.refit:
        config.set_flag(flags.REFIT)
    if options.strip_weights:
        if not hasattr(flags, "STRIP_PLAN"):
            raise UsageError(
                f"strip_weights: {library.title} cannot leave weights out, 10.0 and later can; "
                "leave it out"
            )
        config.set_flag(flags.STRIP_PLAN)


def has_progress(library: Library) -> bool:
    """Whether a build tells how far it is; since 10.0."""
    return hasattr(library.trt, "IProgressMonitor")


def keeps_timings(library: Library) -> bool:
    """Whether a build measures kernels; TensorRT-RTX does so on the GPU that loads the engine.

    It still has the names, which warn that they do nothing.
    """
    return library.target == "tensorrt"


def share_profiles(library: Library, config: Any) -> None:
    """Let several contexts use one optimization profile.

    It is the rule since 10 and has to be asked for in 8.6; in 8.5 a second context of an engine
    with a free batch cannot be made.
    """
    features = getattr(library.trt, "PreviewFeature", None)
    feature = getattr(features, "PROFILE_SHARING_0806", None)
    if feature is not None and library.version < (10,):
        config.set_preview_feature(feature, True)


def parser_errors(parser: Any) -> list[str]:
    """Why a graph was rejected: one line an error, with the node where it is known."""
    found = (parser.get_error(index) for index in range(parser.num_errors))
    return [" ".join(f"{_place(error)}{error.desc()}".split()) for error in found]


def _place(error: Any) -> str:
    if error.node() < 0:
        return ""
    # 8 knows the node's number only.
    if hasattr(error, "node_name"):
        return f"{error.node_operator()} {error.node_name()!r}: "
    return f"node {error.node()}: "


def set_level(library: Library, config: Any, level: int) -> None:
    """Set how long to look for a fast engine.

    Raises:
        UsageError: the version has no such setting.
    """
    if not hasattr(config, "builder_optimization_level"):
        raise UsageError(
            f"optimization_level {level}: {library.title} has no such setting, 8.6 and later have; "
            "leave it out"
        )
    config.builder_optimization_level = level
