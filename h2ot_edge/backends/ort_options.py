"""What the backend `onnxruntime` can be asked for, and how ONNX Runtime's providers are told."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from h2ot_edge._names import look_up
from h2ot_edge.cuda import BINDINGS, Binding
from h2ot_edge.errors import UsageError
from h2ot_edge.system import jetson

__all__ = [
    "BUILDS",
    "OnnxRuntimeOptions",
    "PathLike",
    "Provider",
    "cuda_arguments",
    "given",
    "provider_of",
    "session_options",
    "tensorrt_arguments",
]

Provider = Literal["cpu", "cuda", "tensorrt"]

_ERRORS_ONLY = 3  # ONNX Runtime's log severity: 2 prints warnings about healthy graphs to stderr

_TENSORRT = ("tensorrt",)
_TAKEN_BY: dict[str, tuple[str, ...]] = {
    "cuda": ("cuda", "tensorrt"),
    "cuda_graph": ("cuda", "tensorrt"),
    "use_tf32": ("cuda",),
    "gpu_memory_limit_mib": ("cuda",),
    "engine_cache": _TENSORRT,
    "timing_cache": _TENSORRT,
    "ep_context": _TENSORRT,
    "profile": _TENSORRT,
    "workspace_mib": _TENSORRT,
    "optimization_level": _TENSORRT,
    "aux_streams": _TENSORRT,
    "hardware_compatible": _TENSORRT,
}
BUILDS = tuple(name for name, takers in _TAKEN_BY.items() if takers == _TENSORRT)
"""The options that have to do with building an engine."""

_PROVIDERS: tuple[Provider, ...] = ("cpu", "cuda", "tensorrt")
_SWITCHES = ("cuda_graph", "hardware_compatible")
_PATHS = ("engine_cache", "timing_cache", "ep_context")
_LEAST = {"gpu_memory_limit_mib": 1, "workspace_mib": 1, "optimization_level": 0, "aux_streams": 0}
_HIGHEST_LEVEL = 5
_MIB = 1 << 20

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class OnnxRuntimeOptions:
    """Keywords of `Engine.load` for the backend `onnxruntime`.

    There is no switch for fp16 or int8: precision is in the graph (`h2ot-build --precision`), so
    that what was verified is what runs. For the same reason the CUDA provider computes fp32 in
    fp32. TensorRT may take TF32 for it and ONNX Runtime cannot turn that off; the environment
    variable NVIDIA_TF32_OVERRIDE=0 does.

    Attributes:
        provider: `cpu`, `cuda` or `tensorrt`; `auto` is cpu on the device `cpu`, cuda on others.
        cuda: library that allocates the device arrays which `run_on_device` gives: `auto`,
            `cuda-python` or `pycuda`.
        cuda_graph: capture the calls to the GPU once per shape, then replay them. Calls take
            turns, and device arrays cannot be passed. With tensorrt the batch must be fixed.
        use_tf32: let the CUDA provider multiply fp32 with the 10-bit mantissa of TF32; None is no.
        gpu_memory_limit_mib: of the CUDA provider's arena.
        engine_cache: folder in which the TensorRT provider keeps its engines; one folder inside
            for each model, set of options and version of TensorRT.
        timing_cache: folder for TensorRT's timing cache.
        ep_context: file ending in .onnx to write; a model with the built engine inside, for the
            provider tensorrt on this kind of GPU and this version of TensorRT.
        profile: the fewest, usual and most windows of a call; for a model with a free batch.
        workspace_mib: most memory that TensorRT's kernels may use; None is all there is.
        optimization_level: 0 to 5; None leaves it to TensorRT (3).
        aux_streams: most streams beside the main one; None leaves it to TensorRT.
        hardware_compatible: build engines that run on every GPU from Ampere on; needs
            `engine_cache`, and there are none for Jetson.

    Raises:
        UnknownName: no such provider or CUDA binding.
        UsageError: a value of the wrong type or out of range, or options that exclude each other.
    """

    provider: str = "auto"
    cuda: Binding = "auto"
    cuda_graph: bool = False
    use_tf32: bool | None = None
    gpu_memory_limit_mib: int | None = None
    engine_cache: PathLike | None = None
    timing_cache: PathLike | None = None
    ep_context: PathLike | None = None
    profile: tuple[int, int, int] | None = None
    workspace_mib: int | None = None
    optimization_level: int | None = None
    aux_streams: int | None = None
    hardware_compatible: bool = False

    def __post_init__(self) -> None:
        look_up("provider", self.provider, dict.fromkeys(("auto", *_PROVIDERS)))
        look_up("CUDA binding", self.cuda, dict.fromkeys(BINDINGS))
        _check_switches(self)
        _check_paths(self)
        _check_numbers(self)
        _check_profile(self.profile)
        _check_together(self)


def given(options: OnnxRuntimeOptions) -> list[str]:
    """Names of the options that differ from their defaults, `provider` apart."""
    return [
        field.name
        for field in fields(options)
        if field.name != "provider" and getattr(options, field.name) != field.default
    ]


def provider_of(options: OnnxRuntimeOptions, device: str) -> Provider:
    """The provider that is asked for; never another one.

    Raises:
        UsageError: it does not run on the device, or an option is for another provider.
    """
    chosen = options.provider
    if chosen == "auto":
        chosen = "cpu" if device == "cpu" else "cuda"
    provider = next(known for known in _PROVIDERS if known == chosen)
    if (provider == "cpu") != (device == "cpu"):
        raise UsageError(
            f"provider {provider!r} on the device {device!r}: cpu runs on the device 'cpu', cuda "
            "and tensorrt on 'cuda' or 'cuda:N'; change one of the two"
        )
    for name in given(options):
        if provider not in _TAKEN_BY[name]:
            raise UsageError(
                f"{name}: an option of the provider {' or '.join(_TAKEN_BY[name])}, this is "
                f"{provider}; pass another provider, or leave {name} out"
            )
    return provider


def cuda_arguments(options: OnnxRuntimeOptions, index: int) -> dict[str, str]:
    """What the CUDA provider is told; `index` is the GPU's number."""
    arguments = {
        "device_id": str(index),
        "use_tf32": str(int(bool(options.use_tf32))),
        "enable_cuda_graph": str(int(options.cuda_graph)),
    }
    if options.gpu_memory_limit_mib is not None:
        arguments["gpu_mem_limit"] = str(options.gpu_memory_limit_mib * _MIB)
    return arguments


