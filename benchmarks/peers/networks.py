"""One network in every form that is run: as published code has it, and as this project exports it.

The plain form is `PlainMotionBERT`: the operations of the published code, with this project's
weights. Both the eager network and the plain graph are made of it. The plain graph is what
`torch.onnx.export` writes, opset 17, and nothing else done to it; of these networks PyTorch's newer
exporter writes one that is as fast.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.benchmarks.plain_motionbert import PlainMotionBERT
from h2ot_edge.card import ModelCard
from h2ot_edge.engines.onnx_model import write_model
from h2ot_edge.engines.precision import PrecisionOptions
from h2ot_edge.engines.precision.graph import with_named_nodes
from h2ot_edge.engines.precision.lowering import lowered
from h2ot_edge.errors import UsageError
from h2ot_edge.export import ExportOptions, TokenPlan
from h2ot_edge.export.backbones import Backbone
from h2ot_edge.export.backbones.motionbert import MotionBERT
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.network import Lifter
from h2ot_edge.export.origin import Origin, fill
from h2ot_edge.export.pipeline import export_network
from h2ot_edge.export.tracing import traced
from h2ot_edge.spec import FloatArray

__all__ = ["Networks", "PosesOnly", "build_networks"]

WINDOWS = 8
"""People who walk; calls take one after the other."""

_SEED = 20


class PosesOnly(nn.Module):
    """A network as `Lifter` runs it, without the kept frames."""

    def __init__(self, network: Backbone) -> None:
        super().__init__()
        self.lifter = Lifter(network, flip_tta=False)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(b, f, 17, 3) -> (b, f, 17, 3)."""
        poses: Tensor = self.lifter(keypoints)[0]
        return poses


@dataclass(frozen=True, kw_only=True)
class Networks:
    """A network, and the same network pruned.

    Attributes:
        name: of backbone, variant and window.
        plain: the unpruned one, (b, f, 17, 3) -> (b, f, 17, 3).
        pruned: the pruned one in PyTorch, as this project has it.
        pruning: the preset's name.
        files: `plain`, `fp32`, `int8-cpu`, `pruned`, `pruned-int8-cpu` as ONNX; ours have cards.
        card: of `fp32`.
        random: whether the weights are random, so that distances of poses say little.
        own_weights: whether the pruned one was trained, and so differs from the unpruned one by
            more than what pruning does.
        windows: (n, f, 17, 3) float32.
    """

    name: str
    plain: nn.Module
    pruned: nn.Module
    pruning: str
    files: Mapping[str, Path]
    card: ModelCard
    random: bool
    own_weights: bool
    windows: FloatArray


def build_networks(
    options: ExportOptions, folder: Path, progress: Callable[[str], None] = lambda doing: None
) -> Networks:
    """Build, fill and export a network, unpruned and pruned.

    Args:
        options: the pruned one; for one window a call.
        folder: for the ONNX files.
        progress: told what is being made.

    Raises:
        UsageError: nothing is pruned, or the backbone has no plain form.
        CheckpointError, ExportError, ParityError: as `export_model`.
    """
    plan = options.plan
    dense_options = replace(options, plan=TokenPlan(frames=plan.frames, mode=plan.mode))
    progress("weights")
    dense, pruned = dense_options.build().eval(), options.build().eval()
    if not plan.schedule:
        raise UsageError(
            "peers are compared with a pruned network as well; give a --model that is pruned, or "
            "--preset h2ot or hot"
        )
    plain = _plain_form(dense, options)
    ships = dense_options.shipped is not None
    origin = fill(dense, replace(dense_options, random=not ships))
    pruned_origin = _filled_alike(pruned, options, dense)
    files = {"plain": folder / f"{_stem(options)}-plain.onnx"}
    progress("plain export")
    example = torch.zeros(1, plan.frames, 17, 3)
    onnx.save(traced(plain, example, opset=17, names=["poses"]), files["plain"])
    for name, network, asked, came in (
        ("fp32", dense, dense_options, origin),
        ("pruned", pruned, options, pruned_origin),
    ):
        progress(f"export, {name}")
        files |= _exported(name, network, asked, came, folder)
    return Networks(
        name=_stem(options),
        plain=plain,
        pruned=PosesOnly(pruned),
        pruning=options.preset,
        files=files,
        card=ModelCard.from_onnx(files["fp32"]),
        random="random" in (origin.weights["source"], pruned_origin.weights["source"]),
        own_weights=options.shipped is not None and origin.weights != pruned_origin.weights,
        windows=walking_windows(WINDOWS, plan.frames, 3, seed=_SEED),
    )


def _plain_form(network: Backbone, options: ExportOptions) -> PlainMotionBERT:
    if not isinstance(network, MotionBERT):
        raise UsageError(
            f"--backbone {options.backbone}: of it there is no plain form, as published code has "
            "it, for PyTorch and a plain export to run; give --backbone motionbert"
        )
    return PlainMotionBERT(network).eval()


def _filled_alike(pruned: Backbone, options: ExportOptions, dense: Backbone) -> Origin:
    """With the weights that ship for it, else those of the unpruned network."""
    if options.shipped is not None:
        return fill(pruned, options)
    published_init(pruned, torch.Generator().manual_seed(options.seed))  # of a recoverer
    pruned.load_state_dict(dense.state_dict(), strict=False)
    return Origin(weights={"source": "random", "seed": options.seed}, licence="")


def _stem(options: ExportOptions) -> str:
    return f"{options.backbone}-{options.variant}-{options.plan.frames}"


def _exported(
    name: str, network: Backbone, options: ExportOptions, origin: Origin, folder: Path
) -> dict[str, Path]:
    """A float32 file, and one with 8-bit products of it."""
    prefix = "" if name == "fp32" else f"{name}-"
    path, small = (folder / f"{_stem(options)}-{n}.onnx" for n in (name, f"{prefix}int8-cpu"))
    card = export_network(network, options, origin, path)
    lower = PrecisionOptions(precision="int8-cpu")
    graph, report = lowered(with_named_nodes(onnx.load(path)), None, lower)
    write_model(graph, replace(card, precision={"name": "int8-cpu", **report}, accuracy={}), small)
    return {name: path, f"{prefix}int8-cpu": small}
