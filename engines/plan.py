"""From an ONNX graph to a plan, with any version of TensorRT or with TensorRT-RTX."""

import threading
from pathlib import Path
from typing import Any

from h2ot_edge._bars import NamedProgress
from h2ot_edge._files import make_folder_of, write_whole
from h2ot_edge._names import look_up
from h2ot_edge._tensorrt import Library, tensorrt_library
from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.engines.progress import Held, holding_interrupts, monitor_of
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
from h2ot_edge.engines.weak_typing import graph_types, pin_float32
from h2ot_edge.errors import BuildError, UsageError

__all__ = ["plan_from_onnx"]

_one_build = threading.Lock()  # they share a logger, which holds the reasons


def plan_from_onnx(
    model: bytes | Path,
    options: BuildOptions,
    *,
    timing_cache: Path | None = None,
    progress: NamedProgress | None = None,
) -> bytes:
    """Build an engine, for the GPU that is current.

    Args:
        model: an ONNX file, or what is in one.
        options: what to build.
        timing_cache: a file of what earlier builds measured of kernels; read if it is there, and
            written.
        progress: told how far the build is, where the version tells it (10.0 and later).

    Returns:
        The plan: a serialised engine, with nothing before or after it.

    Raises:
        MissingExtra: if the library is not installed.
        UsageError: if its version cannot do what the options ask for.
        BuildError: if the graph is rejected or cannot be built.
    """
    library = tensorrt_library(options.target)
    typing = choose_typing(library, options)
    if timing_cache is not None:
        _check_timing_cache(library, timing_cache)
    with _one_build, holding_interrupts() as held:
        library.log.errors.clear()
        builder = _builder(library)
        flags = network_flags(library, typing)
        network = library.checked(builder.create_network(flags), "start")
        _parse(library, network, model)
        config = library.checked(builder.create_builder_config(), "start")
        _configure(library, builder, config, options)
        if typing == "weak":
            _keep_precision(library, network, config)
        _let_batch_vary(library, builder, network, config, options)
        timing = _take_timings(library, config, timing_cache)
        plan = _built(library, builder, network, config, progress, held)
        if timing_cache is not None and timing is not None:
            write_whole(timing_cache, bytes(config.get_timing_cache().serialize()))
        return plan


def _builder(library: Library) -> Any:
    try:
        return library.trt.Builder(library.log)
    except TypeError as error:  # what the binding makes of a null pointer
        said = "; ".join(list(library.log.errors)[-1:]) or str(error)
        raise BuildError(
            f"{library.title} cannot start: {said}; it needs a GPU and a driver that is new enough "
            "(h2ot-doctor says what is there)"
        ) from error


def _parse(library: Library, network: Any, model: bytes | Path) -> None:
    """Fill `network` from a model."""
    parser = library.trt.OnnxParser(network, library.log)
    path = model if isinstance(model, Path) else None
    data = path.read_bytes() if path else model
    done = parser.parse(data, str(path)) if path else parser.parse(data)
    library.checked(done, "parse the graph", *parser_errors(parser))
    # Bytes that are no ONNX parse without complaint, into nothing.
    reason = "it has no outputs; is it an ONNX file?"
    library.checked(network.num_outputs > 0, "parse the graph", reason)


def _configure(library: Library, builder: Any, config: Any, options: BuildOptions) -> None:
    """Carry the options over."""
    trt = library.trt
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if options.optimization_level is not None:
        set_level(library, config, options.optimization_level)
    if options.version_compatible:
        suit_later_versions(library, config)
    if options.hardware_compatibility != "none":
        config.hardware_compatibility_level = hardware_level(library, options)
    if options.layer_details:
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    mark_weights(library, config, options)
    if options.dla_core is not None:
        _use_dla(library, builder, config, options.dla_core)
    if options.compute_capability is not None:
        _aim(library, config, options.compute_capability)
    share_profiles(library, config)


def _use_dla(library: Library, builder: Any, config: Any, core: int) -> None:
    if core >= builder.num_DLA_cores:
        raise UsageError(
            f"dla_core {core}: {library.title} finds {builder.num_DLA_cores} DLA cores here, "
            "numbered from 0; leave it out to build for the GPU"
        )
    config.default_device_type = library.trt.DeviceType.DLA
    config.DLA_core = core
    # A DLA has no Gather, TopK or LayerNormalization.
    config.set_flag(library.trt.BuilderFlag.GPU_FALLBACK)


def _aim(library: Library, config: Any, name: str) -> None:
    """Build for one kind of GPU; TensorRT-RTX only."""
    members = library.trt.ComputeCapability.__members__
    known = {key: value for key, value in members.items() if key != "NONE"}
    target = look_up("compute capability", name, known)
    config.num_compute_capabilities = 1
    library.checked(config.set_compute_capability(target, 0), f"build for {name}")


def _keep_precision(library: Library, network: Any, config: Any) -> None:
    """Carry the precision of the graph into a weakly typed network."""
    types = graph_types(library, network)
    if types.half or types.int8:
        weak_precision(library, config, half=types.half, int8=types.int8)
        pin_float32(library, network, types)


def _let_batch_vary(
    library: Library, builder: Any, network: Any, config: Any, options: BuildOptions
) -> None:
    """Add the range of the batch, if the graph leaves it free."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    free = [tensor for tensor in inputs if -1 in tuple(tensor.shape)]
    if not free:
        return
    profile = library.checked(builder.create_optimization_profile(), "start")
    for tensor in free:
        _, *rest = tensor.shape
        if -1 in rest:
            shape = tuple(tensor.shape)
            raise BuildError(f"input {tensor.name} {shape}: only the batch, axis 0, may be free")
        profile.set_shape(tensor.name, *((size, *rest) for size in options.batch))
    added = config.add_optimization_profile(profile) >= 0
    library.checked(added, f"take a batch of {options.batch}")


def _check_timing_cache(library: Library, path: Path) -> None:
    """Refuse a file that cannot be used, before the minutes that a build can take."""
    if not keeps_timings(library):
        raise UsageError(f"timing_cache {path}: {library.title} keeps no timings; leave it out")
    if path.is_dir():
        raise UsageError(f"timing_cache {path}: expected the name of a file, this is a folder")
    make_folder_of(path)


def _take_timings(library: Library, config: Any, path: Path | None) -> Any:
    """Give the build what earlier ones measured; an unusable file is measured anew."""
    if path is None:
        return None
    before = path.read_bytes() if path.is_file() else b""
    timing = config.create_timing_cache(before) or config.create_timing_cache(b"")
    library.checked(timing, "make a timing cache")
    if not config.set_timing_cache(timing, False):  # of another version or GPU
        timing = config.create_timing_cache(b"")
        library.checked(config.set_timing_cache(timing, False), "take a timing cache")
    return timing


def _built(
    library: Library,
    builder: Any,
    network: Any,
    config: Any,
    progress: NamedProgress | None,
    held: Held,
) -> bytes:
    # Without one, a build cannot be ended: Ctrl-C is raised when it is done.
    monitor = monitor_of(library, progress, held) if has_progress(library) else None
    if monitor is not None:
        config.progress_monitor = monitor
    plan = builder.build_serialized_network(network, config)
    return bytes(library.checked(plan, "build the graph"))