def tensorrt_arguments(
    options: OnnxRuntimeOptions,
    index: int,
    *,
    name: str,
    window: tuple[int, ...],
    engines: Path | None = None,
    context: Path | None = None,
) -> dict[str, str]:
    """What the TensorRT provider is told.

    Args:
        options: as checked by `provider_of`.
        index: the GPU's number.
        name: of the model's input.
        window: shape of one window of it, (f, j, c).
        engines: folder for engines of this model and these options.
        context: the context model to write.
    """
    # It takes True and False, unlike the CUDA provider, and embed_mode as a number.
    arguments = {"device_id": str(index), "trt_cuda_graph_enable": str(options.cuda_graph)}
    if engines is not None:
        arguments["trt_engine_cache_enable"] = "True"
        arguments["trt_engine_cache_path"] = str(engines)
    if options.timing_cache is not None:
        arguments["trt_timing_cache_enable"] = "True"
        arguments["trt_timing_cache_path"] = os.fspath(options.timing_cache)
    if options.workspace_mib is not None:
        arguments["trt_max_workspace_size"] = str(options.workspace_mib * _MIB)
    if options.optimization_level is not None:
        arguments["trt_builder_optimization_level"] = str(options.optimization_level)
    if options.aux_streams is not None:
        arguments["trt_auxiliary_streams"] = str(options.aux_streams)
    if options.hardware_compatible:
        arguments["trt_engine_hw_compatible"] = "True"
    if context is not None:
        arguments["trt_dump_ep_context_model"] = "True"
        arguments["trt_ep_context_file_path"] = str(context)
        arguments["trt_ep_context_embed_mode"] = "1"
    for end, batch in zip(("min", "opt", "max"), options.profile or (), strict=False):
        shape = "x".join(str(size) for size in (batch, *window))
        arguments[f"trt_profile_{end}_shapes"] = f"{name}:{shape}"
    return arguments


def _check_switches(options: OnnxRuntimeOptions) -> None:
    for name in _SWITCHES:
        value = getattr(options, name)
        if not isinstance(value, bool):
            raise UsageError(f"{name}: expected True or False, got {value!r}")
    if options.use_tf32 is not None and not isinstance(options.use_tf32, bool):
        raise UsageError(f"use_tf32: expected True, False or None, got {options.use_tf32!r}")


def _check_paths(options: OnnxRuntimeOptions) -> None:
    for name in _PATHS:
        value = getattr(options, name)
        if value is not None and not (isinstance(value, str | os.PathLike) and os.fspath(value)):
            raise UsageError(f"{name}: expected a path, got {value!r}")
    # A name without it would be taken for a folder.
    if options.ep_context is not None and Path(options.ep_context).suffix != ".onnx":
        raise UsageError(
            f"ep_context: expected a file name ending in .onnx, got {os.fspath(options.ep_context)}"
        )


def _check_numbers(options: OnnxRuntimeOptions) -> None:
    for name, least in _LEAST.items():
        value = getattr(options, name)
        if value is not None and not (_is_number(value) and value >= least):
            raise UsageError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    level = options.optimization_level
    if level is not None and level > _HIGHEST_LEVEL:
        raise UsageError(f"optimization_level: expected 0 to {_HIGHEST_LEVEL}, got {level}")


def _check_profile(profile: object) -> None:
    if profile is None:
        return
    sizes = tuple(profile) if isinstance(profile, tuple | list) else ()
    whole = len(sizes) == 3 and all(_is_number(size) for size in sizes)
    if not (whole and 1 <= sizes[0] <= sizes[1] <= sizes[2]):
        raise UsageError(
            f"profile: expected three positive numbers of windows in ascending order, the fewest, "
            f"the usual and the most of a call, got {profile!r}"
        )


def _check_together(options: OnnxRuntimeOptions) -> None:
    if options.engine_cache is not None and options.ep_context is not None:
        raise UsageError(
            "engine_cache and ep_context: a context model holds its engine; pass one of the two"
        )
    if not options.hardware_compatible:
        return
    if jetson() is not None:
        raise UsageError(
            "hardware_compatible: TensorRT has no such engines for Jetson; leave it out, and build "
            "the engine on the device that runs it"
        )
    if options.engine_cache is None:
        raise UsageError(
            "hardware_compatible: ONNX Runtime heeds it for cached engines only; pass "
            "engine_cache=FOLDER too"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def session_options(ort: ModuleType, device: str, threads: int | None) -> Any:
    """Options of a session on a device; `threads` None leaves their number to ONNX Runtime."""
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # The graph is one chain of blocks: there is nothing to run side by side.
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    if device != "cpu":
        # Without it ONNX Runtime gives nodes that the GPU provider does not take to the CPU, and
        # all of them when the provider's libraries do not load: right answers, a tenth the speed.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options
