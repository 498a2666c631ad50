"""Engines that ONNX Runtime's TensorRT provider builds: for what, and where they are kept."""

import hashlib
import json
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2ot_edge._files import make_folder_of, sha256_of
from h2ot_edge.backends.ort_context import Context
from h2ot_edge.backends.ort_options import OnnxRuntimeOptions, PathLike, tensorrt_arguments
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import UsageError

__all__ = ["Profile", "engine_arguments"]

Profile = tuple[int, int, int] | None

_logger = logging.getLogger(__name__)


@contextmanager
def engine_arguments(
    path: Path, options: OnnxRuntimeOptions, index: int, tensorrt: str | None
) -> Iterator[tuple[dict[str, str], Profile]]:
    """What the TensorRT provider is told while, in the block, it loads a model.

    Args:
        path: the model, or a context model.
        options: as checked by `provider_of`.
        index: the GPU's number.
        tensorrt: its version, if that is known.

    Returns:
        The provider's options, and the engine's range of windows if the batch is free. A context
        model that is asked for is there after the block.

    Raises:
        UsageError: options that do not fit the model, or a folder that cannot be made.
        ModelFileError: no model of h2ot-export, or it makes no context model.
        EngineMismatch: a context model of another TensorRT.
    """
    card = ModelCard.from_onnx(path)
    _check_graph(card, options)
    context = Context.read(path)
    if context is not None:
        context.check(path, options, tensorrt)
        yield _arguments(options, index, card), context.profile
        return
    _check_batch(card, options)
    engines = _engine_folder(path, options, tensorrt)
    if engines is None or not any(engines.glob("*.engine")):
        _tell_build(path, engines or options.ep_context)
    with _new_context(path, options, tensorrt) as raw:
        yield _arguments(options, index, card, engines, raw), options.profile


def _arguments(
    options: OnnxRuntimeOptions,
    index: int,
    card: ModelCard,
    engines: Path | None = None,
    context: Path | None = None,
) -> dict[str, str]:
    if options.timing_cache is not None:
        _make(Path(options.timing_cache))
    window = (card.frames, len(card.joints), card.channels)
    return tensorrt_arguments(
        options, index, name=card.input.name, window=window, engines=engines, context=context
    )


def _check_graph(card: ModelCard, options: OnnxRuntimeOptions) -> None:
    # It keeps one graph for all shapes, and would replay that of another.
    if options.cuda_graph and card.batch is None:
        raise UsageError(
            "cuda_graph: the provider tensorrt captures one graph, and this model leaves its batch "
            "free; export it with a fixed batch, or pass provider='cuda'"
        )


def _check_batch(card: ModelCard, options: OnnxRuntimeOptions) -> None:
    if card.batch is None and options.profile is None:
        raise UsageError(
            "profile: this model leaves its batch free, and the provider tensorrt would build its "
            "engine again for every size that is new; pass the fewest, the usual and the most "
            "windows of a call, such as profile=(1, 8, 8)"
        )
    if card.batch is not None and options.profile is not None:
        raise UsageError(
            f"profile: this model has a fixed batch of {card.batch}; leave profile out"
        )


def _engine_folder(path: Path, options: OnnxRuntimeOptions, tensorrt: str | None) -> Path | None:
    """Where the engines of this model and these options are kept.

    ONNX Runtime names an engine by the graph's names and the kind of GPU. Neither the weights nor
    the options count, so without a folder of its own a model would get the engine of another.
    """
    if options.engine_cache is None:
        return None
    key = {
        "model": sha256_of(path),
        "tensorrt": tensorrt,
        "profile": options.profile,
        "workspace_mib": options.workspace_mib,
        "optimization_level": options.optimization_level,
        "aux_streams": options.aux_streams,
        "hardware_compatible": options.hardware_compatible,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder = Path(options.engine_cache) / f"{path.stem}-{digest[:16]}"
    _make(folder)
    return folder


def _tell_build(path: Path, place: PathLike | None) -> None:
    kept = f"it is kept in {place}"
    if place is None:
        kept = "it is not kept; pass engine_cache=FOLDER or ep_context=FILE.onnx to keep it"
    _logger.warning(
        "ONNX Runtime builds a TensorRT engine of %s, which can take minutes; %s", path, kept
    )


@contextmanager
def _new_context(
    path: Path, options: OnnxRuntimeOptions, tensorrt: str | None
) -> Iterator[Path | None]:
    """A name for ONNX Runtime to write a context model to; completed when the block ends well."""
    if options.ep_context is None:
        yield None
        return
    final = Path(options.ep_context)
    if final.resolve() == path.resolve():
        raise UsageError(f"ep_context: {final} is the model itself; give another name")
    make_folder_of(final)
    raw = final.with_name(f".{final.stem}.{secrets.token_hex(4)}.tmp.onnx")
    try:
        yield raw
        Context(tensorrt, options.profile).write(raw, path, final)
    finally:
        raw.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    make_folder_of(folder / "engine")
