"""Loading published weights, and saying what is wrong when they do not fit."""

import itertools
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from h2ot_edge._files import read_npz, sha256_of
from h2ot_edge.errors import CheckpointError, InputError
from h2ot_edge.export.backbones import BACKBONES, Backbone
from h2ot_edge.export.options import ExportOptions, preset_plan
from h2ot_edge.export.tokens import TokenPlan

WRAPPERS = ("model_pos", "model", "state_dict", "net")
WINDOWS = (27, 81, 243, 351)
SHOWN = 3

StateDict = dict[str, Tensor]
Shapes = dict[str, tuple[int, ...]]


def _numpy_leftovers() -> list[Any]:
    """What training scripts keep beside the weights, for torch's list of what may be loaded.

    MotionBERT's keeps its best loss, a numpy number; MixSTE's the state of its random generator.
    Plain data both; the names are those of numpy 2 and, under `core`, of numpy 1.
    """
    # __reduce__ names the functions that rebuild an object, which have no public names.
    make_state, (generator, *_), _state = np.random.RandomState(0).__reduce__()
    make_generator = generator.__reduce__()[0]
    make_number = np.float64(0.0).__reduce__()[0]
    make_array = np.zeros(1).__reduce__()[0]
    dtypes = {type(np.dtype(kind)) for kind in ("f2", "f4", "f8", *"bBhHiIlLqQ?")}
    return [
        (make_number, "numpy.core.multiarray.scalar"),
        (make_number, "numpy._core.multiarray.scalar"),
        (make_array, "numpy.core.multiarray._reconstruct"),
        (make_array, "numpy._core.multiarray._reconstruct"),
        *(make_state, make_generator, np.random.RandomState, type(generator)),
        *(np.ndarray, np.dtype, *sorted(dtypes, key=str)),
    ]


def load_checkpoint(path: Path, network: Backbone, options: ExportOptions) -> str:
    """Fill `network` from a checkpoint, strictly.

    Args:
        path: a bare state dict, or a dict holding one under one of `WRAPPERS`; keys may start
            with `module.`; or an .npz of one array for each parameter.
        network: what `options.build()` gave.
        options: for the advice in the error message.

    Returns:
        The file's sha256.

    Raises:
        CheckpointError: if the file is no checkpoint, cut off, or for another network.
    """
    state = read_state_dict(path)
    expected = _shapes(network.state_dict())
    found = _shapes(state)
    if found != expected:
        raise CheckpointError(
            f"{path}: not a checkpoint of {_describe(options)}: "
            f"{_differences(expected, found)}; {_advice(found, options)}"
        )
    broken = sorted(name for name, tensor in state.items() if not torch.isfinite(tensor).all())
    if broken:
        raise CheckpointError(
            f"{path}: {len(broken)} tensors hold NaN or infinity ({_first(broken)}); "
            "take another checkpoint of the training"
        )
    network.load_state_dict(state, strict=True)
    return sha256_of(path)


