"""A training run from files: motion capture in, weights out."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from h2ot_edge._files import sha256_of
from h2ot_edge.backends import checked_device
from h2ot_edge.benchmarks.motion.detector import CLEAN, NOISY, Detector
from h2ot_edge.benchmarks.motion.motions import MotionSet, joined
from h2ot_edge.benchmarks.motion.reading import read_motions
from h2ot_edge.errors import DeviceUnavailable, UsageError
from h2ot_edge.export.backbones import BACKBONES
from h2ot_edge.export.checkpoints import read_state_dict
from h2ot_edge.export.provenance import data_of, read_training, write_training
from h2ot_edge.export.training.recipe import Recipe, Stage
from h2ot_edge.export.training.sampling import FPS, TRAINING, Augmentation, Sampler
from h2ot_edge.export.training.trainer import Trainer

logger = logging.getLogger(__name__)

VALIDATION_SEED = 1


def train(
    recipe: Recipe,
    data: Sequence[Path],
    folder: Path,
    *,
    validation_subjects: Sequence[str] = (),
    metres_per_unit: float | None = None,
    clean: bool = False,
    begin: Path | None = None,
    device: str = "cpu",
    compiled: bool = False,
    threads: int | None = None,
    progress: Callable[[int, float], None] = lambda done, error_mm: None,
) -> dict[str, Any]:
    """Train, or go on with what `folder` holds.

    Args:
        recipe: what to do.
        data: motion capture; see `h2ot_edge.benchmarks.motion.reading.read_motions`.
        folder: of the run.
        validation_subjects: people who are only tested on; none for the last of every eight.
        metres_per_unit: of BVH files, which do not say it; None for metres.
        clean: whether the simulated detector makes no errors.
        begin: weights to begin from.
        device: `cpu`, `cuda` or `cuda:N`; on the latter not yet run.
        compiled: whether torch.compile runs the network.
        threads: of the CPU; None for all cores.
        progress: told the steps done and the latest training MPJPE in mm.

    Returns:
        Where the weights are, how long it took, and the last figures on the validation subjects.

    Raises:
        InputError: if the data cannot be read.
        UsageError: if a validation subject is not there, nobody is left to train on, or threads
            is below 1.
        DeviceUnavailable: if the device is not there.
        CheckpointError: if `begin` or the run cannot be read.
    """
    device = checked_training_device(device)
    use_threads(threads)
    check_trainable(recipe)
    begun = read_training(begin) if begin is not None else None
    everybody = joined(read_motions(path, metres_per_unit=metres_per_unit) for path in data)
    learned, tested = split(everybody, validation_subjects)
    logger.info("%d frames to learn from, %d to test on", learned.frames, tested.frames)
    seen_by, tested_by = (CLEAN, CLEAN) if clean else (TRAINING, NOISY)
    varied = Augmentation(detector=seen_by)
    made_of = {
        "augmentation": hashlib.sha256(repr(varied).encode()).hexdigest(),
        "data": data_of(learned, tested, data),
        "noise": "clean" if clean else "noisy",
        "begin": sha256_of(begin) if begin is not None else None,
    }
    trainer = Trainer(
        recipe,
        folder,
        sampling=sampling(learned, varied, recipe.seed),
        validation=sampling(tested, unvaried(tested_by), VALIDATION_SEED),
        device=device,
        compiled=compiled,
        begin=read_state_dict(begin) if begin is not None else None,
        made_of=made_of,
    )
    weights = trainer.run(progress)
    write_training(weights, document(recipe, made_of, trainer, begun))
    return {"weights": str(weights), "seconds": round(trainer.seconds, 1), **trainer.figures}


def use_threads(threads: int | None) -> None:
    """Let PyTorch use so many CPU threads; None leaves it as it is.

    Raises:
        UsageError: below 1.
    """
    if threads is None:
        return
    if threads < 1:
        raise UsageError(f"--threads {threads}: expected at least 1")
    torch.set_num_threads(threads)


def document(
    recipe: Recipe, made_of: dict[str, Any], trainer: Trainer, begun: dict[str, Any] | None
) -> dict[str, Any]:
    """What the card of the model will say of its training; see `ModelCard.training`."""
    data = made_of["data"]
    return {
        "data": data,
        "train_subjects": data["train_subjects"],
        "validation_subjects": data["validation_subjects"],
        "noise": made_of["noise"],
        "fps": FPS,
        "plan": asdict(recipe.stages[-1].plan),
        "recipe": asdict(recipe),
        "begin": begun,
        "seconds": round(trainer.seconds, 1),
        "figures": trainer.figures,
    }


def check_trainable(recipe: Recipe) -> None:
    """Check that the network gives what training compares: metres about the hip, from 3 channels.

    Raises:
        UsageError: if it does not.
    """
    family = BACKBONES[recipe.backbone].for_variant(recipe.variant)
    if not (family.unit == "m" and family.root_relative):
        own = [
            f"{backbone} {variant}"
            for backbone, known in BACKBONES.items()
            for variant in known.variants
            if known.for_variant(variant).root_relative
        ]
        raise UsageError(
            f"{recipe.backbone} {recipe.variant}: expected a network that gives metres about the "
            f"hip, which the published ones do not; train {' or '.join(own)}"
        )


def split(everybody: MotionSet, subjects: Sequence[str]) -> tuple[MotionSet, MotionSet]:
    """Motions to learn from and motions to test on, of different people.

    Raises:
        UsageError: if a subject is not there, or nobody is left on one of the sides.
    """
    known = everybody.subjects
    missing = [subject for subject in subjects if subject not in known]
    if missing:
        raise UsageError(
            f"--validation-subjects: no {', '.join(missing)} in the data (there are "
            f"{', '.join(known)})"
        )
    held_out = set(subjects or known[7::8])
    if not held_out or held_out == set(known):
        raise UsageError(
            f"--validation-subjects: expected some of {', '.join(known)}, but not all, got "
            f"{', '.join(sorted(held_out)) or 'none'}; name the people to test on"
        )
    return (
        everybody.of(lambda person: person not in held_out),
        everybody.of(lambda person: person in held_out),
    )


def unvaried(detector: Detector) -> Augmentation:
    """Motions as they were recorded, filmed and detected."""
    return Augmentation(
        mirror=0.0, speed=(1.0, 1.0), bodies=0.0, scale=0.0, variation=None, detector=detector
    )


def sampling(
    motions: MotionSet, augmentation: Augmentation, seed: int
) -> Callable[[Stage], Sampler]:
    """What makes a stage's windows of `motions`."""

    def of(stage: Stage) -> Sampler:
        return Sampler(
            motions,
            frames=stage.plan.frames,
            windows=stage.windows,
            augmentation=augmentation,
            seed=seed,
        )

    return of


def checked_training_device(device: str) -> str:
    """`device`, if it is there.

    Raises:
        UnknownName: no such kind of device.
        DeviceUnavailable: if it is not there.
    """
    device = checked_device(device)
    if device != "cpu" and not torch.cuda.is_available():
        raise DeviceUnavailable(
            f"--device {device}: this PyTorch ({torch.__version__}) sees no CUDA device; install "
            "a CUDA build and its driver, or train with --device cpu"
        )
    return device
