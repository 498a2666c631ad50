"""Filling a network with weights, and saying where they come from."""

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from h2ot_edge._files import sha256_of
from h2ot_edge.errors import CheckpointError
from h2ot_edge.export.backbones import Backbone
from h2ot_edge.export.checkpoints import load_checkpoint
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.options import ExportOptions
from h2ot_edge.export.provenance import read_training
from h2ot_edge.export.shipped import Shipped

__all__ = ["Origin", "fill", "npz_of_weights"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where weights come from, as the card of their model tells it; see `ModelCard`."""

    weights: Mapping[str, Any]
    licence: str
    accuracy: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def fill(network: Backbone, options: ExportOptions) -> Origin:
    """Fill a network as the options say.

    Args:
        network: what `options.build()` gave.
        options: which weights.

    Raises:
        CheckpointError: if the weights do not fit.
    """
    if options.checkpoint is not None:
        return _from_checkpoint(options.checkpoint, network, options)
    shipped = options.shipped
    if shipped is not None:
        return _from_shipped(shipped, network, options)
    return _from_chance(network, options)


def npz_of_weights(network: Backbone) -> bytes:
    """The network's weights as an .npz file, float16 where that holds them exactly.

    Equal weights are equal bytes.
    """
    state: dict[str, Any] = {
        name: _small(tensor.numpy()) for name, tensor in sorted(network.state_dict().items())
    }
    file = io.BytesIO()
    # savez and not savez_compressed: trained numbers hardly shrink, and zlib differs by version.
    np.savez(file, **state)
    return file.getvalue()


def _small(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), array) else array


def _from_checkpoint(path: Path, network: Backbone, options: ExportOptions) -> Origin:
    digest = load_checkpoint(path, network, options)
    variant = options.family.variants[options.variant]
    # A variant with terms of its own was trained here; the terms of other trainings are not known.
    licence = "a checkpoint: ask whoever trained it" if variant.licence else options.family.licence
    return Origin(
        weights={"source": "checkpoint", "file": path.name, "sha256": digest},
        licence=licence,
        training=read_training(path),
    )


def _from_shipped(shipped: Shipped, network: Backbone, options: ExportOptions) -> Origin:
    model, card = shipped.model, shipped.model.card
    _check_digest(model.weights, card.weights["sha256"])
    digest = load_checkpoint(model.weights, network, options)
    weights: dict[str, Any] = {"source": "shipped", "name": model.name, "sha256": digest}
    if not shipped.trained_with_plan:
        logger.warning(
            "the weights are those of %s, which were not trained with this window and pruning; "
            "the accuracy is not known",
            model.name,
        )
        weights["trained_with_plan"] = False
        return Origin(weights=weights, licence=card.licence, training=card.training)
    # What was measured holds for the very same computation.
    accuracy = card.accuracy if options.flip_tta == card.flip_tta else {}
    return Origin(weights=weights, licence=card.licence, accuracy=accuracy, training=card.training)


def _from_chance(network: Backbone, options: ExportOptions) -> Origin:
    if options.random:
        told = "the weights are random (seed %d), as asked for, and the poses mean nothing"
    else:
        told = (
            "no checkpoint was given: the weights are random (seed %d) and the poses mean nothing; "
            "give --checkpoint FILE"
        )
    logger.warning(told, options.seed)
    published_init(network, torch.Generator().manual_seed(options.seed))
    return Origin(
        weights={"source": "random", "seed": options.seed}, licence="random weights: no terms"
    )


def _check_digest(path: Path, expected: str) -> None:
    found = sha256_of(path) if path.is_file() else "no file"
    if found != expected:
        raise CheckpointError(
            f"{path}: expected weights with sha256 {expected}, as the index of models says, got "
            f"{found}; install h2ot-edge again"
        )