def read_state_dict(path: Path) -> StateDict:
    """The state dict of a checkpoint file, without wrapper and `module.` prefix.

    Raises:
        CheckpointError: if there is no such file, or it holds no state dict.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; expected a PyTorch checkpoint")
    if path.suffix.lower() == ".npz":
        return _state_of_npz(path)
    try:
        # weights_only: a checkpoint comes from the internet and must not be able to run code.
        with warnings.catch_warnings(), torch.serialization.safe_globals(_numpy_leftovers()):
            # Torch warns of pickle protocols; whether the file can be read is all that matters.
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: not a plain PyTorch checkpoint ({_first_sentence(error)}); only tensors are "
            "loaded, never code; save model.state_dict() and use that"
        ) from error
    except Exception as error:  # broken bytes make the unpickler raise all sorts: KeyError, ...
        raise CheckpointError(
            f"{path}: cannot be read as a PyTorch checkpoint ({type(error).__name__}: "
            f"{_first_sentence(error)}); the file is cut off or of another kind; fetch it again"
        ) from error
    return _unwrapped(content, path)


def _state_of_npz(path: Path) -> StateDict:
    try:
        return {name: torch.from_numpy(array) for name, array in read_npz(path).items()}
    except InputError as error:
        raise CheckpointError(str(error)) from error
    except TypeError as error:
        raise CheckpointError(
            f"{path}: holds other things than weights ({_first_sentence(error)}); fetch it again"
        ) from error


def _first_sentence(error: Exception) -> str:
    """What PyTorch says, without its paragraphs of advice."""
    return str(error).partition("\n")[0].partition(". ")[0]


def _unwrapped(content: Any, path: Path) -> StateDict:
    if isinstance(content, dict):
        for name in WRAPPERS:
            if isinstance(content.get(name), dict):
                content = content[name]
                break
    named = isinstance(content, dict) and all(isinstance(v, Tensor) for v in content.values())
    if not named or not content:
        keys = f" with keys {_first(list(content))}" if isinstance(content, dict) else ""
        raise CheckpointError(
            f"{path}: holds a {type(content).__name__}{keys}, expected a state dict or a dict "
            f"with one under {', '.join(WRAPPERS)}"
        )
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}


def _shapes(state: StateDict) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _differences(expected: Shapes, found: Shapes) -> str:
    missing = [name for name in expected if name not in found]
    left_over = [name for name in found if name not in expected]
    other = [
        f"{name} {list(shape)} where {list(expected[name])} is expected"
        for name, shape in found.items()
        if name in expected and shape != expected[name]
    ]
    parts = []
    for what, names in (("missing", missing), ("left over", left_over), ("other shape", other)):
        if names:
            parts.append(f"{len(names)} {what} ({_first(names)})")
    return ", ".join(parts)


def _first(names: list[str]) -> str:
    more = f", ... {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(str(name) for name in names[:SHOWN]) + more


def _describe(options: ExportOptions) -> str:
    learned = " with TRA" if options.plan.recover == "tra" else ""
    return f"{options.backbone} {options.variant}, {options.plan.frames} frames{learned}"


def _advice(found: Shapes, asked: ExportOptions) -> str:
    """Which options would fit the file, found by building the known networks."""
    for options in sorted(_known_networks(), key=lambda known: _unlike(known, asked)):
        if _shapes_of(options) == found:
            twins = [replace(options, variant=name) for name in options.family.variants]
            variants = [twin.variant for twin in twins if _shapes_of(twin) == found]
            network = f"--backbone {options.backbone} --variant {' or '.join(variants)}"
            preset = options.preset + _BESIDES[options.preset]
            return f"it fits {network} --frames {options.plan.frames} --preset {preset}"
    return "it fits no published network known here; see --backbone, --variant, --frames, --preset"


def _shapes_of(options: ExportOptions) -> Shapes:
    """What the network's state dict would hold, without memory for it."""
    with torch.device("meta"):
        return _shapes(options.build().state_dict())


_BESIDES = {"none": " (or h2ot, which prunes without weights of its own)", "hot": ""}


def _known_networks() -> Iterator[ExportOptions]:
    for backbone, whole in BACKBONES.items():
        for variant, frames, preset in itertools.product(whole.variants, WINDOWS, _BESIDES):
            family = whole.for_variant(variant)
            if frames <= (family.longest or frames):
                plan = preset_plan(family, preset, TokenPlan(frames=frames, mode=family.mode))
                yield ExportOptions(backbone=backbone, variant=variant, plan=plan)


def _unlike(known: ExportOptions, asked: ExportOptions) -> tuple[bool, bool, bool]:
    """Sorts what is nearest to what was asked first: some weights fit several windows."""
    return (
        known.backbone != asked.backbone,
        known.variant != asked.variant,
        known.plan.frames != asked.plan.frames,
    )
