"""Engines as files: a plan, and beside it what must be known to run it."""

import hashlib
import logging
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from h2ot_edge._bars import NamedProgress
from h2ot_edge._files import sha256_of, write_whole
from h2ot_edge._tensorrt import Library, tensorrt_library
from h2ot_edge.card import ModelCard
from h2ot_edge.cuda import Cuda, open_cuda
from h2ot_edge.engine_file import EngineRecord
from h2ot_edge.engines.cache import EngineCache, gpu_in_words
from h2ot_edge.engines.options import BuildOptions
from h2ot_edge.engines.plan import plan_from_onnx
from h2ot_edge.engines.versions import keeps_timings
from h2ot_edge.errors import ModelFileError, UsageError
from h2ot_edge.system import jetson, platform_tag

__all__ = ["build_engine", "cached_engine", "is_current"]

_logger = logging.getLogger(__name__)

BUILDER = 1
"""Part of what cached engines are found by: raise it when equal options build something else."""


def build_engine(
    source: Path,
    path: Path,
    options: BuildOptions,
    *,
    cuda: Cuda | None = None,
    timing_cache: Path | None = None,
    progress: NamedProgress | None = None,
) -> EngineRecord:
    """Build an engine file and its sidecar.

    Args:
        source: an ONNX file of h2ot-export or h2ot-build; its precision is that of the engine.
        path: the plan; `PATH.json` is written beside it. Both are written only when all is done.
        options: what to build.
        cuda: the GPU to build on and for; None for the first one, TensorRT-RTX needs none
            but for `refit` and `strip_weights`.
        timing_cache: see `plan_from_onnx`.
        progress: see `plan_from_onnx`.

    Returns:
        What is in the sidecar.

    Raises:
        ModelFileError: `source` has no readable card.
        UsageError: the options do not go with the model, the machine or the library's version.
        MissingExtra: the library is not installed.
        DeviceUnavailable: there is no GPU, and TensorRT needs one.
        BuildError: if the graph is rejected or cannot be built.
    """
    card = ModelCard.from_onnx(source)
    library = tensorrt_library(options.target)
    _check_goes(card, source, library, options)
    cuda = _needed(cuda, options)
    started = time.perf_counter()
    with cuda.current() if cuda is not None else nullcontext():
        plan = plan_from_onnx(source, options, timing_cache=timing_cache, progress=progress)
    record = EngineRecord(
        card=card,
        target=options.target,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        build_seconds=round(time.perf_counter() - started, 3),
        **_built_from(source, library, options, cuda),
    )
    # In this order: with an older sidecar the new plan is refused, not taken for the older one.
    write_whole(path, plan)
    record.write(path)
    _logger.info("wrote %s, %.1f MB in %.1f s", path, len(plan) / 1e6, record.build_seconds)
    return record


def is_current(path: Path, source: Path, options: BuildOptions, cuda: Cuda | None) -> bool:
    """Whether the engine at `path` is, undamaged, what `build_engine` would build again."""
    try:
        record = EngineRecord.read(path)
        record.read_plan(path)
    except ModelFileError:
        return False
    facts = _built_from(source, tensorrt_library(options.target), options, cuda)
    return all(getattr(record, name) == value for name, value in facts.items())


def cached_engine(
    source: Path,
    options: BuildOptions,
    *,
    cuda: Cuda | None = None,
    cache: EngineCache | None = None,
) -> Path:
    """The engine of a model for this machine, built when it is first asked for.

    Args:
        source: the ONNX file.
        options: what to build.
        cuda: as for `build_engine`.
        cache: where engines are kept; the user's own if None.

    Raises:
        As `build_engine`, and UsageError if the cache cannot be written.
    """
    cache = cache or EngineCache()
    library = tensorrt_library(options.target)
    cuda = _needed(cuda, options)
    facts = _built_from(source, library, options, cuda)
    name = source.name.removesuffix(".onnx")
    key = {"name": name, "target": options.target, "builder": BUILDER, **facts}
    gpu = gpu_in_words(facts["gpu"]) or "any"
    place = {"target": options.target, "tensorrt": library.version_text, "gpu": gpu}
    timings = cache.timing_cache(place) if keeps_timings(library) else None

    def build(path: Path) -> None:
        build_engine(source, path, options, cuda=cuda, timing_cache=timings)

    return cache.get_or_build(key, build)


def _needed(cuda: Cuda | None, options: BuildOptions) -> Cuda | None:
    """The GPU that the build needs."""
    # TensorRT-RTX 1.7.1 calls CUDA only where weights are apart from the code.
    apart = options.refit or options.strip_weights
    return open_cuda() if cuda is None and (options.target == "tensorrt" or apart) else cuda


def _built_from(
    source: Path, library: Library, options: BuildOptions, cuda: Cuda | None
) -> dict[str, Any]:
    """What makes an engine the one it is, as the sidecar has it."""
    gpu = cuda.gpu if cuda is not None and options.target == "tensorrt" else None
    named = gpu and {"name": gpu.name, "compute_capability": gpu.compute_capability}
    return {
        "tensorrt": library.version_text,
        "cuda": cuda.runtime_version if cuda is not None and gpu else None,
        "gpu": named,
        "platform": platform_tag(),
        "options": options.to_dict(),
        "onnx_sha256": sha256_of(source),
    }


def _check_goes(card: ModelCard, source: Path, library: Library, options: BuildOptions) -> None:
    """Refuse what is known to go wrong, before the minutes that a build can take.

    Raises:
        UsageError: with what to do instead.
    """
    if card.precision_name == "int8-cpu":
        raise UsageError(
            f"{source}: an int8-cpu model is for ONNX Runtime on CPUs, {library.title} cannot read "
            "it; lower the float32 model with --precision fp16 or int8 instead"
        )
    if options.target == "tensorrt" and card.precision_name == "int8" and library.version < (10,):
        raise UsageError(
            f"{source}: the scales of an int8 model are float16, which {library.title} cannot read "
            "(10.0 and later can); build the fp16 model instead"
        )
    if options.hardware_compatibility != "none" and jetson() is not None:
        raise UsageError(
            f"hardware_compatibility {options.hardware_compatibility}: engines for several kinds "
            "of GPU do not run on a Jetson; leave it out, and build on each kind of Jetson"
        )
