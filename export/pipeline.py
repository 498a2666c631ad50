"""The whole export: checkpoint in, verified ONNX file with its model card out."""

import logging
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import onnxslim
import torch

from h2ot_edge._version import __version__
from h2ot_edge.benchmarks.flops.counting import Flops, count_flops
from h2ot_edge.card import (
    AT_HIP,
    NEAR_HIP,
    InputConvention,
    ModelCard,
    OutputConvention,
)
from h2ot_edge.engines.onnx_model import check_graph, open_session, write_model
from h2ot_edge.errors import ExportError
from h2ot_edge.export.backbones import Backbone
from h2ot_edge.export.network import Lifter, folded
from h2ot_edge.export.options import ExportOptions, options_of_card
from h2ot_edge.export.origin import Origin, fill
from h2ot_edge.export.published_flops import published_flops
from h2ot_edge.export.tolerances import tolerance_for
from h2ot_edge.export.tracing import onnx_from_torch, without_outputs
from h2ot_edge.export.verify import Parity, verify
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.zoo import ZooModel

logger = logging.getLogger(__name__)

STAGES = ("weights", "trace", "verify", "card")

Progress = Callable[[str], None]
"""Told the name of each stage as it begins."""


def export_model(
    options: ExportOptions, path: Path, progress: Progress = lambda stage: None
) -> ModelCard:
    """Export, verify and write a model.

    Args:
        options: what to export.
        path: the ONNX file; it is replaced only once everything has succeeded.
        progress: called at each of `STAGES`.

    Returns:
        The card that is in the file.

    Raises:
        UsageError: if the options cannot be carried out.
        CheckpointError: if the weights do not fit.
        ExportError: if the graph is not static.
        ParityError: if it does not compute what the network does.
    """
    progress("weights")
    network = options.build().eval()
    return export_network(network, options, fill(network, options), path, progress)


def export_shipped(model: ZooModel, path: Path) -> ModelCard:
    """Export the weights of a model that ships; otherwise as `export_model`."""
    return export_model(options_of_card(model.card), path)


def export_network(
    network: Backbone,
    options: ExportOptions,
    origin: Origin,
    path: Path,
    progress: Progress = lambda stage: None,
) -> ModelCard:
    """As `export_model`, of a network that is filled already.

    Args:
        network: in eval mode.
        options: what it was built from.
        origin: of its weights.
        path: the ONNX file.
        progress: called at each of `STAGES` but the first.
    """
    progress("trace")
    lifter = Lifter(folded(network), flip_tta=options.flip_tta)
    model = onnx_from_torch(lifter, batch=options.batch, opset=options.opset)
    progress("verify")
    reference = Lifter(network, flip_tta=options.flip_tta)
    allowed = tolerance_for(ill_conditioned=options.family.ill_conditioned)
    parity = verify(model, reference, allowed)
    progress("card")
    flops = {"published": published_flops(network), "graph": count_flops(model)}
    card = _card(options, network, origin, parity, flops)
    if options.plan.schedule and not options.with_kept:
        model = without_kept(model)
    size = write_model(model, card, path)
    logger.info("wrote %s, %.1f MB", path, size / 1e6)
    return card


def without_kept(model: onnx.ModelProto) -> onnx.ModelProto:
    """The verified graph without its second output, and proof that the first is the same.

    Raises:
        ExportError: if the smaller graph breaks a promise or gives other bits.
    """
    smaller = without_outputs(model, ["poses"])
    check_graph(smaller)
    shape = [d.dim_value or 1 for d in model.graph.input[0].type.tensor_type.shape.dim]
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    poses, same = (
        open_session(m).run(["poses"], {"keypoints": noise})[0] for m in (model, smaller)
    )
    if not np.array_equal(poses, same):
        raise ExportError(
            "the graph without its output 'kept' gives other poses; this is a bug of the exporter, "
            "please report it"
        )
    return smaller


def _card(
    options: ExportOptions,
    network: Backbone,
    origin: Origin,
    parity: Parity,
    flops: dict[str, Flops],
) -> ModelCard:
    plan, family = options.plan, options.family
    channels = ("x", "y", "confidence")[: network.channels_in]
    return ModelCard(
        backbone=options.backbone,
        variant=options.variant,
        frames=plan.frames,
        mode=plan.mode,
        preset=options.preset,
        prune=plan.prune,
        recover=plan.recover,
        schedule=dict(sorted(plan.schedule.items())),
        flip_tta=options.flip_tta,
        with_kept=options.with_kept,
        batch=options.batch,
        opset=options.opset,
        joints=JOINTS,
        input=InputConvention(channels=channels),
        output=OutputConvention(
            unit=family.unit, frame_of_reference=AT_HIP if family.root_relative else NEAR_HIP
        ),
        weights=origin.weights,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        flops={name: counted.to_dict() for name, counted in flops.items()},
        parity=parity.to_dict(),
        versions=_versions(),
        licence=origin.licence,
        accuracy=origin.accuracy,
        training=origin.training,
        precision={"name": "fp32"},
    )


def _versions() -> dict[str, str]:
    return {
        "h2ot-edge": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxslim": onnxslim.__version__,
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
    }
