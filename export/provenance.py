"""What a run was made of: to refuse going on with another one, and for the card of the model."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge._files import sha256_of, write_whole
from h2ot_edge.benchmarks.motion.motions import MotionSet
from h2ot_edge.errors import CheckpointError

__all__ = ["data_of", "differing", "read_training", "write_training"]

TRAINING = "training.json"
"""Lies beside `weights.pt`; the export puts it into the card."""


def data_of(learned: MotionSet, tested: MotionSet, paths: Sequence[Path]) -> dict[str, Any]:
    """Files, people and terms of the motions of a run.

    Args:
        learned: to learn from.
        tested: to test on.
        paths: of the files; only their names are kept.
    """
    digest = hashlib.sha256()
    for motion in (*learned.motions, *tested.motions):
        digest.update(motion.name.encode() + np.ascontiguousarray(motion.poses).tobytes())
    return {
        "files": [path.name for path in paths],
        "sha256_of_poses": digest.hexdigest(),
        "credit": learned.credit,
        "recordings": len(learned),
        "frames": learned.frames,
        "train_subjects": sorted(learned.subjects),
        "validation_subjects": sorted(tested.subjects),
    }


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Names of what is not the same in two documents, `outer.inner` where it lies deeper."""
    names = []
    for name in sorted(first.keys() | second.keys()):
        one, other = first.get(name), second.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            names += [f"{name}.{inner}" for inner in differing(one, other)]
        elif one != other:
            names.append(name)
    return names


def write_training(weights: Path, told: Mapping[str, Any]) -> None:
    """Write what `read_training` reads, beside the weights."""
    document = {**told, "sha256_of_weights": sha256_of(weights)}
    write_whole(weights.with_name(TRAINING), (json.dumps(document, indent=1) + "\n").encode())


def read_training(weights: Path) -> dict[str, Any]:
    """How weights came about, where a training of this project left word; else empty.

    Raises:
        CheckpointError: if what lies beside the weights is of other weights, or cannot be read.
    """
    path = weights.with_name(TRAINING)
    if not path.is_file():
        return {}
    try:
        document = dict(json.loads(path.read_text(encoding="utf-8")))
        expected = document.pop("sha256_of_weights")
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path}: expected what h2ot-train writes, got something else "
            f"({type(error).__name__}); move it elsewhere"
        ) from error
    found = sha256_of(weights)
    if found != expected:
        raise CheckpointError(
            f"{path}: is about weights with sha256 {expected}, {weights.name} has {found}; move "
            "one of the two elsewhere"
        )
    return document
