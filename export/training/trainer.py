"""The training loop: deterministic, and able to go on after a kill."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from h2ot_edge._files import replacing
from h2ot_edge.errors import CheckpointError, UsageError
from h2ot_edge.export.backbones import BACKBONES, Backbone
from h2ot_edge.export.provenance import differing
from h2ot_edge.export.training.learner import Learner, begin_training, prepared
from h2ot_edge.export.training.losses import position_error, velocity_error
from h2ot_edge.export.training.recipe import Recipe, Stage
from h2ot_edge.export.training.sampling import Sampler

__all__ = ["Trainer"]

Sampling = Callable[[Stage], Sampler]
"""What makes a stage's windows."""

OF_RECOVERERS = ("x_token", "pos_embed_token", "cross_attention.")
"""Weights that only networks with a learned recoverer have."""

LOG_EVERY = 20
VALIDATION_BATCHES = 4


class Trainer:
    """One run in one folder: `last.pt` (to go on from), `weights.pt` (the result), `log.jsonl`.

    Attributes:
        seconds: how long the run has been learning, all its parts together.
        figures: of the last test on the validation windows: `val_mpjpe_mm` and, where there is
            time, `val_mpjve_mm` (millimetres a frame).
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        sampling: Sampling,
        validation: Sampling,
        device: str = "cpu",
        begin: dict[str, Tensor] | None = None,
        made_of: Mapping[str, Any] | None = None,
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
            begin: weights to begin from instead of random ones; only those of a recoverer may
                be missing.
            made_of: what else the run depends on, as plain data, to be compared when it goes on.
            compiled: whether torch.compile runs the network; worth trying on a GPU. On two CPU
                cores it gained nothing (2751 frames a second, 2784 without) and took a minute.
            save_every_s: seconds between two saves.
            validate_every: steps between two tests.

        Raises:
            UsageError: if the run in `folder` is made of something else.
            CheckpointError: if it cannot be read, or `begin` does not fit the network.
        """
        self.recipe, self.folder, self.device = recipe, folder, torch.device(device)
        self.sampling, self.validation = sampling, validation
        self.compiled, self.validate_every = compiled, validate_every
        self.save_every_s = save_every_s
        self.seconds = 0.0
        self.figures: dict[str, float] = {}
        self._stage = 0
        self._made_of = json.loads(json.dumps({"recipe": asdict(recipe), **(made_of or {})}))
        self._weights = begin or {}
        self._learning: dict[str, Any] | None = None
        if begin is not None:
            check_weights(begin, self._network(recipe.stages[-1], {}).state_dict())
        folder.mkdir(parents=True, exist_ok=True)
        if self._last.exists():
            self._take_up()

    def run(self, progress: Callable[[int, float], None] = lambda done, error_mm: None) -> Path:
        """Train to the end.

        Args:
            progress: told the steps done, of all stages together, and the latest MPJPE in mm.

        Returns:
            Path of the averaged weights.
        """
        stages = self.recipe.stages
        for number in range(self._stage, len(stages)):
            before = sum(stage.steps for stage in stages[:number])
            self._weights = self._run_stage(stages[number], before, progress)
            self._stage, self._learning = number + 1, None
            self._save()
        result = self.folder / "weights.pt"
        with replacing(result) as file:
            torch.save(self._weights, file)
        return result

    def _run_stage(
        self, stage: Stage, before: int, progress: Callable[[int, float], None]
    ) -> dict[str, Tensor]:
        """Run a stage from where it stands; returns its averaged weights."""
        network = self._network(stage, self._weights)
        learner = Learner(network, self.recipe, stage, compiled=self.compiled)
        if self._learning is not None:
            learner.take_up(self._learning)
        saved = now = time.monotonic()
        for keypoints, truth in self._batches(self.sampling(stage), learner.step, stage.steps):
            error = 1e3 * learner.learn(keypoints, truth)
            progress(before + learner.step, error)
            self._tell(learner, error)
            self.seconds, now = self.seconds - now + time.monotonic(), time.monotonic()
            if now - saved > self.save_every_s:
                saved, self._learning = now, learner.state()
                self._save()
        return learner.average

    def _network(self, stage: Stage, weights: dict[str, Tensor]) -> Backbone:
        """The stage's network with these weights, and fresh ones for what they lack."""
        network = BACKBONES[self.recipe.backbone].build(self.recipe.variant, stage.plan)
        begin_training(network, torch.Generator().manual_seed(self.recipe.seed))
        fresh = network.state_dict()
        network.load_state_dict({name: weights.get(name, fresh[name]) for name in fresh})
        return network.to(self.device)

    def _batches(self, sampler: Sampler, first: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches `first` to `end`, drawn ahead in threads of their own."""
        ahead: deque[Any] = deque()
        workers = 1 if self.device.type == "cpu" else 6
        with ThreadPoolExecutor(workers) as pool:
            for number in range(first, end):
                while len(ahead) < 2 * workers and number + len(ahead) < end:
                    ahead.append(pool.submit(sampler, number + len(ahead)))
                keypoints, poses = ahead.popleft().result()
                yield (
                    torch.from_numpy(keypoints).to(self.device),
                    torch.from_numpy(poses).to(self.device),
                )

    def _tell(self, learner: Learner, error_mm: float) -> None:
        """Log, and test, when it is time to."""
        last = learner.step == learner.stage.steps
        if last or learner.step % LOG_EVERY == 0:
            self._log(learner, rate=learner.rate, train_mpjpe_mm=error_mm)
        if last or learner.step % self.validate_every == 0:
            self.figures = self._validate(learner)
            self._log(learner, **self.figures)

    @torch.no_grad()
    def _validate(self, learner: Learner) -> dict[str, float]:
        """The averaged weights on the validation windows, always the same ones."""
        stage = learner.stage
        network = prepared(self._network(stage, learner.average), stage).eval()
        positions, velocities = [], []
        for keypoints, truth in self._batches(self.validation(stage), 0, VALIDATION_BATCHES):
            poses, _ = network(keypoints)
            positions.append(1e3 * float(position_error(poses, truth)))
            if stage.plan.frames > 1:
                velocities.append(1e3 * float(velocity_error(poses, truth)))
        figures = {"val_mpjpe_mm": positions, "val_mpjve_mm": velocities}
        return {name: sum(values) / len(values) for name, values in figures.items() if values}

    def _log(self, learner: Learner, **figures: float) -> None:
        record = {"stage": learner.stage.name, "step": learner.step, **figures}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")

    @property
    def _last(self) -> Path:
        return self.folder / "last.pt"

    def _save(self) -> None:
        content = {
            "made_of": self._made_of,
            "stage": self._stage,
            "seconds": self.seconds,
            "figures": self.figures,
            "weights": self._weights,
            "learning": self._learning,
        }
        with replacing(self._last) as file:
            torch.save(content, file)

    def _take_up(self) -> None:
        try:
            content = torch.load(self._last, map_location="cpu", weights_only=True)
            made_of = content["made_of"]
        except Exception as error:  # broken bytes make the unpickler raise all sorts
            raise CheckpointError(
                f"{self._last}: cannot be read ({type(error).__name__}); remove the file to begin "
                "anew, or give another --output"
            ) from error
        changed = differing(made_of, self._made_of)
        if changed:
            raise UsageError(
                f"{self.folder}: holds a run that was made of something else "
                f"({', '.join(changed)}); give the same options to go on with it, or another "
                "--output"
            )
        self._stage, self._learning = content["stage"], content["learning"]
        self._weights = content["weights"]
        self.seconds, self.figures = content["seconds"], content["figures"]


def check_weights(begin: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Check weights to begin from against those of the network that is trained.

    Raises:
        CheckpointError: if others than a recoverer's are missing, or some have another shape or
            hold NaN or infinity.
    """
    missing = [n for n in expected if n not in begin and not n.startswith(OF_RECOVERERS)]
    other = [n for n, t in begin.items() if n in expected and t.shape != expected[n].shape]
    broken = [n for n, t in begin.items() if not torch.isfinite(t).all()]
    for what, names in (
        ("are missing", missing),
        ("have another shape", other),
        ("hold NaN or infinity", broken),
    ):
        if names:
            raise CheckpointError(
                f"--begin: {len(names)} weights {what} (the first is {names[0]}); give weights of "
                "this backbone, variant and window, of any pruning"
            )
