"""One network learning: steps, learning rate, and the running average that is kept."""

import math
from typing import Any

import torch
from torch import Tensor

from h2ot_edge.export.backbones import Backbone
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.training.losses import position_error, training_loss
from h2ot_edge.export.training.recipe import Recipe, Stage

__all__ = ["Learner", "begin_training", "share_of_rate"]

RISE = 0.03
"""Share of a stage in which its learning rate rises."""

Weights = dict[str, Tensor]


class Learner:
    """A network in one stage of its training.

    Attributes:
        step: steps taken in this stage.
        rate: learning rate of the last step.
        average: running average of the weights.
    """

    def __init__(
        self, network: Backbone, recipe: Recipe, stage: Stage, *, compiled: bool = False
    ) -> None:
        """Make `network`, on its device, ready for `stage`."""
        self.recipe, self.stage = recipe, stage
        self.step, self.rate = 0, 0.0
        self._network = prepared(network, stage).train()
        self._device = next(network.parameters()).device
        self._forward = torch.compile(network) if compiled else network
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=recipe.decay)
        self.average = self.weights()

    def weights(self) -> Weights:
        """A copy of the network's weights as they are now."""
        return {name: t.detach().clone() for name, t in self._network.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """What `take_up` needs to go on, plain data and tensors."""
        return {
            "step": self.step,
            "average": self.average,
            "weights": self.weights(),
            "moments": self._optimiser.state_dict(),
        }

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.step = state["step"]
        self._network.load_state_dict(state["weights"])
        self._optimiser.load_state_dict(state["moments"])
        self.average = {name: t.to(self._device) for name, t in state["average"].items()}

    def learn(self, keypoints: Tensor, truth: Tensor) -> float:
        """Take one step.

        Args:
            keypoints: (b, f, 17, 3).
            truth: (b, f, 17, 3) metres.

        Returns:
            The MPJPE before the step, in metres.
        """
        self.rate = self.stage.rate * share_of_rate(self.step, self.stage.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate
        poses, truth = self._answer(keypoints, truth)
        self._optimiser.zero_grad()
        training_loss(poses, truth).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), self.recipe.clip)
        self._optimiser.step()
        self._follow()
        self.step += 1
        return float(position_error(poses.detach(), truth))

    def _answer(self, keypoints: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The network's poses and the truth of the same frames, those that count."""
        kind = self._device.type
        half = kind == "cuda" or self.recipe.bfloat16
        with torch.autocast(kind, torch.bfloat16, enabled=half):
            poses, kept = self._forward(keypoints)
        if self.stage.kept_only:
            poses, truth = poses[:, kept[0]], truth[:, kept[0]]
        return poses.float(), truth

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average; early on it is that of the few steps there were."""
        keep = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        for name, tensor in self._network.state_dict().items():
            self.average[name].lerp_(tensor, 1 - keep)


def prepared(network: Backbone, stage: Stage) -> Backbone:
    """The network with the blocks that the stage runs and the parameters that it trains."""
    if not stage.blocks:
        network.depth = 0
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not any(name.startswith(f"{part}.") for part in stage.frozen))
    return network


def begin_training(network: Backbone, generator: torch.Generator) -> None:
    """Random weights with which every block begins as the identity.

    The last Linear of every residual branch is 0 (as in Goyal et al. 2017, section 5.1, for
    ResNets), so that a stage that adds blocks begins where the one before it ended.
    """
    published_init(network, generator)
    for name, module in network.named_modules():
        if name.endswith((".proj", ".fc2")) and name.startswith("blocks"):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)


def share_of_rate(step: int, steps: int) -> float:
    """Rises linearly, then falls as half a cosine to 2 % (Loshchilov & Hutter, ICLR 2017)."""
    rise = max(1, int(RISE * steps))
    if step < rise:
        return (step + 1) / rise
    fallen = (step - rise) / max(1, steps - rise)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fallen))
