"""The backbones in small: every kind of layer they have, in a graph that takes a second or two."""

import numpy as np
import onnx
import torch

from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.export import ExportOptions, choose_plan
from h2ot_edge.export.backbones import Backbone, Family, Variant
from h2ot_edge.export.backbones.mhformer import HYPOTHESES, MHFormer
from h2ot_edge.export.backbones.mixste import MixSTE
from h2ot_edge.export.backbones.motionagformer import MotionAGFormer
from h2ot_edge.export.backbones.motionbert import MotionBERT
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.network import Lifter, folded
from h2ot_edge.export.tokens import TokenPlan
from h2ot_edge.export.tracing import onnx_from_torch


class SmallMotionBERT(MotionBERT):
    """Two blocks."""

    depth = 2

    def __init__(self, plan: TokenPlan) -> None:
        super().__init__(plan, width=32, mlp_ratio=2, heads=4, rep=32)


class SmallPosedMotionBERT(MotionBERT):
    """Two blocks behind an embedding of whole poses, as in the project's own variants."""

    depth = 2

    def __init__(self, plan: TokenPlan) -> None:
        super().__init__(plan, width=32, mlp_ratio=2, heads=4, rep=32, pose_hidden=32)


class SmallMixSTE(MixSTE):
    """Two pairs of blocks."""

    depth = 2

    def __init__(self, plan: TokenPlan) -> None:
        super().__init__(plan, width=32, heads=4)


class SmallMHFormer(MHFormer):
    """One block of each kind."""

    depth = 2

    def __init__(self, plan: TokenPlan) -> None:
        super().__init__(plan, width=32, hidden=64, heads=4)
        for i in HYPOTHESES:
            del self.get_submodule(f"Transformer_encoder_{i}").blocks[1:]
        del self.Transformer_hypothesis.SHR_blocks[1:]


class SmallMotionAGFormer(MotionAGFormer):
    """Two layers."""

    def __init__(self, plan: TokenPlan) -> None:
        super().__init__(plan, layers=2, width=32, heads=4, neighbours=2, rep=32)


SMALL = {
    "motionbert": SmallMotionBERT,
    "mixste": SmallMixSTE,
    "mhformer": SmallMHFormer,
    "motionagformer": SmallMotionAGFormer,
}

FAMILY = Family(
    summary="two blocks, for tests",
    network=SmallMotionBERT,
    variants={"base": Variant(frames=9), "long": Variant(frames=27)},
    hot_block=1,
    h2ot_steps={0: 1 / 2, 1: 1 / 3},
    unit="normalised",
    licence="none",
    longest=27,
)
"""What one line in the registry of backbones adds."""


def small_network(backbone: str, plan: TokenPlan, seed: int = 0) -> Backbone:
    """A small network with random weights."""
    network = SMALL[backbone](plan).eval()
    published_init(network, torch.Generator().manual_seed(seed))
    return network


def graph_of(
    network: Backbone, *, batch: int | None = 1, opset: int = 17, flip_tta: bool = False
) -> onnx.ModelProto:
    """The exported graph, with all its outputs."""
    lifter = Lifter(folded(network), flip_tta=flip_tta)
    return onnx_from_torch(lifter, batch=batch, opset=opset)


def options(**changes):
    """The small network, pruned by its preset `hot`."""
    plan = choose_plan(FAMILY, 9)
    return ExportOptions(**{"backbone": "small", "variant": "base", "plan": plan, **changes})


def plan_of(prune="tpc", recover="tri", **changes):
    return TokenPlan(
        **{"frames": 9, "schedule": {1: 3}, "prune": prune, "recover": recover, **changes}
    )


def run(model, windows):
    """The outputs of a graph, from a session of its own."""
    return open_session(model, 1).run(None, {"keypoints": windows})


def run_torch(network, windows, *, flip_tta=False):
    with torch.no_grad():
        return [part.numpy() for part in Lifter(network, flip_tta=flip_tta)(torch.tensor(windows))]


def sizes(value):
    """The shape of an input or output; free sizes by name."""
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def assert_close_on_average(poses, expected):
    """For MotionAGFormer, where a last-bit difference picks other neighbours and other frames."""
    assert np.abs(poses - expected).mean() <= 3e-2 * np.sqrt(np.mean(expected**2))
