"""What an engine checks of its model and of every call."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2ot_edge.backends import Backend
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import InputError, ModelFileError, OutputError
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray, TensorSpec, check_feed


def check_finite(poses: FloatArray, window: int) -> None:
    """Raise `OutputError` for NaN or infinity."""
    # Comparisons with NaN are all false, so a controller's limits would let it through.
    if not np.isfinite(poses).all():
        raise OutputError(
            f"the model gave NaN or infinity in window {window} or its batch; the keypoints were "
            "finite, so the weights or the precision of the model are at fault: verify the export"
        )


def check_windows(name: str, windows: Any, backend: Backend) -> None:
    """Raise `InputError` for windows of a type, shape or number that the backend does not take."""
    check_feed({name: windows}, backend.inputs)
    least, most = backend.batch_range
    count = windows.shape[0]
    if count < least or (most is not None and count > most):
        raise InputError(
            f"{name}: {count} windows, the engine was built for {least} to {most} a call; give as "
            "many, or build it with another --batch"
        )


def check_card(path: str | Path, backend: Backend, card: ModelCard) -> None:
    """Raise `ModelFileError` unless the graph's inputs and outputs are those of its card."""
    joints = len(JOINTS)
    taken = (card.batch, card.frames, joints, card.channels)
    given = (card.batch, card.frames_out, joints, 3)
    inputs = [TensorSpec(card.input.name, "float32", taken)]
    outputs = [TensorSpec(card.output.name, "float32", given)]
    if card.with_kept:
        outputs.append(TensorSpec("kept", "int64", (card.batch, card.kept)))
    for what, found, expected in (
        ("inputs", backend.inputs, inputs),
        ("outputs", backend.outputs, outputs),
    ):
        if list(found) != expected:
            raise ModelFileError(
                f"{path}: the graph's {what} are {_described(found)}, its model card says "
                f"{_described(expected)}; export the model again"
            )


def _described(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {spec}" for spec in specs)
