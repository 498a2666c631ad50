"""The training loop: deterministic, and able to go on after a kill."""

import dataclasses
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from h2ot_edge._files import replacing
from h2ot_edge.errors import CheckpointError, UsageError
from h2ot_edge.export.backbones import BACKBONES, Backbone
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.training.losses import position_error, training_loss, velocity_error
from h2ot_edge.export.training.recipe import Recipe, Stage
from h2ot_edge.export.training.sampling import Sampler

__all__ = ["Trainer"]

Sampling = Callable[[Stage], Sampler]
"""What makes a stage's windows."""

RISE = 0.03
"""Share of a stage in which its learning rate rises."""


class Trainer:
    """One run in one folder: `last.pt` (to go on from), `weights.pt` (the result), `log.jsonl`."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        sampling: Sampling,
        validation: Sampling,
        device: str = "cpu",
        begin: dict[str, Tensor] | None = None,
        compiled: bool = False,
        save_every_s: float = 60.0,
        validate_every: int = 500,
    ) -> None:
        """Prepare a new run, or take up the one in `folder`.

        Args:
            recipe: what to do.
            folder: of the run.
            sampling: windows to train on.
            validation: windows to test on, of other people.
            device: `cpu` or `cuda:N`; there the network runs in bfloat16.
            begin: weights to begin from instead of random ones.
            compiled: whether torch.compile runs the network; worth trying on a GPU. On two CPU
                cores it gained nothing (2751 frames a second, 2784 without) and took a minute.
            save_every_s: seconds between two saves.
            validate_every: steps between two tests.

        Raises:
            UsageError: if the run in `folder` follows another recipe.
            CheckpointError: if it cannot be read.
        """
        self.recipe, self.folder, self.device = recipe, folder, torch.device(device)
        self.sampling, self.validation = sampling, validation
        self.compiled = compiled
        self.save_every_s, self.validate_every = save_every_s, validate_every
        self.stage, self.step, self.seconds = 0, 0, 0.0
        self.weights = begin or {}
        self.average: dict[str, Tensor] = {}
        self.figures: dict[str, float] = {}
        self._moments: dict[str, Any] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if self._last.exists():
            self._take_up()

    @property
    def _last(self) -> Path:
        return self.folder / "last.pt"

    def run(self, progress: Callable[[int, float], None] = lambda done, loss: None) -> Path:
        """Train to the end.

        Args:
            progress: told the steps done, of all stages together, and the latest loss in mm.

        Returns:
            Path of the averaged weights.
        """
        before = sum(stage.steps for stage in self.recipe.stages[: self.stage])
        for stage in self.recipe.stages[self.stage :]:
            self._run_stage(stage, lambda step, loss: progress(before + step, loss))  # noqa: B023
            before += stage.steps
            self.stage, self.step, self._moments = self.stage + 1, 0, None
            self.weights = self.average
            self._save()
        result = self.folder / "weights.pt"
        with replacing(result) as file:
            torch.save(self.weights, file)
        return result

    def _run_stage(self, stage: Stage, progress: Callable[[int, float], None]) -> None:
        network = self._network(stage)
        optimiser = torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=self.recipe.decay)
        if self._moments is not None:
            optimiser.load_state_dict(self._moments)
        forward = torch.compile(network) if self.compiled else network
        if self.step == 0:
            self.average = _copied(network)
        self.average = {name: t.to(self.device) for name, t in self.average.items()}
        saved = begun = time.monotonic()
        for keypoints, truth in self._batches(self.sampling(stage), stage.steps):
            rate = stage.rate * share_of_rate(self.step, stage.steps)
            loss = self._learn(stage, network, forward, optimiser, rate, keypoints, truth)
            self.step += 1
            progress(self.step, loss * 1e3)
            last = self.step == stage.steps
            if self.step % 20 == 0 or last:
                self._log(stage, rate=rate, train_mpjpe_mm=loss * 1e3)
            if self.step % self.validate_every == 0 or last:
                self.figures = self._validate(stage)
                self._log(stage, **self.figures)
            if time.monotonic() - saved > self.save_every_s:
                saved = time.monotonic()
                self.seconds, begun = self.seconds + saved - begun, saved
                self._moments = optimiser.state_dict()
                self.weights = {**self.weights, **_copied(network)}
                self._save()
        self.seconds += time.monotonic() - begun

    def _network(self, stage: Stage) -> Backbone:
        """The stage's network with the weights so far, and fresh ones for what is new in it."""
        family = BACKBONES[self.recipe.backbone]
        network = family.build(self.recipe.variant, stage.plan)
        begin_training(network, torch.Generator().manual_seed(self.recipe.seed))
        known = network.state_dict()
        network.load_state_dict({**known, **{n: t for n, t in self.weights.items() if n in known}})
        if not stage.blocks:
            network.depth = 0
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not name.startswith(stage.frozen or ("-",)))
        return network.to(self.device).train()

    def _learn(
        self,
        stage: Stage,
        network: Backbone,
        forward: Callable[[Tensor], tuple[Tensor, Tensor]],
        optimiser: torch.optim.Optimizer,
        rate: float,
        keypoints: Tensor,
        truth: Tensor,
    ) -> float:
        """One step; returns the MPJPE in metres."""
        for group in optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            poses, kept = forward(keypoints)
        poses = poses.float()
        if stage.kept_only:
            poses, truth = poses[:, kept[0]], truth[:, kept[0]]
        loss = training_loss(poses, truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), self.recipe.clip)
        optimiser.step()
        keep = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                self.average[name].lerp_(tensor, 1 - keep)
        return float(position_error(poses.detach(), truth))

    def _batches(self, sampler: Sampler, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches still to come, drawn ahead in threads of their own."""
        ahead: deque[Any] = deque()
        workers = 1 if self.device.type == "cpu" else 6
        with ThreadPoolExecutor(workers) as pool:
            for number in range(self.step, steps):
                while len(ahead) < 2 * workers and number + len(ahead) < steps:
                    ahead.append(pool.submit(sampler, number + len(ahead)))
                keypoints, poses = ahead.popleft().result()
                yield (
                    torch.from_numpy(keypoints).to(self.device),
                    torch.from_numpy(poses).to(self.device),
                )

    @torch.no_grad()
    def _validate(self, stage: Stage) -> dict[str, float]:
        network = self._network(stage).eval()
        network.load_state_dict(self.average)
        positions, velocities = [], []
        sampler = self.validation(stage)
        for number in range(4):
            keypoints, poses = (torch.from_numpy(a).to(self.device) for a in sampler(number))
            found, _ = network(keypoints)
            positions.append(float(position_error(found, poses)) * 1e3)
            if found.shape[1] > 1:
                velocities.append(float(velocity_error(found, poses)) * 1e3)
        told = {"val_mpjpe_mm": sum(positions) / len(positions)}
        if velocities:
            told["val_mpjve_mm"] = sum(velocities) / len(velocities)
        return told

    def _log(self, stage: Stage, **figures: float) -> None:
        record = {"stage": stage.name, "step": self.step, **figures}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")

    def _save(self) -> None:
        content = {
            "recipe": describe(self.recipe),
            "stage": self.stage,
            "step": self.step,
            "seconds": self.seconds,
            "weights": self.weights,
            "average": self.average,
            "moments": self._moments,
            "figures": self.figures,
        }
        with replacing(self._last) as file:
            torch.save(content, file)

    def _take_up(self) -> None:
        try:
            content = torch.load(self._last, map_location="cpu", weights_only=True)
            recipe = content["recipe"]
        except Exception as error:  # broken bytes make the unpickler raise all sorts
            raise CheckpointError(
                f"{self._last}: cannot be read ({type(error).__name__}); remove the file to begin "
                "anew, or give another --output"
            ) from error
        if recipe != describe(self.recipe):
            raise UsageError(
                f"{self.folder}: holds a run of another recipe; give the same options to go on "
                "with it, or another --output"
            )
        self.stage, self.step = content["stage"], content["step"]
        self.seconds, self._moments = content["seconds"], content["moments"]
        self.weights, self.average = content["weights"], content["average"]
        self.figures = content["figures"]


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


def describe(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain data."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return plain


def _copied(network: Backbone) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
